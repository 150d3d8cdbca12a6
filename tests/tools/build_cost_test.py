# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""tools/build_cost: what it records, how it adds up, and that a budget that is not kept fails."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD_COST = Path(__file__).resolve().parent.parent.parent / "tools" / "build_cost"
OBJECT = "modules/log/CMakeFiles/millrace_log.dir/src/record.cpp.o"
TEST = "modules/log/CMakeFiles/log_test.dir/tests/record_test.cpp.o"
HEADER = "modules/log/CMakeFiles/header_check_log.dir/__/__/header_check/millrace_log_log.hpp.cpp.o"
PROGRAM = "apps/millrace/CMakeFiles/millrace.dir/main.cpp.o"
HARNESS = "tests/retail/CMakeFiles/retail_harness.dir/run.cpp.o"
SPANS = [
    (0, 500, OBJECT, "a1"),
    (0, 2000, OBJECT, "a1"),
    (100, 4100, TEST, "b2"),
    (0, 1000, HEADER, "c3"),
    (0, 1000, PROGRAM, "d4"),
    (0, 1000, HARNESS, "e5"),
    (2000, 2100, "modules/log/libmillrace_log.a", "f6"),
    (5000, 5500, "bin/tests/log_test", "a7"),
    (5000, 5500, "bin/tests/log_test.map", "a7"),
]
RECORDS = [(OBJECT, 1.5, 100.0), (OBJECT, 0.5, 120.0), (TEST, 3.25, 400.0), (HEADER, 0.75, 90.0), ("bin/tests/log_test", 0.25, 50.0)]


def call(*arguments, directory=None):
    return subprocess.run([sys.executable, "-B", BUILD_COST, *arguments], cwd=directory, capture_output=True, text=True, check=False)


class BuildCost(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = Path(directory.name)

    def write(self, spans=(), records=()):
        if spans:
            lines = [f"{begin}\t{end}\t17\t{output}\t{command}" for begin, end, output, command in spans]
            (self.build / ".ninja_log").write_text("\n".join(["# ninja log v5", *lines]) + "\n")
        if records:
            lines = [json.dumps({"output": output, "cpu_s": cpu_s, "wall_s": 1, "peak_mb": mb}) for output, cpu_s, mb in records]
            (self.build / "build_cost.jsonl").write_text("\n".join(lines) + "\n")

    def report(self):
        done = call("report", self.build, "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["builds"][0]

    def test_each_module_and_kind_has_a_row_with_cpu_from_the_record_and_wall_from_ninja(self):
        self.write(SPANS, RECORDS)
        rows = {(row["module"], row["kind"]): (row["edges"], row["cpu_s"], row["wall_s"], row["peak_mb"]) for row in self.report()["rows"]}
        self.assertEqual(
            rows,
            {
                ("modules/log", "library"): (1, 2.0, 2.0, 120.0),
                ("modules/log", "tests"): (1, 3.2, 4.0, 400.0),
                ("modules/log", "headers"): (1, 0.8, 1.0, 90.0),
                ("modules/log", "link"): (1, None, 0.1, None),
                ("programs", "link"): (1, 0.2, 0.5, 50.0),
                ("apps/millrace", "program"): (1, None, 1.0, None),
                ("tests/retail", "tests"): (1, None, 1.0, None),
            },
        )

    def test_the_totals_add_up_all_rows(self):
        self.write(SPANS, RECORDS)
        build = self.report()
        self.assertEqual(build["total"], {"edges": 7, "cpu_s": 6.2, "wall_s": 9.6})
        self.assertEqual(build["kinds"]["tests"], {"edges": 2, "cpu_s": 3.2, "wall_s": 5.0})

    def test_a_build_without_a_record_has_wall_seconds_and_says_what_is_missing(self):
        self.write(SPANS)
        done = call("report", self.build)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("No CPU seconds", done.stdout)
        self.assertIsNone(self.report()["total"]["cpu_s"])

    def test_a_directory_without_a_build_and_a_damaged_record_are_refused_by_name(self):
        done = call("report", self.build)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(self.build), done.stderr)
        (self.build / "build_cost.jsonl").write_text('{"output": "a.o", "cpu_s": 1, "peak_mb": 1}\n{"output"\n')
        done = call("report", self.build)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("build_cost.jsonl:2:", done.stderr)

    def test_a_recorded_command_keeps_its_output_and_exit_code_and_its_cpu_is_counted(self):
        busy = "import sys\nprint(sum(range(3_000_000)))\nsys.exit(3)"
        done = call("record", "--", sys.executable, "-c", busy, "-o", "modules/a/CMakeFiles/a.dir/a.cpp.o", directory=self.build)
        self.assertEqual((done.returncode, done.stdout), (3, "4499998500000\n"))
        entry = json.loads((self.build / "build_cost.jsonl").read_text())
        self.assertEqual(entry["output"], "modules/a/CMakeFiles/a.dir/a.cpp.o")
        self.assertGreater(entry["cpu_s"], 0)
        self.assertGreater(entry["peak_mb"], 0)

    def test_a_run_over_its_budget_fails_and_names_the_part_and_both_figures(self):
        run = {"cpu_s": 1400.0, "wall_s": 700.0, "build_cpu_s": 1200.0, "rest_cpu_s": 200.0, "budget": {"build": 1200, "rest": 200}}
        for part, cpu_s, said in (
            ("build", 1200.0, ""),
            ("build", 1201.0, "./test: the build takes 1,201 CPU s; its budget is 1,200"),
            ("rest", 201.0, "./test: the rest (configuration, checks, running the tests) takes 201 CPU s; its budget is 200"),
        ):
            file = self.build / "run.json"
            file.write_text(json.dumps({"builds": [], "runs": {"test": {**run, f"{part}_cpu_s": cpu_s}}}))
            done = call("report", file)
            self.assertEqual(done.returncode, 1 if said else 0, done.stderr)
            self.assertTrue(done.stderr.startswith(said), done.stderr)
            self.assertEqual(done.stderr.count("its budget"), 1 if said else 0)

    def test_help_names_the_commands(self):
        done = call("--help")
        self.assertEqual(done.returncode, 0)
        for word in ("report", "build", "run", "cold"):
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    unittest.main()
