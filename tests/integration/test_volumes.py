#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Persistent volumes of apps and pods on real processes: reservation, launch, re-use after a failure, a kill -9 of
marathon, restarts of agent and master, scaling and updates; wipe and removal give everything back."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None
LOG = 'echo $MESOS_TASK_ID >> data/log; exec sleep 1000'


def db(**more):
    return {"id": "/db", "cmd": LOG, "cpus": 0.1, "mem": 32, "backoffSeconds": 0, "container": {"type": "MESOS", "volumes": [
        {"containerPath": "data", "mode": "RW", "persistent": {"size": 16}}]}, **more}


def change(path, body, method="PUT", status=200):
    r = http_request(method, dev.marathon, path, body=body)
    equal(r.status, status, r.text[:300])
    return r


def log_of(volume):
    """What the tasks of this volume wrote, by instance and incarnation."""
    files = glob.glob(f"{dev.work_dir}/agent*/volumes/roles/web/{volume['persistenceId']}/log")
    return [line.rsplit("._app.", 1) for line in open(files[0]).read().split()] if files else None


def running(n=1):
    return [t for t in dev.settled("/db")["tasks"] if t["state"] == "TASK_RUNNING"]


def reserved():
    return [r for s in get(dev.master, "/slaves").json["slaves"] for l in s["reserved_resources_full"].values() for r in l]


@case("a volume is made, the task writes to it, and shows it as localVolumes")
def _():
    global dev
    dev = Dev(marathon_flags=["mesos_role=web"], master_flags=["agent_reregister_timeout=600secs"])
    a = dev.deploy(db())
    t = running()[0]
    v = t["localVolumes"][0]
    equal((v["runSpecId"], v["containerPath"]), ("/db", "data"), "volume")
    equal(v["persistenceId"], f"db#data#{v['uuid']}", "persistenceId")
    wait_for("the task writes", lambda: log_of(v) == [[t["id"].rsplit("._app.", 1)[0], "1"]])
    labels = {l["key"]: l["value"] for r in reserved() for l in r["reservations"][-1]["labels"]["labels"]}
    equal(labels["marathon_task_id"], t["id"].rsplit("._app.", 1)[0], "label marathon_task_id")
    equal(labels["marathon_framework_id"], get(dev.marathon, "/v2/info").json["frameworkId"], "label marathon_framework_id")
    equal(a["residency"], {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"}, "residency")


@case("a killed task comes back as the same instance with the same volume")
def _():
    t = running()[0]
    change(f"/v2/apps/db/tasks/{t['id']}", None, "DELETE")
    want = t["id"][:-1] + "2"
    wait_for("the second incarnation", lambda: [x["id"] for x in running()] == [want])
    wait_for("it writes", lambda: [n for _, n in log_of(t["localVolumes"][0])] == ["1", "2"])


@case("scaled to 0 it rests with its volume; marathon killed with -9 meanwhile; scaled up it uses it again")
def _():
    before = running()[0]
    change("/v2/apps/db", {"instances": 0})
    dev.settled("/db")
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)
    rest = wait_for("marathon is back", lambda: get(dev.marathon, "/v2/apps/db/tasks").json["tasks"], 30)
    equal([(t["id"], t["state"]) for t in rest], [(before["id"], "TASK_KILLED")], "what rests")
    equal(rest[0]["localVolumes"], before["localVolumes"], "its volumes")
    check("startedAt" not in rest[0], "it has startedAt")
    change("/v2/apps/db", {"instances": 1})
    equal(running()[0]["localVolumes"], before["localVolumes"], "volumes")


@case("a new command, with marathon killed in the middle of the deployment: the same volume")
def _():
    before = running()[0]
    change("/v2/apps/db", {"cmd": "true; " + LOG})
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)
    wait_for("marathon is back", lambda: get(dev.marathon, "/v2/apps/db").status == 200, 30)
    after = running()[0]
    equal(after["localVolumes"], before["localVolumes"], "volumes")
    check(after["version"] > before["version"], "the version is the old one")
    wait_for("it writes", lambda: len(log_of(after["localVolumes"][0])) == 4)


@case("the agent and the master restart: the task lives on, and after its end it gets its volume again")
def _():
    before = running()[0]
    os.kill(dev.pid_of("agent1"), signal.SIGKILL)
    os.kill(dev.pid_of("master"), signal.SIGKILL)
    wait_for("both are back", dev._is_up, 60)
    equal(running()[0]["id"], before["id"], "the task")
    change(f"/v2/apps/db/tasks/{before['id']}", None, "DELETE")
    wait_for("the next incarnation", lambda: running()[0]["id"] != before["id"], 30)
    equal(running()[0]["localVolumes"], before["localVolumes"], "volumes")


@case("what reservations are made of cannot be changed; a bad volume is refused by path")
def _():
    r = change("/v2/apps/db", {"cpus": 0.2}, status=422)
    check("may not change resource requirements" in r.text, r.text)
    r = change("/v2/apps", {**db(), "id": "/x", "container": {"type": "MESOS", "volumes": [
        {"containerPath": "data", "mode": "RW", "persistent": {"size": 0}}]}}, "POST", 422)
    equal(r.json["details"][0]["path"], "/container/volumes(0)/persistent/size", "path")


@case("more disk than there is: the queue and `why` say how much is missing")
def _():
    change("/v2/apps", {**db(), "id": "/huge", "container": {"type": "MESOS", "volumes": [
        {"containerPath": "data", "mode": "RW", "persistent": {"size": 100 << 20}}]}}, "POST", 201)
    why = wait_for("why", lambda: get(dev.marathon, "/stoa/v1/apps/huge/why").json["agents"])
    equal(why[0]["reason"], "InsufficientDisk", "reason")
    text = dev.cli("why", "/huge").stdout
    check("framework marathon (" in text, "why does not tell who uses the agent: " + text)
    q = [q for q in get(dev.marathon, "/v2/queue").json["queue"] if q["app"]["id"] == "/huge"][0]
    s = [s for s in q["processedOffersSummary"]["rejectSummaryLaunchAttempt"] if s["reason"] == "InsufficientDisk"][0]
    check(s["declined"] >= 1, str(s))
    change("/v2/apps/huge", None, "DELETE")


@case("wipe destroys the volume, and the replacement is a new instance with a new one")
def _():
    before = running()[0]
    change(f"/v2/apps/db/tasks/{before['id']}?wipe=true", None, "DELETE")
    def replaced():
        t = running()[0]
        return t["localVolumes"] and t["localVolumes"] != before["localVolumes"] and t
    t = wait_for("another volume", replaced, 30)
    check(t["id"].split("._app.")[0] != before["id"].split("._app.")[0], "the instance is the old one")
    wait_for("the old volume is gone", lambda: log_of(before["localVolumes"][0]) is None)
    wait_for("one volume is left", lambda: len([r for r in reserved() if r.get("disk", {}).get("persistence")]) == 1)


@case("a pod's volume is seen by its containers and outlives them")
def _():
    pod = {"id": "/pair", "scaling": {"kind": "fixed", "instances": 1}, "volumes": [{"name": "data", "persistent": {"size": 16}}],
           "containers": [{"name": n, "exec": {"command": {"shell": f"echo {n} >> shared/log; exec sleep 1000"}},
                           "resources": {"cpus": 0.1, "mem": 32}, "volumeMounts": [{"name": "data", "mountPath": "shared"}]}
                          for n in ("one", "two")]}
    r = change("/v2/pods", pod, "POST", 201)
    equal(r.json["scheduling"]["unreachableStrategy"], "disabled", "unreachableStrategy")
    equal(r.json["scheduling"]["upgrade"], {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}, "upgrade")
    def stable():
        s = get(dev.marathon, "/v2/pods/pair::status").json
        return s["status"] == "STABLE" and s["instances"][0]["status"] == "STABLE" and s["instances"][0]
    i = wait_for("the pod is stable", stable, 30)
    v = i["localVolumes"][0]
    equal(v["persistenceId"], f"pair#data#{v['uuid']}", "persistenceId")
    path = glob.glob(f"{dev.work_dir}/agent*/volumes/roles/web/{v['persistenceId']}/log")[0]
    wait_for("both wrote", lambda: sorted(open(path).read().split()) == ["one", "two"])
    change("/v2/pods/pair::instances/" + i["id"], None, "DELETE")
    wait_for("both wrote again", lambda: sorted(open(path).read().split()) == ["one", "one", "two", "two"], 30)
    equal(wait_for("stable again", stable, 30)["localVolumes"], [v], "volumes after the restart")
    r = change("/v2/pods/pair", {**pod, "volumes": [{"name": "data", "persistent": {"size": 17}}]}, status=422)
    check("persistent volumes cannot be updated" in r.text, r.text)
    equal(http_request("DELETE", dev.marathon, "/v2/pods/pair").status, 202, "DELETE")


@case("removing the app gives back every reservation")
def _():
    change("/v2/apps/db", None, "DELETE")
    wait_for("nothing is reserved", lambda: reserved() == [], 30)
    wait_for("nothing is left on disk", lambda: glob.glob(f"{dev.work_dir}/agent*/volumes/roles/web/*") == [])
    dev.stop()


main()
