#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets of apps and pods from the store of files: in the environment and as volumes, told to the task and to nobody else."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = store = None


def put(source, content):
    path = os.path.join(store, source)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(content)


def app(id):
    return get(dev.marathon, f"/v2/apps/{id}").json["app"]


def output(task, file="out"):
    """What the task wrote into a file of its sandbox."""
    for found in glob.glob(f"{dev.work_dir}/*/slaves/*/frameworks/*/executors/*/runs/*/{file}") + \
            glob.glob(f"{dev.work_dir}/*/slaves/*/frameworks/*/executors/*/runs/*/containers/*/{file}"):
        if task in os.path.realpath(found) or task in open(found).read():
            return open(found).read()
    raise LookupError(f"no {file} of {task}")


@case("a cluster whose marathon has a store of secrets")
def _():
    global dev, store
    store = os.path.join(scratch(), "secrets")
    put("prod/token", "s3cret-token\n")
    put("key.pem", "line one\nline two\n")
    flags = ["--isolation=cgroups/cpu,cgroups/mem,filesystem/linux"] if IS_ROOT else []
    dev = Dev(marathon_flags=["enable_features=secrets", f"secrets_dir={store}"], agent_flags=[f.lstrip("-") for f in flags])


@case("a variable and a volume of an app")
def _():
    body = {"id": "/told", "cmd": 'echo "told $TOKEN" > out; cat keys/key.pem >> out; sleep 1000', "cpus": 0.1, "mem": 32, "env": {"TOKEN": {"secret": "token"}, "PLAIN": "x"},
            "secrets": {"token": {"source": "/prod/token"}, "key": {"source": "key.pem"}}}
    if IS_ROOT:
        body["container"] = {"type": "MESOS", "volumes": [{"containerPath": "keys/key.pem", "secret": "key"}]}
    else:
        body["cmd"] = 'echo "told $TOKEN" > out; sleep 1000'
    r = post(dev.marathon, "/v2/apps", body)
    equal(r.status, 201, r.text)
    equal(r.json["env"], {"TOKEN": {"secret": "token"}, "PLAIN": "x"}, "env")
    wait_for("it runs", lambda: app("told")["tasksRunning"] == 1)
    want = "told s3cret-token\n" + ("line one\nline two\n" if IS_ROOT else "")
    wait_for("its output", lambda: output("told") == want)


@case("no page, log or store tells the secret")
def _():
    agent = dev.agents[0]
    pages = [(dev.marathon, "/v2/apps/told?embed=app.tasks"), (dev.marathon, "/v2/tasks"), (dev.marathon, "/v2/groups"), (dev.master, "/state"), (dev.master, "/tasks"), (agent, "/state"),
             (agent, "/containers")]
    for port, path in pages:
        body = get(port, path).body
        check(b"s3cret" not in body and base64.b64encode(b"s3cret-token") not in body, path)
    for folder, _, files in os.walk(f"{dev.work_dir}/marathon"):
        for name in files:
            check(b"s3cret" not in open(os.path.join(folder, name), "rb").read(), name)
    check("s3cret" not in open(dev.process.log_path, errors="replace").read(), "the log")


@case("a new content counts from the next launch on")
def _():
    put("prod/token", "n3w-token")
    before = app("told")["tasks"][0]["id"]
    http_request("DELETE", dev.marathon, f"/v2/apps/told/tasks/{before}?force=true")
    wait_for("the new one", lambda: app("told")["tasksRunning"] == 1 and app("told")["tasks"][0]["id"] != before)
    wait_for("its output", lambda: output("told n3w-token"))
    equal(http_request("DELETE", dev.marathon, "/v2/apps/told?force=true").status, 200, "DELETE")


@case("a pod's container")
def _():
    pod = {"id": "/pod", "secrets": {"t": {"source": "prod/token"}}, "containers": [
        {"name": "c", "exec": {"command": {"shell": 'echo "pod $TOKEN" > out; sleep 1000'}}, "resources": {"cpus": 0.1, "mem": 32}, "environment": {"TOKEN": {"secret": "t"}}}]}
    r = post(dev.marathon, "/v2/pods", pod)
    equal(r.status, 201, r.text)
    wait_for("its output", lambda: output("pod n3w-token"))
    check(get(dev.marathon, "/v2/pods/pod").json["containers"][0]["environment"] == {"TOKEN": {"secret": "t"}}, "environment")
    check(http_request("DELETE", dev.marathon, "/v2/pods/pod?force=true").status < 300, "DELETE")


@case("a file that is not there fails the launch, says which, and is waited for")
def _():
    r = post(dev.marathon, "/v2/apps", {"id": "/waits", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "backoffSeconds": 1, "backoffFactor": 1, "env": {"T": {"secret": "t"}},
                                        "secrets": {"t": {"source": "late"}}})
    equal(r.status, 201, r.text)
    failure = wait_for("the failure", lambda: get(dev.marathon, "/v2/apps/waits?embed=app.lastTaskFailure").json["app"]["lastTaskFailure"])
    check("secret 't'" in failure["message"] and "late" in failure["message"], failure)
    put("late", "here")
    wait_for("it runs", lambda: app("waits")["tasksRunning"] == 1)
    equal(http_request("DELETE", dev.marathon, "/v2/apps/waits?force=true").status, 200, "DELETE")


@case("what is wrong with secrets is a 422 at its path")
def _():
    good = {"id": "/bad", "cmd": "true", "secrets": {"t": {"source": "x"}}}
    rows = [({"env": {"T": {"secret": "other"}}}, "/env/T/secret", "references an undefined secret"),
            ({"secrets": {"t": {"source": "../x"}}}, "/secrets/t/source", "below the store of secrets"),
            ({"secrets": {"t": {"source": "/a/../../etc/passwd"}}}, "/secrets/t/source", "below the store of secrets"),
            ({"container": {"type": "MESOS", "volumes": [{"containerPath": "k", "secret": "other"}]}}, "/container/volumes(0)", "must refer to an existing secret")]
    for change, path, text in rows:
        r = post(dev.marathon, "/v2/apps", {**good, **change})
        equal(r.status, 422, f"{change}: {r.text}")
        told = {d["path"]: " ".join(d["errors"]) for d in r.json["details"]}
        check(text in told.get(path, ""), told)


@case("it ends cleanly")
def _():
    dev.stop()


main()
