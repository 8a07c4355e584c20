#!/usr/bin/env python3
"""The system-call matrix: every operation, every system call of ours in it, every error that the call can return there
and a SIGKILL at its door. What must hold then stands in docs/testing.md.

    matrix_test.py INJECT OPERATIONS

A sample by default: its seed is the commit's, is printed, and taken from RINGFLEET_TEST_SEED. RINGFLEET_SYSCALLS=all
tries everything; RINGFLEET_SYSCALLS=OPERATION[,OPERATION] everything of these."""

import json
import subprocess
import sys

import plausible
from matrix import (DEADLINE_S, STEP, Place, Scratch, errors_at, faults_of_end, places_of, run, skip_if_refused)

INJECT, OPERATIONS = sys.argv[1:3]
SURVIVORS = "survivor-of-"
# Each is played by a process of its own under the eyes of a survivor; the second word says how.
SURVIVED = {"channel-publish": "act", "channel-subscribe": "act", "fleet-attach": "act",
            "deploy": "play", "deploy-rollback": "play", "deploy-flip": "play"}
# Cases of an operation in one commit's run. A fleet's cases take ten times as long as a ring's.
SAMPLE, SAMPLE_OF_FLEETS, SAMPLE_OF_DEPLOYS = 90, 60, 40
# Under load a runner sleeps and wakes all the time: the first ones stand for all.
REPETITIONS_UNDER_LOAD = 6


def answer_of(done):
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return None


def run_program(scratch, command):
    """The program's answer (or None), its stderr, and what the injector says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        return None, "it took longer than the watchdog's watchdog", []
    skip_if_refused(done)
    return answer_of(done), done.stderr.strip(), scratch.reported()


def injected(scratch, plan, command):
    return [INJECT, str(scratch.report), *map(str, plan), *command] if plan else command


def run_operations(scratch, mode, name, plan=()):
    return run_program(scratch, injected(scratch, plan, [OPERATIONS, mode, name, str(scratch.directory), scratch.word]))


def run_survivor(scratch, name, plan):
    """The same for an operation that is played by a process of its own, under the eyes of a survivor."""
    here = [name, str(scratch.directory), scratch.word]
    victim = injected(scratch, plan, [OPERATIONS, SURVIVED[name], *here])
    return run_program(scratch, [OPERATIONS, "survive", *here, *victim])


def run_plan(scratch, name, plan):
    if name.startswith(SURVIVORS):
        return run_survivor(scratch, name.removeprefix(SURVIVORS), plan)
    return run_operations(scratch, "disturbed", name, plan)


def record(name, plan):
    """What the operation does when nobody disturbs it."""
    with Scratch() as scratch:
        answer, stderr, lines = run_plan(scratch, name, plan)
    if answer is None or answer["problems"] or answer["error"] or lines[-1]["code"]:
        raise SystemExit(f"{name} fails by itself: {answer} {stderr}")
    return lines


def deaths_of(name):
    """Where the victim of a survivor, or a runner of it, is killed."""
    operation = name.removeprefix(SURVIVORS)
    if operation == "deploy-flip":
        return [Place(0, 0, STEP, step) for step in range(1, record(name, ("steps", 0))[-1]["steps"] + 1)]
    places = [place for place, _ in places_of(record(name, ("record",)))]
    if operation == "deploy":
        return [place for place in places if place.process == 0 or place.nth < REPETITIONS_UNDER_LOAD]
    return [place for place in places if place.process == 0]


def cases_of(name):
    if name.startswith(SURVIVORS):
        return [(name, place, "kill") for place in deaths_of(name) if not plausible.is_repetition(place)]
    cases = []
    storms = set()
    for place, arguments in places_of(record(name, ("record",))):
        if not plausible.is_repetition(place):
            cases.append((name, place, "kill"))
        cases += errors_at(name, place, arguments, storms)
    return cases


def plan_of(place, kind):
    if place.call == STEP:
        return "steps", place.nth
    return *place, kind if kind in ("kill", "storm") else plausible.number_of(kind)


def try_survivor(case):
    """Whoever is not killed ends in order, and goes on as if nobody had been."""
    name, place, kind = case
    with Scratch() as scratch:
        answer, stderr, lines = run_plan(scratch, name, plan_of(place, kind))
        if not lines or answer is None:
            return "broken", [f"no answer: {stderr}"], {}
        told = lines[-1]
        problems = faults_of_end(told) + answer["problems"]
        tally = answer["tally"]
        if told["reached"] and place.process == 0:
            return "killed", problems, tally
        if told["code"] != 0:
            problems.append(f"the victim, which was not killed, ended with {told['code']}: {stderr}")
        if tally.get("gone"):
            problems.append("calls found no runner though the fleet was there")
        if not told["reached"] and tally.get("lost"):
            problems.append("calls are lost though nobody died")
        return "survived" if told["reached"] else "unreached", problems, tally


def try_case(case):
    """(verdict, problems, counts): refused, tolerated, killed, survived or unreached."""
    name, place, kind = case
    if name.startswith(SURVIVORS):
        return try_survivor(case)
    with Scratch() as scratch:
        answer, stderr, lines = run_plan(scratch, name, plan_of(place, kind))
        if not lines:
            return "broken", [stderr], {}
        told = lines[-1]
        problems = faults_of_end(told)
        if not told["reached"]:
            return "unreached", problems + (answer or {"problems": [stderr]})["problems"], {}
        if kind == "kill" and place.process == 0:
            answer, stderr, _ = run_operations(scratch, "after", name)
            verdict = "killed"
        else:
            verdict = "survived" if kind == "kill" else "refused" if answer and answer["error"] else "tolerated"
        if answer is None:
            return verdict, problems + [f"no answer: {stderr}"], {}
        problems += answer["problems"]
        if kind == "EPERM" and plausible.name_of(place.call) in plausible.REMOVALS:
            # What may not be removed stays; then it must be known for what it is, like the debris of the dead.
            problems = [problem for problem in problems if not problem.startswith("file left")]
            answer = {**answer, **run_operations(scratch, "after", name)[0], "error": answer["error"]}
            problems += answer["problems"]
        if verdict == "refused":
            problems += plausible.faults_of_refusal(kind, answer)
        return verdict, problems, {"debris": answer["debris"]}


def size_of(name):
    if name.removeprefix(SURVIVORS).startswith("deploy"):
        return SAMPLE_OF_DEPLOYS
    return SAMPLE_OF_FLEETS if "fleet" in name else SAMPLE


def main():
    names = subprocess.run([OPERATIONS, "list"], capture_output=True, text=True, check=True).stdout.split()
    return run(names + [SURVIVORS + name for name in SURVIVED], cases_of, try_case, size_of)


if __name__ == "__main__":
    sys.exit(main())
