"""What an exclusion is: something in a line of code that no counted run can show, or shows by chance, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Excluded:
    file: str  # relative to lib/ringfleet
    line: str  # its text; where that occurs more than once, with the lines before it, joined by "\n"
    missed: tuple  # as coverage.py prints it: "true: CONDITION", "false: …", "alone: …", "entered"
    reason: str
    by_chance: bool = False  # one run reaches it and the next one does not: it counts neither way


def because(reason, *places):
    """Exclusions of one reason; each place is file, line and what is missed there."""
    return [Excluded(file, line, missed, reason) for file, line, *missed in places]


def by_chance(reason, *places):
    """The same, of what some runs reach."""
    return [Excluded(file, line, missed, reason, True) for file, line, *missed in places]
