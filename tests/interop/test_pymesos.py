#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pymesos, unmodified from PyPI: its scheduler, executor and operator classes against a running Stoa. Its http-parser is
Debian's package, so the environment is made from Debian's Python."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

PYTHON = os.path.join(BUILD, "interop", "pymesos", "bin", "python")
dev = None


def environment():
    if os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import pymesos"], capture_output=True).returncode == 0:
        return
    if subprocess.run(["/usr/bin/python3", "-c", "import http_parser"], capture_output=True).returncode != 0:
        raise Skip("Debian's python3-http-parser is not installed")
    d = os.path.dirname(os.path.dirname(PYTHON))
    download("pymesos", "/usr/bin/python3", "-m", "venv", "--system-site-packages", d)
    download("pymesos", PYTHON, "-m", "pip", "install", "-q", "--no-deps", "pymesos==0.3.15", "addict", "six")


def lines(*args, seconds=90):
    r = subprocess.run([PYTHON, *args], capture_output=True, text=True, timeout=seconds, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    out = [json.loads(l) for l in r.stdout.split("\n") if l.startswith("{")]
    check(out, f"no output; {r.stderr[-800:]}")
    return out, r.stderr


@case("a pymesos scheduler runs a command task and a custom executor, exchanges messages, kills, reconciles")
def _():
    global dev
    environment()
    dev = Dev()
    out, err = lines(os.path.join(HERE, "pymesos_scheduler.py"), f"127.0.0.1:{dev.master}", os.path.join(HERE, "pymesos_executor.py"), PYTHON)
    of = lambda what: [o for o in out if o["what"] == what]
    states = lambda task: [o["state"] for o in of("status") if o["task"] == task]
    check(of("registered") and of("offer") and of("stopped"), f"{out} {err[-500:]}")
    offer = of("offer")[0]
    check({"cpus", "mem", "disk", "ports"} <= set(offer["resources"]), offer)
    equal(offer["allocation"], False, "allocation_info for a framework without MULTI_ROLE")
    equal(set(offer["roles"]), {"*"}, "roles in the old resource format")
    equal([s for s in states("command") if s != "TASK_STARTING"], ["TASK_RUNNING", "TASK_FAILED"], "command")
    check("exited with status 3" in [o for o in of("status") if o["state"] == "TASK_FAILED"][0]["message"], out)
    equal(states("finishes"), ["TASK_RUNNING", "TASK_FINISHED"], "finishes")
    equal([o["data"] for o in of("status") if o["state"] == "TASK_FINISHED"], ["result"], "data of the update")
    equal(set(states("stays")), {"TASK_RUNNING", "TASK_KILLED"}, "stays")
    check([o for o in of("status") if o["reason"] == "REASON_RECONCILIATION"], "no answer to the reconciliation")
    check(all(o["ip"] for o in of("status") if o["state"] == "TASK_RUNNING" and o["reason"] != "REASON_RECONCILIATION"), "container_status without an IP")
    check({"started finish", "started stay", "echo ping"} <= {o["data"] for o in of("message")}, of("message"))
    equal(of("error"), [], "errors")
    fw = of("registered")[0]["framework_id"]
    done = wait_for("the framework is completed", lambda: [f for f in get(dev.master, "/frameworks").json["completed_frameworks"] if f["id"] == fw])
    equal(len(done[0]["completed_tasks"]), 3, "completed tasks at the master")


@case("the operator drivers of pymesos read master and agent")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.deploy({"id": "/sleeper", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1})
    out, err = lines(os.path.join(HERE, "pymesos_operator.py"), f"127.0.0.1:{dev.master}", f"127.0.0.1:{dev.agents[0]}")
    by = {o["what"]: o["value"] for o in out}
    failed = {k: v["failed"] for k, v in by.items() if isinstance(v, dict) and "failed" in v}
    equal(failed, {}, "calls that failed")
    check(by["getHealth"]["get_health"]["healthy"], by["getHealth"])
    equal(len(by["getAgents"]["get_agents"]["agents"]), 1, "agents")
    check([t for t in by["getTasks"]["get_tasks"]["tasks"] if t["state"] == "TASK_RUNNING"], by["getTasks"])
    check(by["agent.getContainers"]["get_containers"]["containers"], by["agent.getContainers"])
    check(by["agent.getTasks"]["get_tasks"]["launched_tasks"], by["agent.getTasks"])
    sandbox = glob.glob(f"{dev.work_dir}/agent1/slaves/*/frameworks/*/executors/*/runs/{by['agent.nested']}/containers")[0]
    equal(sorted(os.listdir(sandbox)), ["py-nested", "py-session"], "containers that were not removed")
    equal([open(f"{sandbox}/{n}/stdout", newline="").read() for n in ("py-nested", "py-session")], ["nested\r\n", "session\n"], "their output")
    check("I/O switchboard server was disabled for this container" in by["agent.notAttachable"], by["agent.notAttachable"])


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
