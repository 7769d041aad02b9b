#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rollouts on real processes, through `stoa app rollout`: a canary holds, is promoted, a pause lasts over a kill -9 of
marathon, a bad version goes back by itself, undo."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None
STRATEGY = {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}


def put(cmd, **strategy):
    r = http_request("PUT", dev.marathon, "/v2/apps/web", body={"cmd": cmd, "upgradeStrategy": {**STRATEGY, **strategy}})
    equal(r.status, 200, r.text)


def rollout(verb="status"):
    return json.loads(dev.cli("app", "rollout", verb, "/web", "--json").stdout)


def state(what, **more):
    def reached():
        s = rollout()
        return s["state"] == what and all(s.get(k) == v for k, v in more.items()) and s
    return wait_for(f"the rollout is {what} {more}", reached, 30)


def commands():
    return sorted(t["id"] for t in dev.app("/web")["tasks"])


@case("a canary holds after one new instance, and is promoted")
def _():
    global dev
    dev = Dev()
    dev.deploy({"id": "/web", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 3, "backoffSeconds": 0})
    check("no rolling restart" in dev.cli("app", "rollout", "pause", "/web", ok=False).stderr, "pause without a rollout")
    put("sleep 2000", pauseAfter=1)
    s = state("holding", newReady=1, old=2)
    equal((s["pauseAfter"], s["instances"]), (1, 3), "pauseAfter and instances")
    check(s["deployment"] in [d["id"] for d in get(dev.marathon, "/v2/deployments").json], "no such deployment")
    check("holding" in dev.cli("app", "rollout", "status", "/web").stdout, "text of status")
    check("its canary is ready" in dev.cli("why", "/web").stdout, "why does not tell of the canary")
    rollout("promote")
    state("none")
    dev.settled("/web")


@case("a paused rollout stays where it is over a kill -9 of marathon, and goes on when resumed")
def _():
    put("sleep 3000", pauseAfter=2)
    state("holding", newReady=2)
    equal(rollout("pause")["state"], "paused", "state")
    before = commands()
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)
    wait_for("marathon is back", lambda: get(dev.marathon, "/v2/apps/web").status == 200, 30)
    state("paused", newReady=2)
    equal(commands(), before, "tasks")
    equal(rollout("resume")["state"], "holding", "state after resume")
    rollout("promote")
    state("none")
    dev.settled("/web")


@case("a version that fails goes back by itself, and the event says why")
def _():
    put("exit 3", autoRollback={"maxFailures": 2})
    s = wait_for("it went back", lambda: (r := rollout()).get("lastRollback") and r["state"] == "none" and r, 30)
    check("2 new instances failed" in s["lastRollback"]["text"], str(s))
    a = dev.settled("/web")
    equal(a["cmd"], "sleep 3000", "cmd")


@case("undo without a rollout goes back to the version before")
def _():
    put("sleep 4000")
    dev.settled("/web")
    rollout("undo")
    state("none")
    equal(dev.settled("/web")["cmd"], "sleep 3000", "cmd")
    dev.stop()


main()
