"""What an exclusion is: something in a line of code that no counted run can show, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Excluded:
    file: str  # relative to lib/ringfleet
    line: str  # its text; where that occurs more than once, with the lines before it, joined by "\n"
    missed: tuple  # as coverage.py prints it: "true: CONDITION", "false: …", "alone: …", "entered"
    reason: str


def because(reason, *places):
    """Exclusions of one reason; each place is file, line and what is missed there."""
    return [Excluded(file, line, missed, reason) for file, line, *missed in places]
