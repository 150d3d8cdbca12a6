# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Rules about what C++ code includes, calls and how long it is."""
import re

from .tree import Finding

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
MODULE_HEADER = re.compile(r"millrace/([a-z_]+)/")

# Below the seams the world comes in through interfaces of modules/base.
SEAMED_MODULES = {"net", "net_tls", "log", "log_embedded", "log_kafka", "stream", "entity", "workflow"}
BANNED_CALLS = [
    (re.compile(r"\bstd::j?thread\b(?!::)|\bstd::async\b|\bpthread_create\s*\("), "start no thread here: let the caller drive it"),
    (re.compile(r"\bsleep_(?:for|until)\b|\b(?:u|nano)sleep\s*\("), "wait for the event itself: by a Waiter, a CondVar or poll()"),
    (re.compile(r"(?<!\w)::(?:open|openat|creat|mmap)\s*\(|\bfopen\s*\(|\bstd::[io]?fstream\b"), "use the FileSystem that is passed in"),
    (re.compile(r"(?<!\w)::(?:socket|connect|bind|accept)\s*\("), "use the transport that is passed in"),
    (re.compile(r"\bstd::random_device\b|(?<![\w.>])s?rand\s*\("), "draw from the Random that is passed in"),
    (re.compile(r"\bgetenv\b"), "take it as an option; only service and apps read the environment"),
]
# The seams of the real world are taken by those who build programs, and passed on. What else takes one is in
# tools/tidy_exemptions.txt with its reason. A declaration of one is none: `Clock& real_clock();`.
REAL_WORLD = re.compile(
    r"(?<!& )\breal_[a-z_]+\s*\(|\b(?:system|steady|high_resolution)_clock::now\b"
    r"|\b(?:clock_gettime|gettimeofday)\s*\(|(?<![\w.>])(?:std)?::time\s*\("
)
REAL_WORLD_MODULES = {"base", "service"}
BARE_MUTEX = re.compile(
    r"\bstd::(?:(?:recursive_|timed_|shared_)*mutex|(?:lock_guard|scoped_lock|unique_lock|shared_lock|condition_variable(?:_any)?)\b)"
)
MUTEX_HEADER = "modules/base/include/millrace/base/mutex.hpp"
TEST_SLEEP = re.compile(r"\bsleep_(?:for|until)\b|\b(?:u|nano)sleep\s*\(|(?<!\w)(?:::)?sleep\s*\(")

HEAVY_HEADERS = {"regex", "iostream", "filesystem", "future"}
HEAVY_PREFIXES = (
    "simdjson", "spdlog/", "prometheus/", "rocksdb/", "librdkafka/", "openssl/", "google/protobuf/",
    *(f"boost/{part}" for part in ("asio", "beast", "json", "regex", "spirit", "filesystem", "thread", "log", "interprocess")),
)  # fmt: skip

# In the house format a member function outside of its class begins in the first column.
MEMBER_FUNCTION = re.compile(r"(?=\S)(?!namespace|using|static_assert)(?:[^()=;{}]*?[\s&*>])?((?:\w+::)*[A-Z]\w*)::(?:~?\w+|operator[^(]+)\s*\(")

LENGTH_MAX, STATE_MACHINE_LENGTH_MAX, FUNCTION_LENGTH_MAX = 400, 600, 70


def check(tree):
    findings = []
    for name in tree.cpp_files:
        code = tree.code(name)
        findings += check_includes(tree, name, code)
        findings += check_calls(tree, name, code)
        findings += check_functions(name, code)
        if name.endswith(".hpp") and not any(line.strip() == "#pragma once" for line in code):
            findings.append(Finding(name, 1, "pragma-once", "begin the header with #pragma once"))
    for name in tree.files:
        if name.endswith((".cpp", ".hpp", ".py", ".sh", ".cmake")):
            findings += check_length(name, tree.text(name).count("\n"))
    return findings + list(check_sources_of_classes(tree))


def check_includes(tree, name, code):
    module = tree.module_of(name)
    public = module and name.startswith(f"modules/{module}/include/")
    for number, line in enumerate(code, 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        header = include[2]
        used = MODULE_HEADER.match(header)
        if used and module:
            yield from check_layer(tree, name, number, module, used[1])
        elif used and used[1] not in tree.layers:
            yield Finding(name, number, "layers", f"there is no module {used[1]} in cmake/layers.txt")
        if "../" in header:
            yield Finding(name, number, "private-header", "name the header from its include directory, not by ../")
        if public and (header in HEAVY_HEADERS or header.startswith(HEAVY_PREFIXES)):
            yield Finding(name, number, "heavy-header", f"<{header}> is slow to read: hide it in src/ behind a forward declaration")


def check_layer(tree, name, number, module, used):
    if used not in tree.layers:
        yield Finding(name, number, "layers", f"there is no module {used} in cmake/layers.txt")
    elif module not in tree.layers:
        yield Finding(name, number, "layers", f"give module {module} a layer in cmake/layers.txt")
    elif used != module and tree.layers[used] >= tree.layers[module]:
        in_tests = name.startswith(f"modules/{module}/tests/")
        if not (in_tests and used == "testkit"):
            yield Finding(
                name, number, "layers",
                f"{module} (layer {tree.layers[module]}) may not use {used} (layer {tree.layers[used]}):"
                " move what is shared to a lower layer",
            )  # fmt: skip


def check_calls(tree, name, code):
    module = tree.module_of(name)
    if module in SEAMED_MODULES and "/tests/" not in name:
        for number, line in enumerate(code, 1):
            for pattern, advice in BANNED_CALLS:
                match = pattern.search(line)
                if match:
                    yield Finding(name, number, "banned-call", f"{match[0].strip()}: {advice}")
    if module and module not in REAL_WORLD_MODULES and "/tests/" not in name:
        for number, line in enumerate(code, 1):
            match = REAL_WORLD.search(line)
            if match:
                advice = "only service, apps, examples, bench and tests take the real world: let it be passed in"
                yield Finding(name, number, "real-world", f"{match[0].strip()}: {advice}")
    if not re.search(r"(?:^|/)tests/", name) and name != MUTEX_HEADER:
        for number, line in enumerate(code, 1):
            match = BARE_MUTEX.search(line)
            if match:
                advice = "use Mutex, MutexLock and CondVar of millrace/base/mutex.hpp, which tools/thread_safety checks"
                yield Finding(name, number, "bare-mutex", f"{match[0]}: {advice}")
    if name.endswith("_test.cpp"):
        for number, line in enumerate(code, 1):
            if TEST_SLEEP.search(line):
                yield Finding(name, number, "test-sleep", "wait for the event itself, not for a while")


def check_functions(name, code):
    """In the house format a function outside a class begins and ends in the first column."""
    began = None
    for number, line in enumerate(code, 1):
        if re.match(r"[\w:~<]", line) and not re.match(r"(?:namespace|class|struct|union|enum|extern)\b", line):
            began = number
        elif line.startswith("}"):
            if began and number - began + 1 > FUNCTION_LENGTH_MAX:
                length = number - began + 1
                yield Finding(name, began, "function-length", f"{length} lines: split it, {FUNCTION_LENGTH_MAX} fit on a screen", True)
            began = None


def check_sources_of_classes(tree):
    """The functions of a class are in one source, whichever it is."""
    homes = {}
    for name in tree.cpp_files:
        if not name.endswith(".cpp") or "/tests/" in name:
            continue
        for number, line in enumerate(tree.code(name), 1):
            member = MEMBER_FUNCTION.match(line)
            if member:
                part = "/".join(name.split("/")[:2])
                homes.setdefault((part, member[1]), {}).setdefault(name, number)
    for (_, owner), sources in homes.items():
        for name, number in list(sources.items())[1:]:
            yield Finding(name, number, "one-source", f"{owner} has functions in {next(iter(sources))} too: keep a class in one source")


def check_length(name, length):
    if length > STATE_MACHINE_LENGTH_MAX:
        yield Finding(name, STATE_MACHINE_LENGTH_MAX, "file-length-max", f"{length} lines, {STATE_MACHINE_LENGTH_MAX} at most: split the file")
    if length > LENGTH_MAX:
        advice = f"split it, or name its state machine in tools/tidy_exemptions.txt: it may have {STATE_MACHINE_LENGTH_MAX}"
        yield Finding(name, LENGTH_MAX, "file-length", f"{length} lines, {LENGTH_MAX} at most: {advice}")
