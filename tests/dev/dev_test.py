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
TOOLS = ["bash", "env", "cat", "cp", "dirname", "find", "sort", "xargs", "basename", "tr", "awk", "tee", "mktemp", "rm",
         "mkdir", "touch", "test", "sed", "grep"]

DPKG_QUERY = """for package; do :; done
[ ! -e "$MISSING/$package" ] && echo installed"""
APT_GET = """echo "apt-get $*" >>"$LOG"
[ -z "${OFFLINE:-}" ] || exit 100
case "$*" in *install*) rm -f "$MISSING"/* ;; esac"""
SUDO = """echo sudo >>"$LOG"
exec "$@" """
MESON = """echo "meson $*${RINGFLEET_TEST_ROUNDS:+ rounds=$RINGFLEET_TEST_ROUNDS}${RINGFLEET_SYSCALLS:+ rows=$RINGFLEET_SYSCALLS}" >>"$LOG"
case "$1" in
  setup) mkdir -p "$2"; touch "$2/build.ninja" ;;
  test) mkdir -p "$3/meson-logs"; echo "totals: $3=1" >"$3/meson-logs/testlog.txt"
    cat "$MISSING/../sums"; exit "${TEST_STATUS:-0}" ;;
esac"""
PYTHON = """shift
echo "python3 $*" >>"$LOG"
case "$1" in
  */totals.py) exit "${TOTALS_STATUS:-0}" ;;
  */mutate.py) echo "totals: code_mutants=9/9"; exit "${MUTANTS_STATUS:-0}" ;;
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
    flips = "flip_frame flip_producer flip_ring flip_member flip_call flip_lane flip_file"

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.bin = self.folder / "bin"
        self.missing = self.folder / "missing"
        self.bin.mkdir()
        self.missing.mkdir()
        (self.folder / "sums").write_text(SUMS.format(ok=3, fail=0, skip=0))
        (self.folder / "tests").mkdir()
        for script in ("dev", "tests/layers.sh"):
            shutil.copy(SOURCE / script, self.folder / script)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, body in {"dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "meson": MESON, "ninja": NINJA,
                           "python3": PYTHON, "id": "echo 0"}.items():
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
        (self.folder / "tests/fuzz").mkdir()
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

    def test_chosen_tests_are_built_by_meson_which_knows_what_they_need(self):
        _, log = self.dev("test", "--suite", "call")
        self.assertIn("meson test -C build --print-errorlogs --suite call\n", log)
        self.assertNotIn("ninja", log)

    def test_each_layer_is_a_command_that_runs_its_tests_and_adds_them_up(self):
        for command, tests in {"explore": "--suite explore", "flips": self.flips,
                               "syscalls": "--suite syscalls -v -t 0",
                               "zoo": "--suite runner --suite fleet --no-suite explore --no-suite kill"}.items():
            with self.subTest(command):
                result, log = self.dev(command)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"meson test -C build --print-errorlogs {tests}\n", log)
                self.assertNotIn("ninja", log)
                self.assertIn("totals.py build/meson-logs/testlog.txt\n", log)
                self.assertEqual(result.stdout.splitlines()[-1], "3 passed, 0 failed")
                self.assertIn(f"\n./dev {command} ", self.dev("help")[0].stdout)

    def test_a_layer_that_fails_says_1(self):
        (self.folder / "sums").write_text(SUMS.format(ok=7, fail=1, skip=0))
        result, _ = self.dev("explore", TEST_STATUS="1")
        self.assertEqual(result.returncode, 1)

    def test_a_count_makes_explorer_and_flips_go_further_for_as_long_as_it_takes(self):
        self.assertIn("--suite explore -t 0 rounds=5000000\n", self.dev("explore", "5000000")[1])
        self.assertIn(f"{self.flips} -t 0 rounds=70\n", self.dev("flips", "70")[1])
        result, log = self.dev("explore", "deep")
        self.assertEqual((result.returncode, log), (2, ""))
        self.assertIn("how many? 'deep' is no number from 1 on", result.stderr)

    def test_rows_of_the_matrix_of_system_calls_are_chosen_by_name(self):
        self.assertIn("--suite syscalls -v -t 0 rows=all\n", self.dev("syscalls", "all")[1])
        self.assertIn(" rows=fleet-load,cli-up\n", self.dev("syscalls", "fleet-load", "cli-up")[1])

    def test_the_run_of_the_build_machine_adds_up_all_its_logs_at_its_end(self):
        result, log = self.dev("ci")
        self.assertEqual(result.returncode, 0, result.stderr)
        *_, mutants, totals = log.splitlines()
        self.assertIn("mutate.py build --tsan-build build-tsan --sample 10", mutants)
        self.assertRegex(totals, r"totals.py --complete \S+/build-asan.txt \S+/build-tsan.txt \S+/build.txt \S+/mutants.log$")
        self.assertEqual(result.stdout.splitlines()[-1], "11 passed, 0 failed")

    def test_a_run_of_the_build_machine_that_has_proven_nothing_in_a_layer_fails(self):
        result, _ = self.dev("ci", TOTALS_STATUS="1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-2:], ["the totals: see above", "10 passed, 1 failed"])

    def test_a_mutant_that_nobody_notices_fails_the_run_of_the_build_machine(self):
        result, _ = self.dev("ci", MUTANTS_STATUS="1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("the sample of mutants: see above", result.stdout)

    def everything(self, *arguments, body='[ "$1" != flips ] && [ "$1" != coverage ]'):
        """All layers, each of which `dev` starts as a program of its own: here one that writes down what it was asked."""
        shutil.copy(self.folder / "dev", self.folder / "front")
        script = self.folder / "front"
        (self.folder / "dev").write_text(f'#!{shutil.which("bash")}\necho "layer $*" >>"$LOG"\n{body}\n')
        log = self.folder / "log"
        log.write_text("")
        result = subprocess.run([str(script), "soak", "--all", *arguments], capture_output=True, text=True, check=False,
                                env={"PATH": str(self.bin), "LOG": str(log), "MISSING": str(self.missing),
                                     "TMPDIR": str(self.folder)})
        return result, [line.removeprefix("layer ") for line in log.read_text().splitlines() if line.startswith("layer ")]

    def test_the_soak_of_everything_runs_every_layer_as_far_as_it_goes(self):
        result, layers = self.everything("5", "--seed", "7", body="true")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(layers, ["soak 5 --seed 7", "models", "explore 1000000", "kills", "flips 2000000", "syscalls all",
                                  "zoo", "mutants", "valgrind", "fuzz all 300", "coverage"])
        self.assertEqual(result.stdout.splitlines()[-1], "11 passed, 0 failed")

    def test_a_layer_that_fails_does_not_stop_the_others_and_is_told_at_the_end(self):
        result, layers = self.everything()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(layers), 11)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[-1], "9 passed, 2 failed")
        self.assertRegex(lines[-2], r"^FAILED  coverage  \d+ min  \(./dev coverage\)$")
        self.assertRegex(lines[0], r"^passed  random  \d+ min  \(./dev soak 30\)$")

    def test_an_unknown_command_shows_the_commands(self):
        result, _ = self.dev("bulid")
        self.assertEqual(result.returncode, 2)
        self.assertIn("./dev build", result.stderr)
        self.assertIn("no such command: bulid", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
