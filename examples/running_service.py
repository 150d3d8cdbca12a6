# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""A service of an example as a process on a log of its own, for the tests of the examples."""
import json
import select
import subprocess
import urllib.error
import urllib.request


class RunningService:
    """It is ready, and its address is known."""

    def __init__(self, program, directory, *flags):
        command = [program, "--log", f"file:{directory}/log", "--state-dir", f"{directory}/state", "--run-dir", f"{directory}/run", *flags]
        self.location = None  # of the last response
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            entry = json.loads(line)
            if entry["message"] == "started":
                self.url = f"http://127.0.0.1:{entry['port']}"
                break
        else:
            raise AssertionError("the service ended before it had started")
        self.wait_until_ready()

    def wait_until_ready(self):
        # The service logs nothing when it is ready, so it is asked, with a pause between, as any probe does.
        for _ in range(2400):
            if self.ask("GET", "/readyz")[0] == 200:
                return
            select.select([], [], [], 0.05)
        raise AssertionError("the service does not become ready")

    def ask(self, method, path, body=None, wait=50):
        """Status and body of the response; a request waits for its outcome so many seconds."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Prefer": f"wait={wait}"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                self.location = response.headers["Location"]
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=120)
        self.process.stderr.close()
        return code
