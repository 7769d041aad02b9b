#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--acls of the master: what is forbidden is answered as the original does, and changes nothing."""
import base64, json, os, socket, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

NONE, ANY = {"type": "NONE"}, {"type": "ANY"}
ACLS = {
    "register_frameworks": [{"principals": {"values": ["fw"]}, "roles": {"values": ["web"]}}, {"principals": ANY, "roles": NONE}],
    "teardown_frameworks": [{"principals": {"values": ["ops"]}, "framework_principals": ANY}, {"principals": ANY, "framework_principals": NONE}],
    "view_flags": [{"principals": {"values": ["ops"]}, "flags": ANY}, {"principals": ANY, "flags": NONE}],
    "view_frameworks": [{"principals": {"values": ["ops"]}, "users": ANY}, {"principals": {"values": ["fw"]}, "users": {"values": ["nobody"]}},
                        {"principals": ANY, "users": NONE}],
    "update_weights": [{"principals": {"values": ["ops"]}, "roles": {"values": ["web"]}}, {"principals": ANY, "roles": NONE}],
    "view_roles": [{"principals": {"values": ["ops"]}, "roles": ANY}, {"principals": ANY, "roles": NONE}],
    "update_quotas": [{"principals": ANY, "roles": NONE}],
    "get_endpoints": [{"principals": {"values": ["ops"]}, "paths": {"values": ["/metrics/snapshot"]}}, {"principals": ANY, "paths": NONE}],
    "mark_agents_gone": [{"principals": ANY, "agents": NONE}],
    "update_maintenance_schedules": [{"principals": ANY, "machines": NONE}],
    "set_log_level": [{"principals": ANY, "level": NONE}],
}
CREDENTIALS = {"credentials": [{"principal": p, "secret": "s"} for p in ("fw", "ops", "fw2")]}
port = free_ports()[0]
FLAGS = [STOA, "master", "--ip=127.0.0.1", f"--port={port}", "--registry=in_memory", "--credentials=" + json.dumps(CREDENTIALS),
         "--authenticate_http_readonly", "--authenticate_http_readwrite", "--authenticate_http_frameworks",
         "--http_framework_authenticators=basic"]
master = Process("master", FLAGS + ["--acls=" + json.dumps(ACLS)])
wait_for("the master to answer", lambda: get(port, "/health").status == 200)


def auth(who):
    return {"Authorization": "Basic " + base64.b64encode(f"{who}:s".encode()).decode()}


def read(path, who="fw"):
    return http_request("GET", port, path, None, auth(who))


def call(body, who="fw"):
    return http_request("POST", port, "/api/v1", body, auth(who))


def subscribe(who, role, user="nobody"):
    """The first event, and the socket that keeps the stream."""
    info = {"user": user, "name": "n", "roles": [role], "capabilities": [{"type": "MULTI_ROLE"}], "principal": who}
    text = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}).encode()
    s = socket.create_connection(("127.0.0.1", port), 20)
    s.sendall(b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
              b"Authorization: %s\r\nContent-Length: %d\r\n\r\n" % (auth(who)["Authorization"].encode(), len(text)) + text)
    f = s.makefile("rb")
    while f.readline() != b"\r\n":
        pass
    chunk = f.read(int(f.readline(), 16))
    return json.loads(chunk.split(b"\n", 1)[1]), s


@case("register_frameworks: roles that are not allowed get an ERROR event")
def _():
    e, _ = subscribe("fw", "secret")
    equal(e, {"type": "ERROR", "error": {"message": "Not authorized to register framework  with roles { secret }"}}, "event")
    e, _ = subscribe("fw2", "web")
    equal(e["type"], "ERROR", "another principal")
    global stream, framework
    e, stream = subscribe("fw", "web")
    equal(e["type"], "SUBSCRIBED", "an allowed role")
    framework = e["subscribed"]["framework_id"]["value"]


@case("teardown_frameworks, update_weights, update_quotas, mark_agents_gone, schedules, log level: 403, nothing changed")
def _():
    r = http_request("POST", port, "/teardown", f"frameworkId={framework}", auth("fw"))
    equal((r.status, r.text), (403, "403 Forbidden."), "teardown")
    equal(http_request("PUT", port, "/weights", '[{"role":"web","weight":2}]', auth("fw")).status, 403, "weights")
    equal(http_request("PUT", port, "/weights", '[{"role":"web","weight":2},{"role":"b","weight":2}]', auth("ops")).status, 403, "one of two")
    equal(read("/weights", "ops").json, [], "weights after")
    equal(call({"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [{"role": "web"}]}}).status, 403, "quota")
    equal(call({"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": "x"}}}).status, 403, "gone")
    equal(call({"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": {"schedule": {}}}).status, 403, "schedule")
    equal(call({"type": "SET_LOGGING_LEVEL", "set_logging_level": {"level": 1, "duration": {"nanoseconds": 1}}}).status, 403, "log level")
    equal(http_request("PUT", port, "/weights", '[{"role":"web","weight":2}]', auth("ops")).status, 200, "weights of who may")


@case("view_flags, get_endpoints: 403, and no flags in /state")
def _():
    for r in (read("/flags"), call({"type": "GET_FLAGS"}), read("/metrics/snapshot")):
        equal((r.status, r.text), (403, "403 Forbidden."), "answer")
    check("flags" not in read("/state").json and "flags" in read("/state", "ops").json, "flags in /state")
    equal([read("/flags", "ops").status, read("/metrics/snapshot", "ops").status], [200, 200], "who may")


@case("view_frameworks, view_roles: what may not be seen is left out")
def _():
    e, other = subscribe("fw", "web", "alice")
    equal(e["type"], "SUBSCRIBED", "second framework")
    for who, count in (("fw", 1), ("fw2", 0), ("ops", 2)):
        equal(len(read("/state", who).json["frameworks"]), count, "/state of " + who)
        equal(len(read("/frameworks", who).json["frameworks"]), count, "/frameworks of " + who)
        equal(len(read("/state-summary", who).json["frameworks"]), count, "/state-summary of " + who)
        equal(len(call({"type": "GET_FRAMEWORKS"}, who).json["get_frameworks"]["frameworks"]), count, "GET_FRAMEWORKS of " + who)
    equal([len(read("/roles", w).json["roles"]) for w in ("fw", "ops")], [0, 1], "/roles")
    equal([len(read("/weights", w).json) for w in ("fw", "ops")], [0, 1], "/weights")
    other.close()


@case("view_roles: reserved resources, decisions and operator events are those of roles and frameworks that may be seen")
def _():
    d, agent_port = scratch(), free_ports()[0]
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a", f"--runtime_dir={d}/r",
                              f"--cgroups_root=stoa_acl_{port}", "--resources=cpus:2;mem:512;disk:0;ports:[31000-31001];cpus(web):1", "--registration_backoff_factor=100ms"])
    wait_for("the agent", lambda: read("/slaves", "ops").json["slaves"])
    decisions = lambda who: read("/stoa/v1/decisions", who).json["decisions"]
    wait_for("a decision", lambda: "web" in json.dumps(decisions("ops")))
    for who, sees in (("ops", True), ("fw2", False)):
        s = read("/slaves", who).json["slaves"][0]
        equal([list(s["reserved_resources"]), list(s["reserved_resources_full"])], [["web"]] * 2 if sees else [[], []], "/slaves of " + who)
        equal(list(read("/state", who).json["slaves"][0]["reserved_resources"]), ["web"] if sees else [], "/state of " + who)
        a = call({"type": "GET_AGENTS"}, who).json["get_agents"]["agents"][0]
        for l in (a["total_resources"], a["agent_info"]["resources"]):
            equal("web" in json.dumps(l), sees, "GET_AGENTS of " + who)
        equal("web" in json.dumps(decisions(who)), sees, "decisions of " + who)
        equal(bool(read("/stoa/v1/why", who).json["agents"]), sees, "why of " + who)
    unreserve = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [{"type": "DYNAMIC", "role": "web", "principal": "ops"}]}
    r = call({"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": a["agent_info"]["id"], "resources": [unreserve]}}, "ops")
    equal(r.status, 202, r.text)
    equal(call({"type": "GET_OPERATIONS"}, "fw2").json.get("get_operations", {}).get("operations", []), [], "operations of fw2")
    agent.stop()


@case("who may tear down does")
def _():
    equal(http_request("POST", port, "/teardown", f"frameworkId={framework}", auth("ops")).status, 200, "teardown")
    stream.close()


@case("rules and limits that cannot be used stop the master with a message that names them")
def _():
    equal(master.stop(), 0, "exit status")
    for flag, text in (('--acls={"fly":[]}', "'fly'"), ("--acls=/no/such/file", "/no/such/file"),
                       ("--agent_reregister_timeout=9mins", "10mins"), ("--whitelist=/no/such/file", "/no/such/file"), ("--whitelist=file:///no/such/file", "/no/such/file"),
                       ("--weights=web", "role=weight"), ("--weights=web=-1", "greater than 0"), ("--roles=a,/b", "'/b'"),
                       ('--rate_limits={"limits":[{"qps":1}]}', "principal"), ('--rate_limits={"limits":[{"principal":"p","qps":0}]}', "qps")):
        r = subprocess.run(FLAGS + [flag], capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and text in r.stderr, f"{flag}: {r.returncode} {r.stderr}")


main()
