# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""A small clean tree for the tests of tools/tidy, and what they ask of it."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIDY = ROOT / "tools" / "tidy"
ERROR_PAGES = ROOT / "tools" / "generate_error_pages.py"
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n// Copyright The Millrace Authors\n"
# For code that names these; behind it, so that its first line is the third of the file.
INCLUDES = "#include <chrono>\n#include <fstream>\n#include <thread>\n"
LICENCE_CMAKE = LICENCE.replace("//", "#")

CLEAN = {
    "cmake/layers.txt": "# module layer\nbase 0\nlog 2\nstream 3\ntestkit 6\n",
    "modules/base/README.md": "# base\n",
    "modules/base/CMakeLists.txt": LICENCE_CMAKE + "millrace_module(base SOURCES src/a.cpp TESTS tests/a_test.cpp)\n",
    "modules/base/include/millrace/base/a.hpp": LICENCE + "#pragma once\nint a();\n",
    "modules/base/src/a.cpp": LICENCE + "#include <millrace/base/a.hpp>\nint a() { return 1; }\n",
    "modules/base/tests/a_test.cpp": LICENCE + "#include <millrace/testkit/driver.hpp>\n",
    "modules/log/README.md": "# log\n",
    "modules/log/CMakeLists.txt": LICENCE_CMAKE + "millrace_module(log SOURCES src/b.cpp)\n",
    "modules/log/src/b.cpp": LICENCE + '#include <millrace/base/a.hpp>\n// std::thread\nconst char* b = "rand()";\n',
}


class TidyTesting(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for name, content in CLEAN.items():
            self.write(name, content)

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def tidy(self, *options):
        command = [sys.executable, "-B", TIDY, "--root", self.root, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def assert_clean(self):
        outcome = self.tidy("--no-format")
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def assert_found(self, place, rule):
        outcome = self.tidy("--no-format")
        self.assertEqual(outcome.returncode, 1, outcome.stdout + outcome.stderr)
        self.assertIn(f"{place}: {rule}: ", outcome.stdout)
        self.assertIn(" 1 findings", outcome.stdout)

    def add_to_log(self, code):
        self.write("modules/log/src/b.cpp", LICENCE + code)

    def add_header(self, code):
        self.write("modules/base/include/millrace/base/a.hpp", LICENCE + code)
