#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pods on real processes: definition, launch as a task group, endpoints, environment, shared volume, health, killing,
scaling, update, restart of marathon, groups, deployments, events, removal."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None


def put(path, body, **kw):
    return http_request("PUT", dev.marathon, path, body=body, **kw)


def delete(path, body=None, **kw):
    return http_request("DELETE", dev.marathon, path, body=body, **kw)


def pod(id="/pair", instances=1, **more):
    return {"id": id, "scaling": {"kind": "fixed", "instances": instances}, "labels": {"team": "blue"},
            "environment": {"STOA": STOA, "MARATHON_APP_ID": "overridden"},
            "containers": [
                {"name": "web", "exec": {"command": {"shell": 'env > env.txt; exec "$STOA" hello --port=$ENDPOINT_HTTP_API'}},
                 "resources": {"cpus": 0.1, "mem": 32}, "endpoints": [{"name": "http-api", "hostPort": 0}],
                 "healthCheck": {"http": {"endpoint": "http-api", "path": "/"}, "intervalSeconds": 1, "timeoutSeconds": 0,
                                 "delaySeconds": 0, "gracePeriodSeconds": 20}},
                {"name": "side", "exec": {"command": {"shell": "sleep 1000"}}, "resources": {"cpus": 0.1, "mem": 32},
                 "labels": {"part": "side"}}], **more}


def status(id="/pair"):
    r = get(dev.marathon, f"/v2/pods{id}::status")
    return r.json if r.status == 200 else None


def stable(id="/pair", n=1):
    def is_stable():
        s = status(id)
        return s and s["status"] == "STABLE" and len([i for i in s["instances"] if i["status"] == "STABLE"]) == n and \
            len(s["instances"]) == n and not get(dev.marathon, "/v2/deployments").json and s
    return wait_for(f"{id} is stable with {n}", is_stable, 60)


@case("HEAD /v2/pods says that pods are supported, and the list is empty")
def _():
    global dev
    dev = Dev()
    equal(http_request("HEAD", dev.marathon, "/v2/pods").status, 200, "HEAD")
    equal(get(dev.marathon, "/v2/pods").json, [], "GET /v2/pods")
    equal(get(dev.marathon, "/v2/pods/::status").json, [], "GET /v2/pods/::status")


@case("POST /v2/pods: 201 with the pod, Location, Marathon-Deployment-Id; a second one is 409")
def _():
    r = post(dev.marathon, "/v2/pods", pod())
    equal(r.status, 201, r.text)
    check(r.headers.get("Marathon-Deployment-Id"), "no Marathon-Deployment-Id")
    check(r.headers.get("Location", "").endswith("/pair"), str(r.headers))
    for key in ("scaling", "scheduling", "executorResources", "role", "version"):
        check(key in r.json, f"{key} is missing")
    for key in ("backoff", "upgrade", "placement", "killSelection", "unreachableStrategy"):
        check(key in r.json["scheduling"], f"scheduling.{key} is missing")
    equal(r.json["executorResources"], {"cpus": 0.1, "mem": 32, "disk": 10}, "executorResources")
    r = post(dev.marathon, "/v2/pods", pod(), )
    equal((r.status, r.json["message"]), (409, "A pod with id [/pair] already exists."), "second POST")
    equal(post(dev.marathon, "/v2/apps", {"id": "/pair", "cmd": "sleep 1"}).status, 422, "an app with the pod's id")
    equal(get(dev.marathon, "/v2/apps/pair").status, 404, "the pod is no app")


@case("the pod becomes stable: both containers run in one executor, and the endpoint answers")
def _():
    s = stable()
    i = s["instances"][0]
    equal([(c["name"], c["status"]) for c in i["containers"]], [("web", "TASK_RUNNING"), ("side", "TASK_RUNNING")], "containers")
    web = i["containers"][0]
    port = web["endpoints"][0]["allocatedHostPort"]
    equal(get(port, "/").status, 200, "GET of the endpoint")
    equal(web["conditions"][0]["value"], "true", "condition healthy")
    equal(web["conditions"][0]["reason"], "health-reported-by-mesos", "reason")
    equal(i["specReference"], f"/v2/pods/pair::versions/{s['spec']['version']}", "specReference")
    check(abs(i["resources"]["cpus"] - 0.3) < 0.001, i["resources"])
    tasks = [t for t in dev.tasks() if t["id"].startswith(i["id"])]
    equal(sorted(t["id"] for t in tasks), sorted(f"{i['id']}.{n}.1" for n in ("web", "side")), "task ids")
    equal(len({t["executor_id"] for t in tasks}), 1, "executors")
    check(tasks[0]["executor_id"].startswith("instance-pair."), tasks[0]["executor_id"])


@case("environment: the system's variables win over the user's")
def _():
    files = glob.glob(dev.work_dir + "/**/env.txt", recursive=True)
    check(files, "no env.txt")
    env = dict(l.split("=", 1) for l in open(files[0]).read().splitlines() if "=" in l)
    equal(env["MARATHON_APP_ID"], "/pair", "MARATHON_APP_ID")
    equal(env["MARATHON_CONTAINER_ID"], "web", "MARATHON_CONTAINER_ID")
    equal(env["MARATHON_CONTAINER_RESOURCE_CPUS"], "0.1", "MARATHON_CONTAINER_RESOURCE_CPUS")
    equal(env["MARATHON_APP_LABEL_TEAM"], "blue", "MARATHON_APP_LABEL_TEAM")
    equal(env["ENDPOINT_HTTP_API"], env["EP_HOST_HTTP_API"], "endpoint variables")
    for key in ("HOST", "MESOS_TASK_ID", "MESOS_EXECUTOR_ID", "MARATHON_APP_VERSION"):
        check(env.get(key), f"{key} is missing")


@case("a container that dies takes the instance with it; the same instance is started again")
def _():
    i = status()["instances"][0]
    port = i["containers"][0]["endpoints"][0]["allocatedHostPort"]
    os.kill(int(re.search(r"process (\d+)", get(port, "/").text).group(1)), signal.SIGKILL)
    wait_for("a new incarnation", lambda: any(t["id"] == f"{i['id']}.web.2" and t["state"] == "TASK_RUNNING" for t in dev.tasks()), 60)
    equal(stable()["instances"][0]["id"], i["id"], "instance id")


@case("DELETE ::instances/{id} gives the Instance, and it is replaced")
def _():
    i = status()["instances"][0]["id"]
    r = delete(f"/v2/pods/pair::instances/{i}")
    equal((r.status, r.json["instanceId"]), (200, i), r.text)
    equal(r.json["state"]["goal"], "Running", "goal")
    wait_for("the next incarnation", lambda: any(t["id"] == f"{i}.side.3" and t["state"] == "TASK_RUNNING" for t in dev.tasks()), 60)
    stable()
    equal(delete("/v2/pods/pair::instances/pair.instance-00000000-0000-0000-0000-000000000000").status, 404, "unknown instance")
    equal(delete("/v2/pods/pair::instances/nonsense").status, 422, "no instance id")
    r = delete("/v2/pods/pair::instances", [i])
    equal((r.status, [x["instanceId"] for x in r.json]), (200, [i]), r.text)
    wait_for("the one after it", lambda: any(t["id"] == f"{i}.side.4" and t["state"] == "TASK_RUNNING" for t in dev.tasks()), 60)
    stable()


@case("PUT scales without a restart of what runs; versions list both")
def _():
    before = status()["instances"][0]["id"]
    r = put("/v2/pods/pair", pod(instances=2))
    equal(r.status, 200, r.text)
    check(r.headers.get("Marathon-Deployment-Id"), "no Marathon-Deployment-Id")
    s = stable(n=2)
    check(before in [i["id"] for i in s["instances"]], "the first instance was replaced")
    versions = get(dev.marathon, "/v2/pods/pair::versions").json
    equal(len(versions), 2, "versions")
    old = get(dev.marathon, f"/v2/pods/pair::versions/{versions[-1]}")
    equal(old.json["scaling"]["instances"], 1, "the old version")
    equal(put("/v2/pods/other", pod()).status, 404, "PUT of an unknown pod")
    equal(put("/v2/pods/pair", pod("/bla")).status, 400, "PUT with another id")


@case("a change of the definition is rolled out to new instances")
def _():
    before = {i["id"] for i in status()["instances"]}
    p = pod(instances=1)
    p["environment"]["NEW"] = "1"
    equal(put("/v2/pods/pair", p, ).status, 200)
    s = stable(n=1)
    check(s["instances"][0]["id"] not in before, "the instance is an old one")


@case("marathon killed and started again: the pod's instance is found, not replaced")
def _():
    before = status()["instances"][0]["id"]
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)
    wait_for("marathon is back", lambda: get(dev.marathon, "/ping").status == 200, 60)
    s = stable()
    equal(s["instances"][0]["id"], before, "instance")
    equal([c["status"] for c in s["instances"][0]["containers"]], ["TASK_RUNNING"] * 2, "containers")


@case("pods of a group are shown there, in deployments and in the queue, and no group update touches them")
def _():
    p = pod("/g/waits")
    p["containers"][1]["resources"]["cpus"] = 1000
    d = post(dev.marathon, "/v2/pods", p).headers["Marathon-Deployment-Id"]
    group = get(dev.marathon, "/v2/groups/g").json
    equal([x["id"] for x in group["pods"]], ["/g/waits"], "pods of the group")
    equal(group["apps"], [], "apps of the group")
    dep = [x for x in get(dev.marathon, "/v2/deployments").json if x["id"] == d][0]
    equal((dep["affectedPods"], dep["affectedApps"]), (["/g/waits"], []), "affected")
    equal([a for s in dep["steps"] for a in s["actions"]],
          [{"action": "StartPod", "pod": "/g/waits"}, {"action": "ScalePod", "pod": "/g/waits"}], "steps")
    item = wait_for("the queue", lambda: get(dev.marathon, "/v2/queue").json["queue"])[0]
    equal(item["pod"]["id"], "/g/waits", "queue")
    equal(put("/v2/groups/g?force=true", {"apps": []}).status, 200, "PUT of the group")
    equal(get(dev.marathon, "/v2/pods/g/waits").status, 200, "the pod after it")
    equal(delete("/v2/queue/g/waits/delay").status, 204, "DELETE of the delay")
    r = delete("/v2/pods/g/waits?force=true")
    equal((r.status, r.text), (202, ""), "DELETE")


@case("what is not right is refused with its path")
def _():
    p = pod("/bad")
    p["containers"][0]["healthCheck"]["timeoutSeconds"] = 5
    p["containers"][1]["endpoints"] = [{"name": "http-api", "hostPort": 0, "containerPort": 80}]
    p["containers"][1]["volumeMounts"] = [{"name": "data", "mountPath": "data"}]
    r = post(dev.marathon, "/v2/pods", p)
    equal(r.status, 422, r.text)
    paths = {d["path"] for d in r.json["details"]}
    equal(paths, {"/containers(0)/healthCheck/timeoutSeconds", "/containers", "/containers(1)/endpoints(0)/containerPort",
                  "/containers(1)/volumeMounts(0)/name"}, "paths")
    equal(post(dev.marathon, "/v2/pods", {"id": "/x", "containers": [{"name": "A"}]}).status, 422, "schema")
    equal(get(dev.marathon, "/v2/pods/none").status, 404, "unknown pod")
    check("pod with /none does not exist" in get(dev.marathon, "/v2/pods/none").text, "text")


@case("containers share an ephemeral volume")
def _():
    if not IS_ROOT:
        raise Skip("mounts need root")
    p = {"id": "/shared", "volumes": [{"name": "data"}],
         "containers": [{"name": "writer", "exec": {"command": {"shell": "echo from-writer > data/f; sleep 1000"}},
                         "resources": {"cpus": 0.1, "mem": 32}, "volumeMounts": [{"name": "data", "mountPath": "data"}]},
                        {"name": "reader", "exec": {"command": {"shell": "until cat in/f; do sleep 0.1; done; sleep 1000"}},
                         "resources": {"cpus": 0.1, "mem": 32}, "volumeMounts": [{"name": "data", "mountPath": "in"}]}]}
    equal(post(dev.marathon, "/v2/pods", p).status, 201)
    stable("/shared")
    wait_for("the reader's output", lambda: any("from-writer" in open(f).read() for f in
             glob.glob(dev.work_dir + "/**/stdout", recursive=True)), 20)
    equal(delete("/v2/pods/shared?force=true").status, 202)


@case("DELETE removes the pod and all its tasks")
def _():
    equal(delete("/v2/pods/pair").status, 202)
    equal(get(dev.marathon, "/v2/pods/pair").status, 404)
    wait_for("all tasks are gone", lambda: not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"], 60)
    dev.stop()


main()
