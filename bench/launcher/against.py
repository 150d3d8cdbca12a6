# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""`bench/run SUITE --against DIR`: two builds measured in turn, and whether ours costs more CPU than theirs.

What decides is the least CPU of all rounds, per record: other work on the machine only ever adds to it. A case that costs
over 5 % more is measured again in instructions, which no other work changes, and fails when these confirm it. Rates are
reported only.
"""
import pathlib
import re
import subprocess
import tempfile

from report import Failed, progress, rounded, short

LIMIT = 0.05
ROUNDS, QUICK_ROUNDS = 9, 3
CONFIRM_RECORDS = 200_000
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes", "--cachegrind-out-file=/dev/null"]
SUITES = ("log", "stream", "retail")


def binaries_of(directory, program):
    """The programs of another build: in DIR itself, in its bin, or in the release build of the checkout DIR."""
    for found in (directory, directory / "bin", directory / "build/release/bin"):
        if (found / program).exists():
            return found.resolve()
    raise Failed(f"{directory}: no {program} in it, in its bin or in its build/release/bin: build the release preset there, `cmake --preset release && ninja -C build/release`")


def measure(ours, theirs, rounds, case):
    """Measures each row that has a CPU figure with both builds, the other one first in each second round."""
    pairs = [(row, other) for row, other in zip(ours.rows(), theirs.rows(), strict=True) if row.system == "millrace" and case in (None, row.case)]
    if not pairs:
        raise Failed(f"the suite {ours.name} has no case '{case}'; cases: " + ", ".join(dict.fromkeys(r.case for r in ours.rows())))
    for number in range(rounds):
        for row, other in pairs:
            both = [(ours, row, "this build"), (theirs, other, "the other")]
            for suite, measured, name in reversed(both) if number % 2 else both:
                progress(f"round {number + 1} of {rounds}: {measured.label()}, {name}")
                measured.samples.append(suite.run(measured))
    progress("")
    return pairs


def per_million(sample):
    if not sample.get("cpu_seconds") or not sample.get("records"):
        return None
    return sample["cpu_seconds"] / sample["records"] * 1e6


def more(base, new, share=1.0):
    """How much more `new` is than `base`, set against the part `share` of it; 0.05 is 5 %, exactly."""
    return round((new - base) / (base * share), 9)


def least(samples):
    """The sample that cost the least CPU per record; None where no CPU was measured."""
    measured = [sample for sample in samples if per_million(sample) is not None]
    return min(measured, key=per_million) if measured else None


def best_rate(samples):
    rates = [s["records"] / s["seconds"] for s in samples if s.get("records") and s.get("seconds")]
    return max(rates) if rates else None


def compared(row, theirs, ours):
    """The figures of one case by the samples of both builds; nothing is judged yet."""
    base, new = least(theirs), least(ours)
    found = {"case": row.case, "params": row.params, "base_cpu": None, "new_cpu": None, "change": None, "measured_share": 1.0}
    if base and new:
        found |= {"base_cpu": per_million(base), "new_cpu": per_million(new)}
        found["change"] = more(found["base_cpu"], found["new_cpu"])
        if base.get("all_cpu_seconds"):
            found["measured_share"] = min(1.0, base["cpu_seconds"] / base["all_cpu_seconds"])
    return found | {"base_rate": best_rate(theirs), "new_rate": best_rate(ours), "instructions": None, "verdict": "no CPU figure" if found["change"] is None else "ok"}


def confirm(found, count):
    """Judges a case: count() returns the instructions per record of the other build and of this one.

    A count holds what a measurement prepares as well. The share of the CPU that was measured makes the difference as large
    as it is for the measured part: all of the difference is taken to be there. A case that cannot be counted (not every
    system call is known to valgrind) fails too, and the other cases keep their figures.
    """
    if found["change"] is None or found["change"] <= LIMIT:
        return
    try:
        base, new = count()
    except (Failed, OSError) as failed:
        found["verdict"], found["not_counted"] = "NOT COUNTED", str(failed)
        return
    change = more(base, new, found["measured_share"])
    found["instructions"] = {"base": base, "new": new, "change": change}
    found["verdict"] = "WORSE" if change > LIMIT else "not confirmed"


def count_instructions(suite, row):
    """Instructions per record of one run of about 200,000 records under cachegrind, all its processes together."""
    with tempfile.TemporaryDirectory(prefix="valgrind-", dir=suite.work) as logs:
        sample = suite.run(row, suite.confirming(row, CONFIRM_RECORDS), [*VALGRIND, f"--log-file={logs}/%p"])
        total = 0
        for log in pathlib.Path(logs).iterdir():
            refs = re.search(r"I\s+refs:\s+([\d,]+)", log.read_text(errors="replace"))
            total += int(refs.group(1).replace(",", "")) if refs else 0
    if not total or not sample.get("records"):
        raise Failed(f"{row.label()}: valgrind counted nothing")
    return total / sample["records"]


def run(ours, theirs, options):
    """The whole comparison: its result for people and machines."""
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    rows = []
    for row, other in measure(ours, theirs, rounds, options.case):
        found = compared(row, other.samples, row.samples)

        def count(row=row, other=other):
            progress(f"instructions of {row.label()}")
            return count_instructions(theirs, other), count_instructions(ours, row)

        confirm(found, count)
        rows.append(found)
    progress("")
    return {"suite": ours.name, "against": str(options.against), "rounds": rounds, "quick": options.quick, "rows": rows}


def worse(result):
    """The cases that fail: confirmed, or over the limit and not to be counted."""
    return [row for row in result["rows"] if row["verdict"] in ("WORSE", "NOT COUNTED")]


def percent(value):
    return "" if value is None else f"{value * 100:+.1f} %"


def table(result):
    head = ["case", "parameters", "CPU s/million: other", "this", "change", "instructions: other", "this", "change", "records/s: other", "this", ""]
    cells = [head]
    for row in result["rows"]:
        counted = row["instructions"] or {"base": None, "new": None, "change": None}
        cells.append(
            [row["case"], " ".join(f"{k}={v}" for k, v in row["params"].items()), short(row["base_cpu"]), short(row["new_cpu"]), percent(row["change"]),
             short(counted["base"]), short(counted["new"]), percent(counted["change"]), short(row["base_rate"]), short(row["new_rate"]), row["verdict"]]
        )  # fmt: skip
    used = [i for i in range(len(head)) if any(line[i] for line in cells[1:])]
    widths = {i: max(len(line[i]) for line in cells) for i in used}
    lines = [f"{result['suite']} against {result['against']}: {result['rounds']} round(s), the least CPU of them, instructions per record", ""]
    lines += ["  ".join(line[i].ljust(widths[i]) if i < 2 else line[i].rjust(widths[i]) for i in used).rstrip() for line in cells]
    lines += [f"{row['case']}: its instructions could not be counted: {row['not_counted']}" for row in result["rows"] if "not_counted" in row]
    failed = worse(result)
    lines += ["", f"{len(failed)} of {len(result['rows'])} cases cost over {LIMIT:.0%} more CPU, confirmed by their instructions or not to be counted." if failed
              else f"No case costs over {LIMIT:.0%} more CPU, confirmed by its instructions."]  # fmt: skip
    return "\n".join(lines)


def written(result):
    """The same with figures that are rounded, for --json."""
    def plain(value):
        if isinstance(value, dict):
            return {name: plain(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [plain(entry) for entry in value]
        return rounded(value) if isinstance(value, float) else value

    return plain(result)


def ensure_valgrind(root, environment):
    """Installs what the confirmation needs, as the other scripts install their packages."""
    script = '. "$root/tools/lib.sh"; ensure_packages compare'
    if subprocess.run(["bash", "-euo", "pipefail", "-c", script, "bench/run"], env={**environment, "root": str(root)}, check=False).returncode != 0:
        raise SystemExit(1)

