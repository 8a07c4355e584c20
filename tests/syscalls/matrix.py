"""What the system-call matrices have in common: places and cases, a scratch for each, a sample that the commit draws,
and the sums. What a case is and what must hold after it is each matrix's own."""

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

SKIP = 77
CLI = "cli-"  # so the rows of one of the two matrices begin, and those of the other do not
DEADLINE_S = 300

# `call` is the number of a system call, or STEP: then `nth` counts instructions.
Place = collections.namedtuple("Place", "process thread call nth")
STEP = -1


class Scratch:
    """A directory and a word for one case, and nothing left of either."""

    root = None
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def __enter__(self):
        with self.lock:
            self.word = f"sys{os.getpid()}x{next(self.numbers)}"
        self.directory = self.root / self.word
        self.directory.mkdir(mode=0o700)
        self.report = self.root / (self.word + ".report")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.report.unlink(missing_ok=True)
        for path in Path("/dev/shm").glob(f"ringfleet.{self.word}*"):
            path.unlink(missing_ok=True)

    def reported(self):
        """What the injector says: a line for each call it recorded, and one at the end."""
        return [json.loads(line) for line in self.report.read_text().splitlines()] if self.report.exists() else []


def skip_if_refused(done):
    if done.returncode == SKIP:
        print(done.stderr, file=sys.stderr)
        os._exit(SKIP)


def places_of(lines):
    """The places that were recorded with their arguments, in the order of their calls."""
    return [(Place(line["process"], line["thread"], line["call"], line["nth"]), line["arguments"])
            for line in lines if "call" in line]


def faults_of_end(told):
    """Nobody may crash, hang or stay."""
    faults = [f"crashed: {crash}" for crash in told["crashes"]]
    return faults + [f"{'hung' if told['hung'] else 'left running'}: {left}" for left in told["left"]]


def errors_at(name, place, arguments, storms):
    """The cases of one place besides the kill. `storms` remembers where every second call is interrupted already."""
    for error in plausible.errors_of(place, arguments):
        yield name, place, error
        if error == "EINTR" and place[:3] not in storms:
            storms.add(place[:3])
            yield name, place._replace(nth=0), "storm"


def describe(case):
    name, place, kind = case
    if place.call == STEP:
        return f"{name}: {kind} after instruction {place.nth}"
    return f"{name}: {kind} at {plausible.name_of(place.call)} no. {place.nth} of process {place.process} thread {place.thread}"


def seed_of_commit():
    """Every commit tries other places, and the same ones whenever it is tried."""
    head = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=Path(__file__).parent,
                          capture_output=True, text=True, check=False)
    return 1 + int(head.stdout, 16) % 10**6 if head.returncode == 0 else random.SystemRandom().randrange(1, 10**6)


def run(names, cases_of, try_case, size_of):
    """Every row: the cases of each name, a sample of them unless RINGFLEET_SYSCALLS says all, and what became of each.
    `try_case` answers (verdict, problems, counts). The exit status."""
    wanted = os.environ.get("RINGFLEET_SYSCALLS", "")
    seed = int(os.environ.get("RINGFLEET_TEST_SEED", "0")) or seed_of_commit()
    if wanted not in ("", "all"):
        rows = wanted.split(",")
        unknown = [row for row in rows if row not in names and row.startswith(CLI) == names[0].startswith(CLI)]
        if unknown:
            print(f"no such row: {' '.join(unknown)}; there are: {' '.join(names)}")
            return 1
        names = [name for name in names if name in rows]
        if not names:
            print(f"no row of this matrix is meant by RINGFLEET_SYSCALLS={wanted}")
            return SKIP
    print(f"seed {seed} (RINGFLEET_TEST_SEED), {'all' if wanted else 'a sample of'} the places (RINGFLEET_SYSCALLS=all)", flush=True)
    chance = random.Random(seed)
    totals = collections.Counter()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="sys") as root, \
            concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
        Scratch.root = Path(root)
        for name, everything in zip(names, workers.map(cases_of, names)):
            cases = everything if wanted else chance.sample(everything, min(size_of(name), len(everything)))
            sums = collections.Counter()
            for case, (verdict, problems, counts) in zip(cases, workers.map(try_case, cases)):
                sums[verdict] += 1
                sums.update(counts)
                totals["deploy_boundaries" if case[1].call == STEP else "syscall_cases"] += 1
                if problems:
                    failures += 1
                    print(f"FAILED {describe(case)} ({verdict})", *problems, sep="\n    ", flush=True)
            print(f"{name}: {len(cases)} of {len(everything)} tried:",
                  ", ".join(f"{number} {what}" for what, number in sums.items()), flush=True)
            totals.update(sums)
    print("totals: " + " ".join(f"{what.replace(' ', '_')}={number}" for what, number in totals.items()) + f" failures={failures}")
    return 1 if failures or not totals else 0
