# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Rules about documents: their code is that of compiled examples, their links lead somewhere, error pages are up to date."""
import re
import textwrap
from pathlib import PurePosixPath

import generate_error_pages as error_pages

from .tree import Finding

FENCE = re.compile(r"^```(\w*)(.*)$")
TAKEN = re.compile(r"^ file=(\S+) part=([\w-]+)$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Where C++ must be taken from a compiled example.
FROM_EXAMPLES = re.compile(r"README\.md|docs/guide/.*\.md")


def check(tree):
    return [*check_snippets(tree), *check_links(tree), *check_decisions(tree), *check_error_pages(tree)]


def check_snippets(tree):
    for name in documents(tree):
        for block in blocks(tree.lines(name)):
            taken = TAKEN.match(block.info)
            if taken:
                wanted = part_of(tree, taken[1], taken[2])
                if wanted is None:
                    yield Finding(name, block.line, "snippet", f"{taken[1]} has no part between two lines `// [{taken[2]}]`")
                elif wanted != block.lines:
                    yield Finding(name, block.line, "snippet", f"{taken[1]} [{taken[2]}] says otherwise: run tools/tidy --fix")
            elif block.language == "cpp" and FROM_EXAMPLES.fullmatch(name):
                yield Finding(name, block.line, "snippet", "take it from an example: ```cpp file=examples/... part=...")


def check_links(tree):
    directories = {parent.as_posix() for name in tree.files for parent in PurePosixPath(name).parents}
    for name in documents(tree):
        code = False
        for number, line in enumerate(tree.lines(name), 1):
            code ^= line.startswith("```")
            if code or line.startswith("    "):
                continue
            for target in LINK.findall(line):
                path, _, anchor = target.partition("#")
                page = resolve(name, path) if path else name
                if ":" in path:
                    continue
                if page not in directories | set(tree.files):
                    yield Finding(name, number, "link", f"there is no {target}")
                elif anchor and page.endswith(".md") and anchor not in anchors(tree, page):
                    yield Finding(name, number, "link", f"{page} has no heading of #{anchor}")


def anchors(tree, page):
    """What links may name of a page: its headings in small letters, without punctuation, with hyphens for blanks."""
    headings = [re.sub(r"\]\([^)]*\)", "", line.lstrip("#")) for line in tree.lines(page) if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def check_decisions(tree):
    """A decision has a number of its own, and its title says the same one."""
    seen = {}
    for name in sorted(tree.files):
        found = re.fullmatch(r"docs/decisions/(\d{4})-.*\.md", name)
        if not found:
            continue
        other = seen.setdefault(found[1], name)
        if other != name:
            yield Finding(name, 1, "decision", f"{other} has this number: take the next free one")
        if not tree.lines(name)[0].startswith(f"# {int(found[1])}. "):
            yield Finding(name, 1, "decision", f"begin the title with '# {int(found[1])}. ', as the name of the file says")


def check_error_pages(tree):
    codes = error_pages.codes(tree)
    for code in codes:
        if not code.cause or not code.remedy:
            yield Finding(code.header, code.line, "error-page", "say the cause of the code above it, and after 'Remedy:' what to do")
        if code.name.split(".")[0] != tree.module_of(code.header):
            yield Finding(code.header, code.line, "error-page", f"{code.name}: a code begins with the name of its module")
        if error_pages.EXAMPLES in tree.files and not error_pages.examples(tree).get(code.name, (0, ""))[1]:
            yield Finding(code.header, code.line, "error-page", f"{code.name}: write an example in {error_pages.EXAMPLES}")
    for name, (line, _) in error_pages.examples(tree).items():
        if name not in [code.name for code in codes]:
            yield Finding(error_pages.EXAMPLES, line, "error-page", f"there is no code {name}")
    pages = error_pages.pages(tree)
    for name, content in pages.items():
        if name not in tree.files or tree.text(name) != content:
            yield Finding(name, 1, "error-page", "out of date: run tools/generate_error_pages.py")
    for name in tree.files:
        if name.startswith(error_pages.DIRECTORY + "/") and name not in pages:
            yield Finding(name, 1, "error-page", "there is no such code any more: run tools/generate_error_pages.py")


def rewrite(tree):
    """Brings error pages and the code in documents up to date."""
    error_pages.write(tree)
    for name in documents(tree):
        lines = tree.lines(name)
        for block in reversed(list(blocks(lines))):
            taken = TAKEN.match(block.info)
            wanted = part_of(tree, taken[1], taken[2]) if taken else None
            if wanted is not None:
                lines[block.line : block.line + len(block.lines)] = wanted
        if lines != tree.lines(name):
            (tree.root / name).write_text("\n".join(lines))
    tree.forget_text()


class Block:
    """A fenced block of code: the line number of its fence, what stands behind the fence, the lines between."""

    def __init__(self, line, language, info):
        self.line, self.language, self.info, self.lines = line, language, info, []


def blocks(lines):
    block = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if fence and block is None:
            block = Block(number, fence[1], fence[2])
        elif fence:
            yield block
            block = None
        elif block is not None:
            block.lines.append(line)


def part_of(tree, name, part):
    """The lines between the two `// [part]` of a file, without other marks, moved to the left edge; None when it has no such part."""
    if name not in tree.files:
        return None
    lines = tree.lines(name)
    marks = [number for number, line in enumerate(lines) if line.strip() == f"// [{part}]"]
    if len(marks) != 2:
        return None
    kept = [line for line in lines[marks[0] + 1 : marks[1]] if not re.fullmatch(r"\s*// \[[\w-]+\]", line)]
    return textwrap.dedent("\n".join(kept)).split("\n")


def documents(tree):
    return [name for name in tree.files if name.endswith(".md")]


def resolve(document, path):
    parts = list(PurePosixPath(document).parent.parts)
    for part in PurePosixPath(path).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts).as_posix()
