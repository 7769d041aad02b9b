#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every call of the scheduler API and of the operator APIs of master and agent, as a person makes it with curl: the effect is
asserted on the cluster's own state. The last cases hold the calls made against the API's list, so that none is missing."""
import base64, concurrent.futures, os, sys, uuid
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

dev = None
made = {"scheduler": set(), "master": set(), "agent": set()}
stream = fw = executor_task = None
RES = lambda cpus, mem, **more: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}, **more}, {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}, **more}]
DYNAMIC = {"reservations": [{"type": "DYNAMIC", "role": "curl"}]}


def curl(url, call, *more):
    """(status, headers, body) of a POST by curl."""
    r = subprocess.run(["curl", "-sS", "-i", "--max-time", "60", "-X", "POST", "-H", "Content-Type: application/json", *more,
                        "-d", call if isinstance(call, str) else json.dumps(call), url], capture_output=True)
    equal(r.returncode, 0, f"curl {call}: {r.stderr.decode()}")
    head, _, body = r.stdout.partition(b"\r\n\r\n")
    while head.split()[1] == b"100":
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {l.partition(":")[0].lower(): l.partition(":")[2].strip() for l in lines[1:]}, body.decode()


def master(type, status=200, **body):
    made["master"].add(type)
    s, headers, text = curl(f"http://127.0.0.1:{dev.master}/api/v1", {"type": type, **body})
    equal(s, status, f"status of {type} ({text[:300]})")
    if not text:
        check("content-type" not in headers, f"an empty answer to {type} has a Content-Type")
    return json.loads(text)[type.lower()] if text and status == 200 else text


def agent(type, status=200, headers=(), **body):
    made["agent"].add(type)
    s, h, text = curl(f"http://127.0.0.1:{dev.agents[0]}/api/v1", {"type": type, **body}, *[x for v in headers for x in ("-H", v)])
    equal(s, status, f"status of {type} ({text[:300]})")
    return json.loads(text).get(type.lower(), {}) if text.startswith("{") and status == 200 else text


def call(type, status=202, **body):
    made["scheduler"].add(type)
    s, headers, text = curl(f"http://127.0.0.1:{dev.master}/api/v1/scheduler", {"framework_id": {"value": fw}, "type": type, **body},
                            "-H", f"Mesos-Stream-Id: {stream.id}")
    equal((s, text), (status, ""), f"answer to {type}")


class Subscription:
    """curl -N that writes the stream to a file, read as RecordIO."""

    def __init__(self, info):
        made["scheduler"].add("SUBSCRIBE")
        self.body, self.head = os.path.join(scratch(), "stream"), os.path.join(scratch(), "head")
        open(self.body, "w").close()
        self.p = subprocess.Popen(["curl", "-sS", "-N", "-D", self.head, "-o", self.body, "-H", "Content-Type: application/json", "-H", "Accept: application/json",
                                   "-d", json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}), f"http://127.0.0.1:{dev.master}/api/v1/scheduler"])
        self.read = 0
        self.id = wait_for("a stream id", lambda: re.search(r"Mesos-Stream-Id: (\S+)", open(self.head).read(), re.I).group(1) if os.path.exists(self.head) and "Stream-Id" in open(self.head).read() else None)

    def events(self):
        data, at, out = open(self.body, "rb").read(), 0, []
        while b"\n" in data[at:]:
            size, _, _ = data[at:].partition(b"\n")
            start = at + len(size) + 1
            if start + int(size) > len(data):
                break
            out.append(json.loads(data[start:start + int(size)]))
            at = start + int(size)
        return out

    def until(self, what, fn, seconds=PATIENCE):
        """The first event not seen by an earlier until() for which fn is true."""
        def look():
            for i, e in enumerate(self.events()):
                if i >= self.read and fn(e):
                    self.read = i + 1
                    return e
        try:
            return wait_for(what, look, seconds)
        except Failed as e:
            raise Failed(f"{e}; since: {[x for x in self.events()[self.read:] if x['type'] != 'HEARTBEAT']}")

    def status(self, task, state):
        s = self.until(f"{task} {state}", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task and e["update"]["status"]["state"] == state)["update"]["status"]
        return s

    def offer(self, fn=lambda o: True):
        return self.until("an offer", lambda e: e["type"] == "OFFERS" and fn(e["offers"]["offers"][0]))["offers"]["offers"][0]


def slave():
    return get(dev.master, "/slaves").json["slaves"][0]


def task_state(id):
    return {t["id"]: t["state"] for t in dev.tasks()}.get(id)


def accept(offer, *operations, refuse=0):
    call("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": list(operations), "filters": {"refuse_seconds": refuse}})


def acknowledge(s):
    call("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})


def run_task(id, command, offer, acked=True, **more):
    accept(offer, {"type": "LAUNCH", "launch": {"task_infos": [{"name": id, "task_id": {"value": id}, "agent_id": offer["agent_id"], "resources": RES(0.1, 32), "command": {"value": command}, **more}]}})
    acknowledge(stream.status(id, "TASK_STARTING"))
    s = stream.status(id, "TASK_RUNNING")
    if acked:
        acknowledge(s)
    return s


@case("scheduler: SUBSCRIBE, DECLINE, REVIVE, SUPPRESS, REQUEST")
def _():
    global dev, stream, fw
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    dev = Dev(master_flags=[f"log_dir={scratch()}/log"])  # only a master with a log file has a file to show
    stream = Subscription({"user": "root", "name": "curl", "roles": ["curl"], "failover_timeout": 3600.0,
                           "capabilities": [{"type": t} for t in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")]})
    fw = stream.until("SUBSCRIBED", lambda e: e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]["value"]
    stream.until("HEARTBEAT", lambda e: e["type"] == "HEARTBEAT")
    o = stream.offer()
    equal(o["allocation_info"], {"role": "curl"}, "allocation_info")
    call("DECLINE", decline={"offer_ids": [o["id"]], "filters": {"refuse_seconds": 3600}})
    call("REVIVE")
    o = stream.offer()
    call("SUPPRESS", suppress={"roles": ["curl"]})
    call("DECLINE", decline={"offer_ids": [o["id"]], "filters": {"refuse_seconds": 0}})
    call("REQUEST", request={"requests": [{"agent_id": o["agent_id"], "resources": RES(1, 32)}]})
    equal([f["offers"] for f in get(dev.master, "/frameworks").json["frameworks"] if f["id"] == fw], [[]], "offers while suppressed")
    call("REVIVE", revive={"roles": ["curl"]})


@case("scheduler: ACCEPT, ACKNOWLEDGE, RECONCILE, KILL")
def _():
    s = run_task("sleeps", "sleep 1000", stream.offer())
    check(s["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], s)
    equal(task_state("sleeps"), "TASK_RUNNING", "state at the master")
    call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "sleeps"}}, {"task_id": {"value": "nobody"}}]})
    equal(stream.status("sleeps", "TASK_RUNNING")["reason"], "REASON_RECONCILIATION", "reason")
    stream.status("nobody", "TASK_UNKNOWN")
    call("RECONCILE", reconcile={"tasks": []})
    stream.status("sleeps", "TASK_RUNNING")
    call("KILL", kill={"task_id": {"value": "sleeps"}})
    acknowledge(stream.status("sleeps", "TASK_KILLED"))
    wait_for("it is completed at the master", lambda: task_state("sleeps") == "TASK_KILLED" and not slave()["used_resources"]["cpus"])


@case("scheduler: MESSAGE and SHUTDOWN of an executor")
def _():
    o = stream.offer()
    executor = {"type": "DEFAULT", "executor_id": {"value": "group"}, "framework_id": {"value": fw},
                "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 5}}]}
    accept(o, {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": [
        {"name": "member", "task_id": {"value": "member"}, "agent_id": o["agent_id"], "resources": RES(0.1, 32), "command": {"value": "sleep 1000"}}]}}})
    acknowledge(stream.status("member", "TASK_STARTING"))
    acknowledge(stream.status("member", "TASK_RUNNING"))
    before = get(dev.master, "/metrics/snapshot").json["master/valid_framework_to_executor_messages"]
    call("MESSAGE", message={"agent_id": o["agent_id"], "executor_id": {"value": "group"}, "data": base64.b64encode(b"hello").decode()})
    equal(get(dev.master, "/metrics/snapshot").json["master/valid_framework_to_executor_messages"], before + 1, "messages that were passed on")
    call("SHUTDOWN", shutdown={"executor_id": {"value": "group"}, "agent_id": o["agent_id"]})
    s = stream.until("member ended", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == "member" and e["update"]["status"]["state"] in ("TASK_KILLED", "TASK_FAILED", "TASK_GONE"))
    acknowledge(s["update"]["status"])
    stream.until("the executor's end", lambda e: e["type"] == "FAILURE" and e["failure"]["executor_id"]["value"] == "group")


@case("scheduler: operations with feedback: ACKNOWLEDGE_OPERATION_STATUS, RECONCILE_OPERATIONS")
def _():
    o = stream.offer()
    accept(o, {"type": "RESERVE", "id": {"value": "reserve-1"}, "reserve": {"resources": RES(0.1, 32, **DYNAMIC)}})
    s = stream.until("the operation's status", lambda e: e["type"] == "UPDATE_OPERATION_STATUS")["update_operation_status"]["status"]
    equal((s["operation_id"]["value"], s["state"]), ("reserve-1", "OPERATION_FINISHED"), "status")
    equal(slave()["reserved_resources"]["curl"]["mem"], 32.0, "reserved memory")
    call("RECONCILE_OPERATIONS", reconcile_operations={"operations": [{"operation_id": {"value": "reserve-1"}, "agent_id": o["agent_id"]}, {"operation_id": {"value": "unknown"}}]})
    answers = [stream.until("an answer", lambda e: e["type"] == "UPDATE_OPERATION_STATUS" and "uuid" not in e["update_operation_status"]["status"])["update_operation_status"]["status"] for _ in range(2)]
    equal({a["operation_id"]["value"]: a["state"] for a in answers}, {"reserve-1": "OPERATION_FINISHED", "unknown": "OPERATION_UNKNOWN"}, "answers")
    call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status={"agent_id": o["agent_id"], "uuid": s["uuid"]["value"], "operation_id": s["operation_id"]})
    o = stream.offer(lambda o: [r for r in o["resources"] if r.get("reservations")])
    accept(o, {"type": "UNRESERVE", "unreserve": {"resources": [r for r in o["resources"] if r.get("reservations")]}})
    wait_for("nothing is reserved", lambda: not slave()["reserved_resources"])


@case("scheduler: inverse offers: ACCEPT_INVERSE_OFFERS, DECLINE_INVERSE_OFFERS")
def _():
    run_task("stays", "sleep 1000", stream.offer())
    s = slave()
    machine = {"hostname": s["hostname"], "ip": "127.0.0.1"}
    when = {"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 1893456000000000000}}}
    master("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": [when]}})
    i = stream.until("an inverse offer", lambda e: e["type"] == "INVERSE_OFFERS")["inverse_offers"]["inverse_offers"][0]
    equal(i["unavailability"]["start"]["nanoseconds"], 1893456000000000000, "start")
    call("DECLINE_INVERSE_OFFERS", decline_inverse_offers={"inverse_offer_ids": [i["id"]], "filters": {"refuse_seconds": 0}})
    answer = lambda: [x["status"] for d in master("GET_MAINTENANCE_STATUS")["status"].get("draining_machines", []) for x in d.get("statuses", [])]
    wait_for("the refusal is known", lambda: answer() == ["DECLINE"])
    i = stream.until("another inverse offer", lambda e: e["type"] == "INVERSE_OFFERS")["inverse_offers"]["inverse_offers"][0]
    call("ACCEPT_INVERSE_OFFERS", accept_inverse_offers={"inverse_offer_ids": [i["id"]], "filters": {"refuse_seconds": 3600}})
    wait_for("the consent is known", lambda: answer() == ["ACCEPT"])
    equal(master("GET_MAINTENANCE_SCHEDULE")["schedule"]["windows"][0]["machine_ids"], [machine], "machines of the schedule")
    master("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {}})


@case("scheduler: UPDATE_FRAMEWORK")
def _():
    info = {"id": {"value": fw}, "user": "root", "name": "curl again", "roles": ["curl", "more"], "failover_timeout": 3600.0,
            "capabilities": [{"type": t} for t in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")]}
    call("UPDATE_FRAMEWORK", status=200, update_framework={"framework_info": info, "suppressed_roles": ["more"]})
    f = [f for f in get(dev.master, "/frameworks").json["frameworks"] if f["id"] == fw][0]
    equal((f["name"], f["roles"]), ("curl again", ["curl", "more"]), "name and roles")


@case("master: the calls that only look")
def _():
    equal(master("GET_HEALTH"), {"healthy": True}, "health")
    check([f for f in master("GET_FLAGS")["flags"] if f["name"] == "work_dir"], "flags")
    check(re.fullmatch(r"\d+\.\d+\.\d+", master("GET_VERSION")["version_info"]["version"]), "version")
    check([m for m in master("GET_METRICS", get_metrics={"timeout": {"nanoseconds": 5000000000}})["metrics"] if m["name"] == "master/uptime_secs"], "metrics")
    master("SET_LOGGING_LEVEL", set_logging_level={"level": 1, "duration": {"nanoseconds": 4000000000}})
    equal(master("GET_LOGGING_LEVEL"), {"level": 1}, "logging level")
    wait_for("the level is back", lambda: master("GET_LOGGING_LEVEL") == {"level": 0})
    equal(len(master("GET_STATE")["get_agents"]["agents"]), 1, "agents of the state")
    equal(master("GET_AGENTS")["agents"][0]["active"], True, "active")
    check(fw in [f["framework_info"]["id"]["value"] for f in master("GET_FRAMEWORKS")["frameworks"]], "frameworks")
    master("GET_EXECUTORS")
    check("stays" in [t["task_id"]["value"] for t in master("GET_TASKS")["tasks"]], "tasks")
    check("curl" in [r["name"] for r in master("GET_ROLES")["roles"]], "roles")
    equal(master("GET_MASTER")["master_info"]["port"], dev.master, "port of the master")
    master("GET_OPERATIONS")
    made["master"].add("SUBSCRIBE")
    with subprocess.Popen(["curl", "-sS", "-N", "--max-time", "60", "-H", "Content-Type: application/json", "-d", '{"type":"SUBSCRIBE"}', f"http://127.0.0.1:{dev.master}/api/v1"],
                          stdout=subprocess.PIPE) as p:
        size = int(p.stdout.readline())
        equal(json.loads(p.stdout.read(size))["type"], "SUBSCRIBED", "first record")
        p.kill()


@case("master: files")
def _():
    check("/master/log" in get(dev.master, "/files/debug").json, "virtual paths")
    master("LIST_FILES", list_files={"path": "/master/log"})
    equal(len(base64.b64decode(master("READ_FILE", read_file={"path": "/master/log", "offset": 0, "length": 10})["data"])), 10, "bytes read")
    s, _, text = curl(f"http://127.0.0.1:{dev.master}/api/v1", {"type": "READ_FILE", "read_file": {"path": "/nothing", "offset": 0}})
    equal(s, 404, f"status of READ_FILE of nothing ({text})")


@case("master: weights and quota")
def _():
    master("UPDATE_WEIGHTS", update_weights={"weight_infos": [{"role": "curl", "weight": 2.0}]})
    equal(master("GET_WEIGHTS")["weight_infos"], [{"role": "curl", "weight": 2.0}], "weights")
    master("UPDATE_QUOTA", update_quota={"quota_configs": [{"role": "q1", "guarantees": {"cpus": {"value": 0.5}}, "limits": {"cpus": {"value": 1.0}}}]})
    config = [c for c in master("GET_QUOTA")["status"]["configs"] if c["role"] == "q1"][0]
    equal((config["guarantees"], config["limits"]), ({"cpus": {"value": 0.5}}, {"cpus": {"value": 1.0}}), "quota")
    master("SET_QUOTA", set_quota={"quota_request": {"role": "q2", "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.25}}]}})
    check([c for c in master("GET_QUOTA")["status"]["configs"] if c["role"] == "q2" and c["guarantees"] == {"cpus": {"value": 0.25}}], "quota of q2")
    for role in ("q1", "q2"):
        master("REMOVE_QUOTA", remove_quota={"role": role})
    equal([c for c in master("GET_QUOTA")["status"].get("configs", []) if c.get("guarantees")], [], "guarantees left")


@case("master: reservations and volumes")
def _():
    id = {"value": slave()["id"]}
    disk = {"name": "disk", "type": "SCALAR", "scalar": {"value": 64}, "reservations": [{"type": "DYNAMIC", "role": "vol"}]}
    volume = lambda mb: {**disk, "scalar": {"value": mb}, "disk": {"persistence": {"id": "v1"}, "volume": {"container_path": "data", "mode": "RW"}}}
    master("RESERVE_RESOURCES", status=202, reserve_resources={"agent_id": id, "resources": [disk]})
    equal(wait_for("reserved", lambda: slave()["reserved_resources"].get("vol"))["disk"], 64.0, "reserved disk")
    master("CREATE_VOLUMES", status=202, create_volumes={"agent_id": id, "volumes": [volume(32)]})
    volumes = lambda: [(r["disk"]["persistence"]["id"], r["scalar"]["value"]) for r in slave()["reserved_resources_full"].get("vol", []) if r.get("disk")]
    wait_for("the volume", lambda: volumes() == [("v1", 32.0)])
    master("GROW_VOLUME", status=202, grow_volume={"agent_id": id, "volume": volume(32), "addition": {**disk, "scalar": {"value": 16}}})
    wait_for("the grown volume", lambda: volumes() == [("v1", 48.0)])
    master("SHRINK_VOLUME", status=202, shrink_volume={"agent_id": id, "volume": volume(48), "subtract": {"value": 8}})
    wait_for("the shrunk volume", lambda: volumes() == [("v1", 40.0)])
    master("DESTROY_VOLUMES", status=202, destroy_volumes={"agent_id": id, "volumes": [volume(40)]})
    wait_for("no volume", lambda: volumes() == [])
    master("UNRESERVE_RESOURCES", status=202, unreserve_resources={"agent_id": id, "resources": [disk]})
    wait_for("nothing is reserved", lambda: not slave()["reserved_resources"])


@case("agent: the calls that only look, and files")
def _():
    equal(agent("GET_HEALTH"), {"healthy": True}, "health")
    check([f for f in agent("GET_FLAGS")["flags"] if f["name"] == "work_dir"], "flags")
    check(re.fullmatch(r"\d+\.\d+\.\d+", agent("GET_VERSION")["version_info"]["version"]), "version")
    check([m for m in agent("GET_METRICS", get_metrics={"timeout": {"nanoseconds": 5000000000}})["metrics"] if m["name"] == "slave/uptime_secs"], "metrics")
    agent("SET_LOGGING_LEVEL", set_logging_level={"level": 1, "duration": {"nanoseconds": 4000000000}})
    equal(agent("GET_LOGGING_LEVEL"), {"level": 1}, "logging level")
    agent("GET_STATE")
    check(agent("GET_CONTAINERS")["containers"], "containers")
    check(agent("GET_FRAMEWORKS")["frameworks"], "frameworks")
    check(agent("GET_EXECUTORS")["executors"], "executors")
    agent("GET_OPERATIONS")
    check("stays" in [t["task_id"]["value"] for t in agent("GET_TASKS")["launched_tasks"]], "tasks")
    equal(agent("GET_AGENT")["agent_info"]["id"]["value"], slave()["id"], "id")
    agent("GET_RESOURCE_PROVIDERS")
    sandbox = f"/frameworks/{fw}/executors/stays/runs/latest"
    check([f for f in agent("LIST_FILES", list_files={"path": sandbox})["file_infos"] if f["path"].endswith("/stdout")], "files")
    agent("READ_FILE", read_file={"path": sandbox + "/stdout", "offset": 0, "length": 10})
    agent("PRUNE_IMAGES")


@case("agent: nested containers: launch, wait, kill, remove, session, attach")
def _():
    parent = agent("GET_CONTAINERS")["containers"][0]["container_id"]
    new = lambda: {"value": str(uuid.uuid4()), "parent": parent}
    id = new()
    agent("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": id, "command": {"value": "exit 3"}})
    equal(agent("WAIT_NESTED_CONTAINER", wait_nested_container={"container_id": id})["exit_status"], 3 << 8, "wait status")
    agent("REMOVE_NESTED_CONTAINER", remove_nested_container={"container_id": id})
    id = new()
    agent("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": id, "command": {"value": "exec sleep 1000"}})
    check(id["value"] in [c["container_id"]["value"] for c in agent("GET_CONTAINERS", get_containers={"show_nested": True})["containers"]], "not listed")
    agent("KILL_NESTED_CONTAINER", kill_nested_container={"container_id": id, "signal": 15})
    equal(agent("WAIT_NESTED_CONTAINER", wait_nested_container={"container_id": id})["exit_status"], 15, "wait status")
    text = agent("LAUNCH_NESTED_CONTAINER_SESSION", launch_nested_container_session={"container_id": new(), "command": {"value": "echo from inside"}})
    data = [json.loads(m) for m in re.findall(r"\{.*?\}\}", text if isinstance(text, str) else json.dumps(text))]
    check(b"from inside\n" in b"".join(base64.b64decode(d["data"]["data"]) for d in data if d.get("data")), text)
    made["agent"].update(["ATTACH_CONTAINER_OUTPUT", "ATTACH_CONTAINER_INPUT"])
    s, _, text = curl(f"http://127.0.0.1:{dev.agents[0]}/api/v1", {"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": parent}})
    equal((s, text), (500, "I/O switchboard server was disabled for this container"), "attaching to a task without a terminal")
    s, _, text = curl(f"http://127.0.0.1:{dev.agents[0]}/api/v1", {"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID", "container_id": parent}})
    equal(s, 415, f"attaching input without a stream ({text})")


@case("agent: standalone containers: launch, wait, kill, remove")
def _():
    id = {"value": str(uuid.uuid4())}
    agent("LAUNCH_CONTAINER", launch_container={"container_id": id, "command": {"value": "exec sleep 1000"}, "resources": RES(0.1, 32)})
    check(id in [c["container_id"] for c in agent("GET_CONTAINERS", get_containers={"show_standalone": True})["containers"]], "not listed")
    # Nothing is kept of one that has ended, so the waiting begins before.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(agent, "WAIT_CONTAINER", wait_container={"container_id": id})
        wait_for("the call waits", lambda: subprocess.run(["pgrep", "-f", "WAIT_CONTAINER.*" + id["value"]], capture_output=True).returncode == 0)
        time.sleep(0.3)  # nothing shows that the agent has read it
        agent("KILL_CONTAINER", kill_container={"container_id": id})
        equal(waiting.result(30)["exit_status"], 9, "wait status")
    agent("REMOVE_CONTAINER", remove_container={"container_id": id})


@case("agent: resource providers, which are not built, are refused as without their flag")
def _():
    info = {"type": "org.apache.mesos.rp.local.storage", "name": "x"}
    agent("ADD_RESOURCE_PROVIDER_CONFIG", status=400, add_resource_provider_config={"info": info})
    agent("UPDATE_RESOURCE_PROVIDER_CONFIG", status=400, update_resource_provider_config={"info": info})
    agent("REMOVE_RESOURCE_PROVIDER_CONFIG", status=500, remove_resource_provider_config=info)
    agent("MARK_RESOURCE_PROVIDER_GONE", mark_resource_provider_gone={"resource_provider_id": {"value": "x"}})


@case("master: agents out of and into service, machines down and up, gone")
def _():
    id = {"value": slave()["id"]}
    master("DEACTIVATE_AGENT", deactivate_agent={"agent_id": id})
    equal(slave()["deactivated"], True, "deactivated")
    master("REACTIVATE_AGENT", reactivate_agent={"agent_id": id})
    master("DRAIN_AGENT", drain_agent={"agent_id": id, "max_grace_period": {"seconds": 1, "nanos": 0}})
    acknowledge(stream.status("stays", "TASK_KILLED"))
    wait_for("drained", lambda: slave()["drain_info"]["state"] == "DRAINED")
    master("REACTIVATE_AGENT", reactivate_agent={"agent_id": id})
    machine = {"hostname": "nowhere", "ip": "10.9.8.7"}
    master("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": [{"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 1}}}]}})
    master("START_MAINTENANCE", start_maintenance={"machines": [machine]})
    equal(master("GET_MAINTENANCE_STATUS")["status"]["down_machines"], [machine], "machines down")
    master("STOP_MAINTENANCE", stop_maintenance={"machines": [machine]})
    equal(master("GET_MAINTENANCE_STATUS")["status"].get("down_machines", []), [], "machines down")


@case("TEARDOWN by the scheduler and by an operator; MARK_AGENT_GONE")
def _():
    call("TEARDOWN")
    wait_for("the stream ended", lambda: stream.p.poll() is not None)
    check(fw in [f["id"] for f in get(dev.master, "/frameworks").json["completed_frameworks"]], "not completed")
    other = Stream(dev.master, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "other"}}}, path="/api/v1/scheduler")
    id = other.next()["subscribed"]["framework_id"]
    master("TEARDOWN", teardown={"framework_id": id})
    check(id["value"] in [f["id"] for f in get(dev.master, "/frameworks").json["completed_frameworks"]], "not completed")
    master("MARK_AGENT_GONE", mark_agent_gone={"agent_id": {"value": slave()["id"]}})
    wait_for("it is gone", lambda: get(dev.master, "/slaves").json["slaves"] == [])


def calls_of(proto):
    text = open(os.path.join(ROOT_DIR, "proto", proto)).read()
    body = re.search(r"message Call \{.*?enum Type \{(.*?)\}", text, re.S).group(1)
    return set(re.findall(r"^\s*([A-Z_]+)\s*=\s*[1-9]", body, re.M))


@case("no call of the scheduler API was left out")
def _():
    equal(calls_of("mesos_v1_scheduler.proto") - made["scheduler"], set(), "calls left out")


@case("no call of the master's operator API was left out")
def _():
    equal(calls_of("mesos_v1_master.proto") - made["master"], set(), "calls left out")


@case("no call of the agent's operator API was left out")
def _():
    equal(calls_of("mesos_v1_agent.proto") - made["agent"], set(), "calls left out")


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
