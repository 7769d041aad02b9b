#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a scheduler sees, row by row, with two agents: SUBSCRIBED, offers in every format, filters, suppress and revive, offers that do
not go together, failover, reconciliation, constraints, inverse offers, operations with ids, rules that need the agents' state.
Source: scheduler API 5 to 15 and 17, allocator 3, 10 and 16 to 20, client expectations 4 to 6."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = None
ALL = CAPABILITIES
SCHEDULER = "/api/v1/scheduler"


def Fw(*args, **more):
    return Watcher(c, *args, **more)


@case("a master and two agents")
def _():
    global c
    c = Cluster(agents=2, agent_flags=["--attributes=rack:r1;level:3"], resources="cpus:4;mem:2048;disk:1000;ports:[31000-31100];cpus(web):1")


# --- SUBSCRIBED, and offers as each kind of framework sees them -----------------------------------------------------------

f = {}
SHAPES = {
    "SUBSCRIBED": ("""framework_id.value: text
heartbeat_interval_seconds: number = 15.0
master_info.id: text
master_info.ip: int = 16777343
master_info.port: int
master_info.pid: text
master_info.hostname: text = localhost
master_info.version: text
master_info.address.hostname: text = localhost
master_info.address.ip: text = 127.0.0.1
master_info.address.port: int
master_info.capabilities[].type: text""", lambda: fw("new").first["subscribed"]),
    "OFFERS offers[]": ("""id.value: text
framework_id.value: text
agent_id.value: text
hostname: text = localhost
url.scheme: text = http
url.address.hostname: text = localhost
url.address.ip: text = 127.0.0.1
url.address.port: int
url.path: text = /slave(1)
allocation_info.role: text = web
resources[].name: text
resources[].allocation_info.role: text = web
resources[].role: none
attributes[].name: text
executor_ids: none
unavailability: none
domain: none""", lambda: fw("new").offers()[0]),
    "OFFERS offers[] without MULTI_ROLE and RESERVATION_REFINEMENT": ("""allocation_info: none
resources[].allocation_info: none
resources[].role: text = *
resources[].reservations: none
url.path: text = /slave(1)""", lambda: fw("old").offers()[0]),
}


def fw(kind):
    """Each is subscribed once; the others hold nothing meanwhile."""
    if kind not in f:
        for other in f.values():
            other.end()
        f.clear()
        f[kind] = Fw(caps=ALL if kind == "new" else ())
    return f[kind]


for subject, (table, answer) in SHAPES.items():
    shape(subject, table, answer)


@case("SUBSCRIBED: then a HEARTBEAT at once, then offers; ids have their form; a reserved resource has its stack")
def _():
    new = fw("new")
    new.offers()
    equal([e["type"] for e in new.events[:2]], ["SUBSCRIBED", "HEARTBEAT"], "first events")
    o = new.offers()[0]
    master = new.first["subscribed"]["master_info"]["id"]
    check(re.fullmatch(re.escape(master) + r"-\d{4}", new.id) and re.fullmatch(re.escape(master) + r"-O\d+", o["id"]["value"]), (new.id, o["id"]))
    equal([r["reservations"] for r in o["resources"] if "reservations" in r], [[{"type": "STATIC", "role": "web"}]], "reservations")
    new.end()
    f.clear()


# --- several offers in one ACCEPT ----------------------------------------------------------------------------------------

@case("ACCEPT: offers of two agents, of two roles, of another framework, one twice, none: INVALID_OFFERS with the reason, other operations too")
def _():
    w = Fw(("web", "ops"))
    a, b = w.offers(2)[:2]
    other = Fw(("x",))
    rows = []
    if a["agent_id"] != b["agent_id"]:
        rows.append(("agents", [a, b], "Aggregated offers must belong to one single agent."))
    rows += [("twice", [a, a], "Duplicate offer"), ("unknown", [{"id": {"value": "no-O1"}}], "is no longer valid"), ("none", [], "No offers specified")]
    for id, offers, text in rows:
        w.call("ACCEPT", accept={"offer_ids": [o["id"] for o in offers], "operations": [launch(task(id, agent_id=a["agent_id"])), {
            "type": "RESERVE", "id": {"value": "op-" + id}, "reserve": {"resources": []}}]})
        s = w.status(id)
        equal((s["state"], s["reason"], s["source"], "uuid" in s), ("TASK_DROPPED", "REASON_INVALID_OFFERS", "SOURCE_MASTER", False), id)
        check(text in s["message"], s["message"])
        o = w.operation("op-" + id)
        equal((o["state"], "uuid" in o), ("OPERATION_ERROR", False), "operation")
        check("Operation attempted with invalid offers: " in o["message"], o["message"])
    check(all(e["type"] != "ERROR" for e in w.events), "an ERROR event")
    other.end()
    w.end()


@case("ACCEPT: offers of one agent in two roles do not go together")
def _():
    w = Fw(("web", "ops"))
    reserve = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [{"type": "DYNAMIC", "role": "ops"}]}
    equal(c.v1("RESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [reserve]}).status, 202, "reserve")
    mine = lambda o: o["agent_id"]["value"] == c.agent_id
    def roles():
        return {o["allocation_info"]["role"]: o for o in w.offers(1, mine)}
    w.call("REVIVE")
    wait_for("offers of both roles", lambda: len(roles()) == 2 or (w.until("more offers", lambda e: e["type"] in ("OFFERS", "RESCIND", "HEARTBEAT")) and False))
    w.quiet("OFFERS", "RESCIND")  # nothing is on its way any more
    w.call("ACCEPT", accept={"offer_ids": [o["id"] for o in roles().values()], "operations": [launch(task("roles", agent_id={"value": c.agent_id}))]})
    check("Aggregated offers must be allocated to the same role." in w.status("roles")["message"], w.status("roles")["message"])
    w.end()
    wait_for("unreserved", lambda: c.v1("UNRESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [reserve]}).status == 202)


# --- filters, suppress, revive ---------------------------------------------------------------------------------------------

@case("DECLINE: refuse_seconds 0 is no filter, a year is one, REVIVE clears it; SUPPRESS leaves what is out, REVIVE undoes it")
def _():
    w = Fw()
    w.accept(w.offers(2))
    again = w.offers(2)
    w.used = w.used | {o["id"]["value"] for o in again}
    w.call("DECLINE", decline={"offer_ids": [o["id"] for o in again], "filters": {"refuse_seconds": 4e7}})
    w.quiet()
    w.call("REVIVE", revive={"roles": ["web"]})
    w.offers(2)
    w.call("SUPPRESS", suppress={"roles": ["web"]})
    w.accept(w.offers(2))
    w.quiet()
    m = c.get("/metrics/snapshot").json
    equal(m[f"master/frameworks/rows/{w.id}/roles/web/suppressed"], 1.0, "metric")
    w.call("REVIVE")
    w.offers(2)
    w.end()


@case("SUBSCRIBE: suppressed_roles gets no offers; UPDATE_FRAMEWORK replaces the set, and a role that leaves it is revived")
def _():
    w = Fw(("web", "ops"), more={"suppressed_roles": ["web", "ops"]})
    w.quiet()
    w.call("UPDATE_FRAMEWORK", 200, update_framework={"framework_info": {**w.info, "id": {"value": w.id}}, "suppressed_roles": ["web"]})
    equal({o["allocation_info"]["role"] for o in w.offers(2)}, {"ops"}, "roles offered")
    w.call("UPDATE_FRAMEWORK", 200, update_framework={"framework_info": {**w.info, "id": {"value": w.id}, "roles": ["web"]}})
    w.until("RESCIND of the role that is gone", lambda e: e["type"] == "RESCIND")
    w.end()


@case("offer_filters: min_allocatable_resources of a role holds back what is smaller")
def _():
    w = Fw(offer_filters={"web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": 100}}}]}}})
    w.quiet()
    w.end()


A = lambda predicate, **selector: {"role_constraints": {"web": {"groups": [{"attribute_constraints": [{"selector": selector or {"attribute_name": "rack"}, "predicate": predicate}]}]}}}
CONSTRAINTS = [
    ("exists", A({"exists": {}}), True), ("exists, of one that is not there", A({"exists": {}}, attribute_name="x"), False), ("not_exists", A({"not_exists": {}}), False),
    ("not_exists, of one that is not there", A({"not_exists": {}}, attribute_name="x"), True), ("text_equals", A({"text_equals": {"value": "r1"}}), True),
    ("text_equals another", A({"text_equals": {"value": "r2"}}), False), ("text_equals, of one that is not there", A({"text_equals": {"value": "r1"}}, attribute_name="x"), False),
    ("text_not_equals", A({"text_not_equals": {"value": "r1"}}), False), ("text_not_equals, of one that is not there", A({"text_not_equals": {"value": "r"}}, attribute_name="x"), True),
    ("text_matches all of it", A({"text_matches": {"regex": "r[0-9]"}}), True), ("text_matches a part", A({"text_matches": {"regex": "r"}}), False),
    ("text_not_matches", A({"text_not_matches": {"regex": "r."}}), False), ("text_not_matches, of one that is not there", A({"text_not_matches": {"regex": ".*"}}, attribute_name="x"), True),
    ("text_equals of a number: true", A({"text_equals": {"value": "no"}}, attribute_name="level"), True), ("text_not_matches of a number: true", A({"text_not_matches": {"regex": ".*"}}, attribute_name="level"), True),
    ("not_exists of a number: false", A({"not_exists": {}}, attribute_name="level"), False), ("HOSTNAME", A({"text_equals": {"value": "localhost"}}, pseudoattribute_type="HOSTNAME"), True),
    ("REGION without a domain", A({"exists": {}}, pseudoattribute_type="REGION"), False), ("ZONE without a domain", A({"not_exists": {}}, pseudoattribute_type="ZONE"), True),
]
for name, constraints, admitted in CONSTRAINTS:
    @case(f"OFFERS with constraints: {name}: {'offered' if admitted else 'not offered'}")
    def _(constraints=constraints, admitted=admitted):
        w = Fw(more={"offer_constraints": constraints})
        if admitted:
            w.offers(2)
        else:
            w.quiet()
            debug = c.get("/allocator/offer_constraints_debug").json["frameworks"][w.id]
            equal(len(debug["excluded_by_attribute_constraints"]["web"]), 2, "agents excluded")
        w.end()

# --- failover ---------------------------------------------------------------------------------------------------------------

@case("SUBSCRIBE again: the old stream gets ERROR 'Framework failed over' and its end; the offers are gone without RESCIND; the stream id is new")
def _():
    w = Fw()
    old = w.offers(2)
    again = Fw(id=w.id)
    e = w.stream.until("ERROR", lambda e: e["type"] == "ERROR")
    equal(e["error"]["message"], "Framework failed over", "message")
    equal(w.stream.next(), None, "after it")
    check(again.stream.stream_id != w.stream.stream_id, "the same stream id")
    new = again.offers(2)
    check(not {o["id"]["value"] for o in old} & {o["id"]["value"] for o in new}, "an old offer is back")
    check(all(e["type"] != "RESCIND" for e in again.events), "a RESCIND")
    r = post(c.port, SCHEDULER, {"framework_id": {"value": w.id}, "type": "SUPPRESS"}, headers={"Mesos-Stream-Id": w.stream.stream_id})
    equal(r.status, 400, "the old stream id")
    x = next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == w.id)
    check(x.get("reregistered_time", x["registered_time"]) >= x["registered_time"], x)  # both may fall on one millisecond
    again.end()


@case("SUBSCRIBE 200: with an id that nobody gave; of a completed one ERROR 'Framework has been removed'; with another principal ERROR")
def _():
    w = Fw(id="my-own-id", principal="p")
    equal(w.id, "my-own-id", "id")
    for info, text in (({"principal": "q"}, "principal"),):
        s = Stream(c.port, {"type": "SUBSCRIBE", "framework_id": {"value": w.id}, "subscribe": {"framework_info": {**w.info, **info}}})
        e = s.next()
        check(e["type"] == "ERROR" and text in e["error"]["message"], e)
        s.close()
    w.end()
    s = Stream(c.port, {"type": "SUBSCRIBE", "framework_id": {"value": w.id}, "subscribe": {"framework_info": w.info}})
    equal(s.next(), {"type": "ERROR", "error": {"message": "Framework has been removed"}}, "event")
    s.close()


@case("SUBSCRIBE again: user and checkpoint stay as they were, the rest is replaced")
def _():
    w = Fw()
    w.stream.close()
    again = Fw(id=w.id, user="nobody", checkpoint=True, name="other", webui_url="http://x")
    x = next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == w.id)
    equal((x["user"], x["checkpoint"], x["name"], x["webui_url"]), ("root", False, "other", "http://x"), "the framework")
    again.end()


@case("SUPPRESS 403: a framework that is not connected; a call of one that was torn down: 400")
def _():
    w = Fw()
    w.stream.close()
    body = {"framework_id": {"value": w.id}, "type": "SUPPRESS"}
    wait_for("disconnected", lambda: not next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == w.id)["connected"])
    equal(post(c.port, SCHEDULER, body, headers={"Mesos-Stream-Id": w.stream.stream_id}).status, 403, "status")
    equal(post(c.port, "/teardown", f"frameworkId={w.id}").status, 200, "teardown")
    equal(post(c.port, SCHEDULER, body, headers={"Mesos-Stream-Id": w.stream.stream_id}).status, 400, "status")


@case("failover_timeout: 0 completes the framework as its stream ends")
def _():
    w = Fw(failover_timeout=0)
    w.stream.close()
    wait_for("completed", lambda: any(x["id"] == w.id for x in c.get("/frameworks").json["completed_frameworks"]))


# --- tasks: what the master knows --------------------------------------------------------------------------------------------

@case("UPDATE: STARTING then RUNNING with container, ip, uuid; RECONCILE and KILL of every kind; the terminal one frees after the acknowledgement")
def _():
    w = Fw(checkpoint=True)
    o = w.offers()[0]
    w.accept([o], launch(task_on("run", o), task_on("run", o), {**task_on("mem", o), "resources": []}, task_on("own", o, executor={"executor_id": {"value": "e"}, "command": {"value": "true"}})))
    s = w.status("run", "TASK_STARTING")
    check("uuid" in s and s["source"] == "SOURCE_EXECUTOR" and s["executor_id"]["value"] == "run", s)
    w.ack(s)
    s = w.status("run", "TASK_RUNNING")
    check(s["container_status"]["container_id"]["value"] and s["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], s)
    first = next(e["update"]["status"] for e in w.events if e["type"] == "UPDATE")
    equal((w.status("run", "TASK_ERROR")["reason"], w.status("own", "TASK_ERROR")["reason"]), ("REASON_TASK_INVALID",) * 2, "one id twice, command and executor")
    w.ack(s)
    w.events.clear()
    ask = lambda *tasks: w.call("RECONCILE", reconcile={"tasks": list(tasks)})
    for name, entry, state, text in (("known", {"task_id": {"value": "run"}}, "TASK_RUNNING", "Reconciliation: Latest task state"),
                                     ("of this agent", {"task_id": {"value": "gone"}, "agent_id": o["agent_id"]}, "TASK_GONE", "Reconciliation: Task is unknown to the agent"),
                                     ("of no agent", {"task_id": {"value": "none"}}, "TASK_UNKNOWN", "Reconciliation: Task is unknown"),
                                     ("of another agent", {"task_id": {"value": "far"}, "agent_id": {"value": "x"}}, "TASK_UNKNOWN", "Reconciliation: Task is unknown")):
        ask(entry)
        s = w.status(entry["task_id"]["value"])
        equal((s["state"], s["source"], s["reason"], s["message"], "uuid" in s), (state, "SOURCE_MASTER", "REASON_RECONCILIATION", text, False), name)
    w.events.clear()
    ask()
    equal((w.status("run")["reason"], "executor_id" in w.status("run")), ("REASON_RECONCILIATION", False), "implicit")
    w.call("KILL", kill={"task_id": {"value": "run"}, "agent_id": {"value": "another"}})
    w.quiet("OFFERS")
    w.call("KILL", kill={"task_id": {"value": "unknown"}, "agent_id": o["agent_id"]})
    equal(w.status("unknown")["state"], "TASK_GONE", "KILL of an unknown task")
    w.call("KILL", kill={"task_id": {"value": "run"}})
    w.ack(w.status("run", "TASK_KILLING"))
    s = w.status("run", "TASK_KILLED")
    listed = lambda: next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == w.id)
    equal([x["id"] for x in listed()["tasks"]], ["run"], "tasks before the acknowledgement")
    w.ack(s)
    wait_for("it is among the completed", lambda: any(x["id"] == "run" for x in listed()["completed_tasks"]) and not listed()["tasks"])
    w.end()


@case("UPDATE for a framework without PARTITION_AWARE: LOST instead of GONE, UNKNOWN and DROPPED")
def _():
    w = Fw(caps=())
    o = w.offers()[0]
    w.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "a"}}, {"task_id": {"value": "b"}, "agent_id": o["agent_id"]}]})
    equal((w.status("a")["state"], w.status("b")["state"]), ("TASK_LOST",) * 2, "states")
    w.call("ACCEPT", accept={"offer_ids": [{"value": "x"}], "operations": [launch(task_on("late", o))]})
    equal(w.status("late")["state"], "TASK_LOST", "of an invalid offer")
    w.end()


# --- operations ---------------------------------------------------------------------------------------------------------------

def res(name, value, *roles, principal="p", **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **({"reservations": [{"type": "DYNAMIC", "role": r, "principal": principal} for r in roles]} if roles else {}), **more}


def vol(id, value=8, **more):
    return res("disk", value, "web", disk={"persistence": {"id": id, "principal": "p"}, "volume": {"container_path": "d", "mode": "RW"}}, **more)


@case("ACCEPT: RESERVE, CREATE and LAUNCH in one call use each other; statuses have a uuid; a volume in use is not destroyed; then all of it back")
def _():
    w = Fw(principal="p")
    o = w.offers()[0]
    op = lambda type, id, **body: {"type": type, "id": {"value": id}, type.lower(): body}
    running = task_on("uses", o)
    running["resources"].append(vol("v"))
    w.accept([o], op("RESERVE", "r", resources=[res("disk", 8, "web")]), op("CREATE", "c", volumes=[vol("v")]), launch(running),
             op("DESTROY", "d", volumes=[vol("v")]), op("CREATE", "again", volumes=[vol("v")]), op("LAUNCH", "l", task_infos=[task_on("with-id", o)]))
    for id in ("r", "c"):
        s = w.operation(id)
        equal((s["state"], "uuid" in s, s["agent_id"]), ("OPERATION_FINISHED", True, o["agent_id"]), id)
        w.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status={"agent_id": s["agent_id"], "operation_id": s["operation_id"], "uuid": s["uuid"]["value"]})
    for id, text in (("d", "Persistent volume 'v' is in use"), ("again", "is not unique")):
        equal(w.operation(id)["state"], "OPERATION_ERROR", id)
        check(text in w.operation(id)["message"], w.operation(id)["message"])
    equal((w.status("with-id")["state"], w.status("with-id")["reason"]), ("TASK_ERROR", "REASON_TASK_INVALID"), "an id on LAUNCH")
    w.ack(w.status("uses", "TASK_STARTING"))
    w.ack(w.status("uses", "TASK_RUNNING"))
    equal(c.v1("DESTROY_VOLUMES", {"agent_id": o["agent_id"], "volumes": [vol("v")]}).status, 400, "by the operator")
    w.call("RECONCILE_OPERATIONS", reconcile_operations={"operations": [{"operation_id": {"value": "nobody"}}]})
    s = w.operation("nobody")
    equal((s["state"], s["message"], "uuid" in s), ("OPERATION_UNKNOWN", "Reconciliation: Operation is unknown", False), "of one that there is not")
    w.call("KILL", kill={"task_id": {"value": "uses"}})
    w.ack(w.status("uses", "TASK_KILLING"))
    w.ack(w.status("uses", "TASK_KILLED"))
    w.call("REVIVE")
    has = lambda o: any("persistence" in r.get("disk", {}) for r in o["resources"])
    o = w.offers(1, has)[0]
    w.accept([o], op("DESTROY", "d2", volumes=[vol("v")]), op("UNRESERVE", "u", resources=[res("disk", 8, "web")]))
    equal((w.operation("d2")["state"], w.operation("u")["state"]), ("OPERATION_FINISHED",) * 2, "states")
    w.end()
    wait_for("nothing is reserved but the static cpu", lambda: all(list(s["reserved_resources"]) == ["web"] and s["reserved_resources"]["web"]["disk"] == 0 for s in c.get("/slaves").json["slaves"]))


RAW = lambda **source: res("disk", 8, disk={"source": {"type": "RAW", **source}}, provider_id={"value": "p"})
OPERATIONS = [
    ("RESERVE in another's name", {"type": "RESERVE", "reserve": {"resources": [res("cpus", 1, "web", principal="q")]}}, "which does not match the principal"),
    ("CREATE in another's name", {"type": "CREATE", "create": {"volumes": [res("disk", 8, "web", disk={"persistence": {"id": "v", "principal": "q"}, "volume": {"container_path": "d", "mode": "RW"}})]}},
     "which does not match the principal"),
    ("RESERVE in the old format", {"type": "RESERVE", "reserve": {"resources": [{**res("cpus", 1), "role": "web", "reservation": {"principal": "p"}}]}},
     "'Resource.role' must not be set by a RESERVATION_REFINEMENT capable framework"),
    ("RESERVE in half of the old format", {"type": "RESERVE", "reserve": {"resources": [{**res("cpus", 1), "reservation": {"principal": "p"}}]}},
     "'Resource.reservation' must not be set by a RESERVATION_REFINEMENT capable framework"),
    ("CREATE shared without the capability", {"type": "CREATE", "create": {"volumes": [vol("v", shared={})]}}, "The framework lacks the SHARED_RESOURCES capability"),
    ("RESERVE with a source", {"type": "RESERVE", "reserve": {"source": [res("cpus", 1, "web")], "resources": [res("cpus", 1, "web")]}}, "not implemented for schedulers"),
    ("CREATE_DISK of what is not RAW", {"type": "CREATE_DISK", "create_disk": {"source": res("disk", 8), "target_type": "MOUNT"}}, "'source' is not a RAW disk resource"),
    ("CREATE_DISK to RAW", {"type": "CREATE_DISK", "create_disk": {"source": RAW(profile="p"), "target_type": "RAW"}}, "'target_type' is neither MOUNT nor BLOCK"),
    ("CREATE_DISK with two profiles", {"type": "CREATE_DISK", "create_disk": {"source": RAW(profile="p"), "target_type": "MOUNT", "target_profile": "p"}},
     "Exactly one of the profile of 'source' and 'target_profile' must be set"),
    ("CREATE_DISK of a provider that there is not", {"type": "CREATE_DISK", "create_disk": {"source": RAW(profile="p"), "target_type": "MOUNT"}}, "Agent has no resource provider for this disk"),
    ("DESTROY_DISK of a RAW disk without id", {"type": "DESTROY_DISK", "destroy_disk": {"source": RAW(profile="p")}}, "'source' is neither a MOUNT, a BLOCK nor a RAW disk resource with id"),
    ("UNKNOWN: no answer", {"type": "UNKNOWN"}, None),
]


@case("ACCEPT: operations that are refused: OPERATION_ERROR without uuid, each with its reason")
def _():
    w = Fw(principal="p")
    w.accept(w.offers()[:1], *[{**o, "id": {"value": f"op{i}"}} for i, (_, o, _) in enumerate(OPERATIONS)])
    for i, (name, _, text) in enumerate(OPERATIONS):
        if text:
            s = w.operation(f"op{i}")
            equal((s["state"], "uuid" in s), ("OPERATION_ERROR", False), name)
            check(text in s["message"], f"{name}: {s['message']!r} has no {text!r}")
    w.end()


GROUPS = [
    ("no executor type", {"type": None}, {}, ""), ("an executor without framework_id", {"framework_id": None}, {}, "'ExecutorInfo.framework_id' must be set"),
    ("a DEFAULT executor with a command", {"command": {"value": "true"}}, {}, "'ExecutorInfo.command' must not be set"),
    ("too few cpus of the executor", {"resources": RES(0.001, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}, {}, "less CPUs than the minimum"),
    ("too little memory of the executor", {"resources": RES(0.1, 1) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}, {}, "less memory than the minimum"),
    ("no tasks", {}, None, "Task group cannot be empty"),
]


@case("LAUNCH_GROUP: rules of executor and group: TASK_ERROR for each task, REASON_TASK_GROUP_INVALID")
def _():
    w = Fw()
    o = w.offers()[0]
    operations = []
    for i, (_, executor, change, _) in enumerate(GROUPS):
        e = {"executor_id": {"value": f"x{i}"}, "type": "DEFAULT", "framework_id": {"value": w.id}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}], **executor}
        e = {k: v for k, v in e.items() if v is not None}
        operations.append({"type": "LAUNCH_GROUP", "launch_group": {"executor": e, "task_group": {"tasks": [] if change is None else [task_on(f"g{i}", o, **change)]}}})
    w.accept([o], *operations)
    for i, (name, _, change, text) in enumerate(GROUPS):
        if change is not None:
            s = w.status(f"g{i}")
            equal((s["state"], s["reason"], s["source"]), ("TASK_ERROR", "REASON_TASK_GROUP_INVALID", "SOURCE_MASTER"), name)
            check(text in s["message"], f"{name}: {s['message']!r} has no {text!r}")
    w.end()


@case("LAUNCH_GROUP: another executor of the same id that runs; tasks that share cgroups and not; a task of 8 MB")
def _():
    w = Fw()
    o = w.offers()[0]
    e = {"executor_id": {"value": "pod"}, "type": "DEFAULT", "framework_id": {"value": w.id}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]}
    group = lambda executor, *tasks: {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": list(tasks)}}}
    apart = lambda id, share: task_on(id, o, container={"type": "MESOS", "linux_info": {"share_cgroups": share}})
    w.accept([o], group(e, task_on("first", o)), group({**e, "name": "other"}, task_on("second", o)), group({**e, "executor_id": {"value": "q"}}, apart("yes", True), apart("no", False)),
             launch(task_on("long", o, command="x" * (8 << 20))))
    for id, text in (("second", "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"), ("yes", "'share_cgroups' must be equal for all tasks of a group"),
                     ("no", "'share_cgroups' must be equal for all tasks of a group"), ("long", "bytes long; agents take")):
        equal(w.status(id)["state"], "TASK_ERROR", id)
        check(text in w.status(id)["message"], w.status(id)["message"][:300])
    w.end()


# --- agents' lives as schedulers see them -----------------------------------------------------------------------------------

@case("INVERSE_OFFERS: a schedule rescinds, offers carry unavailability, who holds something is asked; the answer is in the status")
def _():
    w = Fw()
    w.offers(2)
    slave = c.get("/slaves").json["slaves"][0]
    machine = {"hostname": slave["hostname"], "ip": "127.0.0.1"}
    window = {"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 4102444800 * 10**9}, "duration": {"nanoseconds": 10**9}}}
    equal(c.v1("UPDATE_MAINTENANCE_SCHEDULE", {"schedule": {"windows": [window]}}).status, 200, "schedule")
    w.until("RESCIND", lambda e: e["type"] == "RESCIND")
    o = w.offers(1, lambda o: "unavailability" in o)[0]
    equal(o["unavailability"], window["unavailability"], "unavailability")
    e = next((e for e in w.events if e["type"] == "INVERSE_OFFERS"), None) or w.until("INVERSE_OFFERS", lambda e: e["type"] == "INVERSE_OFFERS")
    i = e["inverse_offers"]["inverse_offers"][0]
    equal((i["framework_id"]["value"], i["unavailability"]), (w.id, window["unavailability"]), "inverse offer")
    check(i["id"]["value"] and i["agent_id"]["value"] and i["url"]["path"] == "/slave(1)", i)
    w.call("DECLINE_INVERSE_OFFERS", decline_inverse_offers={"inverse_offer_ids": [i["id"]], "filters": {"refuse_seconds": 100}})
    status = lambda: c.get("/maintenance/status").json["draining_machines"][0]
    wait_for("the answer is shown", lambda: status()["statuses"][0]["status"] == "DECLINE")
    equal((status()["id"], status()["statuses"][0]["framework_id"]["value"]), (machine, w.id), "status")
    equal(c.v1("DRAIN_AGENT", {"agent_id": {"value": slave["id"]}}).status, 400, "drain of an agent in the schedule")
    equal(c.v1("UPDATE_MAINTENANCE_SCHEDULE", {"schedule": {}}).status, 200, "no schedule")
    equal(c.get("/maintenance/status").json.get("draining_machines", []), [], "status afterwards")
    w.end()


@case("RESCIND: DEACTIVATE_AGENT takes its offer back; weights take all back; MARK_AGENT_GONE: FAILURE, TASK_GONE_BY_OPERATOR, and RECONCILE says so")
def _():
    w = Fw(checkpoint=True)
    a, b = w.offers(2)[:2]
    equal(c.v1("DEACTIVATE_AGENT", {"agent_id": a["agent_id"]}).status, 200, "deactivate")
    e = w.until("RESCIND", lambda e: e["type"] == "RESCIND")
    equal(e["rescind"]["offer_id"], a["id"], "rescinded")
    equal(c.v1("REACTIVATE_AGENT", {"agent_id": a["agent_id"]}).status, 200, "reactivate")
    w.offers(2)
    equal(c.v1("UPDATE_WEIGHTS", {"weight_infos": [{"role": "web", "weight": 3}]}).status, 200, "weights")
    w.until("RESCIND", lambda e: e["type"] == "RESCIND" and e["rescind"]["offer_id"] == b["id"])
    o = w.offers(1, lambda o: o["agent_id"] == b["agent_id"])[0]
    w.accept([o], launch(task_on("here", o)))
    w.ack(w.status("here", "TASK_STARTING"))
    w.ack(w.status("here", "TASK_RUNNING"))
    equal(c.v1("MARK_AGENT_GONE", {"agent_id": b["agent_id"]}).status, 200, "gone")
    s = w.status("here", "TASK_GONE_BY_OPERATOR")
    equal((s["source"], s["reason"], s["message"], "uuid" in s), ("SOURCE_MASTER", "REASON_AGENT_REMOVED_BY_OPERATOR", "Agent has been marked gone", False), "update")
    failure = next((e for e in w.events if e["type"] == "FAILURE"), None) or w.until("FAILURE", lambda e: e["type"] == "FAILURE")
    equal(failure["failure"], {"agent_id": b["agent_id"]}, "FAILURE")
    w.events.clear()
    w.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "x"}, "agent_id": b["agent_id"]}]})
    equal((w.status("x")["state"], w.status("x")["message"]), ("TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone"), "reconciled")
    equal(c.v1("MARK_AGENT_GONE", {"agent_id": b["agent_id"]}).status, 200, "gone once more")
    w.end()


@case("they end cleanly")
def _():
    c.stop()


main(log_lines=0, needed=1)
