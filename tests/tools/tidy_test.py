# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Every rule of tools/tidy finds its violation, at its line, and leaves a clean tree alone."""
import shutil
import subprocess
import sys
import unittest

from tidy_testing import CLEAN, ERROR_PAGES, INCLUDES, LICENCE, LICENCE_CMAKE, ROOT, TidyTesting

UNFINISHED = "TO" + "DO"


class TidyTest(TidyTesting):
    def test_a_clean_tree_passes(self):
        self.assert_clean()

    def test_including_a_higher_layer_is_found(self):
        self.add_to_log("#include <millrace/stream/task.hpp>\n")
        self.assert_found("modules/log/src/b.cpp:3", "layers")

    def test_including_an_unknown_module_is_found(self):
        self.add_to_log("#include <millrace/nowhere/a.hpp>\n")
        self.assert_found("modules/log/src/b.cpp:3", "layers")

    def test_only_tests_may_include_testkit_from_below(self):
        self.add_to_log("#include <millrace/testkit/driver.hpp>\n")
        self.assert_found("modules/log/src/b.cpp:3", "layers")

    def test_including_a_header_by_a_parent_path_is_found(self):
        self.add_to_log('#include "../../base/src/secret.hpp"\n')
        self.assert_found("modules/log/src/b.cpp:3", "private-header")

    def test_a_name_of_the_standard_library_without_its_header_is_found(self):
        self.write("modules/log/src/b.cpp", LICENCE + "#include <string>\nstd::optional<std::string> b;\n")
        self.assert_found("modules/log/src/b.cpp:4", "std-include")
        self.write("modules/base/include/millrace/base/a.hpp", LICENCE + "#pragma once\nstd::vector<int> a();\n")
        self.write("modules/log/src/b.cpp", LICENCE + "#include <millrace/base/a.hpp>\n#include <vector>\nstd::vector<int> b;\n")
        self.assert_found("modules/base/include/millrace/base/a.hpp:4", "std-include")

    def test_a_header_of_ours_or_of_the_standard_may_bring_another(self):
        self.write("modules/base/include/millrace/base/a.hpp", LICENCE + "#pragma once\n#include <optional>\nint a();\n")
        self.write("modules/log/src/b.cpp", LICENCE + '#include "c.hpp"\nstd::optional<int> b;\n')
        self.write("modules/log/src/c.hpp", LICENCE + '#pragma once\n#include "millrace/base/a.hpp"\n')
        self.assert_clean()
        self.write("modules/log/src/b.cpp", LICENCE + "#include <string>\nstd::string_view b;\n")
        self.assert_clean()

    def test_each_banned_call_is_found_below_the_seams(self):
        calls = [
            "std::thread t;", "std::jthread t;", "std::this_thread::sleep_for(d);", 'int f = ::open("x", 0);', "int s = ::socket(1, 2, 3);",
            "std::random_device d;", "int r = std::rand();", "int r = rand();", 'auto e = std::getenv("X");',
            'std::ifstream f("x");',
        ]  # fmt: skip
        for call in calls:
            with self.subTest(call):
                self.add_to_log("\n" + call + "\n" + INCLUDES)
                self.assert_found("modules/log/src/b.cpp:4", "banned-call")

    def test_the_real_world_is_found_where_it_should_be_passed_in(self):
        uses = [
            "auto& c = real_clock();", "auto s = millrace::real_seed();", "auto t = std::chrono::system_clock::now();",
            "auto t = std::chrono::steady_clock::now();", "clock_gettime(0, &t);", "auto t = std::time(nullptr);",
        ]  # fmt: skip
        for use in uses:
            with self.subTest(use):
                self.add_to_log("\n" + use + "\n" + INCLUDES)
                self.assert_found("modules/log/src/b.cpp:4", "real-world")

    def test_the_real_world_is_free_for_those_who_build_programs_and_for_declarations(self):
        use = "auto t = std::chrono::steady_clock::now() + real_clock().monotonic_ns();\n"
        for place in ("modules/base/src/a.cpp", "modules/base/tests/a_test.cpp"):
            with self.subTest(place):
                self.write(place, LICENCE + use + INCLUDES)
                self.assert_clean()
        self.add_to_log("Regions& real_regions();\n")
        self.assert_clean()

    def test_the_same_calls_are_free_above_the_seams(self):
        self.write("modules/base/src/a.cpp", LICENCE + "std::thread t;\n" + INCLUDES)
        self.assert_clean()

    def test_names_that_only_resemble_a_banned_call_are_free(self):
        self.add_to_log("int x = operand(1) + File::open(p) + std::thread::id() + random.rand(2);\n" + INCLUDES)
        self.assert_clean()

    def test_a_mutex_that_clang_cannot_check_is_found(self):
        uses = [
            "std::mutex m;", "std::shared_mutex m;", "std::recursive_mutex m;", "std::lock_guard l(m);", "std::unique_lock l(m);",
            "std::scoped_lock l(m);", "std::shared_lock l(m);", "std::condition_variable c;", "std::condition_variable_any c;",
        ]  # fmt: skip
        for use in uses:
            with self.subTest(use):
                self.write("modules/base/src/a.cpp", LICENCE + use + "\n")
                self.assert_found("modules/base/src/a.cpp:3", "bare-mutex")

    def test_such_a_mutex_is_found_outside_of_the_modules_too(self):
        self.write("examples/shop/state.hpp", LICENCE + "#pragma once\nstd::mutex m;\n")
        self.assert_found("examples/shop/state.hpp:4", "bare-mutex")

    def test_the_header_of_checked_mutexes_and_tests_may_use_plain_ones(self):
        self.write("modules/base/include/millrace/base/mutex.hpp", LICENCE + "#pragma once\nstd::mutex m;\n")
        self.write("modules/base/tests/a_test.cpp", LICENCE + "std::mutex m;\n")
        self.assert_clean()

    def test_an_exemption_with_a_reason_lets_a_finding_pass(self):
        self.add_to_log("std::thread t;\n" + INCLUDES)
        self.write("tools/tidy_exemptions.txt", "banned-call modules/log/src/b.cpp it is an adapter\n")
        self.assert_clean()

    def test_an_exemption_without_a_reason_is_found(self):
        self.add_to_log("std::thread t;\n" + INCLUDES)
        self.write("tools/tidy_exemptions.txt", "banned-call modules/log/src/b.cpp\n")
        self.assert_found("tools/tidy_exemptions.txt:1", "exemption")

    def test_an_exemption_that_nothing_needs_is_found(self):
        self.write("tools/tidy_exemptions.txt", "banned-call modules/log/src/b.cpp it was an adapter\n")
        self.assert_found("tools/tidy_exemptions.txt:1", "exemption")

    def test_a_sleeping_test_is_found(self):
        self.write("modules/base/tests/a_test.cpp", LICENCE + "std::this_thread::sleep_for(1s);\n")
        self.assert_found("modules/base/tests/a_test.cpp:3", "test-sleep")

    def test_a_file_past_400_lines_is_found(self):
        self.add_to_log("int b;\n" * 399)
        self.assert_found("modules/log/src/b.cpp:400", "file-length")

    def test_a_file_that_is_one_state_machine_may_have_600_lines_and_no_more(self):
        self.write("tools/tidy_exemptions.txt", "file-length modules/log/src/b.cpp it is one state machine\n")
        self.add_to_log("int b;\n" * 399)
        outcome = self.tidy("--no-format")
        self.assertEqual(outcome.returncode, 0, outcome.stdout)
        self.add_to_log("int b;\n" * 599)
        self.assert_found("modules/log/src/b.cpp:600", "file-length-max")

    def test_a_class_with_functions_in_two_sources_is_found(self):
        self.write("modules/log/src/c.cpp", LICENCE + "void Lane::open() {}\nLane::Lane() {}\n")
        self.write("modules/log/CMakeLists.txt", LICENCE_CMAKE + "millrace_module(log SOURCES src/b.cpp src/c.cpp)\n")
        self.add_to_log("int call() { return Lane::count(); }\n  Lane::open();\nusing Lane::close(int);\n")
        self.assert_clean()
        self.add_to_log("Result<int> Lane::close(int code) {\n")
        self.assert_found("modules/log/src/c.cpp:3", "one-source")

    def test_a_number_of_two_decisions_is_found(self):
        self.write("docs/decisions/0001-a.md", "# 1. A\n")
        self.write("docs/decisions/0002-b.md", "# 2. B\n")
        self.assert_clean()
        self.write("docs/decisions/0002-c.md", "# 2. C\n")
        self.assert_found("docs/decisions/0002-c.md:1", "decision")

    def test_a_decision_with_another_number_in_its_title_is_found(self):
        self.write("docs/decisions/0002-b.md", "# 3. B\n")
        self.assert_found("docs/decisions/0002-b.md:1", "decision")

    def test_a_function_past_70_lines_is_a_warning(self):
        self.add_to_log("int b() {\n" + "  f();\n" * 70 + "}\n")
        outcome = self.tidy("--no-format")
        self.assertEqual(outcome.returncode, 0)
        self.assertIn("b.cpp:3: warning: function-length", outcome.stdout)

    def test_a_test_that_no_build_file_names_is_found(self):
        self.write("modules/log/tests/b_test.cpp", LICENCE)
        self.assert_found("modules/log/tests/b_test.cpp:1", "registered")

    def test_a_test_in_a_comment_of_the_build_file_is_not_registered(self):
        self.write("modules/log/tests/b_test.cpp", LICENCE)
        content = CLEAN["modules/log/CMakeLists.txt"] + "# tests/b_test.cpp\n"
        self.write("modules/log/CMakeLists.txt", content)
        self.assert_found("modules/log/tests/b_test.cpp:1", "registered")

    def test_a_source_that_no_build_file_names_is_found(self):
        self.write("modules/log/src/c.cpp", LICENCE)
        self.assert_found("modules/log/src/c.cpp:1", "registered")

    def test_a_source_that_a_glob_of_the_build_file_matches_is_registered(self):
        glob = "file(GLOB more CONFIGURE_DEPENDS src/m*.cpp)\n"
        self.write("modules/log/CMakeLists.txt", CLEAN["modules/log/CMakeLists.txt"] + glob)
        self.write("modules/log/src/more.cpp", LICENCE)
        self.assert_clean()
        self.write("modules/log/src/m/deep.cpp", LICENCE)
        self.assert_found("modules/log/src/m/deep.cpp:1", "registered")

    def test_a_script_test_that_no_build_file_names_is_found(self):
        self.write("tests/tools/CMakeLists.txt", LICENCE_CMAKE)
        self.write("tests/tools/x_test.py", LICENCE_CMAKE)
        self.assert_found("tests/tools/x_test.py:1", "registered")

    def test_a_module_without_a_readme_is_found(self):
        (self.root / "modules/log/README.md").unlink()
        self.assert_found("modules/log:1", "module-shape")

    def test_a_header_without_pragma_once_is_found(self):
        self.add_header("int a();\n")
        self.assert_found("modules/base/include/millrace/base/a.hpp:1", "pragma-once")

    def test_each_heavy_header_is_found_in_a_public_header(self):
        for header in ("regex", "iostream", "filesystem", "future", "boost/asio.hpp", "simdjson.h", "spdlog/spdlog.h"):
            with self.subTest(header):
                self.add_header(f"#pragma once\n#include <{header}>\n")
                self.assert_found("modules/base/include/millrace/base/a.hpp:4", "heavy-header")

    def test_describing_structs_with_boost_in_a_public_header_is_free(self):
        self.add_header("#pragma once\n#include <boost/describe.hpp>\n")
        self.assert_clean()

    def test_a_source_without_a_licence_line_is_found(self):
        self.write("modules/log/src/b.cpp", "// Copyright The Millrace Authors\n")
        self.assert_found("modules/log/src/b.cpp:1", "licence")

    def test_unfinished_work_is_found(self):
        self.add_to_log(f"// {UNFINISHED}: more\n")
        self.assert_found("modules/log/src/b.cpp:3", "unfinished")

    def test_markers_of_a_conflict_are_found(self):
        for marker in ("<" * 7 + " HEAD", ">" * 7 + " 1a2b3c4 Add b"):
            with self.subTest(marker):
                self.write("docs/a.md", f"# a\n{marker}\n")
                self.assert_found("docs/a.md:2", "conflict")

    def test_what_trails_a_line_is_found(self):
        self.add_to_log("int b; \n")
        self.assert_found("modules/log/src/b.cpp:3", "whitespace")

    def test_a_missing_last_newline_is_found(self):
        self.add_to_log("int b;")
        self.assert_found("modules/log/src/b.cpp:3", "whitespace")

    def test_a_broken_script_is_found(self):
        self.write("go", "#!/bin/bash\n" + LICENCE_CMAKE + "if true\n")
        self.assert_found("go:5", "shell-syntax")

    def test_a_file_above_5_mb_is_found(self):
        self.write("examples/x/data.csv", "x" * 5_000_001)
        self.assert_found("examples/x/data.csv:1", "file-size")

    def test_a_large_file_needs_its_licence_beside_it(self):
        self.write("examples/x/data.csv", "x" * 1_000_001)
        self.assert_found("examples/x/data.csv:1", "file-size")
        self.write("examples/x/README.md", "Licence: CC BY 4.0\n")
        self.assert_clean()

    def add_error_code(self, comment, name="base.broken"):
        self.add_header(f'#pragma once\n{comment}inline constexpr ErrorCode broken{{"{name}"}};\n')
        subprocess.run([sys.executable, "-B", ERROR_PAGES, "--root", self.root], check=True)

    def test_an_error_code_with_cause_and_remedy_has_its_page(self):
        self.add_error_code("/// It broke\n/// in two. Remedy: repair it.\n")
        self.assert_clean()
        page = (self.root / "docs/errors/base.broken.md").read_text()
        self.assertIn("**Cause.** It broke in two.\n", page)
        self.assertIn("**Remedy.** Repair it.\n", page)
        self.assertIn("`millrace::errc::broken`", page)
        self.assertIn("| [base.broken](base.broken.md) | It broke in two |", (self.root / "docs/errors/README.md").read_text())

    def test_an_error_code_without_a_remedy_is_found(self):
        self.add_error_code("/// It broke.\n")
        self.assert_found("modules/base/include/millrace/base/a.hpp:5", "error-page")

    def test_an_error_code_under_the_name_of_another_module_is_found(self):
        self.add_error_code("/// It broke. Remedy: repair it.\n", "log.broken")
        self.assert_found("modules/base/include/millrace/base/a.hpp:5", "error-page")

    def test_an_error_page_that_says_something_else_is_found(self):
        self.add_error_code("/// It broke. Remedy: repair it.\n")
        self.add_header('#pragma once\n/// It broke. Remedy: buy another.\ninline constexpr ErrorCode broken{"base.broken"};\n')
        self.assert_found("docs/errors/base.broken.md:1", "error-page")

    def test_an_error_page_without_its_code_is_found(self):
        self.add_error_code("/// It broke. Remedy: repair it.\n")
        self.write("docs/errors/base.gone.md", "# base.gone\n")
        self.assert_found("docs/errors/base.gone.md:1", "error-page")
        self.add_error_code("/// It broke. Remedy: repair it.\n")
        self.assert_clean()

    def test_an_error_code_without_an_example_is_found(self):
        self.write("tools/error_examples.md", "# Examples\n\n## base.broken\nIt fell, see [the guide](../docs/errors/README.md).\n")
        self.add_error_code("/// It broke. Remedy: fix it.\n")
        self.assert_clean()
        page = (self.root / "docs/errors/base.broken.md").read_text()
        self.assertIn("**Example.** It fell, see [the guide](../errors/README.md).\n", page)
        self.write("tools/error_examples.md", "# Examples\n\n## base.broken\n")
        self.add_error_code("/// It broke. Remedy: fix it.\n")
        self.assert_found("modules/base/include/millrace/base/a.hpp:5", "error-page")

    def test_an_example_of_no_error_code_is_found(self):
        self.write("tools/error_examples.md", "# Examples\n\n## base.gone\nIt fell.\n\n## base.broken\nIt fell.\n")
        self.add_error_code("/// It broke. Remedy: fix it.\n")
        self.assert_found("tools/error_examples.md:3", "error-page")

    def add_example(self, guide):
        self.write("examples/x/CMakeLists.txt", LICENCE_CMAKE + "millrace_executable(x SOURCES main.cpp)\n")
        self.write("examples/x/main.cpp", LICENCE + "namespace {\n  // [f]\n  int f();\n  // [g]\n  int g();\n  // [g]\n  // [f]\n}\n")
        self.write("docs/guide/x.md", guide)

    def test_code_of_the_guide_that_equals_its_example_passes(self):
        self.add_example("# x\n\n```cpp file=examples/x/main.cpp part=f\nint f();\nint g();\n```\n```sh\nls\n```\n")
        self.assert_clean()

    def test_code_of_the_guide_that_differs_from_its_example_is_found(self):
        self.add_example("# x\n\n```cpp file=examples/x/main.cpp part=g\nint h();\n```\n")
        self.assert_found("docs/guide/x.md:3", "snippet")

    def test_code_of_the_guide_from_a_missing_part_is_found(self):
        self.add_example("```cpp file=examples/x/main.cpp part=h\nint h();\n```\n")
        self.assert_found("docs/guide/x.md:1", "snippet")

    def test_code_of_the_guide_from_no_example_is_found(self):
        self.add_example("```cpp\nint h();\n```\n")
        self.assert_found("docs/guide/x.md:1", "snippet")

    def test_a_link_to_nowhere_is_found(self):
        self.write("docs/a.md", "# a\n[log](../modules/log), [this](#a), [web](https://example.org/x), [base](../modules/base/README.md#base)\n")
        self.assert_clean()
        self.write("docs/a.md", "# a\n[stream](../modules/stream)\n")
        self.assert_found("docs/a.md:2", "link")

    def test_a_link_to_a_heading_that_is_not_there_is_found(self):
        self.write("docs/b.md", "# b\n## `file:` and [TLS](../docs): what to set\n")
        self.write("docs/a.md", "# a\n[there](b.md#file-and-tls-what-to-set), [here](#a)\n")
        self.assert_clean()
        for target in ("b.md#tls", "#there"):
            with self.subTest(target):
                self.write("docs/a.md", f"# a\n[there]({target})\n")
                self.assert_found("docs/a.md:2", "link")

    @unittest.skipUnless(shutil.which("clang-format-19"), "needs clang-format-19")
    def test_documents_that_follow_the_code_are_fixed(self):
        shutil.copy(ROOT / ".clang-format", self.root)
        self.add_example("```cpp file=examples/x/main.cpp part=g\nint h();\nint i();\n```\nend\n")
        self.add_error_code("/// It broke. Remedy: repair it.\n")
        (self.root / "docs/errors/base.broken.md").unlink()
        outcome = self.tidy("--fix")
        self.assertEqual(outcome.returncode, 0, outcome.stdout)
        self.assertTrue((self.root / "docs/errors/base.broken.md").exists())
        self.assertIn("part=g\nint g();\n```\nend\n", (self.root / "docs/guide/x.md").read_text())

    @unittest.skipUnless(shutil.which("clang-format-19"), "needs clang-format-19")
    def test_the_format_is_checked_and_fixed(self):
        shutil.copy(ROOT / ".clang-format", self.root)
        self.add_to_log("int   b;\n")
        outcome = self.tidy()
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("modules/log/src/b.cpp:3: format: ", outcome.stdout)
        self.assertEqual(self.tidy("--fix").returncode, 0)
        self.assertEqual((self.root / "modules/log/src/b.cpp").read_text(), LICENCE + "int b;\n")


if __name__ == "__main__":
    unittest.main()
