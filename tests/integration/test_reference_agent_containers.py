#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers by the agent's operator API row by row: nested ones, those of sessions, standalone ones; input, output, terminals; waiting, killing and
removing with their codes; what is refused, in JSON and protobuf."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

f = root = None
count = 0


def name():
    global count
    count += 1
    return f"n{count}"


def nested(n, parent=None):
    return container_id(f"{parent or root}.{n}")


def call(type, id, **more):
    return api(type, **{type.lower(): {"container_id": id, **more}})


def launch(id, command, type="LAUNCH_NESTED_CONTAINER", **more):
    r = call(type, id, command={"value": command}, **more)
    equal((r.status, r.body, r.headers["Content-Type"]), (200, b"", None), f"launch: {r.text}")
    return id


def wait(id, type="WAIT_NESTED_CONTAINER"):
    r = call(type, id)
    equal((r.status, r.headers["Content-Type"]), (200, JSON), r.text)
    equal(r.json["type"], type)
    return r.json[type.lower()]


def session(id, command, type=JSON, **more):
    command = command if isinstance(command, dict) else {"value": command}
    return Output({"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {"container_id": id, "command": command, **more}}, type)


def attached(id, type=JSON):
    return Output({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": id}}, type)


def stdin(n):
    """The processes of a container's command, found by their sandbox."""
    return f"{executor_of(f, 'x')['directory']}/containers/{n}"


@case("a master and an agent with an executor")
def _():
    global f, root
    start("--executor_shutdown_grace_period=1secs", "--http_heartbeat_interval=200ms")
    f = framework(name="containers")
    f.launch(custom(f, "t", "x"))
    e = Executor(f, "x")
    e.next("SUBSCRIBED"), e.next("LAUNCH")
    e.update("t", "TASK_RUNNING")
    f.update("t", "TASK_RUNNING")
    root = executor_of(f, "x")["container"]


# --- nested containers ---

@case("LAUNCH_NESTED_CONTAINER and LAUNCH_CONTAINER below an executor: 200 without a body; its sandbox, files and environment")
def _():
    for type in ("LAUNCH_NESTED_CONTAINER", "LAUNCH_CONTAINER"):
        n = name()
        launch(nested(n), "echo out; echo err >&2; env > env.txt; exit 3", type)
        equal(wait(nested(n)), {"exit_status": 3 << 8}, "the status of wait(2)")
        d = stdin(n)
        equal((os.stat(d).st_mode & 0o7777, open(d + "/stdout").read(), open(d + "/stderr").read()), (0o750, "out\n", "err\n"))
        env = dict(l.rstrip("\n").split("=", 1) for l in open(d + "/env.txt"))
        equal({k: v for k, v in env.items() if k not in ("PATH", "PWD", "OLDPWD", "SHLVL", "_")}, {"MESOS_SANDBOX": d}, "environment")
        equal(env["PATH"], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        equal(os.stat(d + "/stdout").st_mode & 0o777, 0o644, "mode of stdout")


@case("the same in protobuf, with limits and resources where they are allowed")
def _():
    n = name()
    r, _ = pb_api("LAUNCH_CONTAINER", launch_container={"container_id": nested(n), "command": {"value": "exit 7"}, "resources": RES(0.1, 32)})
    equal((r.status, r.body), (200, b""), r.text)
    r, a = pb_api("WAIT_CONTAINER", wait_container={"container_id": nested(n)})
    equal((r.headers["Content-Type"], a["type"], a["wait_container"]), (PB, "WAIT_CONTAINER", {"exit_status": 7 << 8}))
    r, a = pb_api("WAIT_CONTAINER", wait_container={"container_id": nested("nobody")})
    equal(r.status, 404)


@case("LAUNCH: 202 while the id runs; 200 once it has ended, and again; nested two deep")
def _():
    n = name()
    launch(nested(n), "sleep 1000")
    for type in ("LAUNCH_NESTED_CONTAINER", "LAUNCH_CONTAINER"):
        r = call(type, nested(n), command={"value": "true"})
        equal((r.status, r.body), (202, b""), type)
    deeper = container_id(f"{root}.{n}.deep")
    launch(deeper, "exit 4")
    equal(wait(deeper), {"exit_status": 4 << 8})
    equal(call("KILL_NESTED_CONTAINER", nested(n)).status, 200)
    equal(wait(nested(n)), {"exit_status": 9}, "KILL without a signal is 9")
    launch(nested(n), "exit 1")
    equal(wait(nested(n)), {"exit_status": 1 << 8})
    again = {"type": "LAUNCH_CONTAINER", "launch_container": {"container_id": nested(n), "command": {"value": "exit 2"}}}
    r = post(c.agent_port, "/api/v1", again, headers={"Content-Type": JSON, "Accept": JSON, "Stoa-Launch": "once"})
    equal(r.status, 202, "what has run is not run again for who asks so")
    equal(wait(nested(n)), {"exit_status": 1 << 8})


@case("LAUNCH refused with 400: unknown parent, bad ids, second level with resources or limits, share_cgroups, what is not built")
def _():
    cmd = {"command": {"value": "true"}}
    n = name()
    launch(nested(n), "sleep 1000")
    deep = container_id(f"{root}.{n}.d")
    share = lambda v: {"type": "MESOS", "linux_info": {"share_cgroups": v}}
    for what, id, more in [("unknown parent", container_id("nobody.n"), cmd), ("unknown grandparent", container_id(f"{root}.nobody.n"), cmd),
                           ("an empty id", nested(""), cmd), ("a slash", nested("a/b"), cmd), ("dots", nested(".."), cmd), ("a dot", nested("a.b"), cmd), ("a blank", nested("a b"), cmd),
                           ("200 letters", nested("x" * 300), cmd),
                           ("resources two deep", deep, {**cmd, "resources": RES(0.1, 32)}), ("limits two deep", deep, {**cmd, "limits": {"cpus": {"value": 1}}}),
                           ("own cgroups two deep", deep, {**cmd, "container": share(False)}), ("a shared cgroup without parent", {"value": "alone-s"}, {**cmd, "container": share(True)}),
                           ("a Docker container", nested(name()), {**cmd, "container": {"type": "DOCKER", "docker": {"image": "x"}}}),
                           ("no command", nested(name()), {"command": {}}), ("no shell and no value", nested(name()), {"command": {"shell": False}})]:
        r = call("LAUNCH_CONTAINER", id, **more)
        equal(r.status, 400, f"{what}: {r.text}; status")
        check(r.text, what)
    equal(call("KILL_NESTED_CONTAINER", nested(n), signal=9).status, 200)
    wait(nested(n))
    left = api("GET_CONTAINERS", get_containers={"show_nested": True, "show_standalone": True}).json["get_containers"]["containers"]
    equal([c["container_id"] for c in left], [{"value": root}], "containers left")


@case("a launch whose command cannot run is told: 400, or the status of a shell that did not find it")
def _():
    n = name()
    r = call("LAUNCH_NESTED_CONTAINER", nested(n), command={"shell": False, "value": "/no/such/program", "arguments": ["x"]})
    if r.status == 200:
        check(wait(nested(n))["exit_status"] != 0, "status")
    else:
        equal(r.status, 400)
        check("/no/such/program" in r.text, r.text)
    n = name()
    launch(nested(n), "exec /no/such/program")
    equal(wait(nested(n)), {"exit_status": 127 << 8})
    n = name()
    r = call("LAUNCH_NESTED_CONTAINER", nested(n), command={"value": "true", "uris": [{"value": "/no/such/file"}]})
    equal(r.status, 400, "URI")
    check("Failed to fetch" in r.text, r.text)


@case("command: arguments, environment with what is not set, user, and a container without a shell")
def _():
    n = name()
    r = call("LAUNCH_NESTED_CONTAINER", nested(n), command={"shell": False, "value": "/usr/bin/env", "arguments": ["env", "printenv", "A", "EMPTY"], "environment": {"variables": [
        {"name": "A", "value": "x y\n\u00e9'\"$"}, {"name": "EMPTY", "value": ""}]}})
    equal(r.status, 200, r.text)
    equal(wait(nested(n)), {"exit_status": 0})
    equal(open(stdin(n) + "/stdout", encoding="utf-8").read(), "x y\n\u00e9'\"$\n\n")
    if IS_ROOT: # another user than the executor's, whose sandbox he cannot walk through
        n = name()
        r = call("LAUNCH_NESTED_CONTAINER", nested(n), command={"value": "id -un; touch mine; cat ../../stdout", "user": "nobody"})
        equal(r.status, 200, r.text)
        equal(wait(nested(n)), {"exit_status": 1 << 8})
        equal((open(stdin(n) + "/stdout").read(), os.stat(stdin(n)).st_uid), ("nobody\n", os.stat(stdin(n) + "/mine").st_uid))
        r = call("LAUNCH_NESTED_CONTAINER", nested(name()), command={"value": "true", "user": "no-such-user"})
        equal(r.status, 400, "an unknown user")
        check("no-such-user" in r.text, r.text)


@case("WAIT blocks until the end and answers each who waits; 404 with its text for an unknown one")
def _():
    id = nested(name())
    launch(id, "while [ ! -e go ]; do sleep 0.02; done; kill -TERM $$")
    answers = []
    waiting = [threading.Thread(target=lambda t=t: answers.append(call(t, id))) for t in ("WAIT_NESTED_CONTAINER", "WAIT_CONTAINER", "WAIT_NESTED_CONTAINER")]
    for t in waiting:
        t.start()
    waiting[0].join(0.3)
    equal(answers, [], "answers while it runs")
    open(stdin(id["value"]) + "/go", "w").close()
    for t in waiting:
        t.join(10)
    equal(sorted(a.json[a.json["type"].lower()]["exit_status"] for a in answers), [15, 15, 15])
    for type, n in (("WAIT_NESTED_CONTAINER", nested("nobody")), ("WAIT_CONTAINER", nested("nobody")), ("WAIT_CONTAINER", {"value": "nobody"}), ("WAIT_NESTED_CONTAINER", container_id("nobody.x"))):
        equal(call(type, n).status, 404, type)
    equal(call("WAIT_NESTED_CONTAINER", nested("nobody")).text, f"Container {root}.nobody cannot be found")


@case("KILL: the signal of the call, to the command; 404 for what is unknown or has ended; signals that are none")
def _():
    id = nested(name())
    launch(id, "trap 'echo usr1 >> log' USR1; trap 'exit 5' TERM; echo on > log; while :; do sleep 0.02; done")
    log = stdin(id["value"]) + "/log"
    wait_for("begun", lambda: os.path.exists(log) and open(log).read())
    equal(call("KILL_NESTED_CONTAINER", id, signal=10).status, 200)
    wait_for("the signal", lambda: "usr1" in open(log).read())
    for signal_number in (-1, 0, 65, 1000):
        r = call("KILL_NESTED_CONTAINER", id, signal=signal_number)
        check(r.status in (200, 400), f"signal {signal_number}: {r.status}")
        equal(get(c.agent_port, "/health").status, 200)
    if call("WAIT_NESTED_CONTAINER", nested("nobody")).status == 404:
        equal(call("KILL_CONTAINER", id, signal=15).status, 200)
    equal(wait(id)["exit_status"], 5 << 8, "what the trap said")
    for n in (id, nested("nobody"), container_id("nobody"), container_id("nobody.x")):
        for type in ("KILL_NESTED_CONTAINER", "KILL_CONTAINER"):
            if "parent" in n or type == "KILL_CONTAINER":
                equal(call(type, n).status, 404, f"{type} {n}")
    equal(call("KILL_NESTED_CONTAINER", nested("nobody")).text, f"Container '{root}.nobody' cannot be found (or is already killed)")


@case("REMOVE: 200 for what has ended or was never there, the sandbox goes; 500 while it runs and for an unknown root")
def _():
    id = nested(name())
    launch(id, "sleep 1000")
    equal(call("REMOVE_NESTED_CONTAINER", id).status, 500, "while it runs")
    call("KILL_NESTED_CONTAINER", id)
    wait(id)
    d = stdin(id["value"])
    check(os.path.isdir(d), "sandbox")
    r = call("REMOVE_NESTED_CONTAINER", id)
    equal((r.status, r.body, r.headers["Content-Type"]), (200, b"", None))
    wait_for("the sandbox is gone", lambda: not os.path.exists(d), 5)
    equal(call("REMOVE_NESTED_CONTAINER", id).status, 200, "again")
    equal(call("WAIT_NESTED_CONTAINER", id).status, 404, "after its removal")
    equal(call("REMOVE_NESTED_CONTAINER", nested("never-was")).status, 200)
    r = call("REMOVE_NESTED_CONTAINER", container_id("nobody.x"))
    equal(r.status, 500)
    check("Unknown root container" in r.text, r.text)
    equal(call("REMOVE_CONTAINER", {"value": "nobody-alone"}).status, 200, "a standalone one that never was")


# --- standalone containers ---

@case("a standalone container: sandbox, listed only when asked for, killed, waited for, removed")
def _():
    id = {"value": "alone-1"}
    r = call("LAUNCH_CONTAINER", id, command={"value": "echo hi; exec sleep 1000"}, resources=RES(0.1, 32))
    equal((r.status, r.body), (200, b""), r.text)
    equal(call("LAUNCH_CONTAINER", id, command={"value": "true"}, resources=RES(0.1, 32)).status, 202, "while it runs")
    d = f"{scratch()}/a/containers/alone-1"
    wait_for("output", lambda: open(d + "/stdout").read() == "hi\n")
    listed = lambda **how: [x["container_id"]["value"] for x in api("GET_CONTAINERS", get_containers=how).json.get("get_containers", {}).get("containers", [])]
    equal(("alone-1" in listed(), "alone-1" in listed(show_nested=True), "alone-1" in listed(show_standalone=True)), (False, False, True))
    inside = container_id("alone-1.in")
    launch(inside, "exit 2")
    equal(wait(inside), {"exit_status": 2 << 8}, "nested in a standalone one")
    equal(call("KILL_CONTAINER", id, signal=15).status, 200)
    equal(wait(id, "WAIT_CONTAINER"), {"exit_status": 15})
    equal(call("REMOVE_CONTAINER", id).status, 200)
    wait_for("gone", lambda: not os.path.exists(d), 5)
    equal(call("WAIT_CONTAINER", id).status, 404)


@case("a standalone container takes only plain resources: no reservation, no role, not revocable, no volume; ids without a path")
def _():
    r = lambda **more: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, **more}]
    disk = lambda **d: [{"name": "disk", "type": "SCALAR", "scalar": {"value": 10}, "disk": d}]
    for what, resources in [("reserved", r(reservations=[{"type": "DYNAMIC", "role": "web"}])), ("statically reserved", r(role="web")), ("revocable", r(revocable={})),
                            ("a volume", disk(persistence={"id": "v"}, volume={"container_path": "p", "mode": "RW"})), ("negative", r(scalar={"value": -1}))]:
        x = call("LAUNCH_CONTAINER", {"value": "alone-bad"}, command={"value": "true"}, resources=resources)
        equal(x.status, 400, f"{what}: {x.text}; status")
    for id in ("", "..", "a/b", ".", "a\nb"):
        equal(call("LAUNCH_CONTAINER", {"value": id}, command={"value": "true"}).status, 400, repr(id))
    check(not os.path.exists(f"{scratch()}/a/containers/alone-bad"), "a sandbox of what was refused")


# --- sessions, output ---

@case("LAUNCH_NESTED_CONTAINER_SESSION: output of both channels as ProcessIO in JSON and protobuf, then the end; then WAIT tells its status")
def _():
    for type in (JSON, PB):
        id = nested(name())
        s = session(id, "echo out; echo err >&2; sleep 0.05; exit 6", type)
        equal((s.status, s.headers["Content-Type"], s.headers["Message-Content-Type"], s.headers["Transfer-Encoding"]), (200, RECORDIO, type, "chunked"))
        equal(s.all(), (b"out\n", b"err\n"), "what came out")
        equal(wait(id)["exit_status"], 6 << 8, "its status")


@case("a session without a stream of records is refused with 406, and so are other calls that ask for one; recordio without Message-Accept")
def _():
    body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {"container_id": nested(name()), "command": {"value": "true"}}}
    equal(post(c.agent_port, "/api/v1", body, headers={"Content-Type": JSON, "Accept": "text/plain"}).status, 406, "text")
    for accept, message in ((RECORDIO, "text/plain"), (RECORDIO, "application/recordio")):
        r = post(c.agent_port, "/api/v1", body, headers={"Content-Type": JSON, "Accept": accept, "Message-Accept": message})
        equal(r.status, 406, f"Message-Accept {message}")
    r = post(c.agent_port, "/api/v1", {"type": "GET_HEALTH"}, headers={"Content-Type": JSON, "Accept": RECORDIO, "Message-Accept": JSON})
    equal((r.status, r.text), (406, "Streaming response is not supported for GET_HEALTH call"))


@case("a session ends with its client: its container is killed")
def _():
    id = nested(name())
    s = session(id, "echo begun; exec sleep 1000")
    s.all(until=b"begun\n")
    s.close()
    equal(wait(id)["exit_status"], 9)


@case("a session's container sees the mark of no executor, its parent's environment, and ends with its parent")
def _():
    n = name()
    launch(nested(n), "sleep 1000")
    s = session(container_id(f"{root}.{n}.s"), "echo begun; sleep 1000")
    s.all(until=b"begun\n")
    call("KILL_NESTED_CONTAINER", nested(n))
    s.all(10)
    equal(s.next(1), None, "the stream after the parent's end")


@case("ATTACH_CONTAINER_OUTPUT of a session: what was and what comes, with heartbeats; 404 unknown; 500 with its text where there is none")
def _():
    id = nested(name())
    s = session(id, "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; echo three >&2")
    s.all(until=b"one\n")
    a = attached(id)
    equal((a.status, a.headers["Content-Type"], a.headers["Message-Content-Type"]), (200, RECORDIO, JSON))
    beat = None
    while not (beat and beat["type"] == "CONTROL"):
        beat = check(a.next(5), "a heartbeat")
    equal((beat["control"]["type"], beat["control"]["heartbeat"]["interval"]["nanoseconds"]), ("HEARTBEAT", 200000000))
    open(executor_of(f, "x")["directory"] + "/go", "w").close()  # a session works in its parent's sandbox
    out, err = a.all()
    check(b"two\n" in out and b"three\n" in err, f"{out} {err}")
    s.all()
    equal(attached(nested("nobody")).status, 404)
    plain = nested(name())
    launch(plain, "sleep 1000")
    x = api("ATTACH_CONTAINER_OUTPUT", headers={**J, "Accept": RECORDIO, "Message-Accept": JSON}, attach_container_output={"container_id": plain})
    equal((x.status, x.text), (500, "I/O switchboard server was disabled for this container"))
    call("KILL_NESTED_CONTAINER", plain)


# --- input ---

@case("ATTACH_CONTAINER_INPUT in JSON and protobuf: CONTAINER_ID first, then data, empty data is the end; answered 200 when the input is over")
def _():
    for type in (JSON, PB):
        id = nested(name())
        s = session(id, "cat; echo over")
        a = Attach(type).id(id)
        a.io({"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": {"nanoseconds": 1000}}}})
        for piece in (b"hello ", bytes(range(256)), b"x" * 50000):
            a.data(piece)
        a.data(b"")
        r = a.end()
        equal((r.status, r.body), (200, b""), r.text)
        equal(s.all()[0], b"hello " + bytes(range(256)) + b"x" * 50000 + b"over\n", "echo")


@case("ATTACH_CONTAINER_INPUT refused: first record no id, unknown container, not attachable, wrong types, a stream that is none")
def _():
    equal(Attach().io({"type": "DATA", "data": {"type": "STDIN", "data": ""}}).answer().status, 400, "data first")
    equal(Attach().id(nested("nobody")).answer().status, 404, "unknown")
    plain = nested(name())
    launch(plain, "sleep 1000")
    r = Attach().id(plain).answer()
    equal((r.status, r.text), (500, "I/O switchboard server was disabled for this container"))
    call("KILL_NESTED_CONTAINER", plain)
    equal(Attach().send(b"{not json").answer().status, 400, "garbage")
    equal(Attach().send({"type": "GET_HEALTH"}).answer().status, 415, "another call in a stream")
    equal(Attach("text/plain").send(b"x").answer().status, 415, "Message-Content-Type")
    body = {"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID", "container_id": plain}}
    equal(post(c.agent_port, "/api/v1", body, headers=J).status, 415, "input that is no stream")
    for b in (b"5\n{}", b"x\n{}", b"-1\n{}", b"99999999999999999999999\n{}", b"\n\n\n"):
        a = Attach()
        a.s.sendall(b"%x\r\n" % len(b) + b + b"\r\n0\r\n\r\n")
        equal(a.answer().status, 400, repr(b))
    id = nested(name())
    s = session(id, "cat")
    a = Attach().id(id)
    a.data(b"fine\n")
    s.all(until=b"fine\n")
    a.send(b"garbage")
    equal(a.answer().status, 400, "garbage later")
    a = Attach().id(id)
    a.io({"type": "DATA", "data": {"type": "STDOUT", "data": ""}})
    equal(a.answer().status, 400, "output as input")
    equal(get(c.agent_port, "/health").status, 200)
    s.close()


@case("a terminal: a size of its own, resized by TTY_INFO, one channel, the key that ends input, a shell's echo")
def _():
    id = nested(name())
    s = session(id, {"value": "stty size; while read l; do case $l in size) stty size;; tty) tty;; *) echo got:$l;; esac; done; echo bye"},
                container={"type": "MESOS", "tty_info": {"window_size": {"rows": 33, "columns": 99}}})
    check(b"33 99" in s.all(until=b"33 99")[0], "first size")
    a = Attach().id(id)
    a.io({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": {"rows": 44, "columns": 111}}}})
    a.data(b"size\n")
    check(b"44 111" in s.all(until=b"44 111")[0], "second size")
    a.data(b"hello\n")
    out, err = s.all(until=b"got:hello")
    check(b"got:hello\r\n" in out + b"\r\n" and err == b"", f"{out} {err}")
    a.data(b"\x04")
    check(b"bye" in s.all()[0], "the end")
    wait(id)


@case("a terminal with nonsense: sizes of 0 and of 70000, no window, control of an unknown type")
def _():
    id = nested(name())
    s = session(id, "sleep 1000", container={"type": "MESOS", "tty_info": {}})
    for size in ({"rows": 0, "columns": 0}, {"rows": 70000, "columns": 1}):
        a = Attach().id(id)
        a.io({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": size}}})
        check(a.end().status in (200, 400), f"{size}")
    a = Attach().id(id)
    a.io({"type": "CONTROL", "control": {"type": "UNKNOWN"}})
    check(a.end().status in (200, 400, 501), "unknown control")
    equal(get(c.agent_port, "/health").status, 200)
    s.close()


@case("every call without its message, without its id, with an id of the wrong kind: 400, in JSON and protobuf")
def _():
    for type in ("LAUNCH_NESTED_CONTAINER", "WAIT_NESTED_CONTAINER", "KILL_NESTED_CONTAINER", "REMOVE_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION", "ATTACH_CONTAINER_OUTPUT",
                 "LAUNCH_CONTAINER", "WAIT_CONTAINER", "KILL_CONTAINER", "REMOVE_CONTAINER"):  # no id, no call
        key = type.lower()
        for what, more in [("nothing", {}), ("null", {key: None}), ("empty", {key: {}}), ("a text", {key: "x"}), ("an id that is a text", {key: {"container_id": "x"}}),
                           ("an id without value", {key: {"container_id": {"parent": {"value": root}}}}), ("a list", {key: []})]:
            r = api(type, **more)
            equal(r.status, 400, f"{type} with {what}: {r.text[:200]}; status")
        equal(raw(recorded.encode("mesos.v1.agent.Call", {"type": type}), content_type=PB).status, 400, f"{type} in protobuf")
    for type in ("LAUNCH_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION"):
        r = call(type, {"value": root}, command={"value": "true"})
        equal(r.status, 400, f"{type} of a container without parent: {r.text[:100]}; status")
    id = None
    for i in range(200):
        id = {"value": f"c{i}", **({"parent": id} if id else {"parent": {"value": root}})}
    for type in ("WAIT_NESTED_CONTAINER", "KILL_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER"):
        check(call(type, id, **({"command": {"value": "true"}} if "LAUNCH" in type else {})).status in (400, 404), f"{type} 200 deep")
    equal(get(c.agent_port, "/health").status, 200)


@case("the end: everything goes with the executor")
def _():
    launch(nested("last"), "sleep 1000")
    pid = [x["container_status"]["executor_pid"] for x in api("GET_CONTAINERS", get_containers={"show_nested": True}).json["get_containers"]["containers"] if x["container_id"]["value"] == "last"][0]
    f.end()
    wait_for("the nested container ends", lambda: not is_alive(pid), 10)
    finish()


main()
