#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Writes docs/errors/ from the comments of the error codes: `tools/generate_error_pages.py [--root DIR]`.

A code is a line `inline constexpr ErrorCode name{"module.name"};` in a public header; the `///` comment above it says the
cause and, after the word "Remedy:", what to do. tools/error_examples.md has an example for each code, under its name as a
heading. tools/tidy finds pages that are out of date and codes without an example.
"""
import argparse
import re
import sys
from collections import namedtuple
from pathlib import Path

sys.dont_write_bytecode = True

from tidy_rules.tree import Tree  # noqa: E402
from tidy_rules.wrap import wrap  # noqa: E402

DIRECTORY = "docs/errors"
EXAMPLES = "tools/error_examples.md"
DECLARATION = re.compile(r'^inline constexpr ErrorCode ([a-z_]+)\{"([a-z_]+)\.([a-z_]+)"\};')

Code = namedtuple("Code", "name cpp header line cause remedy")


def examples(tree):
    """By the name of its code, the line and the text of each example. Links are rewritten for a page in DIRECTORY."""
    found = {}
    for number, line in enumerate(tree.lines(EXAMPLES) if EXAMPLES in tree.files else [], 1):
        if line.startswith("## "):
            lines = []
            found[line[3:].strip()] = (number, lines)
        elif found:
            lines.append(line)
    return {name: (number, "\n".join(lines).strip().replace("](../docs/", "](../")) for name, (number, lines) in found.items()}


def codes(tree):
    """All codes that public headers declare, by module in the order of layers, then as declared."""
    found = []
    for header in tree.files:
        if not re.match(r"modules/\w+/include/.*\.hpp$", header):
            continue
        comment = []
        for number, line in enumerate(tree.lines(header), 1):
            declared = DECLARATION.match(line)
            if declared:
                found.append(code_of(tree.module_of(header), header, number, declared, " ".join(comment)))
            comment = [*comment, line[4:].strip()] if line.startswith("/// ") else []
    return sorted(found, key=lambda code: (tree.layers.get(tree.module_of(code.header), 99), code.header, code.line))


def code_of(module, header, number, declared, comment):
    cause, _, remedy = comment.partition("Remedy:")
    namespace = "millrace::errc" if module == "base" else f"millrace::{module}::errc"
    name = f"{declared[2]}.{declared[3]}"
    return Code(name, f"{namespace}::{declared[1]}", header, number, cause.strip(), remedy.strip())


def pages(tree):
    """Path below the root to text, of every page there should be."""
    found = codes(tree)
    if not found:
        return {}
    texts = examples(tree)
    written = {f"{DIRECTORY}/{code.name}.md": page(code, texts.get(code.name, (0, ""))[1]) for code in found}
    written[f"{DIRECTORY}/README.md"] = index(found)
    return {name: wrap(text) for name, text in written.items()}


def page(code, example):
    remedy = code.remedy[:1].upper() + code.remedy[1:]
    return (
        f"# {code.name}\n\n"
        f"**Cause.** {code.cause}\n\n"
        + f"**Remedy.** {remedy}".rstrip() + "\n\n"
        + (f"**Example.** {example}\n\n" if example else "") +
        f"In C++ `{code.cpp}`, declared in [{Path(code.header).name}](../../{code.header}).\n"
    )  # fmt: skip


def index(found):
    rows = "".join(f"| [{code.name}]({code.name}.md) | {first_sentence(code.cause)} |\n" for code in found)
    return (
        "# Error codes\n\n"
        "A failure has a code that programs compare and a message that tells people what is wrong, where, and what to do. Codes do not change\n"
        "between versions. They stand in log lines (`code`), at the end of the command line's errors, as `type` of an HTTP problem, and as `dl-code` of a dead letter.\n"
        "These pages are written by `tools/generate_error_pages.py` from the comments beside the codes and from `tools/error_examples.md`.\n\n"
        f"| code | cause |\n|---|---|\n{rows}"
    )  # fmt: skip


def first_sentence(text):
    return re.split(r"(?<=[.;:]) ", text, maxsplit=1)[0].rstrip(".;:")


def write(tree):
    wanted = pages(tree)
    for name, content in wanted.items():
        path = tree.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name in tree.files:
        if name.startswith(DIRECTORY + "/") and name not in wanted:
            (tree.root / name).unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="another tree")
    write(Tree(parser.parse_args().root))


if __name__ == "__main__":
    main()
