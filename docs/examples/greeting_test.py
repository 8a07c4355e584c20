#!/usr/bin/env python3
"""`ringfleet call MODULE greet` on the modules of README.md, with no fleet: greeting_test.py RINGFLEET MODULE…"""

import subprocess
import sys


def main():
    failed = 0
    for module in sys.argv[2:]:
        result = subprocess.run([sys.argv[1], "call", module, "greet", "--data", "world"], capture_output=True,
                                text=True, check=False)
        if result.returncode != 0 or result.stdout.rstrip("\n") != "hello world":
            failed += 1
            print(f"{module}: exit {result.returncode}, said {result.stdout!r}, {result.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
