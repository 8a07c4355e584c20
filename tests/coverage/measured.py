"""What llvm-cov measured, merged over programs and template instantiations.

llvm-cov tells the branches and decisions of a header once for each instantiation and each program. Here a place in a
source file is one place: a branch is taken if any instantiation in any program took it, a condition decides alone if it
did so in any (a pair of runs within one instantiation, so never too generous). Programs are exported one by one: of
several at once llvm-cov lets a program that does not call an inline function hide another one that does.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

CONDITION = 6  # the kind of a branch that is a condition of a decision


@dataclass(frozen=True, order=True)
class Span:
    """Lines and columns as llvm-cov counts them: from 1, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def holds(self, other):
        return ((self.line, self.column) <= (other.line, other.column)
                and (other.end_line, other.end_column) <= (self.end_line, self.end_column))


@dataclass(frozen=True, order=True)
class Item:
    """One thing that a test can show: `what` is "true", "false" (a branch went that way), "alone" (a condition changed
    its decision while the others stayed as they were) or "entered" (a function, a catch block)."""

    span: Span
    what: str


@dataclass
class Source:
    """One file: each item, each line with code and each place where a region of code begins, and whether they were
    reached."""

    items: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)
    begins: dict = field(default_factory=dict)

    def add(self, item, is_reached):
        self.items[item] = self.items.get(item, False) or is_reached

    def add_line(self, line, is_reached):
        self.lines[line] = self.lines.get(line, False) or is_reached

    def add_begin(self, line, column, is_reached):
        self.begins[line, column] = self.begins.get((line, column), False) or is_reached


def export(program, profile, folders):
    command = ["llvm-cov-19", "export", "-instr-profile", profile, program, *folders]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["data"][0]


def measure(programs, profile, folders, jobs):
    """{path of a source file: Source}"""
    sources = {}
    with ThreadPoolExecutor(jobs) as pool:
        for data in pool.map(lambda program: export(program, profile, folders), programs):
            for file in data["files"]:
                add_file(sources.setdefault(file["filename"], Source()), file)
            for function in data["functions"]:
                if function["filenames"][0] in sources:
                    add_function(sources[function["filenames"][0]], function)
    return sources


def add_file(source, file):
    conditions = set()
    for branch in file["branches"]:
        span, taken, not_taken, kind = Span(*branch[:4]), branch[4], branch[5], branch[8]
        if kind == CONDITION:
            conditions.add(span)
        source.add(Item(span, "true"), taken > 0)
        source.add(Item(span, "false"), not_taken > 0)
    for record in file["mcdc_records"]:
        decision, alone = Span(*record[:4]), record[6]
        within = sorted(span for span in conditions if decision.holds(span))
        if len(within) != len(alone):
            raise ValueError(f"{file['filename']}:{decision.line}: {len(alone)} conditions, but {len(within)} branches")
        for span, is_shown in zip(within, alone):
            source.add(Item(span, "alone"), is_shown)
    for line, is_reached in lines_of(file["segments"]):
        source.add_line(line, is_reached)
    for line, column, count, has_count, is_entry, is_gap in file["segments"]:
        if has_count and is_entry and not is_gap:
            source.add_begin(line, column, count > 0)


def add_function(source, function):
    source.add(Item(Span(*function["regions"][0][:4]), "entered"), function["count"] > 0)


def lines_of(segments):
    """(line, is reached) of each line with code, as llvm-cov derives it: a line counts as often as the busiest region
    that begins in it, or the one that goes on through it."""
    by_line = {}
    for segment in segments:
        by_line.setdefault(segment[0], []).append(segment)
    wrapped = None  # the last segment before the line
    for line in range(segments[0][0], segments[-1][0] + 1) if segments else ():
        here = by_line.get(line, [])
        begun = [s for s in here if s[3] and s[4] and not s[5]]
        skipped = bool(here) and not here[0][3] and here[0][4]
        goes_on = wrapped is not None and wrapped[3]
        if begun or (goes_on and not skipped) or any(s[3] and s[4] for s in here):
            counts = [s[2] for s in begun] + ([wrapped[2]] if goes_on else [])
            yield line, any(counts)
        wrapped = here[-1] if here else wrapped
