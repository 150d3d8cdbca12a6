# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Lines of Markdown end at 120 columns. Tables, code, headings and what has no blank to break at may be longer."""
import re

from .tree import Finding

COLUMNS = 120
ITEM = re.compile(r"^(\s*)([-*+]|\d+[.)])(\s+)")
APART = re.compile(r"^\s*(?:#{1,6} |\||>|<!--|---+$|===+$|\*\*\*+$)")
# At the beginning of a line these would make a list, a heading, a quotation or a table.
MARK = re.compile(r"(?:[-*+>|=]|#{1,6}|\d+[.)]|-{2,}|={2,})$|[>|]")
# A word, with the blanks of code spans in it.
WORD = re.compile(r"(?:`[^`]*`|[^\s`]|`)+")


def check(tree):
    for name in tree.files:
        if name.endswith(".md"):
            lines = tree.lines(name)
            for paragraph in paragraphs(lines):
                for number in paragraph:
                    if len(lines[number]) > COLUMNS and wrapped(lines, paragraph) != [lines[n] for n in paragraph]:
                        yield Finding(name, number + 1, "line-length", f"wrap it at {COLUMNS} columns: run tools/tidy --fix")


def rewrite(tree):
    for name in tree.files:
        if name.endswith(".md"):
            lines = tree.lines(name)
            for paragraph in reversed(list(paragraphs(lines))):
                if any(len(lines[number]) > COLUMNS for number in paragraph):
                    lines[paragraph.start : paragraph.stop] = wrapped(lines, paragraph)
            if lines != tree.lines(name):
                (tree.root / name).write_text("\n".join(lines))
    tree.forget_text()


def paragraphs(lines):
    """The ranges of line numbers, from 0, that are one paragraph or one item of a list each."""
    begin, fenced = None, False
    for number, line in enumerate([*lines, ""]):
        fence = line.lstrip().startswith("```")
        apart = fenced or fence or not line.strip() or APART.match(line)
        code = begin is None and line.startswith("    ") and not ITEM.match(line)
        if begin is not None and (apart or ITEM.match(line)):
            yield range(begin, number)
            begin = None
        if begin is None and not apart and not code:
            begin = number
        fenced ^= fence


def wrapped(lines, paragraph):
    """The lines of a paragraph with as many words in each as there is room for."""
    item = ITEM.match(lines[paragraph.start])
    first = item[0] if item else re.match(r"\s*", lines[paragraph.start])[0]
    text = " ".join(lines[number].strip() for number in paragraph)[len(first.strip()) :]
    words = []
    for word in WORD.findall(text):
        if words and MARK.match(word):
            words[-1] += " " + word
        else:
            words.append(word)
    indent, line, result = " " * len(first), first + words[0], []
    for word in words[1:]:
        if len(line) + 1 + len(word) <= COLUMNS:
            line += " " + word
        else:
            result.append(line)
            line = indent + word
    return [*result, line]
