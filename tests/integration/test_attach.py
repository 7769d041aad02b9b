#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Input and output of containers: sessions, attaching with and without a terminal, standalone containers, and all of it
over a kill -9 of the agent. Requests are written byte by byte, as no client's habits should hide what the agent needs."""
import base64, os, subprocess, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

master = agent = port = agent_port = None
RES = lambda cpus, mem: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}}]
J = {"Content-Type": "application/json", "Accept": "application/json"}
DISABLED = "I/O switchboard server was disabled for this container"


def api(type, headers=J, **more):
    return post(agent_port, "/api/v1", {"type": type, **more}, headers=headers)


def cid(name, parent="parent"):
    return {"value": name, "parent": {"value": parent}} if parent else {"value": name}


def launch(name, command, parent="parent", tty=None, **more):
    body = {"container_id": cid(name, parent), "command": {"value": command} if isinstance(command, str) else command, **more}
    if tty is not None:
        body["container"] = {"type": "MESOS", "tty_info": tty}
    r = api("LAUNCH_CONTAINER", launch_container=body)
    equal((r.status, r.text), (200, ""), f"launch of {name}")


def wait(name, parent="parent"):
    return api("WAIT_CONTAINER", wait_container={"container_id": cid(name, parent)}).json["wait_container"]


def end(name, parent="parent"):
    api("KILL_CONTAINER", kill_container={"container_id": cid(name, parent)})
    wait_for(f"{name} has ended", lambda: api("REMOVE_CONTAINER", remove_container={"container_id": cid(name, parent)}).status == 200)


class Out(Stream):
    """A stream of ProcessIO; out and err collect what came."""

    def __init__(self, call, accept="application/recordio"):
        super().__init__(agent_port, call, path="/api/v1", accept=accept)
        self.out, self.err, self.beats = b"", b"", 0

    def take(self, e):
        if e["type"] == "CONTROL":
            self.beats += 1
        elif e["data"]["type"] == "STDOUT":
            self.out += base64.b64decode(e["data"]["data"])
        else:
            self.err += base64.b64decode(e["data"]["data"])
        return e

    def till(self, what, fn, seconds=PATIENCE):
        if not fn(self):
            self.until(what, lambda e: self.take(e) and fn(self), seconds)
        return self

    def rest(self, seconds=60):
        deadline = time.monotonic() + seconds
        while (e := self.next(seconds)) is not None:
            self.take(e)
            check(time.monotonic() < deadline, "the stream goes on")
        check(self.ended, "the stream broke")
        return self


def session(name, command, tty=None, parent="parent", accept="application/recordio"):
    body = {"container_id": cid(name, parent), "command": {"value": command} if isinstance(command, str) else command}
    if tty is not None:
        body["container"] = {"type": "MESOS", "tty_info": tty}
    s = Out({"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": body}, accept)
    equal(s.status, 200, f"status of the session ({getattr(s, 'body', b'')!r})")
    return s


def attach(name, parent="parent"):
    return Out({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": cid(name, parent)}})


# the few messages of the input in protobuf
def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def pb(n, v):
    return varint(n << 3) + varint(v) if isinstance(v, int) else varint(n << 3 | 2) + varint(len(v)) + v


def pb_id(c):
    return pb(1, c["value"].encode()) + (pb(2, pb_id(c["parent"])) if "parent" in c else b"")


class In:
    """A request of ATTACH_CONTAINER_INPUT, chunked."""

    def __init__(self, container=None, kind="json", headers=(), path="/api/v1"):
        self.s, self.kind = socket.create_connection(("127.0.0.1", agent_port), 30), kind
        h = {"Content-Type": "application/recordio", "Accept": "application/json", "Connection": "close", "Transfer-Encoding": "chunked",
             "Message-Content-Type": "application/json" if kind == "json" else "application/x-protobuf", **dict(headers)}
        self.s.sendall((f"POST {path} HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"{k}: {v}\r\n" for k, v in h.items() if v) + "\r\n").encode())
        if container:
            self.record({"type": "CONTAINER_ID", "container_id": container}, pb(1, 1) + pb(2, pb_id(container)))

    def record(self, sub, sub_pb=b"", type="ATTACH_CONTAINER_INPUT"):
        m = json.dumps({"type": type, "attach_container_input": sub}).encode() if self.kind == "json" else pb(1, 18) + pb(10, sub_pb)
        self.chunk(b"%d\n" % len(m) + m)
        return self

    def chunk(self, data):
        self.s.sendall(b"%x\r\n" % len(data) + data + b"\r\n")

    def data(self, b):
        return self.record({"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDIN", "data": base64.b64encode(b).decode()}}},
                           pb(1, 2) + pb(3, pb(1, 1) + pb(2, pb(1, 1) + pb(2, b))))

    def control(self, c):
        return self.record({"type": "PROCESS_IO", "process_io": {"type": "CONTROL", "control": c}})

    def window(self, rows, columns):
        return self.control({"type": "TTY_INFO", "tty_info": {"window_size": {"rows": rows, "columns": columns}}})

    def eof(self):
        return self.data(b"")

    def finish(self):
        self.s.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self, seconds=PATIENCE):
        self.s.settimeout(seconds)
        f = self.s.makefile("rb")
        status = int(f.readline().split()[1])
        length = 0
        while (line := f.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = f.read(length)
        self.s.close()
        return status, body.decode()


def restart_agent(while_down=lambda: None):
    agent.kill().wait()
    while_down()
    agent.start()
    wait_for("the agent is back", lambda: get(port, "/slaves").json["slaves"][0]["active"] and get(agent_port, "/state").json["id"])


@case("a master, an agent, a container to nest others in")
def _():
    global master, agent, port, agent_port
    port, agent_port = free_ports(2)
    d = scratch()
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    flags = [f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a", "--hostname=localhost",
             f"--cgroups_root=stoa_attach_test_{port}", "--resources=cpus:8;mem:4096;disk:1000", "--registration_backoff_factor=100ms",
             "--http_heartbeat_interval=300ms"]
    if IS_ROOT:
        flags.append("--isolation=cgroups/cpu,cgroups/mem")
    agent = Process("agent", [STOA, "agent", *flags])
    wait_for("the agent is registered", lambda: get(port, "/slaves").json["slaves"])
    launch("parent", "sleep 1000", parent=None, resources=RES(0.1, 64))


@case("a session: output as records, input by another request, end of input, exit status")
def _():
    s = session("cat", "cat; echo err >&2; exit 3")
    equal((s.headers["content-type"], s.headers["message-content-type"]), ("application/recordio", "application/json"))
    equal(In(cid("cat")).finish(), (200, ""), "a request that only looks")
    equal(In(cid("cat"), path="/slave(1)/api/v1/operator").data(b"one\n").finish(), (200, ""), "a first piece")
    s.till("the first piece", lambda s: s.out == b"one\n")
    i = In(cid("cat")).data(b"two\n").control({"type": "HEARTBEAT", "heartbeat": {"interval": {"nanoseconds": 30000000000}}}).eof()
    s.rest()
    equal((s.out, s.err), (b"one\ntwo\n", b"err\n"), "output")
    equal(i.answer(), (200, ""), "answer to the input, at the end of the container")
    equal(wait("cat"), {"exit_status": 3 << 8})
    equal(open(glob.glob(f"{scratch()}/a/containers/parent/containers/cat/stdout")[0]).read(), "one\ntwo\n", "the file")


@case("messages in protobuf")
def _():
    s = session("pb", "cat", accept="application/x-protobuf")
    equal(s.headers["content-type"], "application/x-protobuf")
    equal(In(cid("pb"), kind="protobuf").data(b"hi\n").eof().finish(), (200, ""))
    want = pb(1, 1) + pb(2, pb(1, 2) + pb(2, b"hi\n"))
    got = b""
    while not s.ended:
        got += s._chunk()
    check(b"%d\n" % len(want) + want in got, got)


@case("a client that leaves takes its session's container along")
def _():
    s = session("gone", "echo $$; exec sleep 1000")
    pid = int(s.till("its pid", lambda s: s.out.endswith(b"\n")).out)
    check(os.path.exists(f"/proc/{pid}"), "no such process")
    s.close()
    wait_for("the end", lambda: "gone" not in api("GET_CONTAINERS", get_containers={"show_nested": True}).text)


@case("the recorded exchange: a nested container with a terminal")
def _():
    launch("golden-tty", "cat", tty={})
    a = attach("golden-tty")
    equal((a.status, a.headers["content-type"]), (200, "application/recordio"))
    i = In(cid("golden-tty")).window(24, 80).data(b"hello tty\n")
    a.till("the echo and the answer", lambda a: len(a.out) >= 22)
    equal(i.control({"type": "HEARTBEAT", "heartbeat": {"interval": {"nanoseconds": 30000000000}}}).data(b"\x04").eof().finish(), (200, ""))
    equal(a.rest().out, b"hello tty\r\nhello tty\r\n")
    equal(wait("golden-tty"), {"exit_status": 0})


@case("a terminal: controlling, of its own session, with a size and signals from keys")
def _():
    s = session("term", "tty; stty size; test $(ps -o sid= -p $$) = $$ && echo leader; trap 'echo resized; stty size' WINCH; "
                "trap 'echo int; exit 7' INT; echo ready; while :; do sleep 0.05; done", tty={"window_size": {"rows": 10, "columns": 33}})
    s.till("ready", lambda s: b"ready" in s.out)
    check(b"/dev/pts/" in s.out and b"10 33" in s.out and b"leader" in s.out, s.out)
    i = In(cid("term")).window(50, 132)
    s.till("the new size", lambda s: b"resized" in s.out and b"50 132" in s.out)
    i.data(b"\x03")
    check(b"int" in s.rest().out, s.out)
    equal(wait("term"), {"exit_status": 7 << 8})


@case("several readers, each from where it came in; a restart of the agent cuts the streams, not the container")
def _():
    launch("shared", "while read x; do echo got:$x; done", tty={})
    readers = [attach("shared"), attach("shared")]
    In(cid("shared")).data(b"a\n").finish()
    for r in readers:
        r.till("the line", lambda r: b"got:a\r\n" in r.out)
    late = attach("shared")
    restart_agent()
    for r in readers + [late]:
        try:
            check(r.next(5) is None or r.next(5) is None, "the stream goes on")
        except OSError:
            pass
    after = attach("shared")
    In(cid("shared")).data(b"b\n").finish()
    after.till("the line", lambda r: b"got:b\r\n" in r.out)
    check(b"got:a" not in after.out, "old output came again")
    equal(late.out, b"", "what a late reader was told")
    end("shared")
    check(after.rest().ended, "the stream did not end")


@case("a session ends with the agent that answered it; what it was nested in goes on")
def _():
    launch("parent2", "sleep 1000", parent=None)
    s = session("cut", "cat", parent="parent2")
    In(cid("cut", "parent2")).data(b"x\n").finish()
    s.till("x", lambda s: s.out == b"x\n")
    restart_agent()
    wait_for("the session of the agent before is ended", lambda: "cut" not in api("GET_CONTAINERS", get_containers={"show_nested": True}).text)
    check("parent2" in api("GET_CONTAINERS", get_containers={"show_standalone": True}).text, "the parent is gone")
    end("parent2", None)


@case("much output to a slow reader, much input to a slow command: all of it arrives, the agent stays at ease")
def _():
    size = 30_000_000
    s = session("flood", f"head -c {size} /dev/zero")
    time.sleep(1)
    check(get(agent_port, "/health", timeout=20).status == 200, "no answer meanwhile")
    equal(len(s.rest(60).out), size)
    total = 8_000_000
    s = session("drink", "sleep 1; wc -c")
    i = In(cid("drink"))
    for _ in range(total // 100_000):
        i.data(b"y" * 100_000)
    i.eof()
    equal(s.rest().out.strip(), str(total).encode())
    equal(i.answer()[0], 200)


@case("a command that reads no more ends the request; one request at a time writes")
def _():
    s = session("deaf", "exec <&-; echo closed; sleep 1000")
    s.till("closed", lambda s: b"closed" in s.out)
    equal(In(cid("deaf")).data(b"x" * 10).data(b"y" * 10).answer(), (200, ""))
    s.close()
    launch("one", "cat", tty={})
    i = In(cid("one")).data(b"1")
    a = attach("one")
    i.data(b"2\n")
    a.till("echo", lambda a: b"2" in a.out)
    equal(In(cid("one")).answer()[0], 409)
    i.s.close()
    wait_for("the place is free", lambda: In(cid("one")).finish()[0] == 200)
    end("one")
    s = session("full", "sleep 1000")  # reads nothing: what its pipe does not take is held back, and with it the client
    i = In(cid("full")).data(b"x" * 100_000).data(b"x" * 100_000)
    wait_for("the place is taken", lambda: In(cid("full")).answer()[0] == 409)
    i.s.close()
    wait_for("the place is free although the client left while it was held back", lambda: In(cid("full")).finish()[0] == 200)
    s.close()


@case("heartbeats on an output stream")
def _():
    launch("beat", "cat", tty={})
    a = attach("beat")
    e = a.next(5)
    equal(e, {"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": {"nanoseconds": 300000000}}}})
    a.till("three", lambda a: a.beats >= 2)
    end("beat")


@case("what is wrong is told by its status and text")
def _():
    launch("plain", "sleep 1000")
    r = api("ATTACH_CONTAINER_OUTPUT", attach_container_output={"container_id": cid("plain")})
    equal((r.status, r.text), (500, DISABLED))
    equal(In(cid("plain")).answer(), (500, DISABLED))
    equal(api("ATTACH_CONTAINER_OUTPUT", attach_container_output={"container_id": cid("no")}).status, 404)
    equal(In(cid("no")).answer(), (404, "Container parent.no cannot be found"))
    equal(In(cid("../x")).answer()[0], 404)
    equal(In().finish()[0], 400, "no record")
    equal(In().record({"type": "PROCESS_IO", "process_io": {"type": "DATA"}}).answer()[0], 400, "another first record")
    equal(In().record({"type": "CONTAINER_ID"}).answer()[0], 400, "no container")
    equal(In().record({}, type="GET_HEALTH").answer(), (415, "Streaming request is not supported for GET_HEALTH call"))
    i = In()
    i.chunk(b"abc\n")
    equal(i.answer()[0], 400, "no length")
    i = In()
    i.chunk(b"5\nabcde")
    equal(i.answer()[0], 400, "no JSON")
    i = In()
    i.chunk(b"999999999\n")
    equal(i.answer()[0], 400, "a record too long")
    i = In()
    i.chunk(b"100\nab")
    equal(i.finish()[0], 400, "cut in a record")
    equal(In(cid("plain"), headers=[("Accept", "text/html")]).answer()[0], 406)
    equal(In(headers=[("Message-Content-Type", "")]).finish(), (400, "Expecting 'Message-Content-Type' to be set for streaming requests"))
    equal(In(headers=[("Message-Content-Type", "text/html")]).finish()[0], 415)
    equal(api("ATTACH_CONTAINER_INPUT", attach_container_input={"type": "CONTAINER_ID", "container_id": cid("plain")}).status, 415)
    equal(In(headers=[("Accept", "application/json")], path="/api/v1/executor").finish()[0], 415, "another path")
    launch("t", "cat", tty={})
    equal(In(cid("t")).record({"type": "CONTAINER_ID", "container_id": cid("t")}).answer()[0], 400, "a second name")
    equal(In(cid("t")).control({"type": "TTY_INFO", "tty_info": {}}).finish()[0], 200, "no size")
    end("t")
    end("plain")
    equal(api("LAUNCH_NESTED_CONTAINER_SESSION", launch_nested_container_session={"container_id": cid("x", "no"), "command": {"value": "true"}}).status, 400)


@case("standalone containers: sandbox, limits, end while the agent is away, rules of their resources")
def _():
    launch("alone", "echo here; sleep 1000", parent=None, resources=RES(0.5, 48))
    equal(wait_for("its output", lambda: open(f"{scratch()}/a/containers/alone/stdout").read()), "here\n")
    launch("short", "while ! test -e go; do sleep 0.05; done; exit 4", parent=None, resources=RES(0.1, 32))
    listed = lambda: {c["container_id"]["value"]: c for c in api("GET_CONTAINERS", get_containers={"show_standalone": True}).json["get_containers"]["containers"]}
    before = listed()
    check("framework_id" not in before["alone"] and before["alone"]["container_status"]["executor_pid"] > 0, before)

    def down():
        open(f"{scratch()}/a/containers/short/go", "w").close()
        time.sleep(0.5)
    restart_agent(down)
    after = listed()
    equal(after["alone"]["container_status"], before["alone"]["container_status"])
    if IS_ROOT:
        equal(after["alone"]["resource_statistics"]["mem_limit_bytes"], 48 << 20)
        equal(after["alone"]["resource_statistics"]["cpus_soft_limit"], before["alone"]["resource_statistics"]["cpus_soft_limit"])
    equal(wait("short", None), {"exit_status": 4 << 8}, "the end of one that ended meanwhile")
    equal(api("REMOVE_CONTAINER", remove_container={"container_id": {"value": "short"}}).status, 200)
    check(not os.path.exists(f"{scratch()}/a/containers/short"), "its sandbox is still there")
    equal(api("KILL_CONTAINER", kill_container={"container_id": {"value": "alone"}}).status, 200)
    equal(wait("alone", None), {"exit_status": 9})
    end("alone", None)
    bad = lambda **r: api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "bad"}, "command": {"value": "true"},
                                                                "resources": [{**RES(0.1, 1)[0], **r}]}).status
    equal(bad(revocable={}), 400)
    equal(bad(role="web"), 400)
    equal(bad(reservations=[{"type": "DYNAMIC", "role": "web"}]), 400)
    equal(api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "bad"}, "command": {"value": "true"}, "container": {
        "type": "MESOS", "linux_info": {"share_cgroups": True}}}).status, 400)


@case("a command task with a terminal, of a framework")
def _():
    f = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root" if IS_ROOT else "nobody", "name": "tty-test"}}})
    id = f.next()["subscribed"]["framework_id"]["value"]
    call = lambda type, **b: post(port, "/api/v1/scheduler", {"framework_id": {"value": id}, "type": type, **b}, headers={"Mesos-Stream-Id": f.stream_id})
    o = f.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    task = {"task_id": {"value": "t1"}, "name": "t1", "agent_id": o["agent_id"], "resources": RES(0.1, 32), "container": {"type": "MESOS", "tty_info": {}},
            "command": {"value": "tty; test $(ps -o sid= -p $$) = $$ && echo leader; while read x; do echo got:$x; done; echo bye"}}
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]})
    def until(state):
        def seen(e):
            s = e.get("update", {}).get("status", {})
            if "uuid" in s:
                call("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
            return s.get("state") == state
        return f.until(state, seen)["update"]["status"]
    c = until("TASK_RUNNING")["container_status"]["container_id"]
    a = Out({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": c}})
    In(c).data(b"hello\n").finish()
    a.till("the answer", lambda a: b"got:hello\r\n" in a.out)
    In(c).data(b"\x04").finish()
    equal(until("TASK_FINISHED")["message"], "Command exited with status 0")
    check(b"bye" in a.rest().out, a.out)
    text = open(glob.glob(f"{scratch()}/a/slaves/*/frameworks/{id}/executors/t1/runs/latest/stdout")[0]).read()
    check("/dev/pts/" in text and "leader" in text and "got:hello" in text, text)
    call("TEARDOWN")
    f.close()


@case("a task of a group with a terminal")
def _():
    f = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root" if IS_ROOT else "nobody", "name": "group-test"}}})
    id = f.next()["subscribed"]["framework_id"]["value"]
    call = lambda type, **b: post(port, "/api/v1/scheduler", {"framework_id": {"value": id}, "type": type, **b}, headers={"Mesos-Stream-Id": f.stream_id})
    o = f.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    ex = {"type": "DEFAULT", "executor_id": {"value": "d1"}, "framework_id": {"value": id},
          "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    task = {"task_id": {"value": "g1"}, "name": "g1", "agent_id": o["agent_id"], "resources": RES(0.1, 32), "container": {"type": "MESOS", "tty_info": {
        "window_size": {"rows": 7, "columns": 70}}}, "command": {"value": "read x; stty size; echo got:$x; exec sleep 1000"}}
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [task]}}}]})

    def runs(e):
        s = e.get("update", {}).get("status", {})
        if "uuid" in s:
            call("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
        return s.get("state") == "TASK_RUNNING"
    c = f.until("it runs", runs)["update"]["status"]["container_status"]["container_id"]
    check("parent" in c, c)
    a = Out({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": c}})
    In(c).data(b"hello\n").finish()
    a.till("the answer", lambda a: b"7 70\r\ngot:hello\r\n" in a.out)
    call("TEARDOWN")
    check(a.rest().ended, "the stream goes on")
    f.close()


@case("stoa exec passes standard input on")
def _():
    f = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root" if IS_ROOT else "nobody", "name": "exec-test"}}})
    id = f.next()["subscribed"]["framework_id"]["value"]
    call = lambda type, **b: post(port, "/api/v1/scheduler", {"framework_id": {"value": id}, "type": type, **b}, headers={"Mesos-Stream-Id": f.stream_id})
    o = f.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    task = {"task_id": {"value": "x1"}, "name": "x1", "agent_id": o["agent_id"], "resources": RES(0.1, 32), "command": {"value": "sleep 1000"}}
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]})
    wait_for("it runs", lambda: [t for t in get(port, "/tasks").json["tasks"] if t["id"] == "x1" and t["state"] != "TASK_STAGING"])
    run = lambda *args, input=None: subprocess.run([STOA, *args], input=input, capture_output=True, timeout=30,
                                                   env={**os.environ, "STOA_MASTER": f"127.0.0.1:{port}"})
    r = run("exec", "-i", "x1", "sh", input=b"echo hello from $0\nexit 5\n")
    equal((r.stdout, r.returncode), (b"hello from sh\n", 5), f"of exec ({r.stderr!r})")
    r = run("exec", "x1", "sh", "-c", "echo out; echo err >&2")
    equal((r.stdout, r.stderr, r.returncode), (b"out\n", b"err\n", 0))
    call("TEARDOWN")
    f.close()


@case("nothing is left")
def _():
    end("parent", None)
    wait_for("no containers", lambda: api("GET_CONTAINERS", get_containers={"show_standalone": True, "show_nested": True}).json == {"type": "GET_CONTAINERS"})
    wait_for("no runtime entries", lambda: not os.listdir(f"{scratch()}/a/run/containers"))
    opened = lambda: [t for p in glob.glob(f"/proc/{agent.pid}/fd/*") if "ptmx" in (t := os.readlink(p)) or "inotify" in t]
    wait_for("no descriptors of theirs", lambda: opened() == [])
    equal(agent.stop(), 0)
    for d in glob.glob(f"/sys/fs/cgroup/*/stoa_attach_test_{port}") + glob.glob(f"/sys/fs/cgroup/stoa_attach_test_{port}"):
        equal([x for x in os.listdir(d) if os.path.isdir(f"{d}/{x}")], [], "cgroups left")
        os.rmdir(d)


main()
