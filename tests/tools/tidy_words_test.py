# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The rules of tools/tidy about how we write: words that were replaced."""
import shutil
import subprocess
import sys
import unittest

from tidy_testing import LICENCE, ROOT, TIDY, TidyTesting


@unittest.skipUnless(shutil.which("git"), "needs git: new lines are what git says")
class TidyWordsTest(TidyTesting):
    OLD_WORDS = (
        "# Contributing\n\n## Replaced words\n| old | looked for in | write instead |\n|---|---|---|\n"
        "| `gizmo`, `*Gizmo` | names | widget |\n| `gizmos abound` | text | there are many widgets |\n"
        "| `gadget` | all | widget |\n| `gear` | names in `modules/base` | wheel |\n\n## Next\n| `old` | all | new |\n"
    )

    def git(self, *arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=self.root, capture_output=True, check=True)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--message", message)

    def begin_history(self):
        self.write("CONTRIBUTING.md", self.OLD_WORDS)
        self.add_to_log("int gizmo; int gadget;\n")
        self.git("init", "--initial-branch", "main")
        self.commit("Begin")

    def old_words(self):
        outcome = self.tidy("--no-format")
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
        return [line for line in outcome.stdout.split("\n") if "old-word" in line]

    def test_an_old_word_in_a_line_that_is_not_committed_is_a_warning(self):
        self.begin_history()
        self.add_to_log("int gizmo; int gadget;\nint one; int gizmo;\n")
        self.assertEqual(self.old_words(), ["modules/log/src/b.cpp:4: warning: old-word: gizmo: write instead: widget"])

    def test_an_old_word_in_a_line_that_main_does_not_have_is_a_warning(self):
        self.begin_history()
        self.git("checkout", "-b", "more")
        self.write("modules/log/README.md", "# log\n\nA gadget.\n")
        self.commit("Say more")
        self.assertEqual(self.old_words(), ["modules/log/README.md:3: warning: old-word: gadget: write instead: widget"])
        self.git("checkout", "main")
        self.git("merge", "more")
        self.assertEqual(self.old_words(), [])

    def test_all_lines_of_a_file_that_git_does_not_know_are_new(self):
        self.begin_history()
        self.write("docs/a.md", "# a\n\nOne gadget.\n")
        self.assertEqual(len(self.old_words()), 1)

    def test_an_old_word_is_looked_for_in_names_in_text_or_in_both(self):
        self.begin_history()
        for code, found in [
            ("int gizmo;", 1), ("class BigGizmo;", 1), ("int gizmos;", 0), ("// a gizmo", 0), ("// gizmos abound", 1),
            ('f("gizmos abound");', 1), ("// a gadget", 1), ("int gadget;", 1), ("int gear;", 0), ("int old;", 0),
        ]:  # fmt: skip
            with self.subTest(code):
                self.add_to_log(code + "\n")
                self.assertEqual(len(self.old_words()), found)
        self.add_to_log("int gizmo; int gadget;\n")
        self.write("modules/base/src/a.cpp", LICENCE + "int gear;\n")
        self.assertEqual(len(self.old_words()), 1)

    def test_an_old_word_in_code_of_a_page_names_what_there_is(self):
        self.begin_history()
        self.write("docs/gadget.md", "# a\n")
        self.write("docs/a.md", "# a\n\n`gadget` is [here](gadget.md)\n\n    gadget\n\n```sh\ngadget\n```\n")
        self.assertEqual(self.old_words(), [])

    def test_without_history_no_word_is_looked_for(self):
        self.write("CONTRIBUTING.md", self.OLD_WORDS)
        self.add_to_log("int gizmo;\n")
        self.assertEqual(self.old_words(), [])
        self.git("init", "--initial-branch", "main")
        self.assertEqual(self.old_words(), [])

    def test_the_page_of_this_tree_replaces_the_private_words(self):
        sys.path.insert(0, str(TIDY.parent))
        from tidy_rules import tree, words

        table = words.table(tree.Tree(ROOT))
        self.assertTrue(all(word.where in ("names", "text", "all") for word in table), table)
        for old in ("Place", "Lane", "Feed", "Judge", "Verdict", "Patience", "Complaints", "told", "who_", "marks", "unit", "estate", "Core", "answers"):
            with self.subTest(old):
                self.assertTrue(any(word.pattern.search(old) for word in table))


if __name__ == "__main__":
    unittest.main()
