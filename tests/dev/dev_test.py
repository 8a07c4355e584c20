#!/usr/bin/env python3
"""The front door on machines we do not have: `dev` in a folder of its own, with a package manager, meson and ninja that
only write down what they were asked."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1])
TOOLS = ["bash", "env", "cat", "dirname", "find", "sort", "xargs", "basename", "tr", "awk", "tee", "mktemp", "rm", "mkdir",
         "touch", "test"]

DPKG_QUERY = """for package; do :; done
[ ! -e "$MISSING/$package" ] && echo installed"""
APT_GET = """echo "apt-get $*" >>"$LOG"
[ -z "${OFFLINE:-}" ] || exit 100
case "$*" in *install*) rm -f "$MISSING"/* ;; esac"""
SUDO = """echo sudo >>"$LOG"
exec "$@" """
MESON = """echo "meson $*" >>"$LOG"
case "$1" in
  setup) mkdir -p "$2"; touch "$2/build.ninja" ;;
  test) cat "$MISSING/../sums"; exit "${TEST_STATUS:-0}" ;;
esac"""
NINJA = """echo "ninja $*" >>"$LOG"
exit "${NINJA_STATUS:-0}" """

SUMS = """1/3 a OK 0.01s
Ok:                 {ok}
Expected Fail:      0
Fail:               {fail}
Unexpected Pass:    0
Skipped:            {skip}
Timeout:            0
"""


class FrontDoor(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.bin = self.folder / "bin"
        self.missing = self.folder / "missing"
        self.bin.mkdir()
        self.missing.mkdir()
        (self.folder / "sums").write_text(SUMS.format(ok=3, fail=0, skip=0))
        shutil.copy(SOURCE / "dev", self.folder / "dev")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, body in {"dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "meson": MESON, "ninja": NINJA,
                           "id": "echo 0"}.items():
            self.program(name, body)

    def program(self, name, body):
        path = self.bin / name
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def dev(self, *arguments, **environment):
        log = self.folder / "log"
        log.write_text("")
        result = subprocess.run(
            [str(self.folder / "dev"), *arguments], capture_output=True, text=True, check=False,
            env={"PATH": str(self.bin), "LOG": str(log), "MISSING": str(self.missing), "TMPDIR": str(self.folder),
                 **environment})
        return result, log.read_text()

    def test_nothing_missing_means_no_call_of_the_package_manager(self):
        result, log = self.dev("build")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("apt-get", log)
        self.assertIn("meson setup build", log)

    def test_a_second_run_configures_nothing(self):
        self.dev("build")
        _, log = self.dev("build")
        self.assertEqual(log, "ninja -C build\n")

    def test_what_is_missing_is_installed_and_nothing_else(self):
        (self.missing / "libfmt-dev").touch()
        (self.missing / "meson").touch()
        result, log = self.dev("build")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("update", log)
        self.assertRegex(log, r"install -y --no-install-recommends meson libfmt-dev\n")
        self.assertIn("installing 2 missing packages: meson libfmt-dev", result.stderr)
        self.assertNotIn("sudo", log)

    def test_sudo_is_used_by_those_who_are_not_root(self):
        (self.missing / "g++").touch()
        self.program("id", "echo 1000")
        self.program("sudo", SUDO)
        result, log = self.dev("build")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(log.startswith("sudo\napt-get"), log)

    def test_without_root_and_sudo_it_says_what_to_install(self):
        (self.missing / "g++").touch()
        self.program("id", "echo 1000")
        result, log = self.dev("build")
        self.assertEqual(result.returncode, 2)
        self.assertIn("missing packages: g++; not root and no sudo", result.stderr)
        self.assertIn("sudo apt-get install g++", result.stderr)
        self.assertNotIn("apt-get", log)

    def test_without_a_network_it_names_the_package_and_the_command(self):
        (self.missing / "libtomlplusplus-dev").touch()
        result, log = self.dev("build", OFFLINE="1")
        self.assertEqual(result.returncode, 2)
        self.assertIn("could not install: libtomlplusplus-dev", result.stderr)
        self.assertIn("sudo apt-get install libtomlplusplus-dev", result.stderr)
        self.assertNotIn("meson", log)

    def test_the_last_line_of_test_is_the_sum(self):
        result, _ = self.dev("test")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "3 passed, 0 failed")

    def test_a_failed_test_is_counted_and_the_exit_status_is_1(self):
        (self.folder / "sums").write_text(SUMS.format(ok=7, fail=2, skip=1))
        result, _ = self.dev("test", TEST_STATUS="1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-2:], ["1 skipped", "7 passed, 2 failed"])

    def test_what_failed_is_said_once_more_before_the_sum(self):
        (self.folder / "sums").write_text("1/2 tests / ring   FAIL   0.10s\nring_test.cpp:7: wrong\n2/2 tests / os   OK   0.10s\n"
                                          "Summary of Failures:\n1/2 tests / ring FAIL 0.10s\n" + SUMS.format(ok=1, fail=1, skip=0))
        result, _ = self.dev("test", TEST_STATUS="1")
        self.assertEqual(result.stdout.splitlines()[-4:], ["== what failed", "build: 1/2 tests / ring   FAIL   0.10s",
                                                           "ring_test.cpp:7: wrong", "1 passed, 1 failed"])

    def test_a_build_that_breaks_is_a_failure_and_not_nothing(self):
        result, _ = self.dev("test", NINJA_STATUS="1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_what_it_says_itself_is_plain_on_a_pipe_and_not_on_stdout(self):
        result, _ = self.dev("build")
        self.assertEqual(result.stdout, "")
        self.assertNotIn("\033", result.stderr)

    def fuzz_targets(self, *names):
        (self.folder / "tests/fuzz").mkdir(parents=True)
        for name in [*names, "driver"]:
            (self.folder / "tests/fuzz" / f"{name}.cpp").touch()

    def test_fuzz_alone_lists_the_targets_and_needs_nothing(self):
        self.fuzz_targets("loan", "codec")
        result, log = self.dev("fuzz")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.split(), ["codec", "loan"])
        self.assertEqual(log, "")

    def test_fuzz_of_an_unknown_target_names_those_that_there_are(self):
        self.fuzz_targets("loan")
        result, log = self.dev("fuzz", "laon")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no fuzz target 'laon'; there are: all loan", result.stderr)
        self.assertEqual(log, "")

    def fuzzed(self, body):
        self.fuzz_targets("loan")
        self.program("grep", 'exec ' + shutil.which("grep") + ' "$@"')
        (self.folder / "build-fuzz/tests/fuzz").mkdir(parents=True)
        program = self.folder / "build-fuzz/tests/fuzz/loan_fuzz"
        program.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        program.chmod(0o755)
        return self.dev("fuzz", "loan", "5")[0]

    def test_the_last_line_of_fuzz_is_the_sum_of_executions(self):
        result = self.fuzzed('echo "stat::number_of_executed_units: 42" >&2')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "totals: fuzz_executions=42 fuzz_findings=0")

    def test_a_finding_says_where_it_is_and_how_to_see_it_again(self):
        result = self.fuzzed('echo "Test unit written to build-fuzz/finding-loan-crash-1" >&2; exit 77')
        self.assertEqual(result.returncode, 1)
        self.assertIn("See it again: build-fuzz/tests/fuzz/loan_fuzz build-fuzz/finding-loan-crash-1", result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "totals: fuzz_executions=0 fuzz_findings=1")

    def test_the_soak_has_what_it_starts_built_and_gets_its_arguments(self):
        program = self.folder / "build/tests/soak/soak"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!{shutil.which('bash')}\necho \"soak $*\"\nexit 1\n")
        program.chmod(0o755)
        result, log = self.dev("soak", "5", "--seed", "7")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "soak 5 --seed 7\n")
        self.assertIn("ninja -C build soak-parts", log)

    def test_an_unknown_command_shows_the_commands(self):
        result, _ = self.dev("bulid")
        self.assertEqual(result.returncode, 2)
        self.assertIn("./dev build", result.stderr)
        self.assertIn("no such command: bulid", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
