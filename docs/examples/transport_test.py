#!/usr/bin/env python3
"""The transport's examples, run as their page tells: transport_test.py NAME PROGRAM…"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PATIENCE = 60


class Scene:
    """A channel name and a runtime directory that no other run has."""

    def __init__(self, programs):
        self.programs = programs
        self.channel = f"example-{os.getpid()}"
        self.folder = tempfile.TemporaryDirectory()
        self.environment = dict(os.environ, RINGFLEET_DIR=self.folder.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for path in Path("/dev/shm").glob(f"ringfleet.{self.channel}*"):
            path.unlink()
        self.folder.cleanup()

    def start(self, program, *arguments):
        return subprocess.Popen([self.programs[program], *(arguments or [self.channel])], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @staticmethod
    def output(process):
        said = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0, f"{process.args}: exit {process.returncode}, said {said!r}"
        return said.splitlines()


def ticks(scene):
    expected = [f"{number} 99.5" for number in range(1, 1001)]
    for consumers in (1, 3):
        for producer_at in (0, consumers):  # the first one to be started, or the last
            running = [scene.start("ticks_consumer") for _ in range(producer_at)]
            producer = scene.start("ticks_producer", scene.channel, str(consumers))
            running += [scene.start("ticks_consumer") for _ in range(consumers - producer_at)]
            assert scene.output(producer) == []
            for consumer in running:
                assert scene.output(consumer) == expected
    alone = [scene.start("ticks_consumer"), scene.start("ticks_producer")]  # told nothing, it waits for one
    assert [scene.output(process) for process in alone] == [expected, []]
    sources = [Path(__file__).with_name(f"{program}.cpp") for program in scene.programs]
    lines = sum(len(source.read_text(encoding="utf-8").splitlines()) for source in sources)
    assert lines <= 15, f"a producer and a consumer are {lines} lines together"


def ticks_1p3c(scene):
    said = scene.output(scene.start("ticks_1p3c"))
    expected = [f"consumer {number}: 100000 ticks in order, then detached" for number in (1, 2, 3)]
    assert sorted(said) == expected, said


def followers(scene):
    said = scene.output(scene.start("followers"))
    assert said == ["10000 ticks, each after the journal and the replica"], said


def typed_messages(scene):
    said = scene.output(scene.start("typed_messages"))
    assert said[:3] == ["tick 7 at 99.5", "order RNG, 2 prices up to 2.5", "note: markets are open"], said
    assert len(said) == 4 and "fingerprint" in said[3], said


def flatbuffers_in_place(scene):
    said = scene.output(scene.start("flatbuffers_in_place"))
    assert said == ["RNG, 2 prices from 99.50, read in the ring"], said


def big_frames_zero_copy(scene):
    said = scene.output(scene.start("big_frames_zero_copy"))
    assert len(said) == 8 and all(", in the arena " in line for line in said), said


def restart_and_resume(scene):
    for _ in range(2):
        said = scene.output(scene.start("restart_and_resume"))
        assert said == ["new: ticks 1 to 300", "resumed: ticks 301 to 1000"], said


def epoll_reader(scene):
    said = scene.output(scene.start("epoll_reader"))
    assert said == ["10000 ticks in order"], said


CASES = {
    case.__name__: case
    for case in (ticks, ticks_1p3c, followers, typed_messages, flatbuffers_in_place, big_frames_zero_copy,
                 restart_and_resume, epoll_reader)
}


def main():
    programs = {Path(program).name: program for program in sys.argv[2:]}
    with Scene(programs) as scene:
        CASES[sys.argv[1]](scene)


if __name__ == "__main__":
    main()
