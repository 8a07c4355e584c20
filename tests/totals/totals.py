#!/usr/bin/env python3
"""What the proofs of a run add up to: totals.py [--complete] [--readme] LOG…, where a log is what meson test writes, or
what another layer has said.

Prints one line. With --complete a row without a number is an error, unless its tests were skipped and say so. With
--readme it puts the numbers into README.md, between the two comments that say so, and from which commit they are:
nobody types them.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- totals: ./dev totals -->\n", "<!-- end of totals -->\n"

# `is_due`: whether a complete run has it, and more than none of it.
Row = collections.namedtuple("Row", "key what where is_due", defaults=(True,))
ROWS = (
    Row("boundaries", "instruction boundaries at which the death of a process was tried", "tests/kill"),
    Row("images", "different memory images left by that, each recovered and judged", "tests/kill"),
    Row("flips", "instructions of readers after which what they read was changed", "tests/kill"),
    Row("executions", "interleavings explored, with deaths and delayed stores", "tests/explore"),
    Row("model_states", "states of protocol models, searched to the end", "tests/model"),
    Row("syscall_cases", "system calls that failed or were the last", "tests/syscalls"),
    Row("deploy_boundaries", "instructions of a route's flip after which the scheduler died, under load", "tests/syscalls"),
    Row("crashes", "processes killed at random under load, nothing lost and nothing left over", "tests/soak"),
    Row("fuzz_executions", "hostile inputs", "tests/fuzz"),
    Row("model_mutants", "mutants of models noticed", "tests/model"),
    Row("code_mutants", "wrong lines of protocol code noticed by a test, of those tried", "tests/mutation"),
    Row("mutants_survive_with_reason", "besides, which nothing can notice on this processor, each with its reason",
        "tests/mutation", False),
    Row("covered_branches", "ways of branches in ring, frame, codec, call and segments gone by a test", "tests/coverage", False),
    Row("covered_conditions", "conditions there that once decided alone (MC/DC)", "tests/coverage", False),
    Row("excluded_branches", "ways of branches besides, which no test can be sure to go, each listed with its reason",
        "tests/coverage", False),
    Row("excluded_conditions", "conditions besides, likewise", "tests/coverage", False),
)
OTHER_NAMES = {"mutants_killed": "model_mutants"}
SKIPPED = re.compile(r"^test: +\S+?:(\S+) / .*\n(?:(?:start time|duration):.*\n)*result: +exit status 77\b", re.MULTILINE)


def sums_of(text):
    """key: number, or [noticed, tried]. What nobody has counted is not there."""
    sums = {}
    for line in re.findall(r"^totals: (.*)$", text, re.MULTILINE):
        for key, number, of in re.findall(r"(\w+)=(\d+)(?:/(\d+))?", line):
            key = OTHER_NAMES.get(key, key)
            if of:
                so_far = sums.get(key, [0, 0])
                sums[key] = [so_far[0] + int(number), so_far[1] + int(of)]
            else:
                sums[key] = sums.get(key, 0) + int(number)
    return sums


def skipped_suites(text):
    return {suite for suites in SKIPPED.findall(text) for suite in suites.split("+")}


def faults_of(sums, skipped):
    """What a complete run would have. A layer that could not run has said so; it is told once more."""
    faults = []
    for row in ROWS:
        number = sums.get(row.key, 0)
        if not row.is_due or (number[0] if isinstance(number, list) else number):
            continue
        if row.where.removeprefix("tests/") in skipped:
            print(f"totals: no {row.key}: {row.where} was skipped")
        else:
            faults.append(f"totals: no {row.key} ({row.what}): {row.where} has proven nothing")
    return faults


def text_of(number):
    return f"{number[0]:,}/{number[1]:,}" if isinstance(number, list) else f"{number:,}"


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False).stdout.strip()


def too_old(logs):
    """Logs of a run before the commit that the README would name."""
    committed = int(git("log", "-1", "--format=%ct") or 0)
    return [f"totals: {log} is older than the commit: run that again" for log in logs if Path(log).stat().st_mtime < committed]


def write_readme(rows, sums):
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    table = "".join(f"| {text_of(sums[row.key])} | {row.what} | `{row.where}` |\n" for row in rows)
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", "lib", "runner", "tests", "tools")
    changes = ", with changes that were not committed" if dirty else ""
    source = f"Counted at commit {git('log', '-1', '--format=%h of %cs')}{changes}.\n"
    page.write_text(f"{text[:begin]}\n| in one run | what | by |\n|---|---|---|\n{table}\n{source}\n{text[end:]}",
                    encoding="utf-8")


def main():
    logs = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    text = "\n".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs)
    sums = sums_of(text)
    rows = [row for row in ROWS if row.key in sums]
    faults = faults_of(sums, skipped_suites(text)) if "--complete" in sys.argv else []
    if rows:
        print("totals: " + " ".join(f"{row.key}={text_of(sums[row.key]).replace(',', '')}" for row in rows))
    if "--readme" in sys.argv:
        faults += too_old(logs)
    print(*faults, sep="\n", end="\n" if faults else "")
    if "--readme" in sys.argv and not faults:
        write_readme(rows, sums)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
