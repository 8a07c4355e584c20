#!/usr/bin/env python3
"""The checker is checked: a clean small tree passes, and each violation planted in it is found, by its rule."""

import sys
import tempfile
import unittest
from pathlib import Path

import checks

OPENING = "#pragma once\n\n// A header of the planted tree, with an opening paragraph as each has.\n\n"

CLEAN = {
    "meson.build": "project('x', version: '1.2.3')\n",
    "CHANGELOG.md": "# Changes\n\n## 1.2.3\n\nFirst.\n",
    "README.md": "# x\n\n```cpp\nint answer = 42;\nuse(answer);\n```\n",
    "docs/examples/meson.build": "executable('a', 'a.cpp')\n",
    "docs/examples/a.cpp": "int main() {\n  int answer = 42;\n  use(answer);\n}\n",
    "docs/memory-model.md": "| `ring.commit` | release in a | acquire in b |\n",
    "lib/ringfleet/base/meson.build": "headers = ['a.hpp', 'atomics.hpp']\n",
    "lib/ringfleet/base/a.hpp": OPENING + '#include <atomic>\nstd::atomic<int> process_local;\n// 1\'000 and "volatile" in words\n',
    "lib/ringfleet/base/atomics.hpp": OPENING + "auto order = std::memory_order_relaxed;\n",
    "lib/ringfleet/ring/meson.build": "headers = ['ring.hpp', 'ring_layout.hpp']\nlib = 'ring.cpp'\n",
    "lib/ringfleet/ring/ring.hpp": OPENING + '#include "ringfleet/base/a.hpp"\n',
    "lib/ringfleet/ring/ring_layout.hpp": OPENING + "struct Ring { unsigned long cursor; };\n",
    "lib/ringfleet/ring/ring.cpp":
        "// SYNC ring.commit: release; pairs with acquire in b.\n// SYNC ring.commit: acquire; pairs with release in a.\n",
    "tests/ring/meson.build": "executable('t', 't.cpp')\n",
    "tests/ring/t.cpp": "int main() {}\n",
    "runner/meson.build": "executable('r', 'main.cpp')\n",
    "runner/main.cpp": '#include "ringfleet/ring/ring.hpp"\n',
}
ALLOWED = {"atomics": {"lib/ringfleet/base/atomics.hpp": "the policy"}}


def violations(changes):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**CLEAN, **changes}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return checks.check_tree(Path(folder), ALLOWED)


class Planted(unittest.TestCase):
    def assert_found(self, rule, path, changes):
        found = violations(changes)
        self.assertIn((rule, path), [(r, p) for p, _, r, _ in found], found)

    def test_a_clean_tree_passes(self):
        self.assertEqual(violations({}), [])

    def test_an_include_that_points_up_is_found(self):
        self.assert_found("include", "lib/ringfleet/base/a.hpp",
                          {"lib/ringfleet/base/a.hpp": OPENING + '#include "ringfleet/ring/ring.hpp"\n'})

    def test_an_include_of_a_sister_room_is_found(self):
        self.assert_found("include", "lib/ringfleet/ring/ring.hpp",
                          {"lib/ringfleet/ring/ring.hpp": OPENING + '#include "ringfleet/counter/counter_file.hpp"\n'})

    def test_a_program_that_reaches_too_high_is_found(self):
        self.assert_found("include", "runner/main.cpp", {"runner/main.cpp": '#include "ringfleet/fleet/fleet.hpp"\n'})

    def test_a_foreign_detail_header_is_found(self):
        self.assert_found("include", "runner/main.cpp", {"runner/main.cpp": '#include "ringfleet/ring/detail/x.hpp"\n'})

    def test_a_relative_include_is_found(self):
        self.assert_found("include", "lib/ringfleet/ring/ring.cpp",
                          {"lib/ringfleet/ring/ring.cpp": CLEAN["lib/ringfleet/ring/ring.cpp"] + '#include "ring.hpp"\n'})

    def test_third_party_in_the_wrong_room_is_found(self):
        self.assert_found("include", "lib/ringfleet/ring/ring.cpp",
                          {"lib/ringfleet/ring/ring.cpp": "#include <toml++/toml.h>\n"})

    def test_third_party_in_a_header_is_found(self):
        self.assert_found("include", "lib/ringfleet/base/a.hpp",
                          {"lib/ringfleet/base/a.hpp": OPENING + "#include <fmt/format.h>\n"})

    def test_a_leftover_at_the_top_is_found(self):
        self.assert_found("top", "crash-loan_fuzz", {"crash-loan_fuzz": "x"})

    def test_a_mutex_in_a_layout_is_found(self):
        self.assert_found("layout", "lib/ringfleet/ring/ring_layout.hpp",
                          {"lib/ringfleet/ring/ring_layout.hpp": OPENING + "struct Ring { std::mutex lock; };\n"})

    def test_a_sleep_in_a_test_is_found(self):
        self.assert_found("sleep", "tests/ring/t.cpp",
                          {"tests/ring/t.cpp": "int main() { std::this_thread::sleep_for(1s); }\n"})

    def test_volatile_is_found_and_an_asm_volatile_is_not(self):
        self.assert_found("volatile", "tests/ring/t.cpp", {"tests/ring/t.cpp": "volatile int x;\n"})
        self.assertEqual(violations({"tests/ring/t.cpp": 'void f() { asm volatile("yield"); }\n'}), [])

    def test_a_look_at_the_wall_clock_is_found_in_the_product(self):
        text = "auto now = std::chrono::system_clock::now();\n"
        self.assert_found("clock", "runner/main.cpp", {"runner/main.cpp": text})
        self.assertEqual(violations({"tests/ring/t.cpp": text}), [])

    def test_a_memory_order_outside_the_policy_is_found(self):
        self.assert_found("atomics", "runner/main.cpp",
                          {"runner/main.cpp": "int x = a.load(std::memory_order_relaxed);\n"})

    def test_a_leftover_marker_is_found_in_comments_and_prose(self):
        self.assert_found("marker", "runner/main.cpp", {"runner/main.cpp": "// TODO later\n"})
        self.assert_found("marker", "README.md", {"README.md": CLEAN["README.md"] + "This is a stub.\n"})

    def test_a_header_without_opening_paragraph_is_found(self):
        self.assert_found("opening", "lib/ringfleet/base/a.hpp",
                          {"lib/ringfleet/base/a.hpp": "#pragma once\n\n#include <atomic>\n"})

    def test_a_source_or_header_that_no_meson_build_names_is_found(self):
        self.assert_found("listed", "tests/ring/other.cpp", {"tests/ring/other.cpp": "int x;\n"})
        self.assert_found("listed", "lib/ringfleet/base/b.hpp", {"lib/ringfleet/base/b.hpp": OPENING})

    def test_an_edge_with_one_end_is_found(self):
        self.assert_found("sync", "lib/ringfleet/ring/ring.cpp",
                          {"lib/ringfleet/ring/ring.cpp": "// SYNC ring.commit: release; pairs with acquire in b.\n"})

    def test_an_edge_missing_from_the_memory_model_is_found_and_a_row_without_edge_too(self):
        self.assert_found("sync", "lib/ringfleet/ring/ring.cpp", {"docs/memory-model.md": "nothing\n"})
        self.assert_found("sync", "docs/memory-model.md",
                          {"docs/memory-model.md": CLEAN["docs/memory-model.md"] + "| `ring.gone` | a | b |\n"})

    def test_a_counter_without_a_row_and_a_row_without_a_counter_are_found(self):
        source = 'auto a = file.counter("calls");\nauto b = file.gauge("age.p50_ns"), c = file.gauge("age.p99_ns");\n'
        main = CLEAN["runner/main.cpp"] + source
        page = "## A runner\n\n| label | kind | counts |\n|---|---|---|\n| `calls` | counter | calls |\n"
        ages = "| `age.p50_ns`, `.p99_ns` | gauge | ages |\n"
        self.assertEqual(violations({"runner/main.cpp": main, "docs/counters.md": page + ages}), [])
        self.assert_found("counters", "runner/main.cpp", {"runner/main.cpp": main, "docs/counters.md": page})
        self.assert_found("counters", "runner/main.cpp",
                          {"runner/main.cpp": main, "docs/counters.md": page.replace("A runner", "A publisher") + ages})
        self.assert_found("counters", "docs/counters.md",
                          {"runner/main.cpp": main, "docs/counters.md": page + ages + "| `none` | counter | none |\n"})

    def test_a_file_that_is_too_long_is_found(self):
        self.assert_found("length", "tests/ring/t.cpp", {"tests/ring/t.cpp": "int x;\n" * 401})

    def test_a_changelog_of_another_version_is_found(self):
        self.assert_found("version", "CHANGELOG.md", {"CHANGELOG.md": "# Changes\n\n## 1.2.2\n"})

    def test_readme_code_that_is_in_no_example_is_found(self):
        self.assert_found("readme", "README.md", {"README.md": "```cpp\nint answer = 43;\n```\n"})

    def test_an_exception_that_nothing_needs_is_found(self):
        self.assert_found("exception", "tests/tidy/exceptions.py", {"lib/ringfleet/base/atomics.hpp": OPENING})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
