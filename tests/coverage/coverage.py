#!/usr/bin/env python3
"""The coverage gate: every branch and every condition of the protocol rooms is shown by a test, or listed with a reason.

    coverage.py BUILD [--no-run] [--lines]

BUILD is a build folder made with tests/presets/coverage.ini. The tests of the rooms are built and run there, what they
reached is merged (measured.py), and compared with exclusions.py. It fails for something missed that is not listed, and
for something listed that was reached after all or does not exist any more, unless the table says that it is reached by
chance: then it counts neither way. What is missed is printed in the form in which the table wants it. Each number
counts places in the source, not instantiations. The last line goes to BUILD/totals.txt, too.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import measured
from exclusions import EXCLUSIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "lib" / "ringfleet"
ROOMS = ("memory", "ring", "frame", "codec", "call")
# Tests of these suites, but of none of those: what is stepped or traced reaches nothing that others do not.
SUITES, NOT_SUITES = {*ROOMS}, {"kill", "fleet"}
NOT_TESTS = {"explore_shared_ring", "policy_cost"}  # minutes, and nothing that is sure to be reached in them
FUZZ = ("control_message", "frame_walk", "lane_replies", "lane_requests", "loan", "ring_gates", "ring_words",
        "segment_attach", "codec")


def chosen_tests(build):
    """{name of a test: its program}"""
    out = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True).stdout
    chosen = {}
    for test in json.loads(out):
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        is_of_a_room = suites & SUITES and not suites & NOT_SUITES and test["name"] not in NOT_TESTS
        if is_of_a_room or test["name"] in {"fuzz_" + name for name in FUZZ}:
            chosen[test["name"]] = test["cmd"][0]
    return chosen


def run(build, tests, profiles):
    for old in profiles.glob("*.prof*"):
        old.unlink()
    profiles.mkdir(exist_ok=True)
    profiles.chmod(0o777)  # some tests take another user's part
    targets = [os.path.relpath(program, build) for program in tests.values()]
    subprocess.run(["ninja", "-C", build, *targets], check=True, stdout=sys.stderr)
    # %m: one file for each program, into which its processes merge.
    environment = dict(os.environ, LLVM_PROFILE_FILE=str(profiles / "%m.profraw"))
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "-t", "4", "--print-errorlogs", *tests], check=True,
                   stdout=sys.stderr, env=environment)
    # A file that cannot be read is an error: nobody is killed while he writes one (last_words.cpp).
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-failure-mode=any", "-o", profiles / "all.profdata",
                    *profiles.glob("*.profraw")], check=True)


class Code:
    """A source file, and the items measured in it."""

    def __init__(self, path, source):
        self.name = path.relative_to(LIBRARY).as_posix()
        self.text = path.read_text().splitlines()
        self.stripped = [line.strip() for line in self.text]
        self.lines = source.lines
        self.items = {item: reached for item, reached in source.items.items() if not self.is_decided(item)}
        for (line, column), reached in source.begins.items():
            if re.search(r"\bcatch \(", self.text[line - 1]):
                self.items[measured.Item(measured.Span(line, column, line, column + 1), "entered")] = reached

    def words_of(self, span):
        if span.line == span.end_line:
            return self.text[span.line - 1][span.column - 1:span.end_column - 1]
        lines = [self.text[span.line - 1][span.column - 1:], *self.text[span.line:span.end_line - 1],
                 self.text[span.end_line - 1][:span.end_column - 1]]
        return " ".join(line.strip() for line in lines)

    def is_decided(self, item):
        """`while (true)` has no other way, and what is `= default` the compiler writes."""
        return self.words_of(item.span) in ("true", "false") or self.stripped[item.span.line - 1].endswith("= default;")

    def name_of(self, item):
        return item.what if item.what == "entered" else f"{item.what}: {self.words_of(item.span)}"

    def places_of(self, line):
        """The numbers of the lines that these are the text of."""
        wanted = [part.strip() for part in line.split("\n")]
        return [number for number in range(len(wanted), len(self.text) + 1)
                if self.stripped[number - len(wanted):number] == wanted]

    def line_of(self, number):
        """The text that names this line and no other."""
        first = number
        while True:
            text = "\n".join(self.stripped[first - 1:number])
            if first == 1 or (self.stripped[first - 1] and len(self.places_of(text)) == 1):
                return text
            first -= 1


class Verdict:
    def __init__(self):
        self.errors = []
        self.excluded = {}  # (reason, is it by chance): number of items
        self.missed = []  # but not what lies in a function that is missed
        self.counts = {}  # kind: Counter of "reached", "excluded", "chance", "missed"

    def count(self, kind, what):
        self.counts.setdefault(kind, collections.Counter())[what] += 1

    def exclude(self, kind, entry):
        self.count(kind, "chance" if entry.by_chance else "excluded")
        key = entry.reason, entry.by_chance
        self.excluded[key] = self.excluded.get(key, 0) + 1


KINDS = {"true": "branches", "false": "branches", "alone": "conditions", "entered": "functions"}


def excuses_of(code, verdict):
    """{item: entry}: what the table excludes in this file, with what follows from that."""
    excused = {}
    for entry in (entry for entry in EXCLUSIONS if entry.file == code.name):
        places = code.places_of(entry.line)
        if len(places) != 1:
            verdict.errors.append(f"{entry.file}: this text occurs {len(places)} times, not once: {entry.line!r}")
            continue
        here = {}
        for item in code.items:
            if item.span.line == places[0]:
                here.setdefault(code.name_of(item), []).append(item)
        for missed in entry.missed:
            items = here.get(missed, [])
            if not items:
                verdict.errors.append(f"{entry.file}:{places[0]}: there is no '{missed}' in this line")
            elif not entry.by_chance and all(code.items[item] for item in items):
                verdict.errors.append(f"{entry.file}:{places[0]}: '{missed}' is reached: take it out of the table")
            for item in items:
                excused[item] = entry
    # A condition that is never true, or never false, does not decide; a function that is not entered does nothing.
    for item, entry in list(excused.items()):
        for other in code.items:
            follows = (item.what == "entered" and item.span.holds(other.span)) or (
                item.what in ("true", "false") and other.what == "alone" and other.span == item.span)
            if follows and (entry.by_chance or not code.items[other]):
                excused.setdefault(other, entry)
    return excused


def judge(codes):
    verdict = Verdict()
    known = {code.name for code in codes}
    verdict.errors += [f"{entry.file}: no such file was measured" for entry in EXCLUSIONS if entry.file not in known]
    for code in codes:
        excused = excuses_of(code, verdict)
        unentered = [item.span for item, reached in code.items.items() if item.what == "entered" and not reached]
        for item, reached in sorted(code.items.items()):
            kind = KINDS[item.what]
            entry = excused.get(item)
            if entry is not None and (entry.by_chance or not reached):
                verdict.exclude(kind, entry)
            elif reached:
                verdict.count(kind, "reached")
            else:
                verdict.count(kind, "missed")
                if item.what == "entered" or not any(span.holds(item.span) for span in unentered):
                    verdict.missed.append((code, item))
        for reached in code.lines.values():
            verdict.count("lines", "reached" if reached else "missed")
    return verdict


def missed_entries(missed):
    """The missed items, as the table would list them."""
    places = {}
    for code, item in missed:
        names = places.setdefault((code.name, code.line_of(item.span.line), item.span.line), [])
        if code.name_of(item) not in names:
            names.append(code.name_of(item))
    for (file, line, number), names in places.items():
        yield f"{file}:{number}", f"({json.dumps(file)}, {json.dumps(line)}, {', '.join(map(json.dumps, names))}),"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--no-run", action="store_true", help="judge the profiles of the run before")
    parser.add_argument("--lines", action="store_true", help="print the lines that are not reached, too")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    profiles = build / "profiles"
    if not arguments.no_run:
        subprocess.run(["ninja", "-C", build, "build.ninja"], check=True, stdout=sys.stderr)  # or the list is of before
    tests = chosen_tests(build)
    if not arguments.no_run:
        run(build, tests, profiles)
    programs = sorted(set(tests.values()))
    folders = [str(LIBRARY / room) for room in ROOMS]
    sources = measured.measure(programs, str(profiles / "all.profdata"), folders, os.cpu_count())
    codes = [Code(pathlib.Path(path), source) for path, source in sorted(sources.items())]
    verdict = judge(codes)

    if arguments.lines:
        for code in codes:
            for number in sorted(number for number, reached in code.lines.items() if not reached):
                print(f"{code.name}:{number}: {code.stripped[number - 1]}")
    for (reason, by_chance), number in verdict.excluded.items():
        print(f"{'by chance' if by_chance else 'excluded'}, {number}: {reason}")
    for place, entry in missed_entries(verdict.missed):
        print(f"missed: {place}\n  {entry}")
    for error in verdict.errors:
        print(f"exclusions.py: {error}")
    for kind, count in verdict.counts.items():
        print(f"{kind}: {count['reached']} of {count['reached'] + count['missed']} reached" + "".join(
            f", {count[what]} {words}" for what, words in (("excluded", "excluded with a reason"),
                                                           ("chance", "reached by chance")) if count[what]))
    totals = "totals: " + " ".join(f"covered_{kind}={count['reached']}/{count['reached'] + count['missed']}"
                                   f" excluded_{kind}={count['excluded'] + count['chance']}"
                                   for kind, count in verdict.counts.items())
    print(totals)
    (build / "totals.txt").write_text(totals + "\n")
    return 1 if verdict.missed or verdict.errors else 0


if __name__ == "__main__":
    sys.exit(main())
