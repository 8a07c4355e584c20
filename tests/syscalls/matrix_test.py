#!/usr/bin/env python3
"""The system-call matrix: every operation, every system call of ours in it, every error that the call can return there
and a SIGKILL at its door. What must hold then stands in docs/testing.md.

    matrix_test.py INJECT OPERATIONS

A sample by default: its seed is the commit's, is printed, and taken from RINGFLEET_TEST_SEED. RINGFLEET_SYSCALLS=all
tries everything; RINGFLEET_SYSCALLS=OPERATION[,OPERATION] everything of these."""

import collections
import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import plausible

INJECT, OPERATIONS = sys.argv[1:3]
SKIP = 77
SURVIVORS = "survivor-of-"
# Cases of an operation in one commit's run. A fleet's cases take ten times as long as a ring's.
SAMPLE, SAMPLE_OF_FLEETS = 90, 60
DEADLINE_S = 300

Place = collections.namedtuple("Place", "process thread call nth")


class Scratch:
    """A directory and a word for one case, and nothing left of either."""

    numbers = iter(range(10**9))
    lock = threading.Lock()

    def __enter__(self):
        with self.lock:
            self.word = f"sys{os.getpid()}x{next(self.numbers)}"
        self.directory = ROOT / self.word
        self.directory.mkdir(mode=0o700)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)
        for path in Path("/dev/shm").glob(f"ringfleet.{self.word}*"):
            path.unlink(missing_ok=True)


def run_operations(scratch, mode, name, plan=None):
    """The program's answer (or None), its stderr, and what the injector says."""
    command = [OPERATIONS, mode, name, str(scratch.directory), scratch.word]
    report = ROOT / (scratch.word + ".report")
    if plan is not None:
        command = [INJECT, str(report), *map(str, plan), *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        return None, "it took longer than the watchdog's watchdog", []
    if done.returncode == SKIP:
        print(done.stderr, file=sys.stderr)
        os._exit(SKIP)
    lines = []
    if plan is not None:
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        report.unlink()
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        answer = None
    return answer, done.stderr.strip(), lines


def run_survivor(scratch, name, plan):
    """The same for an operation that is played by a process of its own, under the eyes of a survivor."""
    report = ROOT / (scratch.word + ".report")
    here = [name, str(scratch.directory), scratch.word]
    command = [OPERATIONS, "survive", *here, INJECT, str(report), *map(str, plan), OPERATIONS, "act", *here]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S, check=False)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    report.unlink()
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None, done.stderr.strip(), lines


def record(name):
    """The places of an operation with their arguments, in the order of their calls."""
    with Scratch() as scratch:
        answer, stderr, lines = run_of(name)(scratch, "record")
    if answer is None or answer["problems"] or answer["error"]:
        raise SystemExit(f"{name} fails by itself: {answer} {stderr}")
    return [(Place(line["process"], line["thread"], line["call"], line["nth"]), line["arguments"]) for line in lines[:-1]]


def run_of(name):
    """How the operation of this row is disturbed."""
    if name.startswith(SURVIVORS):
        return lambda scratch, *plan: run_survivor(scratch, name.removeprefix(SURVIVORS), plan)
    return lambda scratch, *plan: run_operations(scratch, "disturbed", name, plan)


def cases_of(name):
    if name.startswith(SURVIVORS):
        return [(name, place, "kill") for place, _ in record(name) if place.process == 0]
    cases = []
    storms = set()
    for place, arguments in record(name):
        if not plausible.is_repetition(place):
            cases.append((name, place, "kill"))
        for error in plausible.errors_of(place, arguments):
            cases.append((name, place, error))
            if error == "EINTR" and place[:3] not in storms:
                storms.add(place[:3])
                cases.append((name, place._replace(nth=0), "storm"))
    return cases


def try_case(case):
    """(verdict, problems, debris): refused, tolerated, killed, survived or unreached."""
    name, place, kind = case
    with Scratch() as scratch:
        number = kind if kind in ("kill", "storm") else plausible.number_of(kind)
        answer, stderr, lines = run_of(name)(scratch, *place, number)
        if not lines:
            return "broken", [stderr], 0
        told = lines[-1]
        problems = [f"crashed: {crash}" for crash in told["crashes"]]
        problems += [f"{'hung' if told['hung'] else 'left running'}: {left}" for left in told["left"]]
        if not told["reached"]:
            return "unreached", problems + (answer or {"problems": [stderr]})["problems"], 0
        if name.startswith(SURVIVORS):
            verdict = "killed"
        elif kind == "kill" and place.process == 0:
            answer, stderr, _ = run_operations(scratch, "after", name)
            verdict = "killed"
        else:
            verdict = "survived" if kind == "kill" else "refused" if answer and answer["error"] else "tolerated"
        if answer is None:
            return verdict, problems + [f"no answer: {stderr}"], 0
        problems += answer["problems"]
        if kind == "EPERM" and plausible.name_of(place.call) in plausible.REMOVALS:
            # What may not be removed stays; then it must be known for what it is, like the debris of the dead.
            problems = [problem for problem in problems if not problem.startswith("file left")]
            answer = {**answer, **run_operations(scratch, "after", name)[0], "error": answer["error"]}
            problems += answer["problems"]
        if verdict == "refused":
            problems += plausible.faults_of_refusal(kind, answer)
        return verdict, problems, answer["debris"]


def describe(case):
    name, place, kind = case
    return f"{name}: {kind} at {plausible.name_of(place.call)} no. {place.nth} of process {place.process} thread {place.thread}"


def seed_of_commit():
    """Every commit tries other places, and the same ones whenever it is tried."""
    head = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=Path(__file__).parent,
                          capture_output=True, text=True, check=False)
    return 1 + int(head.stdout, 16) % 10**6 if head.returncode == 0 else random.SystemRandom().randrange(1, 10**6)


def main():
    wanted = os.environ.get("RINGFLEET_SYSCALLS", "")
    seed = int(os.environ.get("RINGFLEET_TEST_SEED", "0")) or seed_of_commit()
    names = subprocess.run([OPERATIONS, "list"], capture_output=True, text=True, check=True).stdout.split()
    names += [SURVIVORS + name for name in ("channel-publish", "channel-subscribe", "fleet-attach")]
    if wanted not in ("", "all"):
        names = [name for name in names if name in wanted.split(",")]
    print(f"seed {seed} (RINGFLEET_TEST_SEED), {'all' if wanted else 'a sample of'} the places (RINGFLEET_SYSCALLS=all)", flush=True)
    chance = random.Random(seed)
    totals = collections.Counter()
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
        for name, everything in zip(names, workers.map(cases_of, names)):
            cases = everything
            if not wanted:
                size = SAMPLE_OF_FLEETS if "fleet" in name else SAMPLE
                cases = chance.sample(everything, min(size, len(everything)))
            counts = collections.Counter()
            for case, (verdict, problems, debris) in zip(cases, workers.map(try_case, cases)):
                counts[verdict] += 1
                counts["debris"] += debris
                if problems:
                    failures += 1
                    print(f"FAILED {describe(case)} ({verdict})", *problems, sep="\n    ", flush=True)
            print(f"{name}: {len(cases)} of {len(everything)} tried: {counts['refused']} refused, {counts['tolerated']} "
                  f"tolerated, {counts['killed']} killed ({counts['debris']} files left and recognised), "
                  f"{counts['survived']} outlived a runner's death, {counts['unreached']} not reached", flush=True)
            totals.update(counts)
            totals["cases"] += len(cases)
    print(f"totals: syscall_cases={totals['cases']} refused={totals['refused']} tolerated={totals['tolerated']} "
          f"killed={totals['killed']} survived={totals['survived']} debris={totals['debris']} "
          f"unreached={totals['unreached']} failures={failures}")
    return 1 if failures or not totals["cases"] else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sys") as root:
        ROOT = Path(root)
        sys.exit(main())
