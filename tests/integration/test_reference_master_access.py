#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do and see what, row by row: realms and challenges, each ACL of the master against the call or endpoint that it guards, what
is left out of answers and of operators' event streams; and those streams' events. Source: operator API 1, 5, 11 and 12."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = stream = blind = None
ANY, NONE = {"type": "ANY"}, {"type": "NONE"}
OPS = {"values": ["ops"]}
auth = lambda who, secret="s": {"Authorization": "Basic " + base64.b64encode(f"{who}:{secret}".encode()).decode()}
# The rules below let "ops" do everything, "web" what has to do with the role web and user root, "nobody" nothing.
ONLY_OPS = """teardown_frameworks:framework_principals update_maintenance_schedules:machines get_maintenance_schedules:machines start_maintenances:machines stop_maintenances:machines
get_maintenance_statuses:machines drain_agents:agents deactivate_agents:agents reactivate_agents:agents mark_agents_gone:agents set_log_level:level view_flags:flags access_mesos_logs:logs
unreserve_resources:reserver_principals destroy_volumes:creator_principals""".split()
BY_ROLE = "register_frameworks:roles reserve_resources:roles create_volumes:roles resize_volumes:roles update_weights:roles get_quotas:roles update_quotas:roles view_roles:roles".split()
BY_USER = "run_tasks:users view_frameworks:users view_tasks:users view_executors:users".split()
ACLS = {n: [{"principals": OPS, o: ANY}, {"principals": ANY, o: NONE}] for n, o in (x.split(":") for x in ONLY_OPS)}
ACLS |= {n: [{"principals": OPS, o: ANY}, {"principals": {"values": ["web"]}, o: {"values": ["web"]}}, {"principals": ANY, o: NONE}] for n, o in (x.split(":") for x in BY_ROLE)}
ACLS |= {n: [{"principals": OPS, o: ANY}, {"principals": {"values": ["web"]}, o: {"values": ["root"]}}, {"principals": ANY, o: NONE}] for n, o in (x.split(":") for x in BY_USER)}
ACLS["get_endpoints"] = [{"principals": OPS, "paths": ANY}, {"principals": ANY, "paths": NONE}]


@case("a master that asks everybody, and an agent")
def _():
    global c
    credentials = {"credentials": [{"principal": p, "secret": "s"} for p in ("ops", "web", "nobody")]}
    c = Cluster("--credentials=" + json.dumps(credentials), "--acls=" + json.dumps(ACLS), "--authenticate_http_readonly", "--authenticate_http_readwrite",
                "--authenticate_http_frameworks", "--http_framework_authenticators=basic", '--firewall_rules={"disabled_endpoints":{"paths":["/files/debug","/master/roles"]}}',
                "--max_operator_event_stream_subscribers=3", headers=auth("ops"))


# --- authentication -----------------------------------------------------------------------------------------------------

READ, WRITE, FRAMEWORK = "mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler"
REALMS = [(p, READ) for p in "/state /state-summary /slaves /frameworks /tasks /roles /flags /maintenance/status /metrics/snapshot /files/browse /registrar(1)/registry /allocator/offer_constraints_debug".split()]
REALMS += [(p, WRITE) for p in "/weights /quota /maintenance/schedule /machine/down /machine/up /reserve /unreserve /create-volumes /destroy-volumes /teardown /api/v1 /logging/toggle".split()]
REALMS += [("/api/v1/scheduler", FRAMEWORK)]
for path, realm in REALMS:
    for name, headers in (("no credentials", {}), ("a wrong secret", auth("ops", "x")), ("nobody's name", auth("x")), ("another scheme", {"Authorization": "Bearer x"}), ("no base64", {"Authorization": "Basic %"})):
        @case(f"{path} 401: {name}")
        def _(path=path, realm=realm, headers=headers):
            r = get(c.port, path, headers=headers)
            equal((r.status, r.headers["WWW-Authenticate"]), (401, f'Basic realm="{realm}"'), "answer")
for path in ("/health", "/version", "/redirect", "/system/stats.json", "/__processes__", "/help"):
    @case(f"{path}: open to everybody")
    def _(path=path):
        check(get(c.port, path).status in (200, 307), get(c.port, path).status)


@case("SUBSCRIBE 400: the principal of the info is not who asks; without one it is filled in; a call by another principal 400")
def _():
    info = {"user": "root", "name": "n", "roles": ["web"], "capabilities": [{"type": "MULTI_ROLE"}]}
    r = post(c.port, "/api/v1/scheduler", {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**info, "principal": "ops"}}}, headers=auth("web"))
    equal(r.status, 400, r.text)
    s = scheduler_stream("web", info)
    id = s.next()["subscribed"]["framework_id"]
    x = next(x for x in c.get("/frameworks").json["frameworks"] if x["id"] == id["value"])
    equal(x["principal"], "web", "principal")
    call = {"type": "TEARDOWN", "framework_id": id}
    equal(post(c.port, "/api/v1/scheduler", call, headers={**auth("ops"), "Mesos-Stream-Id": s.stream_id}).status, 400, "another principal")
    equal(post(c.port, "/api/v1/scheduler", call, headers={**auth("web"), "Mesos-Stream-Id": s.stream_id}).status, 202, "its own")
    s.close()


def open_stream(path, who, call):
    """Stream, with credentials."""
    plain = socket.create_connection
    class WithAuth:
        def __init__(self, s):
            self.s = s
        def sendall(self, data):
            self.s.sendall(data.replace(b"\r\nHost:", f"\r\nAuthorization: {auth(who)['Authorization']}\r\nHost:".encode(), 1))
        def __getattr__(self, name):
            return getattr(self.s, name)
    socket.create_connection = lambda *a, **k: WithAuth(plain(*a, **k))
    try:
        return Stream(c.port, call, path)
    finally:
        socket.create_connection = plain


def scheduler_stream(who, info):
    return open_stream("/api/v1/scheduler", who, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})


# --- 403 ------------------------------------------------------------------------------------------------------------------

RES1 = lambda role: {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [{"type": "DYNAMIC", "role": role, "principal": "web"}]}
DISK = lambda role, **disk: {"name": "disk", "type": "SCALAR", "scalar": {"value": 8}, "reservations": [{"type": "DYNAMIC", "role": role, "principal": "web"}], **({"disk": disk} if disk else {})}
VOL = lambda role: DISK(role, persistence={"id": "v", "principal": "web"}, volume={"container_path": "d", "mode": "RW"})
MACHINE = {"hostname": "h", "ip": "10.0.0.1"}
WINDOWS = {"schedule": {"windows": [{"machine_ids": [MACHINE], "unavailability": {"start": {"nanoseconds": 1}}}]}}
AGENT = lambda **more: lambda: {"agent_id": {"value": c.agent_id}, **more}
CALLS = [  # who, call, body, status
    ("web", "UPDATE_WEIGHTS", {"weight_infos": [{"role": "web", "weight": 2}]}, 200), ("web", "UPDATE_WEIGHTS", {"weight_infos": [{"role": "web", "weight": 2}, {"role": "b", "weight": 2}]}, 403),
    ("web", "UPDATE_QUOTA", {"quota_configs": [{"role": "web", "limits": {"cpus": {"value": 9}}}]}, 200), ("web", "UPDATE_QUOTA", {"quota_configs": [{"role": "b", "limits": {"cpus": {"value": 9}}}]}, 403),
    ("web", "REMOVE_QUOTA", {"role": "web"}, 200), ("web", "SET_QUOTA", {"quota_request": {"role": "b", "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}]}}, 403),
    ("web", "RESERVE_RESOURCES", AGENT(resources=[RES1("web")]), 202), ("web", "RESERVE_RESOURCES", AGENT(resources=[RES1("b")]), 403), ("web", "UNRESERVE_RESOURCES", AGENT(resources=[RES1("web")]), 403),
    ("web", "RESERVE_RESOURCES", AGENT(resources=[DISK("web")]), 202), ("web", "CREATE_VOLUMES", AGENT(volumes=[VOL("web")]), 202), ("web", "DESTROY_VOLUMES", AGENT(volumes=[VOL("web")]), 403),
    ("nobody", "GROW_VOLUME", AGENT(volume=VOL("web"), addition=DISK("web")), 403), ("nobody", "SHRINK_VOLUME", AGENT(volume=VOL("web"), subtract={"value": 1}), 403),
    ("ops", "DESTROY_VOLUMES", AGENT(volumes=[VOL("web")]), 202), ("ops", "UNRESERVE_RESOURCES", AGENT(resources=[DISK("web"), RES1("web")]), 202),
    ("ops", "RESERVE_RESOURCES", AGENT(resources=[RES1("web")]), 400),  # with another's name on it
    ("web", "DRAIN_AGENT", AGENT(), 403), ("web", "DEACTIVATE_AGENT", AGENT(), 403), ("web", "REACTIVATE_AGENT", AGENT(), 403), ("web", "MARK_AGENT_GONE", AGENT(), 403),
    ("web", "UPDATE_MAINTENANCE_SCHEDULE", WINDOWS, 403), ("ops", "UPDATE_MAINTENANCE_SCHEDULE", WINDOWS, 200), ("web", "START_MAINTENANCE", {"machines": [MACHINE]}, 403),
    ("ops", "START_MAINTENANCE", {"machines": [MACHINE]}, 200), ("web", "STOP_MAINTENANCE", {"machines": [MACHINE]}, 403), ("ops", "STOP_MAINTENANCE", {"machines": [MACHINE]}, 200),
    ("web", "SET_LOGGING_LEVEL", {"level": 1, "duration": {"nanoseconds": 1}}, 403), ("ops", "SET_LOGGING_LEVEL", {"level": 1, "duration": {"nanoseconds": 1}}, 200),
    ("web", "GET_FLAGS", None, 403), ("ops", "GET_FLAGS", None, 200), ("web", "LIST_FILES", {"path": "/master/log"}, 403), ("web", "READ_FILE", {"path": "/master/log", "offset": 0}, 403),
    ("web", "TEARDOWN", lambda: {"framework_id": {"value": next(x["id"] for x in c.get("/frameworks").json["frameworks"])}}, 403),
]
held = []


@case("register_frameworks: another role gets ERROR 'Not authorized', its own is subscribed")
def _():
    info = {"user": "root", "name": "of-web", "failover_timeout": 60, "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}
    e = scheduler_stream("web", {**info, "roles": ["b"]}).next()
    check(e["type"] == "ERROR" and e["error"]["message"].startswith("Not authorized"), e)
    e = scheduler_stream("nobody", {**info, "roles": ["web"]}).next()
    check(e["type"] == "ERROR", e)
    s = scheduler_stream("web", {**info, "roles": ["web"]})
    held.append((s, s.next()["subscribed"]["framework_id"]["value"]))


for i, (who, type, body, status) in enumerate(CALLS):
    @case(f"{type} {status}: by {who} ({i})")
    def _(who=who, type=type, body=body, status=status):
        r = c.v1(type, body() if callable(body) else body, headers=auth(who))
        equal(r.status, status, f"{r.text}; status")
        if status == 403:
            equal(r.text, "403 Forbidden.", "body")
for who, method, path, body, status in (("web", "GET", "/flags", None, 403), ("ops", "GET", "/flags", None, 200), ("web", "GET", "/metrics/snapshot", None, 403), ("web", "GET", "/logging/toggle", None, 403),
                                        ("ops", "GET", "/logging/toggle", None, 200), ("web", "GET", "/files/read?path=/master/log", None, 403), ("ops", "GET", "/files/debug", None, 403), ("ops", "GET", "//files/debug", None, 403), ("ops", "GET", "http://x/files/debug", None, 403), ("ops", "GET", "/master/roles", None, 403),
                                        ("ops", "GET", "/roles", None, 200), ("web", "PUT", "/weights", '[{"role":"b","weight":1}]', 403), ("web", "DELETE", "/quota/b", None, 403),
                                        ("web", "POST", "/maintenance/schedule", "{}", 403), ("web", "POST", "/machine/down", json.dumps([MACHINE]), 403)):
    @case(f"{method} {path} {status}: by {who}")
    def _(who=who, method=method, path=path, body=body, status=status):
        r = http_request(method, c.port, path, body, auth(who))
        equal(r.status, status, f"{r.text[:200]}; status")
        for name in ("/files/debug", "/master/roles"):
            check(not path.endswith(name) or f"Endpoint '{name}' is disabled" in r.text, r.text)


# --- what is seen -----------------------------------------------------------------------------------------------------------

@case("view_frameworks, view_tasks, view_roles: nobody sees nothing, and no 403; web sees root's and web's")
def _():
    id = held[0][1]
    info = {"user": "root", "name": "of-web", "failover_timeout": 60, "roles": ["web"], "id": {"value": id}, "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}
    s = open_stream("/api/v1/scheduler", "web", {"type": "SUBSCRIBE", "framework_id": {"value": id}, "subscribe": {"framework_info": info}})
    held[0] = (s, id)  # the offers of the stream before were taken back by the calls above
    o = s.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    ids = lambda who: [x["id"] for x in http_request("GET", c.port, "/frameworks", None, auth(who)).json["frameworks"]]
    equal([ids(w) for w in ("ops", "web", "nobody")], [[id], [id], []], "/frameworks")
    tasks = [{**task("denied"), "agent_id": o["agent_id"], "command": {"value": "true", "user": "daemon"}}, {**task("seen"), "agent_id": o["agent_id"]}]
    call = lambda type, **body: post(c.port, "/api/v1/scheduler", {"type": type, "framework_id": {"value": id}, **body}, headers={**auth("web"), "Mesos-Stream-Id": s.stream_id})
    reserve = {"type": "RESERVE", "id": {"value": "o"}, "reserve": {"resources": [{**RES1("web"), "reservations": [{"type": "DYNAMIC", "role": "web", "principal": "web"}]}]}}
    unreserve = {"type": "UNRESERVE", "id": {"value": "u"}, "unreserve": reserve["reserve"]}
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [reserve, unreserve, {"type": "LAUNCH", "launch": {"task_infos": tasks}}], "filters": {"refuse_seconds": 0}})
    got = {}
    while not ({"denied", "u"} <= set(got) and got.get("seen", {}).get("state") == "TASK_RUNNING"):
        e = s.until("updates", lambda e: e["type"] in ("UPDATE", "UPDATE_OPERATION_STATUS"))
        x = (e.get("update") or e["update_operation_status"])["status"]
        got[x.get("task_id", x.get("operation_id"))["value"]] = x
        if e["type"] == "UPDATE" and "uuid" in x:
            call("ACKNOWLEDGE", acknowledge={"agent_id": x["agent_id"], "task_id": x["task_id"], "uuid": x["uuid"]})
    equal((got["denied"]["state"], got["denied"]["reason"]), ("TASK_ERROR", "REASON_TASK_UNAUTHORIZED"), "run_tasks")
    check("Not authorized to perform " in got["u"]["message"], got["u"])
    for path in ("/tasks", "/state-summary", "/state", "/roles", "/weights", "/quota"):
        r = {w: http_request("GET", c.port, path, None, auth(w)) for w in ("ops", "web", "nobody")}
        equal([x.status for x in r.values()], [200] * 3, path)
        check(("seen" in r["web"].text, "seen" in r["nobody"].text) == (True, False) if path in ("/tasks", "/state") else len(r["nobody"].text) <= len(r["web"].text), f"{path}: {r['nobody'].text[:200]}")
    for type, key in (("GET_TASKS", "tasks"), ("GET_FRAMEWORKS", "frameworks"), ("GET_ROLES", "roles")):
        count = lambda who: len(c.v1(type, headers=auth(who)).json.get(type.lower(), {}).get(key, []))
        check(count("web") > 0 and count("nobody") == 0, f"{type}: {count('web')}, {count('nobody')}")


# --- operators' event streams -------------------------------------------------------------------------------------------------

def operator_stream(who):
    return open_stream("/api/v1", who, {"type": "SUBSCRIBE"})


@case("SUBSCRIBE of an operator: SUBSCRIBED with the state that may be seen, HEARTBEAT at once")
def _():
    global stream, blind
    stream, blind = operator_stream("ops"), operator_stream("nobody")
    equal((stream.status, stream.headers["content-type"], stream.headers["transfer-encoding"]), (200, "application/json", "chunked"), "answer")
    s, b = stream.next()["subscribed"], blind.next()["subscribed"]
    equal((s["heartbeat_interval_seconds"], [t["task_id"]["value"] for t in s["get_state"]["get_tasks"]["tasks"]]), (15.0, ["seen"]), "SUBSCRIBED")
    equal((b["get_state"].get("get_tasks", {}).get("tasks", []), b["get_state"].get("get_frameworks", {}).get("frameworks", [])), ([], []), "what nobody sees")
    equal((stream.next()["type"], blind.next()["type"]), ("HEARTBEAT", "HEARTBEAT"), "then")


@case("events: FRAMEWORK_ADDED, FRAMEWORK_UPDATED, TASK_ADDED, TASK_UPDATED, FRAMEWORK_REMOVED, AGENT_ADDED, AGENT_REMOVED, in that order; nobody sees those of agents only")
def _():
    info = {"user": "root", "name": "watched", "roles": ["web"], "principal": "web", "failover_timeout": 60, "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}
    s = scheduler_stream("web", info)
    id = s.next()["subscribed"]["framework_id"]
    e = stream.until("FRAMEWORK_ADDED", lambda e: e["type"] == "FRAMEWORK_ADDED")["framework_added"]["framework"]
    equal((e["framework_info"]["id"], e["active"], e["connected"]), (id, True, True), "FRAMEWORK_ADDED")
    call = lambda type, **body: post(c.port, "/api/v1/scheduler", {"type": type, "framework_id": id, **body}, headers={**auth("web"), "Mesos-Stream-Id": s.stream_id})
    equal(call("UPDATE_FRAMEWORK", update_framework={"framework_info": {**info, "id": id, "name": "renamed"}}).status, 200, "update")
    e = stream.until("FRAMEWORK_UPDATED", lambda e: e["type"] == "FRAMEWORK_UPDATED")["framework_updated"]["framework"]
    equal(e["framework_info"]["name"], "renamed", "FRAMEWORK_UPDATED")
    post(c.port, "/api/v1/scheduler", {"type": "TEARDOWN", "framework_id": {"value": held[0][1]}}, headers={**auth("web"), "Mesos-Stream-Id": held[0][0].stream_id})
    e = stream.until("FRAMEWORK_REMOVED", lambda e: e["type"] == "FRAMEWORK_REMOVED")
    equal(e["framework_removed"]["framework_info"]["name"], "of-web", "FRAMEWORK_REMOVED")
    o = s.until("an offer", lambda e: e["type"] == "OFFERS" and sum(r["scalar"]["value"] for r in e["offers"]["offers"][0]["resources"] if r["name"] == "cpus") >= 1)["offers"]["offers"][0]
    call("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{**task("watched"), "agent_id": o["agent_id"]}]}}]})
    e = stream.until("TASK_ADDED", lambda e: e["type"] == "TASK_ADDED")["task_added"]["task"]
    equal((e["task_id"]["value"], e["state"], e["framework_id"]), ("watched", "TASK_STAGING", id), "TASK_ADDED")
    for state in ("TASK_STARTING", "TASK_RUNNING"):
        u = s.until(state, lambda e: e["type"] == "UPDATE")["update"]["status"]
        e = stream.until("TASK_UPDATED", lambda e: e["type"] == "TASK_UPDATED")["task_updated"]
        equal((e["status"]["state"], e["framework_id"], e["status"]["task_id"]["value"]), (state, id, "watched"), "TASK_UPDATED")
        check(e["state"].startswith("TASK_"), e)
        call("ACKNOWLEDGE", acknowledge={"agent_id": u["agent_id"], "task_id": u["task_id"], "uuid": u["uuid"]})
    call("TEARDOWN")
    seen = []
    stream.until("FRAMEWORK_REMOVED", lambda e: seen.append(e["type"]) or e["type"] == "FRAMEWORK_REMOVED")
    check("TASK_UPDATED" in seen, f"TASK_UPDATED before FRAMEWORK_REMOVED: {seen}")
    port = free_ports()[0]
    c.agents.append(c.add_agent(9, port, "cpus:1;mem:64"))
    e = stream.until("AGENT_ADDED", lambda e: e["type"] == "AGENT_ADDED")["agent_added"]["agent"]
    check("checkpoint" not in e["agent_info"] and e["active"] and e["version"] and e["capabilities"], e)
    wait_for("the agent knows that it is registered", lambda: get(port, "/state").json["id"])
    c.agents.pop().stop(signal.SIGUSR1)
    equal(stream.until("AGENT_REMOVED", lambda e: e["type"] == "AGENT_REMOVED")["agent_removed"], {"agent_id": e["agent_info"]["id"]}, "AGENT_REMOVED")
    seen = []
    blind.until("AGENT_REMOVED", lambda e: seen.append(e["type"]) or e["type"] == "AGENT_REMOVED")
    equal([t for t in seen if t != "HEARTBEAT"], ["AGENT_ADDED", "AGENT_REMOVED"], "what nobody sees")


@case("--max_operator_event_stream_subscribers: one more ends the oldest")
def _():
    more = [operator_stream("ops") for _ in range(2)]
    e = {"type": ""}
    while e is not None:
        e = stream.next()
    equal(c.get("/metrics/snapshot").json["master/operator_event_stream_subscribers"], 3.0, "streams")
    for m in (*more, blind):
        m.close()


@case("they end cleanly")
def _():
    c.stop()


main(log_lines=0, needed=1)
