#!/usr/bin/env python3
"""Does what a page tells its reader to do: each code block of C or C++ that is followed by a compiler's command is
written to the file that the command names and compiled by that very command; each `ringfleet call` behind it must print
what the page says behind the `#`. by_hand_test.py RINGFLEET SOURCE PAGE…"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FENCE = re.compile(r"^```(cpp|c|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Reader:
    def __init__(self, ringfleet, source):
        self.ringfleet = str(Path(ringfleet).resolve())
        # The pages speak of an installed header, or of a shell in the source tree.
        self.environment = dict(os.environ, CPATH=str(Path(source) / "runner" / "include"))
        self.failures = []
        self.calls = 0

    def run(self, where, command, folder):
        result = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            self.failures.append(f"{where}: {shlex.join(command)}: exit {result.returncode}\n{result.stderr}")
        return result

    def follow(self, page):
        code = None
        for kind, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if kind != "sh":
                code = text
                continue
            with tempfile.TemporaryDirectory() as folder:
                for line in text.splitlines():
                    self.step(page.name, line, code, folder)

    def step(self, where, line, code, folder):
        command = shlex.split(line, comments=True)
        said = line.partition("    # ")[2]
        if command and command[0] in ("gcc", "g++"):
            written = [word for word in command if re.search(r"\.c(pp)?$", word)]
            Path(folder, written[0]).write_text(code, encoding="utf-8")
            self.run(where, command, folder)
        elif "call" in command and any(word.startswith("./") and word.endswith(".so") for word in command):
            self.calls += 1
            result = self.run(where, [self.ringfleet, *command[command.index("call"):]], folder)
            if result.stdout != said or result.stderr:
                self.failures.append(f"{where}: {line}: printed {result.stdout!r} and {result.stderr!r}")


def main():
    if not (shutil.which("gcc") and shutil.which("g++")):
        return 77  # skipped: the pages' commands name them
    reader = Reader(sys.argv[1], sys.argv[2])
    for page in sys.argv[3:]:
        before = reader.calls
        reader.follow(Path(page))
        if reader.calls - before < 3:
            reader.failures.append(f"{page}: C++, C and level 1 are called by hand, found {reader.calls - before} calls")
    print("\n".join(reader.failures))
    return 1 if reader.failures else 0


if __name__ == "__main__":
    sys.exit(main())
