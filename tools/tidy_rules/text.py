# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Rules about the text of any file, and the format of C++."""
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from .tree import Finding

LICENSED = (".cpp", ".hpp", ".py", ".sh", ".cmake", "CMakeLists.txt")
CHECKED_TEXT = LICENSED + (".md", ".txt", ".json", ".in", ".yaml", ".yml")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
# What git leaves in a file where two changes met.
CONFLICT = re.compile(r"(?:<{7}|>{7})(?: |$)")
FORMATTER = "clang-format-19"
FORMAT_FINDING = re.compile(r"^(.+?):(\d+):\d+: error: code should be clang-formatted")


def check(tree):
    findings = []
    for name in tree.files:
        content = tree.text(name)
        script = content.startswith("#!")
        if name.endswith(LICENSED) or script:
            findings += check_licence(name, content)
        if name.endswith(CHECKED_TEXT) or script:
            findings += check_text(name, content)
        if script and "bash" in content.split("\n", 1)[0]:
            findings += check_shell(tree, name)
    return findings


def check_licence(name, content):
    head = content.split("\n")[:6]
    for wanted in ("SPDX-License-Identifier: Apache-2.0", "Copyright The Millrace Authors"):
        if not any(line.endswith(wanted) for line in head):
            yield Finding(name, 1, "licence", f"begin the file with a comment '{wanted}'")


def check_text(name, content):
    for number, line in enumerate(content.split("\n"), 1):
        if line != line.rstrip():
            yield Finding(name, number, "whitespace", "remove what trails the line")
        if "\t" in line:
            yield Finding(name, number, "whitespace", "indent with spaces")
        unfinished = UNFINISHED.search(line)
        if unfinished:
            yield Finding(name, number, "unfinished", f"{unfinished[0]}: do it now or open an issue for it")
        if CONFLICT.match(line):
            yield Finding(name, number, "conflict", "two changes met here: keep what is right of both, and delete the markers of git")
    if content and not content.endswith("\n"):
        yield Finding(name, content.count("\n") + 1, "whitespace", "end the file with a newline")


def check_shell(tree, name):
    checked = subprocess.run(["bash", "-n", name], cwd=tree.root, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        line = re.search(r"line (\d+)", checked.stderr)
        yield Finding(name, int(line[1]) if line else 1, "shell-syntax", checked.stderr.strip().split("\n")[0])


def check_format(tree):
    """One finding for each file that the formatter would change, at the first such place."""
    if not shutil.which(FORMATTER):
        return [Finding(".clang-format", 1, "format", f"{FORMATTER} is not installed: apt-get install {FORMATTER}")]
    findings = {}
    for output in run_formatter(tree, "--dry-run", "--Werror"):
        for line in output.splitlines():
            match = FORMAT_FINDING.match(line)
            if match and match[1] not in findings:
                findings[match[1]] = Finding(match[1], int(match[2]), "format", "run tools/tidy --fix")
    return list(findings.values())


def rewrite(tree):
    list(run_formatter(tree, "-i"))
    tree.forget_text()


def run_formatter(tree, *options):
    def run(names):
        command = [FORMATTER, "--style=file", *options, *names]
        return subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False).stderr

    names = tree.cpp_files
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(run, [names[i : i + 16] for i in range(0, len(names), 16)])
