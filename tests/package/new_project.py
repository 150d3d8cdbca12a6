# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""new_project.py PREFIX WORK COMPILER: builds and runs what the installed `millrace new` writes."""
import json
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

PREFIX, WORK, COMPILER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
NAME = "counters"


def run(*command, cwd=WORK):
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def ask(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"} if data else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def serve(project):
    """Runs the service in the project's directory, and asks it twice for the same addition."""
    command = [str(project / "build" / NAME), "--log", "file:./data", "--port", "0"]
    service = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    try:
        port = None
        for line in service.stderr:
            entry = json.loads(line)
            if entry["message"] == "started":
                port = entry["port"]
                break
        assert port, "the service ended before it had started"
        url = f"http://127.0.0.1:{port}"
        while ask(url, "GET", "/readyz")[0] != 200:
            select.select([], [], [], 0.05)
        for _ in range(2):
            status, body = ask(url, "PUT", "/counters/visits/additions/first", {"amount": 2})
            assert (status, json.loads(body)) == (200, {"amount": 2, "total": 2}), (status, body)
        status, body = ask(url, "PUT", "/counters/visits/additions/second", {"amount": -1})
        assert status == 422, (status, body)
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0
    finally:
        service.kill()
        service.stderr.close()
    events = run(PREFIX / "bin" / "millrace", "--log", "file:./data", "tail", f"{NAME}.events", "--json", cwd=project)
    assert events.count("\n") == 2, events


def main():
    project = WORK / NAME
    shutil.rmtree(project, ignore_errors=True)
    run(PREFIX / "bin" / "millrace", "new", NAME)
    run("cmake", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_CXX_COMPILER={COMPILER}", cwd=project)
    run("cmake", "--build", "build", cwd=project)
    run("ctest", "--test-dir", "build", "--no-tests=error", cwd=project)
    serve(project)
    print("millrace new: its project was built, tested and run")


main()
