#!/usr/bin/env python3
"""The mutation gate: breaks one line of protocol code at a time and demands that a quick test notices.

    mutate.py BUILD [--tsan-build BUILD] [--sample N] [--seed S] [--only NAME…] [--jobs J] [--list]

A mutant costs the compilation of one test program: the changed header lies in a folder of its own that comes first on
the include path (a changed source is compiled from there), the program is made again from the sources that the mutant
names, and linked as the build folder links it. Nothing in the source tree or in the build folder's own targets is
touched. A mutant is killed when the program fails, crashes or hangs. Without --sample all of them are tried; the seed
of a sample is the commit's, so that every commit tries others and anybody can repeat it.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "lib" / "ringfleet"
SPIN_SECONDS = 90  # of processor time
SLEEP_SECONDS = 60  # on the clock, with less than a second of processor time


class Unusable(Exception):
    """The table or the build folder is wrong: no verdict on the code."""


def mutated_text(mutant):
    text = (LIBRARY / mutant.file).read_text()
    count = text.count(mutant.before)
    if count != 1:
        raise Unusable(f"{mutant.name}: its text occurs {count} times in {mutant.file}; bring tests/mutation/mutants.py up to date")
    return text.replace(mutant.before, mutant.after)


class Build:
    """How one build folder compiles and links."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        commands = json.loads((self.folder / "compile_commands.json").read_text())
        self.compile = {entry["output"]: entry for entry in commands}

    def object_of(self, target, source):
        """The object of `source` in `target`, as its command names it."""
        wanted = os.path.normpath(os.path.join(os.path.dirname(target), source))
        for output, entry in self.compile.items():
            path = os.path.relpath(os.path.join(self.folder, entry["file"]), ROOT)
            if output.startswith(target + ".p/") and os.path.normpath(path) == wanted:
                return output
        raise Unusable(f"{target} has no source {source}")

    def object_of_ours(self, source):
        """The object of a file of ours in one of the static libraries."""
        wanted = LIBRARY / source
        for output, entry in self.compile.items():
            if pathlib.Path(self.folder, entry["file"]).resolve() == wanted:
                return output
        raise Unusable(f"lib/ringfleet has no source {source}")

    def prepare(self, targets):
        """The unchanged programs: they make the libraries and generated headers that a mutant is linked with."""
        if targets:  # without any, ninja would build everything
            subprocess.run(["ninja", "-C", self.folder, *sorted(targets)], check=True, stdout=subprocess.DEVNULL)

    def link_command(self, target):
        lines = subprocess.run(["ninja", "-C", self.folder, "-t", "commands", "-s", target], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        return shlex.split(lines[-1])


def run(command, folder, **options):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **options)


def processor_seconds(session):
    """What the processes of a session have used, and their children that have ended."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def status_of(child):
    """Its status, when it has ended; None when it hangs: it spins, or sleeps. One that has to wait for a processor, on a
    machine with other work, does neither."""
    worked, worked_at = 0.0, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(1)
        used, now = processor_seconds(child.pid), time.monotonic()
        if used - worked >= 1:
            worked, worked_at = used, now
        if used >= SPIN_SECONDS or now - worked_at >= SLEEP_SECONDS:
            return None


def try_mutant(mutant, build):
    """("killed" or "survived", how)."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        overlay = pathlib.Path(scratch) / "include"
        changed = overlay / "ringfleet" / mutant.file
        changed.parent.mkdir(parents=True)
        changed.write_text(mutated_text(mutant))
        target = mutant.proof.target
        objects = []
        depth = len(pathlib.PurePath(target).parts) - 1
        main = "../" * (depth - 1) + "main.cpp"
        sources = (*mutant.proof.sources, main) if mutant.proof.is_doctest else mutant.proof.sources
        outputs = [build.object_of(target, source) for source in sources]
        outputs += [build.object_of_ours(source) for source in mutant.proof.linked]
        changed_object = build.object_of_ours(mutant.file) if mutant.file.endswith(".cpp") else None
        for number, output in enumerate(outputs):
            entry = build.compile[output]
            command = shlex.split(entry["command"])
            made = os.path.join(scratch, f"{number}.o")
            command[command.index("-o") + 1] = made
            for flag in ("-MF", "-MQ"):
                command[command.index(flag) + 1] = made + ".d"
            first = next(place for place, word in enumerate(command) if word.startswith("-"))
            command[first:first] = [f"-I{overlay}"]
            if output == changed_object:
                command[-1] = str(changed)
            result = run(command, build.folder)
            if result.returncode != 0:
                raise Unusable(f"{mutant.name} does not compile\n{result.stdout[-2000:]}")
            objects.append(made)
        program = os.path.join(scratch, "mutant")
        command = [part for part in build.link_command(target) if f"{target}.p/" not in part]
        place = command.index("-o")
        command[place:place + 2] = ["-o", program, *objects]
        result = run(command, build.folder)
        if result.returncode != 0:
            raise Unusable(f"{mutant.name}: cannot link {target}\n{result.stdout[-2000:]}")
        environment = {"TSAN_OPTIONS": "halt_on_error=1", **os.environ}
        # A group of its own: what a failed test has forked goes with it.
        arguments = [*(["--abort-after=1"] if mutant.proof.is_doctest else []), *mutant.proof.arguments]
        child = subprocess.Popen([program, *arguments], cwd=scratch, env=environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            status = status_of(child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if status == 0:
            return "survived", "every test passed"
        return "killed", "hangs" if status is None else "crashes" if status < 0 else "noticed"


def parse(arguments):
    parser = argparse.ArgumentParser(description="Breaks one line of protocol code at a time; a test must notice.")
    parser.add_argument("build", nargs="?", help="a configured build folder")
    parser.add_argument("--tsan-build", help="a build folder with ThreadSanitizer, for the weakened memory orders")
    parser.add_argument("--sample", type=int, help="how many to try (default: all)")
    parser.add_argument("--seed", help="of the sample (default: the commit)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, by name or by its beginning")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="the mutants, and nothing else")
    options = parser.parse_args(arguments)
    if not options.build and not options.list:
        parser.error("which build folder?")
    return options


def chosen(options):
    """What is to be tried, whether it can be or not: a seed draws the same sample everywhere."""
    mutants = MUTANTS
    if options.only:
        mutants = [mutant for mutant in MUTANTS if mutant.name.startswith(tuple(options.only))]
        if not mutants:
            raise Unusable(f"no mutant is called {' or '.join(options.only)}; --list names them")
    seed = options.seed
    if options.sample and options.sample < len(mutants):
        if seed is None:
            head = run(["git", "rev-parse", "--short", "HEAD"], ROOT)
            seed = head.stdout.strip() if head.returncode == 0 else "no commit"
        mutants = sorted(random.Random(seed).sample(mutants, options.sample), key=MUTANTS.index)
    return mutants, seed


def main():
    options = parse(sys.argv[1:])
    for mutant in MUTANTS:
        mutated_text(mutant)  # also those that are not tried now must still apply
    if options.list:
        for mutant in MUTANTS:
            print(f"{mutant.name:<44} {mutant.kind:<8} {mutant.file:<34} {mutant.proof.target.rsplit('/', 1)[1]}")
        return 0
    wanted, seed = chosen(options)
    builds = {"plain": Build(options.build)}
    if options.tsan_build:
        builds["tsan"] = Build(options.tsan_build)
    mutants = [mutant for mutant in wanted if mutant.proof.preset in builds]
    not_run = [mutant for mutant in wanted if mutant.proof.preset not in builds]
    for preset, build in builds.items():
        build.prepare({mutant.proof.target for mutant in mutants if mutant.proof.preset == preset})
    print(f"{len(mutants)} of {len(MUTANTS)} mutants" + (f", seed {seed}" if seed else ""), flush=True)
    for mutant in not_run:
        print(f"- {mutant.name:<44} not run: there is no build with ThreadSanitizer (./dev sanitize makes it)", flush=True)

    def timed(mutant):
        begin = time.monotonic()
        return (*try_mutant(mutant, builds[mutant.proof.preset]), time.monotonic() - begin)

    noticed, excused, wrong = 0, 0, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (verdict, how, seconds) in zip(mutants, pool.map(timed, mutants)):
            expected = "survived" if mutant.survives else "killed"
            noticed += verdict == expected == "killed"
            excused += verdict == expected == "survived"
            if verdict != expected:
                wrong.append(mutant.name)
            note = mutant.survives if verdict == "survived" and mutant.survives else how
            print(f"{'  ' if verdict == expected else '! '}{mutant.name:<44} {verdict:<8} {seconds:5.1f} s  {note}", flush=True)
    reasons = {mutant.name: mutant.survives for mutant in mutants}
    for name in wrong:
        print(f"mutate: {name} was expected to {'survive' if reasons[name] else 'be noticed'}")
    tried = sum(1 for mutant in mutants if not mutant.survives)
    print(f"totals: code_mutants={noticed}/{tried} mutants_survive_with_reason={excused} "
          f"mutants_not_run={len(not_run)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unusable as trouble:
        print(f"mutate: {trouble}", file=sys.stderr)
        sys.exit(2)
