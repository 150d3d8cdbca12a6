# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Warns of replaced words in new lines. The words and what to write instead are in a table of CONTRIBUTING.md."""
import re
import subprocess
from dataclasses import dataclass

from .tree import Finding

PAGE, HEADING = "CONTRIBUTING.md", "## Replaced words"
# Pages that are generated from comments: their lines are looked at where they are written.
GENERATED = "docs/errors/"
CHECKED = (".cpp", ".hpp", ".md", ".py", ".sh", ".cmake", "CMakeLists.txt")
HUNK = re.compile(r"^@@ -\S+ \+(\d+)")
# Code, and where a link leads.
NO_TEXT = re.compile(r"`[^`]*`|\]\([^)\s]*\)")


@dataclass(frozen=True)
class Word:
    """A word, where it is looked for ("names", "text" or "all"), below which directory, and what to write instead."""

    pattern: re.Pattern
    where: str
    directory: str
    instead: str


def check(tree):
    words = table(tree)
    if not words:
        return
    for name, numbers in new_lines(tree).items():
        if not name.endswith(CHECKED) or name.startswith(GENERATED):
            continue
        names, text = names_and_text(tree, name)
        for number in numbers:
            for word in words:
                if not name.startswith(word.directory):
                    continue
                looked_at = {"names": names[number - 1], "text": text[number - 1]}
                looked_at = looked_at[word.where] if word.where in looked_at else " | ".join(looked_at.values())
                found = word.pattern.search(looked_at)
                if found:
                    yield Finding(name, number, "old-word", f"{found[0]}: write instead: {word.instead}", True)


def table(tree):
    """Rows `| words in code spans | where | what instead |` under the heading; `*` stands for any letters."""
    if PAGE not in tree.files:
        return []
    section = tree.text(PAGE).partition(HEADING + "\n")[2].split("\n## ")[0]
    words = []
    for row in re.findall(r"^\| (`.*?) \| (.*?) \| (.*) \|$", section, re.MULTILINE):
        spellings = [re.escape(word).replace(r"\*", r"\w*") for word in re.findall(r"`([^`]+)`", row[0])]
        directory = re.search(r"`([^`]+)`", row[1])
        words.append(
            Word(re.compile(rf"\b(?:{'|'.join(spellings)})\b"), row[1].split()[0], directory[1] if directory else "", row[2])
        )
    return words


def names_and_text(tree, name):
    """The lines of a file twice: what names things in code, and what is read as text."""
    lines = tree.lines(name)
    if name in tree.cpp_files:
        names = tree.code(name)
        text = ["".join(c if c != n else " " for c, n in zip(line, code)) for line, code in zip(lines, names)]
        return names, text
    if not name.endswith(".md"):
        return [""] * len(lines), lines
    text, fenced = [], False
    for line in lines:
        fence = line.startswith("```")
        text.append("" if fenced or fence or line.startswith("    ") else NO_TEXT.sub("", line))
        fenced ^= fence
    return [""] * len(lines), text


def new_lines(tree):
    """By file, the numbers of the lines that the main branch does not have, and those that are not committed."""
    base = base_commit(tree)
    if base is None:
        return {}
    added, name = {}, None
    for line in git(tree, "diff", "-U0", "-M", "--no-color", "--no-ext-diff", "--no-prefix", "--relative", base).split("\n"):
        if line.startswith("+++ "):
            name, number = line[4:], 0
        elif line.startswith("@@ "):
            number = int(HUNK.match(line)[1])
        elif line.startswith("+") and name in tree.files:
            added.setdefault(name, []).append(number)
            number += 1
    for name in git(tree, "ls-files", "-z", "--others", "--exclude-standard").split("\0"):
        if name in tree.files:
            added[name] = range(1, tree.text(name).count("\n") + 1)
    return added


def base_commit(tree):
    """Where this branch left the main branch; HEAD where there is none; None without a commit."""
    if not (tree.root / ".git").exists():
        return None
    for main in ("main", "origin/main"):
        base = git(tree, "merge-base", "HEAD", main).strip()
        if base:
            return base
    return git(tree, "rev-parse", "--verify", "--quiet", "HEAD").strip() or None


def git(tree, *arguments):
    """The output of git in the tree; empty when it fails."""
    command = ["git", "-c", "core.quotePath=false", *arguments]
    done = subprocess.run(command, cwd=tree.root, capture_output=True, check=False)
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
