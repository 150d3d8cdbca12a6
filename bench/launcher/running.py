# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Programs under measurement: started, watched, their processor time and memory read from outside."""
import os
import pathlib
import queue
import subprocess
import threading
import time

from report import Failed

STOP_S = 30


def cpu_seconds(pid):
    """Of all threads of a process, user and system, since it started."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Program:
    """A program whose lines are read as they come. Its errors go to a file in `home`."""

    def __init__(self, command, title, home):
        self.title = title
        self.errors = home / f"errors-{time.monotonic_ns()}"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def next_line(self, seconds, other=None):
        """The next line; None at the end of the output. Fails when the time is over or the other program has ended."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.lines.get(timeout=0.02)
            except queue.Empty:
                if other is not None and other.process.poll() is not None:
                    raise other.failed("it ended") from None
                if time.monotonic() > deadline:
                    raise self.failed(f"nothing after {seconds} s") from None

    def wait_for(self, wanted, seconds, other=None):
        while (line := self.next_line(seconds, other)) != wanted:
            if line is None:
                raise self.failed(f"it ended before {wanted}")

    def wait(self, seconds, other=None):
        """The last line of a program that ends by itself."""
        last = None
        while (line := self.next_line(seconds, other)) is not None:
            last = line
        if self.process.wait(STOP_S) != 0 or last is None:
            raise self.failed("it failed")
        return last

    def failed(self, what):
        return Failed(f"{self.title}: {what}\n{self.errors.read_text(errors='replace').strip()[-3000:]}")

    def stop(self):
        """Tells it to end, by the end of its input."""
        self.process.stdin.close()
        try:
            if self.process.wait(STOP_S) != 0:
                raise self.failed("it did not end well")
        except subprocess.TimeoutExpired:
            raise self.failed(f"it did not end in {STOP_S} s") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close() if not self.reader.is_alive() else None

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def peak_rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise self.failed("it has no memory any more")
