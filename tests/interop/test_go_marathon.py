#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""go-marathon, unmodified from the Go module proxy: create, scale, update, kill, restart, groups, queue, deployments, errors
and the event stream, with a program of ours (marathon_client.go) on it."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

DIR = os.path.join(BUILD, "interop", "go-marathon")
dev = None
out = []


def program():
    if not shutil.which("go"):
        raise Skip("the go command is not installed")
    os.makedirs(DIR, exist_ok=True)
    shutil.copy(os.path.join(HERE, "marathon_client.go"), os.path.join(DIR, "main.go"))
    with open(os.path.join(DIR, "go.mod"), "w") as f:
        f.write("module stoa.test/gomarathon\n\ngo 1.21\n")
    env = {**os.environ, "GOFLAGS": "-buildvcs=false"}
    download("go-marathon", "go", "get", "github.com/gambol99/go-marathon@v0.7.1", cwd=DIR, env=env)
    r = subprocess.run(["go", "build", "-o", "client", "."], cwd=DIR, capture_output=True, text=True, timeout=400, env=env)
    equal(r.returncode, 0, f"go build: {r.stderr}")
    return os.path.join(DIR, "client")


def of(what):
    return [o for o in out if o["what"] == what]


@case("a go-marathon program goes through the life of an app and a group")
def _():
    global dev
    client = program()
    dev = Dev()
    wait_for("marathon has subscribed", lambda: get(dev.marathon, "/v2/info").json.get("frameworkId"), 60)
    r = subprocess.run([client, f"http://127.0.0.1:{dev.marathon}", STOA], capture_output=True, text=True, timeout=240, cwd=scratch())
    out.extend(json.loads(l) for l in r.stdout.split("\n") if l.startswith("{"))
    equal(of("failed"), [], f"failed steps; {r.stderr[-500:]}")
    equal(r.returncode, 0, f"exit status; {out[-3:]} {r.stderr[-500:]}")
    check(of("server")[0]["pong"] and of("server")[0]["framework"] and of("server")[0]["leader"], of("server"))
    equal(of("server")[0]["name"], "marathon", "name in the info")
    equal((of("created")[0]["id"], of("created")[0]["deployments"]), ("/go/hello", 1), "created")
    a = of("app")[0]
    equal((a["running"], a["healthy"], a["tasks"], a["ok"], a["mem"], a["label"], a["ports"]), (2, 2, 2, True, 32, "in-go", 1), "app")
    check(a["ip"], "no ip address in the task")
    equal(of("scaled")[0]["tasks"], 3, "tasks after scaling")
    u = of("updated")[0]
    equal((u["mem"], u["instances"], u["versions"] >= 3), (48, 3, True), "updated")
    check(of("killed") and of("restarted"), out)
    equal(of("killed all")[0]["tasks"], 3, "tasks of the kill of all")
    g = of("group")[0]
    equal((g["id"], g["apps"], g["nothing"], g["root"]), ("/go/shop", 1, False, "/"), "group")
    q = of("queue")[0]
    equal((q["items"], q["id"], q["count"]), (1, "/go/big", 1), "queue")
    equal(of("deployments")[0]["affected"], ["/go/big"], "affected apps of the deployment")
    equal(of("deleted")[0]["left"], None, "apps left")


@case("its errors are told apart by the library: duplicate, unknown, invalid")
def _():
    if not out:
        raise Skip("the program did not run")
    equal([of(w)[0]["code"] for w in ("duplicate", "unknown", "invalid")], [4, 3, 6], f"codes ({[of(w) for w in ('duplicate', 'unknown', 'invalid')]})")


@case("its event listener was told of deployments, statuses and health")
def _():
    if not out:
        raise Skip("the program did not run")
    events = of("event")
    names = {e["event"] for e in events}
    check({"deployment_info", "deployment_success", "deployment_step_success", "status_update_event", "health_status_changed_event",
           "api_post_event", "group_change_success"} <= names, names)
    running = [e for e in events if e["event"] == "status_update_event" and e["state"] == "TASK_RUNNING"]
    check([e for e in running if e["app"] == "/go/hello" and e["ports"] == 1 and e["task"]], running)
    check([e for e in events if e["event"] == "health_status_changed_event" and e["alive"] and e["app"] == "/go/hello" and e["task"]],
          [e for e in events if e["event"] == "health_status_changed_event"])


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
