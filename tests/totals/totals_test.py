#!/usr/bin/env python3
"""The totals of logs that we write here: totals_test.py TOTALS."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOTALS = sys.argv[1]
COMPLETE = """totals: boundaries=5 scenarios=1 images=3 recoveries=2
totals: boundaries=2 scenarios=1 images=1 recoveries=2
totals: flips=4 scenarios=1 reads=2
totals: executions=1000 explored_deaths=7
totals: model_states=11504070 models=5 mutants_killed=63/63
totals: syscall_cases=9 deploy_boundaries=40 failures=0
totals: soak_epochs=2 crashes=48
totals: fuzz_executions=8
totals: code_mutants=9/9 mutants_survive_with_reason=1
"""
TEST = """==================================== 1/3 =====================================
test:         ringfleet:{suites} / a test
start time:   07:07:13
duration:     1.51s
result:       exit status {status}
command:      a test
----------------------------------- stdout -----------------------------------
"""


class Totals(unittest.TestCase):
    def totals(self, *texts, arguments=("--complete",)):
        with tempfile.TemporaryDirectory() as folder:
            logs = [Path(folder, str(number)) for number in range(len(texts))]
            for log, text in zip(logs, texts):
                log.write_text(text)
            return subprocess.run([sys.executable, "-B", TOTALS, *arguments, *logs], capture_output=True, text=True, check=False)

    def test_the_lines_of_all_logs_are_added_up(self):
        result = self.totals(COMPLETE, "totals: boundaries=3\ntotals: code_mutants=4/5\n")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertTrue(result.stdout.startswith("totals: boundaries=10 images=4 flips=4 executions=1000 "), result.stdout)
        self.assertIn("code_mutants=13/14", result.stdout)

    def test_the_mutants_of_models_and_those_of_code_are_two_rows(self):
        result = self.totals(COMPLETE)
        self.assertIn("model_mutants=63/63 code_mutants=9/9 mutants_survive_with_reason=1", result.stdout)

    def test_the_deaths_of_a_scheduler_in_a_flip_are_not_counted_as_those_of_the_stepper(self):
        self.assertIn("boundaries=7 ", self.totals(COMPLETE).stdout)
        self.assertIn("deploy_boundaries=40 ", self.totals(COMPLETE).stdout)

    def test_a_row_that_is_missing_is_an_error_that_names_it(self):
        for line in COMPLETE.splitlines(keepends=True)[2:]:
            with self.subTest(line):
                result = self.totals(COMPLETE.replace(line, ""))
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"totals: no {line.removeprefix('totals: ').split('=')[0].replace('soak_epochs', 'crashes')} (",
                              result.stdout)

    def test_a_row_of_nothing_is_an_error(self):
        result = self.totals(COMPLETE.replace("executions=1000", "executions=0"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("totals: no executions (interleavings explored", result.stdout)
        self.assertEqual(self.totals(COMPLETE.replace("63/63", "0/63")).returncode, 1)

    def test_a_layer_that_was_skipped_is_told_and_no_error(self):
        without = COMPLETE.replace("model_states=11504070", "").replace("mutants_killed=63/63", "")
        result = self.totals(without, TEST.format(suites="model", status=77))
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("totals: no model_states: tests/model was skipped", result.stdout)

    def test_the_skip_of_another_layer_excuses_nothing(self):
        without = COMPLETE.replace("model_states=11504070", "")
        skipped = TEST.format(suites="model", status=0) + "\n" + TEST.format(suites="kill+ring", status=77)
        self.assertEqual(self.totals(without, skipped).returncode, 1)

    def test_part_of_a_run_may_be_added_up_as_well(self):
        result = self.totals("totals: fuzz_executions=8\n", arguments=())
        self.assertEqual((result.returncode, result.stdout), (0, "totals: fuzz_executions=8\n"))

    def readme_of(self, age_s):
        """What stands in a README for which a log of that age has been added up, and what was said."""
        with tempfile.TemporaryDirectory() as folder:
            tool, page, log = Path(folder, "tests/totals/totals.py"), Path(folder, "README.md"), Path(folder, "log")
            tool.parent.mkdir(parents=True)
            shutil.copy(TOTALS, tool)
            page.write_text("before\n<!-- totals: ./dev totals -->\nold\n<!-- end of totals -->\nafter\n")
            git = ["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.org"]
            for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
                subprocess.run(git + arguments, check=True)
            commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
            log.write_text("totals: executions=12345\n")
            os.utime(log, (log.stat().st_mtime - age_s,) * 2)
            done = subprocess.run([sys.executable, "-B", tool, "--readme", log], capture_output=True, text=True, check=False)
            return page.read_text(), done, commit.strip()

    def test_the_readme_says_what_was_counted_and_at_which_commit(self):
        text, done, commit = self.readme_of(age_s=0)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| 12,345 | interleavings explored, with deaths and delayed stores | `tests/explore` |\n", text)
        self.assertIn(f"Counted at commit {commit} of ", text)
        self.assertNotIn("old", text)

    def test_what_was_counted_before_the_commit_does_not_get_into_the_readme(self):
        text, done, _ = self.readme_of(age_s=3600)
        self.assertEqual(done.returncode, 1)
        self.assertIn("log is older than the commit: run that again", done.stdout)
        self.assertIn("old", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
