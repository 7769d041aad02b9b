#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What agents of different kinds bring, row by row, on real processes: fault domains, GPUs, disks of their own, shared volumes,
oversubscribed resources and their end, a partition, a new master. Source: scheduler API 9.5, 10.2 and 12; allocator 6, 7 and 16;
executors and agent 24; high availability 8 and 9."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = None
agents = {}
BASE = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")
ANY = {"offer_filters": {"web": {"min_allocatable_resources": {}}}}


def domain(region, zone):
    return json.dumps({"fault_domain": {"region": {"name": region}, "zone": {"name": zone}}})


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def modules(resources, load):
    return "--modules=" + json.dumps({"libraries": [{"file": "/of/the/original.so", "modules": [
        {"name": "org_apache_mesos_FixedResourceEstimator", "parameters": [{"key": "resources", "value": resources}]},
        {"name": "org_apache_mesos_LoadQoSController", "parameters": [{"key": "load_threshold_5min", "value": load}]}]}]})


def fw(*caps, more=None, **info):
    w = Watcher(c, caps=BASE + caps, more=more, **{**ANY, **info})
    w.acks = True
    return w


def hosts(w):
    """Whose agents' offers are outstanding once the allocator has gone round three times."""
    w.quiet("OFFERS", "RESCIND", "UPDATE")
    gone = {e["rescind"]["offer_id"]["value"] for e in w.events if e["type"] == "RESCIND"}
    return sorted({o["hostname"] for e in w.events if e["type"] == "OFFERS" for o in e["offers"]["offers"] if o["id"]["value"] not in gone})


def on(w, host, fn=lambda o: True):
    return w.offers(fn=lambda o: o["hostname"] == host and fn(o))[-1]


def start_agent(name, resources, *flags):
    i = len(agents)
    agents[name] = c.add_agent(i, c.agent_ports[i], resources, [f"--hostname={name}", *flags])


@case("a master in a region, and agents: near with disks of its own, far, without domain, with GPUs")
def _():
    global c
    c = Cluster(f"--domain={domain('r1', 'z1')}", "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=4", agents=0)
    c.agent_ports = free_ports(4)
    c.mount, c.path = tempfile.mkdtemp(dir=scratch()), tempfile.mkdtemp(dir=scratch())
    disks = [scalar("disk", 100, disk={"source": {"type": "MOUNT", "mount": {"root": c.mount}}}), scalar("disk", 200, disk={"source": {"type": "PATH", "path": {"root": c.path}}})]
    start_agent("near", json.dumps([scalar("cpus", 2), scalar("mem", 1024), scalar("disk", 500), *disks]), f"--domain={domain('r1', 'z2')}")
    start_agent("far", "cpus:1;mem:512;disk:10", f"--domain={domain('r2', 'z1')}")
    start_agent("nowhere", "cpus:1;mem:512;disk:10", "--resource_estimator=org_apache_mesos_FixedResourceEstimator", modules("cpus:3;mem:256", "100000"))
    start_agent("gpu", "cpus:1;mem:512;disk:10;gpus:2", f"--domain={domain('r1', 'z1')}")
    c.agents = list(agents.values())
    wait_for("the agents", lambda: len([s for s in c.get("/slaves").json["slaves"] if s["active"]]) == 4)


# --- whose agents a framework sees ----------------------------------------------------------------------------------------

@case("OFFERS: a framework that is nothing special: agents of the master's region and without one, none with GPUs")
def _():
    w = fw()
    equal(hosts(w), ["near", "nowhere"])
    equal(on(w, "near")["domain"], json.loads(domain("r1", "z2")))
    check("domain" not in on(w, "nowhere"), "an agent without domain has none in its offer")
    w.end()


for capability, want in (("REGION_AWARE", ["far", "near", "nowhere"]), ("GPU_RESOURCES", ["gpu", "near", "nowhere"])):
    @case(f"OFFERS: with {capability}")
    def _(capability=capability, want=want):
        w = fw(capability)
        equal(hosts(w), want)
        w.end()


CONSTRAINTS = (
    ("REGION text_equals", {"pseudoattribute_type": "REGION"}, {"text_equals": {"value": "r2"}}, ["far"]),
    ("REGION not_exists", {"pseudoattribute_type": "REGION"}, {"not_exists": {}}, ["nowhere"]),
    ("ZONE text_matches", {"pseudoattribute_type": "ZONE"}, {"text_matches": {"regex": "z[2-9]"}}, ["near"]),
    ("ZONE text_not_matches", {"pseudoattribute_type": "ZONE"}, {"text_not_matches": {"regex": "z1"}}, ["near", "nowhere"]),
    ("HOSTNAME text_not_equals", {"pseudoattribute_type": "HOSTNAME"}, {"text_not_equals": {"value": "near"}}, ["far", "gpu", "nowhere"]),
)
for name, selector, predicate, want in CONSTRAINTS:
    @case(f"OFFERS: constraint {name}")
    def _(selector=selector, predicate=predicate, want=want):
        groups = [{"attribute_constraints": [{"selector": selector, "predicate": predicate}]}]
        w = fw("REGION_AWARE", "GPU_RESOURCES", more={"offer_constraints": {"role_constraints": {"web": {"groups": groups}}}})
        equal(hosts(w), want)
        w.end()


# --- disks, shared volumes ------------------------------------------------------------------------------------------------

def reserved(resource, amount=None):
    return {**resource, "reservations": [{"type": "DYNAMIC", "role": "web"}], **({"scalar": {"value": amount}} if amount else {})}


def volume(resource, id, **more):
    return {**resource, "disk": {**resource.get("disk", {}), "persistence": {"id": id}, "volume": {"mode": "RW", "container_path": id}}, **more}


def disk_of(offer, type):
    return next(r for r in offer["resources"] if r.get("disk", {}).get("source", {}).get("type") == type)


w = None
SHARED = lambda o: any("shared" in r for r in o["resources"])


@case("RESERVE of half a MOUNT disk: OPERATION_ERROR")
def _():
    global w
    w = fw("SHARED_RESOURCES")
    o = on(w, "near")
    w.accept([o], {"type": "RESERVE", "id": {"value": "half"}, "reserve": {"resources": [reserved(disk_of(o, "MOUNT"), 50)]}})
    equal(w.operation("half")["state"], "OPERATION_ERROR")


@case("CREATE on MOUNT, PATH and root disk, one of them shared by two tasks, all in one ACCEPT: the data is where each disk has it")
def _():
    o = on(w, "near")
    parts = reserved(disk_of(o, "MOUNT")), reserved(disk_of(o, "PATH"), 50), reserved(scalar("disk", 20))
    vols = volume(parts[0], "vm"), volume(parts[1], "vp"), volume(parts[2], "vs", shared={})
    one = task_on("one", o, command="echo 1 > vm/a; echo 2 > vp/b; echo 3 > vs/c; sleep 1000", resources=[*RES(0.1, 32), *vols])
    two = task_on("two", o, command="until test -e vs/c; do sleep 0.05; done; cat vs/c > vs/d; sleep 1000", resources=[*RES(0.1, 32), vols[2]])
    w.accept([o], {"type": "RESERVE", "reserve": {"resources": list(parts)}}, {"type": "CREATE", "id": {"value": "create"}, "create": {"volumes": list(vols)}}, launch(one, two))
    equal(w.operation("create")["state"], "OPERATION_FINISHED")
    w.status("one", "TASK_STARTING"), w.status("two", "TASK_STARTING")
    for path, text in ((f"{c.mount}/a", "1\n"), (f"{c.path}/volumes/roles/web/vp/b", "2\n"), (f"{c.dir}/a0/volumes/roles/web/vs/d", "3\n")):
        wait_for(path, lambda: open(path).read() == text)


@case("OFFERS: a shared volume in use is offered again; frameworks without SHARED_RESOURCES do not see it")
def _():
    check(SHARED(on(w, "near", SHARED)), "offered")
    w.call("SUPPRESS")
    w.quiet("OFFERS", "RESCIND", "UPDATE")
    w.decline(w.offers(fn=lambda o: o["hostname"] == "near"), 3600)  # it may have come in several
    plain = fw()
    check(not SHARED(on(plain, "near")), "without the capability")
    plain.end()
    w.call("REVIVE")


@case("DESTROY of a shared volume in use: OPERATION_ERROR")
def _():
    o = w.offers(fn=lambda o: o["hostname"] == "near" and SHARED(o))[-1]
    shared = next(r for r in o["resources"] if "shared" in r)
    w.accept([o], {"type": "DESTROY", "id": {"value": "used"}, "destroy": {"volumes": [shared]}})
    s = w.operation("used")
    equal((s["state"], s["message"]), ("OPERATION_ERROR", "Persistent volume 'vs' is in use"))


@case("DESTROY of a shared volume that nobody uses: offers of others that hold it are rescinded")
def _():
    for id in ("one", "two"):
        w.call("KILL", kill={"task_id": {"value": id}})
        w.status(id, "TASK_KILLED")
    other = fw("SHARED_RESOURCES")
    theirs = on(other, "near", SHARED)
    w.call("REVIVE")
    mine = on(w, "near", SHARED)
    shared = next(r for r in mine["resources"] if "shared" in r)
    w.accept([mine], {"type": "DESTROY", "id": {"value": "free"}, "destroy": {"volumes": [shared]}})
    equal(w.operation("free")["state"], "OPERATION_FINISHED")
    other.until("RESCIND", lambda e: e["type"] == "RESCIND" and e["rescind"]["offer_id"] == theirs["id"])
    other.end()


@case("DESTROY of a MOUNT volume empties the disk and keeps its folder; of a PATH volume removes the folder")
def _():
    whole = lambda o: len([r for r in o["resources"] if "persistence" in r.get("disk", {})]) == 2
    w.call("REVIVE")
    o = on(w, "near", whole)
    w.accept([o], {"type": "DESTROY", "id": {"value": "both"}, "destroy": {"volumes": [r for r in o["resources"] if "persistence" in r.get("disk", {})]}})
    equal(w.operation("both")["state"], "OPERATION_FINISHED")
    wait_for("they are gone", lambda: os.listdir(c.mount) == [] and not os.path.exists(f"{c.path}/volumes/roles/web/vp"))
    w.end()


# --- oversubscribed resources ---------------------------------------------------------------------------------------------

def revocable(name, value):
    return scalar(name, value, revocable={})


REVOCABLE = lambda o: any("revocable" in r for r in o["resources"])


@case("OFFERS: revocable resources to frameworks with REVOCABLE_RESOURCES alone")
def _():
    global w
    plain = fw()
    check(not REVOCABLE(on(plain, "nowhere")), "without the capability")
    plain.end()
    w = fw("REVOCABLE_RESOURCES", checkpoint=True)
    got = [r for r in on(w, "nowhere")["resources"] if "revocable" in r]
    equal([(r["name"], r["scalar"]["value"], r["revocable"]) for r in got], [("cpus", 3.0, {}), ("mem", 256.0, {})])


@case("LAUNCH on revocable resources; a task may not mix revocable cpus with others")
def _():
    o = on(w, "nowhere", REVOCABLE)
    w.accept([o], launch(task_on("revocable", o, resources=[revocable("cpus", 1), scalar("mem", 32)]), task_on("plain", o, resources=RES(0.1, 32)),
                         task_on("mixed", o, resources=[revocable("cpus", 1), scalar("cpus", 0.1), scalar("mem", 32)])))
    s = w.status("mixed")
    equal((s["state"], s["reason"]), ("TASK_ERROR", "REASON_TASK_INVALID"))
    check("Cannot use both revocable and non-revocable 'cpus'" in s["message"], s["message"])
    for id in ("revocable", "plain"):
        w.status(id, "TASK_RUNNING")


@case("RESERVE of revocable resources: OPERATION_ERROR")
def _():
    o = on(w, "nowhere", REVOCABLE)
    w.accept([o], {"type": "RESERVE", "id": {"value": "rev"}, "reserve": {"resources": [{**revocable("cpus", 1), "reservations": [{"type": "DYNAMIC", "role": "web"}]}]}})
    equal(w.operation("rev")["state"], "OPERATION_ERROR")


@case("numbers of revocable resources: /slaves, metrics of master and agent")
def _():
    s = next(s for s in c.get("/slaves").json["slaves"] if s["hostname"] == "nowhere")
    equal({k: v for k, v in s["resources"].items() if "revocable" in k}, {"cpus_revocable": 3.0, "mem_revocable": 256.0}, "resources")
    equal(s["used_resources"]["cpus_revocable"], 1.0, "used")
    m = c.get("/metrics/snapshot").json
    equal([m[f"master/cpus_revocable_{k}"] for k in ("total", "used")], [3.0, 1.0], "of the master")
    m = get(c.agent_ports[2], "/metrics/snapshot").json
    equal([m[f"slave/{k}"] for k in ("cpus_revocable_total", "cpus_revocable_used", "mem_revocable_total", "cpus_total")], [3.0, 1.0, 256.0, 1.0], "of the agent")


@case("a QoS correction: the revocable task is TASK_GONE, REASON_CONTAINER_PREEMPTED, the other goes on; a new estimate rescinds and replaces")
def _():
    held = on(w, "nowhere", REVOCABLE)
    a = agents["nowhere"]
    a.args = [x for x in a.args if not x.startswith("--modules=")] + [modules("cpus:2", "-1"), "--qos_controller=org_apache_mesos_LoadQoSController"]
    a.kill().wait()
    a.start()
    s = w.status("revocable", "TASK_GONE")
    equal((s["reason"], s["source"], "uuid" in s), ("REASON_CONTAINER_PREEMPTED", "SOURCE_AGENT", True))
    check(s["message"].startswith("Container preempted by QoS correction"), s["message"])
    w.until("the old offer is rescinded", lambda e: any(x["type"] == "RESCIND" and x["rescind"]["offer_id"] == held["id"] for x in w.events))
    got = [r for r in on(w, "nowhere", REVOCABLE)["resources"] if "revocable" in r]
    equal([(r["name"], r["scalar"]["value"]) for r in got], [("cpus", 2.0)], "the new estimate")
    equal(get(c.agent_ports[2], "/metrics/snapshot").json["slave/executors_preempted"], 1.0, "counted")
    w.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "plain"}}]})
    w.until("the other task lives", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("reason") == "REASON_RECONCILIATION" and
            e["update"]["status"]["state"] == "TASK_RUNNING")
    w.end()


FLAGS = (
    ("another estimator", ["--resource_estimator=x"], "--resource_estimator=x: only org_apache_mesos_FixedResourceEstimator is built"),
    ("another controller", ["--qos_controller=x"], "--qos_controller=x: only org_apache_mesos_LoadQoSController is built"),
    ("an estimator without resources", ["--resource_estimator=org_apache_mesos_FixedResourceEstimator"], "needs its parameter 'resources' in --modules"),
    ("reserved resources", [modules("cpus(web):1", "1")], "cpus has a role; what is revocable is for all"),
    ("a threshold that is no number", [modules("cpus:1", "much")], "load_threshold_5min of org_apache_mesos_LoadQoSController is 'much', which is no number"),
)
for name, flags, text in FLAGS:
    @case(f"the agent refuses {name}")
    def _(flags=flags, text=text):
        r = subprocess.run([STOA, "agent", f"--master=127.0.0.1:{c.port}", "--ip=127.0.0.1", "--port=0", f"--work_dir={c.dir}/none", f"--runtime_dir={c.dir}/none", *flags],
                           capture_output=True, text=True, timeout=20)
        check(r.returncode != 0 and text in r.stdout + r.stderr, f"{r.returncode}: {r.stdout[-400:]}{r.stderr[-400:]}")


# --- a partition, a new master --------------------------------------------------------------------------------------------

aware = old = None


@case("an agent that answers no pings: TASK_UNREACHABLE for a partition-aware framework, TASK_LOST for another, then FAILURE for all")
def _():
    global aware, old
    aware, old = fw("REGION_AWARE", checkpoint=True), Watcher(c, caps=("REGION_AWARE",), checkpoint=True, name="old")
    old.acks = True
    first = on(aware, "far")
    aware.accept([first], launch(task_on("aware", first, resources=RES(0.1, 32))))
    o = on(old, "far")
    old.accept([o], launch(task_on("old", o, resources=RES(0.1, 32))))
    for x, id in ((aware, "aware"), (old, "old")):
        x.status(id, "TASK_RUNNING")
    agents["far"].kill(signal.SIGSTOP)
    for x, id, state in ((aware, "aware", "TASK_UNREACHABLE"), (old, "old", "TASK_LOST")):
        s = x.status(id, state)
        equal((s["source"], s["reason"], "uuid" in s, "unreachable_time" in s), ("SOURCE_MASTER", "REASON_AGENT_REMOVED", False, True), id)
        f = x.until("FAILURE", lambda e: e["type"] == "FAILURE")["failure"]
        equal(f, {"agent_id": o["agent_id"]}, "FAILURE")
    aware.agent = o["agent_id"]


@case("RECONCILE of a task on an unreachable agent: TASK_UNREACHABLE and TASK_LOST; without agent_id TASK_UNKNOWN and TASK_LOST")
def _():
    for x, id, with_agent, without in ((aware, "aware", "TASK_UNREACHABLE", "TASK_UNKNOWN"), (old, "old", "TASK_LOST", "TASK_LOST")):
        for item, want in (({"task_id": {"value": id}, "agent_id": aware.agent}, with_agent), ({"task_id": {"value": id}}, without)):
            x.call("RECONCILE", reconcile={"tasks": [item]})
            s = x.until("the answer", lambda e: e["type"] == "UPDATE" and e["update"]["status"].get("reason") == "REASON_RECONCILIATION")["update"]["status"]
            equal(s["state"], want, f"{id}, {item}; state")


@case("/state, /tasks and /state-summary while it is away")
def _():
    s = c.get("/state").json
    equal(s["unreachable_slaves"], 1.0)
    by = {f["id"]: f for f in s["frameworks"]}
    equal([[t["state"] for t in by[x.id]["unreachable_tasks"]] for x in (aware, old)], [["TASK_UNREACHABLE"], ["TASK_LOST"]], "unreachable_tasks")
    check({"aware", "old"} <= {t["id"] for t in c.get("/tasks").json["tasks"]}, "/tasks lists them")
    equal(c.get("/metrics/snapshot").json["master/slaves_unreachable"], 1.0)


@case("it answers again: both tasks come back, SOURCE_MASTER, REASON_AGENT_REREGISTERED, nothing to acknowledge")
def _():
    agents["far"].kill(signal.SIGCONT)
    for x in (aware, old):
        s = x.until("TASK_RUNNING", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["state"] == "TASK_RUNNING")["update"]["status"]
        equal((s["source"], s["reason"], "uuid" in s), ("SOURCE_MASTER", "REASON_AGENT_REREGISTERED", False))
    equal(c.get("/state").json["unreachable_slaves"], 0.0)


@case("a new master: the agents bring tasks and frameworks, which are recovered until they subscribe; there are no orphans")
def _():
    c.master.kill().wait()
    aware.stream.close(), old.stream.close()
    c.master.start()
    wait_for("the agents", lambda: len([s for s in c.get("/slaves").json["slaves"] if s["active"]]) == 4)
    s = c.get("/state").json
    equal((s["orphan_tasks"], s["unregistered_frameworks"]), ([], []))
    for x, id in ((aware, "aware"), (old, "old")):
        f = next(f for f in s["frameworks"] if f["id"] == x.id)
        equal((f["recovered"], f["active"], f["connected"], f["registered_time"], "pid" in f), (True, False, False, 0.0, False))
        equal([(t["id"], t["state"]) for t in f["tasks"]], [(id, "TASK_RUNNING")])
    tasks = c.answer("GET_TASKS")
    equal((sorted(t["task_id"]["value"] for t in tasks["tasks"]), tasks.get("orphan_tasks", [])), (["aware", "old"], []), "GET_TASKS")
    check(all(f["recovered"] and not f["connected"] for f in c.answer("GET_FRAMEWORKS")["frameworks"]), "GET_FRAMEWORKS")


@case("offers of a recovered framework's agents go to others; its KILL works as soon as it has subscribed")
def _():
    again = Watcher(c, caps=BASE + ("REGION_AWARE",), id=aware.id, checkpoint=True)
    f = next(f for f in c.get("/frameworks").json["frameworks"] if f["id"] == aware.id)
    equal((f["recovered"], f["active"], f["connected"]), (False, True, True))
    again.call("KILL", kill={"task_id": {"value": "aware"}})
    again.status("aware", "TASK_KILLED")
    again.end()


@case("they end cleanly")
def _():
    c.stop()


main(needed=1)
