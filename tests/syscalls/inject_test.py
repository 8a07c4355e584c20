#!/usr/bin/env python3
"""What the injector has to get right whatever the machine is busy with, brought about without chance.

    inject_test.py INJECT INJECTED"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

INJECT, INJECTED = sys.argv[1:3]
SKIP = 77
DEADLINE_S = 120  # a watchdog
READ = "0"  # the number of the system call; the injector works on x86-64 alone
STEP_OF_READ = 4
CALLS, SHARE_MAX = 100, 10


def wait_until(condition, injector):
    while not (result := condition()):
        if injector.poll() is not None:
            sys.exit(SKIP if injector.returncode == SKIP else f"the injector ended with {injector.returncode}")
        os.sched_yield()
    return result


def text_of(path):
    try:
        return path.read_text()
    except OSError:  # it has just ended, or was not there yet
        return ""


def is_in_state(state, *tasks):
    return all(text_of(task / "stat").rpartition(")")[2].split()[:1] == [state] for task in tasks)


def children_of(process):
    return [Path("/proc", pid) for task in process.glob("task/*") for pid in text_of(task / "children").split()]


def reader_of(injector, descriptor):
    """The thread of the injector's child that waits for something to read there."""
    for process in children_of(Path("/proc", str(injector.pid))):
        for task in process.glob("task/*"):
            if text_of(task / "syscall").split()[:2] == [READ, hex(descriptor)]:
                return task
    return None


@contextlib.contextmanager
def injector_of(plan, play, descriptors):
    """The injector at its work, and what it says at last: `told`."""
    with tempfile.TemporaryDirectory(prefix="inject") as directory:
        report = Path(directory, "report")
        injector = subprocess.Popen([INJECT, report, *plan, INJECTED, *map(str, play)], pass_fds=descriptors,
                                    stdout=subprocess.PIPE, text=True)
        injector.told = lambda: json.loads(report.read_text().splitlines()[-1])
        try:
            yield injector
        finally:
            injector.kill()  # and with it whoever it traces
            injector.wait()


def a_child_whose_parent_dies_before_its_birth_is_announced_goes_on():
    forks, stepped, born = os.pipe(), os.pipe(), os.pipe()
    play = ("unannounced", forks[0], stepped[0], born[1])
    with injector_of(("steps", str(STEP_OF_READ)), play, play[1:]) as injector:
        os.close(born[1])
        forker = wait_until(lambda: reader_of(injector, forks[0]), injector)
        reader = wait_until(lambda: reader_of(injector, stepped[0]), injector)
        parent = forker.parent.parent
        injector.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_in_state("T", Path("/proc", str(injector.pid))), injector)
        os.write(forks[1], b"f")
        wait_until(lambda: children_of(parent) and is_in_state("t", forker, *children_of(parent)), injector)
        os.write(stepped[1], b"s")
        wait_until(lambda: is_in_state("t", reader), injector)
        injector.send_signal(signal.SIGCONT)
        injector.wait(DEADLINE_S)
        told = injector.told()
    expected = {"when": "gone", "reached": True, "hung": False, "signal": signal.SIGKILL, "left": [], "crashes": []}
    assert {key: told[key] for key in expected} == expected, told
    assert os.read(born[0], 2) == b"f", "the child did not go on"


def who_makes_call_after_call_does_not_keep_the_others_waiting():
    """On one processor, an injector that gives way to everybody finds the first thread stopped again whenever it looks."""
    begin = os.pipe()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    with injector_of(("record",), ("busy", begin[0], CALLS), begin[:1]) as injector:
        os.sched_setaffinity(0, everywhere)
        wait_until(lambda: reader_of(injector, begin[0]), injector)
        os.sched_setscheduler(injector.pid, os.SCHED_IDLE, os.sched_param(0))
        os.write(begin[1], b"b")
        made = int(injector.communicate(timeout=DEADLINE_S)[0])
    assert made < SHARE_MAX * CALLS, f"the first thread made {made} calls while the second one made {CALLS}"


def main():
    a_child_whose_parent_dies_before_its_birth_is_announced_goes_on()
    who_makes_call_after_call_does_not_keep_the_others_waiting()


if __name__ == "__main__":
    main()
