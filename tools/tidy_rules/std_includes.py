# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""A file that names a type of the standard library includes its header, itself or by headers of ours.

A build that compiles several sources together hides that it is missing, and so does another standard library.
"""
import re
from functools import cache
from posixpath import dirname, join, normpath

from .code import INCLUDE
from .tree import Finding

HEADERS = {
    "algorithm": "sort stable_sort min max find find_if clamp lower_bound upper_bound any_of all_of none_of reverse",
    "array": "array",
    "atomic": "atomic atomic_flag",
    "bit": "bit_cast endian countr_zero popcount bit_ceil byteswap",
    "cctype": "isdigit isalpha isspace tolower toupper",
    "charconv": "from_chars to_chars",
    "chrono": "chrono",
    "compare": "strong_ordering weak_ordering partial_ordering",
    "concepts": "same_as convertible_to derived_from integral floating_point invocable",
    "coroutine": "coroutine_handle suspend_always suspend_never",
    "csignal": "signal raise",
    "cstdint": "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t",
    "cstring": "memcpy memcmp memmove memset strlen",
    "deque": "deque",
    "exception": "exception exception_ptr current_exception rethrow_exception uncaught_exceptions",
    "expected": "expected unexpected",
    "filesystem": "filesystem",
    "fstream": "ifstream ofstream fstream",
    "functional": "function move_only_function",
    "future": "future promise async",
    "limits": "numeric_limits",
    "list": "list",
    "map": "map multimap",
    "memory": "unique_ptr shared_ptr weak_ptr make_unique make_shared",
    "numeric": "accumulate iota gcd",
    "optional": "optional nullopt",
    "set": "set multiset",
    "source_location": "source_location",
    "span": "span as_bytes as_writable_bytes",
    "sstream": "ostringstream istringstream stringstream",
    "stdexcept": "runtime_error logic_error invalid_argument out_of_range",
    "string": "string to_string",
    "string_view": "string_view",
    "thread": "thread jthread",
    "tuple": "tuple tie apply",
    "type_traits": "is_same_v is_base_of_v is_void_v is_enum_v remove_cvref_t decay_t conditional_t enable_if_t invoke_result_t",
    "typeindex": "type_index",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "utility": "move exchange forward swap pair",
    "variant": "variant visit monostate holds_alternative get_if",
    "vector": "vector",
}
# Standard headers that must declare the names of another.
BRINGS = {"string": {"string_view"}, "ranges": {"span", "string_view", "tuple"}, "stdexcept": {"exception", "string"}}
HEADER_OF = {name: header for header, names in HEADERS.items() for name in names.split()}
NAMED = re.compile(r"\bstd::(\w+)")


def check(tree):
    ours = headers_by_ending(tree)

    @cache
    def included(name):
        """The standard headers that a file has, by itself or by headers of ours."""
        own, found, seen = [name], set(), {name}
        while own:
            file = own.pop()
            for line in tree.code(file):
                include = INCLUDE.match(line)
                if not include:
                    continue
                target = ours(file, include[2])
                if target is None:
                    found.add(include[2])
                elif target not in seen:
                    seen.add(target)
                    own.append(target)
        return found

    for name in tree.cpp_files:
        missing = {}
        for number, line in enumerate(tree.code(name), 1):
            for used in NAMED.findall(line):
                header = HEADER_OF.get(used)
                if header and header not in missing and not has(included(name), header):
                    missing[header] = (number, used)
        for header, (number, used) in missing.items():
            yield Finding(name, number, "std-include", f"std::{used}: include <{header}>")


def has(included, header):
    return header in included or any(header in BRINGS.get(other, ()) for other in included)


def headers_by_ending(tree):
    """Finds the file of ours that an include names: beside the file, or below an include or source directory."""
    known = set(tree.cpp_files)
    by_name = {}
    for file in tree.cpp_files:
        parts = file.split("/")
        for begin in range(len(parts)):
            by_name.setdefault("/".join(parts[begin:]), []).append(file)

    @cache
    def find(file, header):
        beside = normpath(join(dirname(file), header))
        if beside in known:
            return beside
        found = by_name.get(header, [])
        part = "/".join(file.split("/")[:2])
        return next((f for f in found if f.startswith(part)), found[0] if found else None)

    return find
