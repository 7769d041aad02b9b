#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent over real sockets: executor API, operator API, nested containers, files, failures and their reasons, recovery, drain,
the ways to end. The custom executors of these tests are the test itself: their container only sleeps."""
import base64, os, sys, uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from scheduler import *

master = agent = port = agent_port = flags = None
J = {"Content-Type": "application/json", "Accept": "application/json"}


framework = lambda **more: Framework(port, **more)


def custom(f, id, executor, command="sleep 1000"):
    return {"task_id": {"value": id}, "name": id, "resources": RES(0.1, 32), "data": base64.b64encode(b"x").decode(),
            "executor": {"executor_id": {"value": executor}, "framework_id": {"value": f.id}, "command": {"value": command}, "resources": RES(0.1, 32)}}


class Executor:
    """The test as an executor."""

    def __init__(self, f, id, **subscribe):
        self.f, self.id = f, id
        self.stream = Stream(agent_port, self.body("SUBSCRIBE", subscribe=subscribe), path="/api/v1/executor")
        equal(self.stream.status, 200, "status of an executor's SUBSCRIBE")

    def body(self, type, **more):
        return {"framework_id": {"value": self.f.id}, "executor_id": {"value": self.id}, "type": type, **more}

    def call(self, type, headers=J, **more):
        return post(agent_port, "/slave(1)/api/v1/executor", self.body(type, **more), headers=headers)

    def status(self, task, state, **more):
        return {"task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), **more}

    def update(self, task, state, **more):
        r = self.call("UPDATE", update={"status": self.status(task, state, **more)})
        equal((r.status, r.body), (202, b""), "answer to UPDATE")


def state():
    return get(agent_port, "/state").json


def executor_of(f, id):
    return [e for w in state()["frameworks"] if w["id"] == f.id for e in w["executors"] if e["id"] == id][0]


def api(type, **more):
    return post(agent_port, "/api/v1", {"type": type, **more}, headers=J)


def start_agent():
    agent.start()
    wait_for("the agent is back", lambda: get(port, "/slaves").json["slaves"][0]["active"] and state()["id"])


@case("a master and an agent")
def _():
    global master, agent, port, agent_port, flags
    port, agent_port = free_ports(2)
    d = scratch()
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    flags = [f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a", "--hostname=localhost",
             f"--cgroups_root=stoa_agent_test_{port}", "--resources=cpus:8;mem:4096;disk:1000;ports:[31000-31100]",
             "--executor_shutdown_grace_period=1secs", "--registration_backoff_factor=100ms"]
    if IS_ROOT:
        flags.append("--isolation=cgroups/cpu,cgroups/mem")
    agent = Process("agent", [STOA, "agent", *flags])
    wait_for("the agent is registered", lambda: get(port, "/slaves").json["slaves"])


@case("an executor's life: subscribe, launch, update, acknowledgement, message, kill, shutdown")
def _():
    f = framework()
    f.launch(custom(f, "x-1", "e1"))
    wait_for("the executor is known", lambda: executor_of(f, "e1"))
    e = Executor(f, "e1")
    s = e.stream.next()
    equal((s["type"], s["subscribed"]["executor_info"]["executor_id"]["value"], s["subscribed"]["framework_info"]["id"]["value"]), ("SUBSCRIBED", "e1", f.id))
    check("checkpoint" not in s["subscribed"]["agent_info"], "agent_info has the v0 field")
    equal(s["subscribed"]["container_id"]["value"], executor_of(f, "e1")["container"], "container id")
    l = e.stream.next()
    equal((l["type"], l["launch"]["task"]["data"]), ("LAUNCH", "eA=="))
    e.update("x-1", "TASK_RUNNING", message="hi", data="cA==", labels={"labels": [{"key": "a", "value": "b"}]})
    equal(e.stream.next()["type"], "ACKNOWLEDGED")
    u = f.update("x-1", "TASK_RUNNING")
    equal((u["message"], u["data"], u["labels"]["labels"][0]["value"]), ("hi", "cA==", "b"))
    check("executor_id" not in u, "an executor_id that the executor did not set")
    equal(u["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], "127.0.0.1", "address of the task")
    f.launch(custom(f, "x-2", "e1"))
    equal(e.stream.next()["launch"]["task"]["task_id"]["value"], "x-2", "second task")
    equal(e.call("MESSAGE", message={"data": "bQ=="}).status, 202)
    equal(f.until("a message", lambda m: m["type"] == "MESSAGE")["message"]["data"], "bQ==")
    f.kill("x-1", kill_policy={"grace_period": {"nanoseconds": 7}})
    k = e.stream.next()
    equal((k["type"], k["kill"]["kill_policy"]["grace_period"]["nanoseconds"]), ("KILL", 7))
    e.update("x-1", "TASK_KILLED")
    f.update("x-1", "TASK_KILLED")
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "e1"}, "agent_id": u["agent_id"]})
    check(e.stream.until("SHUTDOWN", lambda v: v["type"] == "SHUTDOWN"), "")
    f.until("FAILURE, then the task", lambda v: v["type"] == "FAILURE" and v["failure"]["status"] == 9)
    s = f.update("x-2", "TASK_FAILED")
    equal((s["reason"], s["message"], s["source"]), ("REASON_EXECUTOR_TERMINATED", "Executor terminated", "SOURCE_AGENT"))
    f.end()


@case("what is wrong with an executor's call is told by its status and text")
def _():
    f = framework()
    f.launch(custom(f, "x", "e1"))
    wait_for("the executor is known", lambda: executor_of(f, "e1"))
    body = lambda t, **m: {"framework_id": {"value": f.id}, "executor_id": {"value": "e1"}, "type": t, **m}
    status = {"task_id": {"value": "x"}, "state": "TASK_RUNNING", "uuid": "MDAwMDAwMDAwMDAwMDAwMA==", "source": "SOURCE_EXECUTOR"}
    upd = lambda **m: body("UPDATE", update={"status": {k: v for k, v in {**status, **m}.items() if v is not None}})
    ask = lambda b, h=J: post(agent_port, "/api/v1/executor", b, headers=h)
    equal((ask(upd()).status, ask(upd()).text), (403, "Executor is not subscribed"))
    e = Executor(f, "e1")
    wrong = "Failed to validate Executor::Call: "
    for b, h, code, text in [
        (body("HEARTBEAT"), {"Accept": "*/*", "Content-Type": "text/plain"}, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf"),
        (body("UPDATE"), J, 400, wrong + "Expecting 'update' to be present"),
        (upd(state="TASK_STAGING"), J, 400, wrong + f"Received TASK_STAGING from executor e1 of framework {f.id} which is not allowed"),
        (upd(uuid="c2hvcnQ="), J, 400, wrong + "Not a valid UUID"),
        (upd(uuid=None), J, 400, wrong + "Expecting 'uuid' to be present"),
        (upd(source="SOURCE_MASTER"), J, 400, wrong + f"Received Call from executor e1 of framework {f.id} with invalid source, expecting 'SOURCE_EXECUTOR'"),
        (upd(executor_id={"value": "other"}), J, 400, wrong + "ExecutorID in Call: e1 does not match ExecutorID in TaskStatus: other"),
        ({**upd(), "framework_id": {"value": "nope"}}, J, 400, "Framework cannot be found"),
        ({**upd(), "executor_id": {"value": "nope"}}, J, 400, "Executor cannot be found"),
        (body("UNKNOWN"), J, 501, "501 Not Implemented."),
        (body("SUBSCRIBE", subscribe={}), {**J, "Accept": "text/html"}, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"),
        ({"type": "HEARTBEAT", "executor_id": {"value": "e1"}}, J, 400, "Failed to convert JSON into Call protobuf: Missing required fields: framework_id"),
    ]:
        r = ask(b, h)
        equal((r.status, r.text), (code, text), f"answer to {b}")
    equal(http_request("POST", agent_port, "/api/v1/executor", b"{}").text, "Expecting 'Content-Type' to be present")
    check(ask(b'{"type":').text.startswith("Failed to parse body into JSON: "), "text of broken JSON")
    equal(ask(b"\xff\xff", {"Content-Type": "application/x-protobuf"}).text, "Failed to parse body into Call protobuf")
    r = get(agent_port, "/api/v1/executor")
    equal((r.status, r.headers["Allow"], r.text), (405, "POST", "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."))
    equal(e.call("UPDATE", update={"status": {**status, "task_id": {"value": "never-launched"}}}).status, 202)
    equal(f.update("never-launched", "TASK_RUNNING")["state"], "TASK_RUNNING")
    f.end()


@case("what is wrong with a call of the operator API is told by its status and text")
def _():
    for b, h, code, text in [
        (b"{}", J, 400, "Failed to validate agent::Call: Expecting 'type' to be present"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio"),
        (b"", {"Content-Type": "application/recordio"}, 400, "Expecting 'Message-Content-Type' to be set for streaming requests"),
        (b'{"type":"GET_HEALTH"}', {**J, "Message-Content-Type": "application/json"}, 415, "Expecting 'Message-Content-Type' to be not set for non-streaming requests"),
        (b'{"type":"GET_HEALTH"}', {**J, "Accept": "text/html"}, 406, "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio"),
        (b'{"type":"GET_HEALTH"}', {**J, "Accept": "application/recordio", "Message-Accept": "application/json"}, 406, "Streaming response is not supported for GET_HEALTH call"),
        (b'{"type":"UNKNOWN"}', J, 501, "501 Not Implemented."),
        (b'{"type":"WAIT_CONTAINER"}', J, 400, "Failed to validate agent::Call: Expecting 'wait_container' to be present"),
    ]:
        r = http_request("POST", agent_port, "/api/v1", b, h)
        equal((r.status, r.text), (code, text), f"answer to {b} {h}")
    equal(http_request("POST", agent_port, "/slave%281%29/api/v1", b'{"type":"GET_HEALTH"}', {"Content-Type": "application/json"}).json,
          {"type": "GET_HEALTH", "get_health": {"healthy": True}})
    for t in ("GET_FLAGS", "GET_VERSION", "GET_METRICS", "GET_LOGGING_LEVEL", "GET_STATE", "GET_CONTAINERS", "GET_FRAMEWORKS", "GET_EXECUTORS", "GET_TASKS",
              "GET_AGENT", "GET_OPERATIONS", "GET_RESOURCE_PROVIDERS", "PRUNE_IMAGES"):
        r = api(t)
        equal(r.status, 200, f"status of {t}")
        r = http_request("POST", agent_port, "/api/v1", json.dumps({"type": t}), {"Content-Type": "application/json", "Accept": "application/x-protobuf"})
        equal(r.status, 200, f"status of {t} in protobuf")


@case("the unversioned endpoints answer, bare and behind the process id")
def _():
    for path in ("/health", "/version", "/flags", "/state", "/containers", "/monitor/statistics", "/monitor/statistics.json", "/containerizer/debug"):
        for prefix in ("", "/slave(1)", "/slave%281%29"):
            equal(get(agent_port, prefix + path).status, 200, prefix + path)
    for path in ("/metrics/snapshot", "/metrics/snapshot?timeout=1secs", "/metrics", "/system/stats.json", "/logging/toggle", "/files/debug", "/state/", "/state?x=1"):
        equal(get(agent_port, path).status, 200, path)
    for path in ("/redirect", "/nothing", "/slave(1)/metrics/snapshot", "/state.json"):
        equal(get(agent_port, path).status, 404, path)
    equal(post(agent_port, "/state", b"", headers={"Content-Type": "application/json"}).status, 200, "POST on /state")
    equal(get(agent_port, "/metrics/snapshot?timeout=nonsense").status, 400)
    equal(get(agent_port, "/containers?executor_id=x").status, 400)
    equal(get(agent_port, "/logging/toggle?level=1").status, 400)
    check(get(agent_port, "/state?jsonp=cb").text.startswith("cb({"), "JSONP")
    wait_for("registered", lambda: get(agent_port, "/metrics/snapshot").json["slave/registered"] == 1.0)
    equal(get(agent_port, "/metrics/snapshot").json["slave/cpus_total"], 8.0)


@case("a command task: environment, sandbox, files, statistics")
def _():
    f = framework()
    f.launch(task("c-1", "echo out; echo err >&2; env > env.txt; ln -s /etc/passwd out-link; mkdir d; sleep 1000"))
    u = f.update("c-1", "TASK_RUNNING")
    e = executor_of(f, "c-1")
    check(e["name"].startswith("Command Executor (Task: c-1) (Command: sh -c 'echo out; ec...')"), e["name"])
    equal((e["source"], e["tasks"][0]["executor_id"]), ("c-1", ""))
    d = e["directory"]
    wait_for("the sandbox is filled", lambda: os.path.isdir(d + "/d"))
    env = dict(l.rstrip("\n").split("=", 1) for l in open(d + "/env.txt"))
    for k, v in {"MESOS_FRAMEWORK_ID": f.id, "MESOS_EXECUTOR_ID": "c-1", "MESOS_DIRECTORY": d, "MESOS_SANDBOX": d, "MESOS_CHECKPOINT": "1",
                 "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{agent_port}", "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{agent_port}", "MESOS_RECOVERY_TIMEOUT": "15mins",
                 "MESOS_SLAVE_ID": u["agent_id"]["value"], "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "1secs",
                 "LIBPROCESS_PORT": "0", "MESOS_ALLOCATION_ROLE": "*"}.items():
        equal(env.get(k), v, k)
    check("HOME" not in env, "the agent's environment reached the task")
    equal(os.stat(d).st_mode & 0o777, 0o750, "mode of the sandbox")
    for name in (d, d.rsplit("/", 1)[0] + "/latest", f"/frameworks/{f.id}/executors/c-1/runs/latest"):
        listing = get(agent_port, f"/files/browse?path={name}").json
        equal([x["path"].rsplit("/", 1)[1] for x in listing], ["d", "env.txt", "out-link", "stderr", "stdout"], name)
        equal(get(agent_port, f"/files/read?path={name}/stdout&offset=0").json, {"data": "out\n", "offset": 0})
    equal(get(agent_port, f"/files/read?path={d}/stdout").json, {"data": "", "offset": 4})
    equal(get(agent_port, f"/files/read?path={d}/stdout&offset=-1").json, {"data": "", "offset": 4})
    equal(get(agent_port, f"/files/read?path={d}/stdout&offset=1&length=1").json, {"data": "u", "offset": 1})
    equal(get(agent_port, f"/files/read?path={d}/stdout&offset=99").json, {"data": "", "offset": 99})
    r = get(agent_port, f"/files/download?path={d}/stderr")
    equal((r.text, r.headers["Content-Disposition"], r.headers["Content-Type"]), ("err\n", "attachment; filename=stderr", "application/octet-stream"))
    for path, code in ((d + "/../../../../../../../../meta/boot_id", 404), (d + "/out-link", 404), ("/etc/passwd", 404), (d, 400), (d + "/nothing", 404), (d + "/d/..", 400)):
        equal(get(agent_port, f"/files/read?path={path}&offset=0").status, code, path)
    equal(get(agent_port, "/files/browse").status, 400)
    equal(get(agent_port, f"/files/read?path={d}/stdout&offset=x").status, 400)
    equal(api("READ_FILE", read_file={"path": d + "/stdout", "offset": 0}).json["read_file"], {"size": 4, "data": "b3V0Cg=="})
    equal(len(api("LIST_FILES", list_files={"path": d}).json["list_files"]["file_infos"]), 5)
    s = [x for x in get(agent_port, "/monitor/statistics").json if x["executor_id"] == "c-1"][0]
    check(s["statistics"]["timestamp"] > 0 and s["framework_id"] == f.id, s)
    f.end()


@case("a task group in the default executor; nested containers by hand")
def _():
    f = framework()
    ex = {"type": "DEFAULT", "executor_id": {"value": "d1"}, "framework_id": {"value": f.id},
          "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [task("g1"), task("g2")]}}})
    running = lambda: [s for s in f.statuses if s["state"] == "TASK_RUNNING"]
    f.until("both run", lambda e: len(running()) == 2)
    check(all("parent" in s["container_status"]["container_id"] for s in running()), f.statuses)
    cid = executor_of(f, "d1")["container"]
    id = lambda n: {"value": n, "parent": {"value": cid}}
    launch = lambda n, cmd: api("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": id(n), "command": {"value": cmd}})
    wait = lambda n: api("WAIT_NESTED_CONTAINER", wait_nested_container={"container_id": id(n)})
    kill = lambda n, s: api("KILL_NESTED_CONTAINER", kill_nested_container={"container_id": id(n), "signal": s})
    r = launch("n1", "echo nested; exit 5")
    equal((r.status, r.body, r.headers["Content-Type"]), (200, b"", None), "answer to the launch")
    equal(wait("n1").json, {"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": {"exit_status": 1280}})
    equal(launch("n1", "sleep 1000").status, 200, "the id of one that ended")
    equal(launch("n1", "true").status, 202, "the id of one that runs")
    equal(kill("n1", 15).status, 200)
    equal(wait("n1").json["wait_nested_container"], {"exit_status": 15})
    equal(api("REMOVE_NESTED_CONTAINER", remove_nested_container={"container_id": id("n1")}).status, 200)
    equal((wait("n1").status, wait("n1").text), (404, f"Container {cid}.n1 cannot be found"))
    equal((kill("no", 9).status, kill("no", 9).text), (404, f"Container '{cid}.no' cannot be found (or is already killed)"))
    r = api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "z", "parent": {"value": "no-such-parent"}}, "command": {"value": "true"}})
    equal((r.status, r.text), (400, "Parent container no-such-parent does not exist"))
    equal(api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "../x"}, "command": {"value": "true"}}).status, 400)
    r = post(agent_port, "/api/v1", {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {
        "container_id": id("s1"), "command": {"value": "echo out; echo err >&2; sleep 0.2; echo end"}}}, headers={**J, "Accept": "application/recordio", "Message-Accept": "application/json"})
    equal((r.headers["Content-Type"], r.headers["Message-Content-Type"]), ("application/recordio", "application/json"))
    for part in ("b3V0Cg==", "ZXJyCg==", "ZW5kCg=="):
        check(part in r.text, r.text)
    r = api("ATTACH_CONTAINER_OUTPUT", attach_container_output={"container_id": {"value": cid}})
    equal((r.status, r.text), (500, "I/O switchboard server was disabled for this container"))
    equal(api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "alone"}, "command": {"value": "sleep 1000"}, "resources": RES(0.1, 32)}).status, 200)
    check("alone" in [c["container_id"]["value"] for c in api("GET_CONTAINERS", get_containers={"show_standalone": True}).json["get_containers"]["containers"]], "not listed")
    equal(api("KILL_CONTAINER", kill_container={"container_id": {"value": "alone"}}).status, 200)
    equal(api("WAIT_CONTAINER", wait_container={"container_id": {"value": "alone"}}).json["wait_container"], {"exit_status": 9})
    equal(api("REMOVE_CONTAINER", remove_container={"container_id": {"value": "alone"}}).status, 200)
    f.kill("g1")
    seen = set() # the executor's end may overtake updates whose turn comes after an acknowledgement
    f.until("FAILURE of the executor, and both ends", lambda e: seen.add(e["type"]) or "FAILURE" in seen and
            len([s for s in f.statuses if s["state"] == "TASK_KILLED"]) == 2)
    ended = {s["task_id"]["value"]: s["state"] for s in f.statuses}
    equal((ended["g1"], ended["g2"]), ("TASK_KILLED", "TASK_KILLED"), "states of the group")
    f.end()


@case("why a task ended: exit, signal, launch failure, silent executor, what is not built")
def _():
    f = framework()
    f.launch(task("ok", "exit 0"), task("three", "exit 3"), task("nine", "kill -9 $$"), task("image", container={"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "x"}}}}),
             task("net", container={"type": "MESOS", "network_infos": [{"name": "nowhere"}]}), task("user", command="id"))
    want = {"ok": ("TASK_FINISHED", None, "Command exited with status 0"), "three": ("TASK_FAILED", None, "Command exited with status 3"),
            "nine": ("TASK_FAILED", None, "Command terminated with signal Killed"), "image": ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "images"),
            "net": ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "'nowhere'"), "user": ("TASK_FINISHED", None, "")}
    got = {}
    def note(e):
        if e["type"] == "UPDATE" and e["update"]["status"]["state"] in ("TASK_FINISHED", "TASK_FAILED"):
            got[e["update"]["status"]["task_id"]["value"]] = e["update"]["status"]
        return len(got) == len(want)
    f.until("all ended", note)
    for t, (s, reason, text) in want.items():
        equal((got[t]["state"], got[t].get("reason")), (s, reason), t)
        check(text in got[t].get("message", ""), got[t])
    f.launch({**task("missing"), "command": {"value": "true", "uris": [{"value": "/no/such/file"}]}})
    s = f.update("missing", "TASK_FAILED")
    equal(s["reason"], "REASON_CONTAINER_LAUNCH_FAILED")
    check(s["message"].startswith("Failed to launch container: "), s["message"])
    f.end()


@case("an executor that does not register in time is destroyed and its task fails")
def _():
    agent.stop()
    agent.args.append("--executor_registration_timeout=1secs")  # for this case alone: the executors of others may take as long
    start_agent()
    f = framework()
    f.launch(custom(f, "silent", "e-silent"))
    s = f.update("silent", "TASK_FAILED")
    equal(s["reason"], "REASON_EXECUTOR_REGISTRATION_TIMEOUT")
    f.end()
    agent.stop()
    agent.args.pop()
    start_agent()


@case("out of memory is told as the reason, with what was used")
def _():
    if not IS_ROOT:
        raise Skip("not root: memory cannot be limited")
    f = framework()
    f.launch(task("oom", "exec python3 -c 'x = bytearray(300 << 20)'", mem=32))
    s = f.update("oom", "TASK_FAILED")
    equal((s["reason"], s["source"]), ("REASON_CONTAINER_LIMITATION_MEMORY", "SOURCE_AGENT"))
    check("Memory limit exceeded" in s["message"], s["message"])
    equal(s["limitation"]["resources"][0]["name"], "mem")
    f.end()


@case("kill -9 of the agent: tasks go on, executors come back, waiting updates arrive")
def _():
    f = framework()
    f.launch(custom(f, "x-1", "e1"), task("c-1"))
    wait_for("the executor is known", lambda: executor_of(f, "e1"))
    e = Executor(f, "e1")
    e.stream.until("LAUNCH", lambda v: v["type"] == "LAUNCH")
    e.update("x-1", "TASK_RUNNING")
    f.update("c-1", "TASK_RUNNING")
    before = {x["id"]: x["container"] for w in state()["frameworks"] for x in w["executors"]}
    agent.kill().wait()
    pending = e.status("x-1", "TASK_RUNNING", message="made while the agent was away")
    agent.start()
    def again():
        global e2
        e2 = Executor(f, "e1", unacknowledged_updates=[{"status": pending}], unacknowledged_tasks=[])
        return e2
    wait_for("the executor is subscribed again", again)
    equal(e2.stream.next()["type"], "SUBSCRIBED")
    equal(e2.stream.next()["acknowledged"]["uuid"], pending["uuid"], "acknowledged uuid")
    f.until("the update from the time between", lambda v: v["type"] == "UPDATE" and v["update"]["status"].get("message") == pending["message"], 60)
    after = {x["id"]: x["container"] for w in state()["frameworks"] for x in w["executors"]}
    equal(after, before, "containers")
    f.kill("c-1")
    f.update("c-1", "TASK_KILLED")
    f.end()


@case("an executor that does not come back is destroyed and its task is gone; a framework without checkpointing loses its tasks")
def _():
    f, g = framework(), framework(checkpoint=False)
    f.launch(custom(f, "x-1", "e1"))
    wait_for("the executor is known", lambda: executor_of(f, "e1"))
    e = Executor(f, "e1")
    e.stream.until("LAUNCH", lambda v: v["type"] == "LAUNCH")
    e.update("x-1", "TASK_RUNNING")
    f.update("x-1", "TASK_RUNNING")
    g.launch(task("n-1"))
    g.update("n-1", "TASK_RUNNING")
    agent.kill().wait()
    g.update("n-1", "TASK_LOST")
    start_agent()
    s = f.update("x-1", "TASK_GONE", seconds=60)
    equal(s["reason"], "REASON_EXECUTOR_REREGISTRATION_TIMEOUT")
    equal(api("GET_CONTAINERS", get_containers={"show_standalone": True}).json, {"type": "GET_CONTAINERS"}, "containers left")
    f.end()
    g.end()


@case("the checkpoint files have the original's names")
def _():
    f = framework()
    f.launch(task("c-1"))
    u = f.update("c-1", "TASK_RUNNING")
    d = f"{scratch()}/a/meta"
    fw = f"{d}/slaves/{u['agent_id']['value']}/frameworks/{f.id}"
    run = f"{fw}/executors/c-1/runs/{executor_of(f, 'c-1')['container']}"
    for path in (f"{d}/boot_id", f"{d}/slaves/latest/slave.info", f"{fw}/framework.info", f"{fw}/framework.pid", f"{fw}/executors/c-1/executor.info",
                 f"{fw}/executors/c-1/executor_generated_for_command_task", f"{run}/http.marker", f"{run}/pids/forked.pid", f"{run}/tasks/c-1/task.info",
                 f"{run}/tasks/c-1/task.updates"):
        check(os.path.isfile(path), path)
    equal(os.readlink(f"{fw}/executors/c-1/runs/latest"), run)
    equal(open(f"{fw}/executors/c-1/executor_generated_for_command_task").read(), "1")
    equal(open(f"{fw}/framework.pid").read(), "@0.0.0.0:0")
    f.kill("c-1")
    f.update("c-1", "TASK_KILLED")
    wait_for("the sentinel", lambda: os.path.isfile(f"{run}/executor.sentinel"))
    f.end()


@case("a second agent cannot take the work directory or the port; other flags than before are refused with advice")
def _():
    run = lambda *a: subprocess.run([STOA, "agent", *a], capture_output=True, text=True, timeout=30)
    r = run(*flags)
    equal(r.returncode, 1)
    check("in use by another agent" in r.stderr, r.stderr)
    r = run(*[x for x in flags if "work_dir" not in x], f"--work_dir={scratch()}/other")
    check(str(agent_port) in r.stderr and "in use" in r.stderr, r.stderr)
    agent.kill().wait()
    r = run(*[x for x in flags if "resources" not in x], "--resources=cpus:2;mem:4096;disk:1000;ports:[31000-31100]")
    equal(r.returncode, 1)
    check("meta/slaves/latest" in r.stderr and "resources" in r.stderr, r.stderr)
    for bad, text in ((["--master=zk://a:1/b"], "ZooKeeper"), (["--credential=/x"], "--credential"), (["--no_such_flag=1"], "no_such_flag"), (["--work_dir=rel"], "absolute")):
        r = run(*[x for x in flags if x.split("=")[0] != bad[0].split("=")[0]], *bad)
        check(r.returncode == 1 and text in r.stderr, f"{bad}: {r.stderr}")
    start_agent()


@case("draining kills the tasks with its own reason and lets no new one in")
def _():
    f = framework()
    f.launch(task("c-1"))
    u = f.update("c-1", "TASK_RUNNING")
    r = post(port, "/api/v1", {"type": "DRAIN_AGENT", "drain_agent": {"agent_id": u["agent_id"], "max_grace_period": {"seconds": 1}}}, headers=J)
    if r.status != 200:
        f.end()
        raise Skip(f"the master answers DRAIN_AGENT with {r.status}")
    s = f.update("c-1", "TASK_KILLED")
    equal(s["reason"], "REASON_AGENT_DRAINING")
    wait_for("drained", lambda: not os.path.exists(f"{scratch()}/a/meta/slaves/latest/drain.config"))
    post(port, "/api/v1", {"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": u["agent_id"]}}, headers=J)
    f.end()


@case("SIGTERM leaves tasks running, SIGUSR1 ends them and signs off")
def _():
    f = framework()
    f.launch(task("c-1"))
    f.update("c-1", "TASK_RUNNING")
    pid = api("GET_CONTAINERS").json["get_containers"]["containers"][0]["container_status"]["executor_pid"]
    agent.kill(signal.SIGTERM)
    equal(agent.wait(), 0, "status")
    check(is_alive(pid), "the executor is gone")
    start_agent()
    agent.kill(signal.SIGUSR1)
    equal(agent.wait(), 0, "status")
    check(not is_alive(pid), "the executor is still there")
    f.update("c-1", "TASK_LOST")
    check(not os.path.exists(f"{scratch()}/a/meta/slaves/latest"), "the identity is still there")
    f.end()
    for d in glob.glob(f"/sys/fs/cgroup/*/stoa_agent_test_{port}") + glob.glob(f"/sys/fs/cgroup/stoa_agent_test_{port}"):
        equal([x for x in os.listdir(d) if os.path.isdir(f"{d}/{x}")], [], "cgroups left")
        os.rmdir(d)


main()
