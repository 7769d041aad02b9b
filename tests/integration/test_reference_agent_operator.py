#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent's operator API and unversioned endpoints row by row: pipeline, calls that only look, keys of /state with their types, statistics,
metrics, files with every parameter, sandboxes and checkpoints on the disk."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

f = None
NUMBER, TEXT = (int, float), str


def types(what, object, **keys):
    """Each key with its type; a key that ends in _Q may be missing. Unknown keys are a fault."""
    for k, t in keys.items():
        name = k.removesuffix("_Q")
        if name not in object:
            check(k.endswith("_Q"), f"{what}: no key {name}")
            continue
        v = object[name]
        check(isinstance(v, t) and not (t in (NUMBER, int) and isinstance(v, bool)), f"{what}: {name} is {v!r}")
    unknown = set(object) - {k.removesuffix("_Q") for k in keys}
    check(not unknown, f"{what}: unknown keys {unknown}")


def path(p, **query):
    from urllib.parse import urlencode
    return f"{p}?{urlencode(query)}" if query else p


def files(op, **query):
    return get(c.agent_port, path(f"/files/{op}", **query))


@case("a master and an agent with a running command task, a running pod, a queued task and one that has ended")
def _():
    global f, box
    start("--executor_shutdown_grace_period=1secs", f"--log_dir={scratch()}/log", '--attributes=rack:r1;level:3;span:[1-5,7-9]', '--domain={"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}}',
          "--gc_delay=1secs", "--disk_watch_interval=200ms",
          master_flags=['--domain={"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}}'])
    f = framework(name="looked at", principal="pr", hostname="h", webui_url="http://ui", labels={"labels": [{"key": "k"}]})
    t = task("run", "printf 'hello \\303\\251\\377\\000x'; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done > long; mkdir -p 'dir/sub dir'; ln -s /etc/passwd outside; ln -s stdout inside; "
             "mkfifo pipe; : > empty; touch page.html data.json weird.tar.gz noext; touch \"$(printf 'new\\nline')\" \"$(printf 'bad\\377name')\"; echo x > ready; sleep 1000",
             labels={"labels": [{"key": "a", "value": "b"}]}, discovery={"visibility": "CLUSTER", "name": "d", "ports": {"ports": [{"number": 80, "name": "http", "protocol": "tcp"}]}},
             health_check={"type": "COMMAND", "command": {"value": "true"}, "delay_seconds": 0}, container={"type": "MESOS"}, kill_policy={"grace_period": {"nanoseconds": 1}})
    f.launch(t, task("done", "exit 0"), custom(f, "queued", "x-queued", data="AA==", source="src", name="nm", labels={"labels": [{"key": "a", "value": "b"}]}))
    ex = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": f.id}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": [task("in-pod")]}}})
    for id, s in (("done", "TASK_FINISHED"), ("run", "TASK_RUNNING"), ("in-pod", "TASK_RUNNING")):
        if not any((x["task_id"]["value"], x["state"]) == (id, s) for x in f.statuses):
            f.update(id, s)
    box = sandbox(f, "run")
    wait_for("the sandbox is filled", lambda: os.path.exists(box + "/ready"))
    wait_for("done is done", lambda: [e for w in state()["frameworks"] for e in w["completed_executors"] if e["id"] == "done"])


# --- POST /api/v1 ---

@case("POST /api/v1: the order of checks and their texts")
def _():
    ok = '{"type":"GET_HEALTH"}'
    for what, status, method, body, headers in [
            ("GET", 405, "GET", None, {}), ("PUT", 405, "PUT", ok, {"content_type": JSON}), ("no Content-Type", 400, "POST", ok, {}), ("text", 415, "POST", ok, {"content_type": "text/plain"}),
            ("a charset", 415, "POST", ok, {"content_type": JSON + "; charset=utf-8"}), ("empty", 400, "POST", "", {"content_type": JSON}), ("cut", 400, "POST", ok[:-2], {"content_type": JSON}),
            ("a list", 400, "POST", "[]", {"content_type": JSON}), ("no type", 400, "POST", "{}", {"content_type": JSON}), ("a type of nothing", 400, "POST", '{"type":"NO"}', {"content_type": JSON}),
            ("a master's call", 400, "POST", '{"type":"GET_AGENTS"}', {"content_type": JSON}), ("a number", 400, "POST", '{"type":1}', {"content_type": JSON}),
            ("UNKNOWN", 501, "POST", '{"type":"UNKNOWN"}', {"content_type": JSON}), ("Accept text", 406, "POST", ok, {"content_type": JSON, "accept": "text/html"}),
            ("unknown keys", 200, "POST", '{"type":"GET_HEALTH","x":[1,{"y":null}]}', {"content_type": JSON}), ("a gzip that is none", 400, "POST", ok, {"content_type": JSON, "content_encoding": "gzip"}),
            ("recordio without its type", 400, "POST", ok, {"content_type": RECORDIO}), ("Message-Content-Type on JSON", 415, "POST", ok, {"content_type": JSON, "message_content_type": JSON})]:
        r = raw(body, "/api/v1", method, **headers)
        equal(r.status, status, f"{what}: {r.text[:100]}; status")
    r = raw(ok, content_type=JSON)
    equal((r.headers["Content-Type"], r.json), (JSON, {"type": "GET_HEALTH", "get_health": {"healthy": True}}))
    for p in ("/api/v1/", "/slave(1)/api/v1", "/api/v1/operator", "/api/v1/state"):
        equal(raw(ok, p, content_type=JSON).status, 200, p)
    check("Date" in r.headers, "Date")


@case("POST /api/v1 looking calls: JSON and protobuf say the same; large answers come as gzip when they may")
def _():
    for type in ("GET_VERSION", "GET_LOGGING_LEVEL", "GET_FLAGS", "GET_FRAMEWORKS", "GET_EXECUTORS", "GET_TASKS", "GET_AGENT", "GET_OPERATIONS", "GET_RESOURCE_PROVIDERS", "GET_STATE"):
        r = api(type)
        equal((r.status, r.headers["Content-Type"], r.json["type"]), (200, JSON, type))
        p, decoded = pb_api(type)
        equal((p.status, p.headers["Content-Type"], decoded["type"]), (200, PB, type))
    r = api("GET_STATE", headers={**J, "Accept-Encoding": "gzip"})
    equal(r.headers["Content-Encoding"], "gzip")
    equal(api("GET_HEALTH", headers={**J, "Accept-Encoding": "gzip"}).headers["Content-Encoding"], None, "small")


@case("GET_TASKS, GET_EXECUTORS, GET_FRAMEWORKS, GET_STATE: which lists hold what")
def _():
    t = api("GET_TASKS").json["get_tasks"]
    ids = {k: sorted(x["task_id"]["value"] for x in v) for k, v in t.items()}
    equal(ids, {"pending_tasks": [], "queued_tasks": ["queued"], "launched_tasks": ["in-pod", "run"], "terminated_tasks": [], "completed_tasks": ["done"]})
    run = [x for x in t["launched_tasks"] if x["task_id"]["value"] == "run"][0]
    equal((run["state"], "executor_id" in run, run["labels"]["labels"][0]["value"], run["discovery"]["ports"]["ports"][0]["number"], run["health_check"]["type"]), ("TASK_RUNNING", False, "b", 80, "COMMAND"))
    check({"name", "task_id", "framework_id", "agent_id", "state", "resources", "statuses", "status_update_state", "status_update_uuid"} <= set(run), sorted(run))
    e = api("GET_EXECUTORS").json["get_executors"]
    equal({k: sorted(x["executor_info"]["executor_id"]["value"] for x in v) for k, v in e.items()}, {"executors": ["pod", "run", "x-queued"], "completed_executors": ["done"]})
    w = api("GET_FRAMEWORKS").json["get_frameworks"]
    equal([x["framework_info"]["id"]["value"] for x in w["frameworks"]], [f.id])
    s = api("GET_STATE").json["get_state"]
    equal(sorted(s), ["get_executors", "get_frameworks", "get_tasks"])
    a = api("GET_AGENT").json["get_agent"]
    equal((sorted(a), a["agent_info"]["id"]["value"], a["agent_info"]["domain"]["fault_domain"]["zone"]["name"], "checkpoint" in a["agent_info"]), (["agent_info"], state()["id"], "z", False))


@case("GET_CONTAINERS: executors; nested when asked for; status, statistics and names")
def _():
    top = api("GET_CONTAINERS").json["get_containers"]["containers"]
    equal(sorted(x["executor_id"]["value"] for x in top), ["pod", "run", "x-queued"])
    for x in top:
        types("container", x, framework_id=dict, executor_id=dict, executor_name=TEXT, container_id=dict, container_status=dict, resource_statistics=dict)
        check(x["framework_id"]["value"] == f.id and is_alive(x["container_status"]["executor_pid"]), x)
    nested = api("GET_CONTAINERS", get_containers={"show_nested": True}).json["get_containers"]["containers"]
    inside = [x for x in nested if "parent" in x["container_id"]]
    equal((len(nested), len(inside), inside[0]["container_id"]["parent"]["value"]), (4, 1, executor_of(f, "pod")["container"]))
    r, p = pb_api("GET_CONTAINERS", get_containers={"show_nested": True})
    equal(len(p["get_containers"]["containers"]), 4)


@case("SET_LOGGING_LEVEL and GET_METRICS: parameters that are missing or wrong")
def _():
    equal(api("SET_LOGGING_LEVEL", set_logging_level={"level": 1, "duration": {"nanoseconds": 2000000000}}).status, 200)
    equal(api("GET_LOGGING_LEVEL").json["get_logging_level"], {"level": 1})
    wait_for("back", lambda: api("GET_LOGGING_LEVEL").json["get_logging_level"] == {"level": 0}, 5)
    for body in ({}, {"level": 1}, {"duration": {"nanoseconds": 1}}, {"level": -1, "duration": {"nanoseconds": 1}}, {"level": "x", "duration": {"nanoseconds": 1}}):
        equal(api("SET_LOGGING_LEVEL", set_logging_level=body).status, 400, body)
    equal(api("GET_METRICS", get_metrics={"timeout": {"nanoseconds": 5000000000}}).status, 200)
    equal(api("GET_METRICS", get_metrics={"timeout": {}}).status, 400)
    names = [m["name"] for m in api("GET_METRICS", get_metrics={}).json["get_metrics"]["metrics"]]
    check("slave/registered" in names and len(names) == len(set(names)), "metrics")


# --- the unversioned endpoints ---

@case("GET /state: every key with its type")
def _():
    s = state()
    types("/state", s, version=TEXT, git_sha_Q=TEXT, git_branch_Q=TEXT, git_tag_Q=TEXT, build_date=TEXT, build_time=NUMBER, build_user=TEXT, start_time=float, id=TEXT, pid=TEXT, hostname=TEXT, capabilities=list, domain=dict,
          resources=dict, reserved_resources=dict, unreserved_resources=dict, reserved_resources_full=dict, unreserved_resources_full=list, reserved_resources_allocated=dict, unreserved_resources_allocated=dict,
          resource_providers=list, attributes=dict, master_hostname=TEXT, log_dir=TEXT, flags=dict, frameworks=list, completed_frameworks=list, external_log_file_Q=TEXT)
    equal((s["pid"], s["hostname"], s["master_hostname"], s["domain"]), (f"slave(1)@127.0.0.1:{c.agent_port}", "localhost", s["master_hostname"], {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}))
    equal(s["attributes"], {"rack": "r1", "level": 3, "span": "[1-5, 7-9]"})
    equal(sorted(s["capabilities"]), sorted("HIERARCHICAL_ROLE MULTI_ROLE RESERVATION_REFINEMENT RESOURCE_PROVIDER RESIZE_VOLUME AGENT_OPERATION_FEEDBACK AGENT_DRAINING TASK_RESOURCE_LIMITS".split()))
    for key in ("resources", "unreserved_resources", "unreserved_resources_allocated"):
        check(all(isinstance(s[key][k], NUMBER) for k in ("cpus", "gpus", "mem", "disk")), f"{key}: {s[key]}")
    equal(s["resources"]["ports"], "[31000-31100]")
    check(all(isinstance(v, str) for v in s["flags"].values()), "flags are texts")
    w = s["frameworks"][0]
    types("framework", w, id=TEXT, name=TEXT, user=TEXT, failover_timeout=NUMBER, checkpoint=bool, hostname=TEXT, principal=TEXT, role_Q=TEXT, roles_Q=list, executors=list, completed_executors=list)
    equal((w["name"], w["hostname"], w["principal"], w["checkpoint"]), ("looked at", "h", "pr", True))
    for e in w["executors"] + w["completed_executors"]:
        types(e["id"], e, id=TEXT, name=TEXT, source=TEXT, container=TEXT, directory=TEXT, resources=dict, role=TEXT, labels_Q=list, type_Q=TEXT, tasks=list, queued_tasks=list, completed_tasks=list)
        check(e["directory"].endswith(f"/executors/{e['id']}/runs/{e['container']}") and e["directory"].startswith("/"), e["directory"])
    run = executor_of(f, "run")["tasks"][0]
    types("task", run, id=TEXT, name=TEXT, framework_id=TEXT, executor_id=TEXT, slave_id=TEXT, state=TEXT, resources=dict, role=TEXT, statuses=list, user_Q=TEXT, labels=list, discovery=dict, container=dict, health_check=dict, limits_Q=dict)
    st = run["statuses"][-1]
    types("status", st, state=TEXT, timestamp=float, container_status=dict, healthy_Q=bool, labels_Q=list)
    equal((run["executor_id"], run["labels"], st["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"]), ("", [{"key": "a", "value": "b"}], "127.0.0.1"))
    q = executor_of(f, "x-queued")
    types("queued task", q["queued_tasks"][0], id=TEXT, name=TEXT, slave_id=TEXT, resources=dict, role=TEXT, command_Q=dict, executor_id=TEXT, discovery_Q=dict)
    equal((q["source"], q["name"], q["labels"]), ("src", "nm", [{"key": "a", "value": "b"}]))
    done = executor_of(f, "done", ended=True)
    equal((done["tasks"], done["completed_tasks"][0]["id"], done["completed_tasks"][0]["state"], [x["state"] for x in done["completed_tasks"][0]["statuses"]]),
          ([], "done", "TASK_FINISHED", ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]))


@case("GET /containers, /monitor/statistics: all, by container, by framework and executor; keys")
def _():
    all = get(c.agent_port, "/containers").json
    equal(sorted(x["executor_id"] for x in all), ["pod", "run", "x-queued"])
    for x in all:
        types("container", x, container_id=TEXT, framework_id=TEXT, executor_id=TEXT, executor_name=TEXT, source=TEXT, status=dict, statistics=dict)
    one = get(c.agent_port, path("/containers", container_id=all[0]["container_id"])).json
    equal([x["container_id"] for x in one], [all[0]["container_id"]])
    equal(sorted(x["executor_id"] for x in get(c.agent_port, path("/containers", framework_id=f.id)).json), ["pod", "run", "x-queued"])
    equal([x["executor_id"] for x in get(c.agent_port, path("/containers", framework_id=f.id, executor_id="run")).json], ["run"])
    equal(get(c.agent_port, path("/containers", container_id="nobody")).json, [])
    for q in ({"executor_id": "run"}, {"container_id": "x", "framework_id": f.id}):
        equal(get(c.agent_port, path("/containers", **q)).status, 400, q)
    s = [x for x in get(c.agent_port, "/monitor/statistics").json if x["executor_id"] == "run"][0]
    types("statistics", s, framework_id=TEXT, executor_id=TEXT, executor_name=TEXT, source=TEXT, statistics=dict)
    for k in ("timestamp", "cpus_user_time_secs", "cpus_system_time_secs", "cpus_soft_limit", "mem_rss_bytes", "mem_limit_bytes", "mem_soft_limit_bytes", "mem_total_bytes", "mem_cache_bytes", "mem_low_pressure_counter") if IS_ROOT else ("timestamp",):
        check(isinstance(s["statistics"].get(k), NUMBER), f"{k}: {s['statistics']}")


@case("GET /metrics/snapshot: every name of the reference, as numbers, sorted; a timeout; a bad one is 400")
def _():
    r = get(c.agent_port, "/metrics/snapshot?timeout=5secs")
    m = r.json
    names = ("uptime_secs registered recovery_errors recovery_time_secs frameworks_active tasks_staging tasks_starting tasks_running tasks_killing tasks_finished tasks_failed tasks_killed tasks_lost tasks_gone "
             "executors_registering executors_running executors_terminating executors_terminated executors_preempted valid_status_updates invalid_status_updates valid_framework_messages invalid_framework_messages "
             "executor_directory_max_allowed_age_secs container_launch_errors").split()
    names += [f"{r}_{k}" for r in ("cpus", "gpus", "mem", "disk") for k in ("total", "used", "percent", "revocable_total", "revocable_used", "revocable_percent")]
    want = ["slave/" + n for n in names] + [f"gc/path_removals_{k}" for k in ("succeeded", "failed", "pending")] + ["containerizer/" + n for n in (
        "fetcher/task_fetches_succeeded fetcher/task_fetches_failed fetcher/cache_size_total_bytes fetcher/cache_size_used_bytes mesos/container_destroy_errors mesos/disk/project_ids_total "
        "mesos/disk/project_ids_free mesos/filesystem/containers_new_rootfs mesos/provisioner/remove_container_errors").split()] + [
        "system/cpus_total", "system/load_1min", "system/load_5min", "system/load_15min", "system/mem_total_bytes", "system/mem_free_bytes"]
    equal([n for n in want if n not in m], [], "missing")
    equal([n for n, v in m.items() if not isinstance(v, NUMBER) or isinstance(v, bool)], [], "no numbers")
    equal(list(m), sorted(m), "order")
    equal((m["slave/registered"], m["slave/tasks_running"], m["slave/tasks_staging"], m["slave/tasks_finished"], m["slave/executors_running"], m["slave/executors_registering"], m["slave/frameworks_active"]), (1, 2, 1, 1, 2, 1, 1))
    equal(get(c.agent_port, "/metrics/snapshot?timeout=abc").status, 400)


@case("GET /flags, /version, /system/stats.json, /logging/toggle, /health, jsonp; what was removed is 404")
def _():
    flags = get(c.agent_port, "/flags").json["flags"]
    equal((flags["work_dir"], flags["gc_delay"], flags["isolation"] != "", flags["strict"], flags["port"]), (scratch() + "/a", "1secs", True, "true", str(c.agent_port)))
    v = get(c.agent_port, "/version").json
    types("/version", v, version=TEXT, build_date=TEXT, build_time=NUMBER, build_user=TEXT, git_sha_Q=TEXT, git_branch_Q=TEXT, git_tag_Q=TEXT)
    check(re.fullmatch(r"\d+\.\d+\.\d+", v["version"]), v["version"])
    types("/system/stats.json", get(c.agent_port, "/system/stats.json").json, avg_load_1min=NUMBER, avg_load_5min=NUMBER, avg_load_15min=NUMBER, cpus_total=NUMBER, mem_total_bytes=NUMBER, mem_free_bytes=NUMBER)
    equal(get(c.agent_port, "/logging/toggle").text, "0\n")
    equal(get(c.agent_port, "/logging/toggle?level=1&duration=50ms").status, 200)
    for q in ("level=1", "duration=1secs", "level=x&duration=1secs", "level=1&duration=x", "level=-1&duration=1secs"):
        equal(get(c.agent_port, "/logging/toggle?" + q).status, 400, q)
    r = get(c.agent_port, "/health")
    equal((r.status, r.body, r.headers["Content-Type"]), (200, b"", None))
    for p in ("/state", "/flags", "/containers", "/metrics/snapshot", "/system/stats.json", "/version", "/monitor/statistics"):
        r = get(c.agent_port, p + "?jsonp=cb")
        check(r.text.startswith("cb(") and r.text.endswith(")") and r.headers["Content-Type"] == "text/javascript", f"{p}: {r.text[:20]} {r.headers['Content-Type']}")
    for p in ("/state.json", "/stats.json", "/slave/state.json", "/master/state", "/slave(2)/state", "/nothing"):
        equal(get(c.agent_port, p).status, 404, p)


# --- /files ---

@case("GET /files/browse: entries with their types, by each name of a sandbox; names that are no text; 400, 404")
def _():
    for name in (box, box.rsplit("/", 1)[0] + "/latest", f"/frameworks/{f.id}/executors/run/runs/latest", box + "/"):
        r = files("browse", path=name)
        equal(r.status, 200, name)
        seen = {x["path"].rsplit("/", 1)[1]: x for x in r.json if "\n" not in x["path"]}
        check({"stdout", "stderr", "long", "dir", "outside", "inside", "pipe", "empty"} <= set(seen), sorted(seen))
        for x in r.json:
            types("entry", x, path=TEXT, nlink=int, size=int, mtime=float, mode=TEXT, uid=TEXT, gid=TEXT)
            check(x["path"].startswith(name.rstrip("/") + "/"), x["path"])
    equal((seen["dir"]["mode"][0], seen["pipe"]["mode"][0], seen["empty"]["mode"], seen["empty"]["size"], seen["stdout"]["mode"]), ("d", "p", "-rw-r--r--", 0, "-rw-r--r--"))
    equal([x["path"] for x in r.json], sorted(x["path"] for x in r.json), "order")
    equal(len(r.json), len(os.listdir(box)), "all of them, whatever their names")
    equal(files("browse", path=box + "/dir/sub dir").json, [])
    equal(files("browse", path=box + "/stdout").json, [], "a file")
    for p, status in ((None, 400), ("", 400), ("/", 404), ("/etc", 404), (box + "/nothing", 404), (box + "/..", 404), (box + "/pipe", 200), (box + "/../../../../../..", 404), (box + "/outside", 404), (box + "\0", 400)):
        r = files("browse", **({"path": p} if p is not None else {}))
        check(r.status == status or (p == box + "/outside" and r.status in (200, 404)), f"{p!r}: {r.status} {r.text[:80]}")
    equal(get(c.agent_port, "/files/browse?path=" + box + "&jsonp=cb").text[:3], "cb(")


@case("GET /files/read: offset and length of every kind")
def _():
    size = os.stat(box + "/long").st_size
    long = open(box + "/long").read()
    for q, want in [({}, (size, "")), ({"offset": -1}, (size, "")), ({"offset": 0, "length": 10}, (0, long[:10])), ({"offset": 5, "length": 0}, (5, "")), ({"offset": size - 3}, (size - 3, long[-3:])),
                    ({"offset": size}, (size, "")), ({"offset": size + 10}, (size + 10, "")), ({"offset": 0}, (0, long[:65536])), ({"offset": 0, "length": -1}, (0, long[:65536])),
                    ({"offset": 1, "length": 10 ** 12}, (1, long[1:65537])), ({"offset": 2 ** 62}, (2 ** 62, ""))]:
        r = files("read", path=box + "/long", **q)
        equal(r.status, 200, f"{q}: {r.text[:100]}; status")
        equal((r.json["offset"], r.json["data"]), want, f"{q}")
    for q in ({"offset": "x"}, {"offset": -2}, {"length": "x"}, {"offset": 0, "length": -2}, {"offset": "1.5"}, {"offset": 10 ** 30}):
        equal(files("read", path=box + "/long", **q).status, 400, q)
    for p, status in ((box, 400), (box + "/nothing", 404), ("/etc/passwd", 404), (box + "/outside", 404), (box + "/dir/../../../../../../../../../../../meta/boot_id", 404)):
        equal(files("read", path=p, offset=0).status, status, p)
    equal(get(c.agent_port, "/files/read").status, 400)
    equal(files("read", path=box + "/inside", offset=0, length=5).json["data"], "hello", "a link that stays inside")
    check(files("read", path=box + "/pipe", offset=0).status in (400, 404, 500), "a pipe")
    r = files("read", path=box + "/stdout", offset=0)
    equal(r.json["data"][:5], "hello", "bytes that are no text")
    equal(files("read", path="/slave/log", offset=0, length=4).status, 200)


@case("GET /files/download: type by its ending, name, length; /files/debug: every virtual path")
def _():
    for name, type in (("stdout", "application/octet-stream"), ("page.html", "text/html"), ("data.json", "application/json"), ("noext", "application/octet-stream")):
        r = files("download", path=f"{box}/{name}")
        equal((r.status, r.headers["Content-Type"], r.headers["Content-Disposition"], r.headers["Content-Length"]), (200, type, f"attachment; filename={name}", str(os.stat(f"{box}/{name}").st_size)), name)
    equal(files("download", path=box + "/stdout").body, open(box + "/stdout", "rb").read())
    for p, status in ((box, 400), (box + "/nothing", 404), (box + "/outside", 404), ("/etc/passwd", 404)):
        equal(files("download", path=p).status, status, p)
    equal(get(c.agent_port, "/files/download").status, 400)
    check(files("download", path=box + "/pipe").status in (400, 404, 500), "a pipe")
    d = get(c.agent_port, "/files/debug").json
    latest = box.rsplit("/", 1)[0] + "/latest"
    equal((d[box], d[latest], d[f"/frameworks/{f.id}/executors/run/runs/latest"], d["/slave/log"].startswith(scratch() + "/log/")), (box, box, box, True))


@case("LIST_FILES, READ_FILE: the same by calls, with sizes; what is missing or wrong")
def _():
    infos = api("LIST_FILES", list_files={"path": box}).json["list_files"]["file_infos"]
    types("file", [x for x in infos if x["path"].endswith("/long")][0], path=TEXT, nlink=int, size=int, mtime=dict, mode=int, uid=TEXT, gid=TEXT)
    size = os.stat(box + "/long").st_size
    read = lambda **more: api("READ_FILE", read_file={"path": box + "/long", **more})
    equal(read(offset=0, length=4).json["read_file"], {"size": size, "data": base64.b64encode(b"line").decode()})
    equal(len(base64.b64decode(read(offset=0).json["read_file"]["data"])), 65536)
    equal(read(offset=size + 1).json["read_file"]["size"], size)
    equal(base64.b64decode(read(offset=0, length=2 ** 63).json["read_file"]["data"])[:4], b"line")
    for body, status in (({}, 400), ({"path": box}, 400), ({"path": box, "offset": 0}, 400), ({"path": box + "/no", "offset": 0}, 404), ({"path": box + "/long"}, 400), ({"path": box + "/long", "offset": -1}, 400), ({"path": box + "/long", "offset": "x"}, 400)):
        equal(api("READ_FILE", read_file=body).status, status, body)
    for body, status in (({}, 400), ({"path": ""}, 404), ({"path": "/etc"}, 404), ({"path": box + "/no"}, 404)):
        equal(api("LIST_FILES", list_files=body).status, status, body)
    p, decoded = pb_api("READ_FILE", read_file={"path": box + "/stdout", "offset": 0})
    equal(decoded["read_file"]["data"], open(box + "/stdout", "rb").read(), "bytes unchanged")


@case("/files/browse of a directory with 100,000 entries shows all of them, and others are answered meanwhile")
def _():
    d = box + "/many"
    os.mkdir(d)
    for i in range(100000):
        os.close(os.open(f"{d}/f{i}", os.O_CREAT | os.O_WRONLY))
    answers = []
    t = threading.Thread(target=lambda: answers.append(get(c.agent_port, "/files/browse?path=" + d, timeout=60)))
    ticks = lambda: sum(int(x) for x in open(f"/proc/{c.agent.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    before, worst = ticks(), 0
    t.start()
    while t.is_alive():
        t1 = time.monotonic()
        equal(get(c.agent_port, "/health").status, 200)
        worst = max(worst, time.monotonic() - t1)
        t.join(0.02)
    equal((answers[0].status, len(answers[0].json)), (200, 100000))
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
    print(f"# {used:.2f} s of processor, /health at most {worst:.2f} s", flush=True)
    check(used < 2, f"{used:.2f} s of processor time")  # 5 s when each entry's owner was looked up


# --- on the disk ---

@case("work_dir: names, modes and texts of sandboxes and checkpoints; links latest")
def _():
    a, w = state()["id"], scratch() + "/a"
    mode = lambda p: os.stat(p).st_mode & 0o7777
    e = f"slaves/{a}/frameworks/{f.id}/executors/run/runs"
    cid = executor_of(f, "run")["container"]
    equal((mode(f"{w}/{e}/{cid}"), os.readlink(f"{w}/{e}/latest"), os.readlink(f"{w}/slaves/latest") if os.path.islink(f"{w}/slaves/latest") else None), (0o750, f"{w}/{e}/{cid}", f"{w}/slaves/{a}"))
    m = f"{w}/meta/slaves/{a}"
    equal(os.readlink(f"{w}/meta/slaves/latest"), m)
    fw = f"{m}/frameworks/{f.id}"
    run = f"{fw}/executors/run/runs/{cid}"
    for p, mode_wanted in ((f"{w}/meta/boot_id", 0o600), (f"{m}/slave.info", 0o600), (f"{fw}/framework.info", 0o600), (f"{fw}/framework.pid", 0o600), (f"{fw}/executors/run/executor.info", 0o600), (f"{run}/pids/forked.pid", 0o600),
                           (f"{run}/tasks/run/task.info", 0o600), (f"{run}/tasks/run/task.updates", 0o644)):
        equal(mode(p), mode_wanted, p)
    equal((open(f"{fw}/framework.pid").read(), open(f"{fw}/executors/run/executor_generated_for_command_task").read(), open(f"{fw}/executors/pod/executor_generated_for_command_task").read(),
           open(f"{w}/meta/boot_id").read()), ("@0.0.0.0:0", "1", "0", open("/proc/sys/kernel/random/boot_id").read().strip()))
    check(os.path.exists(f"{fw}/executors/pod/runs/{executor_of(f, 'pod')['container']}/http.marker"), "http.marker")
    check(open(f"{run}/pids/forked.pid").read().isdigit(), "forked.pid")


@case("gc: a sandbox whose executor has ended goes after gc_delay, with its virtual paths; metrics count it")
def _():
    d = sandbox(f, "done")
    wait_for("the sandbox is gone", lambda: not os.path.exists(d), 15)
    equal(files("browse", path=d).status, 404)
    wait_for("counted", lambda: get(c.agent_port, "/metrics/snapshot").json["gc/path_removals_succeeded"] >= 1, 10)


@case("the end")
def _():
    f.end()
    finish()


main()
