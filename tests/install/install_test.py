#!/usr/bin/env python3
"""The installed tree as a user meets it: headers, pkg-config file, programs and modules, and the project as a meson
subproject. install_test.py SOURCE BUILD PREFIX COMPILER…; the build is finished, nothing of it is built again."""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD, PREFIX, *COMPILER = sys.argv[1:]
SOURCE = Path(SOURCE)

PARENT = """project('parent', 'cpp', version: '1', meson_version: '>=1.0.0', default_options: ['cpp_std=c++20'])
ringfleet_dep = dependency('ringfleet', fallback: 'ringfleet')
executable('parent', 'main.cpp', dependencies: ringfleet_dep)
"""


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, **options)
    if result.returncode != 0:
        raise AssertionError(f"exit {result.returncode}: {' '.join(map(str, command))}\n{result.stdout}")
    return result.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="ringfleet-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.stage = cls.folder / "stage"
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.stage)
        cls.root = cls.stage / PREFIX.lstrip("/")
        cls.bin = cls.root / "bin"
        # No hint of the build tree, and a runtime directory of its own.
        cls.env = {name: value for name, value in os.environ.items() if not name.startswith("RINGFLEET_")}
        cls.env["RINGFLEET_DIR"] = str(cls.folder / "run")
        Path(cls.env["RINGFLEET_DIR"]).mkdir(mode=0o700)
        pc_file = next(cls.root.rglob("ringfleet.pc"))
        cls.env["PKG_CONFIG_PATH"] = str(pc_file.parent)
        cls.module_dir = Path(cls.pkg_config("--variable=moduledir"))

    @classmethod
    def pkg_config(cls, *arguments):
        return run("pkg-config", f"--define-variable=prefix={cls.root}", *arguments, "ringfleet", env=cls.env).strip()

    def test_each_header_compiles_alone(self):
        headers = sorted((self.root / "include").rglob("*.h*"))
        self.assertGreater(len(headers), 40)

        def compiles(header):
            path = header.relative_to(self.root / "include")
            return run(*COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-include",
                       path, "-I", self.root / "include", "/dev/null")

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compiles, headers))

    def test_pkg_config_says_how_to_build_the_first_program_of_the_readme(self):
        flags = self.pkg_config("--cflags", "--libs")
        for foreign in ("-I/usr/include ", "TOML", "BOOST"):
            self.assertNotIn(foreign, flags)
        program = self.folder / "call_zstd"
        run(*COMPILER, "-std=c++20", SOURCE / "docs/examples/call_zstd.cpp", "-o", program, *flags.split())
        self.env["PATH"] = f"{self.bin}:{self.env['PATH']}"
        self.env["LD_LIBRARY_PATH"] = self.pkg_config("--variable=libdir")
        self.assertIn("equal", run(program, self.module_dir / "zstd_v1.so", env=self.env))

    def test_pkg_config_says_how_to_build_the_first_program_of_the_transport(self):
        flags = self.pkg_config("--cflags", "--libs").split()
        channel = f"install-{os.getpid()}"
        programs = [self.folder / "ticks_producer", self.folder / "ticks_consumer"]
        for program in programs:
            run(*COMPILER, "-std=c++20", SOURCE / f"docs/examples/{program.name}.cpp", "-o", program, *flags)
        env = dict(self.env, LD_LIBRARY_PATH=self.pkg_config("--variable=libdir"))
        try:
            with subprocess.Popen([programs[0], channel], env=env) as producer:
                ticks = run(programs[1], channel, env=env).splitlines()
                self.assertEqual(producer.wait(), 0)
        finally:
            for path in Path("/dev/shm").glob(f"ringfleet.{channel}*"):
                path.unlink()
        self.assertEqual(ticks, [f"{number} 99.5" for number in range(1, 1001)])

    def test_the_programs_find_runner_and_modules_in_their_own_tree(self):
        program = self.bin / "ringfleet"
        answer = run(program, "call", self.module_dir / "echo.so", "echo", "--data", "hello", env=self.env)
        self.assertEqual(answer.strip(), "hello")
        data = self.folder / "data"
        data.mkdir()
        (data / "text").write_text("something to compress " * 1000)
        run(program, "demo", data, "--seconds", "1", "--runners", "1", env=self.env)

    def test_a_module_needs_nothing_but_the_installed_header(self):
        module = self.folder / "greeter.so"
        run(*COMPILER, "-std=c++20", "-shared", "-fPIC", "-I", self.root / "include",
            SOURCE / "docs/examples/greeter.cpp", "-o", module)
        greeting = run(self.bin / "ringfleet", "call", module, "greet", "--data", "world", env=self.env)
        self.assertEqual(greeting.strip(), "hello world")

    def test_a_meson_project_uses_the_source_as_a_subproject(self):
        parent = self.folder / "parent"
        (parent / "subprojects").mkdir(parents=True)
        (parent / "subprojects/ringfleet").symlink_to(SOURCE)
        (parent / "meson.build").write_text(PARENT)
        (parent / "main.cpp").write_text("#include <ringfleet/fleet/client.hpp>\nint main() {}\n")
        run("meson", "setup", "--fatal-meson-warnings", "-Dringfleet:bench=disabled", parent / "build", parent,
            env={name: value for name, value in self.env.items() if name != "PKG_CONFIG_PATH"})
        run("ninja", "-C", parent / "build", "parent.p/main.cpp.o")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
