# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Processes known by pid and start time, so that a recycled pid is never taken for one of ours."""
import os
import signal
import time

TICK_SECONDS = 0.02


def stat_of(pid):
    """(state letter, start time in clock ticks since boot) of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[19])


def identity(pid):
    """What tells this process from a later one with the same pid: {"pid", "start_time"}; None when it does not run."""
    stat = stat_of(pid)
    return None if stat is None or stat[0] in "ZX" else {"pid": pid, "start_time": stat[1]}


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def alive(process):
    """True while the very process runs or is stopped; one that has ended and waits to be reaped is not alive."""
    if not process:
        return False
    reap(process["pid"])
    return identity(process["pid"]) == process


def frozen(process):
    """True when the process has been stopped by a signal."""
    stat = stat_of(process["pid"]) if alive(process) else None
    return stat is not None and stat[0] == "T"


def send(process, number):
    """Sends a signal to the very process, through a descriptor that cannot come to mean another. False when it is gone."""
    try:
        handle = os.pidfd_open(process["pid"])
    except OSError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def wait_until(condition, seconds):
    """Polls until the condition holds; False when the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(TICK_SECONDS)
    return True


def end(victims, grace_seconds):
    """Ends processes: asks those that can hear, then kills. Raises when one survives."""
    victims = [process for process in victims if alive(process)]
    for process in victims:
        send(process, signal.SIGKILL if frozen(process) or grace_seconds <= 0 else signal.SIGTERM)
    wait_until(lambda: not any(alive(process) for process in victims), grace_seconds)
    for process in victims:
        send(process, signal.SIGKILL)
    if not wait_until(lambda: not any(alive(process) for process in victims), 30):
        raise RuntimeError(f"processes that cannot be killed: {[p['pid'] for p in victims if alive(p)]}")


def spawn(command, output, record, environment=None):
    """Starts a detached process in a session of its own. `record` gets its identity and must have stored it when it returns:
    the child waits for that before it becomes the command, so that no process runs that nobody has written down."""
    gate_read, gate_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(gate_write)
            os.setsid()
            if os.read(gate_read, 1) != b"g":
                os._exit(1)
            null = os.open(os.devnull, os.O_RDONLY)
            log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.chdir("/")
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execvpe(command[0], command, environment or os.environ)
        finally:
            os._exit(127)
    os.close(gate_read)
    try:
        process = identity(pid)
        record(process)
        os.write(gate_write, b"g")
    finally:
        os.close(gate_write)
    return process
