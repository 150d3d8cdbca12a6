# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Lines of Markdown end at 120 columns. Tables, code, headings and words that are longer may be longer."""
import re

from .tree import Finding

COLUMNS = 120
# The first words of a list item.
ITEM = re.compile(r"^(\s*)([-*+]|\d+[.)])(\s+)")
# Lines that belong to no paragraph: headings, tables, quotations, comments, rules.
APART = re.compile(r"^\s*(?:#{1,6} |\||>|<!--|(?:---|===|\*\*\*)+$)")
# A word that at the beginning of a line would begin a list, a heading, a quotation or a table.
MARK = re.compile(r"(?:[-*+=]+|#{1,6}|\d+[.)])$|[>|]")
# A code span is one word, whatever blanks it has.
WORD = re.compile(r"(?:`[^`]*`|[^\s`]|`)+")


def check(tree):
    for name in tree.files:
        if name.endswith(".md"):
            lines = tree.lines(name)
            for paragraph in paragraphs(lines):
                long = [number for number in paragraph if len(lines[number]) > COLUMNS]
                if long and wrapped(lines, paragraph) != lines[paragraph.start : paragraph.stop]:
                    advice = f"{len(lines[long[0]])} columns, {COLUMNS} at most: run tools/tidy --fix"
                    yield Finding(name, long[0] + 1, "line-length", advice)


def rewrite(tree):
    for name in tree.files:
        if name.endswith(".md"):
            content = wrap(tree.text(name))
            if content != tree.text(name):
                (tree.root / name).write_text(content)
    tree.forget_text()


def wrap(text):
    """The text with each paragraph wrapped that has a longer line; the others stay as they are."""
    lines = text.split("\n")
    for paragraph in reversed(list(paragraphs(lines))):
        if any(len(lines[number]) > COLUMNS for number in paragraph):
            lines[paragraph.start : paragraph.stop] = wrapped(lines, paragraph)
    return "\n".join(lines)


def paragraphs(lines):
    """The ranges of line numbers, from 0, of paragraphs and of items of lists."""
    begin, fenced = None, False
    for number, line in enumerate([*lines, ""]):
        fence = line.lstrip().startswith("```")
        apart = fenced or fence or not line.strip() or APART.match(line)
        if begin is not None and (apart or ITEM.match(line)):
            yield range(begin, number)
            begin = None
        # After a blank line four spaces make code.
        code = line.startswith("    ") and not ITEM.match(line)
        if begin is None and not apart and not code:
            begin = number
        fenced ^= fence


def wrapped(lines, paragraph):
    """The lines of a paragraph, each with as many words as there is room for."""
    item = ITEM.match(lines[paragraph.start])
    first = item[0] if item else re.match(r"\s*", lines[paragraph.start])[0]
    text = " ".join(lines[number].strip() for number in paragraph)[len(first.strip()) :]
    words = []
    for word in WORD.findall(text):
        if words and MARK.match(word):
            words[-1] += " " + word
        else:
            words.append(word)
    line, result = first + words[0], []
    for word in words[1:]:
        if len(line) + 1 + len(word) <= COLUMNS:
            line += " " + word
        else:
            result.append(line)
            line = " " * len(first) + word
    return [*result, line]
