#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""marathon-event-bus-client, unmodified from npm: the event stream of a deployment as it arrives there."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *


@case("marathon-event-bus-client receives the events of a deployment, in order and complete")
def _():
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skip("node and npm are not installed (scripts/install-packages interop)")
    d = os.path.join(BUILD, "interop", "marathon-event-bus-client")
    modules = os.path.join(d, "node_modules")
    if not os.path.isdir(os.path.join(modules, "marathon-event-bus-client")):
        os.makedirs(d, exist_ok=True)
        download("marathon-event-bus-client", "npm", "install", "--silent", "--no-fund", "--no-audit", "marathon-event-bus-client@0.1.7", cwd=d, wipe=modules)
    dev = Dev()
    p = subprocess.Popen(["node", os.path.join(HERE, "events.js"), str(dev.marathon), modules], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=scratch())
    try:
        equal(json.loads(p.stdout.readline())["what"], "subscribed", "first line")
        id = dev.deploy(hello_app("/bus", instances=1))["deployments"][0]["id"]
        dev.cli("app", "delete", "/bus")
        wait_for("it is gone", lambda: not dev.app("/bus"))
        wait_for("no deployment is left", lambda: get(dev.marathon, "/v2/deployments").json == [])
        out, err = p.communicate(timeout=PATIENCE)
    finally:
        if p.poll() is None:
            p.kill()
    lines = [json.loads(l) for l in out.split("\n") if l.startswith("{")]
    events = [l["data"] for l in lines if l["what"] == "event"]
    equal([l for l in lines if l["what"] == "error"], [], "errors")
    equal(lines[-1]["what"], "unsubscribed", "last line")
    for l in lines:
        if l["what"] == "event":
            equal(l["name"], l["data"]["eventType"], "name of the event and type in its data")
            check(l["data"]["timestamp"].endswith("Z"), l)
    names = [e["eventType"] for e in events]
    check({"deployment_info", "deployment_success", "status_update_event", "instance_changed_event", "add_health_check_event",
           "health_status_changed_event", "group_change_success"} <= set(names), names)
    success = [e for e in events if e["eventType"] == "deployment_success"]
    equal(success[0]["id"], id, "deployment that succeeded first")
    info = [i for i, e in enumerate(events) if e["eventType"] == "deployment_info" and e["plan"]["id"] == id]
    check(info and info[0] < names.index("deployment_success"), names)
    states = [e["taskStatus"] for e in events if e["eventType"] == "status_update_event" and e["appId"] == "/bus"]
    check("TASK_RUNNING" in states and states[-1] == "TASK_KILLED", states)
    up = [e for e in events if e["eventType"] == "status_update_event" and e["taskStatus"] == "TASK_RUNNING"][0]
    check(up["slaveId"] and up["host"] and len(up["ports"]) == 1 and up["ipAddresses"][0]["ipAddress"], up)
    dev.stop()


main()
