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

    def play(self, world, n, to=0, edit=None, seconds=20):
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
    Scheduler(w, "in the place of a framework of the old driver")
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
        elif n != 131:
            r.play(w, n)
    r.all(w, range(294, 299))
    for n in range(550, 564):
        if not recorded.path_of(n, "req"):
            continue
        s = r.open(w, n)
        want = [json.loads(e) for e in recorded.stream(n)]
        for i, e in enumerate(want):
            try:
                wait_for("event", lambda: len(s.events) > i, 3)
                r.event(w, n, e, s.events[i], f"event {i} ")
            except Failed:
                r.say(n, [f"event {i} {e['type']} missing"])
        s.close()
    w.end()


def main_world():
    """The state that most recordings were made in."""
    w = World()
    w.agent(1)
    w.ids[MAIN] = w.id
    w.post("/api/v1", {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": {"value": w.id + "-S0"}, "resources": [
        {**scalars(cpus=0.5)[0], "reservations": [{"type": "DYNAMIC", "role": "v0"}]}]}})
    web = Scheduler(w, "json-framework", webui_url="http://scheduler.example/ui", labels={"labels": [{"key": "tier", "value": "1"}]})
    launch = json.loads(recorded.request(4).body)["accept"]["operations"][0]["launch"]["task_infos"][:3]
    for t in launch:
        del t["agent_id"]
    del launch[0]["discovery"]["labels"]
    launch[0]["command"] = {"value": "echo out; echo err >&2; sleep 1000"}
    launch[0].update(health_check={"type": "COMMAND", "command": {"value": "true"}, "delay_seconds": 0.0, "interval_seconds": 5.0},
                     limits={"mem": {"value": 128.0}, "cpus": {"value": 1.0}}, container={"type": "MESOS", "mesos": {}})
    web.launch(*launch)
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
    w.ids["/var/lib/mesos-golden/agent/"] = w.dir + "/agent1/"
    w.ids["%2Fvar%2Flib%2Fmesos-golden%2Fagent%2F"] = (w.dir + "/agent1/").replace("/", "%2F")
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
    r.all(w, range(372, 379), 1)
    r.all(w, range(725, 732))
    w.end()


GROUPS = {"empty": empty, "refused": refused, "reads": reads}


def known():
    """Entries of known.txt: (number or *, text with * as wildcard, reason)."""
    out = []
    for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")):
        line = line.rstrip("\n")
        if line and not line.startswith("#"):
            entry, _, reason = line.partition("  # ")
            out.append((re.compile(".*".join(re.escape(p) for p in entry.strip().split("*")) + r"\Z", re.S), entry.strip(), reason))
    return out


def main():
    args = sys.argv[1:]
    show_all = "--all" in args
    patterns = [] if show_all else known()
    for name in [a for a in args if not a.startswith("-")] or GROUPS:
        r = Replay()
        try:
            GROUPS[name](r)
        except Exception as e:
            traceback.print_exc()
        Process.end_all()
        lines = [l for l in r.found if not any(p.match(l) for p, _, _ in patterns)]
        for l in lines:
            print(l)
        bad = {l[:3] for l in lines}
        print(f"# {name}: {len(r.played)} exchanges, {len(r.played) - len(bad)} match, {len(bad)} differ in {len(lines)} places", flush=True)


if __name__ == "__main__":
    cluster_main = main
    main()
