#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mesos-framework, unmodified from npm: a JavaScript scheduler runs two tasks and tears itself down."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *


@case("a mesos-framework scheduler runs two tasks and tears down")
def _():
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skip("node and npm are not installed (scripts/install-packages interop)")
    d = os.path.join(BUILD, "interop", "mesos-framework")
    modules = os.path.join(d, "node_modules")
    if not os.path.isdir(os.path.join(modules, "mesos-framework")):
        os.makedirs(d, exist_ok=True)
        download("mesos-framework", "npm", "install", "--silent", "--no-fund", "--no-audit", "mesos-framework@0.5.3", cwd=d, wipe=modules)
    dev = Dev()
    r = subprocess.run(["node", os.path.join(HERE, "framework.js"), str(dev.master), modules], capture_output=True, text=True, timeout=90, cwd=scratch())
    out = [json.loads(l) for l in r.stdout.split("\n") if l.startswith('{"what"')]
    equal(r.returncode, 0, f"exit status; {out[-5:]} {r.stderr[-600:]}")
    running = {o["task"] for o in out if o["what"] == "update" and o["state"] == "TASK_RUNNING"}
    equal(len(running), 2, "tasks that ran")
    fw = [o for o in out if o["what"] == "subscribed"][0]["id"]
    done = wait_for("the framework is completed", lambda: [f for f in get(dev.master, "/frameworks").json["completed_frameworks"] if f["id"] == fw])
    equal({t["id"] for t in done[0]["completed_tasks"]} , running, "completed tasks at the master")
    wait_for("no task runs", lambda: not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"])
    dev.stop()


main()
