#!/usr/bin/env python3
"""Checks the structure of the tree: tidy.py ROOT. Prints one line per violation; exit status 1 if there is any."""

import sys
from pathlib import Path

import checks


def main():
    violations = checks.check_tree(Path(sys.argv[1]))
    for path, number, rule, text in violations:
        print(f"{path}:{number}: [{rule}] {text}")
    print(f"tidy: {len(violations)} violations" if violations else "tidy: the structure holds")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
