#!/usr/bin/env python3
"""Checks the protocol models: models.py SOURCE_ROOT [MODEL…] [--keep DIR].

A model names its own runs and mutants in comments (docs/models.md says how):

    // run NAME: SWITCHES                     must be searched to its end, without an error
    // mutant NAME in RUN: WHAT IS VIOLATED   the same with -DMUTANT_NAME must fail, and for this reason

Prints a line for each model and, last, the sums. Exit status 0: all of it holds; 77: spin is missing; 1: anything else.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import code_map

MODELS = ("call_lane", "shared_claims", "parking", "lossy_reader", "route_epoch")
# NOREDUCE: a process may be killed between any two steps, so no step is independent of the others.
PAN_SWITCHES = ["-w", "-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", "-DMEMLIM=900"]
DEPTH_MAX = 200_000
WATCHDOG_S = 600
TRUNCATED = ("max search depth too small", "out of memory", "reached -DMEMLIM")


@dataclass
class Outcome:
    states: int
    transitions: int
    depth: int
    seconds: float
    violated: str  # empty: no error
    lines: set  # of the model, with a statement in this variant
    reached: set  # those that an execution came to


@dataclass
class Model:
    name: str
    runs: dict = field(default_factory=dict)  # name: switches
    mutants: list = field(default_factory=list)  # (name, run, what is violated)


def read_model(folder, name):
    text = (folder / f"{name}.pml").read_text(encoding="utf-8")
    model = Model(name)
    for run, switches in re.findall(r"^// run (\w+):(.*)$", text, re.MULTILINE):
        model.runs[run] = switches.split()
    for mutant, run, violated in re.findall(r"^// mutant (\w+) in (\w+): (.+)$", text, re.MULTILINE):
        if run not in model.runs:
            raise SystemExit(f"{name}.pml: mutant {mutant} names the run '{run}', which there is not")
        model.mutants.append((mutant, run, violated.strip()))
    listed = {mutant for mutant, _, _ in model.mutants}
    used = set(re.findall(r"\bMUTANT_(\w+)", text))
    if not model.runs or listed != used:
        raise SystemExit(f"{name}.pml: no runs, or mutants that are listed and not used, or the other way: "
                         f"{sorted(listed ^ used)}")
    return model


def tell(command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=WATCHDOG_S)
    return done.returncode, done.stdout + done.stderr


def number_before(words, text):
    match = re.search(rf"^\s*(\d+) {words}", text, re.MULTILINE)
    return int(match.group(1)) if match else 0


def places_in(process, statement, text):
    """(process, line number) of each statement that spin lists below the names of processes."""
    places, current = set(), ""
    for line in text.splitlines():
        if heading := re.search(process, line):
            current = heading.group(1)
        elif found := re.search(statement, line):
            places.add((current, int(found.group(1))))
    return places


def search(folder, model, switches, optimise, keep):
    """Generates, compiles and runs the verifier of one variant. Raises RuntimeError when it says nothing usable."""
    with tempfile.TemporaryDirectory(prefix=f"{model}-", dir=keep) as scratch:
        for path in folder.glob("*.pml"):
            shutil.copy(path, scratch)
        for command in (["spin", "-a", *switches, f"{model}.pml"],
                        ["gcc", optimise, *PAN_SWITCHES, "-o", "pan", "pan.c"]):
            status, said = tell(command, scratch)
            if status != 0 or not (Path(scratch) / "pan.c").exists():
                raise RuntimeError(f"{' '.join(command)}:\n{said}")
        began = time.monotonic()
        _, said = tell(["./pan", f"-m{DEPTH_MAX}", "-w20"], scratch)
        seconds = time.monotonic() - began
        _, table = tell(["./pan", "-d"], scratch)
    errors = re.search(r"errors: (\d+)", said)
    if not errors or any(sign in said for sign in TRUNCATED):
        raise RuntimeError(f"{model} {' '.join(switches)}: the search was not finished:\n{said}")
    depth = re.search(r"depth reached (\d+)", said)
    violated = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", said, re.MULTILINE)
    if (errors.group(1) != "0") != bool(violated):
        raise RuntimeError(f"{model} {' '.join(switches)}: cannot be understood:\n{said}")
    # An inline stands in several processes; one that comes to its line is enough.
    places = places_in(r"^proctype (\w+)", rf"\b{model}\.pml:(\d+) => (?!-end-)", table)
    unreached = places_in(r"^unreached in proctype (\w+)", rf"^\t{model}\.pml:(\d+), state \d+, \"(?!-end-)", said)
    return Outcome(number_before("states, stored", said), number_before("transitions", said), int(depth.group(1)),
                   seconds, violated.group(1) if violated else "", {line for _, line in places},
                   {line for _, line in places - unreached})


def check(folder, models, keep):
    """Prints the lines; true when every model holds and every mutant was killed."""
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(2, min(4, os.cpu_count() or 2)))
    jobs = {}
    for model in models:  # the long searches first
        for run, switches in model.runs.items():
            jobs[model.name, run, ""] = pool.submit(search, folder, model.name, switches, "-O2", keep)
    for model in models:
        for mutant, run, _ in model.mutants:
            switches = [*model.runs[run], f"-DMUTANT_{mutant}"]
            jobs[model.name, run, mutant] = pool.submit(search, folder, model.name, switches, "-O0", keep)
    good = True
    total_states = total_killed = total_mutants = 0

    def outcome_of(*key):
        try:
            return jobs[key].result()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(error)
            return None

    for model in models:
        states = transitions = depth = killed = 0
        seconds = 0.0
        lines, reached = set(), set()
        for run in model.runs:
            outcome = outcome_of(model.name, run, "")
            if outcome is None or outcome.violated:
                good = False
                print(f"{model.name} {run}: VIOLATED: {outcome.violated if outcome else 'no answer'}")
                continue
            states += outcome.states
            transitions += outcome.transitions
            depth = max(depth, outcome.depth)
            seconds += outcome.seconds
            lines |= outcome.lines
            reached |= outcome.reached
        text = (folder / f"{model.name}.pml").read_text(encoding="utf-8").splitlines()
        # What no execution comes to proves nothing; only who judges that everybody is stuck may wait in vain.
        for line in sorted(line for line in lines - reached if "timeout" not in text[line - 1]):
            good = False
            print(f"{model.name}.pml:{line}: no run ever comes here: {text[line - 1].strip()}")
        for mutant, run, violated in model.mutants:
            outcome = outcome_of(model.name, run, mutant)
            if outcome is not None and violated in outcome.violated:
                killed += 1
                continue
            good = False
            said = "no answer" if outcome is None else outcome.violated or "nothing was violated"
            print(f"{model.name} {run}: mutant {mutant}: expected '{violated}', got: {said}")
        print(f"{model.name}: {states} states, {transitions} transitions, depth {depth}, {seconds:.1f} s, "
              f"mutants killed {killed}/{len(model.mutants)}", flush=True)
        total_states += states
        total_killed += killed
        total_mutants += len(model.mutants)
    print(f"totals: model_states={total_states} models={len(models)} mutants_killed={total_killed}/{total_mutants}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all when none is named")
    parser.add_argument("--keep", type=Path, help="a folder for the scratch of the verifiers, instead of /tmp")
    arguments = parser.parse_args()
    folder = Path(__file__).resolve().parent
    models = [read_model(folder, name) for name in arguments.models or MODELS]
    stale = code_map.stale_names(arguments.root)
    for line in stale:
        print(line)
    if shutil.which("spin") is None:
        print("models: SKIPPED: there is no `spin` here (Debian: apt-get install spin); no model was checked")
        return 1 if stale else 77
    return 0 if check(folder, models, arguments.keep) and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
