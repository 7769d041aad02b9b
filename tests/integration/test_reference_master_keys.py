#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The keys of the master's answers, row by row, with their types: the unversioned endpoints and the v1 questions, which are also compared
with their protobuf form. Source: operator API 3, 10 and 13, client expectations 9 and 10."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = f = old = pod = gone = None
DOMAIN = '{"fault_domain":{"region":{"name":"r"},"zone":{"name":"%s"}}}'
LABELS = {"labels": [{"key": "k", "value": "v"}, {"key": "bare"}]}
DISCOVERY = {"visibility": "CLUSTER", "name": "d", "ports": {"ports": [{"number": 80, "name": "http", "protocol": "tcp"}]}}
CONSTRAINTS = {"role_constraints": {"web": {"groups": [{"attribute_constraints": [{"selector": {"attribute_name": "rack"}, "predicate": {"exists": {}}}]}]}}}


@case("a cluster with something of everything in it")
def _():
    global c, f, old, pod, gone
    d = scratch()
    c = Cluster(f"--domain={DOMAIN % 'm'}", "--cluster=east", f"--log_dir={d}/log", "--max_completed_tasks_per_framework=2", "--weights=web=2",
                agent_flags=["--attributes=rack:r1;level:3;span:[1-5]", f"--domain={DOMAIN % 'a'}"],
                resources="cpus:4;mem:2048;disk:1000;ports:[31000-31100];cpus(web):1;mem(web):64;zones:{b,a}")
    gone = Framework(c.port, name="gone", failover_timeout=0)
    gone.end()
    info = {"user": "root", "name": "everything", "roles": ["web"], "checkpoint": True, "failover_timeout": 60, "labels": LABELS, "webui_url": "http://ui", "hostname": "h", "principal": "p",
            "capabilities": [{"type": t} for t in ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT")]}
    f = Framework.__new__(Framework)
    f.port, f.offers, f.statuses = c.port, [], []
    f.stream = Stream(c.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info, "offer_constraints": CONSTRAINTS}})
    f.id = f.stream.next()["subscribed"]["framework_id"]["value"]
    full = task("full", "sleep 1000", labels=LABELS, discovery=DISCOVERY, container={"type": "MESOS"},
                health_check={"type": "COMMAND", "command": {"value": "true"}, "interval_seconds": 1, "delay_seconds": 0})
    full["resources"].append({"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}})
    full["command"]["user"] = "root"
    f.launch(full, *[task(f"done{i}", "true") for i in range(3)])
    told = lambda what: any(what(s) for s in f.statuses)
    f.until("three have ended and one is healthy", lambda e: told(lambda s: s.get("healthy")) and all(
        told(lambda s: (s["task_id"]["value"], s["state"]) == (f"done{i}", "TASK_FINISHED")) for i in range(3)))
    executor = {"executor_id": {"value": "pod"}, "name": "pod name", "type": "DEFAULT", "framework_id": {"value": f.id}, "labels": LABELS,
                "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 5}}]}
    cpus = lambda: sum(r["scalar"]["value"] for o in f.offers for r in o["resources"] if r["name"] == "cpus")
    if cpus() < 1:
        f.until("offers", lambda e: cpus() >= 1)
    f.call("SUPPRESS")  # what the group leaves is for the other
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": [task("member")]}}}, cpus=1)
    f.update("member", "TASK_RUNNING")
    equal(c.v1("UPDATE_QUOTA", {"quota_configs": [{"role": "web", "guarantees": {"cpus": {"value": 1}}, "limits": {"cpus": {"value": 50}}}], "force": True}).status, 200, "quota")
    old = Framework(c.port, name="old", capabilities=[])
    old.until("an offer", lambda e: old.offers)


cache = {}


def page(path):
    return lambda: cache.setdefault(path, c.get(path).json)


def only(fn, path, match):
    return lambda: next(x for x in walk(fn(), path.split("."), path, True) if match(x))


VERSION = "version: text\nbuild_date: text\nbuild_time: number\nbuild_user: text\ngit_sha: text?\ngit_branch: text?\ngit_tag: text?\n"
shape("GET /version", VERSION, page("/version"))

shape("GET /state", VERSION + """start_time: number
elected_time: number
id: text
pid: text
hostname: text = localhost
capabilities: list = ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"]
activated_slaves: number = 1.0
deactivated_slaves: number = 0.0
unreachable_slaves: number = 0.0
domain.fault_domain.region.name: text = r
domain.fault_domain.zone.name: text = m
leader: text
leader_info.id: text
leader_info.pid: text
leader_info.port: int
leader_info.hostname: text
leader_info.domain: object
cluster: text = east
log_dir: text
external_log_file: none
flags: object
flags.*: text
flags.port: text
flags.allocation_interval: text = 50ms
slaves[]: object
slaves[].reserved_resources_full: none
recovered_slaves: list = []
frameworks[]: object
completed_frameworks[]: object
orphan_tasks: list = []
unregistered_frameworks: list = []""", page("/state"))


@case("GET /state key leader: equals pid")
def _():
    s = page("/state")()
    equal((s["leader"], s["leader_info"]["pid"]), (f"master@127.0.0.1:{c.port}",) * 2, "leader")
    equal(s["pid"], s["leader"], "pid")


@case("GET /state: counts of agents are doubles, ports integers")
def _():
    text = c.get("/state").text
    for piece in ('"activated_slaves":1.0', '"deactivated_slaves":0.0', '"unreachable_slaves":0.0'):
        check(piece in text, f"{piece} is not there")
    check(re.search(r'"port":\d+[,}]', text), "port")


FOUR = lambda k: "".join(f"{k}.{n}: number\n" for n in ("cpus", "gpus", "mem", "disk"))
SLAVE = "id: text\nhostname: text = localhost\nport: int\npid: text\nattributes.rack: text = r1\nattributes.level: number = 3.0\nattributes.span: text = [1-5]\n" \
    "domain.fault_domain.zone.name: text = a\nregistered_time: number\nreregistered_time: none\n" + \
    FOUR("resources") + FOUR("used_resources") + FOUR("offered_resources") + FOUR("unreserved_resources") + FOUR("reserved_resources.web") + \
    'resources.ports: text = [31000-31100]\nresources.zones: text = {a, b}\nactive: bool = true\ndeactivated: bool = false\nversion: text\ncapabilities[]: text\ndrain_info: none'
shape("GET /slaves slaves[]", SLAVE + """
reserved_resources_full.web[].name: text
reserved_resources_full.web[].role: text = web
reserved_resources_full.web[].reservations[].type: text = STATIC
reserved_resources_full.web[].reservations[].role: text = web
unreserved_resources_full[].name: text
unreserved_resources_full[].role: text = *
unreserved_resources_full[].reservations: none
used_resources_full[].name: text
used_resources_full[].allocation_info.role: text = web
offered_resources_full[].allocation_info.role: text""", lambda: page("/slaves")()["slaves"][0])
shape("GET /slaves", "slaves[]: object\nrecovered_slaves: list = []", page("/slaves"))
shape("GET /state slaves[]", SLAVE, lambda: page("/state")()["slaves"][0])


@case("GET /slaves key slaves[].capabilities: every one that the reference lists")
def _():
    got = set(page("/slaves")()["slaves"][0]["capabilities"])
    want = {"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS"}
    equal(sorted(want - got), [], "capabilities missing")


FRAMEWORK = """id: text
name: text = everything
pid: none
user: text = root
hostname: text = h
webui_url: text = http://ui
capabilities[]: text
active: bool = true
connected: bool = true
recovered: bool = false
checkpoint: bool = true
failover_timeout: number = 60.0
registered_time: number
unregistered_time: number = 0.0
reregistered_time: none
principal: text = p
roles: list = ["web"]
role: none
""" + FOUR("used_resources") + FOUR("offered_resources") + FOUR("resources") + """tasks[]: object
unreachable_tasks: list = []
completed_tasks[]: object
offers: list = []
executors[].executor_id: text = pod
executors[].name: text = pod name
executors[].framework_id: text
executors[].resources.cpus: number = 0.1
executors[].role: text = web
executors[].labels[].key: text
executors[].type: text = DEFAULT
executors[].slave_id: text
labels[].key: text
offer_constraints.role_constraints.web.groups[].attribute_constraints[].selector.attribute_name: text = rack"""
mine = lambda x: x["name"] == "everything"
for path in ("/state", "/frameworks"):
    shape(f"GET {path} frameworks[]", FRAMEWORK, only(page(path), "frameworks[]", mine))
shape("GET /state frameworks[] without MULTI_ROLE", """role: text = *
roles: none
principal: none
labels: none
hostname: text = ""
webui_url: text = ""
offer_constraints: object = {}
offers[].id: text
offers[].framework_id: text
offers[].allocation_info.role: text = *
offers[].slave_id: text
offers[].resources.cpus: number
offers[].resources.ports: text""", only(page("/state"), "frameworks[]", lambda x: x["name"] == "old"))
shape("GET /frameworks", "frameworks[]: object\ncompleted_frameworks[]: object\nunregistered_frameworks: list = []", page("/frameworks"))
shape("GET /state completed_frameworks[]", "name: text = gone\nactive: bool = false\nconnected: bool = false\nunregistered_time: number\npid: none", lambda: page("/state")()["completed_frameworks"][0])

STATUS = """state: text
timestamp: number
container_status.container_id.value: text
container_status.network_infos[].ip_addresses[].ip_address: text"""
TASK = """id: text = full
name: text = full
framework_id: text
executor_id: text = ""
slave_id: text
state: text = TASK_RUNNING
resources.cpus: number = 0.1
resources.gpus: number = 0.0
resources.mem: number = 32.0
resources.disk: number = 0.0
resources.ports: text = [31000-31001]
role: text = web
user: text = root
labels[].key: text
discovery.visibility: text = CLUSTER
discovery.ports.ports[].number: int = 80
container.type: text = MESOS
health_check.type: text = COMMAND
limits: none
""" + "".join(f"statuses[].{l}\n" for l in STATUS.split("\n"))
is_full = lambda x: x["id"] == "full"
shape("GET /state tasks[]", TASK, only(page("/state"), "frameworks[].tasks[]", is_full))
shape("GET /tasks tasks[]", TASK, only(page("/tasks"), "tasks[]", is_full))
shape("GET /state tasks[] of a group", "executor_id: text = pod\nstatuses[].container_status.container_id.value: text",
      only(page("/state"), "frameworks[].tasks[]", lambda x: x["id"] == "member"))


@case("GET /state key tasks[].statuses[].healthy: true in the newest")
def _():
    t = only(page("/state"), "frameworks[].tasks[]", is_full)()
    equal(t["statuses"][-1].get("healthy"), True, "healthy")
    equal(t["labels"], [{"key": "k", "value": "v"}, {"key": "bare"}], "labels")
    check(t["statuses"][0]["timestamp"] <= t["statuses"][-1]["timestamp"], "statuses are not in order")


@case("GET /tasks: a task of a group has its container's parent once it runs")
def _():
    t = next(t for t in page("/tasks")()["tasks"] if t["id"] == "member")
    check("parent" in t["statuses"][-1]["container_status"]["container_id"], t["statuses"])


@case("GET /state key completed_tasks: no more than --max_completed_tasks_per_framework, the newest")
def _():
    done = only(page("/state"), "frameworks[]", mine)()["completed_tasks"]
    equal(len(done), 2, "completed tasks")
    check(all(t["state"] == "TASK_FINISHED" for t in done), done)


COUNTS = "".join(f"TASK_{s}: int\n" for s in "STAGING STARTING RUNNING KILLING FINISHED KILLED FAILED LOST ERROR UNREACHABLE".split())
shape("GET /state-summary", "hostname: text = localhost\ncluster: text = east\nslaves[]: object\nframeworks[]: object", page("/state-summary"))
shape("GET /state-summary slaves[]", SLAVE + "\n" + COUNTS + "framework_ids[]: text", lambda: page("/state-summary")()["slaves"][0])
shape("GET /state-summary frameworks[]", "id: text\nname: text\npid: none\nhostname: text\nwebui_url: text\nactive: bool\nconnected: bool\nrecovered: bool\ncapabilities[]: text\n" +
      FOUR("used_resources") + FOUR("offered_resources") + COUNTS + "slave_ids[]: text", only(page("/state-summary"), "frameworks[]", mine))


@case("GET /state-summary: the counts are those of the tasks")
def _():
    s = page("/state-summary")()["slaves"][0]
    equal((s["TASK_RUNNING"], s["TASK_STAGING"], s["TASK_FAILED"]), (2, 0, 0), "counts")
    fw = only(page("/state-summary"), "frameworks[]", mine)()
    equal((fw["TASK_RUNNING"], fw["slave_ids"]), (2, [s["id"]]), "of the framework")


shape("GET /roles roles[]", """name: text = web
weight: number = 2.0
quota.role: text = web
quota.guarantee.cpus: number = 1.0
quota.limit.cpus: number = 50.0
quota.consumed.cpus: number
resources.cpus: number
allocated.cpus: number
offered: object
reserved.cpus: number = 1.0
reserved.mem: number = 64.0
frameworks[]: text""", only(page("/roles"), "roles[]", lambda r: r["name"] == "web"))
shape("GET /roles roles[] without quota", "quota.guarantee: object = {}\nquota.limit: object = {}\nquota.consumed: object\nweight: number = 1.0", only(page("/roles"), "roles[]", lambda r: r["name"] == "*"))
shape("GET /quota", "infos[].role: text = web\ninfos[].guarantee[].name: text = cpus\nconfigs[].role: text = web\nconfigs[].guarantees.cpus.value: number = 1.0\nconfigs[].limits.cpus.value: number = 50.0", page("/quota"))
shape("GET /weights", "[].role: text = web\n[].weight: number = 2.0", page("/weights"))
shape("GET /maintenance/schedule", "windows: list?", page("/maintenance/schedule"))
shape("GET /maintenance/status", "draining_machines: list?\ndown_machines: list?", page("/maintenance/status"))
shape("GET /flags", "flags.*: text\nflags.port: text\nflags.cluster: text = east", page("/flags"))
shape("GET /system/stats.json", "avg_load_1min: number\navg_load_5min: number\navg_load_15min: number\ncpus_total: number\nmem_total_bytes: number\nmem_free_bytes: number", page("/system/stats.json"))
shape("GET /registrar(1)/registry", "master.info.id: text\nslaves.slaves[].info.id.value: text", page("/registrar(1)/registry"))
shape("GET /__processes__", "[].id: text\n[].events: list", page("/__processes__"))

METRICS = """uptime_secs elected event_queue_messages event_queue_dispatches event_queue_http_requests http_cache_hits operator_event_stream_subscribers outstanding_offers dropped_messages
slaves_connected slaves_disconnected slaves_active slaves_inactive slaves_unreachable slave_registrations slave_reregistrations slave_removals slave_removals/reason_unhealthy
slave_removals/reason_unregistered slave_removals/reason_registered slave_shutdowns_scheduled slave_shutdowns_completed slave_shutdowns_canceled slave_unreachable_scheduled
slave_unreachable_completed slave_unreachable_canceled recovery_slave_removals frameworks_connected frameworks_disconnected frameworks_active frameworks_inactive tasks_staging tasks_starting
tasks_running tasks_killing tasks_unreachable tasks_finished tasks_failed tasks_killed tasks_lost tasks_error tasks_dropped tasks_gone tasks_gone_by_operator messages_authenticate
messages_deactivate_framework messages_decline_offers messages_executor_to_framework messages_exited_executor messages_framework_to_executor messages_kill_task messages_launch_tasks
messages_operation_status_update messages_operation_status_update_acknowledgement messages_reconcile_operations messages_reconcile_tasks messages_register_framework messages_register_slave
messages_reregister_framework messages_reregister_slave messages_resource_request messages_revive_offers messages_status_update messages_status_update_acknowledgement messages_suppress_offers
messages_unregister_framework messages_unregister_slave messages_update_slave valid_framework_to_executor_messages invalid_framework_to_executor_messages valid_executor_to_framework_messages
invalid_executor_to_framework_messages valid_status_updates invalid_status_updates valid_status_update_acknowledgements invalid_status_update_acknowledgements valid_operation_status_updates
invalid_operation_status_updates valid_operation_status_update_acknowledgements invalid_operation_status_update_acknowledgements operations/total operations/pending operations/recovering
operations/unreachable operations/finished operations/failed operations/error operations/dropped operations/gone_by_operator""".split()
METRICS += [f"{r}{v}_{w}" for r in ("cpus", "gpus", "mem", "disk") for v in ("", "_revocable") for w in ("total", "used", "percent")]
METRICS += [f"operations/{t}/{s}" for t in ("reserve", "unreserve", "create", "destroy", "grow_volume", "shrink_volume", "create_disk", "destroy_disk") for s in ("total", "finished", "error")]
OTHERS = [f"system/{n}" for n in ("cpus_total", "load_1min", "load_5min", "load_15min", "mem_total_bytes", "mem_free_bytes")]
OTHERS += [f"registrar/{n}" for n in ("queued_operations", "registry_size_bytes", "state_fetch_ms", "state_store_ms", "state_store_ms/count", "state_store_ms/p99", "log/recovered", "log/ensemble_size")]
OTHERS += ["allocator/event_queue_dispatches"] + ["allocator/mesos/" + n for n in ("event_queue_dispatches", "allocation_runs", "allocation_run_ms", "allocation_run_ms/count", "allocation_run_ms/p9999",
           "allocation_run_latency_ms", "allocation_run_latency_ms/max", "resources/cpus/total", "resources/mem/offered_or_allocated", "resources/disk/total", "roles/web/shares/dominant",
           "offer_filters/roles/web/active", "quota/roles/web/resources/cpus/guarantee", "quota/roles/web/resources/cpus/limit", "quota/roles/web/resources/cpus/consumed",
           "quota/roles/web/resources/cpus/offered_or_allocated")]
for name in [f"master/{n}" for n in METRICS] + OTHERS:
    @case(f"GET /metrics/snapshot key {name}: a number")
    def _(name=name):
        check(isinstance(page("/metrics/snapshot")().get(name), (int, float)), f"it is {page('/metrics/snapshot')().get(name)!r}")
for name in """subscribed calls calls/accept calls/acknowledge calls/suppress events events/offers events/update events/subscribed offers/sent offers/accepted offers/declined offers/rescinded operations
operations/launch operations/launch_group tasks/active/task_running tasks/active/task_staging tasks/terminal/task_finished roles/web/suppressed""".split():
    @case(f"GET /metrics/snapshot key master/frameworks/NAME/ID/{name}: a number")
    def _(name=name):
        check(isinstance(page("/metrics/snapshot")().get(f"master/frameworks/everything/{f.id}/{name}"), (int, float)), "it is not there")


@case("GET /metrics/snapshot: keys are sorted, values numbers, and they count")
def _():
    m = page("/metrics/snapshot")()
    equal(list(m), sorted(m), "the order of keys")
    check(all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in m.values()), "a value is no number")
    equal((m["master/elected"], m["master/slaves_active"], m["master/tasks_running"], m["master/tasks_finished"]), (1.0, 1.0, 2.0, 3.0), "counts")
    equal((m["master/cpus_total"], m["master/cpus_used"]), (5.0, 0.3), "cpus")
    equal(m["frameworks/p/messages_received"] >= m["frameworks/p/messages_processed"] > 0, True, "messages of a principal")


# --- v1: each question in both forms -----------------------------------------------------------------------------------

V1 = """GET_HEALTH get_health.healthy: bool = true
GET_FLAGS get_flags.flags[].name: text
GET_FLAGS get_flags.flags[].value: text
GET_VERSION get_version.version_info.version: text
GET_VERSION get_version.version_info.build_time: number
GET_METRICS get_metrics.metrics[].name: text
GET_METRICS get_metrics.metrics[].value: number
GET_LOGGING_LEVEL get_logging_level.level: int = 0
GET_AGENTS get_agents.agents[].agent_info.id.value: text
GET_AGENTS get_agents.agents[].agent_info.hostname: text = localhost
GET_AGENTS get_agents.agents[].agent_info.port: int
GET_AGENTS get_agents.agents[].agent_info.attributes[].name: text
GET_AGENTS get_agents.agents[].agent_info.resources[].name: text
GET_AGENTS get_agents.agents[].agent_info.domain.fault_domain.zone.name: text = a
GET_AGENTS get_agents.agents[].agent_info.checkpoint: bool?
GET_AGENTS get_agents.agents[].active: bool = true
GET_AGENTS get_agents.agents[].deactivated: bool = false
GET_AGENTS get_agents.agents[].version: text
GET_AGENTS get_agents.agents[].pid: text
GET_AGENTS get_agents.agents[].registered_time.nanoseconds: int
GET_AGENTS get_agents.agents[].reregistered_time: none
GET_AGENTS get_agents.agents[].total_resources[].role: text
GET_AGENTS get_agents.agents[].allocated_resources[].allocation_info.role: text = web
GET_AGENTS get_agents.agents[].offered_resources[].name: text
GET_AGENTS get_agents.agents[].capabilities[].type: text
GET_AGENTS get_agents.agents[].drain_info: none
GET_FRAMEWORKS get_frameworks.frameworks[].framework_info.id.value: text
GET_FRAMEWORKS get_frameworks.frameworks[].active: bool = true
GET_FRAMEWORKS get_frameworks.frameworks[].connected: bool = true
GET_FRAMEWORKS get_frameworks.frameworks[].recovered: bool = false
GET_FRAMEWORKS get_frameworks.frameworks[].registered_time.nanoseconds: int
GET_FRAMEWORKS get_frameworks.completed_frameworks[].unregistered_time.nanoseconds: int
GET_FRAMEWORKS get_frameworks.frameworks[].offers: list?
GET_FRAMEWORKS get_frameworks.frameworks[].allocated_resources: list?
GET_FRAMEWORKS get_frameworks.frameworks[].offered_resources: list?
GET_FRAMEWORKS get_frameworks.frameworks[].offer_constraints: object?
GET_FRAMEWORKS get_frameworks.recovered_frameworks: list?
GET_EXECUTORS get_executors.executors[].executor_info.executor_id.value: text = pod
GET_EXECUTORS get_executors.executors[].executor_info.framework_id.value: text
GET_EXECUTORS get_executors.executors[].agent_id.value: text
GET_TASKS get_tasks.tasks[].task_id.value: text
GET_TASKS get_tasks.tasks[].name: text
GET_TASKS get_tasks.tasks[].framework_id.value: text
GET_TASKS get_tasks.tasks[].agent_id.value: text
GET_TASKS get_tasks.tasks[].state: text = TASK_RUNNING
GET_TASKS get_tasks.tasks[].resources[].allocation_info.role: text = web
GET_TASKS get_tasks.tasks[].statuses[].uuid: text
GET_TASKS get_tasks.tasks[].status_update_state: text = TASK_RUNNING
GET_TASKS get_tasks.tasks[].status_update_uuid: text
GET_TASKS get_tasks.completed_tasks[].state: text = TASK_FINISHED
GET_ROLES get_roles.roles[].name: text
GET_ROLES get_roles.roles[].weight: number
GET_ROLES get_roles.roles[].frameworks[].value: text
GET_ROLES get_roles.roles[].resources: list?
GET_WEIGHTS get_weights.weight_infos[].role: text = web
GET_WEIGHTS get_weights.weight_infos[].weight: number = 2.0
GET_MASTER get_master.master_info.id: text
GET_MASTER get_master.master_info.ip: int = 16777343
GET_MASTER get_master.master_info.port: int
GET_MASTER get_master.master_info.pid: text
GET_MASTER get_master.master_info.hostname: text = localhost
GET_MASTER get_master.master_info.version: text
GET_MASTER get_master.master_info.address.ip: text = 127.0.0.1
GET_MASTER get_master.master_info.domain.fault_domain.zone.name: text = m
GET_MASTER get_master.master_info.capabilities[].type: text
GET_MASTER get_master.start_time: number
GET_MASTER get_master.elected_time: number
GET_MAINTENANCE_STATUS get_maintenance_status.status: object
GET_MAINTENANCE_SCHEDULE get_maintenance_schedule.schedule: object
GET_QUOTA get_quota.status.infos[].role: text = web
GET_QUOTA get_quota.status.configs[].limits.cpus.value: number = 50.0
GET_OPERATIONS get_operations: object
GET_STATE get_state.get_tasks.tasks[].task_id.value: text
GET_STATE get_state.get_executors.executors[].agent_id.value: text
GET_STATE get_state.get_frameworks.frameworks[].framework_info.name: text
GET_STATE get_state.get_agents.agents[].version: text"""


def question(type):
    return lambda: cache.setdefault(type, c.v1(type, {} if type == "GET_METRICS" else None).json)


for line in V1.split("\n"):
    shape(line.split(" ")[0], line.partition(" ")[2], question(line.split(" ")[0]))
for type in dict.fromkeys(l.split(" ")[0] for l in V1.split("\n")):
    @case(f"{type}: the type names the call, and the protobuf form says the same as JSON")
    def _(type=type):
        call = {"type": type, **({"get_metrics": {}} if type == "GET_METRICS" else {})}
        def both():
            a = c.v1(type, {} if type == "GET_METRICS" else None).json
            r = post(c.port, "/api/v1", protowire.encode("mesos.v1.master.Call", call), headers={**PROTO, "Accept": "application/x-protobuf"})
            equal((r.status, r.headers["Content-Type"]), (200, "application/x-protobuf"), "protobuf")
            return a, protowire.decode("mesos.v1.master.Response", r.body)
        a, b = both()
        equal((a["type"], b["type"]), (type, type), "type")
        if type == "GET_METRICS":
            equal([m["name"] for m in a["get_metrics"]["metrics"]], [m["name"] for m in b["get_metrics"]["metrics"]], "names")
        else:
            equal(difference(prune(a), prune(b)), None, "where JSON and protobuf differ")


def difference(a, b, path=""):
    """The path of the first difference with both values."""
    if isinstance(a, dict) and isinstance(b, dict):
        return next((d for k in {**a, **b} if (d := difference(a.get(k), b.get(k), f"{path}.{k}"))), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((d for i in range(len(a)) if (d := difference(a[i], b[i], f"{path}[{i}]"))), None)
    return None if a == b else (path, a, b)


def prune(v):
    """Without lists that are empty, which only JSON shows, and unknown fields, which only protobuf has."""
    if isinstance(v, dict):
        return {k: prune(x) for k, x in v.items() if x != [] and k != "unknown"}
    return [prune(x) for x in v] if isinstance(v, list) else v


@case("GET_TASKS: tasks of a command have no executor_id, those of a group have")
def _():
    by = {t["task_id"]["value"]: t for t in question("GET_TASKS")()["get_tasks"]["tasks"]}
    equal(("executor_id" in by["full"], by["member"]["executor_id"]["value"]), (False, "pod"), "executor_id")


@case("GET_AGENTS: resources are in both formats")
def _():
    r = [x for x in question("GET_AGENTS")()["get_agents"]["agents"][0]["total_resources"] if x["role"] == "web"]
    equal([(x["role"], x["reservations"]) for x in r], [("web", [{"type": "STATIC", "role": "web"}])] * 2, "reserved resources")
    check(all("reservation" not in x for x in r), "a static one has a reservation")


# --- the answer is what was asked for ----------------------------------------------------------------------------------

def ids(query):
    return [t["id"] for t in c.get("/tasks?" + query).json["tasks"]]


for name, query, want in (("newest first", "", lambda all: all), ("order=asc", "order=asc", lambda all: all[::-1]), ("limit=2", "limit=2", lambda all: all[:2]), ("limit=0", "limit=0", lambda all: []),
                          ("limit=-1: all", "limit=-1", lambda all: all), ("offset=1", "offset=1", lambda all: all[1:]), ("offset past the end", "offset=99", lambda all: []),
                          ("limit and offset, the other way round", "order=asc&limit=1&offset=1", lambda all: all[::-1][1:2]), ("task_id", "task_id=full", lambda all: ["full"]),
                          ("task_id of none", "task_id=x", lambda all: []), ("framework_id of none", "framework_id=x", lambda all: [])):
    @case(f"GET /tasks: {name}")
    def _(query=query, want=want):
        all = [t["id"] for t in sorted(c.get("/tasks?limit=-1").json["tasks"], key=lambda t: t["statuses"][0]["timestamp"], reverse=True)]
        equal(len(all), 4, "tasks with those that ended")
        equal(ids(query), want(all), query)


@case("GET /tasks: framework_id")
def _():
    equal(sorted(ids(f"framework_id={f.id}")), sorted(ids("limit=-1")), "tasks of the framework")
    equal(ids(f"framework_id={old.id}"), [], "tasks of the other")


@case("GET /slaves: slave_id; GET /frameworks: framework_id")
def _():
    equal([s["id"] for s in c.get(f"/slaves?slave_id={c.agent_id}").json["slaves"]], [c.agent_id], "slaves")
    equal([x["id"] for x in c.get(f"/frameworks?framework_id={f.id}").json["frameworks"]], [f.id], "frameworks")
    r = c.get(f"/frameworks?framework_id={gone.id}").json
    equal(([x["id"] for x in r["completed_frameworks"]], r["frameworks"]), ([gone.id], []), "a completed one")


@case("GET /files: browse, read, download, debug of the master's log; LIST_FILES and READ_FILE")
def _():
    check("/master/log" in c.get("/files/debug").json, "debug")
    equal(c.get("/files/browse?path=/master/log").json, [], "browse of a file")
    size = c.get("/files/read?path=/master/log&offset=-1").json
    equal((size["data"], size["offset"] > 100), ("", True), "offset -1")
    equal(c.get("/files/read?path=/master/log").json["data"], "", "no offset")
    part = c.get("/files/read?path=/master/log&offset=2&length=5").json
    equal((part["offset"], len(part["data"])), (2, 5), "a part")
    past = c.get("/files/read?path=/master/log&offset=99999999").json
    equal(past, {"data": "", "offset": 99999999}, "past the end")
    r = c.get("/files/download?path=/master/log")
    equal((r.headers["Content-Type"], r.headers["Content-Disposition"]), ("application/octet-stream", "attachment; filename=" + os.path.basename(c.get("/files/debug").json["/master/log"])), "download")
    equal(c.v1("LIST_FILES", {"path": "/master/log"}).json.get("list_files", {}).get("file_infos", []), [], "LIST_FILES of a file")
    equal([c.v1("LIST_FILES", {"path": p}).status for p in ("", "/no")], [404, 404], "LIST_FILES of none")
    a = c.answer("READ_FILE", {"path": "/master/log", "offset": 0, "length": 6})
    equal((len(a["data"]), a["size"] > 6), (8, True), "READ_FILE")
    equal(c.v1("READ_FILE", {"path": "/no", "offset": 0}).status, 404, "READ_FILE of none")


@case("they end cleanly")
def _():
    f.end()
    old.end()
    c.stop()


main(log_lines=0, needed=1)
