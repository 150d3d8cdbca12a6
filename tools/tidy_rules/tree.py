# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The tree under inspection: its files, modules, layers and exemptions."""
import fnmatch
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, order=True)
class Finding:
    """One line of the report."""

    path: str
    line: int
    rule: str
    advice: str
    warning: bool = False

    def __str__(self):
        kind = "warning: " if self.warning else ""
        return f"{self.path}:{self.line}: {kind}{self.rule}: {self.advice}"


class Tree:
    """Files are named by their path below the root, with forward slashes."""

    EXEMPTIONS = "tools/tidy_exemptions.txt"
    NOT_OURS = {"build", "data", ".git", "__pycache__"}

    def __init__(self, root):
        self.root = Path(root).resolve()
        self._text = {}

    @cached_property
    def files(self):
        """Every file that is or would be committed."""
        if (self.root / ".git").exists():
            command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            listed = subprocess.run(command, cwd=self.root, capture_output=True, check=False)
            if listed.returncode == 0:
                names = {name for name in listed.stdout.decode().split("\0") if name}
                return sorted(name for name in names if (self.root / name).is_file())
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0] not in self.NOT_OURS)

    @cached_property
    def cpp_files(self):
        return [name for name in self.files if name.endswith((".cpp", ".hpp"))]

    def lines(self, name):
        return self.text(name).split("\n")

    def text(self, name):
        """The text of a file; empty for what is no UTF-8."""
        if name not in self._text:
            try:
                self._text[name] = (self.root / name).read_bytes().decode()
            except UnicodeDecodeError:
                self._text[name] = ""
        return self._text[name]

    def forget_text(self):
        """Files are read again after they were rewritten."""
        self._text.clear()

    def code(self, name):
        """The lines of a C++ file with comments and the insides of literals blanked."""
        return blank_comments_and_literals(self.text(name)).split("\n")

    @cached_property
    def layers(self):
        """Module to layer, from the table that CMake reads too."""
        pairs = (re.fullmatch(r"([a-z_]+) +(\d+)", line) for line in self.lines("cmake/layers.txt"))
        return {pair[1]: int(pair[2]) for pair in pairs if pair}

    @staticmethod
    def module_of(name):
        parts = PurePosixPath(name).parts
        return parts[1] if len(parts) > 2 and parts[0] == "modules" else None

    def without_exempt(self, findings):
        """Drops what the list of exemptions allows; an exemption that allows nothing is a finding itself."""
        if self.EXEMPTIONS not in self.files:
            return findings
        kept = list(findings)
        for number, line in enumerate(self.lines(self.EXEMPTIONS), 1):
            if not line.strip() or line.startswith("#"):
                continue
            rule, pattern, *reason = line.split(maxsplit=2)
            allowed = [f for f in kept if f.rule == rule and fnmatch.fnmatch(f.path, pattern)]
            kept = [f for f in kept if f not in allowed]
            if not reason:
                kept.append(Finding(self.EXEMPTIONS, number, "exemption", "give the reason after the path"))
            elif not allowed:
                kept.append(Finding(self.EXEMPTIONS, number, "exemption", "nothing needs this any more: delete it"))
        return kept


_TOKEN = re.compile(
    r"""(?P<raw>R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)")|//[^\n]*|/\*.*?\*/"""
    r"""|(?P<include>\#[ \t]*include[^\n]*)|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""",
    re.DOTALL,
)


def blank_comments_and_literals(source):
    def blank(match):
        return match[0] if match["include"] else re.sub(r"[^\n]", " ", match[0])

    return _TOKEN.sub(blank, source)
