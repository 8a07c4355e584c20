"""What a mutant is: a wrong line, and the program that must notice it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """A program of the build folder, made again from these of its sources and nothing else of its own."""

    target: str  # path in the build folder
    sources: tuple  # relative to the folder of the target in tests/
    linked: tuple = ()  # files of lib/ringfleet that hold the changed code as the program is linked with it
    preset: str = "plain"  # "tsan": the build folder of ThreadSanitizer
    is_doctest: bool = True  # with tests/main.cpp; else one of its own
    arguments: tuple = ()  # what of the program is run


@dataclass(frozen=True)
class Mutant:
    name: str
    kind: str  # order (weakens one), store (drops one, or a wake), check, swap, help, barrier, value
    file: str
    before: str
    after: str
    proof: Proof
    survives: str = ""
