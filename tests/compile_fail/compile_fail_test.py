#!/usr/bin/env python3
"""What must not compile does not, for the reason that stands in its first line; what is beside it, with CONTROL
defined, does. compile_fail_test.py SOURCE COMPILER… -- SNIPPET…"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE = sys.argv[1]
COMPILER = sys.argv[2:sys.argv.index("--")]
SNIPPETS = [Path(name) for name in sys.argv[sys.argv.index("--") + 1:]]


def compiled(snippet, *arguments):
    command = [*COMPILER, "-std=c++20", "-fsyntax-only", "-fno-diagnostics-color", "-D_GNU_SOURCE",
               f"-I{SOURCE}/lib", *arguments, str(snippet)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


class MustNotCompile(unittest.TestCase):
    def test_snippets(self):
        self.assertGreaterEqual(len(SNIPPETS), 4)
        for snippet in SNIPPETS:
            with self.subTest(snippet.name):
                reason = re.match(r"// says: (.+)", snippet.read_text(encoding="utf-8")).group(1)
                control = compiled(snippet, "-DCONTROL")
                self.assertEqual(control.returncode, 0, control.stdout)
                refused = compiled(snippet)
                self.assertNotEqual(refused.returncode, 0, "it compiles")
                self.assertRegex(refused.stdout, reason)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
