#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tools of others from PyPI, unmodified: mesoshttp (a scheduler library), avmesos-cli (the command line of Apache Mesos in a
package: lists, exec with and without a terminal, attach), mae (an exporter of the metrics of tasks)."""
import os, pty, select, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

DIR = os.path.join(BUILD, "interop", "python-tools")
PYTHON = os.path.join(DIR, "bin", "python")
SITE = os.path.join(DIR, "avmesos-cli")
CONFIG = os.path.join(scratch(), "mesos.toml")
ENV = {**os.environ, "PYTHONPATH": SITE, "MESOS_CLI_CONFIG": CONFIG}
dev = None


def environment():
    if os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import mesoshttp, avmesos.cli, mae, kazoo, toml"], capture_output=True, env=ENV).returncode == 0:
        return
    download("a virtual environment", sys.executable, "-m", "venv", DIR)
    # avmesos-cli asks for a newer Python than Debian's, and runs with this one.
    for args in (["--no-deps", "mesoshttp==0.4.2", "mae==1.0.11"],
                 ["requests", "kazoo", "pyjwt", "cryptography", "six", "docopt", "parse", "tenacity", "toml", "ujson"],
                 ["--no-deps", "--ignore-requires-python", "--upgrade", "--target", SITE, "avmesos-cli==1.3.0"]):
        download("the tools", PYTHON, "-m", "pip", "install", "-q", *args)


def start():
    global dev
    if dev is None:
        environment()
        dev = Dev()
        with open(CONFIG, "w") as f:
            f.write(f'[master]\naddress = "127.0.0.1:{dev.master}"\n')
        dev.deploy({"id": "/sleeper", "cmd": "echo one > first; sleep 10000", "cpus": 0.1, "mem": 64, "instances": 1})


def mesos(*args, stdin=None):
    return subprocess.run([PYTHON, "-m", "avmesos.cli.mesos-cli", *args], capture_output=True, text=True, timeout=60, input=stdin, env=ENV)


def in_terminal(args, keys, until, seconds=PATIENCE):
    """Runs the tool in a terminal of its own, types keys, reads until the text is there, and returns (status, output). What is typed
    before the tool has taken the terminal over is lost, so it is typed again while the text does not come."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(PYTHON, [PYTHON, "-m", "avmesos.cli.mesos-cli", *args], ENV)
    out, deadline, typed = b"", time.monotonic() + seconds, 0
    try:
        while time.monotonic() < deadline:
            if select.select([fd], [], [], 0.3)[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    break
                if not data:
                    break
                out += data
            elif until not in out and time.monotonic() > typed:
                os.write(fd, keys)
                typed = time.monotonic() + 3
        done, status = os.waitpid(pid, os.WNOHANG)
        for _ in range(100):
            if done:
                break
            time.sleep(0.05)
            done, status = os.waitpid(pid, os.WNOHANG)
        check(done, f"it did not end; {out[-600:]}")
        check(until in out, f"{until} is not in {out[-600:]}")
        return os.waitstatus_to_exitcode(status), out
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(fd)


def task_id():
    return dev.app("/sleeper")["tasks"][0]["id"]


@case("mesoshttp: a scheduler launches, reconciles, kills, tears down")
def _():
    start()
    r = subprocess.run([PYTHON, os.path.join(HERE, "mesoshttp_scheduler.py"), f"http://127.0.0.1:{dev.master}"], capture_output=True, text=True, timeout=90)
    out = [json.loads(l) for l in r.stdout.split("\n") if l.startswith("{")]
    states = lambda t: [o["state"] for o in out if o["what"] == "update" and o["task"] == t and o["state"] != "TASK_STARTING" and o["reason"] != "REASON_RECONCILIATION"]
    equal(states("short"), ["TASK_RUNNING", "TASK_FINISHED"], f"short ({r.stderr[-400:]})")
    equal(states("long"), ["TASK_RUNNING", "TASK_KILLED"], "long")
    equal([o for o in out if o["what"] == "error"], [], "errors")
    id = [o for o in out if o["what"] == "subscribed"][0]["id"]
    wait_for("the framework is completed", lambda: id in [f["id"] for f in get(dev.master, "/frameworks").json["completed_frameworks"]])


@case("the Mesos command line lists agents, frameworks and tasks")
def _():
    start()
    check(get(dev.master, "/slaves").json["slaves"][0]["id"] in mesos("agent", "list").stdout, mesos("agent", "list"))
    check(task_id() in mesos("task", "list").stdout, mesos("task", "list"))
    check("marathon" in mesos("framework", "list").stdout, mesos("framework", "list"))
    check("TASK_RUNNING" in mesos("task", "inspect", task_id()).stdout, mesos("task", "inspect", task_id()))


@case("the Mesos command line executes a command in a task's container and returns its exit code")
def _():
    start()
    r = mesos("task", "exec", task_id(), "cat", "first")
    equal((r.returncode, r.stdout), (0, "one\n"), f"exec ({r.stderr[-500:]})")
    r = mesos("task", "exec", task_id(), "false")
    equal(r.returncode, 1, f"exit code of false ({r.stdout} {r.stderr[-500:]})")


@case("the Mesos command line passes standard input on")
def _():
    start()
    r = mesos("task", "exec", "-i", task_id(), "cat", stdin="typed\n")
    equal((r.returncode, r.stdout), (0, "typed\n"), f"exec -i ({r.stderr[-500:]})")


@case("the Mesos command line gives a command a terminal")
def _():
    start()
    status, out = in_terminal(["task", "exec", "-i", "-t", task_id(), "sh"], b"test -t 0 && echo on a terminal | tr a-z A-Z; exit 5\n", b"ON A TERMINAL")
    equal(status, 5, f"exit code ({out[-400:]})")


@case("the Mesos command line attaches to a task with a terminal")
def _():
    start()
    f = Stream(dev.master, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root" if IS_ROOT else "nobody", "name": "terminal"}}})
    id = f.next()["subscribed"]["framework_id"]["value"]
    call = lambda type, **b: post(dev.master, "/api/v1/scheduler", {"framework_id": {"value": id}, "type": type, **b}, headers={"Mesos-Stream-Id": f.stream_id})
    o = f.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [
        {"task_id": {"value": "with-terminal"}, "name": "t", "agent_id": o["agent_id"], "container": {"type": "MESOS", "tty_info": {}},
         "resources": [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))],
         "command": {"value": "while read x; do echo GOT:$x; test $x = bye && break; done"}}]}}]})
    wait_for("it runs", lambda: [t for t in dev.tasks() if t["id"] == "with-terminal" and t["state"] == "TASK_RUNNING"])
    status, out = in_terminal(["task", "attach", "with-terminal"], b"hello\nbye\n", b"GOT:bye")
    check(b"GOT:hello" in out if isinstance(out, bytes) else "GOT:hello" in out, out[-400:])
    call("TEARDOWN")
    f.close()


@case("the Mesos command line is told that a task has no terminal to attach to")
def _():
    start()
    pid, fd = pty.openpty()
    r = subprocess.run([PYTHON, "-m", "avmesos.cli.mesos-cli", "task", "attach", "--no-stdin", task_id()], stdin=fd, capture_output=True, text=True,
                       timeout=60, env=ENV)
    os.close(pid)
    os.close(fd)
    check("Unable to attach to a task launched without a TTY" in r.stdout + r.stderr, f"{r.stdout} {r.stderr[-300:]}")


@case("mae exports the metrics of a task that it finds through the agent")
def _():
    start()
    dev.deploy({**hello_app("/metrics", instances=1), "portDefinitions": [{"port": 0, "name": "web", "labels": {}}],
                "labels": {"prometheus.metrics.enabled": "true", "prometheus.metrics.endpoint": "/"}})
    own = free_ports()[0]
    p = Process("mae", [PYTHON, "-c", "import sys; from mae.cli import main; main()", own, "127.0.0.1", dev.agents[0]])
    task = dev.app("/metrics")["tasks"][0]
    want = get(task["ports"][0], "/").text.split()[0]
    got = wait_for("it answers", lambda: get(own, "/metrics").text, 20)
    check(want in got, f"{got[:300]!r} has no {want!r}")
    p.stop(signal.SIGKILL)


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
