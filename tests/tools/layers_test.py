# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The build refuses a module that links a module of its own or a higher layer."""
import subprocess
import tempfile
import unittest
from pathlib import Path

MODULE_FUNCTIONS = Path(__file__).resolve().parent.parent.parent / "cmake" / "MillraceModule.cmake"


def check(module, *depends):
    """Runs the check of one module's DEPENDS as a CMake script."""
    script = f'include("{MODULE_FUNCTIONS}")\nmillrace_check_layers({module} {" ".join(depends)})\n'
    with tempfile.NamedTemporaryFile("w", suffix=".cmake") as file:
        file.write("cmake_minimum_required(VERSION 3.25)\n" + script)
        file.flush()
        return subprocess.run(["cmake", "-P", file.name], capture_output=True, text=True, check=False)


class LayersTest(unittest.TestCase):
    def assert_refused(self, reason, module, *depends):
        outcome = check(module, *depends)
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn(reason, " ".join(outcome.stderr.split()))

    def test_a_lower_layer_may_be_linked(self):
        outcome = check("stream", "millrace::base", "millrace::log")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)

    def test_a_higher_layer_is_refused(self):
        self.assert_refused("log (layer 2) may not depend on stream (layer 4)", "log", "millrace::stream")

    def test_the_same_layer_is_refused(self):
        self.assert_refused("codec (layer 1) may not depend on telemetry (layer 1)", "codec", "millrace::telemetry")

    def test_what_is_no_module_is_refused(self):
        self.assert_refused("DEPENDS takes millrace::<module>", "log", "fmt::fmt")


if __name__ == "__main__":
    unittest.main()
