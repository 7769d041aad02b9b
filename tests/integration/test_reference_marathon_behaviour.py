#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Marathon does, a row each: ids, normal forms, service ports, versions, plans, groups, roles, deployments, instances and their
incarnations, kills, environment of tasks, delays, events in their order. One cluster with one agent."""
import itertools, os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from shapes import PATTERNS, STAMP, UUID
from fields import look
from cluster import *

dev = None
count = itertools.count(1)
APP = {"cmd": "sleep 1000", "instances": 0, "cpus": 0.01, "mem": 16}
NET = [{"mode": "container", "name": "n"}]
BRIDGE = [{"mode": "container/bridge"}]
events = []


def call(method, path, body=None, want=200, **kw):
    r = http_request(method, dev.marathon, path, body, **kw)
    equal(r.status, want, f"{method} {path}: {r.text[:300]}")
    return r


def create(id, want=201, query="", **more):
    return call("POST", "/v2/apps" + query, {"id": id, **APP, **more}, want).json


def shown(id):
    return call("GET", "/v2/apps" + id).json["app"]


def steps(method, path, body=None):
    """The plan of a change, without making it: [[action, action], …], each "Action id"."""
    r = call(method, path + ("&" if "?" in path else "?") + "dryRun=true", body)
    return [sorted(f"{a['action']} {a.get('app') or a.get('pod')}" for a in s["actions"]) for s in r.json["steps"]]


def listen(query=""):
    """Reads an event stream into a list, in a thread."""
    seen, s = [], socket.create_connection(("127.0.0.1", dev.marathon))
    s.sendall(f"GET /v2/events{query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n".encode())

    def read():
        try:
            for line in s.makefile("rb"):
                if line.startswith(b"data: "):
                    seen.append(json.loads(line[6:]))
        except (OSError, ValueError):
            pass
    threading.Thread(target=read, daemon=True).start()
    return seen, s


@case("a cluster")
def _():
    global dev, events
    dev = Dev(master_flags=["allocation_interval=100ms"], marathon_flags=["mesos_role=web", "local_port_min=10000", "local_port_max=10100"])
    events, _ = listen()
    wait_for("the stream", lambda: events)


# --- normal forms: fields of an app, and what is rendered at a path
MAPPING = {"containerPort": 0, "hostPort": 0, "labels": {}, "name": "default", "protocol": "tcp"}
FORMS = [
    ("uris: extract for archives alone", {"uris": ["http://a/x.tar.gz", "http://a/x.sh"]}, "fetch", [{"uri": "http://a/x.tar.gz", "extract": True, "executable": False, "cache": False}, {"uri": "http://a/x.sh", "extract": False, "executable": False, "cache": False}]),
    ("no networks: host", {}, "networks", [{"mode": "host"}]),
    ("docker.network HOST", {"container": {"docker": {"image": "i", "network": "HOST"}}}, "networks", [{"mode": "host"}]),
    ("docker.network BRIDGE", {"container": {"docker": {"image": "i", "network": "BRIDGE"}}}, "networks", BRIDGE),
    ("docker.network USER", {"container": {"docker": {"image": "i", "network": "USER"}}, "ipAddress": {"networkName": "n"}}, "networks", [{"name": "n", "mode": "container"}]),
    ("ipAddress with labels", {"ipAddress": {"networkName": "n", "labels": {"a": "b"}}}, "networks", [{"name": "n", "mode": "container", "labels": {"a": "b"}}]),
    ("ipAddress of the bridge's name", {"ipAddress": {"networkName": "mesos-bridge"}}, "networks/0/mode", "container/bridge"),
    ("ipAddress.discovery.ports", {"ipAddress": {"networkName": "n", "discovery": {"ports": [{"number": 80, "name": "web"}]}}}, "container/portMappings/0/containerPort", 80),
    ("docker.portMappings", {"container": {"docker": {"image": "i", "network": "BRIDGE", "portMappings": [{"containerPort": 80}]}}}, "container/portMappings/0/containerPort", 80),
    ("ports", {"ports": [10050, 10051]}, "portDefinitions", [{"port": 10050, "protocol": "tcp"}, {"port": 10051, "protocol": "tcp"}]),
    ("host without ports: a default one", {}, "portDefinitions/0/name", "default"),
    ("host with []: none", {"portDefinitions": []}, "portDefinitions", []),
    ("bridge without mappings: a default one", {"container": {"type": "MESOS"}, "networks": BRIDGE}, "container/portMappings/0/hostPort", 0),
    ("container without mappings: a default one, without host port", {"container": {"type": "MESOS"}, "networks": NET}, "container/portMappings/0/hostPort", None),
    ("a network without a container: an empty one", {"networks": NET}, "container/type", "MESOS"),
    ("requirePorts beside host networking", {"networks": NET, "requirePorts": True}, "requirePorts", False),
    ("a health check of default ports, on create", {"healthChecks": [{"protocol": "HTTP"}]}, "healthChecks/0/portIndex", None),
    ("a health check of stated ports", {"portDefinitions": [{"port": 0}], "healthChecks": [{"protocol": "HTTP"}]}, "healthChecks/0/portIndex", 0),
    ("a health check of mappings", {"container": {"type": "MESOS"}, "networks": BRIDGE, "healthChecks": [{"protocol": "TCP"}]}, "healthChecks/0/portIndex", 0),
    ("a COMMAND health check", {"healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}]}, "healthChecks/0/portIndex", None),
    ("a readiness check without codes", {"portDefinitions": [{"port": 0, "name": "http-api"}], "readinessChecks": [{}]}, "readinessChecks/0/httpStatusCodesForReady", [200]),
    ("unreachableStrategy", {}, "unreachableStrategy", {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}),
    ("upgradeStrategy", {}, "upgradeStrategy", {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1.0}),
    ("constraints in lower case", {"constraints": [["hostname", "unique"]]}, "constraints", [["hostname", "UNIQUE"]]),
    ("relative dependencies: of the app's group", {"id": "/deps/app", "dependencies": ["other", "../x"]}, "dependencies", ["/deps/other", "/x"]),
]
RESIDENT = {"container": {"type": "MESOS", "volumes": [{"containerPath": "d", "mode": "RW", "persistent": {"size": 1}}]}}
FORMS += [
    ("resident: residency", {**RESIDENT, "residency": {"relaunchEscalationTimeoutSeconds": 10, "taskLostBehavior": "WAIT_FOREVER"}}, "residency", {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"}),
    ("resident: unreachableStrategy", RESIDENT, "unreachableStrategy", "disabled"),
    ("resident: upgradeStrategy", RESIDENT, "upgradeStrategy", {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.0}),
    ("resident: type of a volume with a size alone", RESIDENT, "container/volumes/0/persistent/type", "root"),
]
for name, fields, path, want in FORMS:
    @case(f"normal form: {name}")
    def _(fields=fields, path=path, want=want):
        a = create(fields.get("id", f"/form{next(count)}"), **{k: v for k, v in fields.items() if k != "id"})
        equal(look(a, path), want, path)
        equal(look(shown(a["id"]), path), want, "read back")
        equal([k for k in ("ports", "uris", "ipAddress") if k in a], [], "deprecated keys, rendered")
        call("DELETE", "/v2/apps" + a["id"])


# --- service ports
@case("service ports: 0 is the lowest number that nobody has; an update keeps what it had; others are kept as given")
def _():
    ports = lambda a: [p["port"] for p in a["portDefinitions"]]
    equal(ports(create("/sp1", portDefinitions=[{"port": 0}, {"port": 0}])), [10000, 10001], "the first two")
    equal(ports(create("/sp2")), [10002], "the next")
    equal(ports(create("/sp3", portDefinitions=[{"port": 10000}, {"port": 30000}])), [10000, 30000], "as given")
    call("PUT", "/v2/apps/sp1", {"portDefinitions": [{"port": 0, "name": "x"}]})
    equal(ports(shown("/sp1")), [10000], "kept")
    equal(ports(create("/sp4")), [10001], "free again")
    for i in range(1, 5):
        call("DELETE", f"/v2/apps/sp{i}")


# --- version and versionInfo
@case("versionInfo: created; scaled; configured; restarted; nothing changed")
def _():
    create("/v")

    def info():
        a = shown("/v")
        return a["version"], a["versionInfo"]["lastScalingAt"], a["versionInfo"]["lastConfigChangeAt"]
    equal(len(set(info())), 1, "at first")
    first = info()
    call("PUT", "/v2/apps/v", {"instances": 1})
    dev.settled("/v")
    second = info()
    equal((second[0] > first[0], second[1] == second[0], second[2] == first[2]), (True, True, True), "scaled: version, lastScalingAt new; lastConfigChangeAt kept")
    call("POST", "/v2/apps/v/restart", {})
    dev.settled("/v")
    third = info()
    equal((third[0] > second[0], third[1] == second[1], third[2] == third[0]), (True, True, True), "restarted: version, lastConfigChangeAt new; lastScalingAt kept")
    call("PUT", "/v2/apps/v", {"labels": {"a": "b"}})
    dev.settled("/v")
    fourth = info()
    equal((fourth[1] == fourth[0], fourth[2] == fourth[0], fourth[0] > third[0]), (True, True, True), "configured: all new")
    call("PUT", "/v2/apps/v", {"labels": {"a": "b"}})
    equal(info(), fourth, "nothing changed")
    call("DELETE", "/v2/apps/v")


# --- plans
CHAIN = {"apps": [{"id": "a", **APP, "instances": 1}, {"id": "b", **APP, "instances": 1, "dependencies": ["a"]}, {"id": "c", **APP, "instances": 1, "dependencies": ["b"]}, {"id": "d", **APP, "instances": 1}]}


@case("plan: a new app is Start, then Scale")
def _():
    equal(steps("POST", "/v2/apps", {"id": "/plan", **APP, "instances": 1}), [["StartApplication /plan"], ["ScaleApplication /plan"]], "steps")


@case("plan: one step per level of dependencies, those without first")
def _():
    equal(steps("PUT", "/v2/groups/chain", CHAIN), [["StartApplication /chain/a", "StartApplication /chain/b", "StartApplication /chain/c", "StartApplication /chain/d"],
                                                    ["ScaleApplication /chain/a", "ScaleApplication /chain/d"], ["ScaleApplication /chain/b"], ["ScaleApplication /chain/c"]], "steps")


@case("plan: dependencies of a group are those of its apps, and on a group on all of its")
def _():
    equal(steps("PUT", "/v2/groups/two", {"groups": [{"id": "db", "apps": [{"id": "pg", **APP, "instances": 1}]}, {"id": "web", "dependencies": ["../db"], "apps": [{"id": "ui", **APP, "instances": 1}]}]})[1:],
          [["ScaleApplication /two/db/pg"], ["ScaleApplication /two/web/ui"]], "steps")


@case("plan: changed, scaled, scaled to 0, unchanged, removed")
def _():
    create("/plans/a", instances=1)
    create("/plans/b", instances=1)
    equal(steps("PUT", "/v2/apps/plans/a", {"env": {"A": "b"}}), [["RestartApplication /plans/a"]], "changed")
    equal(steps("PUT", "/v2/apps/plans/a", {"instances": 2}), [["ScaleApplication /plans/a"]], "scaled")
    equal(steps("PUT", "/v2/apps/plans/a", {"instances": 0, "env": {"A": "b"}}), [["ScaleApplication /plans/a"]], "to 0")
    equal(steps("PUT", "/v2/apps/plans/a", {"cmd": APP["cmd"]}), [], "unchanged")
    equal(steps("DELETE", "/v2/apps/plans/a"), [["StopApplication /plans/a"]], "removed")
    equal(steps("DELETE", "/v2/groups/plans"), [["StopApplication /plans/a", "StopApplication /plans/b"]], "a group")
    equal(steps("PUT", "/v2/groups/plans", {"scaleBy": 1.5}), [["ScaleApplication /plans/a", "ScaleApplication /plans/b"]], "scaleBy")
    equal(steps("PUT", "/v2/groups/plans", {"apps": [{"id": "n", **APP, "instances": 1}]}), [["StopApplication /plans/a", "StopApplication /plans/b"], ["StartApplication /plans/n"], ["ScaleApplication /plans/n"]], "replaced")
    equal(get(dev.marathon, "/v2/apps/plans/n").status, 404, "after dry runs")
    call("DELETE", "/v2/groups/plans?force=true")


# --- groups
@case("group: apps present are all that remain, absent lists keep; definitions are whole; pods stay")
def _():
    call("PUT", "/v2/groups/g", {"apps": [{"id": "a", **APP, "labels": {"x": "y"}}, {"id": "b", **APP}], "groups": [{"id": "in", "apps": [{"id": "c", **APP}]}]})
    call("POST", "/v2/pods", {"id": "/g/p", "containers": [{"name": "c", "exec": {"command": {"shell": "sleep 1"}}, "resources": {}}], "scaling": {"kind": "fixed", "instances": 0}}, 201)
    call("PUT", "/v2/groups/g", {"apps": [{"id": "a", **APP}]})
    equal(sorted(a["id"] for a in call("GET", "/v2/groups/g/apps").json), ["/g/a", "/g/in/c"], "apps")
    equal(shown("/g/a")["labels"], {}, "labels")
    call("GET", "/v2/pods/g/p")


@case("group: versions are those of the root in which it was; version rolls it back")
def _():
    versions = call("GET", "/v2/groups/g/versions").json
    check(len(versions) >= 3, versions)
    old = next(v for v in versions if "/g/b" in [a["id"] for a in call("GET", f"/v2/groups/g/versions/{v}").json["apps"]])
    call("PUT", "/v2/groups/g", {"version": old})
    equal(sorted(a["id"] for a in call("GET", "/v2/groups/g/apps").json), ["/g/a", "/g/b", "/g/in/c"], "apps")
    equal(shown("/g/a")["labels"], {"x": "y"}, "labels")


@case("group: scaleBy rounds up and counts apps below; 0 suspends")
def _():
    for id, n in (("/s/a", 1), ("/s/in/b", 3)):
        create(id, instances=n)
        dev.settled(id)
    call("PUT", "/v2/groups/s", {"scaleBy": 1.5})
    equal([shown(i)["instances"] for i in ("/s/a", "/s/in/b")], [2, 5], "instances")
    dev.settled("/s/in/b")
    dev.settled("/s/a")
    call("PUT", "/v2/groups/s", {"scaleBy": 0})
    wait_for("suspended", lambda: all(shown(i)["instances"] == 0 and shown(i)["tasksRunning"] == 0 and not shown(i)["deployments"] for i in ("/s/a", "/s/in/b")))
    call("DELETE", "/v2/groups/s")
    call("DELETE", "/v2/groups/g")


# --- roles
@case("roles: the default one; the top group's name; that of a group that enforces it")
def _():
    equal(create("/r0")["role"], "web", "directly under the root")
    create("/r1", want=422, role="r1")
    equal(create("/dev/a")["role"], "web", "in a group")
    equal(create("/dev/b", role="dev")["role"], "dev", "the group's name")
    create("/dev/c", want=422, role="other")
    call("PUT", "/v2/groups/dev2", {"enforceRole": True})
    equal(create("/dev2/a")["role"], "dev2", "enforced")
    create("/dev2/b", want=422, role="web")
    equal(call("GET", "/v2/groups/dev2").json["enforceRole"], True, "enforceRole")
    for p in ("/v2/apps/r0", "/v2/groups/dev?force=true", "/v2/groups/dev2?force=true"):
        call("DELETE", p)


# --- deployments
@case("deployment: rolled back it takes a new app away, and gives a removed one back")
def _():
    d = create("/never", instances=1, cpus=1000)["deployments"][0]["id"]
    shape = next(x for x in call("GET", "/v2/deployments").json if x["id"] == d)
    equal((shape["totalSteps"], shape["currentStep"], shape["affectedApps"], shape["affectedPods"]), (2, 2, ["/never"], []), "deployment")
    r = call("DELETE", f"/v2/deployments/{d}")
    equal(sorted(r.json), ["deploymentId", "version"], "answer")
    wait_for("it is gone", lambda: get(dev.marathon, "/v2/apps/never").status == 404)


@case("deployment: with force=true it is only stopped: 202, empty")
def _():
    d = create("/half", instances=1, cpus=1000)["deployments"][0]["id"]
    equal(call("DELETE", f"/v2/deployments/{d}?force=true", want=202).body, b"", "body")
    equal((shown("/half")["instances"], shown("/half")["deployments"]), (1, []), "what stays")
    call("DELETE", "/v2/apps/half")


@case("deployment: force cancels the one that holds the app, and deployment_failed says so")
def _():
    d = create("/forced", instances=1, cpus=1000)["deployments"][0]["id"]
    call("PUT", "/v2/apps/forced?force=true", {"cpus": 0.01})
    wait_for("deployment_failed", lambda: any(e["eventType"] == "deployment_failed" and e["id"] == d and e.get("reason") == "The upgrade has been cancelled" for e in events))
    dev.settled("/forced")


# --- instances
def tasks(id):
    return call("GET", f"/v2/apps{id}/tasks").json["tasks"]


def incarnation(task):
    return task["id"].rsplit("._app.", 1)


@case("instance: ids; killed without scaling it comes back as the next incarnation")
def _():
    t, = tasks("/forced")
    check(re.fullmatch(rf"forced\.instance-{UUID}\._app\.1", t["id"]), t["id"])
    equal(call("DELETE", f"/v2/apps/forced/tasks/{t['id']}").json["task"]["id"], t["id"], "killed")
    new = wait_for("the next", lambda: [x for x in tasks("/forced") if x["id"] != t["id"] and x["state"] == "TASK_RUNNING"])[0]
    equal(incarnation(new), [incarnation(t)[0], "2"], "id")


@case("instance: POST /v2/tasks/delete skips what it does not know; wipe makes a new instance")
def _():
    t, = tasks("/forced")
    r = call("POST", "/v2/tasks/delete?wipe=true", {"ids": [t["id"], f"forced.instance-{'0' * 8}-0000-4000-8000-{'0' * 12}._app.1"]})
    equal([x["id"] for x in r.json["tasks"]], [t["id"]], "killed")
    new = wait_for("another", lambda: [x for x in tasks("/forced") if incarnation(x)[0] != incarnation(t)[0] and x["state"] == "TASK_RUNNING"])[0]
    equal(incarnation(new)[1], "1", "incarnation")


@case("instance: restart and scale keep to their rules; DELETE tasks with host and scale")
def _():
    call("PUT", "/v2/apps/forced", {"instances": 3})
    dev.settled("/forced")
    equal(call("DELETE", "/v2/apps/forced/tasks?host=elsewhere").json, {"tasks": []}, "on another host")
    first = min(tasks("/forced"), key=lambda t: t["startedAt"])["id"]
    check("deploymentId" in call("DELETE", f"/v2/apps/forced/tasks/{tasks('/forced')[0]['id']}?scale=true").json, "scale")
    dev.settled("/forced")
    equal(shown("/forced")["instances"], 2, "instances")
    call("PUT", "/v2/apps/forced", {"killSelection": "OLDEST_FIRST"})
    dev.settled("/forced")
    equal([t["id"] for t in tasks("/forced") if t["id"] == first], [], "tasks of the old configuration")
    check("deploymentId" in call("DELETE", "/v2/apps/forced/tasks?scale=true&host=*").json, "all of them")
    dev.settled("/forced")
    equal(shown("/forced")["instances"], 0, "instances")


@case("scale down: youngest first, or oldest first")
def _():
    for selection, left in (("YOUNGEST_FIRST", min), ("OLDEST_FIRST", max)):
        id = "/kill-" + selection[:3].lower()
        create(id, instances=1, killSelection=selection)
        dev.settled(id)
        call("PUT", f"/v2/apps{id}", {"instances": 2})
        dev.settled(id)
        want = left(tasks(id), key=lambda t: t["startedAt"])["id"]
        call("PUT", f"/v2/apps{id}", {"instances": 1})
        dev.settled(id)
        equal([t["id"] for t in tasks(id)], [want], selection)
        call("DELETE", f"/v2/apps{id}")


@case("tasks as text: an app and a port a line, hosts behind tabs; running ones alone; apps without ports with a blank")
def _():
    create("/txt/two", instances=2, portDefinitions=[{"port": 10090}])
    create("/txt/none", instances=1, portDefinitions=[])
    dev.settled("/txt/two")
    dev.settled("/txt/none")
    lines = dict(l.split("\t", 1) for l in call("GET", "/v2/tasks", headers={"Accept": "text/plain"}).text.split("\n") if l)
    hosts = sorted(f"127.0.0.1:{t['ports'][0]}" for t in tasks("/txt/two"))
    service, *addresses = lines["txt_two"].rstrip("\t").split("\t")
    equal((service, sorted(addresses)), ("10090", hosts), "/txt/two")
    equal(lines["txt_none"], " \t127.0.0.1\t", "/txt/none")
    equal([t["servicePorts"] for t in call("GET", "/v2/tasks").json["tasks"] if t["appId"] == "/txt/two"], [[10090], [10090]], "servicePorts")
    for query, n in (("?status=running", 3), ("?status=staging", 0), ("?status[]=running", 3), ("?status=running&status=staging", 3), ("?status=nonsense", 3)):
        equal(len([t for t in call("GET", "/v2/tasks" + query).json["tasks"] if t["appId"].startswith("/txt")]), n, query)


@case("constraint hostname UNIQUE: the second instance waits, and the queue says for what")
def _():
    create("/uniq", instances=2, constraints=[["hostname", "UNIQUE"]])
    item = wait_for("it waits", lambda: next((i for i in call("GET", "/v2/queue").json["queue"] if i["app"]["id"] == "/uniq" and i["count"] == 1 and i["processedOffersSummary"]["rejectSummaryLaunchAttempt"][1]["declined"]), None))
    funnel = item["processedOffersSummary"]["rejectSummaryLaunchAttempt"]
    equal([f["reason"] for f in funnel], ["UnfulfilledRole", "UnfulfilledConstraint", "NoCorrespondingReservationFound", "AgentMaintenance", "InsufficientCpus", "InsufficientMemory", "InsufficientDisk", "InsufficientGpus", "InsufficientPorts", "DeclinedScarceResources"], "the order")
    for before, after in zip(funnel, funnel[1:]):
        equal(after["processed"], before["processed"] - before["declined"], f"processed by {after['reason']}")
    equal((item["count"], item["delay"]), (1, {"timeLeftSeconds": 0, "overdue": True}), "what waits")
    call("DELETE", "/v2/apps/uniq")


@case("backoff: a failure delays the next start by backoffSeconds; DELETE /v2/queue/{id}/delay ends it; lastTaskFailure")
def _():
    create("/crash", instances=1, cmd="exit 7", backoffSeconds=60, maxLaunchDelaySeconds=600)
    item = wait_for("delayed", lambda: next((i for i in call("GET", "/v2/queue").json["queue"] if i["app"]["id"] == "/crash" and not i["delay"]["overdue"]), None))
    check(50 <= item["delay"]["timeLeftSeconds"] <= 60, item["delay"])
    f = shown("/crash")["lastTaskFailure"]
    equal((f["state"], f["appId"], f["host"]), ("TASK_FAILED", "/crash", "127.0.0.1"), "failure")
    call("DELETE", "/v2/queue/crash/delay", want=204)
    wait_for("another attempt", lambda: shown("/crash")["lastTaskFailure"]["taskId"] != f["taskId"])
    call("DELETE", "/v2/apps/crash")


# --- what a task finds in its environment
ENV = {
    "MESOS_TASK_ID": rf"envs_app\.instance-{UUID}\._app\.1", "MARATHON_APP_ID": "/envs/app", "MARATHON_APP_VERSION": STAMP, "MARATHON_APP_RESOURCE_CPUS": r"0\.01", "MARATHON_APP_RESOURCE_MEM": r"16\.0", "MARATHON_APP_RESOURCE_DISK": r"0\.0", "MARATHON_APP_RESOURCE_GPUS": "0",
    "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE", "MARATHON_APP_LABELS": "(A_B TEAM|TEAM A_B)", "MARATHON_APP_LABEL_TEAM": "red", "MARATHON_APP_LABEL_A_B": "x y", "HOST": r"127\.0\.0\.1", "PORT": r"\d+", "PORT0": r"\d+", "PORT1": r"\d+", "PORT_10095": r"\d+", "PORT_HTTP-API": r"\d+",
    "PORTS": r"\d+,\d+", "MINE": "over", "MESOS_SANDBOX": "/.*", "MARATHON_APP_DOCKER_IMAGE": None,
}
environment = {}


@case("environment: an app that writes it down")
def _():
    create("/envs/app", instances=1, cmd=None, args=["/usr/bin/python3", "-c", "import os, time; open('all', 'w').write('\\0'.join(k + '=' + v for k, v in os.environ.items())); time.sleep(1000)"], labels={"team": "red", "a..b": "x y", "big": "v" * 600}, env={"MINE": "over"}, portDefinitions=[{"port": 10095, "name": "http-api"}, {"port": 0}])
    dev.settled("/envs/app")
    t, = tasks("/envs/app")
    framework = call("GET", "/v2/info").json["frameworkId"]
    text = wait_for("the file", lambda: get(dev.agents[0], f"/files/download?path=/frameworks/{framework}/executors/{t['id']}/runs/latest/all").body)
    environment.update(l.split("=", 1) for l in text.decode().split("\0") if l)
    environment["ports"] = t["ports"]


for name, pattern in ENV.items():
    @case(f"environment: {name}")
    def _(name=name, pattern=pattern):
        if pattern is None:
            check(name not in environment, environment.get(name))
        else:
            check(re.fullmatch(pattern, environment.get(name, "")), f"{name} is {environment.get(name)!r}")


@case("environment: the port variables agree with the task's ports; long labels are left out")
def _():
    p = [str(x) for x in environment["ports"]]
    equal([environment[k] for k in ("PORT", "PORT0", "PORT1", "PORT_10095", "PORT_HTTP-API", "PORTS")], [p[0], p[0], p[1], p[0], p[0], ",".join(p)], "ports")
    check("MARATHON_APP_LABEL_BIG" not in environment, "a value of 600 characters")


# --- events
@case("events: those of a new app, in their order; of its removal")
def _():
    seen, s = listen()
    wait_for("attached", lambda: seen)
    d = create("/ev/app", instances=1)["deployments"][0]["id"]
    wait_for("deployment_success", lambda: any(e["eventType"] == "deployment_success" and e["id"] == d for e in seen))
    mine = [e for e in list(seen) if e["eventType"] not in ("event_stream_attached", "event_stream_detached") and "/ev" in json.dumps(e)]
    types = [e["eventType"] for e in mine]
    for early, late in (("group_change_success", "deployment_success"), ("deployment_info", "deployment_step_success"), ("deployment_info", "instance_changed_event"), ("instance_changed_event", "status_update_event"), ("status_update_event", "deployment_success")):
        check(types.index(early) < len(types) - 1 - types[::-1].index(late), f"{early} before {late}: {types}")
    equal(types.count("deployment_info"), 2, "steps that began")
    equal([e["taskStatus"] for e in mine if e["eventType"] == "status_update_event"][-1], "TASK_RUNNING", "the last state")
    equal([e["condition"] for e in mine if e["eventType"] == "instance_changed_event"][-1], "Running", "the last condition")
    post_event = next(e for e in mine if e["eventType"] == "api_post_event")
    equal((post_event["uri"], post_event["clientIp"], post_event["appDefinition"]["id"]), ("/v2/apps", "127.0.0.1", "/ev/app"), "api_post_event")
    before = len(seen)
    call("DELETE", "/v2/apps/ev/app")
    wait_for("app_terminated_event", lambda: any(e["eventType"] == "app_terminated_event" and e["appId"] == "/ev/app" for e in seen))
    check("api_post_event" not in [e["eventType"] for e in seen[before:]], "api_post_event of a removal")
    s.close()


@case("events: no api_post_event of a restart, nor of the list's PUT and PATCH; one of PUT and PATCH of an app")
def _():
    create("/quiet")
    wait_for("its event", lambda: any(e["eventType"] == "api_post_event" and e["appDefinition"]["id"] == "/quiet" for e in events))
    for method, path, body, n in (("POST", "/v2/apps/quiet/restart", {}, 0), ("PUT", "/v2/apps", [{"id": "/quiet", **APP, "mem": 20}], 0), ("PATCH", "/v2/apps", [{"id": "/quiet", "mem": 21}], 0), ("PUT", "/v2/apps/quiet", {"mem": 22}, 1), ("PATCH", "/v2/apps/quiet", {"mem": 23}, 1)):
        before = len(events)
        d = call(method, path, body).json["deploymentId"]
        wait_for("its end", lambda: any(e["eventType"] == "deployment_success" and e["id"] == d for e in events))
        equal(len([e for e in events[before:] if e["eventType"] == "api_post_event"]), n, f"{method} {path}")
    call("DELETE", "/v2/apps/quiet")


@case("events: event_type repeats; plan-format light has steps alone, without it original and target")
def _():
    some, s1 = listen("?event_type=deployment_success&event_type=group_change_success&plan-format=light")
    full, s2 = listen("?event_type=deployment_success")
    d = create("/evf")["deployments"][0]["id"]
    for seen in (some, full):
        wait_for("deployment_success", lambda: any(e.get("id") == d for e in seen))
    equal({e["eventType"] for e in some}, {"deployment_success", "group_change_success"}, "types")
    light, plain = next(e for e in some if e.get("id") == d)["plan"], next(e for e in full if e.get("id") == d)["plan"]
    equal(sorted(light), ["id", "steps", "version"], "light")
    equal(sorted(plain), ["id", "original", "steps", "target", "version"], "plain")
    equal(([a["id"] for a in plain["original"]["apps"]], [a["id"] for a in plain["target"]["apps"]]), ([], ["/evf"]), "what was, what is")
    s1.close(), s2.close()


@case("nothing is left")
def _():
    http_request("DELETE", dev.marathon, "/v2/groups?force=true")
    wait_for("no tasks", lambda: not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"], 60)
    dev.stop()


main()
