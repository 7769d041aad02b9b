#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the recorded requests to a master and agents of ours in the recorded state and prints what our answers have other than the
recorded ones: one line per difference, `NNN place difference`. Differences listed in known.txt are left out unless --all is given.

    tests/conformance/replay.py [--all] [GROUP...]      groups: see GROUPS at the end

tests/integration/test_conformance.py runs the same groups as test cases."""
import os, re, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import *
import recorded

MAIN = "931f12d8-c487-4dfb-ba6a-e6bcada2bd70"


class Replay:
    def __init__(self):
        self.found, self.played = [], set()

    def say(self, n, lines):
        self.played.add(n)
        for line in lines:
            self.found.append(f"{n:03d} {line}")

    def play(self, world, n, to=0, edit=None, seconds=PATIENCE):
        """One exchange: the request goes to the master (0) or an agent, the answer is compared. Returns our answer."""
        raw = world.request(n, edit)
        try:
            got = world.theirs(world.raw(raw, to, seconds))
        except OSError as e:
            self.say(n, [f"no answer ({type(e).__name__})"])
            return None
        kind = "mesos.v1.agent.Response" if to else "mesos.v1.master.Response"
        self.say(n, recorded.compare(recorded.answer(n), got, kind, loose="metrics" in recorded.name_of(n)))
        return got

    def all(self, world, numbers, to=0):
        for n in numbers:
            if recorded.path_of(n, "req"):
                self.play(world, n, to)

    def open(self, world, n, to=0, edit=None, decode=json.loads, on_event=None):
        """A streaming request: the header is compared, the stream stays open."""
        live = Live(world, world.request(n, edit), to, on_event, decode)
        self.say(n, recorded.compare(recorded.answer(n), world.theirs(live.head)))
        return live

    def event(self, world, n, want, got, where):
        """A record of a stream against the recorded one."""
        m = Message(b"HTTP/1.1 200 OK\r\n\r\n")
        m.body = json.dumps(got).encode()
        d = recorded.Differ()
        d.values(want, json.loads(world.theirs(m).body))
        self.say(n, [f"{where}{line}" for line in d.found])


def empty(r):
    """A master alone."""
    w = World()
    r.all(w, range(400, 410))
    w.end()


def refused(r):
    """Scheduler calls that are refused or odd, and subscriptions, on a master without agents."""
    w = World(domain=False, master_flags=["--registry=in_memory"], ip="127.0.5.4")
    live = Scheduler(w, "live")
    gone = Scheduler(w, "gone")
    gone.live.close()
    wait_for("its disconnection", lambda: [f for f in json.loads(w.get("/frameworks").body)["frameworks"] if f["name"] == "gone" and not f["connected"]])
    driver = Driver(w)
    wait_for("the driver's framework", lambda: "v0-framework" in w.get("/frameworks").body.decode())
    for m in ("88017fca-51b7-4965-a4b3-b3c030bc0d8d", "271b5fea-97bd-41c1-9759-8a3f3b45535c"):
        w.ids[m] = w.id
    for s in ("cca67a70-3e36-412b-8cfa-a8514a1b26dd", "a9a820c6-0ff3-44bb-969c-a65ad78522a3"):
        w.ids[s] = live.stream_id
    w.ids["b1c41447-a7ce-42e7-842c-b9aa5d1a298c"] = gone.stream_id
    for n in range(100, 138):
        if n == 135:
            import gzip
            def repack(body):
                return gzip.compress(w.ours(gzip.decompress(body)))
            r.play(w, n, edit=repack)
        else:
            r.play(w, n)
    r.all(w, range(294, 299))
    r.play(w, 660)
    for n in range(550, 564):
        if not recorded.path_of(n, "req"):
            continue
        s = r.open(w, n)
        want = [json.loads(e) for e in recorded.stream(n)]
        for i, e in enumerate(want):
            try:
                wait_for("event", lambda: len(s.events) > i)
                r.event(w, n, e, s.events[i], f"event {i} ")
            except Failed:
                r.say(n, [f"event {i} {e['type']} missing"])
        s.close()
    driver.close()
    w.end()


def main_world(before=None):
    """The state that most recordings were made in. `before` is called with the bare master."""
    w = World()
    if before:
        before(w)
    w.agent(1)
    w.ids[MAIN] = w.id
    w.post("/api/v1", {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": {"value": w.id + "-S0"}, "resources": [
        {**scalars(cpus=0.5)[0], "reservations": [{"type": "DYNAMIC", "role": "v0"}]}]}})
    web = Scheduler(w, "json-framework", webui_url="http://scheduler.example/ui", labels={"labels": [{"key": "tier", "value": "1"}]})
    launch = json.loads(recorded.request(4).body)["accept"]["operations"][0]["launch"]["task_infos"][:3]
    for t in launch:
        del t["agent_id"]
    del launch[0]["discovery"]["labels"]
    launch[0]["command"]["value"] = "echo out; echo err >&2; sleep 1000"
    launch[0].update(health_check={"type": "COMMAND", "command": {"value": "true"}, "delay_seconds": 0.0, "interval_seconds": 5.0},
                     limits={"mem": {"value": 128.0}, "cpus": {"value": 1.0}}, container={"type": "MESOS", "mesos": {}})
    for t in launch:
        web.launch(t, cpus=1)
        web.update(t["name"], "TASK_STARTING")
    web.live.until("health of t-rich", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("healthy"))
    web.update("t-finish", "TASK_FINISHED")
    web.update("t-exit3", "TASK_FAILED")
    group = json.loads(w.ours(recorded.request(21).body.replace(b"186b5da7-3234-467f-802a-c07755fd3d5f", MAIN.encode())))["accept"]["operations"][0]
    for t in group["launch_group"]["task_group"]["tasks"]:
        del t["agent_id"]
    web.accept(web.offer(cpus=0.6), group)
    web.update("g-1", "TASK_RUNNING")
    web.update("g-2", "TASK_RUNNING")
    web.launch(custom(task("x-1", data="cnVu"), web, "custom-1", name="HTTP executor", source="golden",
                      labels={"labels": [{"key": "exec", "value": "1"}]}), cpus=0.3)
    w.custom1 = Executor(web, "custom-1")
    w.custom1.launched("x-1")
    w.custom1.update("x-1", "TASK_STARTING")
    w.custom1.update("x-1", "TASK_RUNNING", message="running in the HTTP executor", data="cGF5bG9hZA==", labels={"labels": [{"key": "from", "value": "executor"}]})
    web.quiet()
    batch = Scheduler(w, "pb-framework", roles=("batch", "ops"))
    batch.launch(task("b-1", cpus=0.25), offer=batch.offer(role="batch", cpus=0.5))
    batch.update("b-1", "TASK_RUNNING")
    batch.quiet()
    v0 = Scheduler(w, "v0-framework", roles=("v0",), capabilities=("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE"), failover_timeout=60.0)
    v0.launch(task("v-1", cpus=0.5, mem=64), task("v-2", "exit 0", cpus=0.5, mem=64), cpus=1)
    v0.update("v-1", "TASK_RUNNING")
    v0.update("v-2", "TASK_FINISHED")
    v0.launch(custom(task("vx-1", cpus=0.25), v0, "vexec", name="v0 executor"), custom(task("vx-2", cpus=0.25), v0, "vexec", name="v0 executor"), cpus=0.6)
    w.vexec = Executor(v0, "vexec")
    w.vexec.launched("vx-2")
    own = {"executor_id": {"value": "vexec"}}
    for t in ("vx-1", "vx-2"):
        w.vexec.update(t, "TASK_STARTING", **own)
        w.vexec.update(t, "TASK_RUNNING", message="v0 executor running", **own)
    w.vexec.update("vx-2", "TASK_FINISHED", **own)
    v0.quiet()
    old = Scheduler(w, "old-framework", roles=("web",))
    old.launch(task("o-1", "exit 0", cpus=0.5, mem=64), cpus=0.5)
    old.update("o-1", "TASK_FINISHED")
    old.ok("TEARDOWN")
    web.ok("REVIVE")
    web.offer(cpus=1)
    w.web, w.batch, w.v0 = web, batch, v0
    containers = {e["id"]: e["container"] for f in json.loads(w.get("/state", 1).body)["frameworks"] for e in f["executors"]}
    for c in json.loads(recorded.answer(311).body)["get_containers"]["containers"]:
        w.ids[c["container_id"]["value"]] = containers[c["executor_id"]["value"]]
    w.ids["/var/lib/mesos-golden/agent/"] = w.dir + "/agent/"
    w.ids["%2Fvar%2Flib%2Fmesos-golden%2Fagent%2F"] = (w.dir + "/agent/").replace("/", "%2F")
    return w


def reads(r):
    """Reads of master and agent, unversioned and v1, JSON and protobuf."""
    w = main_world()
    r.all(w, range(410, 450))
    r.all(w, range(210, 232))
    r.all(w, range(260, 274))
    r.all(w, range(465, 487), 1)
    r.all(w, range(300, 317), 1)
    r.all(w, range(342, 352), 1)
    r.play(w, 543, 1)
    r.all(w, range(372, 379), 1)
    w.end()


def applied(w, what, fn):
    """Waits until the agent object of /slaves is as wanted."""
    wait_for(what, lambda: fn(w.slaves()[0]), 5)


def writes(r):
    """Operator writes in the order of the recordings: reservations, volumes, weights, quota, activation; then the forms; the end."""
    w = main_world()
    disk = lambda x: [q for q in x["reserved_resources_full"].get("ops2", []) if q.get("disk")]
    r.play(w, 232)
    applied(w, "RESERVE", lambda x: "ops2" in x["reserved_resources"])
    r.play(w, 233)
    applied(w, "CREATE", disk)
    r.play(w, 234)
    applied(w, "GROW", lambda x: disk(x)[0]["scalar"]["value"] == 60)
    r.play(w, 235)
    applied(w, "SHRINK", lambda x: disk(x)[0]["scalar"]["value"] == 40)
    r.all(w, [236, 237, 238])
    w.web.ok("SUPPRESS")
    for o in list(w.web.offers):
        w.web.ok("DECLINE", decline={"offer_ids": [{"value": o}]})
    r.all(w, [455, 456])
    r.play(w, 239)
    applied(w, "DESTROY", lambda x: not disk(x))
    r.play(w, 240)
    applied(w, "UNRESERVE", lambda x: "ops2" not in x["reserved_resources"])
    w.web.ok("REVIVE")
    r.all(w, [241, 242, 243, 459, 244, 245, 246, 247, 457, 458, 248, 249, 250, 251, 282, 283, 284, 285, 286, 287, 288, 289, 290])
    r.play(w, 707)
    applied(w, "RESERVE", lambda x: "ops2" in x["reserved_resources"])
    r.play(w, 708)
    applied(w, "RESERVE", lambda x: x["reserved_resources"]["ops2"]["disk"] > 0)
    r.play(w, 709)
    applied(w, "CREATE", disk)
    r.play(w, 710)
    applied(w, "DESTROY", lambda x: not disk(x))
    r.play(w, 711)
    applied(w, "UNRESERVE", lambda x: x["reserved_resources"]["ops2"]["cpus"] == 0)
    r.play(w, 712)
    applied(w, "UNRESERVE", lambda x: "ops2" not in x["reserved_resources"])
    r.all(w, range(713, 732))
    r.all(w, [732, 733, 734, 735])
    w.v0.ok("TEARDOWN")
    wait_for("no framework", lambda: not json.loads(w.get("/state", 1).body)["frameworks"], 20)
    r.all(w, [736, 737])
    r.play(w, 738, 1)
    r.all(w, [739, 740])
    w.end()


def containers(r):
    """Nested and standalone containers."""
    w = main_world()
    for n in range(317, 322):
        r.play(w, n, 1)
    for n in range(322, 328):
        if n == 323:
            wait_for("the command runs", lambda: w.at_work("golden-nested-2"))
        r.play(w, n, 1)
    for n in range(328, 332):
        if n == 329:
            w.wait_output("golden-standalone", "alone")
            show = {"type": "GET_CONTAINERS", "get_containers": {"show_standalone": True}}
            measured = lambda: all("disk_used_bytes" in x.get("resource_statistics", {}) for x in json.loads(w.post("/api/v1", show, 1).body)["get_containers"]["containers"])
            wait_for("what it has on the disk", measured)
        r.play(w, n, 1)
    def pieces(events):
        out = {}
        for e in events:
            if e["type"] == "DATA":
                out[e["data"]["type"]] = out.get(e["data"]["type"], b"") + base64.b64decode(e["data"]["data"])
        return out

    def session(n, s):
        want = pieces([json.loads(e) for e in recorded.stream(n)])
        wait_for("the end of the stream", lambda: s.ended, 10)
        if want != pieces(s.events):
            r.say(n, [f"data {pieces(s.events)}, not {want}"])
    for n in (332, 333):
        session(n, r.open(w, n, 1))
    r.all(w, [334, 335], 1)
    output = r.open(w, 336, 1)
    r.play(w, 337, 1)
    session(336, output)
    r.all(w, range(338, 342), 1)
    w.end()


def drain(r):
    """Draining, maintenance and the end of a second agent."""
    w = main_world()
    w.web.quiet()
    w.agent(2)
    n2 = w.web
    def run(name):
        n2.ok("REVIVE")
        n2.launch(task(name, "trap '' TERM; sleep 1000" if name == "n2-drain" else "sleep 1000", cpus=0.3), host="node2.example", refuse=3600.0)
        n2.update(name, "TASK_RUNNING")
        n2.quiet()
    run("n2-drain")
    r.all(w, [380, 381, 382])
    r.play(w, 383, 2)
    r.play(w, 384)
    wait_for("DRAINED", lambda: [x for x in w.slaves() if x.get("drain_info", {}).get("state") == "DRAINED"], 20)
    r.all(w, [385, 386, 387])
    run("n2-maint")
    r.play(w, 388)
    inverse = lambda: next((e for e in n2.live.events if e["type"] == "INVERSE_OFFERS"), None)
    if wait_for("an inverse offer", inverse, 10):
        n2.ok("ACCEPT_INVERSE_OFFERS", accept_inverse_offers={"inverse_offer_ids": [o["id"] for o in inverse()["inverse_offers"]["inverse_offers"]]})
        wait_for("its acceptance", lambda: "ACCEPT" in w.get("/maintenance/status").body.decode(), 5)
    r.all(w, range(389, 397))
    r.all(w, [397, 398, 700, 701, 702, 703, 704])
    wait_for("the end of the agent whose machine is down", lambda: Process.alive[-1].p.poll() is not None or len(w.slaves()) == 1, 10)
    Process.alive[-1].stop()
    shutil.rmtree(w.dir + "/agent2")
    w.agent(2)
    run("n2-gone")
    new = next(x["id"] for x in w.slaves() if x["hostname"] == "node2.example")
    w.ids = {MAIN + "-S2": new, **w.ids}
    r.play(w, 705)
    wait_for("the agent is gone", lambda: len(w.slaves()) == 1, 10)
    r.play(w, 706)
    w.end()


OFFER = re.compile(recorded.UUID + r"-O\d+")


class Script:
    """The recorded script of a scheduler (001-045 in JSON, 051-095 in protobuf) and of its custom executor (150-176, 180-205)."""

    def __init__(self, r, base):
        self.r, self.base, self.w = r, base, World(master_flags=["--allocation_interval=100ms"])
        self.json = base == 0
        self.step("agent", lambda: self.w.agent(1, "--registration_backoff_factor=50ms"))
        first = recorded.request(1 + base).body
        text = recorded.stream(1 + base)[0].decode("latin-1")
        self.w.ids[re.search(recorded.UUID, text)[0]] = self.w.id
        decode = json.loads if self.json else lambda b: recorded.jsonable(recorded.decode("mesos.v1.scheduler.Event", b))
        self.decode = decode
        self.f = Scheduler.__new__(Scheduler)
        f = self.f
        f.world, f.offers, f.acknowledge, f.info = self.w, {}, True, {"name": "the script"}
        f.live = r.open(self.w, 1 + base, decode=decode, on_event=f._event)
        f.id = f.live.until("SUBSCRIBED", lambda e: e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]["value"]
        self.stream_id, self.f.stream_id = f.live.stream_id, f.live.stream_id
        self.w.ids[recorded.answer(1 + base).header("Mesos-Stream-Id")] = f.live.stream_id
        self.inverse = {}

    def step(self, what, fn):
        return fn()

    def play(self, n, offer=None, command=None):
        def text(s):
            if OFFER.fullmatch(s) and offer:
                return offer["id"]["value"]
            s = self.w.ours(s.encode()).decode()
            return command if command and "http-executor" in s else s
        kind = "mesos.v1.scheduler.Call"
        if offer:
            self.f.offers.pop(offer["id"]["value"], None)
        return self.r.play(self.w, n + self.base, edit=lambda b: recorded.edited(recorded.request(n + self.base), kind, text))

    def executor(self, n, **kw):
        n = n if self.json else {**{150 + i: 180 + i for i in range(15)}, **{166 + i: 195 + i for i in range(11)}}.get(n)
        if n:
            return self.r.play(self.w, n, 1, edit=lambda b: recorded.edited(recorded.request(n), "mesos.v1.executor.Call", lambda s: self.w.ours(s.encode()).decode()))

    def offer(self, want=lambda o: True):
        """An offer that will do; those that will not go back after a while, so that they may come as one."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for _ in range(5):
                found = next((o for o in list(self.f.offers.values()) if want(o)), None)
                if found:
                    return found
                time.sleep(0.1)
            small = list(self.f.offers)
            self.f.offers.clear()
            if small:
                self.f.call("DECLINE", decline={"offer_ids": [{"value": x} for x in small], "filters": {"refuse_seconds": 0.0}})
        raise Failed("no such offer came")

    def updates(self, task, state, seconds=30):
        return self.f.update(task, state, seconds=seconds)


def cpus(n):
    return lambda o: sum(x["scalar"]["value"] for x in o["resources"] if x["name"] == "cpus" and "reservations" not in x) >= n


def has(o, reserved=0.0, volume=None):
    kept = [x for x in o["resources"] if x.get("reservations") and x["name"] == "disk" and x["reservations"][-1]["role"] == "web"]
    volumes = [x for x in kept if x.get("disk", {}).get("persistence", {}).get("id") == volume] if volume else kept
    return sum(x["scalar"]["value"] for x in volumes) >= reserved


def scheduler(r, base):
    s = Script(r, base)
    w, f = s.w, s.f
    end1, end2 = os.path.join(w.dir, "end1"), os.path.join(w.dir, "end2")
    s.play(2, s.offer())
    s.play(3, s.offer())
    s.play(4, s.offer())
    for t, state in (("t-rich", "TASK_RUNNING"), ("t-finish", "TASK_FINISHED"), ("t-exit3", "TASK_FAILED"), ("t-signal", "TASK_FAILED")):
        s.updates(t, state)
    f.live.until("health", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("healthy"))
    for n in (5, 6, 7, 8, 9, 10, 11, 12, 13, 14):
        s.play(n)
    s.updates("t-rich", "TASK_KILLED")
    s.play(15)
    s.play(16, s.offer(cpus(3)))
    s.updates("t-stub", "TASK_RUNNING")
    w.wait_output("executors/t-stub/runs/latest", "read")
    s.play(17)
    s.updates("t-stub", "TASK_KILLED")
    s.play(18)
    s.play(19, s.offer())
    s.play(20, s.offer(cpus(3)))
    for t, state in (("t-oom", "TASK_FAILED"), ("t-maxtime", "TASK_FAILED"), ("t-unhealthy", "TASK_KILLED"), ("t-check", "TASK_FINISHED"), ("t-fetch", "TASK_FAILED")):
        s.updates(t, state)
    s.play(21, s.offer(cpus(3)))
    s.updates("g-1", "TASK_RUNNING")
    s.updates("g-2", "TASK_RUNNING")
    s.play(22)
    s.updates("g-2", "TASK_KILLED")
    f.live.until("its end", lambda e: e["type"] == "FAILURE")
    s.play(23, s.offer(cpus(3)))
    f.live.until("op-reserve", lambda e: e["type"] == "UPDATE_OPERATION_STATUS")
    s.play(24)
    s.play(25, s.offer(lambda o: has(o, 64)))
    s.play(26)
    s.updates("t-volume", "TASK_FINISHED")
    s.play(27, s.offer(lambda o: has(o, 32, "vol-1") and has(o, 64)))
    s.play(28, s.offer(lambda o: has(o, 48, "vol-1")))
    s.play(29, s.offer(lambda o: has(o, 1, "vol-1") and not has(o, 48, "vol-1") and has(o, 64)))
    s.play(30, s.offer(lambda o: not has(o, 1)))
    f.live.until("op-bad", lambda e: e["type"] == "UPDATE_OPERATION_STATUS" and e["update_operation_status"]["status"].get("operation_id", {}).get("value") == "op-bad")
    command = f"while [ ! -e {end1} ]; do sleep 0.1; done"
    s.play(31, s.offer(cpus(1)), command)
    wait_for("custom-1", lambda: "custom-1" in w.get("/state", 1).body.decode())
    s.executor(150)
    n = 151 if s.json else 181
    decode = json.loads if s.json else lambda b: recorded.jsonable(recorded.decode("mesos.v1.executor.Event", b))
    x = r.open(w, n, 1, edit=lambda b: recorded.edited(recorded.request(n), "mesos.v1.executor.Call", lambda t: w.ours(t.encode()).decode()), decode=decode)
    launched = lambda t: x.until(t, lambda e: e["type"] == "LAUNCH" and e["launch"]["task"]["task_id"]["value"] == t)
    launched("x-1")
    s.executor(152)
    s.executor(153)
    s.updates("x-1", "TASK_RUNNING")
    s.play(32, s.offer(cpus(1)), command)
    launched("x-2")
    for n_ in (154, 155, 156):
        s.executor(n_)
    s.updates("x-2", "TASK_FINISHED")
    s.play(33)
    x.until("MESSAGE", lambda e: e["type"] == "MESSAGE")
    s.executor(157)
    f.call("MESSAGE", message={"agent_id": {"value": w.id + "-S0"}, "executor_id": {"value": "custom-1"}, "data": "ZXJyb3Jz"})
    for n_ in range(158, 176):
        s.executor(n_)
    s.play(34)
    x.until("SHUTDOWN", lambda e: e["type"] == "SHUTDOWN")
    s.executor(176)
    s.updates("x-1", "TASK_KILLED")
    open(end1, "w").close()
    f.live.until("FAILURE", lambda e: e["type"] == "FAILURE" and e["failure"].get("executor_id", {}).get("value") == "custom-1")
    events(r, n, s, [decode(e) for e in recorded.stream(n)], x.events)
    s.play(35, s.offer(cpus(1)), f"while [ ! -e {end2} ]; do sleep 0.1; done; exit 9")
    die = Executor(f, "custom-die")
    die.launched("x-die")
    die.update("x-die", "TASK_STARTING")
    die.update("x-die", "TASK_RUNNING", message="running in the HTTP executor", data="cGF5bG9hZA==", labels={"labels": [{"key": "from", "value": "executor"}]})
    s.updates("x-die", "TASK_RUNNING")
    open(end2, "w").close()
    s.updates("x-die", "TASK_FAILED")
    for n_ in (36, 37, 38):
        s.play(n_)
    f.call("UPDATE_FRAMEWORK", update_framework={"framework_info": json.loads(w.ours(recorded.request(36).body.replace(
        recorded.request(36).body[:0], b"")))["update_framework"]["framework_info"] if s.json else update_info(s)})
    f.ok("REVIVE")
    o = s.offer(cpus(1))
    f.launch({**task("t-maint"), "agent_id": o["agent_id"]}, offer=o)
    s.updates("t-maint", "TASK_RUNNING")
    s.offer()
    w.post("/maintenance/schedule", {"windows": [{"machine_ids": [{"hostname": "node1.example", "ip": "127.0.5.1"}],
                                                  "unavailability": {"start": {"nanoseconds": int(time.time() * 1e9)}, "duration": {"nanoseconds": 3600 * 10**9}}}]})
    inverse = lambda k: wait_for("inverse offer", lambda: [o for e in list(f.live.events) if e["type"] == "INVERSE_OFFERS"
                                                         for o in e["inverse_offers"]["inverse_offers"]][k], 20)
    s.play(39, inverse(0))
    s.play(40, inverse(1))
    w.post("/maintenance/schedule", {"windows": []})
    again = r.open(w, 41 + base, edit=lambda b: recorded.edited(recorded.request(41 + base), "mesos.v1.scheduler.Call", lambda t: w.ours(t.encode()).decode()),
                   decode=s.decode, on_event=f._event)
    again.until("OFFERS", lambda e: e["type"] == "OFFERS", 10)
    wait_for("the end of the old stream", lambda: f.live.ended, 5)
    events(r, 1 + base, s, [s.decode(e) for e in recorded.stream(1 + base)], f.live.events)
    s.play(42)
    w.ids[recorded.answer(41 + base).header("Mesos-Stream-Id")] = again.stream_id
    f.live = again
    s.play(43)
    s.updates("t-maint", "TASK_KILLED")
    wait_for("it is acknowledged", lambda: b"t-maint" in json.dumps([f["completed_tasks"] for f in json.loads(w.get("/state").body)["frameworks"]]).encode())
    s.play(44)
    wait_for("the end of the stream", lambda: again.ended, 5)
    events(r, 41 + base, s, [s.decode(e) for e in recorded.stream(41 + base)], again.events)
    last = r.open(w, 45 + base, edit=lambda b: recorded.edited(recorded.request(45 + base), "mesos.v1.scheduler.Call", lambda t: w.ours(t.encode()).decode()), decode=s.decode)
    wait_for("the end of the refused stream", lambda: last.ended, 5)
    events(r, 45 + base, s, [s.decode(e) for e in recorded.stream(45 + base)], last.events)
    for stream in (x, again, last):
        if not stream.one_per_chunk:
            r.say(n, ["records and chunks do not agree"])
    w.end()


def update_info(s):
    info = recorded.decode("mesos.v1.scheduler.Call", recorded.request(86).body)["update_framework"]["framework_info"]
    info["id"]["value"] = s.f.id
    return info


def event_name(e):
    t = e["type"]
    if t == "UPDATE":
        x = e["update"]["status"]
        return f"UPDATE {x['task_id']['value']} {x['state']} {x.get('reason', '')}".strip()
    if t == "UPDATE_OPERATION_STATUS":
        x = e["update_operation_status"]["status"]
        return f"{t} {x.get('operation_id', {}).get('value')} {x['state']}"
    if t == "FAILURE":
        return f"{t} {e['failure'].get('executor_id', {}).get('value')}"
    if t == "LAUNCH":
        return f"{t} {e['launch']['task']['task_id']['value']}"
    if t in ("TASK_ADDED", "TASK_UPDATED"):
        x = e["task_added"]["task"] if t == "TASK_ADDED" else e["task_updated"]["status"]
        return f"{t} {x['task_id']['value']} {x['state']} {x.get('reason', '')}".strip()
    if t.startswith("FRAMEWORK_"):
        x = e[t.lower()]
        return f"{t} {x.get('framework', x).get('framework_info')['name']}"
    return t


REPEATED = ("OFFERS", "HEARTBEAT", "RESCIND", "INVERSE_OFFERS", "RESCIND_INVERSE_OFFER")


def events(r, n, world, want, got):
    """Two streams: the same events but for how often offers come, and each like the recorded one of its name."""
    w = getattr(world, "w", world)
    def named(events):
        out, count = {}, {}
        for e in events:
            k = event_name(e)
            if k.startswith(f"UPDATE {MARK}"):
                continue
            count[k] = count.get(k, 0) + 1
            if count[k] > 1 and (k in REPEATED or "reason" in k):
                continue
            out[k if count[k] == 1 else f"{k} ({count[k]})"] = e
        return out
    a = named(want)
    never = {k for k in a if any(p.match(f"{n:03d} event {k} missing") for p, _, _, _ in known())}
    more = {m[1] for _, text, may, _ in known() if not may and (m := re.fullmatch(rf"{n:03d} event ([^*]+) extra", text))}
    deadline = time.monotonic() + PATIENCE
    while (set(a) | more) - set(named(got)) - never and time.monotonic() < deadline:
        time.sleep(0.02)  # `got` grows meanwhile
    b = named(got)
    for k in a:
        if k not in b:
            r.say(n, [f"event {k} missing"])
        elif k == "OFFERS":
            r.event(w, n, a[k]["offers"]["offers"][0], b[k]["offers"]["offers"][0], "OFFERS ")
        else:
            r.event(w, n, a[k], b[k], f"{k} ")
    for k in b:
        if k not in a:
            r.say(n, [f"event {k} extra"])


def scheduler_json(r):
    """The scheduler and executor APIs in JSON: the recorded script of a framework."""
    scheduler(r, 0)


def scheduler_pb(r):
    """The same in protobuf."""
    scheduler(r, 50)


def watch(r):
    """The operator's event streams over the life of the main state, and with a task that is killed."""
    streams = {}

    def subscribe(w):
        streams[280] = r.open(w, 280)
        streams[281] = r.open(w, 281, decode=lambda b: recorded.jsonable(recorded.decode("mesos.v1.master.Event", b)))
        wait_for("subscribed", lambda: all(x.types()[:2] == ["SUBSCRIBED", "HEARTBEAT"] for x in streams.values()), 5)
    w = main_world(subscribe)
    for n, x in streams.items():
        want = [json.loads(e) if n == 280 else recorded.jsonable(recorded.decode("mesos.v1.master.Event", e)) for e in recorded.stream(n)]
        last = next(i for i, e in enumerate(want) if e["type"] == "FRAMEWORK_REMOVED")
        events(r, n, w, want[:last + 1], x.events)
    w.end()
    w = World(plain=True)
    w.agent(1)
    f = Scheduler(w, "json-framework")
    f.launch(task("t-1", cpus=0.5, mem=64))
    f.update("t-1", "TASK_RUNNING")
    f.quiet()
    streams = {292: r.open(w, 292), 293: r.open(w, 293, decode=lambda b: recorded.jsonable(recorded.decode("mesos.v1.master.Event", b)))}
    wait_for("subscribed", lambda: all(x.types()[:2] == ["SUBSCRIBED", "HEARTBEAT"] for x in streams.values()), 5)
    f.ok("KILL", kill={"task_id": {"value": "t-1"}})
    f.update("t-1", "TASK_KILLED")
    for n, x in streams.items():
        events(r, n, w, [json.loads(e) if n == 292 else recorded.jsonable(recorded.decode("mesos.v1.master.Event", e)) for e in recorded.stream(n)], x.events)
        if not x.one_per_chunk:
            r.say(n, ["records and chunks do not agree"])
    w.end()


ACLS = {"permissive": True,
        "register_frameworks": [{"principals": {"values": ["fw"]}, "roles": {"values": ["web", "web2"]}}, {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}}],
        "run_tasks": [{"principals": {"values": ["fw"]}, "users": {"values": ["nobody"]}}, {"principals": {"type": "ANY"}, "users": {"type": "NONE"}}],
        "teardown_frameworks": [{"principals": {"values": ["fw"]}, "framework_principals": {"type": "NONE"}}],
        "view_flags": [{"principals": {"values": ["fw"]}, "flags": {"type": "NONE"}}]}


def authentication(r):
    """HTTP authentication in all realms, and what the ACLs of the recordings forbid."""
    path = os.path.join(scratch(), "credentials.json")
    with open(path, "w") as f:
        json.dump({"credentials": [{"principal": "ops", "secret": "s1"}, {"principal": "fw", "secret": "s2"}]}, f)
    os.chmod(path, 0o600)
    w = World(plain=True, ip="127.0.5.5", master_flags=["--registry=in_memory", f"--credentials={path}", "--authenticate_http_readonly",
              "--authenticate_http_readwrite", "--authenticate_http_frameworks", "--http_framework_authenticators=basic",
              "--acls=" + json.dumps(ACLS)], auth="ops:s1")
    r.all(w, [*range(520, 537)])
    w.ids["f090b34a-59e0-4d33-a6d8-7eb7ebb9cd52"] = w.id
    denied = r.open(w, 537)
    denied.until("ERROR", lambda e: e["type"] == "ERROR")
    events(r, 537, w, [json.loads(e) for e in recorded.stream(537)], denied.events)
    w.agent(1, "--ip=127.0.5.5")
    live = r.open(w, 538)
    live.until("OFFERS", lambda e: e["type"] == "OFFERS")
    w.ids[recorded.answer(538).header("Mesos-Stream-Id")] = live.stream_id
    r.all(w, [539, 540, 544])
    live.until("UPDATE", lambda e: e["type"] == "UPDATE")
    live.until("another offer", lambda e: e["type"] == "OFFERS")
    before = [e for e in recorded.stream(538) if b"RESCIND" not in e and b"a-2" not in e]  # the recording goes on to the agent's end
    events(r, 538, w, [json.loads(e) for e in before], live.events)
    w.end()


def partition(r):
    """An agent that does not answer pings, is unreachable, and comes back; a framework that knows of partitions and one that does not."""
    w = World(plain=True, master_flags=["--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=3"])
    agent = w.agent(1)
    w.ids["69c394c7-57fa-4153-90fa-ccb5867ed906"] = w.id
    aware = Scheduler(w, "partition-aware", live=w.request(611))
    aware.launch(task("p-1", cpus=0.5, mem=64))
    aware.update("p-1", "TASK_RUNNING")
    aware.quiet()
    unaware = Scheduler(w, "not-partition-aware", live=w.request(612))
    unaware.launch(task("q-1", cpus=0.5, mem=64))
    unaware.update("q-1", "TASK_RUNNING")
    time.sleep(1.2)
    for n, f in ((611, aware), (612, unaware)):
        r.say(n, recorded.compare(recorded.answer(n), w.theirs(f.live.head)))
        w.ids[recorded.answer(n).header("Mesos-Stream-Id")] = f.stream_id
    os.kill(agent.pid, signal.SIGSTOP)
    aware.update("p-1", "TASK_UNREACHABLE")
    unaware.update("q-1", "TASK_LOST")
    for f in (aware, unaware):
        f.live.until("FAILURE", lambda e: e["type"] == "FAILURE")
    r.all(w, [613, 614, 615, 616, 617])
    os.kill(agent.pid, signal.SIGCONT)
    for f in (aware, unaware):
        f.live.until("return", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("reason") == "REASON_AGENT_REREGISTERED", 20)
    for n, f in ((611, aware), (612, unaware)):
        events(r, n, w, [json.loads(e) for e in recorded.stream(n)], f.live.events)
    w.end()


def leaderless(r):
    """A master whose ZooKeeper cannot be reached."""
    w = World(plain=True, ip="127.0.5.6", hostname="m1.example", master_flags=[f"--zk=zk://127.0.0.1:{free_ports(1)[0]}/mesos"])
    r.all(w, range(570, 576))
    w.end()


def follower(r):
    """A master that does not lead: redirects, and what it answers itself."""
    zk = ZooKeeper()
    m1 = World(plain=True, ip="127.0.5.6", hostname="m1.example", master_flags=[f"--zk={zk.url('/mesos')}"])
    wait_for("its election", lambda: m1.get("/slaves").status == 200, 30)
    m2 = World(plain=True, ip="127.0.5.7", hostname="m2.example", master_flags=[f"--zk={zk.url('/mesos')}"])
    wait_for("a leader known", lambda: m2.get("/slaves").status == 307, 30)
    m2.back_too = [(f"m1.example:{m1.master_port}", "m1.example:5050")]
    r.all(m2, range(581, 593))
    m2.end()


def failover(r):
    """The master is killed and starts again on its registry; the agent restarts; the framework subscribes again."""
    w = World(plain=True)
    agent = w.agent(1)
    w.ids["007c473a-2e2c-496c-964c-0bf4e4da4623"] = w.id
    f = Scheduler(w, "ha-framework", live=w.request(600))
    r.say(600, recorded.compare(recorded.answer(600), w.theirs(f.live.head)))
    w.ids[recorded.answer(600).header("Mesos-Stream-Id")] = f.stream_id
    f.launch(task("h-1", cpus=0.5, mem=64), task("h-done", "true", cpus=0.5, mem=64), cpus=1)
    f.update("h-1", "TASK_RUNNING")
    f.update("h-done", "TASK_FINISHED")
    group = {"type": "LAUNCH_GROUP", "launch_group": {"executor": {"type": "DEFAULT", "executor_id": {"value": "default-1"}, "framework_id": {"value": f.id},
             "resources": scalars(cpus=0.1, mem=32.0, disk=16.0)}, "task_group": {"tasks": [task("h-g")]}}}
    f.accept(f.offer(cpus=1), group)
    f.launch(custom(task("h-x", data="cnVu"), f, "custom-1"), cpus=0.5)
    x = Executor(f, "custom-1")
    x.launched("h-x")
    x.update("h-x", "TASK_STARTING")
    x.update("h-x", "TASK_RUNNING", message="running in the HTTP executor", data="cGF5bG9hZA==", labels={"labels": [{"key": "from", "value": "executor"}]})
    f.update("h-g", "TASK_RUNNING")
    f.update("h-x", "TASK_RUNNING")
    events(r, 600, w, [json.loads(e) for e in recorded.stream(600)], f.live.events)
    os.kill(agent.pid, signal.SIGSTOP)
    w.master.kill().wait()
    w.master.start()
    wait_for("the master", lambda: w.get("/health").status == 200)
    wait_for("its recovery", lambda: b"not finished recovery" not in w.post("/api/v1", {"type": "GET_HEALTH"}).body)
    r.all(w, [602, 601, 603])
    os.kill(agent.pid, signal.SIGCONT)
    back = lambda: [a for a in w.slaves() if a["active"]]
    wait_for("the agent's return", back, 100)
    r.all(w, [604, 605])
    g = Scheduler(w, "ha-framework", live=w.request(606))
    r.say(606, recorded.compare(recorded.answer(606), w.theirs(g.live.head)))
    w.ids[recorded.answer(606).header("Mesos-Stream-Id")] = g.stream_id
    r.play(w, 607)
    for t in ("h-g", "h-x", "h-1"):
        g.live.until(f"reconciliation of {t}", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("reason") == "REASON_RECONCILIATION" and
                     e["update"]["status"]["task_id"]["value"] == t)
    want = [json.loads(e) for e in recorded.stream(606)]
    events(r, 606, w, [e for e in want if e["type"] in ("SUBSCRIBED", "HEARTBEAT") or "REASON_RECONCILIATION" in json.dumps(e) and '"h-' in json.dumps(e)],
           [e for e in g.live.events if e["type"] in ("SUBSCRIBED", "HEARTBEAT") or "REASON_RECONCILIATION" in json.dumps(e)])
    for t in ("h-1", "h-g"):
        g.ok("KILL", kill={"task_id": {"value": t}})
        g.update(t, "TASK_KILLED")
    g.ok("SHUTDOWN", shutdown={"executor_id": {"value": "custom-1"}, "agent_id": {"value": w.id + "-S0"}})
    g.update("h-x", "TASK_FAILED", "TASK_KILLED")
    g.launch(task("r-1", cpus=0.5, mem=64), task("r-short", "sleep 2.5", cpus=0.5, mem=64), cpus=1)
    group["launch_group"]["executor"]["executor_id"]["value"] = "default-2"
    group["launch_group"]["task_group"]["tasks"] = [task("r-g")]
    g.accept(g.offer(cpus=1), group)
    end = os.path.join(w.dir, "end")
    rx = custom(task("r-x", data="cnVu"), g, "custom-2")
    rx["executor"]["command"]["value"] = f"while [ ! -e {end} ]; do sleep 0.1; done"
    g.launch(rx, cpus=0.5)
    y = Executor(g, "custom-2")
    y.launched("r-x")
    y.update("r-x", "TASK_STARTING")
    y.update("r-x", "TASK_RUNNING", message="running in the HTTP executor", data="cGF5bG9hZA==", labels={"labels": [{"key": "from", "value": "executor"}]})
    for t, state in (("r-1", "TASK_RUNNING"), ("r-g", "TASK_RUNNING"), ("r-x", "TASK_RUNNING"), ("r-short", "TASK_FINISHED")):
        g.update(t, state)
    g.quiet()
    agent.kill().wait()
    wait_for("the master knows", lambda: not back(), 10)
    r.all(w, [608, 609])
    open(end, "w").close()
    wait_for("the executor has ended", lambda: not w.at_work("/custom-2/"))
    agent.start()
    wait_for("the agent's recovery", back, 30)
    g.update("r-x", "TASK_FAILED")
    r.play(w, 610, 1)
    w.end()


def manners(r):
    """What clients take for granted beside the recordings: prefixes, repeated Accept lines, chunks, compression, old frameworks."""
    w = World()
    w.agent(1)
    J, P = "application/json", "application/x-protobuf"

    def want(what, ok, got=""):
        r.say(0, [] if ok else [f"{what}: {str(got)[:200]}"])

    def raw(method, path, *headers, body=b"", n=0):
        lines = [f"{method} {path} HTTP/1.1", "Host: h", *headers] + ([f"Content-Length: {len(body)}"] if body or method == "POST" else [])
        return w.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body, n)
    health = b'{"type":"GET_HEALTH"}'
    for n, prefixes in ((0, ("", "/master")), (1, ("", "/slave(1)", "/slave%281%29"))):
        for p in prefixes:
            for path in ("/api/v1", "/api/v1/", "/api/v1/operator"):
                a = raw("POST", p + path, f"Content-Type: {J}", body=health, n=n)
                want(f"POST {p}{path} at {n}", a.status == 200 and a.type == J and b'"healthy":true' in a.body, a.first)
            for path in ("/state", "/state/", "/flags", "/health", "/version") + (("/slaves", "/slaves/x", "/tasks/", "/frameworks/", "/state-summary", "/roles") if n == 0 else
                                                                       ("/containers", "/monitor/statistics")):
                if p and path == "/version":
                    continue
                for method in ("GET", "POST"):
                    a = raw(method, p + path, f"Content-Type: {J}", "Mesos-Stream-Id: 5b8d1b5e-3f0c-4b6b-8f1e-000000000000", n=n)
                    want(f"{method} {p}{path} at {n}", a.status == 200, a.first)
        want(f"no such root at {n}", raw("GET", "/nothing/here", n=n).status == 404)
        a = raw("GET", "/state", "Accept-Encoding: gzip", n=n)
        want(f"gzip of /state at {n}", a.header("Content-Encoding") == "gzip" and json.loads(a.text()), a.headers)
        a = raw("GET", "/version", "Accept-Encoding: gzip", n=n)
        want(f"no gzip of a small answer at {n}", a.header("Content-Encoding") is None and json.loads(a.body), a.headers)
        for accept in ((), ("Accept: */*",), ("Authorization: Basic Og==",), (f"Accept: {P}", f"Accept: {J}")):
            a = raw("POST", "/api/v1", f"Content-Type: {J}", *accept, body=health, n=n)
            want(f"Accept {accept} at {n}", a.status == 200 and a.type == J, a.headers)
        a = raw("POST", "/api/v1", f"Content-Type: {J}", f"Accept: {J}", f"Accept: {P}", body=health, n=n)
        want(f"the last of two Accept lines at {n}", a.type == P, a.headers)
        a = w.raw(b"POST /api/v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n5\r\n{\"typ\r\n" +
                  b"15\r\ne\" : \n\"GET_HEALTH\"  }\r\n0\r\n\r\n", n)
        want(f"a chunked request at {n}", a.status == 200 and b"healthy" in a.body, a.first)
        with socket.create_connection(w.address(n), 5) as c:
            one = b"POST /api/v1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            version = b'{"type":"GET_VERSION"}'
            c.sendall(one % len(version) + version + one % len(health) + health)
            first = Message(read_answer(c))
            both = first.body + (c.recv(65536) if b"healthy" not in first.body else b"")
            want(f"two requests on one connection in order at {n}", 0 < both.find(b"GET_VERSION") < both.find(b"GET_HEALTH"), both)
        a = raw("GET", "/metrics/snapshot?timeout=100ms", n=n)
        m = json.loads(a.body)
        want(f"metrics at {n}", a.status == 200 and all(isinstance(v, (int, float)) for v in m.values()), a.first)
    want("/redirect of the leader", raw("GET", "/redirect").header("Location") == f"//master1.example:{w.master_port}")

    def subscribe(info, *headers, id=None):
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "n", **info}}}
        if id:
            call["framework_id"] = call["subscribe"]["framework_info"]["id"] = {"value": id}
        b = json.dumps(call, indent=2).encode()
        return "\r\n".join(["POST /api/v1/scheduler HTTP/1.1", "Host: h", f"Content-Type: {J}", *headers, f"Content-Length: {len(b)}"]).encode() + b"\r\n\r\n" + b
    s = Live(w, subscribe({"failover_timeout": "5", "checkpoint": "true"}, f"Accept: {P}", f"Accept: {J}", "Connection: close", "Accept-Encoding: gzip"))
    s.until("OFFERS", lambda e: e["type"] == "OFFERS", 10)
    want("the stream's header", s.head.type == J and s.head.header("Transfer-Encoding") == "chunked" and s.stream_id and not s.head.header("Content-Encoding"), s.head.headers)
    want("SUBSCRIBED, HEARTBEAT at once", s.types()[:2] == ["SUBSCRIBED", "HEARTBEAT"], s.types())
    want("one record per chunk", s.one_per_chunk)
    o = s.events[2]["offers"]["offers"][0]
    want("an old framework's offer has no allocation_info", "allocation_info" not in json.dumps(o), o)
    want("an old framework's resources have a role and no reservations",
         all("role" in x and "reservations" not in x for x in o["resources"]), o["resources"])
    s.close()
    wait_for("its end", lambda: not [f for f in json.loads(w.get("/state").body)["frameworks"] if f["connected"]], 5)
    s = Live(w, subscribe({"roles": ["web"], "capabilities": [{"type": "MULTI_ROLE"}]}, id="chosen by the framework"))
    want("an id of its own", s.until("SUBSCRIBED", lambda e: True)["subscribed"]["framework_id"]["value"] == "chosen by the framework")
    o = s.until("OFFERS", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    want("allocation_info with MULTI_ROLE", o["allocation_info"] == {"role": "web"} and all(x["allocation_info"] == {"role": "web"} for x in o["resources"]), o)
    state = json.loads(w.get("/state").body)
    for f in state["frameworks"]:
        want("no pid of an HTTP framework", "pid" not in f, f.get("pid"))
    for x in [state["slaves"][0][k] for k in ("resources", "used_resources", "offered_resources", "unreserved_resources")] + \
            [f[k] for f in state["frameworks"] for k in ("resources", "used_resources", "offered_resources")]:
        want("complete resources", all(isinstance(x.get(k), float) for k in ("cpus", "mem", "disk", "gpus")), x)
    want("flags are strings", all(isinstance(v, str) for v in state["flags"].values()))
    for body in ({"type": "DECLINE", "decline": {"offer_ids": []}}, {"type": "DECLINE", "decline": {"offer_ids": [o["id"]]}}, {"type": "ACCEPT", "accept": {"offer_ids": [], "operations": []}},
                 {"type": "RECONCILE", "reconcile": {"tasks": []}}, {"type": "SUPPRESS"}, {"type": "REVIVE"}):
        a = w.post("/api/v1/scheduler", {"framework_id": {"value": "chosen by the framework"}, **body}, mesos_stream_id=s.stream_id)
        want(f"an empty {body['type']}", (a.status, a.header("Content-Length"), a.header("Content-Type")) == (202, "0", None), a.first)
    f = Scheduler(w, "of the executor")
    s.close()
    a = f.call("UNKNOWN")
    want("a call of type UNKNOWN", a.status == 501, a.first)
    f.launch(custom(task("x"), f, "x"), cpus=1)
    x = Executor(f, "x")
    x.launched("x")
    time.sleep(1.5)
    want("no early heartbeat of executors", "HEARTBEAT" not in x.live.types(), x.live.types())
    want("one record per chunk to executors", x.live.one_per_chunk)
    x.update("x", "TASK_RUNNING")
    status = f.update("x", "TASK_RUNNING")
    want("network_infos[0]", status["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == "127.0.5.1", status)
    want("agent_id and container_id", status["agent_id"] and re.fullmatch(recorded.UUID, status["container_status"]["container_id"]["value"]), status)
    w.end()


GROUPS = {"empty": empty, "refused": refused, "reads": reads, "writes": writes, "containers": containers, "drain": drain, "scheduler-json": scheduler_json, "scheduler-pb": scheduler_pb, "watch": watch,
          "authentication": authentication, "partition": partition, "failover": failover,
          "leaderless": leaderless, "follower": follower, "manners": manners}


SKIPPED = {  # recordings that no group plays
    (541, 542): "the agent authenticates nobody yet",
    (565,): "the original aborts; 501 is checked in manners",
    tuple(range(576, 581)): "elected with an unreadable log: the registry of several masters is in ZooKeeper here, and no leader is elected without it",
    (800, 801, 802, 803, 804, 805, 806): "connections of the original's executor: several requests in one file",
    (820, 821, 822, 823): "the same, of its command line tool and command executor",
}


def not_played(played):
    """Recordings neither played nor skipped with a reason."""
    recorded.path_of(1, "req")
    skipped = {n for ns in SKIPPED for n in ns}
    return sorted(int(n) for n, ext in recorded._files if ext == "req" and n.isdigit() and int(n) not in played | skipped)


def known():
    """Entries of known.txt: pattern, entry, whether it may be missing (marked ?), reason."""
    out = []
    for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")):
        line = line.rstrip("\n")
        if line and not line.startswith("#"):
            entry, _, reason = line.partition("  # ")
            entry = entry.strip()
            text = entry.lstrip("?").strip()
            out.append((re.compile(".*".join(re.escape(p) for p in text.split("*")) + r"\Z", re.S), text, entry.startswith("?"), reason))
    return out


def run(name):
    """One group: what it found, and how many exchanges were played."""
    r = Replay()
    try:
        GROUPS[name](r)
    finally:
        Process.end_all()
        sweep()
    return r


def main():
    args = sys.argv[1:]
    patterns = [] if "--all" in args else known()
    names, played = [a for a in args if not a.startswith("-")], set()
    for name in names or GROUPS:
        r = Replay()
        try:
            GROUPS[name](r)
        except Exception:
            traceback.print_exc()
        Process.end_all()
        sweep()
        played |= r.played
        lines = [l for l in r.found if not any(p.match(l) for p, _, _, _ in patterns)]
        for l in lines:
            print(l)
        bad, all_bad = {l[:3] for l in lines}, {l[:3] for l in r.found}
        print(f"# {name}: {len(r.played)} exchanges, {len(r.played) - len(all_bad)} match, {len(all_bad) - len(bad)} with known differences, "
              f"{len(bad)} differ in {len(lines)} places", flush=True)
    if not names:
        print("# not played:", not_played(played))


if __name__ == "__main__":
    main()
