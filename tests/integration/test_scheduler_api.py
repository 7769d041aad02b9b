#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The v1 scheduler API over real sockets against a real master and agent: the pipeline's checks, offers, tasks, groups,
failover, reconciliation, partition. Everything in JSON as a client without a library would send it."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

master = agent = port = agent_port = None
PATH = "/api/v1/scheduler"
RES = lambda cpus, mem: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}}]


class Framework:
    def __init__(self, caps=("PARTITION_AWARE", "TASK_KILLING_STATE"), id=None, **info):
        fi = {"user": "root", "name": "api-test", "checkpoint": True, "failover_timeout": 60.0,
              "capabilities": [{"type": c} for c in caps], **info}
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": fi}}
        if id:
            fi["id"] = call["framework_id"] = {"value": id}
        self.info = fi
        self.stream = Stream(port, call)
        equal(self.stream.status, 200, "status of SUBSCRIBE")
        first = self.stream.next()
        equal(first["type"], "SUBSCRIBED", "first event")
        self.subscribed = first["subscribed"]
        self.id = self.subscribed["framework_id"]["value"]
        equal(self.stream.next()["type"], "HEARTBEAT", "second event")
        self.offers = []

    def call(self, type, **body):
        return post(port, PATH, {"framework_id": {"value": self.id}, "type": type, **body}, headers={"Mesos-Stream-Id": self.stream.stream_id})

    def accepted(self, type, **body):
        r = self.call(type, **body)
        equal((r.status, r.body), (202, b""), f"answer to {type}")
        check("Content-Type" not in r.headers, "an empty answer has a Content-Type")

    def until(self, what, fn, seconds=PATIENCE):
        """As Stream.until, keeping the offers that pass by."""
        def seen(e):
            if e["type"] == "OFFERS":
                self.offers += e["offers"]["offers"]
            if e["type"] == "RESCIND":
                self.offers = [o for o in self.offers if o["id"] != e["rescind"]["offer_id"]]
            return fn(e)
        return self.stream.until(what, seen, seconds)

    def offer(self, cpus=1):
        """An outstanding offer with at least so many cpus."""
        def big():
            return [o for o in self.offers if sum(r["scalar"]["value"] for r in o["resources"] if r["name"] == "cpus") >= cpus]
        if not big():
            self.until("an offer", lambda e: big())
        found = big()[0]
        self.offers.remove(found)
        return found

    def launch(self, offer, *tasks, refuse=0):
        for t in tasks:
            t.setdefault("agent_id", offer["agent_id"])
        self.accepted("ACCEPT", accept={"offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse},
                                        "operations": [{"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}]})

    def update(self, task, *states, seconds=PATIENCE):
        """Waits for an update of the task to one of the states, acknowledging all on the way."""
        def is_it(e):
            if e["type"] != "UPDATE":
                return False
            s = e["update"]["status"]
            if "uuid" in s:
                self.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
            return s["task_id"]["value"] == task and s["state"] in states
        return self.until(f"{task} in {states}", is_it, seconds)["update"]["status"]

    def teardown(self):
        self.accepted("TEARDOWN")
        self.stream.close()


def task(id, command="sleep 1000", cpus=0.1, mem=32, **more):
    return {"task_id": {"value": id}, "name": id, "resources": RES(cpus, mem), "command": {"value": command}, **more}


@case("a master and an agent")
def _():
    global master, agent, port, agent_port
    port, agent_port = free_ports(2)
    d = scratch()
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost",
                                "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=5"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a",
                              f"--runtime_dir={d}/r", "--hostname=localhost", f"--cgroups_root=stoa_api_{port}", "--attributes=rack:r1;level:3",
                              "--resources=cpus:4;mem:2048;disk:1000;ports:[31000-31100]"])
    wait_for("the agent is registered", lambda: get(port, "/slaves").json["slaves"])


@case("what is wrong with a request is told by its status and text")
def _():
    j = {"Content-Type": "application/json"}
    sub = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n"}}}
    rows = [
        ("GET", b"", {}, 405), ("POST", b"{}", {}, 400), ("POST", b"{", j, 400), ("POST", b"[]", j, 400), ("POST", b"{}", j, 400),
        ("POST", b"{}", {"Content-Type": "text/plain"}, 415), ("POST", b"\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        ("POST", json.dumps({"type": "SUBSCRIBE"}).encode(), j, 400),
        ("POST", json.dumps({"type": "TEARDOWN"}).encode(), j, 400),
        ("POST", json.dumps({"type": "TEARDOWN", "framework_id": {"value": "nobody"}}).encode(), j, 400),
        ("POST", json.dumps(sub).encode(), {**j, "Accept": "text/html"}, 406),
        ("POST", json.dumps(sub).encode(), {**j, "Mesos-Stream-Id": "x"}, 400),
        ("POST", json.dumps({**sub, "framework_id": {"value": "a"}}).encode(), j, 400),
        ("POST", json.dumps({"type": "NONSENSE"}).encode(), j, 400),
    ]
    for method, body, headers, status in rows:
        r = http_request(method, port, PATH, body, headers)
        equal(r.status, status, f"{method} {body[:80]} {headers}: {r.text[:120]}; status")
        if status == 405:
            equal(r.headers["Allow"], "POST", "Allow")
        else:
            check(r.text, f"no text for {body[:60]}")
    deep = b'{"type":"SUBSCRIBE","subscribe":' + b'{"framework_info":' * 5000 + b"1" + b"}" * 5001
    equal(http_request("POST", port, PATH, deep, j).status, 400, "status of a deeply nested body")
    equal(get(port, "/frameworks").json["frameworks"], [], "frameworks")
    equal(get(port, "/health").status, 200)


@case("an invalid FrameworkInfo is answered by an ERROR event and the end of the stream")
def _():
    s = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n", "role": "a//b"}}})
    equal(s.status, 200)
    e = s.next()
    equal(e["type"], "ERROR")
    check(e["error"]["message"], e)
    equal(s.next(), None, "what follows")
    s.close()


@case("subscribed, with master_info as clients read it, then offers in the old resource format")
def _():
    global f
    f = Framework()
    equal(f.stream.headers["content-type"], "application/json")
    m = f.subscribed["master_info"]
    equal((m["ip"], m["port"], m["pid"], m["address"]["ip"]), (16777343, port, f"master@127.0.0.1:{port}", "127.0.0.1"), "master_info")
    equal(f.subscribed["heartbeat_interval_seconds"], 15.0)
    check(re.fullmatch(r"[0-9a-f-]{36}-\d{4}", f.id), f.id)
    global o
    o = f.offer()
    check(re.fullmatch(r"[0-9a-f-]{36}-O\d+", o["id"]["value"]), o["id"])
    check("allocation_info" not in o, o)
    equal({r["name"]: r.get("role") for r in o["resources"]}, dict.fromkeys(["cpus", "mem", "disk", "ports"], "*"), "roles")
    equal(o["url"]["path"], "/slave(1)")
    equal(o["url"]["address"]["port"], agent_port)
    equal({a["name"]: a["type"] for a in o["attributes"]}, {"rack": "TEXT", "level": "SCALAR"}, "attributes")


@case("calls with a wrong stream id, or none, are refused")
def _():
    body = {"framework_id": {"value": f.id}, "type": "SUPPRESS"}
    equal(post(port, PATH, body).status, 400)
    equal(post(port, PATH, body, headers={"Mesos-Stream-Id": "wrong"}).status, 400)
    equal(f.call("UNKNOWN").status, 501, "status of type UNKNOWN")


@case("several tasks of one ACCEPT: good ones run, bad ones are told apart")
def _():
    f.launch(o, task("good", "echo out; sleep 1000"), task("huge", cpus=1000), task("bad/id"), task("none", resources=[]),
             task("exits", "exit 3"), task("dies", "kill -9 $$"), task("ends", "true"))
    for t, text in (("huge", ""), ("bad/id", ""), ("none", "")):
        s = f.update(t, "TASK_ERROR")
        equal((s["source"], s["reason"], "uuid" in s), ("SOURCE_MASTER", "REASON_TASK_INVALID", False), t)
    want = {"exits": ("TASK_FAILED", "Command exited with status 3"), "dies": ("TASK_FAILED", "Command terminated with signal Killed"),
            "ends": ("TASK_FINISHED", "Command exited with status 0")}
    left = dict(want)
    running = False
    while left or not running:
        e = f.until("updates", lambda e: e["type"] == "UPDATE")
        s = e["update"]["status"]
        f.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
        t = s["task_id"]["value"]
        if s["state"] == "TASK_RUNNING":
            check(s["container_status"]["container_id"]["value"], s)
            check(s["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], s)
            running = running or t == "good"
        elif t in left and s["state"] not in ("TASK_STARTING", "TASK_RUNNING"):
            equal((s["state"], s["message"], s["source"]), (*left.pop(t), "SOURCE_EXECUTOR"), t)


@case("an unacknowledged update is repeated, an acknowledged one is not")
def _():
    o2 = f.offer()
    f.launch(o2, task("silent"))
    seen = []
    def collect(e):
        if e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == "silent":
            seen.append(e["update"]["status"])
        return len(seen) >= 2
    f.until("the same update again", collect, 25)
    equal(seen[0]["uuid"], seen[1]["uuid"], "uuid of the repetition")
    s = seen[0]
    f.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
    f.update("silent", "TASK_RUNNING")


@case("KILL goes through TASK_KILLING to TASK_KILLED; unknown tasks are reconciled")
def _():
    f.accepted("KILL", kill={"task_id": {"value": "silent"}})
    f.update("silent", "TASK_KILLING")
    s = f.update("silent", "TASK_KILLED")
    equal(s["message"], "Command terminated with signal Terminated")
    f.accepted("KILL", kill={"task_id": {"value": "never-was"}})
    s = f.update("never-was", "TASK_UNKNOWN")
    equal((s["reason"], s["source"]), ("REASON_RECONCILIATION", "SOURCE_MASTER"))


@case("reconciliation, explicit and implicit")
def _():
    f.accepted("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "good"}}, {"task_id": {"value": "x"}, "agent_id": o["agent_id"]}]})
    s = f.update("good", "TASK_RUNNING")
    equal((s["reason"], "uuid" in s), ("REASON_RECONCILIATION", False))
    equal(f.update("x", "TASK_GONE")["message"], "Reconciliation: Task is unknown to the agent")
    f.accepted("RECONCILE", reconcile={"tasks": []})
    equal(f.update("good", "TASK_RUNNING")["reason"], "REASON_RECONCILIATION")


@case("an invalid offer drops its tasks, and an old offer cannot be used twice")
def _():
    f.accepted("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [
        task("late", agent_id=o["agent_id"])]}}]})
    s = f.update("late", "TASK_DROPPED")
    equal((s["source"], s["reason"]), ("SOURCE_MASTER", "REASON_INVALID_OFFERS"))
    check("no longer valid" in s["message"], s["message"])


@case("a task group runs under the default executor and is killed as one")
def _():
    f.accepted("REVIVE")
    off = f.offer()
    group = [{**task(i, "echo in-group; sleep 1000"), "agent_id": off["agent_id"]} for i in ("g1", "g2")]
    f.accepted("ACCEPT", accept={"offer_ids": [off["id"]], "filters": {"refuse_seconds": 0}, "operations": [{"type": "LAUNCH_GROUP", "launch_group": {
        "executor": {"executor_id": {"value": "pod"}, "type": "DEFAULT", "framework_id": {"value": f.id},
                     "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 5}}]},
        "task_group": {"tasks": group}}}]})
    states = {}
    while set(states.values()) != {"TASK_RUNNING"} or len(states) < 2:
        s = f.until("group updates", lambda e: e["type"] == "UPDATE")["update"]["status"]
        check("uuid" in s, f"{s['task_id']} {s['state']} {s.get('message')}")
        f.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
        check(s["state"] in ("TASK_STARTING", "TASK_RUNNING"), f"{s['task_id']} {s['state']} {s.get('message')}")
        states[s["task_id"]["value"]] = s["state"]
        check("parent" in s["container_status"]["container_id"] or s["state"] == "TASK_STARTING", s)
    f.accepted("KILL", kill={"task_id": {"value": "g1"}})
    ended = set()
    while ended != {"g1", "g2"}:
        s = f.until("the group ends", lambda e: e["type"] == "UPDATE")["update"]["status"]
        f.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
        if s["state"] == "TASK_KILLED":
            ended.add(s["task_id"]["value"])


@case("a secret by value reaches its task and no page; a reference is refused by name")
def _():
    def variable(**secret):
        return {"variables": [{"name": "TOKEN", "type": "SECRET", "secret": secret}]}
    value = variable(type="VALUE", value={"data": base64.b64encode(b"s3cret").decode()})
    f.accepted("REVIVE")
    off = f.offer()
    told = task("told", 'test "$TOKEN" = s3cret')
    told["command"]["environment"] = value
    refers = task("refers", "sleep 1000")
    refers["command"]["environment"] = variable(type="REFERENCE", reference={"name": "prod/token"})
    f.launch(off, told, refers)
    ended = {}
    while len(ended) < 2:
        s = f.until("the ends", lambda e: e["type"] == "UPDATE")["update"]["status"]
        f.accepted("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
        if s["state"] not in ("TASK_STARTING", "TASK_RUNNING"):
            ended[s["task_id"]["value"]] = s
    equal(ended["told"]["state"], "TASK_FINISHED", ended["told"].get("message"))
    equal(ended["refers"]["state"], "TASK_FAILED", "a reference")
    check("prod/token" in ended["refers"]["message"], ended["refers"]["message"])
    off = f.offer()
    member = {**task("member", 'test "$TOKEN" = s3cret'), "agent_id": off["agent_id"]}
    member["command"]["environment"] = value
    f.accepted("ACCEPT", accept={"offer_ids": [off["id"]], "filters": {"refuse_seconds": 0}, "operations": [{"type": "LAUNCH_GROUP", "launch_group": {
        "executor": {"executor_id": {"value": "pod-of-secrets"}, "type": "DEFAULT", "framework_id": {"value": f.id},
                     "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 5}}]},
        "task_group": {"tasks": [member]}}}]})
    s = f.update("member", "TASK_FINISHED", "TASK_FAILED")
    equal(s["state"], "TASK_FINISHED", s.get("message"))
    for where, path in ((port, "/state"), (port, "/tasks"), (agent_port, "/state")):
        body = get(where, path).body
        check(b"s3cret" not in body and base64.b64encode(b"s3cret") not in body, f"{path} tells the secret")


@case("taking over the framework id ends the old stream and keeps the tasks")
def _():
    global f
    old = f
    f = Framework(id=old.id)
    equal(f.id, old.id)
    e = old.stream.until("the old stream's error", lambda e: e["type"] == "ERROR")
    equal(e["error"]["message"], "Framework failed over")
    equal(old.stream.next(), None)
    equal(old.call("SUPPRESS").status, 400, "status of a call with the old stream id")
    f.accepted("RECONCILE", reconcile={"tasks": []})
    f.update("good", "TASK_RUNNING")


@case("a stopped agent becomes unreachable, its tasks too; both come back")
def _():
    agent.kill(signal.SIGSTOP)
    try:
        s = f.update("good", "TASK_UNREACHABLE", seconds=20)
        equal((s["reason"], s["source"]), ("REASON_AGENT_REMOVED", "SOURCE_MASTER"))
        check("unreachable_time" in s, s)
        f.until("FAILURE of the agent", lambda e: e["type"] == "FAILURE")
    finally:
        agent.kill(signal.SIGCONT)
    s = f.update("good", "TASK_RUNNING", seconds=30)
    equal((s["reason"], "uuid" in s), ("REASON_AGENT_REREGISTERED", False))


@case("a restarted master knows agent, framework and tasks again")
def _():
    global f
    master.kill().wait()
    f.stream.close()
    master.start()
    wait_for("the master", lambda: get(port, "/health").status == 200)
    wait_for("the agent is back", lambda: [s for s in get(port, "/slaves").json["slaves"] if s["active"]], 30)
    fr = [x for x in get(port, "/frameworks").json["frameworks"] if x["id"] == f.id][0]
    equal((fr["active"], fr["recovered"]), (False, True), "active, recovered")
    f = Framework(id=f.id)
    f.accepted("RECONCILE", reconcile={"tasks": []})
    f.update("good", "TASK_RUNNING")


@case("teardown kills the tasks and retires the id")
def _():
    f.teardown()
    done = wait_for("the framework is completed", lambda: [x for x in get(port, "/frameworks").json["completed_frameworks"] if x["id"] == f.id])
    equal([t["state"] for t in done[0]["completed_tasks"] if t["id"] == "good"], ["TASK_KILLED"])
    s = Stream(port, {"type": "SUBSCRIBE", "framework_id": {"value": f.id}, "subscribe": {"framework_info": {"user": "u", "name": "n", "id": {"value": f.id}}}})
    equal(s.next()["type"], "ERROR")
    s.close()


@case("agent and master end cleanly")
def _():
    agent.stop(signal.SIGUSR1)
    wait_for("the master knows of its end", lambda: get(port, "/slaves").json["slaves"] == [])
    master.stop()
    for d in glob.glob(f"/sys/fs/cgroup/*/stoa_api_{port}/*/"):
        raise Failed(f"left: {d}")
    for d in glob.glob(f"/sys/fs/cgroup/*/stoa_api_{port}"):
        os.rmdir(d)


main()
