#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The unversioned endpoints of master and agent by curl, as scripts and old tools use them: with form bodies, query parameters, the
process prefix, a trailing slash, POST where GET is meant, jsonp and gzip; and the master's event stream."""
import os, sys, urllib.parse
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

dev = None


def curl(port, path, *args, status=200):
    r = subprocess.run(["curl", "-sS", "-i", "--max-time", "60", *args, f"http://127.0.0.1:{port}{path}"], capture_output=True)
    equal(r.returncode, 0, f"curl {path}: {r.stderr.decode()}")
    head, _, body = r.stdout.partition(b"\r\n\r\n")
    equal(int(head.split()[1]), status, f"status of {path} {args} ({body[:200]!r})")
    return {l.partition(":")[0].lower(): l.partition(":")[2].strip() for l in head.decode().split("\r\n")[1:]}, body


def master(path, *args, status=200):
    return curl(dev.master, path, *args, status=status)[1]


def agent(path, *args, status=200):
    return curl(dev.agents[0], path, *args, status=status)[1]


def m_json(path, *args):
    return json.loads(master(path, *args))


def a_json(path, *args):
    return json.loads(agent(path, *args))


def slave():
    return m_json("/slaves")["slaves"][0]


def form(**fields):
    return [x for k, v in fields.items() for x in ("--data-urlencode", f"{k}={v if isinstance(v, str) else json.dumps(v)}")]


def task():
    return [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"][0]


@case("master: what is read without a leader: /health /version /redirect /flags")
def _():
    global dev
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    dev = Dev(master_flags=[f"log_dir={scratch()}/log"])
    dev.deploy({"id": "/sleeper", "cmd": "echo written; sleep 10000", "cpus": 0.1, "mem": 32, "instances": 1})
    headers, body = curl(dev.master, "/health")
    equal((body, "content-type" in headers), (b"", False), "answer of /health")
    check(re.fullmatch(r"\d+\.\d+\.\d+", m_json("/version")["version"]), m_json("/version"))
    headers, body = curl(dev.master, "/redirect", status=307)
    check(re.fullmatch(r"//[^/]+:%d" % dev.master, headers["location"]), headers)
    curl(dev.master, "/master/redirect", status=307)
    check("work_dir" in m_json("/flags")["flags"], "flags")


@case("master: /state /state-summary /slaves /frameworks /tasks /roles")
def _():
    state = m_json("/state")
    equal((state["pid"], state["leader"]), (f"master@127.0.0.1:{dev.master}", f"master@127.0.0.1:{dev.master}"), "pid and leader")
    equal((state["activated_slaves"], state["orphan_tasks"], state["unregistered_frameworks"]), (1, [], []), "keys of /state")
    marathon = [f for f in state["frameworks"] if f["name"] == "marathon"][0]
    check("pid" not in marathon and marathon["tasks"][0]["statuses"][-1]["container_status"]["network_infos"][0]["ip_addresses"], marathon)
    summary = m_json("/state-summary")
    equal([s["id"] for s in summary["slaves"]], [slave()["id"]], "slaves of /state-summary")
    equal(summary["slaves"][0]["TASK_RUNNING"], 1, "running tasks of /state-summary")
    equal(len(m_json("/slaves?slave_id=" + slave()["id"])["slaves"]), 1, "slaves with that id")
    equal(m_json("/slaves?slave_id=nobody")["slaves"], [], "slaves with another id")
    equal([f["id"] for f in m_json("/frameworks?framework_id=" + marathon["id"])["frameworks"]], [marathon["id"]], "frameworks")
    id = task()["id"]
    equal([t["id"] for t in m_json(f"/tasks?task_id={id}")["tasks"]], [id], "tasks with that id")
    equal(m_json("/tasks?limit=0")["tasks"], [], "no tasks")
    equal([t["id"] for t in m_json("/tasks?order=asc&limit=-1&offset=0&framework_id=" + marathon["id"])["tasks"]][-1], id, "tasks in order")
    check([r for r in m_json("/roles")["roles"] if r["name"] == "*" and r["resources"]["cpus"] == 0.1], m_json("/roles"))
    equal(sorted(r["name"] for r in m_json("/master/roles/")["roles"]), sorted(r["name"] for r in m_json("/roles")["roles"]), "with prefix and slash")


@case("master: tolerance: prefix, trailing slash, POST, jsonp, gzip, unknown paths")
def _():
    for path in ("/master/state", "/state/", "/master/slaves", "/master/tasks/", "/master/frameworks/", "/slaves/" + slave()["id"]):
        m_json(path)
    m_json("/slaves", "-X", "POST", "-H", "Content-Type: application/json", "-H", "Mesos-Stream-Id: x", "-d", "")
    headers, body = curl(dev.master, "/slaves?jsonp=call")
    equal((headers["content-type"], body[:5], body[-1:]), ("text/javascript", b"call(", b")"), "jsonp")
    headers, body = curl(dev.master, "/state", "-H", "Accept-Encoding: gzip")
    equal((headers.get("content-encoding"), body[:2]), ("gzip", b"\x1f\x8b"), "gzip")
    headers, body = curl(dev.master, "/version", "-H", "Accept-Encoding: gzip")
    equal(headers.get("content-encoding"), None, "encoding of a short answer")
    for path in ("/state.json", "/nothing", "/master/nothing"):
        master(path, status=404)


@case("master: /weights and /quota as REST")
def _():
    master("/weights", "-X", "PUT", "-d", '[{"role":"curl","weight":2.5}]')
    equal(m_json("/weights"), [{"role": "curl", "weight": 2.5}], "weights")
    master("/weights", "-X", "PUT", "-d", '[{"role":"curl","weight":-1}]', status=400)
    master("/quota", "-d", '{"role":"curl","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}')
    equal([i["role"] for i in m_json("/quota")["infos"]], ["curl"], "quota")
    master("/quota", "-d", '{"role":"curl","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}', status=400)
    master("/quota/curl", "-X", "DELETE")
    master("/quota/nobody", "-X", "DELETE", status=400)


@case("master: /maintenance/schedule /maintenance/status /machine/down /machine/up")
def _():
    machine = {"hostname": "m1", "ip": "10.1.1.1"}
    schedule = {"windows": [{"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 1893456000000000000}}}]}
    master("/maintenance/schedule", "-d", json.dumps(schedule))
    equal(m_json("/maintenance/schedule")["windows"][0]["machine_ids"], [machine], "schedule")
    equal(m_json("/maintenance/status")["draining_machines"][0]["id"], machine, "draining machine")
    master("/machine/down", "-d", json.dumps([machine]))
    equal(m_json("/maintenance/status")["down_machines"], [machine], "machine down")
    master("/machine/down", "-d", json.dumps([machine]), status=400)
    master("/machine/up", "-d", json.dumps([machine]))
    equal(m_json("/maintenance/status").get("down_machines", []), [], "machines down")
    master("/maintenance/schedule", "-d", "{", status=400)


@case("master: /reserve /create-volumes /destroy-volumes /unreserve with forms")
def _():
    id = slave()["id"]
    disk = {"name": "disk", "type": "SCALAR", "scalar": {"value": 32}, "role": "curl", "reservation": {}}
    volume = {**disk, "disk": {"persistence": {"id": "v"}, "volume": {"container_path": "data", "mode": "RW"}}}
    master("/reserve", *form(slaveId=id, resources=[disk]), status=202)
    equal(wait_for("reserved", lambda: slave()["reserved_resources"].get("curl"))["disk"], 32, "reserved")
    master("/create-volumes", *form(slaveId=id, volumes=[volume]), status=202)
    wait_for("the volume", lambda: [r for r in slave()["reserved_resources_full"]["curl"] if r.get("disk")])
    master("/unreserve", *form(slaveId=id, resources=[disk]), status=409)
    master("/destroy-volumes", *form(slaveId=id, volumes=[volume]), status=202)
    master("/unreserve", *form(slaveId=id, resources=[disk]), status=202)
    wait_for("nothing is reserved", lambda: not slave()["reserved_resources"])
    master("/reserve", *form(slaveId="nobody", resources=[disk]), status=400)
    master("/reserve", status=405)


@case("master: /files/browse /files/read /files/download /files/debug of its log")
def _():
    real = m_json("/files/debug")["/master/log"]
    check(os.path.exists(real), real)
    equal(m_json("/files/browse?path=/master/log"), [], "a file has no entries")
    size = m_json("/files/read?path=/master/log")["offset"]
    check(size > 0, "offset without an offset is the size")
    equal(len(m_json("/files/read?path=/master/log&offset=0&length=10")["data"]), 10, "bytes read")
    check(len(master("/files/download?path=/master/log")) >= size, "download")
    master("/files/read?path=/master/log&offset=x", status=400)
    master("/files/browse", status=400)
    master("/files/browse?path=/etc", status=404)


@case("master: /metrics/snapshot /logging/toggle /system/stats.json /registrar(1)/registry /allocator/offer_constraints_debug /help /__processes__")
def _():
    equal(m_json("/metrics/snapshot?timeout=100ms")["master/elected"], 1, "elected")
    master("/metrics/snapshot?timeout=nonsense", status=400)
    equal(master("/logging/toggle"), b"0\n", "level")
    master("/logging/toggle?level=1", status=400)
    master("/logging/toggle?level=1&duration=1secs")
    equal(master("/logging/toggle"), b"1\n", "level")
    check(m_json("/system/stats.json")["cpus_total"] >= 1, "cpus")
    check(m_json("/registrar(1)/registry")["slaves"]["slaves"], "registry")
    check("frameworks" in m_json("/allocator/offer_constraints_debug"), "constraints")
    master("/help")
    check(m_json("/__processes__"), "processes")


@case("master: the operator's event stream: FRAMEWORK_ADDED, TASK_ADDED, TASK_UPDATED, FRAMEWORK_UPDATED, FRAMEWORK_REMOVED, AGENT_REMOVED, AGENT_ADDED")
def _():
    s = Stream(dev.master, {"type": "SUBSCRIBE"}, path="/api/v1")
    equal(s.next()["type"], "SUBSCRIBED", "first event")
    equal(s.next()["type"], "HEARTBEAT", "second event")
    info = {"user": "root", "name": "watched", "failover_timeout": 60.0}
    f = Stream(dev.master, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}, path="/api/v1/scheduler")
    id = f.next()["subscribed"]["framework_id"]
    added = s.until("FRAMEWORK_ADDED", lambda e: e["type"] == "FRAMEWORK_ADDED")["framework_added"]["framework"]
    equal(added["framework_info"]["id"], id, "id of the framework")
    o = f.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    call = lambda s, type, **more: equal(post(dev.master, "/api/v1/scheduler", {"framework_id": id, "type": type, **more}, headers={"Mesos-Stream-Id": s.stream_id}).status, 202, type)
    resources = [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))]
    call(f, "ACCEPT", accept={"offer_ids": [o["id"]], "operations": [
        {"type": "LAUNCH", "launch": {"task_infos": [{"name": "t", "task_id": {"value": "watched"}, "agent_id": o["agent_id"], "resources": resources, "command": {"value": "sleep 1000"}}]}}]})
    is_it = lambda e, key: e["type"] == key and json.dumps("watched") in json.dumps(e)
    s.until("TASK_ADDED", lambda e: is_it(e, "TASK_ADDED"))
    u = s.until("TASK_UPDATED", lambda e: is_it(e, "TASK_UPDATED") and e["task_updated"]["state"] == "TASK_RUNNING")["task_updated"]
    equal((u["framework_id"], u["status"]["state"]), (id, "TASK_STARTING"), "framework, and the update that is not acknowledged")
    again = Stream(dev.master, {"type": "SUBSCRIBE", "framework_id": id, "subscribe": {"force": True, "framework_info": {**info, "id": id, "name": "watched again"}}}, path="/api/v1/scheduler")
    equal(s.until("FRAMEWORK_UPDATED", lambda e: e["type"] == "FRAMEWORK_UPDATED")["framework_updated"]["framework"]["framework_info"]["name"], "watched again", "new name")
    # An operation that only a resource provider could carry out.
    again.until("subscribed", lambda e: e["type"] == "SUBSCRIBED")
    o = again.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    source = {"name": "disk", "type": "SCALAR", "scalar": {"value": 10}, "disk": {"source": {"type": "RAW"}}}
    call(again, "ACCEPT", accept={"offer_ids": [o["id"]], "operations": [
        {"type": "CREATE_DISK", "create_disk": {"source": source, "target_type": "MOUNT"}},
        {"type": "DESTROY_DISK", "destroy_disk": {"source": source}}]})
    equal(curl(dev.master, "/teardown", *form(frameworkId=id["value"]))[1], b"", "answer to /teardown")
    s.until("FRAMEWORK_REMOVED", lambda e: e["type"] == "FRAMEWORK_REMOVED")
    master("/teardown", *form(frameworkId=id["value"]), status=400)
    os.kill(dev.pid_of("agent1"), signal.SIGUSR1)  # it signs off, and dev starts another
    equal(set(s.until("AGENT_REMOVED", lambda e: e["type"] == "AGENT_REMOVED", 60)["agent_removed"]), {"agent_id"}, "AGENT_REMOVED")
    equal(s.until("AGENT_ADDED", lambda e: e["type"] == "AGENT_ADDED", 60)["agent_added"]["agent"]["active"], True, "AGENT_ADDED")
    s.close()
    again.close()
    dev.settled("/sleeper")


@case("agent: /health /version /flags /state /containers /monitor/statistics /containerizer/debug, bare and behind /slave(1)")
def _():
    equal(agent("/health"), b"", "health")
    equal(a_json("/version")["version"], m_json("/version")["version"], "version")
    check("work_dir" in a_json("/flags")["flags"], "flags")
    state = a_json("/slave(1)/state")
    equal(a_json("/slave%281%29/state")["id"], state["id"], "id behind the encoded prefix")
    executor = [e for f in state["frameworks"] for e in f["executors"]][0]
    check(executor["directory"] and executor["tasks"][0]["id"] == task()["id"], executor)
    c = [c for c in a_json("/containers") if c["executor_id"] == executor["id"]][0]
    equal(c["container_id"], executor["container"], "container")
    equal([x["container_id"] for x in a_json("/containers?container_id=" + c["container_id"])], [c["container_id"]], "one container")
    s = [s for s in a_json("/monitor/statistics") if s["executor_id"] == executor["id"]][0]["statistics"]
    check({"timestamp", "cpus_soft_limit", "mem_limit_bytes", "mem_rss_bytes", "cpus_user_time_secs"} <= set(s), s)
    equal(a_json("/containerizer/debug"), {"pending": []}, "pending operations")
    agent("/nothing", status=404)


@case("agent: /files/browse /files/read /files/download /files/debug of a sandbox, by each of its three names")
def _():
    state = a_json("/state")
    f, e = [(f, e) for f in state["frameworks"] for e in f["executors"]][0]
    names = [e["directory"], os.path.dirname(e["directory"]) + "/latest", f"/frameworks/{f['id']}/executors/{e['id']}/runs/latest"]
    for name in names:
        q = urllib.parse.quote(name, safe="/")
        check({"stdout", "stderr"} <= {os.path.basename(x["path"]) for x in a_json("/files/browse?path=" + q)}, f"no stdout in {name}")
        equal(a_json(f"/files/read?path={q}/stdout&offset=0")["data"], "written\n", "data")
        equal(agent(f"/files/download?path={q}/stdout"), b"written\n", "download")
        check(name in a_json("/files/debug"), f"{name} is not in /files/debug")
        agent(f"/files/read?path={q}/../../../../../../../../etc/passwd&offset=0", status=404)
    agent("/files/read?path=/etc/passwd&offset=0", status=404)


@case("agent: /metrics/snapshot /logging/toggle /system/stats.json /help /__processes__ /api/v1/resource_provider")
def _():
    equal(a_json("/metrics/snapshot")["slave/registered"], 1, "registered")
    equal(agent("/logging/toggle"), b"0\n", "level")
    check(a_json("/system/stats.json")["mem_total_bytes"] > 0, "memory")
    check(b"/state" in agent("/help"), "help")
    equal(a_json("/__processes__")[0]["id"], "slave(1)", "process")
    agent("/api/v1/resource_provider", "-X", "POST", "-d", "{}", "-H", "Content-Type: application/json", status=501)


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
