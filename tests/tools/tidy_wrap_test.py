# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The rule of tools/tidy about long lines of Markdown: what it finds, what it leaves alone, and how `--fix` wraps."""
import shutil
import subprocess
import sys
import unittest

from tidy_testing import ERROR_PAGES, ROOT, TidyTesting

LONG = "word " * 30  # 150 columns
HAS_FORMATTER = unittest.skipUnless(shutil.which("clang-format-19"), "needs clang-format-19")


class TidyWrapTest(TidyTesting):
    def fix(self, text):
        shutil.copy(ROOT / ".clang-format", self.root)
        self.write("docs/a.md", text)
        outcome = self.tidy("--fix")
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
        return (self.root / "docs/a.md").read_text()

    def test_a_long_line_of_a_paragraph_is_found(self):
        self.write("docs/a.md", f"# a\n\nshort\n{LONG.strip()}\n")
        self.assert_found("docs/a.md:4", "line-length")

    def test_a_line_of_120_columns_passes_and_one_more_is_found(self):
        self.write("docs/a.md", "a " + "b" * 118 + "\n")
        self.assert_clean()
        self.write("docs/a.md", "a " + "b" * 119 + "\n")
        self.assert_found("docs/a.md:1", "line-length")

    def test_a_long_item_of_a_list_is_found(self):
        self.write("docs/a.md", f"- a\n- {LONG.strip()}\n")
        self.assert_found("docs/a.md:2", "line-length")

    def test_tables_code_headings_and_long_words_may_be_longer(self):
        long = LONG.strip()
        for text in (
            f"| a |\n|---|\n| {long} |\n", f"```sh\n{long}\n```\n", f"a:\n\n    {long}\n", f"# {long}\n", f"## a\n    {long}\n",
            "see\n" + "x" * 130 + "\n", "see\n`" + long + "`\n",
        ):  # fmt: skip
            with self.subTest(text):
                self.write("docs/a.md", text)
                self.assert_clean()

    def test_an_error_page_with_a_long_comment_is_wrapped(self):
        comment = "".join(f"/// It broke {i}, and then {i} more times.\n" for i in range(9))
        self.add_header(f'#pragma once\n{comment}/// Remedy: buy another.\ninline constexpr ErrorCode broken{{"base.broken"}};\n')
        subprocess.run([sys.executable, "-B", ERROR_PAGES, "--root", self.root], check=True)
        self.assert_clean()
        page = (self.root / "docs/errors/base.broken.md").read_text()
        self.assertLessEqual(max(len(line) for line in page.split("\n")), 120)

    @HAS_FORMATTER
    def test_fix_wraps_at_120_columns_and_changes_no_word(self):
        text = f"# {LONG.strip()}\n\n{LONG.strip()} end.\n\nshort\nshort\n"
        fixed = self.fix(text)
        self.assertEqual(fixed.split(), text.split())
        self.assertEqual(fixed, f"# {LONG.strip()}\n\n{('word ' * 24).strip()}\n{'word ' * 6}end.\n\nshort\nshort\n")

    @HAS_FORMATTER
    def test_fix_indents_the_lines_of_an_item(self):
        fixed = self.fix(f"1. {LONG.strip()}\n   - {LONG.strip()}\n")
        self.assertEqual(fixed, f"1. {('word ' * 23).strip()}\n   {('word ' * 7).strip()}\n   - {('word ' * 23).strip()}\n     {('word ' * 7).strip()}\n")

    @HAS_FORMATTER
    def test_fix_begins_no_line_with_what_markdown_takes_for_a_list_or_a_heading(self):
        for mark in ("-", "+", "#", "1.", ">", "|"):
            with self.subTest(mark):
                fixed = self.fix(("word " * 24).strip() + f" {mark} word\n")
                self.assertEqual(fixed, ("word " * 23).strip() + f"\nword {mark} word\n")

    @HAS_FORMATTER
    def test_fix_keeps_a_command_on_one_line(self):
        fixed = self.fix(("word " * 22).strip() + " `tools/tidy --fix`.\n")
        self.assertEqual(fixed, ("word " * 22).strip() + "\n`tools/tidy --fix`.\n")


if __name__ == "__main__":
    unittest.main()
