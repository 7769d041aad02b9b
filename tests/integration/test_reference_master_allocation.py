#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who is offered what, row by row: reservations and hierarchical roles, quotas, capabilities, whole disks, GPUs, the numbers in /roles.
Each row subscribes a framework alone, or beside another. Source: allocator 4, 6, 10, 14 to 18 and 25."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = None
CAPS = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")


class Fw:
    def __init__(self, *roles, caps=CAPS, **more):
        info = {"user": "root", "name": "alloc", "failover_timeout": 60, "capabilities": [{"type": t} for t in caps], **({"roles": list(roles)} if "MULTI_ROLE" in caps else {"role": roles[0]}), **more}
        self.stream = Stream(c.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})
        self.id = self.stream.until("SUBSCRIBED", lambda e: e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]["value"]

    def call(self, type, **body):
        r = post(c.port, "/api/v1/scheduler", {"framework_id": {"value": self.id}, "type": type, **body}, headers={"Mesos-Stream-Id": self.stream.stream_id})
        equal(r.status, 202, r.text)

    def offers(self):
        """All that is offered once the allocator has gone round three times; a marker's UPDATE ends the reading."""
        runs = lambda: c.get("/metrics/snapshot").json["allocator/mesos/allocation_runs"]
        start = runs()
        wait_for("three allocations", lambda: runs() >= start + 3)
        self.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "mark"}}]})
        out = {}
        def read(e):
            if e["type"] == "OFFERS":
                out.update({o["id"]["value"]: o for o in e["offers"]["offers"]})
            if e["type"] == "RESCIND":
                out.pop(e["rescind"]["offer_id"]["value"], None)
            return e["type"] == "UPDATE"
        self.stream.until("the mark", read)
        return list(out.values())

    def end(self):
        self.call("TEARDOWN")
        self.stream.close()


def amounts(offers):
    """{role that it is reserved for, or *: {name: amount}}"""
    out = {}
    for o in offers:
        for r in o["resources"]:
            if "scalar" in r:
                role = r["reservations"][-1]["role"] if r.get("reservations") else r.get("role", "*")
                out.setdefault(role, {}).setdefault(r["name"], 0)
                out[role][r["name"]] += r["scalar"]["value"]
    return out


@case("a master, and an agent with reservations and a disk of its own")
def _():
    global c
    mount = tempfile.mkdtemp(dir=scratch())
    s = lambda name, value, **more: {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}
    eng = {"reservations": [{"type": "STATIC", "role": "eng"}]}
    c = Cluster(resources=json.dumps([s("cpus", 8), s("mem", 4096), s("disk", 1000), s("cpus", 2, **eng), s("mem", 128, **eng),
                                      s("disk", 500, disk={"source": {"type": "PATH", "path": {"root": mount}}})]))


def row(name, roles, want, caps=CAPS, before=None, **more):
    """want: what is offered in all, by reservation; None: nothing."""
    @case("OFFERS: " + name)
    def _():
        undo = before() if before else None
        f = Fw(*roles, caps=caps, **more)
        try:
            got = amounts(f.offers())
            equal({k: {n: v for n, v in x.items() if n in (want or {}).get(k, x)} for k, x in got.items()}, want or {}, "offered")
        finally:
            f.end()
            if undo:
                undo()


def v1(type, body, status=200):
    r = c.v1(type, body)
    equal(r.status, status, r.text)


def quota(role, guarantees=None, limits=None):
    values = lambda v: {n: {"value": x} for n, x in (v or {}).items()}
    def before():
        v1("UPDATE_QUOTA", {"force": True, "quota_configs": [{"role": role, "guarantees": values(guarantees), "limits": values(limits)}]})
        return lambda: v1("UPDATE_QUOTA", {"quota_configs": [{"role": role}]})
    return before


def reserved(*stack, cpus=1):
    resource = {"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}, "reservations": [{"type": "DYNAMIC", "role": r} for r in stack]}
    def before():
        v1("RESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [resource]}, 202)
        return lambda: v1("UNRESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [resource]}, 202)
    return before


def refined():
    """One of the static cpus for eng is reserved for eng/prod on top."""
    one = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [{"type": "STATIC", "role": "eng"}, {"type": "DYNAMIC", "role": "eng/prod"}]}
    v1("RESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [one]}, 202)
    return lambda: v1("UNRESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": [one]}, 202)


FREE = {"cpus": 8.0, "mem": 4096.0}
row("unreserved resources to any role", ["web"], {"*": FREE})
row("and the default role", ["*"], {"*": FREE})
row("reserved ones to their role", ["eng"], {"*": FREE, "eng": {"cpus": 2.0, "mem": 128.0}})
row("reserved ones to a sub-role", ["eng/prod"], {"*": FREE, "eng": {"cpus": 2.0}})
row("not to a role that only begins alike", ["engine"], {"*": FREE})
row("a refined reservation to its role", ["eng/prod"], {"*": FREE, "eng": {"cpus": 1.0}, "eng/prod": {"cpus": 1.0}}, before=refined)
row("a refined reservation not without RESERVATION_REFINEMENT", ["eng/prod"], {"*": FREE, "eng": {"cpus": 1.0}}, caps=("MULTI_ROLE",), before=refined)
row("one reserved to a sub-role is not for its parent", ["ops"], {"*": {"cpus": 7.0}}, before=reserved("ops/a"))
row("one reserved to a sub-role is for it", ["ops/a"], {"*": {"cpus": 7.0}, "ops/a": {"cpus": 1.0}}, before=reserved("ops/a"))
row("a framework in two roles gets the reserved of both", ["eng", "ops"], {"*": FREE, "eng": {"cpus": 2.0, "mem": 128.0}})
row("without MULTI_ROLE: the old format, reserved ones with their role", ["eng"], {"*": FREE, "eng": {"cpus": 2.0}}, caps=())
row("no roles: no offers", [], None)
row("a limit cuts what is offered, names without limit pass", ["web"], {"*": {"cpus": 3.0, "mem": 4096.0}}, before=quota("web", limits={"cpus": 3}))
row("a limit of nothing keeps the name out", ["web"], {"*": {"mem": 4096.0, "disk": 1500.0}}, before=quota("web", limits={"cpus": 0}))
row("a limit of a role does not bind its sub-role", ["web/a"], {"*": FREE}, before=quota("web", limits={"cpus": 3}))
row("a limit does not touch what is reserved", ["eng"], {"*": {"mem": 4096.0, "disk": 1500.0}, "eng": {"cpus": 2.0, "mem": 128.0}}, before=quota("eng", limits={"cpus": 2}))
row("a guarantee is laid aside for its role", ["ops"], {"*": {"cpus": 3.0}}, before=quota("web", guarantees={"cpus": 5}))
row("and offered to it", ["web"], {"*": FREE}, before=quota("web", guarantees={"cpus": 5}))
row("min_allocatable_resources of the framework holds smaller ones back", ["web"], None, offer_filters={"web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": 99}}}]}}})
row("an empty list there asks for nothing", ["web"], {"*": FREE}, offer_filters={"web": {"min_allocatable_resources": {}}})


@case("OFFERS: two frameworks of one role share an agent only in turn: after a DECLINE the other has it")
def _():
    a, b = Fw("web"), Fw("web")
    mine, theirs = a.offers(), b.offers()
    equal((len(mine), len(theirs)), (1, 0), "offers")
    a.call("DECLINE", decline={"offer_ids": [mine[0]["id"]], "filters": {"refuse_seconds": 100}})
    equal((len(a.offers()), len(b.offers())), (0, 1), "offers after the DECLINE")
    a.end()
    b.end()


@case("OFFERS: resources are divided by name and disk: the PATH disk is an entry of its own")
def _():
    f = Fw("web")
    disks = [r for o in f.offers() for r in o["resources"] if r["name"] == "disk"]
    equal(sorted((r["scalar"]["value"], r.get("disk", {}).get("source", {}).get("type")) for r in disks), [(500.0, "PATH"), (1000.0, None)], "disks")
    f.end()


@case("GET /roles: numbers of a sub-role count for its ancestors; frameworks are those of the very role; * only when it is used")
def _():
    f = Fw("a/b/c")
    o = f.offers()[0]
    f.call("ACCEPT", accept={"offer_ids": [o["id"]], "filters": {"refuse_seconds": 100}, "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{**task("t"), "agent_id": o["agent_id"]}]}}]})
    roles = wait_for("the task is counted", lambda: (r := {x["name"]: x for x in c.get("/roles").json["roles"]}) and r["a"]["allocated"].get("cpus") and r)
    equal(sorted(roles), ["a", "a/b", "a/b/c", "eng"], "roles")
    equal([roles[r]["allocated"]["cpus"] for r in ("a", "a/b", "a/b/c")], [0.1] * 3, "allocated")
    equal([roles[r]["quota"]["consumed"].get("cpus") for r in ("a", "a/b/c", "eng")], [0.1, 0.1, 2.0], "consumed")
    equal([roles[r]["frameworks"] for r in ("a", "a/b/c")], [[], [f.id]], "frameworks")
    equal(roles["eng"]["reserved"], {"cpus": 2.0, "mem": 128.0}, "reserved")
    equal([x["name"] for x in c.get("/roles").json["roles"]], sorted(roles), "the order")
    v = {r["name"]: r for r in c.answer("GET_ROLES")["roles"]}
    equal(sorted(v), sorted(roles), "GET_ROLES")
    f.end()
    wait_for("the roles are gone", lambda: [x["name"] for x in c.get("/roles").json["roles"]] == ["eng"])


@case("GET /roles with --roles: the list and the default role; --max_completed_frameworks; --offer_timeout; --whitelist")
def _():
    global c
    c.stop()
    white = os.path.join(scratch(), "white")
    open(white, "w").write("localhost\n")
    c = Cluster("--max_completed_frameworks=2", "--offer_timeout=1secs", f"--whitelist=file://{white}", "--roles=web,ops", resources="cpus:1;mem:64")
    equal([x["name"] for x in c.get("/roles").json["roles"]], ["*", "ops", "web"], "/roles")
    equal([x["name"] for x in c.answer("GET_ROLES")["roles"]], ["*", "ops", "web"], "GET_ROLES")
    f = Fw("web")
    f.stream.until("an offer", lambda e: e["type"] == "OFFERS")
    f.stream.until("it is rescinded after --offer_timeout", lambda e: e["type"] == "RESCIND")
    f.end()
    for _ in range(3):
        Fw("web").end()
    equal(len(wait_for("completed ones", lambda: c.get("/frameworks").json["completed_frameworks"])), 2, "completed frameworks")


@case("they end cleanly")
def _():
    c.stop()


main(log_lines=0, needed=1)
