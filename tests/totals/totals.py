#!/usr/bin/env python3
"""What the proofs of a test run add up to: totals.py [--readme] LOG…, where a log is what meson test writes.

Prints one line. With --readme it puts the numbers into README.md, between the two comments that say so: nobody types
them.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- totals: ./dev totals -->\n", "<!-- end of totals -->\n"

ROWS = (
    ("boundaries", "instruction boundaries at which the death of a process was tried", "tests/kill"),
    ("images", "different memory images left by that, each recovered and judged", "tests/kill"),
    ("flips", "instructions of readers after which what they read was changed", "tests/kill"),
    ("executions", "interleavings explored, with deaths and delayed stores", "tests/explore"),
    ("model_states", "states of protocol models, searched to the end", "tests/model"),
    ("syscall_cases", "system calls that failed or were the last", "tests/syscalls"),
    ("crashes", "processes killed at random under load, nothing lost and nothing left over", "tests/soak"),
    ("fuzz_executions", "hostile inputs", "tests/fuzz"),
    ("model_mutants", "mutants of models noticed", "tests/model"),
)


def sums_of(text):
    sums = dict.fromkeys((key for key, _, _ in ROWS), 0)
    for line in text.splitlines():
        if line.startswith("totals: "):
            for key, value in re.findall(r"(\w+)=(\d+(?:/\d+)?)", line):
                if key == "mutants_killed" and "/" in value:
                    sums["model_mutants"] = value
                elif key in sums:
                    sums[key] += int(value)
    return sums


def text_of(number):
    return number if isinstance(number, str) else f"{number:,}"


def main():
    logs = [argument for argument in sys.argv[1:] if argument != "--readme"]
    sums = sums_of("\n".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs))
    print("totals: " + " ".join(f"{key}={sums[key]}" for key, _, _ in ROWS))
    if "--readme" in sys.argv:
        page = ROOT / "README.md"
        text = page.read_text(encoding="utf-8")
        begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        rows = "".join(f"| {text_of(sums[key])} | {what} | `{where}` |\n" for key, what, where in ROWS)
        page.write_text(text[:begin] + "\n| in one run | what | by |\n|---|---|---|\n" + rows + "\n" + text[end:],
                        encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
