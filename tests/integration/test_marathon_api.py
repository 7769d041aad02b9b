#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The REST API over HTTP, endpoint by endpoint; the cases bear the names of the endpoints. Pods: test_pods.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None


def call(method, path, body=None, want=200, **kw):
    r = http_request(method, dev.marathon, path, body=body, **kw)
    equal(r.status, want, f"{method} {path} ({r.text[:300]})")
    return r


def sleeper(id, **more):
    return {"id": id, "cmd": "sleep 1000", "cpus": 0.01, "mem": 16, **more}


@case("every reply: cache, security and leader headers")
def _():
    global dev
    dev = Dev()
    h = call("GET", "/v2/apps").headers
    for key, value in (("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"), ("Expires", "0"),
                       ("X-Frame-Options", "DENY"), ("X-XSS-Protection", "1; mode=block"),
                       ("X-Marathon-Leader", f"http://127.0.0.1:{dev.marathon}"), ("Content-Type", "application/json")):
        equal(h.get(key), value, key)


@case("POST /v2/apps, GET /v2/apps, GET /v2/apps/{id}")
def _():
    r = call("POST", "/v2/apps", sleeper("/web", instances=2, labels={"a": "b"}), 201)
    check(r.headers["Location"].endswith("/web") and r.headers["Marathon-Deployment-Id"], str(r.headers))
    dev.settled("/web")
    equal(call("GET", "/v2/apps?label=a%3D%3Db&cmd=SLEEP&id=we").json["apps"][0]["id"], "/web", "filtered")
    equal(call("GET", "/v2/apps?label=c").json["apps"], [], "filtered away")
    equal(len(call("GET", "/v2/apps/web?embed=app.taskStats").json["app"]["tasks"]), 2, "tasks")
    call("POST", "/v2/apps", sleeper("/web"), 409)


@case("PUT and PATCH /v2/apps, PUT and PATCH /v2/apps/{id}, restart, versions")
def _():
    call("PATCH", "/v2/apps", [{"id": "/nope", "instances": 1}], 404)
    call("PATCH", "/v2/apps/nope", {"instances": 1}, 404)
    call("PATCH", "/v2/apps/web?force=True", {"instances": 1})
    dev.settled("/web")
    call("PUT", "/v2/apps/fresh", {"cmd": "sleep 1000", "cpus": 0.01, "mem": 16}, 201)
    call("PUT", "/v2/apps?force=true", [sleeper("/web", instances=1, env={"X": "1"})])
    dev.settled("/web")
    call("POST", "/v2/apps/web/restart")
    call("POST", "/v2/apps/nope/restart", want=404)
    dev.settled("/web")
    v = call("GET", "/v2/apps/web/versions").json["versions"]
    check(len(v) >= 3, v)
    equal(call("GET", f"/v2/apps/web/versions/{v[-1]}").json["instances"], 2, "the first version")
    call("GET", "/v2/apps/web/versions/abc", want=422)
    call("PUT", "/v2/apps/web", {"version": v[-1], "instances": 1}, 422)
    call("PUT", "/v2/apps/web", {"version": v[-1]})
    dev.settled("/web")


@case("tasks: GET and DELETE of an app's, GET /v2/tasks in both forms, POST /v2/tasks/delete")
def _():
    t = call("GET", "/v2/apps/web/tasks").json["tasks"]
    equal(len(t), 2, "tasks")
    check(f"\t127.0.0.1:{t[0]['ports'][0]}" in call("GET", "/v2/tasks", headers={"Accept": "text/plain"}).text, "text form")
    equal(len(call("GET", "/v2/tasks?status=staging").json["tasks"]), 0, "staging")
    call("DELETE", "/v2/apps/web/tasks?scale=true&wipe=true", want=400)
    call("DELETE", "/v2/apps/web/tasks/nope", want=404)
    check("deploymentId" in call("DELETE", f"/v2/apps/web/tasks/{t[0]['id']}?scale=True").json, "scale")
    dev.settled("/web")
    equal(dev.app("/web")["instances"], 1, "instances")
    call("POST", "/v2/tasks/delete", {"ids": ["bad"]}, 400)
    equal(call("POST", "/v2/tasks/delete", {"ids": []}).json, {"tasks": []}, "nothing to delete")


@case("groups: POST, GET, PUT with dryRun, scaleBy, version; versions as trees; PATCH; DELETE")
def _():
    call("POST", "/v2/groups", {"id": "/g", "apps": [sleeper("a")], "groups": [{"id": "in", "apps": [sleeper("b")]}]}, 201)
    dev.settled("/g/in/b")
    call("POST", "/v2/groups", {"id": "/g"}, 409)
    v = call("GET", "/v2/groups/g/versions").json[0]
    r = call("PUT", "/v2/groups/g?dryRun=true", {"scaleBy": 3})
    equal(sorted(a["app"] for s in r.json["steps"] for a in s["actions"]), ["/g/a", "/g/in/b"], "dry run")
    equal(dev.app("/g/a")["instances"], 1, "instances after a dry run")
    call("PUT", "/v2/groups/g", {"scaleBy": 2, "apps": []}, 422)
    call("PUT", "/v2/groups/g", {"scaleBy": 2})
    dev.settled("/g/in/b")
    equal(dev.app("/g/in/b")["instances"], 2, "instances")
    tree = call("GET", f"/v2/groups/g/versions/{v}").json
    equal([a["id"] for a in tree["apps"]], ["/g/a"], "apps of the version")
    equal([(g["id"], [(a["id"], a["instances"]) for a in g["apps"]]) for g in tree["groups"]], [("/g/in", [("/g/in/b", 1)])], "its groups")
    call("PUT", "/v2/groups/g?force=true", {"version": v})
    dev.settled("/g/in/b")
    equal(dev.app("/g/in/b")["instances"], 1, "instances of the old version")
    equal(call("PATCH", "/v2/groups/g", {"enforceRole": True}).text, "", "PATCH")
    call("PATCH", "/v2/groups/g/in", {"enforceRole": True}, 422)
    equal(len(call("GET", "/v2/groups/g/apps").json), 2, "apps below")
    call("GET", "/v2/groups/nope", want=404)
    call("DELETE", "/v2/groups/g?force=true")
    wait_for("the group is gone", lambda: dev.app("/g/a") is None)


@case("queue and deployments")
def _():
    d = call("POST", "/v2/apps", sleeper("/big") | {"cpus": 1000}, 201).headers["Marathon-Deployment-Id"]
    item = wait_for("the queue", lambda: call("GET", "/v2/queue?embed=lastUnusedOffers").json["queue"])[0]
    equal((item["app"]["id"], item["count"]), ("/big", 1), "queue")
    call("DELETE", "/v2/queue/big/delay", want=204)
    call("DELETE", "/v2/queue/nope/delay", want=404)
    dep = [x for x in call("GET", "/v2/deployments").json if x["id"] == d][0]
    equal((dep["affectedApps"], dep["totalSteps"]), (["/big"], 2), "deployment")
    check(call("PUT", "/v2/apps/big", {"cpus": 0.5}, 409).json["deployments"] == [{"id": d}], "409")
    call("DELETE", "/v2/deployments/nope", want=404)
    call("DELETE", f"/v2/deployments/{d}")
    wait_for("the app is gone", lambda: dev.app("/big") is None)


@case("errors: 400, 404, 405, 406, 415, 422")
def _():
    call("POST", "/v2/apps", "{", 400)
    call("POST", "/v2/apps", "", 400)
    call("GET", "/v2/nothing", want=404)
    call("DELETE", "/v2/info", want=405)
    call("GET", "/v2/apps", want=406, headers={"Accept": "text/xml"})
    call("POST", "/v2/apps", "<a/>", 415, headers={"Content-Type": "text/xml"})
    equal(call("POST", "/v2/apps", {"id": "/x", "cpus": "1"}, 422).json["details"][0]["path"], "/cpus", "path")
    call("GET", "/v2/apps?label=%3D%3D", want=422)


@case("info, leader, plugins, ping, metrics, logging, config, help, ui, HEAD, OPTIONS")
def _():
    check(call("GET", "/v2/info").json["elected"], "elected")
    equal(call("GET", "/v2/leader").json["leader"], f"127.0.0.1:{dev.marathon}", "leader")
    equal(call("GET", "/v2/plugins").json, {"plugins": []}, "plugins")
    equal(call("GET", "/ping").text, "pong", "ping")
    equal(call("GET", "/ping", headers={"Accept": "application/json"}).text, '"pong"', "ping as JSON")
    call("GET", "/ping", want=204, headers={"Accept": "image/png"})
    equal(call("GET", "/metrics").json["version"], "4.0.0", "metrics")
    check("marathon_apps_active_gauge" in call("GET", "/metrics/prometheus").text, "prometheus")
    call("POST", "/logging", {"level": "info", "logger": "ROOT"})
    equal(call("GET", "/config").json["http_port"], str(dev.marathon), "config")
    equal(call("GET", "/help", want=302).headers["Location"], "/api-console/index.html", "help")
    check("/v2/pods" in call("GET", "/api-console/index.html").text, "console")
    equal(call("GET", "/", want=302).headers["Location"], "/ui/", "/")
    call("HEAD", "/v2/apps")
    call("OPTIONS", "/v2/apps")
    for gone in ("/v2/schemas", "/v2/artifacts", "/v2/eventSubscriptions", "/status"):
        call("GET", gone, want=404)


@case("a removed app is restored: stoa app delete, deleted, restore")
def _():
    call("POST", "/v2/apps", sleeper("/phoenix"), 201)
    dev.settled("/phoenix")
    dev.cli("app", "delete", "phoenix")
    wait_for("it is gone", lambda: http_request("GET", dev.marathon, "/v2/apps/phoenix").status == 404)
    check("/phoenix" in dev.cli("app", "deleted").stdout, "listed")
    dev.cli("app", "restore", "phoenix")
    dev.settled("/phoenix")
    check("/phoenix" not in dev.cli("app", "deleted").stdout, "no longer")
    call("DELETE", "/v2/apps/phoenix")


def tasks_of(framework, app):
    """What the master knows of the app's tasks, whatever became of them."""
    name = ".".join(reversed(app.strip("/").split("/")))
    return [t for f in get(dev.master, "/state").json["frameworks"] if f["name"] == framework
            for t in f["tasks"] + f["completed_tasks"] if t["name"] == name]


def told_to_master(framework, app):
    return wait_for(f"a task of {app}", lambda: tasks_of(framework, app))[0]


@case("executor: the app's command are the arguments of a custom executor, its definition is the task's data")
def _():
    counter = os.path.join(BUILD, "examples", "counter")
    call("POST", "/v2/apps", sleeper("/custom", cmd="one two", executor=counter), 201)
    t = wait_for("a task that ended well", lambda: [t for t in tasks_of("marathon", "/custom") if t["state"] == "TASK_FINISHED"], 60)[0]
    equal(t["executor_id"], "marathon-" + t["id"], "executor")
    check("TASK_RUNNING" in [s["state"] for s in t["statuses"]], str(t))
    call("POST", "/v2/apps", sleeper("/custom-missing", executor="it's/not there"), 201)
    f = wait_for("it fails", lambda: (dev.app("/custom-missing") or {}).get("lastTaskFailure"), 60)
    equal(f["state"], "TASK_FAILED", "state")
    for id in ("/custom", "/custom-missing"):
        call("DELETE", f"/v2/apps{id}")


IMAGE = {"image": "no.such/image", "forcePullImage": True, "privileged": True, "parameters": [{"key": "workdir", "value": "/x"}]}
EXTERNAL = {"containerPath": "/data", "mode": "RW", "external": {"provider": "dvdi", "name": "vol", "options": {"dvdi/driver": "rexray", "dvdi/iops": "7"}}}


@case("what the master is told of containers: both types, networks, pullConfig, external volumes")
def _():
    port, = free_ports(1)
    store, secrets = tempfile.mkdtemp(dir=scratch()), tempfile.mkdtemp(dir=scratch())
    open(f"{secrets}/pull", "w").write("{}")
    other = Process("docker", [STOA, "marathon", f"--master=127.0.0.1:{dev.master}", "--http_address=127.0.0.1", f"--http_port={port}",
                               f"--store_dir={store}", "--framework_name=docker", f"--secrets_dir={secrets}",
                               "--enable_features=external_volumes,secrets"])
    wait_for("it answers", lambda: get(port, "/ping").status == 200)
    mapped = {"networks": [{"mode": "container/bridge"}], "container": {"type": "DOCKER", "docker": IMAGE, "portMappings": [
        {"containerPort": 80, "hostPort": 0, "protocol": "udp,tcp"}, {"containerPort": 81}]}}
    apps = [sleeper("/bridge", **mapped),
            sleeper("/user", **{**mapped, "networks": [{"mode": "container", "name": "net1", "labels": {"a": "b"}}]}),
            sleeper("/mesos", **{**mapped, "container": {**mapped["container"], "type": "MESOS"}}),
            sleeper("/volume", container={"type": "DOCKER", "docker": IMAGE, "volumes": [{**EXTERNAL, "external": {**EXTERNAL["external"], "options": {"dvdi/driver": "rexray"}}}, {"containerPath": "h", "hostPath": "/tmp", "mode": "RO"}]}),
            sleeper("/pull", secrets={"s": {"source": "pull"}}, container={"type": "MESOS", "docker": {"image": "i", "pullConfig": {"secret": "s"}},
                    "volumes": [{**EXTERNAL, "external": {**EXTERNAL["external"], "size": 5}}]})]
    for a in apps:
        equal(post(port, "/v2/apps", a).status, 201, a["id"])

    c = told_to_master("docker", "/bridge")["container"]
    equal((c["type"], c["docker"]["image"], c["docker"]["network"], c["docker"]["privileged"], c["docker"]["force_pull_image"]),
          ("DOCKER", "no.such/image", "BRIDGE", True, True), "bridge")
    equal(c["docker"]["parameters"], IMAGE["parameters"], "parameters")
    equal([(m["container_port"], m["protocol"]) for m in c["docker"]["port_mappings"]], [(80, "udp"), (80, "tcp"), (81, "tcp")], "mappings")
    c = told_to_master("docker", "/user")["container"]
    equal((c["docker"]["network"], c["network_infos"][0]["name"], c["network_infos"][0]["labels"]["labels"]), ("USER", "net1", [{"key": "a", "value": "b"}]), "user")
    equal(len(c["docker"]["port_mappings"]), 2, "only ports with one of the host")
    c = told_to_master("docker", "/volume")["container"]
    equal((c["docker"]["network"], c["docker"]["volume_driver"]), ("HOST", "rexray"), "volume")
    equal([(v["container_path"], v["host_path"], v["mode"]) for v in c["volumes"]], [("/data", "vol", "RW"), ("h", "/tmp", "RO")], "volumes")
    c = told_to_master("docker", "/pull")["container"]
    equal(c["mesos"]["image"]["docker"]["name"], "i", "image")
    check("config" in c["mesos"]["image"]["docker"], str(c))
    v = c["volumes"][0]["source"]
    equal((v["type"], v["docker_volume"]["driver"], v["docker_volume"]["name"], v["docker_volume"]["driver_options"]["parameter"]),
          ("DOCKER_VOLUME", "rexray", "vol", [{"key": "iops", "value": "7"}, {"key": "size", "value": "5"}]), "external volume")
    c = told_to_master("docker", "/mesos")["container"]
    equal((c["type"], c["mesos"]["image"]["docker"]["name"], c["mesos"]["image"]["cached"], c["network_infos"][0]["name"]),
          ("MESOS", "no.such/image", False, "mesos-bridge"), "as a MESOS container")
    equal([(m["container_port"], m["protocol"]) for m in c["network_infos"][0]["port_mappings"]], [(80, "udp"), (80, "tcp"), (81, "tcp")], "mappings")
    for id in ("/volume", "/pull"):  # what the agent cannot do it says
        f = wait_for("it fails", lambda: get(port, f"/v2/apps{id}?embed=app.lastTaskFailure").json["app"].get("lastTaskFailure"), 60)
        check(f["message"], str(f))
        print(f"# {id}: {f['message']}")
    other.stop()


@case("DELETE /v2/apps/{id}; DELETE /v2/leader ends the process, and it comes back with everything")
def _():
    call("DELETE", "/v2/apps/web")
    call("DELETE", "/v2/apps/web?force=true", want=404)
    equal(call("DELETE", "/v2/leader").json["message"], "Leadership abdicated", "message")
    wait_for("it is back", lambda: get(dev.marathon, "/v2/apps/fresh").status == 200, 60)
    call("DELETE", "/v2/apps/fresh")
    wait_for("all tasks are gone", lambda: not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"], 60)
    dev.stop()


main()
