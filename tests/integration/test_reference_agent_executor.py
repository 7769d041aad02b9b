#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The executor API row by row: transport and order of checks, calls, events, the SUBSCRIBE flow, updates as the agent completes them, kills and
ends, in JSON and protobuf. The executors are the test itself; their containers only sleep."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

PATH = "/api/v1/executor"
f = None


def launched(task_id, executor, **more):
    """A subscribed executor that has its first task."""
    f.launch(custom(f, task_id, executor, **more))
    e = Executor(f, executor)
    e.next("SUBSCRIBED")
    equal(e.next("LAUNCH")["launch"]["task"]["task_id"]["value"], task_id, "launched task")
    return e


def done(e, *tasks):
    """Ends its tasks and its container."""
    for t in tasks:
        e.update(t, "TASK_FINISHED")
        f.update(t, "TASK_FINISHED")
    e.stream.close()
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": e.id}, "agent_id": agent_id()})


def agent_id():
    return {"value": state()["id"]}


def acknowledged(e, uuid, seconds=PATIENCE):
    e.stream.until("ACKNOWLEDGED", lambda v: v["type"] == "ACKNOWLEDGED" and v["acknowledged"]["uuid"] == uuid, seconds)


@case("a master and an agent")
def _():
    global f
    start("--executor_shutdown_grace_period=1secs", '--acls={"run_tasks":[{"principals":{"type":"NONE"},"users":{"values":["daemon"]}}]}')
    f = framework(name="rows")


# --- transport and the order of checks ---

@case("SUBSCRIBE: 200, chunked, the asked message type, no stream id, on both forms of the path, with Connection: close too")
def _():
    f.launch(custom(f, "t-path", "x-path"))
    wait_for("known", lambda: executor_of(f, "x-path"))
    for path in (PATH, "/slave(1)" + PATH, "/slave%281%29" + PATH, PATH + "/"):
        for accept, type in ((JSON, JSON), ("*/*", JSON), (PB, PB), (f"{PB}, {JSON}", JSON)):
            body = json.dumps({"type": "SUBSCRIBE", "executor_id": {"value": "x-path"}, "framework_id": {"value": f.id}, "subscribe": {}}).encode()
            with socket.create_connection(("127.0.0.1", c.agent_port), 10) as s:
                s.sendall((f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {JSON}\r\nAccept: {accept}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
                r = http.client.HTTPResponse(s)
                r.begin()
                equal((r.status, r.headers["Content-Type"], r.headers["Transfer-Encoding"], r.headers["Content-Length"], r.headers["Mesos-Stream-Id"]),
                      (200, type, "chunked", None, None), f"{path} {accept}")
    e = Executor(f, "x-path")
    e.next("SUBSCRIBED")
    done(e)
    collect(f, ["t-path"])  # dropped if one of the streams above had it


@case("order of checks: method before type of content before body before Accept before who calls")
def _():
    e = launched("t-order", "x-order")
    ok = e.body("MESSAGE", message={"data": ""})
    text = json.dumps(ok)
    unknown = {**ok, "framework_id": {"value": "nobody"}}
    for what, status, body, headers, method in [
            ("GET without anything", 405, None, {}, "GET"), ("PUT", 405, text, {"content_type": "text/plain"}, "PUT"), ("DELETE", 405, None, {}, "DELETE"),
            ("no Content-Type, no body", 400, "", {}, "POST"), ("no Content-Type, garbage", 400, "{", {}, "POST"),
            ("other Content-Type, good body", 415, text, {"content_type": "text/plain"}, "POST"),
            ("a parameter in the type", 415, text, {"content_type": JSON + "; charset=utf-8"}, "POST"),
            ("capitals in the type", 415, text, {"content_type": "Application/JSON"}, "POST"),
            ("recordio", 415, text, {"content_type": RECORDIO}, "POST"),
            ("empty body", 400, "", {"content_type": JSON}, "POST"), ("cut short", 400, text[:-9], {"content_type": JSON}, "POST"),
            ("no object", 400, "[]", {"content_type": JSON}, "POST"), ("a text", 400, '"SUBSCRIBE"', {"content_type": JSON}, "POST"),
            ("JSON called protobuf", 400, text, {"content_type": PB}, "POST"), ("protobuf called JSON", 400, recorded.encode("mesos.v1.executor.Call", ok), {"content_type": JSON}, "POST"),
            ("empty protobuf", 400, "", {"content_type": PB}, "POST"),
            ("unknown framework, invalid call", 400, json.dumps({**unknown, "message": None}), {"content_type": JSON}, "POST"),
            ("SUBSCRIBE, Accept text, unknown framework", 406, json.dumps({**unknown, "type": "SUBSCRIBE", "subscribe": {}}), {"content_type": JSON, "accept": "text/plain"}, "POST"),
            ("MESSAGE does not look at Accept", 202, text, {"content_type": JSON, "accept": "text/plain"}, "POST"),
            ("unknown framework", 400, json.dumps(unknown), {"content_type": JSON}, "POST"),
            ("unknown executor", 400, json.dumps({**ok, "executor_id": {"value": "nobody"}}), {"content_type": JSON}, "POST"),
            ("HEARTBEAT of nobody", 202, json.dumps({"type": "HEARTBEAT", "executor_id": {"value": "no"}, "framework_id": {"value": "no"}}), {"content_type": JSON}, "POST"),
            ("UNKNOWN", 501, json.dumps({**ok, "type": "UNKNOWN"}), {"content_type": JSON}, "POST"),
            ("a type that does not exist", 400, json.dumps({**ok, "type": "NO_SUCH"}), {"content_type": JSON}, "POST"),
            ("a type as a number", 400, json.dumps({**ok, "type": 3}), {"content_type": JSON}, "POST"),
            ("a number as an id", 400, json.dumps({**ok, "executor_id": {"value": 3}}), {"content_type": JSON}, "POST"),
            ("bad base64", 400, json.dumps({**ok, "message": {"data": "*"}}), {"content_type": JSON}, "POST"),
            ("unknown fields do no harm", 202, json.dumps({**ok, "nobody": {"knows": 1}}), {"content_type": JSON}, "POST"),
            ("null is as not given", 400, json.dumps({**ok, "message": None}), {"content_type": JSON}, "POST")]:
        r = raw(body, PATH, method, **headers)
        equal(r.status, status, f"{what}: {r.text[:200]}; status")
        if status == 202:
            equal((r.headers["Content-Length"], r.headers["Content-Type"]), ("0", None), what)
    r = http_request("POST", c.agent_port, PATH, json.dumps({**ok, "message": {"data": "A" * (24 << 20)}}), J)
    equal(r.status, 413, "too large")
    done(e, "t-order")


@case("a call of an executor that is known and not subscribed: 403")
def _():
    f.launch(custom(f, "t-before", "x-before"))
    wait_for("known", lambda: executor_of(f, "x-before"))
    for type, more in (("UPDATE", {"update": {"status": Executor.status(None, "t-before", "TASK_RUNNING")}}), ("MESSAGE", {"message": {"data": "eA=="}})):
        r = raw(json.dumps({"type": type, "executor_id": {"value": "x-before"}, "framework_id": {"value": f.id}, **more}), PATH, content_type=JSON)
        equal((r.status, r.text), (403, "Executor is not subscribed"), type)
    e = Executor(f, "x-before")
    e.next("SUBSCRIBED")
    e.next("LAUNCH")
    done(e, "t-before")


# --- UPDATE ---

@case("UPDATE: what is required, each by its absence and its wrong value, in JSON and in protobuf, changes nothing")
def _():
    e = launched("t-valid", "x-valid")
    good = e.status("t-valid", "TASK_RUNNING")
    def sent(status, as_pb):
        call = e.body("UPDATE", update={"status": status})
        if as_pb:
            if isinstance(status.get("uuid"), str):
                call["update"]["status"] = {**status, "uuid": base64.b64decode(status["uuid"])}
            return raw(recorded.encode("mesos.v1.executor.Call", call), PATH, content_type=PB)
        return raw(json.dumps(call), PATH, content_type=JSON)
    for what, change in [("no task id", {"task_id": None}), ("no state", {"state": None}), ("no uuid", {"uuid": None}), ("no source", {"source": None}),
                         ("uuid of 15 bytes", {"uuid": base64.b64encode(b"a" * 15).decode()}), ("uuid of 17 bytes", {"uuid": base64.b64encode(b"a" * 17).decode()}), ("empty uuid", {"uuid": ""}),
                         ("source of the agent", {"source": "SOURCE_AGENT"}), ("TASK_STAGING", {"state": "TASK_STAGING"}),
                         ("another executor's id", {"executor_id": {"value": "other"}}),
                         ("a check status without its type", {"check_status": {"command": {"exit_code": 1}}}),
                         ("a check status of COMMAND with a body of HTTP", {"check_status": {"type": "COMMAND", "http": {"status_code": 200}}}),
                         ("a check status of HTTP without a body", {"check_status": {"type": "HTTP"}}),
                         ("a check status of TCP with a body of COMMAND", {"check_status": {"type": "TCP", "command": {}}})]:
        status = {k: v for k, v in {**good, **change}.items() if v is not None}
        for as_pb in (False, True):
            r = sent(status, as_pb)
            equal(r.status, 400, f"{what}, protobuf {as_pb}: {r.text}; status")
            check(r.text, "a text")
    for check_status in ({"type": "COMMAND", "command": {"exit_code": 3}}, {"type": "HTTP", "http": {"status_code": 404}}, {"type": "TCP", "tcp": {"succeeded": False}}, {"type": "COMMAND", "command": {}}):
        e.update("t-valid", "TASK_RUNNING", check_status=check_status)
        equal(f.update("t-valid", "TASK_RUNNING")["check_status"], check_status, "check status")
    equal([s["state"] for s in f.statuses if s["task_id"]["value"] == "t-valid"], ["TASK_RUNNING"] * 4, "states that came")
    r = sent({**good, "uuid": new_uuid()}, True)
    equal((r.status, r.body), (202, b""), "protobuf")
    f.update("t-valid", "TASK_RUNNING")
    done(e, "t-valid")


@case("UPDATE: the agent fills agent_id, timestamp and container_status; everything else is passed on unchanged")
def _():
    e = launched("t-fill", "x-fill")
    before = time.time()
    e.update("t-fill", "TASK_STARTING")
    s = f.update("t-fill", "TASK_STARTING")
    equal((s["agent_id"], "executor_id" in s, s["source"], "reason" in s, "message" in s), (agent_id(), False, "SOURCE_EXECUTOR", False, False))
    check(before - 2 <= s["timestamp"] <= time.time() + 2, f"timestamp {s['timestamp']}")
    cs = s["container_status"]
    equal(cs["container_id"], {"value": executor_of(f, "x-fill")["container"]}, "container id")
    equal(cs["network_infos"], [{"ip_addresses": [{"ip_address": "127.0.0.1", "protocol": "IPv4"}]}] if "protocol" in cs["network_infos"][0]["ip_addresses"][0]
          else [{"ip_addresses": [{"ip_address": "127.0.0.1"}]}], "network infos")
    check(is_alive(cs["executor_pid"]), "executor pid")
    given = {"timestamp": 12345.5, "message": "m\u00e9ssage", "data": base64.b64encode(bytes(range(256))).decode(), "healthy": False, "reason": "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
             "labels": {"labels": [{"key": "k", "value": "v"}, {"key": "k"}]}, "executor_id": {"value": "x-fill"}, "limitation": {"resources": RES(1, 2)}}
    e.update("t-fill", "TASK_RUNNING", **given)
    s = f.update("t-fill", "TASK_RUNNING")
    equal({k: s[k] for k in given if k != "limitation"}, {k: v for k, v in given.items() if k != "limitation"}, "what was given")
    e.update("t-fill", "TASK_RUNNING", container_status={"network_infos": [{"ip_addresses": [{"ip_address": "10.9.8.7"}]}]})
    s = f.update("t-fill", "TASK_RUNNING")
    equal(s["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], "10.9.8.7", "the executor's own address")
    check("container_id" in s["container_status"], "and the agent's container id")
    done(e, "t-fill")


@case("UPDATE: acknowledged to the executor at once, with its task id and uuid, not when the scheduler does")
def _():
    e = launched("t-ack", "x-ack")
    s1, s2 = e.status("t-ack", "TASK_STARTING"), e.status("t-ack", "TASK_RUNNING")
    for s in (s1, s2):
        equal(e.call("UPDATE", update={"status": s}).status, 202)
    for s in (s1, s2):
        equal(e.next("ACKNOWLEDGED")["acknowledged"], {"task_id": {"value": "t-ack"}, "uuid": s["uuid"]}, "acknowledged")
    f.update("t-ack", "TASK_RUNNING")
    done(e, "t-ack")


@case("UPDATE: only the head of a task's updates is in flight; the next goes out when it is acknowledged")
def _():
    with other(name="slow") as g:
        g.launch(custom(g, "t-head", "x-head"))
        e = Executor(g, "x-head")
        e.next("SUBSCRIBED"), e.next("LAUNCH")
        for s in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
            e.update("t-head", s)
        for want in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
            u = g.stream.until("an update", lambda v: v["type"] == "UPDATE")["update"]["status"]
            equal(u["state"], want, "head")
            g.call("MESSAGE", message={"agent_id": agent_id(), "executor_id": {"value": "x-head"}, "data": ""})
            e.stream.until("MESSAGE", lambda v: v["type"] == "MESSAGE")
            equal(e.call("MESSAGE", message={"data": ""}).status, 202)
            v = g.stream.until("what comes first", lambda v: v["type"] in ("UPDATE", "MESSAGE"))
            equal(v["type"], "MESSAGE", "what came before the acknowledgement")
            g.call("ACKNOWLEDGE", acknowledge={"agent_id": u["agent_id"], "task_id": u["task_id"], "uuid": u["uuid"]})
        e.stream.close()


@case("UPDATE: the same uuid twice counts once; a second terminal update is dropped, and acknowledged while the first is not")
def _():
    e = launched("t-twice", "x-twice")
    s = e.status("t-twice", "TASK_RUNNING")
    for _ in range(2):
        equal(e.call("UPDATE", update={"status": s}).status, 202)
    acknowledged(e, s["uuid"])
    first, second = e.status("t-twice", "TASK_FINISHED"), e.status("t-twice", "TASK_FAILED")
    for s in (first, second):
        equal(e.call("UPDATE", update={"status": s}).status, 202)
    acknowledged(e, second["uuid"])
    f.update("t-twice", "TASK_FINISHED")
    done(e)
    equal([s["state"] for s in f.statuses if s["task_id"]["value"] == "t-twice"], ["TASK_RUNNING", "TASK_FINISHED"], "what the framework saw")


@case("UPDATE for a task that the agent never saw is passed on")
def _():
    e = launched("t-known", "x-known")
    e.update("t-unheard-of", "TASK_RUNNING", message="mine")
    equal(f.update("t-unheard-of", "TASK_RUNNING")["message"], "mine")
    e.update("t-unheard-of", "TASK_FINISHED")
    f.update("t-unheard-of", "TASK_FINISHED")
    done(e, "t-known")


# --- MESSAGE, events ---

@case("MESSAGE: bytes go through unchanged both ways, with ids, in JSON and protobuf")
def _():
    e = launched("t-msg", "x-msg")
    data = bytes(range(256)) * 4
    equal(e.call("MESSAGE", message={"data": base64.b64encode(data).decode()}).status, 202)
    m = f.until("a message", lambda v: v["type"] == "MESSAGE")["message"]
    equal(m, {"agent_id": agent_id(), "executor_id": {"value": "x-msg"}, "data": base64.b64encode(data).decode()})
    r = raw(recorded.encode("mesos.v1.executor.Call", e.body("MESSAGE", message={"data": b"\0\xff"})), PATH, content_type=PB)
    equal((r.status, r.body), (202, b""))
    equal(f.until("a message", lambda v: v["type"] == "MESSAGE")["message"]["data"], "AP8=")
    f.call("MESSAGE", message={"agent_id": agent_id(), "executor_id": {"value": "x-msg"}, "data": base64.b64encode(data).decode()})
    equal(e.next("MESSAGE")["message"], {"data": base64.b64encode(data).decode()})
    done(e, "t-msg")


@case("SUBSCRIBED echoes executor_info, framework_info, agent_info and container_id; no HEARTBEAT soon after; protobuf says the same")
def _():
    f.launch(custom(f, "t-sub", "x-sub", labels={"labels": [{"key": "a", "value": "b"}]}, data="AP8=", source="src", name="named", discovery={"visibility": "CLUSTER", "name": "d"}))
    e = Executor(f, "x-sub")
    s = e.next("SUBSCRIBED")["subscribed"]
    equal(sorted(s), ["agent_info", "container_id", "executor_info", "framework_info"])
    i = s["executor_info"]
    equal((i["executor_id"], i["framework_id"], i["labels"]["labels"][0]["value"], i["data"], i["source"], i["name"], i["discovery"]["name"], i["command"]["value"]),
          ({"value": "x-sub"}, {"value": f.id}, "b", "AP8=", "src", "named", "d", "sleep 1000"))
    equal((s["framework_info"]["id"], s["framework_info"]["name"], s["framework_info"]["checkpoint"]), ({"value": f.id}, "rows", True))
    a = s["agent_info"]
    equal((a["id"], a["hostname"], a["port"], "checkpoint" in a), (agent_id(), "localhost", c.agent_port, False))
    equal(sorted({r["name"] for r in a["resources"]}), ["cpus", "disk", "mem", "ports"])
    equal(s["container_id"], {"value": executor_of(f, "x-sub")["container"]})
    task = e.next("LAUNCH")["launch"]["task"]
    equal((task["task_id"], task["agent_id"], task["executor"]["executor_id"]), ({"value": "t-sub"}, agent_id(), {"value": "x-sub"}))
    # the same in protobuf takes the stream over: the first one ends
    body = recorded.encode("mesos.v1.executor.Call", e.body("SUBSCRIBE", subscribe={"unacknowledged_tasks": [{"name": "t", "task_id": {"value": "t-sub"}, "agent_id": agent_id()}]}))
    with socket.create_connection(("127.0.0.1", c.agent_port), 10) as sock:
        sock.sendall(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Type: {PB}\r\nAccept: {PB}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        r = http.client.HTTPResponse(sock)
        r.begin()
        n, _, rest = r.read1(1 << 20).partition(b"\n")
        equal(len(rest), int(n), "one record in one chunk")
        p = recorded.decode("mesos.v1.executor.Event", rest)
        equal((p["type"], p["subscribed"]["executor_info"]["data"], p["subscribed"]["container_id"]), ("SUBSCRIBED", b"\0\xff", s["container_id"]))
        equal(e.stream.next(5), None, "the old stream")
        sock.settimeout(0.3)
        try:
            check(False, f"an event soon after SUBSCRIBED: {r.read1(1000)}")
        except TimeoutError:
            pass
        r = raw(json.dumps(e.body("UPDATE", update={"status": e.status("t-sub", "TASK_FINISHED")})), PATH, content_type=JSON)
        equal(r.status, 202, "updates in JSON while the stream is protobuf")
        f.update("t-sub", "TASK_FINISHED")
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "x-sub"}, "agent_id": agent_id()})


@case("order on subscribing: SUBSCRIBED, LAUNCH of each queued task as it came, then LAUNCH_GROUP")
def _():
    ex = {"type": "CUSTOM", "executor_id": {"value": "x-queue"}, "framework_id": {"value": f.id}, "command": {"value": "sleep 1000"}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}
    mine = lambda t: {"task_id": {"value": t}, "name": t, "resources": RES(0.1, 32)}
    f.launch({**mine("q-1"), "executor": ex})
    wait_for("known", lambda: executor_of(f, "x-queue"))
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [mine("q-g1"), mine("q-g2")]}}})
    f.launch({**mine("q-2"), "executor": ex}, {**mine("q-3"), "executor": ex})
    wait_for("all are queued", lambda: len(executor_of(f, "x-queue")["queued_tasks"]) == 5)
    q = executor_of(f, "x-queue")["queued_tasks"][0]
    equal({k for k in q} >= {"id", "name", "slave_id", "resources", "executor_id"}, True, f"keys of a queued task: {sorted(q)}")
    e = Executor(f, "x-queue")
    e.next("SUBSCRIBED")
    equal([e.next("LAUNCH")["launch"]["task"]["task_id"]["value"] for _ in range(3)], ["q-1", "q-2", "q-3"])
    g = e.next("LAUNCH_GROUP")["launch_group"]["task_group"]["tasks"]
    equal([t["task_id"]["value"] for t in g], ["q-g1", "q-g2"])
    equal(executor_of(f, "x-queue").get("queued_tasks"), [])
    done(e, "q-1", "q-2", "q-3", "q-g1", "q-g2")


# --- SUBSCRIBE: what the agent does with what is brought along ---

@case("unacknowledged_updates are taken as new updates; one that is known by its uuid counts once")
def _():
    e = launched("t-unack", "x-unack")
    known = e.status("t-unack", "TASK_STARTING", message="known")
    equal(e.call("UPDATE", update={"status": known}).status, 202)
    acknowledged(e, known["uuid"])
    f.update("t-unack", "TASK_STARTING")
    e.stream.close()
    fresh = e.status("t-unack", "TASK_RUNNING", message="fresh")
    e = Executor(f, "x-unack", unacknowledged_updates=[{"status": known}, {"status": fresh}], unacknowledged_tasks=[])
    e.next("SUBSCRIBED")
    acknowledged(e, fresh["uuid"])
    equal(f.update("t-unack", "TASK_RUNNING")["message"], "fresh")
    done(e, "t-unack")
    equal([s.get("message") for s in f.statuses if s["task_id"]["value"] == "t-unack"], ["known", "fresh", None])


@case("a launched task still STAGING that is not in unacknowledged_tasks never arrived: TASK_DROPPED, AGENT_RESTARTED; one that is there stays")
def _():
    e = launched("t-lost", "x-lost")
    f.launch(custom(f, "t-kept", "x-lost"))
    kept = e.next("LAUNCH")["launch"]["task"]
    e.stream.close()
    e = Executor(f, "x-lost", unacknowledged_tasks=[kept])
    s = f.update("t-lost", "TASK_DROPPED")
    equal((s["source"], s["reason"], "uuid" in s), ("SOURCE_AGENT", "REASON_AGENT_RESTARTED", True))
    e.next("SUBSCRIBED")
    # Until its end is acknowledged the agent has it still.
    wait_for("one task is left", lambda: [t["id"] for t in executor_of(f, "x-lost")["tasks"]] == ["t-kept"])
    done(e, "t-kept")


@case("the same for a framework without PARTITION_AWARE: TASK_LOST")
def _():
    with other(name="old", capabilities=[]) as g:
        g.launch(custom(g, "t-lost-old", "x-lost-old"))
        e = Executor(g, "x-lost-old")
        e.next("SUBSCRIBED"), e.next("LAUNCH")
        e.stream.close()
        e = Executor(g, "x-lost-old")
        s = g.update("t-lost-old", "TASK_LOST")
        equal((s["source"], s["reason"]), ("SOURCE_AGENT", "REASON_AGENT_RESTARTED"))
        e.stream.close()


@case("a task killed before its executor has subscribed: TASK_KILLED by the agent; the executor gets SHUTDOWN and the end of its stream")
def _():
    f.launch(custom(f, "t-early", "x-early"))
    wait_for("known", lambda: executor_of(f, "x-early"))
    f.kill("t-early")
    s = f.update("t-early", "TASK_KILLED")
    equal((s["source"], s["reason"], "uuid" in s), ("SOURCE_AGENT", "REASON_TASK_KILLED_DURING_LAUNCH", True))
    e = Executor(f, "x-early", wait=False)
    equal(e.next("SHUTDOWN", "SUBSCRIBED")["type"], "SHUTDOWN")
    equal(e.stream.next(10), None, "the stream after SHUTDOWN")


@case("killing one task of a queued group kills the group")
def _():
    ex = {"type": "CUSTOM", "executor_id": {"value": "x-qg"}, "framework_id": {"value": f.id}, "command": {"value": "sleep 1000"}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}
    mine = lambda t: {"task_id": {"value": t}, "name": t, "resources": RES(0.1, 32)}
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [mine("qg-1"), mine("qg-2")]}}})
    wait_for("queued", lambda: len(executor_of(f, "x-qg")["queued_tasks"]) == 2)
    f.kill("qg-2")
    for t, s in collect(f, ["qg-1", "qg-2"]).items():
        equal([(x["state"], x["source"], x["reason"]) for x in s], [("TASK_KILLED", "SOURCE_AGENT", "REASON_TASK_KILLED_DURING_LAUNCH")], t)
    e = Executor(f, "x-qg", wait=False)
    e.next("SHUTDOWN")


@case("a launch as a user whom the agent's own run_tasks forbids: TASK_ERROR by the agent, TASK_UNAUTHORIZED, for each of a group TASK_GROUP_UNAUTHORIZED")
def _():
    t = task("u-1")
    t["command"]["user"] = "daemon"
    f.launch(t, custom(f, "u-2", "x-u2"), task("u-3", "exit 0"))
    s = f.update("u-1", "TASK_ERROR")
    equal((s["source"], s["reason"], s["message"], "uuid" in s), ("SOURCE_AGENT", "REASON_TASK_UNAUTHORIZED", "Task 'u-1' is not authorized to launch as user 'daemon'", True))
    equal(collect(f, ["u-3"])["u-3"][-1]["state"], "TASK_FINISHED", "another user")
    ex = {"type": "DEFAULT", "executor_id": {"value": "x-ug"}, "framework_id": {"value": f.id}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}
    bad = task("ug-2")
    bad["command"]["user"] = "daemon"
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [task("ug-1"), bad]}}})
    for id, s in collect(f, ["ug-1", "ug-2"]).items():
        equal([(x["state"], x["source"], x["reason"]) for x in s], [("TASK_ERROR", "SOURCE_AGENT", "REASON_TASK_GROUP_UNAUTHORIZED")], id)
    e = Executor(f, "x-u2")
    e.next("SUBSCRIBED"), e.next("LAUNCH")
    done(e, "u-2")


# --- KILL, SHUTDOWN and the end ---

@case("KILL carries the task's id, and the kill policy of the call only if there is one")
def _():
    e = launched("t-kill", "x-kill")
    f.kill("t-kill")
    equal(e.next("KILL")["kill"], {"task_id": {"value": "t-kill"}})
    f.kill("t-kill", kill_policy={"grace_period": {"nanoseconds": 1500000000}})
    equal(e.next("KILL")["kill"], {"task_id": {"value": "t-kill"}, "kill_policy": {"grace_period": {"nanoseconds": 1500000000}}})
    e.update("t-kill", "TASK_KILLED")
    f.update("t-kill", "TASK_KILLED")
    f.kill("t-kill")
    s = f.update("t-kill", "TASK_UNKNOWN", "TASK_GONE", "TASK_KILLED")
    equal(s["reason"], "REASON_RECONCILIATION", "a kill of what has ended")
    done(e)


@case("SHUTDOWN: the event, then the grace period of the executor's info, then the container; FAILURE before the task's end")
def _():
    e = launched("t-down", "x-down", command="trap '' TERM; sleep 1000 & wait; sleep 1000", shutdown_grace_period={"nanoseconds": 400000000})
    e.update("t-down", "TASK_RUNNING")
    f.update("t-down", "TASK_RUNNING")
    t0 = time.monotonic()
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "x-down"}, "agent_id": agent_id()})
    e.stream.until("SHUTDOWN", lambda v: v["type"] == "SHUTDOWN")
    x = f.until("FAILURE", lambda v: v["type"] == "UPDATE" or (v["type"] == "FAILURE" and v["failure"]["executor_id"]["value"] == "x-down"))
    took = time.monotonic() - t0
    equal(x.get("failure"), {"agent_id": agent_id(), "executor_id": {"value": "x-down"}, "status": 9})
    check(0.35 <= took < 30, f"the grace period took {took:.2f} s")
    s = f.update("t-down", "TASK_FAILED")
    equal((s["source"], s["reason"], s["message"], "uuid" in s), ("SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED", "Executor terminated", True))


@case("the end of the executor: state, reason and FAILURE with the status of wait(2); queued tasks end alike")
def _():
    for command, status in (("exit 9", 9 << 8), ("kill -15 $$", 15), ("exit 0", 0)):
        name = f"x-end-{status}"
        f.launch(custom(f, "t-" + name, name, command=command))
        x = f.until("FAILURE", lambda v: v["type"] == "FAILURE" and v["failure"]["executor_id"]["value"] == name)["failure"]
        equal(x["status"], status, command)
        s = f.update("t-" + name, "TASK_FAILED")
        equal((s["source"], s["reason"], s["message"]), ("SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED", "Executor terminated"))


@case("an executor that has ended and subscribes again is unknown or told to end; its updates are refused")
def _():
    e = launched("t-late", "x-late")
    e.update("t-late", "TASK_FINISHED")
    f.update("t-late", "TASK_FINISHED")
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "x-late"}, "agent_id": agent_id()})
    f.until("FAILURE", lambda v: v["type"] == "FAILURE" and v["failure"]["executor_id"]["value"] == "x-late")
    check(e.call("UPDATE", update={"status": e.status("t-late", "TASK_RUNNING")}).status in (400, 403), "an update of the dead")


@case("teardown of the framework: SHUTDOWN to its executors, no updates")
def _():
    with other(name="torn") as g:
        g.launch(custom(g, "t-torn", "x-torn"))
        e = Executor(g, "x-torn")
        e.next("SUBSCRIBED"), e.next("LAUNCH")
    e.next("SHUTDOWN")
    e.stream.close()


@case("the end")
def _():
    f.end()
    finish()


main(log_lines=12)
