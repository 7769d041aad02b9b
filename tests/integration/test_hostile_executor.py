#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Executors and tasks that mean harm, as a user without rights and with the default isolation: links, pipes and archives where root works,
bad ids, nonsense on the executor API, depth and numbers, garbage."""
import base64, os, sys, uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *


if not IS_ROOT:
    @case("what needs root")
    def _():
        raise Skip("needs root")
    main()


# --- without pid namespaces, as a user without rights: the task is an executor too ---

J = {"Content-Type": "application/json", "Accept": "application/json"}


def api(type, **more):
    return post(c.agent_port, "/api/v1", {"type": type, **more}, headers=J)


def as_executor(framework, id, type, **more):
    return {"framework_id": {"value": framework.id}, "executor_id": {"value": id}, "type": type, **more}


def hostile_executor(id, command):
    """A custom executor of user nobody: its command prepares the ground, the test speaks for it. Returns its stream, container and sandbox."""
    info = {"executor_id": {"value": id}, "framework_id": {"value": c.fw.id}, "command": {"value": command + "; touch begun; sleep 1000", "user": "nobody"}, "resources": RES(0.1, 32)}
    c.fw.launch({"task_id": {"value": id + "-task"}, "name": id, "resources": RES(0.1, 32), "executor": info}, cpus=2)
    wait_for("the executor has begun", lambda: begun(sandbox(id)))
    s = Stream(c.agent_port, as_executor(c.fw, id, "SUBSCRIBE", subscribe={}), path="/api/v1/executor")
    e = s.next()
    return s, e["subscribed"]["container_id"]["value"], sandbox(id)


def end_executor(id, stream):
    stream.close()
    agent_id = get(c.port, "/slaves").json["slaves"][0]["id"]
    c.fw.call("SHUTDOWN", shutdown={"executor_id": {"value": id}, "agent_id": {"value": agent_id}})
    c.fw.update(id + "-task", "TASK_FAILED", "TASK_GONE", "TASK_DROPPED")


@case("default isolation, users without rights")
def _():
    start("posix/cpu,posix/mem,filesystem/linux", "--gc_delay=1secs", "--disk_watch_interval=100ms")


@case("root in the agent follows no link that an executor put below its sandbox")
def _():
    victim = os.path.join(scratch(), "victim")
    os.makedirs(victim + "/inside/deep")
    os.chmod(victim, 0o700)
    s, cid, box = hostile_executor("links", f"ln -s {victim} containers; ln -s {victim} shared; ln -s {victim} other")
    child = lambda name: {"value": name, "parent": {"value": cid}}
    sleep = {"value": "sleep 1000"}
    r = api("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": child("inside"), "command": sleep})
    equal(r.status, 400, r.text)
    check("Not a directory" in r.text or "symbolic" in r.text, r.text)
    r = api("REMOVE_NESTED_CONTAINER", remove_nested_container={"container_id": child("inside")})
    equal(r.status, 200, r.text)
    equal(sorted(os.listdir(victim)), ["inside"], "the victim")
    check(os.path.isdir(victim + "/inside/deep"), "the victim's folder")
    equal((os.stat(victim).st_uid, os.stat(victim + "/inside").st_uid), (0, 0), "owners")
    os.unlink(box + "/containers")
    r = api("LAUNCH_CONTAINER", launch_container={"container_id": child("v"), "command": sleep, "container": {
        "type": "MESOS", "volumes": [{"container_path": "x", "mode": "RW", "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "shared"}}}]}})
    check(r.status == 400, f"a volume through a link: {r.status} {r.text}")
    equal(sorted(os.listdir(victim)), ["inside"], "the victim")
    end_executor("links", s)
    all_is_well()


@case("a pipe in the place of a log stops neither the agent nor the next launch")
def _():
    s, cid, box = hostile_executor("pipes", "mkdir -p containers/p1 containers/p2; mkfifo containers/p1/stdout containers/p1/stderr containers/p2/stderr; ln -s /etc/passwd containers/p2/stdout")
    open(scratch() + "/ok", "w").write("ok")
    for name, command in [("p1", {"value": "true"}), ("p2", {"value": "true"}), ("p1", {"value": "true", "uris": [{"value": scratch() + "/ok"}]})]:
        r = api("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": {"value": name, "parent": {"value": cid}}, "command": command})
        equal(r.status, 400, f"{name}: {r.text}")
    equal(get(c.agent_port, "/health").status, 200)
    end_executor("pipes", s)
    all_is_well()


@case("archives stay in the sandbox")
def _():
    import io, tarfile
    d = os.path.join(scratch(), "tars")
    os.makedirs(d)
    target = os.path.join(scratch(), "owned")
    def tar(name, *members):
        with tarfile.open(f"{d}/{name}.tar", "w") as t:
            for m, data in members:
                m.size = len(data)
                t.addfile(m, io.BytesIO(data))
        os.chmod(f"{d}/{name}.tar", 0o644)
    def info(name, type=tarfile.REGTYPE, link="", mode=0o644):
        m = tarfile.TarInfo(name)
        m.type, m.linkname, m.mode = type, link, mode
        return m
    os.chmod(d, 0o755)
    tar("dotdot", (info("../../../../../../../../../../../../../.." + target), b"x"))
    tar("absolute", (info(target), b"x"))
    tar("link", (info("l", tarfile.SYMTYPE, scratch()), b""), (info("l/owned"), b"x"))
    tar("hard", (info("h", tarfile.LNKTYPE, "/etc/passwd"), b""))
    tar("device", (info("null", tarfile.CHRTYPE), b""))
    tar("suid", (info("suid", mode=0o4755), b"x"))
    for name in ("dotdot", "absolute", "link", "hard", "device", "suid"):
        id, s = attack(name, "ls -l; find . -type c -o -type b -o -perm /6000 -uid 0 | grep . && exit 3; exit 0", "TASK_FINISHED", "TASK_FAILED",
                       command_more={"uris": [{"value": f"{d}/{name}.tar"}], "user": "nobody"})
        check(s["state"] == "TASK_FINISHED" or s.get("reason") == "REASON_CONTAINER_LAUNCH_FAILED", f"{name}: {s.get('message')}")
        check(not os.path.exists(target), f"{name} wrote outside")
        if name in ("dotdot", "device"):
            equal(s.get("reason"), "REASON_CONTAINER_LAUNCH_FAILED", name)
    all_is_well()


@case("ids that are paths, too long or hold control characters are refused with a reason")
def _():
    for id in ("..", ".", "a/b", "../../x", "x" * 300, "a\nb", "a b"):
        c.fw.launch({"task_id": {"value": id}, "name": "n", "resources": RES(0.1, 32), "command": {"value": "sleep 1"}}, cpus=1)
        s = c.fw.until(f"an end of {id!r}", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == id and e["update"]["status"])["update"]["status"]
        if id == "a b":
            equal(c.fw.update(id, "TASK_FINISHED")["state"], "TASK_FINISHED", "a blank is fine")
            continue
        equal((s["state"], s["reason"]), ("TASK_ERROR", "REASON_TASK_INVALID"), repr(id))
    r = post(c.port, "/api/v1/scheduler", {"framework_id": {"value": c.fw.id}, "type": "KILL", "kill": {"task_id": {"value": "a\0b"}}}, headers={"Mesos-Stream-Id": c.fw.stream.stream_id})
    equal(r.status, 400, "a NUL in an id")
    all_is_well()


@case("an executor that floods, lies and talks nonsense")
def _():
    s, cid, box = hostile_executor("flood", "true")
    e = lambda type, **more: as_executor(c.fw, "flood", type, **more)
    ask = lambda body, headers=J: post(c.agent_port, "/api/v1/executor", body, headers=headers)
    status = lambda **m: {"task_id": {"value": "flood-task"}, "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR", "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), **m}
    for body in (b"{", b"[" * 5000, b'{"type":"UPDATE"' + b" " * 100000, b"\xff" * 1000, b"null", b"0"):
        equal(ask(body).status, 400, body[:20])
    equal(ask(b"\x0a\xff\xff\xff\xff\x0f", {"Content-Type": "application/x-protobuf"}).status, 400)
    r = ask(e("UPDATE", update={"status": status(data=base64.b64encode(bytes(20 << 20)).decode())}))
    equal(r.status, 413, "20 MB of data")
    for _ in range(300):
        equal(ask(e("UPDATE", update={"status": status()})).status, 202)
    for _ in range(50):
        ask(e("UPDATE", update={"status": status(task_id={"value": f"not-mine-{_}"})}))
        ask(e("MESSAGE", message={"data": base64.b64encode(bytes(1000)).decode()}))
    equal(get(c.agent_port, "/health").status, 200)
    # Somebody else's ids.
    equal(ask({**e("UPDATE", update={"status": status()}), "executor_id": {"value": "neighbour2"}}).status, 400)
    equal(ask({**e("UPDATE", update={"status": status()}), "framework_id": {"value": "other"}}).status, 400)
    end_executor("flood", s)
    all_is_well()


@case("containers in containers end at a named depth and all go with the first")
def _():
    s, cid, box = hostile_executor("deep", "true")
    id, status = {"value": cid}, 200
    for level in range(100):
        id = {"value": f"c{level}", "parent": id}
        r = api("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": id, "command": {"value": "sleep 1000"}})
        if r.status != 200:
            break
    equal(r.status, 400, r.text)
    check(level > 10 and "c" in r.text, r.text)
    end_executor("deep", s)
    all_is_well()


@case("two hundred tasks that end at once")
def _():
    c.fw.launch(*[task(f"brief-{i}", "exit 0", cpus=0.01, mem=8) for i in range(200)], cpus=7)
    ended = set()
    def is_over(e):
        if e["type"] == "UPDATE" and e["update"]["status"]["state"] in ("TASK_FINISHED", "TASK_FAILED"):
            ended.add(e["update"]["status"]["task_id"]["value"])
            equal(e["update"]["status"]["state"], "TASK_FINISHED", e["update"]["status"].get("message"))
        return len(ended) == 200
    c.fw.until("200 ends", is_over, 60)
    all_is_well()


@case("garbage: a very deep tree, many entries, locked folders")
def _():
    code = "import os\nfor i in range(20000): os.close(os.open(f\"f{i}\",os.O_CREAT))\nos.mkdir(\"l\"); open(\"l/f\",\"w\"); os.chmod(\"l\",0)\nfor i in range(3000): os.mkdir(\"d\"); os.chdir(\"d\")"
    id, s = attack("garbage", f"{PY} '{code}'", command_more={"user": "nobody"}, seconds=60)
    box = sandbox(id)
    r = get(c.agent_port, f"/files/browse?path={box}")
    check(r.status == 404 or (r.status == 200 and len(r.json) > 20000), f"{r.status}")
    wait_for("the sandbox is collected", lambda: not os.path.exists(box), 30)
    wait_for("nothing waits for removal", lambda: not os.path.exists(os.path.join(scratch(), str(c.port), "a/.gc")), 30)
    all_is_well()


@case("the end")
def _():
    finish()


main()
