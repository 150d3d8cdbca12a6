# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The command line of bench/run: builds, measures in rounds, prints the table, writes the JSON."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import against
import peers
import programs
import report
import retail

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITES = {"log": programs.LogSuite, "stream": programs.StreamSuite, "retail": retail.RetailSuite, "peers": peers.PeersSuite}
MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measures Millrace beside its neighbours, in one run, on the same data. Suites: " + ", ".join(SUITES) + "."
    )
    parser.add_argument("suite", metavar="SUITE", nargs="?", help="one of " + ", ".join(SUITES))
    parser.add_argument("--peers", action="store_true", help="beside other products too, where they are installed")
    parser.add_argument("--quick", action="store_true", help="ends within two minutes; for its results, not its times")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write the rows to this file")
    parser.add_argument("--rounds", metavar="N", type=int, help="rounds, each over all systems (default: 5; retail 3; quick 1; with --against 9, quick 3)")
    parser.add_argument("--case", metavar="NAME", help="only the rows of this case")
    parser.add_argument("--dir", metavar="DIR", type=pathlib.Path, default=ROOT / "build", help="a directory on the disk to be measured (default: build)")
    parser.add_argument("--bin", metavar="DIR", type=pathlib.Path, help="measure the programs in DIR instead of building the release preset")
    parser.add_argument(
        "--against",
        metavar="DIR",
        type=pathlib.Path,
        help="compare with another build (its checkout, or the directory of its programs); exit 1 when a case costs over 5 %% more CPU, confirmed by instructions",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the suites")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(SUITES))
        sys.exit(0)
    if options.suite not in SUITES:
        missing = f"there is no suite '{options.suite}' yet" if options.suite else "name a suite"
        parser.error(missing + "; suites: " + ", ".join(SUITES))
    if options.against and options.suite not in against.SUITES:
        parser.error("--against compares " + ", ".join(against.SUITES))
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return options


def build(targets):
    script = '. "$root/tools/lib.sh"; ensure_packages build; build_preset release "$@"'
    command = ["bash", "-euo", "pipefail", "-c", script, "bench/run", *targets]
    if subprocess.run(command, env={**os.environ, "root": str(ROOT)}, check=False).returncode != 0:
        sys.exit(1)
    return ROOT / "build/release/bin"


def refuse_memory(directory):
    found = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True, check=True).stdout.strip()
    if found in MEMORY_FILE_SYSTEMS:
        sys.exit(f"{directory} is in memory ({found}): name a directory on a disk with --dir")


def save(file, result):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")


def compare(options, suite_class, binaries, work):
    """Exit code 1 when this build costs more than the other one."""
    others = against.binaries_of(options.against, suite_class.program)
    against.ensure_valgrind(ROOT, os.environ)
    suites = []
    for name, programs_of in (("this", binaries.resolve()), ("other", others)):
        (work / name).mkdir()
        suites.append(suite_class(programs_of, work / name, options.quick))
    suites[0].beside(suites[1])
    result = against.run(*suites, options)
    print(against.table(result))
    if options.json:
        save(options.json, against.written(result))
    return 1 if against.worse(result) else 0


def main():
    options = parse(sys.argv[1:])
    suite_class = SUITES[options.suite]
    binaries = options.bin or build(suite_class.targets)
    options.dir.mkdir(parents=True, exist_ok=True)
    refuse_memory(options.dir)
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    if options.against:
        try:
            sys.exit(compare(options, suite_class, binaries, work))
        finally:
            shutil.rmtree(work, ignore_errors=True)
    suite = suite_class(binaries.resolve(), work, options.quick)
    try:
        suite.peers = options.peers
        if options.peers and not suite.has_peers:
            print("No other products are measured in this suite yet; its neighbours are the plain loops.", file=sys.stderr)
        result = report.measure(suite, options)
    finally:
        suite.close()
        shutil.rmtree(work, ignore_errors=True)
    print(report.table(result))
    for line in suite.remarks(result):
        print(line)
    if options.json:
        save(options.json, result)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
