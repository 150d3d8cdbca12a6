# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The suite `retail`: whole runs of the retail example, closed and open loop, and its services at rest."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from programs import cpu_of_children
from report import Failed, Row

TIMEOUT_S = 900
SHARE_OF_PEAK = 0.7
INVOICES = pathlib.Path(__file__).resolve().parents[2] / "examples/retail/data/online-retail.csv.zst"
IDLE_RATE = 50
LINES_PER_INVOICE = 21  # of the data set, on average
REST_S = 3


class RetailSuite:
    name, program = "retail", "retail-run"
    targets = ["examples/retail/all"]
    rounds = 3
    has_peers = False

    def __init__(self, binaries, work, quick):
        self.binaries, self.work, self.quick = binaries, work, quick
        self.peak = []
        self.made = None

    def rows(self):
        """The closed loop comes first: the open one runs at a share of the rate that it reached."""
        if self.made is None:
            whole, some = (300, 100) if self.quick else (0, 500)
            fixed = {"stock": "scarce", "durability": "sync"}
            self.made = [
                Row("estate", {**fixed, "loop": "closed", "in_flight": 64, "invoices": whole or "all"}, "millrace", {"limit": whole}),
                Row("estate", {**fixed, "loop": "open", "rate": "70 % of closed", "invoices": whole or "all"}, "millrace", {"limit": whole}),
                Row("estate", {**fixed, "loop": "open", "rate": IDLE_RATE, "invoices": some}, "millrace", {"limit": some}),
                Row("rest", {"stock": "scarce", "services": 7}, "millrace", {"limit": 100}),
            ]
        return self.made

    def run(self, row, settings=None, under=()):
        """One measurement; with `settings` a run of that many invoices in the closed loop, `under` a program that runs ours."""
        if settings is not None:
            before = cpu_of_children()
            summary = self.once(Row(row.case, row.params, row.system, settings), ["--in-flight", "8"], under)
            return {"records": summary["lines"], "all_cpu_seconds": cpu_of_children() - before}
        return self.rest(row) if row.case == "rest" else self.whole_run(row)

    def beside(self, other):
        """What a line costs in the open loop depends on its rate, so two builds take the same one: of the last closed loop of either."""
        self.peak = other.peak

    def confirming(self, _row, records):
        return {"limit": records // LINES_PER_INVOICE}

    def whole_run(self, row):
        rate = row.params.get("rate")
        if rate is not None and not isinstance(rate, int):
            if not self.peak:
                raise Failed("the open loop needs the rate of the closed one first: run the whole suite")
            rate = max(1, int(SHARE_OF_PEAK * self.peak[-1]))
        before = cpu_of_children()
        summary = self.once(row, ["--rate", str(rate)] if rate else ["--in-flight", str(row.params["in_flight"])])
        if not summary["audit"]["ok"]:
            raise Failed(f"{row.label()}: the audit found {summary['audit']['violations'][:3]}")
        if rate is None:
            self.peak.append(summary["invoices"] / summary["wall_seconds"])
        services = summary.get("services", {})
        return {
            "records": summary["lines"],
            "seconds": summary["wall_seconds"],
            "cpu_seconds": sum(s["cpu_seconds"] for s in services.values()),
            "all_cpu_seconds": cpu_of_children() - before,
            "peak_rss_mb": sum(s["peak_rss_mb"] for s in services.values()),
            "p50_us": summary["order_latency_ms"]["p50"] * 1000,
            "p99_us": summary["order_latency_ms"]["p99"] * 1000,
            "more": {
                "lines_per_s": summary["lines_per_s"],
                "requests_per_s": summary["invoices"] / summary["wall_seconds"],
                "p50_ms": summary["order_latency_ms"]["p50"],
                "p99_ms": summary["order_latency_ms"]["p99"],
                "max_ms": summary["order_latency_ms"]["max"],
                "services": services,
            },
        }

    def command(self, data, row, more):
        command = [str(self.binaries / "retail-run"), "--data", str(data), "--port", "0", "--stock", row.params["stock"]]
        command += ["--source", str(INVOICES), *more]
        if row.settings["limit"]:
            command += ["--limit", str(row.settings["limit"])]
        return command

    def once(self, row, more, under=()):
        data, file = self.work / "retail", self.work / "summary.json"
        try:
            done = subprocess.run(
                [*under, *self.command(data, row, ["--once", "--summary", str(file), *more])], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
            if done.returncode != 0:
                raise Failed(f"{row.label()}: failed\n{(done.stdout + done.stderr).strip()[-2000:]}")
            return json.loads(file.read_text())
        except subprocess.TimeoutExpired:
            raise Failed(f"{row.label()}: not done after {TIMEOUT_S} s") from None
        finally:
            shutil.rmtree(data, ignore_errors=True)
            file.unlink(missing_ok=True)

    def rest(self, row):
        """The resident memory of each service and what they burn, some seconds after all work is done."""
        data = self.work / "retail"
        with subprocess.Popen(self.command(data, row, []), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            try:
                pids = self.await_services(data, run, row)
                before = {name: cpu_seconds(pid) for name, pid in pids.items()}
                time.sleep(REST_S)
                memory = {name: resident_mb(pid) for name, pid in pids.items()}
                burnt = {name: (cpu_seconds(pid) - before[name]) / REST_S for name, pid in pids.items()}
            finally:
                run.send_signal(signal.SIGTERM)
                run.wait(60)
                shutil.rmtree(data, ignore_errors=True)
        services = {name: {"rss_mb": round(memory[name], 1), "cpu_share": round(burnt[name], 4)} for name in pids}
        return {"peak_rss_mb": max(memory.values()), "more": {"rss_mb_each": sum(memory.values()) / len(memory), "services": services}}

    def await_services(self, data, run, row):
        """Waits until the feed is through, that is, until nobody uses processor time any more."""
        deadline = time.monotonic() + 60
        last = None
        while time.monotonic() < deadline and run.poll() is None:
            time.sleep(1)
            files = sorted((data / "run").glob("*.json"))
            pids = {}
            for file in files:
                try:
                    pids[file.stem] = json.loads(file.read_text())["pid"]
                except (OSError, ValueError):
                    continue
            position = data / "feed.position"
            used = round(sum(cpu_seconds(pid) for pid in pids.values()), 1)
            if len(pids) >= row.params["services"] and position.exists() and used == last:
                return pids
            last = used
        raise Failed("the retail example did not come to rest")

    def close(self):
        """Nothing outlives a measurement."""

    def remarks(self, result):
        lines = []
        for row in result["rows"]:
            for name, service in (row.get("services") or {}).items():
                figures = ", ".join(f"{k} {v}" for k, v in service.items())
                lines.append(f"  {row['case']} {row['params'].get('loop', '')} {row['params'].get('rate', '')}: {name}: {figures}")
        return ["", *lines]


def cpu_seconds(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
