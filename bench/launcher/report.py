# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Rounds over the systems of a suite, what comes out of them, and the table for people."""
import os
import platform
import statistics
import sys

QUICK_ROUNDS = 1


class Failed(SystemExit):
    """A measurement that did not come to its end."""


def machine():
    cpu = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def measure(suite, options):
    """Each round measures every row once, the systems of a case one after the other, in turned order each second round."""
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else suite.rounds)
    rows = [row for row in suite.rows() if options.case in (None, row.case)]
    if not rows:
        raise Failed(f"the suite {suite.name} has no case '{options.case}'; cases: " + ", ".join(dict.fromkeys(r.case for r in suite.rows())))
    load_before = os.getloadavg()[0]
    for number in range(rounds):
        for row in turned(rows, number):
            progress(f"round {number + 1} of {rounds}: {row.label()}")
            row.samples.append(suite.run(row))
    progress("")
    return {
        "suite": suite.name,
        "rounds": rounds,
        "quick": options.quick,
        "load": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        "machine": machine(),
        "rows": [row.summary() for row in rows],
    }


def turned(rows, number):
    groups = []
    for row in rows:
        if groups and groups[-1][0].pair() == row.pair():
            groups[-1].append(row)
        else:
            groups.append([row])
    return [row for group in groups for row in (reversed(group) if number % 2 else group)]


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


class Row:
    """One system under one case with its parameters; gathers a sample per round."""

    def __init__(self, case, params, system, settings=None):
        self.case, self.params, self.system = case, params, system
        self.settings = settings or {}
        self.samples = []

    def pair(self):
        return self.case, tuple(sorted((k, str(v)) for k, v in self.params.items()))

    def label(self):
        return " ".join([self.case, self.system, *(f"{k}={v}" for k, v in self.params.items())])

    def summary(self):
        rates = [s["records"] / s["seconds"] for s in self.samples if s.get("records") is not None and s.get("seconds")]
        spread = rates or [s["p50_us"] for s in self.samples if s.get("p50_us") is not None]
        out = {
            "case": self.case,
            "params": self.params,
            "system": self.system,
            "records_per_s": median(rates),
            "cpu_s_per_million": median([s["cpu_seconds"] / s["records"] * 1e6 for s in self.samples if s.get("cpu_seconds") and s.get("records")]),
            "peak_rss_mb": median([s["peak_rss_mb"] for s in self.samples if s.get("peak_rss_mb")]),
            "p50_us": median([s["p50_us"] for s in self.samples if s.get("p50_us") is not None]),
            "p99_us": median([s["p99_us"] for s in self.samples if s.get("p99_us") is not None]),
            "min": rounded(min(spread)) if spread else None,
            "max": rounded(max(spread)) if spread else None,
        }
        for name in dict.fromkeys(k for s in self.samples for k in s.get("more", {})):
            out[name] = middle([s["more"][name] for s in self.samples if name in s.get("more", {})])
        return out


def median(values):
    return rounded(statistics.median(values)) if values else None


def middle(values):
    """The median of numbers, also inside of objects; of anything else the last."""
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return median(values)
    if all(isinstance(v, dict) for v in values):
        return {k: middle([v[k] for v in values if k in v]) for k in values[-1]}
    return values[-1]


def rounded(value):
    return float(f"{value:.4g}") if abs(value) < 10_000 else round(value)


def table(result):
    """One line a row; what a neighbour did stands under it, with our share of it."""
    lines = [
        f"{result['suite']}: {result['rounds']} round(s), {result['machine']['cpu']}, {result['machine']['cores']} cores, "
        f"Linux {result['machine']['kernel']}, load {result['load'][0]} to {result['load'][1]}"
        + (" (quick: results, not times)" if result["quick"] else ""),
        "",
    ]
    head = ["case", "parameters", "system", "records/s", "min..max", "CPU s/million", "broker s/million", "MB", "p50 us", "p99 us", "of plain", "CPU of plain"]
    cells = [head]
    plain = {key(row): row for row in result["rows"] if row["system"] in ("plain", "plain-twice")}
    for row in result["rows"]:
        params = " ".join(f"{k}={v}" for k, v in row["params"].items())
        spread = "" if row["min"] is None else f"{short(row['min'])}..{short(row['max'])}"
        other = plain.get(key(row))
        of_plain = of_cpu = ""
        if other is not None and other is not row:
            measure_name = "records_per_s" if row["records_per_s"] and other["records_per_s"] else "p50_us"
            if row["p50_us"] and other["p50_us"]:
                measure_name = "p50_us"
            of_plain = ratio(row[measure_name], other[measure_name], "x" if measure_name == "p50_us" else "%")
            of_cpu = ratio(row["cpu_s_per_million"], other["cpu_s_per_million"], "x")
        cells.append(
            [row["case"], params, row["system"], short(row["records_per_s"]), spread, short(row["cpu_s_per_million"]),
             short(row.get("broker_cpu_s_per_million")), short(row["peak_rss_mb"]), short(row["p50_us"]), short(row["p99_us"]), of_plain, of_cpu]
        )  # fmt: skip
    used = [i for i in range(len(head)) if any(line[i] for line in cells[1:])]
    widths = {i: max(len(line[i]) for line in cells) for i in used}
    for line in cells:
        lines.append("  ".join(line[i].ljust(widths[i]) if i < 3 else line[i].rjust(widths[i]) for i in used).rstrip())
    return "\n".join(lines)


def key(row):
    return row["case"], tuple(sorted((k, str(v)) for k, v in row["params"].items()))


def ratio(ours, theirs, form):
    if not ours or not theirs:
        return ""
    return f"{ours / theirs * 100:.0f} %" if form == "%" else f"{ours / theirs:.2f} x"


def short(value):
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.4g}"
