#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Marathon tells a master, and what it makes of what a master says, a row each: fields of apps and pods in the tasks that are
launched, which offers are used, events of the link, unreachable tasks, arithmetic of restarts. The master is played by the test, so
nothing runs and nothing is waited for but answers."""
import os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from fields import look
from master import *
from cluster import *

m = port = marathon = None
events = []
APP = {"cmd": "sleep 1000", "instances": 1, "cpus": 0.1, "mem": 16}
FEATURES = "secrets,gpu_resources,external_volumes,task_killing"


def listen():
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"GET /v2/events?plan-format=light HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    try:
        for line in s.makefile("rb"):
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
    except (OSError, ValueError):
        pass


def call(method, path, body=None, want=200, **kw):
    r = http_request(method, port, path, body, **kw)
    equal(r.status, want, f"{method} {path}: {r.text[:300]}")
    return r.json if r.body else None


def create(id, **more):
    return call("POST", "/v2/apps", {"id": id, **APP, **more}, 201)


def pod(id, **more):
    return call("POST", "/v2/pods", {"id": id, "containers": [{"name": "c", "exec": {"command": {"shell": "sleep 1000"}}, "resources": {"cpus": 0.1, "mem": 16}}], **more}, 201)


def shown(id):
    return call("GET", f"/v2/apps{id}?embed=app.taskStats")["app"]


def states(id):
    return sorted(t["state"] for t in shown(id)["tasks"])


def waiting(id):
    return next((i for i in call("GET", "/v2/queue?embed=lastUnusedOffers")["queue"] if (i.get("app") or i["pod"])["id"] == id), None)


def clear():
    """Removes everything; each task that is asked to end does so."""
    for d in call("GET", "/v2/deployments"):
        http_request("DELETE", port, f"/v2/deployments/{d['id']}?force=true")
    http_request("DELETE", port, "/v2/groups?force=true")
    told = 0

    def gone():
        nonlocal told
        kills = m.of("KILL")
        for k in kills[told:]:
            m.update(k["kill"]["task_id"]["value"], "TASK_KILLED", k["kill"].get("agent_id", {}).get("value", "A0"))
        told = len(kills)
        return call("GET", "/v2/deployments") == [] and not call("GET", "/v2/apps")["apps"]
    wait_for("everything is gone", gone)
    m.calls.clear()


def row(name):
    """A case that leaves nothing behind, also when it fails."""
    def add(fn):
        @case(name)
        def _():
            try:
                fn()
            finally:
                clear()
        return fn
    return add


def event(type, **like):
    return wait_for(f"{type} {like}", lambda: next((e for e in list(events) if e["eventType"] == type and all(e.get(k) == v for k, v in like.items())), None))


@case("a service of a played master")
def _():
    global m, port, marathon
    m = Master()
    port, = free_ports(1)
    store, secrets = tempfile.mkdtemp(dir=scratch()), tempfile.mkdtemp(dir=scratch())
    with open(f"{secrets}/s", "w") as f:
        f.write("hidden")
    marathon = Process("marathon", [STOA, "marathon", f"--master=127.0.0.1:{m.port}", "--http_address=127.0.0.1", f"--http_port={port}", f"--store_dir={store}", f"--secrets_dir={secrets}", f"--enable_features={FEATURES}",
                                    "--kill_retry_timeout=500", "--max_instances_per_offer=5", "--hostname=127.0.0.1", "--default_network_name=dflt"])
    wait_for("it answers", lambda: get(port, "/ping").status == 200)
    threading.Thread(target=listen, daemon=True).start()
    wait_for("it subscribes and listens", lambda: m.subscriptions and events)


for path, want in {"name": "marathon", "failover_timeout": 604800.0, "checkpoint": True, "roles": ["*"], "hostname": "127.0.0.1"}.items():
    @case(f"FrameworkInfo: {path}")
    def _(path=path, want=want):
        equal(look(m.framework, path), want, path)


@case("FrameworkInfo: capabilities, those of features included; webui_url")
def _():
    have = {c["type"] for c in m.framework["capabilities"]}
    equal({"PARTITION_AWARE", "REGION_AWARE", "MULTI_ROLE", "TASK_KILLING_STATE", "GPU_RESOURCES"} - have, set(), "capabilities")
    equal(m.framework["webui_url"], f"http://127.0.0.1:{port}", "webui_url")


# --- fields of an app, and where they are in its task
IMAGE = {"type": "MESOS", "docker": {"image": "i"}}
BRIDGE = [{"mode": "container/bridge"}]
UP = {"portDefinitions": [{"port": 0, "name": "web", "protocol": "udp,tcp", "labels": {"a": "b"}}]}
FIELDS = [
    ("cmd", {}, {"command/value": "sleep 1000", "command/shell": True}),
    ("args", {"cmd": None, "args": ["/bin/x", "y"]}, {"command/shell": False, "command/arguments": ["/bin/x", "y"], "command/value": "/bin/x"}),
    ("user", {"user": "nobody"}, {"command/user": "nobody"}),
    ("labels", {"labels": {"k": "v"}}, {"labels/labels": [{"key": "k", "value": "v"}]}),
    ("fetch", {"fetch": [{"uri": "http://x/y.tgz", "extract": False, "executable": True, "cache": True, "destPath": "d"}]}, {"command/uris": [{"value": "http://x/y.tgz", "extract": False, "executable": True, "cache": True, "output_file": "d"}]}),
    ("taskKillGracePeriodSeconds", {"taskKillGracePeriodSeconds": 7}, {"kill_policy/grace_period/nanoseconds": 7000000000}),
    ("resourceLimits", {"resourceLimits": {"cpus": 2, "mem": "unlimited"}}, {"limits/cpus/value": 2.0, "limits/mem/value": float("inf")}),
    ("tty", {"tty": True}, {"container/tty_info": {}}),
    ("id: name and discovery", {}, {"name": "f.row", "discovery/name": "f.row", "discovery/visibility": "FRAMEWORK"}),
    ("portDefinitions: an entry for each protocol", UP, {"discovery/ports/ports/0/protocol": "udp", "discovery/ports/ports/1/protocol": "tcp", "discovery/ports/ports/1/name": "web", "discovery/ports/ports/0/labels/labels": [{"key": "a", "value": "b"}]}),
    ("volumes: hostPath", {"container": {"type": "MESOS", "volumes": [{"containerPath": "/x", "hostPath": "/tmp", "mode": "RO"}]}}, {"container/volumes": [{"container_path": "/x", "host_path": "/tmp", "mode": "RO"}]}),
    ("volumes: external, of provider csi", {"container": {"type": "MESOS", "volumes": [{"containerPath": "x", "mode": "RW", "external": {"name": "v", "provider": "csi", "options": {
        "pluginName": "p", "capability": {"accessMode": "MULTI_NODE_MULTI_WRITER", "accessType": "mount", "fsType": "ext4", "mountFlags": ["noatime"]},
        "nodeStageSecret": {"a": "b"}, "nodePublishSecret": {"c": "d"}, "volumeContext": {"e": "f"}}}}]}},
     {"container/volumes": [{"container_path": "x", "mode": "RW", "source": {"type": "CSI_VOLUME", "csi_volume": {"plugin_name": "p", "static_provisioning": {
         "volume_id": "v", "volume_capability": {"mount": {"fs_type": "ext4", "mount_flags": ["noatime"]}, "access_mode": {"mode": "MULTI_NODE_MULTI_WRITER"}},
         "node_stage_secrets": {"a": {"type": "REFERENCE", "reference": {"name": "b"}}}, "node_publish_secrets": {"c": {"type": "REFERENCE", "reference": {"name": "d"}}},
         "volume_context": {"e": "f"}}}}}]}),
    ("volumes: secret", {"secrets": {"a": {"source": "s"}}, "container": {"type": "MESOS", "volumes": [{"containerPath": "x", "secret": "a"}]}}, {"container/volumes/0/source/type": "SECRET", "container/volumes/0/source/secret/value/data": base64.b64encode(b"hidden").decode()}),
    ("env: secret", {"secrets": {"a": {"source": "s"}}, "env": {"K": {"secret": "a"}}}, {"command/environment/variables/-1": {"name": "K", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": base64.b64encode(b"hidden").decode()}}}}),
    ("linuxInfo.seccomp: profileName", {"container": {"type": "MESOS", "linuxInfo": {"seccomp": {"profileName": "p"}}}}, {"container/linux_info/seccomp/profile_name": "p"}),
    ("linuxInfo.seccomp: unconfined", {"container": {"type": "MESOS", "linuxInfo": {"seccomp": {"unconfined": True}}}}, {"container/linux_info/seccomp/unconfined": True}),
    ("linuxInfo.ipcInfo", {"container": {"type": "MESOS", "linuxInfo": {"ipcInfo": {"mode": "PRIVATE", "shmSize": 9}}}}, {"container/linux_info/ipc_mode": "PRIVATE", "container/linux_info/shm_size": 9}),
    ("image of type MESOS, forcePullImage", {"container": {"type": "MESOS", "docker": {"image": "i", "forcePullImage": True}}}, {"container/type": "MESOS", "container/mesos/image/docker/name": "i", "container/mesos/image/cached": False}),
    ("docker.credential", {"container": {"type": "MESOS", "docker": {"image": "i", "credential": {"principal": "p", "secret": "q"}}}}, {"container/mesos/image/docker/credential": {"principal": "p", "secret": "q"}}),
    ("docker.pullConfig", {"secrets": {"a": {"source": "s"}}, "container": {"type": "MESOS", "docker": {"image": "i", "pullConfig": {"secret": "a"}}}}, {"container/mesos/image/docker/config/value/data": base64.b64encode(b"hidden").decode()}),
    ("type DOCKER: image, privileged, parameters, HOST", {"container": {"type": "DOCKER", "docker": {"image": "i", "privileged": True, "parameters": [{"key": "a", "value": "b"}]}}}, {"container/type": "DOCKER", "container/docker/image": "i", "container/docker/privileged": True, "container/docker/parameters": [{"key": "a", "value": "b"}], "container/docker/network": "HOST"}),
    ("networks: container with name and labels", {"networks": [{"mode": "container", "name": "n", "labels": {"a": "b"}}], "container": {"type": "MESOS"}}, {"container/network_infos/0/name": "n", "container/network_infos/0/labels/labels": [{"key": "a", "value": "b"}]}),
    ("networks: --default_network_name", {"networks": [{"mode": "container"}], "container": {"type": "MESOS"}}, {"container/network_infos/0/name": "dflt"}),
    ("networks: container/bridge", {"networks": BRIDGE, "container": {**IMAGE, "portMappings": [{"containerPort": 80, "hostPort": 0}]}}, {"container/network_infos/0/name": "mesos-bridge", "container/network_infos/0/port_mappings/0/container_port": 80, "discovery/ports/ports/0/labels/labels": [{"key": "network-scope", "value": "host"}]}),
    ("a mapping without host port: discovery in the container's network", {"networks": [{"mode": "container", "name": "n"}], "container": {**IMAGE, "portMappings": [{"containerPort": 80, "name": "w"}]}}, {"discovery/ports/ports/0/number": 80, "discovery/ports/ports/0/labels/labels": [{"key": "network-scope", "value": "container"}, {"key": "network-name", "value": "n"}]}),
    ("ipAddress: networkName, labels, discovery", {"ipAddress": {"networkName": "n", "labels": {"a": "b"}, "discovery": {"ports": [{"number": 80, "name": "w", "protocol": "udp"}]}}}, {"container/network_infos/0/name": "n", "container/network_infos/0/labels/labels": [{"key": "a", "value": "b"}], "discovery/ports/ports/0/number": 80, "discovery/ports/ports/0/name": "w", "discovery/ports/ports/0/protocol": "udp"}),
    ("healthChecks: COMMAND", {"healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}, "gracePeriodSeconds": 1, "intervalSeconds": 2, "timeoutSeconds": 3, "maxConsecutiveFailures": 4, "delaySeconds": 5}]}, {"health_check/type": "COMMAND", "health_check/command/value": "true", "health_check/grace_period_seconds": 1.0, "health_check/interval_seconds": 2.0, "health_check/timeout_seconds": 3.0, "health_check/consecutive_failures": 4, "health_check/delay_seconds": 5.0}),
    ("healthChecks: MESOS_HTTP", {"healthChecks": [{"protocol": "MESOS_HTTP", "path": "/h", "port": 80}]}, {"health_check/type": "HTTP", "health_check/http/port": 80, "health_check/http/path": "/h", "health_check/http/scheme": "http"}),
    ("healthChecks: MESOS_HTTPS", {"healthChecks": [{"protocol": "MESOS_HTTPS", "port": 443}]}, {"health_check/http/scheme": "https", "health_check/http/path": "/"}),
    ("healthChecks: MESOS_TCP", {"healthChecks": [{"protocol": "MESOS_TCP", "port": 80}]}, {"health_check/type": "TCP", "health_check/tcp/port": 80}),
    ("healthChecks: HTTP is Marathon's own", {"healthChecks": [{"protocol": "HTTP"}]}, {"health_check": None}),
    ("check: exec", {"check": {"exec": {"command": {"shell": "true"}}, "intervalSeconds": 2, "timeoutSeconds": 3, "delaySeconds": 4}}, {"check/type": "COMMAND", "check/command/command/value": "true", "check/interval_seconds": 2.0, "check/timeout_seconds": 3.0, "check/delay_seconds": 4.0}),
    ("check: http", {"check": {"http": {"port": 80, "path": "/c"}}}, {"check/type": "HTTP", "check/http/port": 80, "check/http/path": "/c"}),
    ("check: tcp", {"check": {"tcp": {"port": 80}}}, {"check/type": "TCP", "check/tcp/port": 80}),
    ("executor", {"executor": "/opt/e"}, {"command": None, "executor/command/value": "chmod ug+rx '/opt/e' && exec '/opt/e' sleep 1000"}),
    ("executorResources beside an executor", {"executor": "/opt/e", "executorResources": {"cpus": 0.2, "mem": 40, "disk": 20}}, {"executor/resources/0/scalar/value": 0.2, "executor/resources/1/scalar/value": 40.0, "executor/resources/2/scalar/value": 20.0}),
]


def compare(task, wants):
    for path, want in wants.items():
        equal(look(task, path), want, f"{path} of {json.dumps(task)[:1500]}")


for name, fields, wants in FIELDS:
    @row(f"TaskInfo: {name}")
    def _(fields=fields, wants=wants):
        create("/row/f", **fields)
        t, = m.run()
        compare(t, wants)


# --- pods
POD = {"containers": [{"name": "a", "exec": {"command": {"shell": "sleep 1"}}, "resources": {"cpus": 0.1, "mem": 16}, "endpoints": [{"name": "web", "containerPort": 80, "hostPort": 0, "protocol": ["tcp"], "labels": {"l": "m"}}],
                       "environment": {"E": "1"}, "user": "nobody", "labels": {"c": "d"}, "image": {"kind": "DOCKER", "id": "i", "forcePull": True}, "artifacts": [{"uri": "http://x/y"}], "lifecycle": {"killGracePeriodSeconds": 3}, "tty": True,
                       "linuxInfo": {"seccomp": {"unconfined": True}}, "resourceLimits": {"cpus": 1, "mem": "unlimited"},
                       "volumeMounts": [{"name": "h", "mountPath": "/h", "readOnly": True}, {"name": "e", "mountPath": "e"}, {"name": "s", "mountPath": "s"}],
                       "healthCheck": {"http": {"endpoint": "web", "path": "/p"}, "intervalSeconds": 9, "timeoutSeconds": 2}},
                      {"name": "b", "exec": {"command": {"argv": ["x", "y"]}}, "resources": {"cpus": 0.2, "mem": 17, "disk": 3}}],
       "volumes": [{"name": "h", "host": "/tmp"}, {"name": "e"}, {"name": "s", "secret": "k"}], "secrets": {"k": {"source": "s"}}, "networks": [{"mode": "container", "name": "n", "labels": {"x": "y"}}],
       "environment": {"E": "0", "F": {"secret": "k"}}, "labels": {"p": "q"}, "executorResources": {"cpus": 0.3, "mem": 40, "disk": 11}, "linuxInfo": {"ipcInfo": {"mode": "PRIVATE", "shmSize": 4}}}
group = {}
GROUP = {
    "executor/type": "DEFAULT", "executor/resources/0/scalar/value": 0.3, "executor/resources/1/scalar/value": 40.0, "executor/resources/2/scalar/value": 11.0,
    "executor/container/network_infos/0/name": "n", "executor/container/network_infos/0/labels/labels": [{"key": "x", "value": "y"}], "executor/container/network_infos/0/port_mappings/0/container_port": 80, "executor/container/network_infos/0/port_mappings/0/protocol": "tcp",
    "executor/container/linux_info/ipc_mode": "PRIVATE", "executor/container/linux_info/shm_size": 4, "task_group/tasks/0/name": "a", "task_group/tasks/1/name": "b", "task_group/tasks/0/command/user": "nobody", "task_group/tasks/0/command/uris/0/value": "http://x/y",
    "task_group/tasks/1/command/shell": False, "task_group/tasks/1/command/arguments": ["x", "y"], "task_group/tasks/0/kill_policy/grace_period/nanoseconds": 3000000000, "task_group/tasks/0/container/mesos/image/docker/name": "i", "task_group/tasks/0/container/mesos/image/cached": False,
    "task_group/tasks/0/container/linux_info/seccomp/unconfined": True, "task_group/tasks/0/container/tty_info": {}, "task_group/tasks/0/limits/cpus/value": 1.0, "task_group/tasks/0/limits/mem/value": float("inf"), "task_group/tasks/1/resources/1/scalar/value": 17.0,
    "task_group/tasks/0/health_check/type": "HTTP", "task_group/tasks/0/health_check/http/port": 80, "task_group/tasks/0/health_check/http/path": "/p", "task_group/tasks/0/health_check/interval_seconds": 9.0, "task_group/tasks/0/health_check/timeout_seconds": 2.0,
}


@case("a pod with everything is launched as one group")
def _():
    call("POST", "/v2/pods", {"id": "/all", **POD}, 201)
    operation, = m.answer(m.offer())["accept"]["operations"]
    equal(operation["type"], "LAUNCH_GROUP", "operation")
    group.update(operation["launch_group"])
    for t in group["task_group"]["tasks"]:
        m.update(t, "TASK_RUNNING")


for path, want in GROUP.items():
    @case(f"LAUNCH_GROUP: {path}")
    def _(path=path, want=want):
        equal(look(group, path), want, json.dumps(group)[:3000])


@row("LAUNCH_GROUP: labels of pod and container; environment: the container's over the pod's; secrets; volumes")
def _():
    a = group["task_group"]["tasks"][0]
    labels = {l["key"]: l["value"] for l in a["labels"]["labels"]}
    equal({k: labels.get(k) for k in ("c",)}, {"c": "d"}, "labels")
    env = {v["name"]: v for v in a["command"]["environment"]["variables"]}
    equal((env["E"]["value"], env["F"]["type"], env["MARATHON_CONTAINER_ID"]["value"], env["EP_CONTAINER_WEB"]["value"]), ("1", "SECRET", "a", "80"), "environment")
    check(env["ENDPOINT_WEB"]["value"] == env["EP_HOST_WEB"]["value"] and 31000 <= int(env["EP_HOST_WEB"]["value"]) <= 31999, env)
    kinds = {v["container_path"]: v for v in a["container"]["volumes"]}
    equal((kinds["/h"].get("host_path") or kinds["/h"]["source"]["host_path"]["path"], kinds["/h"]["mode"]), ("/tmp", "RO"), "host")
    equal((kinds["e"]["source"]["type"], kinds["s"]["source"]["type"]), ("SANDBOX_PATH", "SECRET"), "ephemeral, secret")


# --- which offers are used
@row("offers: declined for 120 s without demand; SUPPRESS when nothing waits, REVIVE when something does")
def _():
    m.calls.clear()
    create("/demand")
    wait_for("REVIVE", lambda: m.of("REVIVE"))
    m.run()
    wait_for("SUPPRESS", lambda: m.of("SUPPRESS"))
    equal(m.answer(m.offer())["decline"]["filters"]["refuse_seconds"], 120.0, "decline")


@row("offers: no more than --max_instances_per_offer on one")
def _():
    create("/many", instances=8)
    equal([len(m.run()), len(m.run())], [5, 3], "launched")


def resources(role=None, gpus=0):
    more = {"reservations": [{"type": "STATIC", "role": role}]} if role else {}
    return [scalar("cpus", 4, **more), scalar("mem", 4096, **more), scalar("disk", 4096, **more), ports(31000, 31010, **more)] + ([scalar("gpus", gpus, **more)] if gpus else [])


REFUSED = [
    ("InsufficientCpus", {"cpus": 5}, {}),
    ("InsufficientMemory", {"mem": 5000}, {}),
    ("InsufficientDisk", {"disk": 5000}, {}),
    ("InsufficientGpus", {"gpus": 1}, {}),
    ("InsufficientPorts", {"requirePorts": True, "portDefinitions": [{"port": 31999}]}, {"resources": resources()}),
    ("DeclinedScarceResources", {}, {"resources": resources(gpus=1)}),
    ("UnfulfilledConstraint", {"constraints": [["rack", "CLUSTER", "r2"]]}, {"attributes": [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}]}),
    ("UnfulfilledConstraint", {"constraints": [["hostname", "UNLIKE", "host-A.*"]]}, {}),
    ("UnfulfilledConstraint", {"constraints": [["rack", "LIKE", ".*"]]}, {}),
    ("AgentMaintenance", {}, {"unavailability": {"start": {"nanoseconds": 1}}}),
]
for reason, fields, offered in REFUSED:
    @row(f"offers: refused for {reason}: {json.dumps(fields)[:80]}")
    def _(reason=reason, fields=fields, offered=offered):
        create("/refused", **fields)
        equal(m.answer(m.offer(**offered))["type"], "DECLINE", "answer")
        item = wait_for("the queue tells", lambda: waiting("/refused"))
        equal(item["lastUnusedOffers"][0]["reason"], [reason], "reason")
        summary = {s["reason"]: s["declined"] for s in item["processedOffersSummary"]["rejectSummaryLastOffers"]}
        equal([r for r, n in summary.items() if n], [reason], "summary")


text, number = lambda v: {"name": "k", "type": "TEXT", "text": {"value": v}}, lambda v: {"name": "k", "type": "SCALAR", "scalar": {"value": v}}
USED = [
    ("requirePorts takes the very port", {"requirePorts": True, "portDefinitions": [{"port": 31007}]}, {}, lambda t: equal([r["ranges"]["range"] for r in t["resources"] if r["name"] == "ports"], [[{"begin": 31007, "end": 31007}]])),
    ("gpus", {"gpus": 2}, {"resources": resources(gpus=3)}, lambda t: equal([r["scalar"]["value"] for r in t["resources"] if r["name"] == "gpus"], [2.0])),
    ("GPU_SCHEDULING_BEHAVIOR of an app", {"labels": {"GPU_SCHEDULING_BEHAVIOR": "unrestricted"}}, {"resources": resources(gpus=1)}, lambda t: None),
    ("UNLIKE of an attribute that is absent", {"constraints": [["k", "UNLIKE", "x"]]}, {}, lambda t: None),
    ("IS with a number in another form", {"constraints": [["k", "IS", "1.50"]]}, {"attributes": [number(1.5)]}, lambda t: None),
    ("CLUSTER on text", {"constraints": [["k", "CLUSTER", "v"]]}, {"attributes": [text("v")]}, lambda t: None),
    ("LIKE on a number as text", {"constraints": [["k", "LIKE", "1"]]}, {"attributes": [number(1.0)]}, lambda t: None),
    ("LIKE on ranges as text", {"constraints": [["k", "LIKE", r"\[1-3,5-5\]"]]}, {"attributes": [{"name": "k", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 3}, {"begin": 5, "end": 5}]}}]}, lambda t: None),
    ("@hostname", {"constraints": [["@hostname", "CLUSTER", "host-A0"]]}, {}, lambda t: None),
    ("@zone", {"constraints": [["@zone", "CLUSTER", "z"]]}, {"domain": {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}}, lambda t: None),
]
for name, fields, offered, look_at in USED:
    @row(f"offers: used: {name}")
    def _(fields=fields, offered=offered, look_at=look_at):
        create("/used", **fields)
        t, = m.run(**offered)
        look_at(t)


SPREAD = [("UNIQUE", [], 3, {"A0": 1, "A1": 1}), ("CLUSTER", [], 3, {"A0": 3, "A1": 0}), ("MAX_PER", ["2"], 5, {"A0": 2, "A1": 2}), ("GROUP_BY", ["2"], 4, {"A0": 2, "A1": 2}), ("GROUP_BY", ["2"], 5, {"A0": 3, "A1": 2}), ("GROUP_BY", [], 4, {"A0": 4, "A1": 0})]
for operator, value, n, want in SPREAD:
    @row(f"constraint {operator} {value}: {n} instances over two agents")
    def _(operator=operator, value=value, n=n, want=want):
        create("/spread", instances=n, constraints=[["hostname", operator, *value]])
        got = {"A0": 0, "A1": 0}
        for _ in range(4):
            for agent in got:
                got[agent] += len(m.run(agent))
        equal(got, want, "placed")


# --- the link to the master, messages, tasks that nobody knows
@case("events: scheduler_registered_event, then disconnected and reregistered when the link breaks; it reconciles each time")
def _():
    equal(m.subscriptions, 1, "so far")
    m.drop()
    event("scheduler_disconnected_event")
    equal(event("scheduler_reregistered_event")["master"], f"127.0.0.1:{m.port}", "master")
    wait_for("RECONCILE", lambda: m.of("RECONCILE"))


@case("framework_message_event: executorId, slaveId, bytes with a sign")
def _():
    m.send("MESSAGE", message={"agent_id": {"value": "A0"}, "executor_id": {"value": "e1"}, "data": base64.b64encode(b"hi\xff").decode()})
    e = event("framework_message_event")
    equal((e["executorId"], e["slaveId"], e["message"]), ("e1", "A0", [104, 105, -1]), "event")


@case("a task that nobody knows: killed when it runs, unknown_instance_terminated_event when it ended")
def _():
    id = "g_x.instance-3a6f0000-b7d2-11eb-8f2e-0242ac110002"
    m.calls.clear()
    m.update(id + "._app.1", "TASK_RUNNING")
    equal(wait_for("KILL", lambda: m.of("KILL"))[0]["kill"]["task_id"]["value"], id + "._app.1", "killed")
    m.update(id + "._app.1", "TASK_KILLED")
    e = event("unknown_instance_terminated_event")
    equal((e["instanceId"], e["runSpecId"], e["condition"]), (id, "/g/x", "Killed"), "event")
    m.calls.clear()


@row("group_change_failed: a change that is refused, with the reason")
def _():
    create("/held/a")
    call("PUT", "/v2/apps/held/a", {"mem": 20}, 409)
    e = event("group_change_failed", groupId="/held")
    check("locked" in e["reason"] and e["version"], e)
    call("PUT", "/v2/groups/ring", {"apps": [{"id": "a", **APP, "dependencies": ["b"]}, {"id": "b", **APP, "dependencies": ["a"]}]}, 422)
    check("cyclic" in event("group_change_failed", groupId="/ring")["reason"], "cycle")


@row("status_update_event: state, message, reason of the end in lastTaskFailure; host, ports, ipAddresses")
def _():
    create("/status", backoffSeconds=0)
    t, = m.run(resources=resources())
    id = t["task_id"]["value"]
    m.update(t, "TASK_RUNNING", container_status={"network_infos": [{"ip_addresses": [{"ip_address": "10.1.2.3", "protocol": "IPv4"}]}]})
    wait_for("the address", lambda: shown("/status")["tasks"][0]["ipAddresses"] == [{"ipAddress": "10.1.2.3", "protocol": "IPv4"}])
    m.update(t, "TASK_FAILED", message="out of luck", reason="REASON_CONTAINER_LIMITATION_MEMORY")
    e = event("status_update_event", taskId=id, taskStatus="TASK_FAILED")
    equal((e["message"], e["host"], e["slaveId"], len(e["ports"]), e["appId"]), ("out of luck", "host-A0", "A0", 1, "/status"), "event")
    f = shown("/status")["lastTaskFailure"]
    equal((f["message"], f["state"], f["taskId"], f["host"], f["slaveId"]), ("out of luck", "TASK_FAILED", id, "host-A0", "A0"), "failure")


# --- ends of tasks, and delays
for state, delayed in (("TASK_FAILED", True), ("TASK_ERROR", True), ("TASK_FINISHED", True), ("TASK_DROPPED", True), ("TASK_GONE", True), ("TASK_KILLED", False)):
    @row(f"backoff: {state} {'delays' if delayed else 'does not delay'} the next launch")
    def _(state=state, delayed=delayed):
        create("/ends", backoffSeconds=50)
        t, = m.run()
        m.update(t, state)
        item = wait_for("it waits again", lambda: waiting("/ends"))
        equal(item["delay"]["overdue"], not delayed, "overdue")
        check(not delayed or 45 <= item["delay"]["timeLeftSeconds"] <= 50, item["delay"])
        call("PUT", "/v2/apps/ends?force=true", {"instances": 2})
        equal(waiting("/ends")["delay"]["overdue"], not delayed, "after scaling")
        call("PUT", "/v2/apps/ends?force=true", {"mem": 20})
        equal(waiting("/ends")["delay"]["overdue"], True, "after a change of the definition")


# --- tasks on unreachable agents
def unreachable(t):
    m.update(t, "TASK_UNREACHABLE", reason="REASON_AGENT_REMOVED", unreachable_time={"nanoseconds": int(time.time() * 1e9)})


@row("unreachable, 0 and 0: replaced at once and forgotten; the task that comes back is killed")
def _():
    create("/lost")
    t, = m.run()
    wait_for("it runs", lambda: states("/lost") == ["TASK_RUNNING"])
    unreachable(t)
    new, = m.run("A1")
    check(new["task_id"] != t["task_id"] and new["task_id"]["value"].split("._app")[0] != t["task_id"]["value"].split("._app")[0], "another instance")
    equal(states("/lost"), ["TASK_RUNNING"], "tasks")
    m.calls.clear()
    m.update(t, "TASK_RUNNING")
    equal(wait_for("KILL", lambda: m.of("KILL"))[0]["kill"]["task_id"], t["task_id"], "killed")
    m.update(t, "TASK_KILLED")


@row("unreachable: inactive after its time, then replaced; before expunging it comes back, and one too many is killed")
def _():
    create("/slow", unreachableStrategy={"inactiveAfterSeconds": 1, "expungeAfterSeconds": 1000})
    t, = m.run()
    wait_for("it runs", lambda: states("/slow") == ["TASK_RUNNING"])
    unreachable(t)
    wait_for("unreachable", lambda: states("/slow") == ["TASK_UNREACHABLE"])
    equal(waiting("/slow"), None, "not replaced yet")
    event("instance_changed_event", condition="UnreachableInactive", instanceId=t["task_id"]["value"].split("._app")[0])
    new, = m.run("A1")
    equal(states("/slow"), ["TASK_RUNNING", "TASK_UNREACHABLE"], "both are shown")
    m.calls.clear()
    m.update(t, "TASK_RUNNING")
    kill = wait_for("KILL", lambda: m.of("KILL"))[0]["kill"]
    equal(kill["task_id"], new["task_id"], "the youngest goes")


@row("unreachable: expunged after its time")
def _():
    create("/gone", unreachableStrategy={"inactiveAfterSeconds": 0, "expungeAfterSeconds": 1})
    t, = m.run()
    unreachable(t)
    m.run("A1")
    wait_for("forgotten", lambda: states("/gone") == ["TASK_RUNNING"])


@row('unreachable: with "disabled" neither replaced nor forgotten; it is Running again when it returns')
def _():
    create("/stays", unreachableStrategy="disabled")
    t, = m.run()
    unreachable(t)
    wait_for("unreachable", lambda: states("/stays") == ["TASK_UNREACHABLE"])
    equal(waiting("/stays"), None, "not replaced")
    m.update(t, "TASK_RUNNING")
    wait_for("it runs again", lambda: states("/stays") == ["TASK_RUNNING"])


# --- roles, reserved resources, volumes, regions, health that executors tell
def reserved(role, *labels):
    return [{"type": "DYNAMIC" if labels else "STATIC", "role": role, **({"labels": {"labels": list(labels)}} if labels else {})}]


ROLES = [  # acceptedResourceRoles; the roles of cpus in the offer, in order; what is taken of which
    (None, ["*", "dev"], "*"), (None, ["dev", "*"], "dev"), (["*"], ["dev", "*"], "*"), (["dev"], ["*", "dev"], "dev"),
]
for accepted, offered, taken in ROLES:
    @row(f"acceptedResourceRoles {accepted}: of cpus of {offered} those of {taken} are taken")
    def _(accepted=accepted, offered=offered, taken=taken):
        create("/dev/app", role="dev", portDefinitions=[], **({"acceptedResourceRoles": accepted} if accepted else {}))
        wait_for("the role is told", lambda: "dev" in m.framework["roles"])
        of = lambda name, role: scalar(name, 100, **({"reservations": reserved("dev")} if role == "dev" else {}))
        t, = m.run(role="dev", resources=[of(name, role) for name in ("cpus", "mem") for role in offered])
        equal({(r.get("reservations") or [{"role": "*"}])[-1]["role"] for r in t["resources"]}, {taken}, "taken")


@row("resident: RESERVE and CREATE with labels; launched on them; the next incarnation comes back there; gone by operator: the same instance elsewhere")
def _():
    create("/dev/db", role="dev", container={"type": "MESOS", "volumes": [{"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}]}, backoffSeconds=0)
    first = m.answer(m.offer(role="dev"))
    operations = first["accept"]["operations"]
    equal([o["type"] for o in operations], ["RESERVE", "CREATE"], "operations")
    labels = {l["key"]: l["value"] for l in operations[0]["reserve"]["resources"][0]["reservations"][-1]["labels"]["labels"]}
    equal(labels["marathon_framework_id"], m.framework_id, "label")
    volume, = operations[1]["create"]["volumes"]
    check(volume["disk"]["persistence"]["id"].startswith("dev_db#data#"), volume)
    equal((volume["disk"]["volume"]["container_path"], volume["disk"]["volume"]["mode"], volume["scalar"]["value"]), ("data", "RW", 10.0), "volume")
    kept = [r for r in operations[0]["reserve"]["resources"] if r["name"] != "disk"] + [volume]
    t, = m.run(role="dev", resources=kept)
    instance = t["task_id"]["value"].split("._app")[0]
    equal(instance, labels["marathon_task_id"], "instance")
    local, = shown("/dev/db")["tasks"][0]["localVolumes"]
    equal((local["persistenceId"], local["containerPath"], local["runSpecId"]), (volume["disk"]["persistence"]["id"], "data", "/dev/db"), "localVolumes")
    m.update(t, "TASK_FAILED")
    equal(m.answer(m.offer("A1", role="dev"))["type"], "DECLINE", "another agent")
    again, = m.run(role="dev", resources=kept)
    equal(again["task_id"]["value"], f"{instance}._app.2", "the next incarnation")
    m.update(again, "TASK_GONE_BY_OPERATOR")
    moved = m.answer(m.offer("A1", role="dev"))["accept"]["operations"]
    equal([o["type"] for o in moved], ["RESERVE", "CREATE"], "elsewhere")
    equal({l["key"]: l["value"] for l in moved[0]["reserve"]["resources"][0]["reservations"][-1]["labels"]["labels"]}["marathon_task_id"], instance, "the same instance")


@row("resident: what no instance has any more is given back: DESTROY and UNRESERVE")
def _():
    mine = [{"key": "marathon_framework_id", "value": m.framework_id}, {"key": "marathon_task_id", "value": "dev_old.instance-3a6f0000-b7d2-11eb-8f2e-0242ac110002"}]
    volume = scalar("disk", 10, reservations=reserved("dev", *mine), disk={"persistence": {"id": "dev_old#data#1", "principal": "p"}, "volume": {"container_path": "data", "mode": "RW"}})
    operations = m.answer(m.offer(role="dev", resources=[scalar("cpus", 1, reservations=reserved("dev", *mine)), volume]))["accept"]["operations"]
    equal([o["type"] for o in operations], ["DESTROY", "UNRESERVE"], "operations")


for name, region, fields, used in (("another region is not used", "far", {}, False), ("unless the app asks for it", "far", {"constraints": [["@region", "IS", "far"]]}, True)):
    @row(f"regions: {name}")
    def _(region=region, fields=fields, used=used):
        m.region = "home"
        m.drop()
        before = m.subscriptions
        wait_for("it subscribes again", lambda: m.subscriptions > before)
        create("/region", **fields)
        answer = m.answer(m.offer(domain={"fault_domain": {"region": {"name": region}, "zone": {"name": "z"}}}))
        equal(answer["type"], "ACCEPT" if used else "DECLINE", "answer")
        if used:
            m.update(m.launched(answer["accept"]["offer_ids"][0]["value"])[0], "TASK_RUNNING")


@row("health that the executor tells: healthy, unhealthy, its events; Marathon does not kill for it")
def _():
    create("/told", healthChecks=[{"protocol": "MESOS_TCP", "portIndex": 0, "maxConsecutiveFailures": 1}], portDefinitions=[{"port": 0}])
    t, = m.run()
    instance = t["task_id"]["value"].split("._app")[0]
    check(shown("/told")["deployments"], "the deployment waits for health")
    m.update(t, "TASK_RUNNING", healthy=True, reason="REASON_TASK_HEALTH_CHECK_STATUS_UPDATED")
    event("instance_health_changed_event", instanceId=instance, healthy=True)
    wait_for("the deployment ends", lambda: shown("/told")["deployments"] == [] and shown("/told")["tasksHealthy"] == 1)
    m.update(t, "TASK_RUNNING", healthy=False, reason="REASON_TASK_HEALTH_CHECK_STATUS_UPDATED")
    event("instance_health_changed_event", instanceId=instance, healthy=False)
    equal((shown("/told")["tasksUnhealthy"], m.of("KILL")), (1, []), "unhealthy, kills")


# --- restarts: how many are killed and started at first, and how it goes on
ROLLING = [  # instances, minimumHealthCapacity, maximumOverCapacity, new instances: killed now, started now
    (4, 1, 1, 4, 0, 4), (4, 0.5, 0, 4, 2, 2), (4, 0, 0, 4, 4, 4), (4, 1, 0, 4, 0, 1), (10, 0.5, 0.2, 10, 5, 7), (3, 0.5, 0.5, 3, 1, 2), (5, 1, 1, 2, 3, 2),
]
for n, health, over, target, killed, started in ROLLING:
    @row(f"restart of {n} to {target}, minimumHealthCapacity {health}, maximumOverCapacity {over}: kill {killed}, start up to {started}, then all the way")
    def _(n=n, health=health, over=over, target=target, killed=killed, started=started):
        create("/roll", instances=n, upgradeStrategy={"minimumHealthCapacity": health, "maximumOverCapacity": over})
        old = m.run() + (m.run() if n > 5 else [])
        ids = {t["task_id"]["value"] for t in old}
        equal(len(ids), n, "old ones")
        wait_for("they run", lambda: shown("/roll")["deployments"] == [])
        m.calls.clear()
        call("PUT", "/v2/apps/roll", {"mem": 17, "instances": target})
        time_of_kills = lambda: {c["kill"]["task_id"]["value"] for c in m.of("KILL")} & ids
        wait_for("the first kills", lambda: len(time_of_kills()) == killed)
        ended = set()

        def end(killed):
            for id in killed - ended:
                m.update(id, "TASK_KILLED")
                ended.add(id)
        begun = m.launched(m.offer())
        begun += m.launched(m.offer()) if len(begun) == 5 else []
        first = len(begun)
        check(first <= started, f"{first} started before a kill was confirmed")
        end(time_of_kills())

        def step():
            least, most = -(-target * health // 1), target * (1 + over) // 1 + (1 if health == 1 and over == 0 else 0)
            end(time_of_kills())
            for t in begun:
                m.update(t, "TASK_RUNNING")
            alive = len(ids - ended) + len(begun)
            check(alive <= max(most, n), f"{alive} at a time")
            check(len(ids - time_of_kills()) + len(begun) >= min(least, n), "too few are left")
            begun.extend(m.launched(m.offer()))
            return shown("/roll")["deployments"] == []
        wait_for("the end", step)
        equal((len(begun), len(ended)), (target, n), "new, old")


@row("deployment stopped with force: what waits is dropped, what runs stays; taskStats tell that it is outdated")
def _():
    create("/half")
    t, = m.run()
    wait_for("it runs", lambda: shown("/half")["deployments"] == [])
    d = call("PUT", "/v2/apps/half", {"cpus": 1000})["deploymentId"]
    call("DELETE", f"/v2/deployments/{d}?force=true", want=202)
    equal((waiting("/half"), [x["id"] for x in shown("/half")["tasks"]]), (None, [t["task_id"]["value"]]), "waiting, running")
    stats = shown("/half")["taskStats"]
    equal((stats["withOutdatedConfig"]["stats"]["counts"]["running"], "withLatestConfig" in stats), (1, False), "taskStats")
    equal(m.of("KILL"), [], "kills")


@case("POST /v2/tasks/delete 422: an id that is no string, at its path")
def _():
    r = call("POST", "/v2/tasks/delete", {"ids": ["x.instance-3a6f0000-b7d2-11eb-8f2e-0242ac110002._app.1", 1]}, 422)
    equal(r["details"], [{"path": "/ids(1)", "errors": ["error.expected.jsstring"]}], "details")


@row("kill: repeated until the task has ended")
def _():
    create("/again")
    t, = m.run()
    wait_for("it runs", lambda: states("/again") == ["TASK_RUNNING"])
    m.calls.clear()
    call("DELETE", "/v2/apps/again/tasks")
    wait_for("a second KILL", lambda: len(m.of("KILL")) >= 2)
    m.update(t, "TASK_KILLING")
    wait_for("TASK_KILLING is shown", lambda: states("/again") == ["TASK_KILLING"])


METRICS = """apps.active.gauge pods.active.gauge groups.active.gauge instances.running.gauge instances.staged.gauge instances.launch-overdue.gauge instances.inflight-kills.gauge instances.inflight-kill-attempts.gauge
deployments.active.gauge deployments.counter deployments.dismissed.counter leadership.duration.gauge.seconds uptime.gauge.seconds tasks.launched.counter mesos.offers.incoming.counter mesos.offers.used.counter mesos.offers.declined.counter
mesos.calls.revive.counter mesos.calls.suppress.counter mesos.offer-operations.launch.counter mesos.offer-operations.launch-group.counter mesos.offer-operations.reserve.counter mesos.task-updates.task-running.counter
mesos.task-updates.task-failed.counter mesos.task.oom.memory-limit-exceeded.counter mesos.task.oom.memory-limit-unfulfillable.counter persistence.gc.runs.counter persistence.gc.scan.duration.timer.seconds
persistence.gc.compaction.duration.timer.seconds http.requests.active.gauge http.requests.size.counter.bytes http.requests.duration.timer.seconds http.requests.get.duration.timer.seconds http.requests.post.duration.timer.seconds
http.requests.put.duration.timer.seconds http.requests.delete.duration.timer.seconds http.responses.1xx.rate.meter http.responses.2xx.rate.meter http.responses.3xx.rate.meter http.responses.4xx.rate.meter http.responses.5xx.rate.meter
http.responses.size.counter.bytes http.responses.size.gzipped.counter.bytes http.responses.event-stream.size.counter.bytes http.event-streams.active.gauge""".split()


@case("metrics: every name, in JSON and as Prometheus text")
def _():
    kinds = {"gauge": "gauges", "counter": "counters", "meter": "meters", "timer": "timers"}
    json_form, text_form = call("GET", "/metrics"), http_request("GET", port, "/metrics/prometheus").text
    for name in METRICS:
        kind = next(k for k in kinds if k in name.split("."))
        check("marathon." + name in json_form[kinds[kind]], name)
        check(re.search(rf"^marathon_{name.replace('.', '_').replace('-', '_')}(_count)? \d", text_form, re.M), name)


@case("metrics: what was launched, refused, received, and compressed")
def _():
    http_request("GET", port, "/v2/info", headers={"Accept-Encoding": "gzip"})
    counters = {k[len("marathon."):]: v["count"] for k, v in call("GET", "/metrics")["counters"].items()}
    equal(counters["mesos.offer-operations.launch-group.counter"], 1, "the pod")
    for name in ("mesos.offer-operations.launch.counter", "mesos.offers.declined.counter", "mesos.offers.used.counter", "tasks.launched.counter", "mesos.task-updates.task-running.counter", "mesos.calls.revive.counter",
                 "mesos.calls.suppress.counter", "mesos.task.oom.memory-limit-exceeded.counter", "deployments.counter", "deployments.dismissed.counter", "http.responses.size.gzipped.counter.bytes", "http.responses.event-stream.size.counter.bytes"):
        check(counters[name] > 0, name)
    equal(counters["mesos.offers.incoming.counter"], counters["mesos.offers.declined.counter"] + counters["mesos.offers.used.counter"], "offers")


@case("it ends")
def _():
    marathon.stop()
    m.stop()


main()
