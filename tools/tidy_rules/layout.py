# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Rules about where files are and who knows them."""
import re
from pathlib import PurePosixPath

from .tree import Finding

SIZE_MAX, SIZE_ATTRIBUTED = 5_000_000, 1_000_000
MODULE_FILES = ("README.md", "CMakeLists.txt")


def check(tree):
    return [*check_registered(tree), *check_sizes(tree), *check_modules(tree)]


def check_registered(tree):
    """A source that no build file names is never compiled, a test that none names never run."""
    names = [n for n in tree.files if n.endswith(".cpp") or re.search(r"_test\.(?:py|sh)$", n)]
    for name in names:
        build_file = nearest_build_file(tree, name)
        is_test = "_test." in name
        if build_file is None:
            yield Finding(name, 1, "registered", "no CMakeLists.txt above it builds it")
            continue
        relative = PurePosixPath(name).relative_to(PurePosixPath(build_file).parent).as_posix()
        content = re.sub(r"#[^\n]*|\$\{CMAKE_CURRENT_SOURCE_DIR\}/", "", tree.text(build_file))
        named = re.search(rf"(?<![\w./-]){re.escape(relative)}(?![\w.-])", content)
        if not named and not any(pattern.fullmatch(relative) for pattern in globs(content)):
            what = "it never runs" if is_test else "it is never compiled"
            yield Finding(name, 1, "registered", f"name {relative} in {build_file}, or {what}")


def globs(content):
    """The patterns of the file(GLOB ...) commands of a build file; GLOB_RECURSE looks into directories too."""
    for recursive, arguments in re.findall(r"\bfile\s*\(\s*GLOB(_RECURSE)?\b([^)]*)\)", content):
        for word in re.findall(r"[^\s\"]*\*[^\s\"]*", arguments):
            star = "(?:.*)" if recursive else "[^/]*"
            directory, _, last = word.rpartition("/")
            prefix = re.escape(directory + "/" if directory else "").replace(r"\*", "[^/]*")
            yield re.compile(prefix + re.escape(last).replace(r"\*", star))


def nearest_build_file(tree, name):
    for directory in PurePosixPath(name).parents:
        build_file = (directory / "CMakeLists.txt").as_posix()
        if build_file in tree.files and build_file != "CMakeLists.txt":
            return build_file
    return None


def check_sizes(tree):
    for name in tree.files:
        size = (tree.root / name).stat().st_size
        if size > SIZE_MAX:
            yield Finding(name, 1, "file-size", f"{size} bytes, {SIZE_MAX} at most: keep it out of the repository")
        elif size > SIZE_ATTRIBUTED:
            readme = (PurePosixPath(name).parent / "README.md").as_posix()
            if readme not in tree.files or not re.search("licen[cs]e", tree.text(readme), re.IGNORECASE):
                yield Finding(name, 1, "file-size", f"{size} bytes of data need their source and licence in {readme}")


def check_modules(tree):
    modules = {tree.module_of(name) for name in tree.files} - {None}
    for module in sorted(modules):
        for wanted in MODULE_FILES:
            if f"modules/{module}/{wanted}" not in tree.files:
                yield Finding(f"modules/{module}", 1, "module-shape", f"every module has a {wanted}")
