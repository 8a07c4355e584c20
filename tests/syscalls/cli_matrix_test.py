#!/usr/bin/env python3
"""The system-call matrix of the program `ringfleet`, as an operator has it: every command, every system call from its
entry on, every error that the call can return there, a SIGKILL at its door. docs/testing.md says what must hold.

    cli_matrix_test.py INJECT RINGFLEET MODULES

A sample by default; RINGFLEET_SYSCALLS=all, or =ROW[,ROW] (cli-up, cli-down …), and RINGFLEET_TEST_SEED as there."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import plausible
from matrix import DEADLINE_S, Scratch, errors_at, faults_of_end, places_of, run, skip_if_refused

INJECT, RINGFLEET, MODULES = sys.argv[1:4]
EXIT_CODES = range(1, 10)  # docs/cli.md
NOT_RUNNING = 3
SAMPLE = 16
PATIENCE_S = 60
LOOK_EVERY_S = 0.02


class Disturbed:
    """One command under the injector, from its entry on."""

    def __init__(self, scratch, plan, arguments):
        self.scratch = scratch
        self.out, self.err = scratch.root / (scratch.word + ".out"), scratch.root / (scratch.word + ".err")
        command = [INJECT, str(scratch.report), *map(str, plan), "whole", RINGFLEET, *arguments]
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment(scratch))

    def has_ended(self):
        said = self.scratch.report.read_text() if self.scratch.report.exists() else ""
        return self.process.poll() is not None or '"when":"ended"' in said

    def look_until(self, condition):
        until = time.monotonic() + PATIENCE_S
        while not self.has_ended() and not condition() and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)

    def wait(self):
        self.process.wait(DEADLINE_S)
        skip_if_refused(subprocess.CompletedProcess([], self.process.returncode, stderr=self.err.read_text()))
        self.lines = self.scratch.reported()
        return self.lines[-1]

    def texts(self):
        return self.out.read_text(errors="replace"), self.err.read_text(errors="replace")


def environment(scratch):
    return {**os.environ, "RINGFLEET_DIR": str(scratch.directory), "NO_COLOR": "1"}


def ringfleet(scratch, *arguments):
    return subprocess.run([RINGFLEET, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          env=environment(scratch), timeout=DEADLINE_S, check=False)


def topology(scratch):
    path = scratch.root / (scratch.word + ".toml")
    path.write_text(f'[fleet]\nname = "{scratch.word}"\n[[module]]\nid = "echo"\npath = "{MODULES}/echo.so"\n')
    return str(path)


def status(scratch):
    """None when the fleet does not run."""
    answer = ringfleet(scratch, "status", "-o", "json")
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def is_ready(scratch):
    fleet = status(scratch)
    return fleet is not None and fleet["modules"][0]["state"] == "Ready"


# ---- rows: what is run, and what must have come true when it says 0

class Row:
    needs_fleet = True
    processes = (0,)

    def arguments(self, scratch):
        raise NotImplementedError

    def attend(self, disturbed):
        """While it runs."""

    def faults_of_success(self, scratch, out):
        raise NotImplementedError

    def faults_afterwards(self, scratch):
        """Whatever became of it: the fleet serves on, the command succeeds when it is tried again."""
        faults = []
        answer = ringfleet(scratch, "call", "echo", "echo", "--data", "still")
        if answer.stdout != "still":
            faults.append(f"the fleet does not serve on: {answer.returncode} {answer.stderr}")
        again = ringfleet(scratch, *self.arguments(scratch))
        if again.returncode != 0:
            faults.append(f"the second attempt fails: {again.stderr}")
        return faults + (self.faults_of_success(scratch, again.stdout) if not faults else [])


class Status(Row):
    def arguments(self, scratch):
        return ["status", "-o", "json"]

    def faults_of_success(self, scratch, out):
        return [] if json.loads(out)["modules"][0]["state"] == "Ready" else [f"the status is wrong: {out}"]


class Call(Row):
    def arguments(self, scratch):
        return ["call", "echo", "echo", "--data", "hello"]

    def faults_of_success(self, scratch, out):
        return [] if out == "hello" else [f"the reply is '{out}'"]


class CallOfAFile(Call):
    needs_fleet = False

    def arguments(self, scratch):
        return ["call", f"{MODULES}/echo.so", "echo", "--data", "hello"]

    def faults_afterwards(self, scratch):
        again = ringfleet(scratch, *self.arguments(scratch))
        return [] if again.stdout == "hello" else [f"the second attempt fails: {again.stderr}"]


class Reload(Row):
    def arguments(self, scratch):
        return ["reload", "echo", "-o", "json"]

    def faults_of_success(self, scratch, out):
        reloads = status(scratch)["modules"][0]["reloads"]
        return [] if json.loads(out)["total_ns"] > 0 and reloads > 0 else [f"{reloads} reloads: {out}"]


class Down(Row):
    def arguments(self, scratch):
        return ["down"]

    def faults_of_success(self, scratch, out):
        return ["it says that the fleet has stopped, which runs"] if status(scratch) else []

    def faults_afterwards(self, scratch):
        return []  # the next `down` is everybody's


class Up(Row):
    needs_fleet = False

    def arguments(self, scratch):
        return ["up", topology(scratch)]

    def attend(self, disturbed):
        looks = iter(range(10**9))

        def is_up():
            # The line itself may be what cannot be written.
            return f"fleet {disturbed.scratch.word} is up" in disturbed.texts()[0] or (next(looks) % 100 == 99 and is_ready(disturbed.scratch))

        disturbed.look_until(is_up)
        # The fault may be waiting for the one who asks: then the next one is answered.
        fleet = None if disturbed.has_ended() else status(disturbed.scratch) or status(disturbed.scratch)
        if fleet:
            with contextlib.suppress(ProcessLookupError):  # it came to its last call just now
                os.kill(fleet["scheduler_pid"], signal.SIGTERM)

    def faults_of_success(self, scratch, out):
        return ["it ended in order and the fleet runs"] if status(scratch) else []

    def faults_afterwards(self, scratch):
        ringfleet(scratch, "down")  # of a fleet that went on in the background, or of what a killed one left
        next_up = ringfleet(scratch, "up", "-d", topology(scratch))
        if next_up.returncode != 0:
            return [f"the next up fails: {next_up.stderr}"]
        answer = ringfleet(scratch, "call", "echo", "echo", "--data", "next")
        return [] if answer.stdout == "next" else [f"the next fleet does not answer: {answer.stderr}"]


class UpDetached(Up):
    processes = (0, 1)

    def arguments(self, scratch):
        return ["up", "-d", topology(scratch)]

    def attend(self, disturbed):
        disturbed.look_until(lambda: False)
        self.runs = (status(disturbed.scratch) or status(disturbed.scratch)) is not None
        # The fault may be waiting for the one who asks: then the next one is answered.
        for _ in range(2):
            if ringfleet(disturbed.scratch, "down").returncode in (0, NOT_RUNNING):
                break

    def faults_of_success(self, scratch, out):
        return [] if self.runs else ["it says 0 and no fleet runs"]


ROWS = {"cli-status": Status, "cli-call": Call, "cli-call-file": CallOfAFile, "cli-reload": Reload, "cli-down": Down,
        "cli-up": Up, "cli-up-detached": UpDetached}


def play(scratch, name, plan):
    """The row, the command as it went, what the injector says, and the fleet that was there before."""
    row = ROWS[name]()
    fleet = None
    if row.needs_fleet:
        fleet = subprocess.Popen([RINGFLEET, "up", topology(scratch)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, env=environment(scratch))
        for line in fleet.stdout:
            if " is up, pid " in line:
                break
    disturbed = Disturbed(scratch, plan, row.arguments(scratch))
    row.attend(disturbed)
    return row, disturbed, disturbed.wait(), fleet


def stop(scratch, fleet):
    """Everything goes down; what is a fault of that."""
    last = ringfleet(scratch, "down")
    if last.returncode not in (0, NOT_RUNNING):  # one that was killed may have asked already: the fleet is on its way down
        last = ringfleet(scratch, "down")
    faults = [f"down: {last.stderr}"] if last.returncode not in (0, NOT_RUNNING) else []
    if fleet:
        fleet.communicate(timeout=DEADLINE_S)
        if fleet.returncode != 0:
            faults.append(f"up ended with {fleet.returncode}")
    for path in scratch.directory.rglob("*"):
        if not path.is_dir() and path.name not in ("lock", "up.log"):
            faults.append(f"file left: {path}")
    return faults


def cases_of(name):
    with Scratch() as scratch:
        row, disturbed, told, fleet = play(scratch, name, ("record",))
        if told["code"] != 0 or row.faults_of_success(scratch, disturbed.texts()[0]):
            raise SystemExit(f"{name} fails by itself: {disturbed.texts()}")
        stop(scratch, fleet)
        cases, storms = [], set()
        for place, arguments in places_of(disturbed.lines):
            if place.process in row.processes:
                cases += [] if plausible.is_repetition(place) else [(name, place, "kill")]
                if plausible.name_of(place.call) != "prctl":  # here it only takes or gives back a death signal
                    cases += errors_at(name, place, arguments, storms)
        return cases


def faults_of_refusal(kind, code, err):
    """One line that says what was done to what, why it failed, and what to do; and a code that docs/cli.md knows."""
    faults = []
    if kind in ("EINTR", "storm"):
        faults.append("a call that was interrupted is to be made again, not refused")
    if code not in EXIT_CODES:
        faults.append(f"no such exit code: {code}")
    lines = [line for line in err.splitlines() if not line.startswith("[")]  # [module/serial]: the runners' words
    if len(lines) != 1 or not lines[0].startswith("ringfleet: ") or not lines[0].endswith(")") or lines[0].count(": ") < 2:
        faults.append("not one line that says what, why and what to do")
    return [f"{fault}: exit code {code}: {err.strip()}" for fault in faults]


def try_case(case):
    name, place, kind = case
    number = kind if kind in ("kill", "storm") else plausible.number_of(kind)
    with Scratch() as scratch:
        row, disturbed, told, fleet = play(scratch, name, (*place, number))
        out, err = disturbed.texts()
        problems = faults_of_end(told)
        if not told["reached"]:
            verdict = "unreached"
        elif told["signal"]:
            verdict = "killed"
            if kind != "kill" or place.process != 0:
                problems.append(f"ended by signal {told['signal']}")
        else:
            verdict = "refused" if told["code"] else "tolerated"
        if verdict == "tolerated" and kind == "kill":
            verdict = "killed"  # the fleet in the background, when it was up: the next one starts, see below
        elif verdict in ("unreached", "tolerated"):
            problems += [f"exit code {told['code']}: {err}"] if told["code"] else row.faults_of_success(scratch, out)
        elif verdict == "refused":
            problems += faults_of_refusal(kind, told["code"], err)
        problems += row.faults_afterwards(scratch)
        problems += stop(scratch, fleet)
        return verdict, problems, {}


if __name__ == "__main__":
    sys.exit(run(list(ROWS), cases_of, try_case, lambda _: SAMPLE))
