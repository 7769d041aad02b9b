#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that test_rules.py does not break, each broken once: resources in every format, reservations, disks, subscriptions, constraints
and their patterns, quotas, schedules, lists that are too long, flags. Source: scheduler API 9.6, 16 and 17, allocator 1 to 4, 8 and 19,
operator API 4."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = None


@case("a master and an agent")
def _():
    global c
    c = Cluster("--roles=web,web/a,web/a/b,ops", resources="cpus:8;mem:4096;disk:1000;ports:[31000-31100];cpus(web):1", agents=1)


def refused(r, status, text):
    equal(r.status, status, f"{r.text[:300]}; status")
    check(text in r.text, f"{r.text[:400]!r} has no {text!r}")


# --- resources, by the operator's RESERVE_RESOURCES ---------------------------------------------------------------------

def scalar(value, name="cpus", **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def dynamic(role="web", **more):
    return {"type": "DYNAMIC", "role": role, **more}


def ranges(*pairs, **more):
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": a, "end": b} for a, b in pairs]}, "reservations": [dynamic()], **more}


def items(*names, **more):
    return {"name": "zones", "type": "SET", "set": {"item": list(names)}, "reservations": [dynamic()], **more}


R = {"reservations": [dynamic()]}
OLD = {"role": "web", "reservation": {}}
RESOURCES = [
    ("a scalar of infinity", scalar("Infinity", **R), "is not a finite number of 0 or more"),
    ("a scalar below 0", scalar(-0.5, **R), "is not a finite number of 0 or more"),
    ("a scalar that is too small to be normal", scalar(5e-324, **R), "is not a finite number of 0 or more"),
    ("no name", scalar(1, "", **R), "Empty resource name"),
    ("a scalar without value", {"name": "cpus", "type": "SCALAR", **R}, "exactly 'scalar' must be set"),
    ("a scalar with ranges", scalar(1, ranges={"range": []}, **R), "exactly 'scalar' must be set"),
    ("ranges without value", {"name": "ports", "type": "RANGES", **R}, "exactly 'ranges' must be set"),
    ("a set without value", {"name": "zones", "type": "SET", **R}, "exactly 'set' must be set"),
    ("text", {"name": "x", "type": "TEXT", **R}, "it must be SCALAR, RANGES or SET"),
    ("a range that ends before it begins", ranges((9, 3)), "is greater than end"),
    ("ranges that overlap", ranges((1, 5), (5, 9)), "overlapping ranges"),
    ("an item twice", items("a", "a"), "duplicated elements"),
    ("gpus that are not whole", scalar(0.5, "gpus", **R), "The 'gpus' resource must be an unsigned integer"),
    ("more ranges than are taken", ranges(*((2 * i, 2 * i) for i in range(65537))), "ranges; up to 65536 are taken"),
    ("more items than are taken", items(*map(str, range(16385))), "items; up to 16384 are taken"),
    ("more labels than are taken", scalar(1, reservations=[dynamic(labels={"labels": [{"key": "k"}] * 4097})]), "labels; up to 4096 are taken"),
    ("a role in the new format that is another", scalar(1, role="ops", **R), "its reservation is for"),
    ("old and new format that differ", scalar(1, role="web", reservation={"principal": "x"}, **R), "differs from the entry in 'reservations'"),
    ("a static reservation with the old dynamic one", scalar(1, role="web", reservation={}, reservations=[{"type": "STATIC", "role": "web"}]),
     "'Resource.reservation' must not be set with a STATIC reservation"),
    ("a dynamic reservation with a role alone", scalar(1, role="web", **R), "must be set together"),
    ("refined reservations with the old format", scalar(1, role="web", reservation={}, reservations=[dynamic(), dynamic("web/a")]), "must not be set with refined reservations"),
    ("an old reservation with a type", scalar(1, role="web", reservation={"type": "DYNAMIC"}), "'Resource.reservation.type' must not be set"),
    ("an old reservation with a role", scalar(1, role="web", reservation={"role": "web"}), "'Resource.reservation.role' must not be set"),
    ("an old reservation of the default role", scalar(1, role="*", reservation={}), 'role "*" cannot be dynamically reserved'),
    ("an old role that is none", scalar(1, role="a//b", reservation={}), "a//b"),
    ("a reservation without a type", scalar(1, reservations=[{"role": "web"}]), "type"),
    ("a reservation without a role", scalar(1, reservations=[{"type": "DYNAMIC"}]), "Role cannot be empty"),
    ("a reservation of the default role", scalar(1, reservations=[dynamic("*")]), "cannot be reserved for role '*'"),
    ("a reservation whose role is none", scalar(1, reservations=[dynamic("/x")]), "/x"),
    ("a refinement that is static", scalar(1, reservations=[dynamic(), {"type": "STATIC", "role": "web/a"}]), "a refined reservation must be DYNAMIC, the one for role"),
    ("a refinement that is no child", scalar(1, reservations=[dynamic(), dynamic("ops")]), "of a refined reservation is not a sub-role of"),
    ("more levels than are taken", scalar(1, reservations=[dynamic("/".join(["a"] * n)) for n in range(1, 19)]), "reservations on each other; up to 16 are taken"),
    ("a role that is too long", scalar(1, reservations=[dynamic("r" * 1025)]), "bytes; a role may have 1024"),
    ("shared, but no volume", scalar(1, "disk", shared={}, **R), "is shared; only persistent volumes can be"),
    ("disk info of cpus", scalar(1, disk={"source": {"type": "PATH", "path": {"root": "/x"}}}, **R), "DiskInfo should not be set for"),
    ("a RAW disk with a path", scalar(8, "disk", disk={"source": {"type": "RAW", "path": {"root": "/x"}}}, **R), "must have neither 'path' nor 'mount'"),
    ("a BLOCK disk with a mount", scalar(8, "disk", disk={"source": {"type": "BLOCK", "mount": {"root": "/x"}}}, **R), "must have neither 'path' nor 'mount'"),
    ("static resources", scalar(1, reservations=[{"type": "STATIC", "role": "web"}]), "is not dynamically reserved"),
    ("unreserved resources", scalar(1), "is not dynamically reserved"),
    ("revocable resources", scalar(1, revocable={}, **R), "Revocable resources cannot be reserved"),
    ("resources of two providers", [scalar(1, **R), scalar(1, "mem", provider_id={"value": "p"}, **R)], "multiple resource providers"),
    ("more entries than are taken", [scalar(1, f"r{i}", **R) for i in range(4097)], "resources; up to 4096 are taken"),
    ("nothing", [], "The operation names no resources"),
    ("nothing: the agent and the operation are named", [], "RESERVE operation on agent "),
]
for name, resource, text in RESOURCES:
    @case(f"RESERVE_RESOURCES 400: {name}")
    def _(resource=resource, text=text):
        r = c.v1("RESERVE_RESOURCES", {"agent_id": {"value": c.agent_id}, "resources": resource if isinstance(resource, list) else [resource]})
        refused(r, 400, text)


def volume(id="v", size=8, **more):
    return scalar(size, "disk", disk={"persistence": {"id": id}, "volume": {"container_path": "p", "mode": "RW"}, **more.pop("disk", {})}, **R, **more)


MOUNT = {"source": {"type": "MOUNT", "mount": {"root": "/m"}}}
SOURCE = lambda source, target: {"source": source, "resources": target}
CALLS = [
    ("RESERVE_RESOURCES", 400, "sources of two stacks", SOURCE([scalar(1, **R), scalar(1, "mem", reservations=[dynamic("ops")])], [scalar(1, **R), scalar(1, "mem", **R)]),
     "of a RESERVE must all have the same reservations"),
    ("RESERVE_RESOURCES", 400, "a source that is a volume", SOURCE([volume()], [volume()]), "A persistent volume must be destroyed before its reservation can change"),
    ("RESERVE_RESOURCES", 400, "a source that is static", SOURCE([scalar(1, reservations=[{"type": "STATIC", "role": "web"}])], [scalar(1, reservations=[dynamic("ops")])]),
     "A static reservation cannot be changed"),
    ("RESERVE_RESOURCES", 409, "more than there is", {"resources": [scalar(99, **R)]}, "does not contain"),
    ("UNRESERVE_RESOURCES", 409, "what is not reserved", {"resources": [scalar(1, **R)]}, ""),
    ("CREATE_VOLUMES", 409, "on disk that is not reserved", {"volumes": [volume()]}, ""),
    ("CREATE_VOLUMES", 400, "an id twice", {"volumes": [volume(), volume()]}, "is not unique"),
    ("CREATE_VOLUMES", 400, "an id that is too long", {"volumes": [volume("i" * 256)]}, "ID must not be greater than 255 characters"),
    ("CREATE_VOLUMES", 400, "what is no volume", {"volumes": [scalar(1, "disk", **R)]}, "Not a persistent volume"),
    ("DESTROY_VOLUMES", 400, "what there is not", {"volumes": [volume()]}, "Persistent volume to be destroyed not found in the checkpointed resources"),
    ("GROW_VOLUME", 400, "a shared one", {"volume": volume(shared={}), "addition": scalar(1, "disk", **R)}, "Shared volumes cannot be resized"),
    ("GROW_VOLUME", 400, "by nothing", {"volume": volume(), "addition": scalar(0, "disk", **R)}, "The size of volume and addition must be more than 0"),
    ("GROW_VOLUME", 400, "by memory", {"volume": volume(), "addition": scalar(1, "mem", **R)}, "The addition is not a disk of the volume's kind"),
    ("SHRINK_VOLUME", 400, "a shared one", {"volume": volume(shared={}), "subtract": {"value": 1}}, "Shared volumes cannot be resized"),
    ("SHRINK_VOLUME", 400, "on a MOUNT disk", {"volume": volume(disk=MOUNT), "subtract": {"value": 1}}, "A volume on a MOUNT disk cannot be shrunk"),
    ("SHRINK_VOLUME", 400, "by infinity", {"volume": volume(), "subtract": {"value": "Infinity"}}, "is not a valid amount"),
    ("SHRINK_VOLUME", 400, "by all of it", {"volume": volume(), "subtract": {"value": 8}}, "'subtract' must be more than 0 and less than the size of the volume"),
]
for type, status, name, body, text in CALLS:
    @case(f"{type} {status}: {name}")
    def _(type=type, status=status, body=body, text=text):
        refused(c.v1(type, {"agent_id": {"value": c.agent_id}, **body}), status, text)

WINDOW = lambda machines, **more: {"schedule": {"windows": [{"machine_ids": machines, "unavailability": {"start": {"nanoseconds": 1}, **more}}]}}
M = {"hostname": "h", "ip": "10.0.0.1"}
QUOTA = lambda **config: {"quota_configs": [{"role": "web", **config}]}
V = lambda n: {"cpus": {"value": n}}
OPERATOR = [
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a window without machines", WINDOW([]), "List of machines in the maintenance window is empty"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a machine twice, in another case", WINDOW([M, {**M, "hostname": "H"}]), "appears more than once in the schedule"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a duration below 0", WINDOW([M], duration={"nanoseconds": -1}), "Unavailability 'duration' is negative"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a duration that says the default", WINDOW([M], duration={"nanoseconds": -2}), "Unavailability 'duration' is negative"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "an ip of version 6", WINDOW([{"ip": "::1"}]), "Failed to parse IP address"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a window without a start", {"schedule": {"windows": [{"machine_ids": [M], "unavailability": {}}]}}, "unavailability.start"),
    ("START_MAINTENANCE", 400, "a machine in no schedule", {"machines": [M]}, "is not part of a maintenance schedule"),
    ("START_MAINTENANCE", 400, "a machine that is none", {"machines": [{}]}, "Both 'hostname' and 'ip' for a machine are empty"),
    ("STOP_MAINTENANCE", 400, "a machine that is up", {"machines": [M]}, "is not in DOWN mode and cannot be brought up"),
    ("UPDATE_QUOTA", 400, "a role that is none", {"quota_configs": [{"role": "a b", "limits": V(1)}]}, "Invalid QuotaConfig: Invalid role"),
    ("UPDATE_QUOTA", 400, "a role that is not on the list", {"quota_configs": [{"role": "third", "limits": V(1)}]}, "Invalid QuotaConfig: Unknown role"),
    ("UPDATE_QUOTA", 400, "a nested role", {"quota_configs": [{"role": "web/a", "limits": V(1)}]}, "web/a"),
    ("UPDATE_QUOTA", 400, "an empty role", {"quota_configs": [{"role": "", "limits": V(1)}]}, ""),
    ("UPDATE_QUOTA", 400, "a guarantee below 0", QUOTA(guarantees=V(-1)), "use a finite number from 0 to"),
    ("UPDATE_QUOTA", 400, "a limit of infinity", QUOTA(limits=V("Infinity")), "use a finite number from 0 to"),
    ("UPDATE_QUOTA", 400, "more than a million million", QUOTA(limits=V(1.1e12)), "use a finite number from 0 to"),
    ("UPDATE_QUOTA", 400, "more memory than an exabyte", QUOTA(limits={"mem": {"value": 1.2e12}}), "1 EB in MB"),
    ("UPDATE_QUOTA", 400, "a guarantee above its limit", QUOTA(guarantees=V(3), limits=V(2)), "cpus"),
    ("UPDATE_QUOTA", 400, "guarantees above the cluster", QUOTA(guarantees=V(1000)), "cpus"),
    ("UPDATE_QUOTA", 200, "guarantees above the cluster, with force", {"force": True, **QUOTA(guarantees=V(1000))}, ""),
    ("UPDATE_QUOTA", 200, "one role twice: the later wins", {"quota_configs": [{"role": "web", "limits": V(3)}, {"role": "web", "limits": V(4)}]}, ""),
    ("UPDATE_QUOTA", 400, "a limit below what is consumed", QUOTA(limits=V(0.5)), "cpus"),
    ("UPDATE_QUOTA", 200, "a limit below what is consumed, with force", {"force": True, **QUOTA(limits=V(0.5))}, ""),
    ("UPDATE_QUOTA", 200, "the default role", {"quota_configs": [{"role": "*", "limits": V(100)}]}, ""),
    ("UPDATE_QUOTA", 200, "none for the role", QUOTA(), ""),
    ("UPDATE_QUOTA", 200, "nothing at all", {}, ""),
    ("REMOVE_QUOTA", 400, "a role that is none", {"role": "a b"}, "Failed to validate remove quota request: Invalid role"),
    ("REMOVE_QUOTA", 400, "a role that is not on the list", {"role": "third"}, "third"),
    ("REMOVE_QUOTA", 400, "a role without quota", {"role": "ops"}, "has no quota set"),
    ("SET_QUOTA", 400, "a resource twice", {"quota_request": {"role": "ops", "guarantee": [scalar(1), scalar(1)]}}, "QuotaInfo contains duplicate resource name"),
    ("SET_QUOTA", 400, "ports", {"quota_request": {"role": "ops", "guarantee": [{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}}]}}, "must not contain non-scalar resources"),
    ("SET_QUOTA", 400, "reserved resources", {"quota_request": {"role": "ops", "guarantee": [scalar(1, **R)]}}, "must not contain reservations"),
    ("SET_QUOTA", 400, "a nested role", {"quota_request": {"role": "web/a", "guarantee": [scalar(1)]}}, "web/a"),
    ("SET_QUOTA", 409, "more than the cluster", {"quota_request": {"role": "ops", "guarantee": [scalar(1000)]}}, ""),
    ("SET_QUOTA", 200, "within the cluster", {"quota_request": {"role": "ops", "guarantee": [scalar(1)]}}, ""),
    ("SET_QUOTA", 400, "a role that has one", {"quota_request": {"role": "ops", "guarantee": [scalar(1)]}}, "ops"),
    ("REMOVE_QUOTA", 200, "a role with quota", {"role": "ops"}, ""),
    ("UPDATE_WEIGHTS", 400, "a weight of 0", {"weight_infos": [{"role": "web", "weight": 0}]}, "web"),
    ("UPDATE_WEIGHTS", 400, "a weight below 0", {"weight_infos": [{"role": "web", "weight": -1}]}, "web"),
    ("UPDATE_WEIGHTS", 400, "a weight of infinity", {"weight_infos": [{"role": "web", "weight": "Infinity"}]}, "Weights must be finite"),
    ("UPDATE_WEIGHTS", 400, "a role that is not on the list", {"weight_infos": [{"role": "third", "weight": 1}]}, "third"),
    ("UPDATE_WEIGHTS", 400, "no role", {"weight_infos": [{"weight": 1}]}, ""),
    ("UPDATE_WEIGHTS", 200, "nothing", {}, ""),
    ("UPDATE_WEIGHTS", 400, "a role that is too long for the registry", {"weight_infos": [{"role": "r" * 481, "weight": 1}]}, "a role with a quota or a weight may have"),
    ("UPDATE_QUOTA", 400, "a role that is too long for the registry", {"quota_configs": [{"role": "r" * 481}]}, "a role with a quota or a weight may have"),
    ("UPDATE_QUOTA", 400, "limits that are too long for the registry", QUOTA(limits={f"{i}" + "x" * 1000: {"value": 1} for i in range(1000)}), "Invalid QuotaConfig: it has"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "a hostname that is too long", WINDOW([{"hostname": "h" * 256}]), "The hostname '"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 400, "too long for the registry", WINDOW([{"hostname": f"{i}" + "h" * 250} for i in range(4000)]), "the schedule has"),
    ("UPDATE_MAINTENANCE_SCHEDULE", 200, "twenty thousand machines", WINDOW([{"hostname": f"host{i}"} for i in range(20000)]), ""),
    ("UPDATE_MAINTENANCE_SCHEDULE", 200, "none", {"schedule": {}}, ""),
    ("SET_LOGGING_LEVEL", 400, "a level that is too high", {"level": 101, "duration": {"nanoseconds": 1}}, "use a level up to 100 and a duration of 0 or more"),
    ("SET_LOGGING_LEVEL", 400, "a duration below 0", {"level": 1, "duration": {"nanoseconds": -1}}, "use a level up to 100 and a duration of 0 or more"),
    ("DRAIN_AGENT", 400, "an unknown agent", {"agent_id": {"value": "x"}}, "Unknown agent"),
    ("DEACTIVATE_AGENT", 400, "an unknown agent", {"agent_id": {"value": "x"}}, "Unknown agent"),
    ("REACTIVATE_AGENT", 400, "an unknown agent", {"agent_id": {"value": "x"}}, ""),
    ("MARK_AGENT_GONE", 404, "an unknown agent", {"agent_id": {"value": "x"}}, ""),
    ("TEARDOWN", 400, "an unknown framework", {"framework_id": {"value": "x"}}, "No framework found with specified ID"),
    ("GROW_VOLUME", 400, "no agent_id", {"volume": volume(), "addition": scalar(1, "disk", **R)}, "agent_id"),
    ("SHRINK_VOLUME", 400, "no agent_id", {"volume": volume(), "subtract": {"value": 1}}, "agent_id"),
]
OPERATOR += [(t, 400, "an unknown agent", {"agent_id": {"value": "x"}, **b}, "No agent found with specified ID") for t, b in (
    ("RESERVE_RESOURCES", {"resources": [scalar(1, **R)]}), ("UNRESERVE_RESOURCES", {"resources": [scalar(1, **R)]}), ("CREATE_VOLUMES", {"volumes": [volume()]}),
    ("DESTROY_VOLUMES", {"volumes": [volume()]}), ("GROW_VOLUME", {"volume": volume(), "addition": scalar(1, "disk", **R)}), ("SHRINK_VOLUME", {"volume": volume(), "subtract": {"value": 1}}))]
for type, status, name, body, text in OPERATOR:
    @case(f"{type} {status}: {name}")
    def _(type=type, status=status, body=body, text=text):
        refused(c.v1(type, body), status, text)


@case("REACTIVATE_AGENT 400: an agent that is not deactivated; DEACTIVATE_AGENT 200, REACTIVATE_AGENT 200")
def _():
    body = {"agent_id": {"value": c.agent_id}}
    refused(c.v1("REACTIVATE_AGENT", body), 400, "")
    refused(c.v1("DEACTIVATE_AGENT", body), 200, "")
    s = c.get("/slaves").json["slaves"][0]
    equal((s["active"], s["deactivated"]), (False, True), "active and deactivated")
    refused(c.v1("REACTIVATE_AGENT", body), 200, "")
    equal(c.get("/slaves").json["slaves"][0]["deactivated"], False, "deactivated")


# --- subscriptions ------------------------------------------------------------------------------------------------------

INFO = {"user": "root", "name": "n", "roles": ["web"], "capabilities": [{"type": "MULTI_ROLE"}]}
GROUPS = lambda *groups, role="web": {"role_constraints": {role: {"groups": list(groups)}}}
ONE = lambda predicate, selector={"attribute_name": "a"}: GROUPS({"attribute_constraints": [{"selector": selector, "predicate": predicate}]})
MATCH = lambda regex: ONE({"text_matches": {"regex": regex}})
EXISTS = {"selector": {"attribute_name": "a"}, "predicate": {"exists": {}}}
CONSTRAINTS = [
    ("an empty RoleConstraints", GROUPS(), "has an empty 'RoleConstraints' for role"),
    ("an empty group", GROUPS({}), "contains an empty RoleConstraints::Group"),
    ("a selector of nothing", ONE({"exists": {}}, {}), "Exactly one of"),
    ("a predicate of nothing", ONE({}), "Unknown predicate type"),
    ("a pseudoattribute that there is not", ONE({"exists": {}}, {"pseudoattribute_type": "UNKNOWN"}), "Unknown pseudoattribute type"),
    ("a role that is not subscribed", GROUPS({"attribute_constraints": [EXISTS]}, role="ops"), "ops"),
    ("more groups than are taken", GROUPS(*[{"attribute_constraints": [EXISTS]}] * 257), "groups of constraints; up to 256 are taken"),
    ("more constraints than are taken", GROUPS({"attribute_constraints": [EXISTS] * 257}), "constraints in one group"),
    ("a pattern with a bad escape", MATCH("\\q"), "invalid escape sequence"),
    ("a pattern that ends in a backslash", MATCH("a\\"), "trailing \\"),
    ("a pattern with a class that does not end", MATCH("[a"), "missing ]"),
    ("a pattern with a class turned round", MATCH("[z-a]"), "invalid character class range"),
    ("a pattern with a class of no name", MATCH("[[:x:]]"), "nvalid character class name"),
    ("a pattern with groups too deep", MATCH("(" * 40 + "a" + ")" * 40), "groups too deep"),
    ("a pattern with a group that does not end", MATCH("(a"), "missing )"),
    ("a pattern of Perl", MATCH("(?<a>x)"), "invalid or unsupported Perl syntax"),
    ("a pattern that repeats nothing", MATCH("*a"), "no argument for repetition operator"),
    ("a pattern that repeats the wrong way round", MATCH("a{3,2}"), "invalid repetition size"),
    ("a pattern that repeats too often", MATCH("a{2000}"), "invalid repetition size"),
    ("a pattern that is too large for the program", MATCH("(a|b){60}"), "larger than the maximum of"),
    ("a pattern that is too large at all", MATCH("((a{100}){100}){100}"), "pattern too large - compile failed"),
]
SUBSCRIPTIONS = [
    ("a role that is not on the list", {"roles": ["third"]}, {}, "is not present in the master's --roles"),
    ("a failover_timeout that is no time", {"failover_timeout": "Infinity"}, {}, "The framework failover_timeout ("),
    ("a failover_timeout of 300 years", {"failover_timeout": 9.4e9}, {}, "The framework failover_timeout ("),
    ("a failover_timeout below what a duration holds", {"failover_timeout": -9.4e9}, {}, "The framework failover_timeout ("),
    ("more roles than are taken", {"roles": [f"r{i}" for i in range(1025)]}, {}, "items; up to 1024 are taken"),
    ("an offer filter that is no number", {"offer_filters": {"web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": "Infinity"}}}]}}}}, {}, "it must be finite and 0 or more"),
    ("an offer filter below 0", {"offer_filters": {"web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": -1}}}]}}}}, {}, "it must be finite and 0 or more"),
    ("a suppressed role that is not subscribed", {}, {"suppressed_roles": ["ops"]}, "ops"),
    ("a suppressed role that is none", {}, {"suppressed_roles": ["/"]}, "/"),
    ("an empty role", {"roles": [""]}, {}, ""),
    ("a role with a tab", {"roles": ["a\tb"]}, {}, ""),
    ("a role with a backspace", {"roles": ["a\bb"]}, {}, ""),
    ("a role with dots", {"roles": ["a/../b"]}, {}, ".."),
] + [("constraints: " + n, {}, {"offer_constraints": k}, t) for n, k, t in CONSTRAINTS]
for name, info, more, text in SUBSCRIPTIONS:
    @case(f"SUBSCRIBE: ERROR and the end of the stream: {name}")
    def _(info=info, more=more, text=text):
        s = Stream(c.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**INFO, **info}, **more}})
        equal(s.status, 200, "status")
        e = s.next()
        equal(e["type"], "ERROR", f"{e}; type")
        check(text in e["error"]["message"], f"{e['error']['message']!r} has no {text!r}")
        equal(s.next(), None, "what follows the ERROR")
        s.close()

for name, group in (("no selector", {"predicate": {"exists": {}}}), ("no predicate", {"selector": {"attribute_name": "a"}})):
    @case(f"SUBSCRIBE 400: constraints: {name}")
    def _(group=group):
        s = Stream(c.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": INFO, "offer_constraints": GROUPS({"attribute_constraints": [group]})}})
        equal(s.status, 400, "status")
        check("Missing required fields" in s.body.decode(), s.body)

UPDATES = [("constraints that are none", 400, {}, {"offer_constraints": GROUPS()}, "has an empty 'RoleConstraints' for role"),
           ("a suppressed role that is not subscribed", 400, {}, {"suppressed_roles": ["ops"]}, "ops"),
           ("another principal", 400, {"principal": "q"}, {}, "principal"), ("another user", 400, {"user": "nobody"}, {}, "user"),
           ("another checkpoint", 400, {"checkpoint": True}, {}, "checkpoint"), ("another id", 400, {"id": {"value": "x"}}, {}, "id"),
           ("a role that is none", 400, {"roles": ["/"]}, {}, "/"), ("roles without MULTI_ROLE", 400, {"capabilities": []}, {}, "MULTI_ROLE"),
           ("the same again", 200, {}, {}, ""), ("another name, url, timeout and roles", 200, {"name": "m", "webui_url": "u", "failover_timeout": 5, "roles": ["web", "ops"]}, {}, "")]
for name, status, info, more, text in UPDATES:
    @case(f"UPDATE_FRAMEWORK {status}: {name}")
    def _(status=status, info=info, more=more, text=text):
        s = Stream(c.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**INFO, "principal": "p"}}})
        id = s.next()["subscribed"]["framework_id"]
        r = post(c.port, "/api/v1/scheduler", {"framework_id": id, "type": "UPDATE_FRAMEWORK", "update_framework": {"framework_info": {**INFO, "principal": "p", "id": id, **info}, **more}},
                 headers={"Mesos-Stream-Id": s.stream_id})
        refused(r, status, text)
        seen = next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == id["value"])
        equal(seen["name"], info.get("name", "n") if status == 200 else "n", "name afterwards")
        s.close()

# More than one batch of the store takes: as bytes, for the JSON would be refused before.
for type, number, key, field, one in (("UPDATE_WEIGHTS", 16, "UpdateWeights", 6, {"weight_infos": [{"role": "web", "weight": 1}]}),
                                      ("UPDATE_QUOTA", 36, "UpdateQuota", 20, {"quota_configs": [{"role": "web"}]}), ("START_MAINTENANCE", 26, "StartMaintenance", 12, {"machines": [M]})):
    @case(f"{type} 400: more than 100,000 entries")
    def _(number=number, key=key, field=field, one=one):
        body = protowire.encode("mesos.v1.master.Call." + key, one) * 100001
        r = post(c.port, "/api/v1", protowire.field(1, number) + protowire.field(field, body), headers=PROTO)
        refused(r, 400, "in one call; up to 100000 are taken")


# --- messages of agents and old drivers: dropped with the reason in the log ----------------------------------------------

AGENT_INFO = {"hostname": "h", "port": 5999, "resources": [scalar(1)]}
ID, F = {"value": "x"}, {"user": "u", "name": "n"}
MESSAGES = [
    ("RegisterSlaveMessage", "an AgentInfo that is too long for the registry", {"slave": {**AGENT_INFO, "attributes": [{"name": "a", "type": "TEXT", "text": {"value": "x" * 900000}}]}, "version": "1"},
     "AgentInfo has"),
    ("RegisterSlaveMessage", "an attribute without its value", {"slave": {**AGENT_INFO, "attributes": [{"name": "a", "type": "SCALAR"}]}, "version": "1"}, "has no valid value of its type"),
    ("RegisterSlaveMessage", "more attributes than are taken", {"slave": {**AGENT_INFO, "attributes": [{"name": "a", "type": "TEXT", "text": {"value": ""}}] * 1025}, "version": "1"},
     "attributes; up to 1024 are taken"),
    ("ReregisterSlaveMessage", "no id", {"slave": AGENT_INFO, "version": "1"}, "ReregisterSlaveMessage without an agent id"),
    ("ReregisterSlaveMessage", "an id with a slash", {"slave": {**AGENT_INFO, "id": {"value": "a/b"}}, "version": "1"}, "contains invalid characters"),
    ("ReregisterSlaveMessage", "a task id that is too long", {"slave": {**AGENT_INFO, "id": ID}, "version": "1", "tasks": [
        {"name": "t", "task_id": {"value": "t" * 65536}, "framework_id": ID, "slave_id": ID, "agent_id": ID, "state": "TASK_RUNNING"}]}, "a task id has"),
    ("UpdateOperationStatusMessage", "a uuid of 3 bytes", {"status": {"state": "OPERATION_FINISHED"}, "operation_uuid": {"value": "YWJj"}},
     "UpdateOperationStatusMessage without the operation's uuid"),
    ("StatusUpdateMessage", "a uuid of 3 bytes", {"update": {"framework_id": ID, "agent_id": ID, "timestamp": 1, "status": {"task_id": ID, "state": "TASK_RUNNING", "uuid": "YWJj"}}},
     "TaskStatus of task"),
    ("UpdateSlaveMessage", "an operation whose uuid has 3 bytes", {"agent_id": ID, "slave_id": ID, "operations": {"operations": [{"uuid": {"value": "YWJj"}, "info": {"type": "RESERVE"},
     "latest_status": {"state": "OPERATION_FINISHED"}}]}, "update_oversubscribed_resources": False}, "it must have 16"),
    ("PingSlaveMessage", "a message that is not for a master", {"connected": True}, "the master does not take"),
    ("RegisterFrameworkMessage", "an id that is set", {"framework": {**F, "id": ID}}, "Registering with 'id' already set"),
    ("ReregisterFrameworkMessage", "no id", {"framework": F, "failover": False}, "Re-registering without an 'id'"),
]


def known(message, body):
    """The fields that the message has: v0 and v1 call some differently."""
    return {k: known(protowire._resolve(message, f[2]), v) if isinstance(v, dict) and f[2] not in protowire._SCALARS else
            [known(protowire._resolve(message, f[2]), x) if isinstance(x, dict) else x for x in v] if isinstance(v, list) else v
            for k, v in body.items() if (f := protowire._messages[message].get(k))}


for name, what, body, text in MESSAGES:
    @case(f"{name}: {what}")
    def _(name=name, body=body, text=text):
        full = "mesos.internal." + name
        data = protowire.encode(full, known(full, body))
        r = post(c.port, "/master/" + full, data, headers={"User-Agent": "libprocess/x(1)@127.0.0.1:9"})
        equal(r.status, 202, "status")
        wait_for(f"{text!r} in the log", lambda: text in open(c.master.log_path).read(), 5)


@case("after all of these nothing has changed")
def _():
    s = c.get("/slaves").json["slaves"][0]
    equal((list(s["reserved_resources"]), s["active"]), (["web"], True), "reserved roles and active")
    equal(c.get("/maintenance/schedule").json.get("windows", []), [], "schedule")
    c.stop()


# --- flags: what cannot be used stops the start, names itself, and says what can ------------------------------------------

MASTER = [STOA, "master", "--ip=127.0.0.1", "--registry=in_memory"]
AGENT = [STOA, "agent", "--master=127.0.0.1:1", "--ip=127.0.0.1", "--work_dir=/tmp/none"]
LIMITS = lambda text: "--rate_limits=" + text
FLAGS = [
    (MASTER, "--weights=web=0", "use role=weight,... with weights greater than 0"), (MASTER, "--authenticate_agents", "--authenticate_agents or --authenticate_frameworks requires it"),
    (MASTER, "--registry_strict", "--registry_strict is true: only false is supported"), (MASTER[:-1], "--cluster=x", "--work_dir is not set: the registry needs a folder"),
    (MASTER, "--role_sorter=fair", "use drf or random"), (MASTER, "--framework_sorter=fair", "use one of: drf random"), (MASTER, "--recovery_agent_removal_limit=101%", "--recovery_agent_removal_limit is"),
    (MASTER, "--agent_removal_rate_limit=often", "use a number and a duration as 1/10mins"), (MASTER, "--agent_reregister_timeout=5mins", "use 10mins or more: agents need time to come back"),
    (MASTER, "--authenticate_http_readonly", "--credentials is not set, but HTTP authentication is required by a flag"),
    ([*MASTER, "--credentials={\"credentials\":[]}"], "--authenticate_http_frameworks", "--http_framework_authenticators is not set"), (MASTER, "--allocator_agent_recovery_factor=2", "--allocator_agent_recovery_factor is"),
    (MASTER, LIMITS('{"limits":[{"principal":"p","qps":0}]}'), "is no number greater than 0"), (MASTER, LIMITS('{"limits":[{"principal":"p","qps":1,"capacity":-1}]}'), "is no number of 0 or more"),
    (MASTER, LIMITS('{"limits":[{"qps":1}]}'), "an entry of limits lacks 'principal'"), (MASTER, LIMITS('{"limits":[{"principal":"p"},{"principal":"p"}]}'), "is listed twice"),
    (MASTER, LIMITS('{"aggregate_default_capacity":1}'), "aggregate_default_capacity is set, but aggregate_default_qps is not"),
    (MASTER, "--min_allocatable_resources=cpus", "write name:number with a number of 0 or more"), (MASTER, "--min_allocatable_resources=cpus:1;cpus:2", "is given twice"),
    (MASTER, "--agent_ping_timeout=soon", "agent_ping_timeout"), (MASTER, "--port=99999", "port"), (MASTER, "--no_such_flag=1", "no_such_flag"), (MASTER, "--allocation_interval=-1secs", "allocation_interval"),
    (AGENT, "--attributes=rack", "must be written name:value"), (AGENT, "--attributes=rack:{a,b}", "sets are not supported; use several attributes or text"),
    (AGENT, "--resources=ports:[1-x]", "is no range; write begin-end with whole numbers"), (AGENT, "--resources=ports:[9-3]", "ends before it begins"), (AGENT, "--resources=ports:[1-2", "has brackets that do not match"),
    (AGENT, "--resources=ports:1-[2]", "has a bracket that is not in front"), (AGENT, "--resources=cpus:1e300", "is too large, too small or not finite"), (AGENT, "--resources=:4", "a resource without a name"),
    (AGENT, "--resources=cpus(web:4", "has parentheses that do not match; write name(role)"), (AGENT, "--resources=cpus", "must have exactly one ':' between name and value"),
    (AGENT, "--resources=cpus:many", "is neither a number, [ranges] nor a {set}"), (AGENT, "--resources=cpus:nan", "cpus"), (AGENT, "--resources=cpus:-1", "cpus"),
    (AGENT, '--resources=[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}]', "frameworks and operators do"),
    (AGENT, '--resources=[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"web"}]}]', "frameworks and operators do"),
    (AGENT, "--resources=" + ";".join(f"r{i}:1" for i in range(4097)), "4096"), (AGENT, "--resources=ports:[" + ",".join(f"{2 * i}-{2 * i}" for i in range(65537)) + "]", "ranges in one value"),
    (AGENT, "--resources=z:{" + ",".join(map(str, range(16385))) + "}", "items in one set"), (AGENT, "--attributes=" + ";".join(f"a{i}:1" for i in range(1025)), "more than 1024 attributes"),
]
for program, flag, text in FLAGS:
    @case(f"stoa {program[1]} {flag[:60]}: {text}")
    def _(program=program, flag=flag, text=text):
        path = os.path.join(scratch(), "flag")
        name, _, value = flag.partition("=")
        if len(value) > 100000:
            open(path, "w").write(value)
            flag = f"{name}=file://{path}"
        r = subprocess.run([*program, flag], capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and text in r.stderr, f"status {r.returncode}: {r.stderr[-400:]!r} has no {text!r}")


main(log_lines=0, needed=1)
