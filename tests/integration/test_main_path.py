#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job on one machine, through the command line and the REST API, on real processes."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None


@case("one command brings up master, agent and marathon")
def _():
    global dev
    dev = Dev()
    r = dev.cli("agents")
    check("active" in r.stdout, r.stdout)


@case("an app with three instances becomes healthy, and each instance answers on its port")
def _():
    dev.deploy(hello_app())
    tasks = dev.app("/hello")["tasks"]
    equal(len(tasks), 3, "tasks")
    equal(len({t["ports"][0] for t in tasks}), 3, "different ports")
    for t in tasks:
        r = get(t["ports"][0], "/")
        check(t["id"] in r.text, r.text)


@case("a killed instance is replaced and the others are left alone")
def _():
    before = {t["id"]: t for t in dev.app("/hello")["tasks"]}
    victim = next(iter(before.values()))
    pid = int(re.search(r"process (\d+)", get(victim["ports"][0], "/").text).group(1))
    os.kill(pid, signal.SIGKILL)
    wait_for("the victim is gone", lambda: victim["id"] not in [t["id"] for t in dev.app("/hello")["tasks"]])
    dev.settled("/hello")
    after = {t["id"] for t in dev.app("/hello")["tasks"]}
    equal(len(after & set(before)), 2, "instances that stayed")
    f = dev.app("/hello")["lastTaskFailure"]
    equal(f["taskId"], victim["id"], "lastTaskFailure.taskId")
    check("signal" in f["message"], f["message"])


@case("a dry run by the command line tells plan and places, and changes nothing; an update by a file")
def _():
    before = dev.app("/hello")["version"]
    out = dev.cli("app", "scale", "/hello", "1000", "--dry-run").stdout
    check("step 1: ScaleApplication /hello" in out and "no place for" in out and "nothing was changed" in out, out)
    equal(dev.app("/hello")["version"], before, "version")
    with open(f"{scratch()}/update.json", "w") as f:
        json.dump({"labels": {"by": "file"}}, f)
    dev.cli("app", "update", "/hello", f"{scratch()}/update.json")
    dev.cli("app", "wait", "/hello")
    equal(dev.app("/hello")["labels"], {"by": "file"}, "labels")


@case("scaling up and down by the command line")
def _():
    dev.cli("app", "scale", "/hello", "5")
    dev.cli("app", "wait", "/hello")
    equal(len(dev.app("/hello")["tasks"]), 5, "tasks")
    dev.cli("app", "scale", "/hello", "1")
    dev.cli("app", "wait", "/hello")
    equal(len(dev.app("/hello")["tasks"]), 1, "tasks")


@case("a restart replaces the instance")
def _():
    before = dev.app("/hello")["tasks"][0]["id"]
    dev.cli("app", "restart", "/hello")
    dev.cli("app", "wait", "/hello")
    check(dev.app("/hello")["tasks"][0]["id"] != before, "the instance is the old one")


@case("stoa logs shows what a task wrote")
def _():
    task = dev.app("/hello")["tasks"][0]
    wait_for("output", lambda: f"listening on port {task['ports'][0]}" in dev.cli("logs", task["id"]).stdout)
    piece = json.loads(dev.cli("logs", task["id"], "--json").stdout.split("\n")[0])
    check(piece["file"] == "stdout" and piece["offset"] == 0 and "listening" in piece["data"], piece)
    r = dev.cli("logs", "no-such-task", ok=False)
    equal(r.returncode, 1, "exit status")
    check("no-such-task" in r.stderr, r.stderr)


@case("stoa run waits, shows the output and returns the exit code")
def _():
    r = dev.cli("run", "--command=echo to-stdout; echo to-stderr >&2; exit 7", "--cpus=0.1", "--mem=32", ok=False)
    equal(r.returncode, 7, f"exit status ({r.stderr})")
    equal(r.stdout, "to-stdout\n", "standard output")
    check("to-stderr" in r.stderr, r.stderr)
    r = dev.cli("run", "--command=true", "--instances=5", "--cpus=0.1", "--mem=32")
    equal(r.returncode, 0)
    r = dev.cli("run", "--command=exit 4", "--cpus=0.1", "--mem=32", "--json", ok=False)
    outcome = json.loads(r.stdout.strip().split("\n")[-1])[0]
    equal((outcome["state"], outcome["exitCode"]), ("TASK_FAILED", 4), "outcome as JSON")


@case("environment and ports are as Marathon sets them")
def _():
    dev.deploy({"id": "/env", "cmd": "env; sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1, "env": {"MINE": "yes"},
                "labels": {"team": "a b"}, "portDefinitions": [{"port": 0, "name": "web"}, {"port": 0}]})
    task = dev.app("/env")["tasks"][0]
    text = wait_for("the environment in stdout", lambda: (lambda t: "PORT1=" in t and t)(dev.cli("logs", task["id"]).stdout))
    env = dict(l.split("=", 1) for l in text.split("\n") if "=" in l)
    for k, v in {"MINE": "yes", "PORT0": str(task["ports"][0]), "PORT1": str(task["ports"][1]), "PORT": str(task["ports"][0]),
                 "PORTS": f"{task['ports'][0]},{task['ports'][1]}", "PORT_WEB": str(task["ports"][0]), "MARATHON_APP_ID": "/env",
                 "MESOS_TASK_ID": task["id"], "MARATHON_APP_LABEL_TEAM": "a b"}.items():
        equal(env.get(k), v, k)
    dev.cli("app", "delete", "/env")


@case("a task over its memory limit is killed, and the reason is told")
def _():
    if not IS_ROOT:
        raise Skip("needs root for cgroups")
    r = dev.cli("run", "--name=hog", "--command=tail -c 200M /dev/zero | tail -n 1 >/dev/null", "--cpus=0.1", "--mem=32", ok=False)
    check(r.returncode != 0, "it was not stopped")
    check("Memory limit exceeded" in r.stderr, r.stderr)


@case("bad apps are refused with the path and the value, and change nothing")
def _():
    before = get(dev.marathon, "/v2/apps").json
    r = post(dev.marathon, "/v2/apps", {"id": "/bad", "cmd": "x", "instances": -1})
    equal(r.status, 422)
    check(any("instances" in d["path"] for d in r.json["details"]), r.text)
    equal(post(dev.marathon, "/v2/apps", b'{"id": "/bad", ').status, 400)
    r = post(dev.marathon, "/v2/apps", {"id": "/bad", "cmd": "x", "cpus": "many"})
    check(r.status in (400, 422), f"status {r.status}")
    equal(get(dev.marathon, "/v2/apps").json, before, "apps")


@case("deleting the app ends its processes")
def _():
    port = dev.app("/hello")["tasks"][0]["ports"][0]
    dev.cli("app", "delete", "/hello")
    wait_for("no tasks", lambda: not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"])
    def closed():
        try:
            get(port, "/", timeout=2)
        except OSError:
            return True
    wait_for("the port is closed", closed)


@case("a busy port is an error that names the port and the flag")
def _():
    r = subprocess.run([STOA, "dev", f"--work_dir={scratch()}/other", f"--master_port={dev.master}"], capture_output=True, text=True)
    check(r.returncode != 0 and str(dev.master) in r.stderr and "--master_port" in r.stderr, r.stderr)


@case("with --keep a stop leaves the tasks running, and the next start takes them over")
def _():
    kept = Dev("--keep")
    kept.deploy(hello_app("/kept", 2))
    before = {t["id"]: t["ports"][0] for t in kept.app("/kept")["tasks"]}
    kept.process.stop(signal.SIGTERM, 60)
    for task, port in before.items():
        check(task in get(port, "/").text, f"{task} does not run while the cluster is down")
    kept.process.args.remove("--keep")
    kept.process.start()
    wait_for("the cluster is up", kept._is_up, 60)
    kept.settled("/kept")
    equal({t["id"] for t in kept.app("/kept")["tasks"]}, set(before), "tasks")
    kept.stop()


several = None


@case("several agents on one machine, and a constraint that spreads over them")
def _():
    global several
    several = Dev(agents=3)
    several.deploy({"id": "/spread", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2, "constraints": [["hostname", "MAX_PER", "2"]]})
    equal(len(get(several.master, "/slaves").json["slaves"]), 3, "agents")


def on_every_agent(version=None):
    a = several.settled("/every")
    equal(a["instances"], 3, "instances")
    equal(len({t["slaveId"] for t in a["tasks"]}), 3, "agents with an instance")
    check(version is None or {t["version"] for t in a["tasks"]} == {version}, str(a["tasks"]))
    return {t["id"] for t in a["tasks"]}


@case("one instance on every agent: at the start, after an update, after the end of one and of marathon")
def _():
    several.deploy({"id": "/every", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "constraints": [["hostname", "EVERY"]], "backoffSeconds": 0})
    before = on_every_agent()
    r = several.cli("app", "scale", "/every", "7", ok=False)
    check("one on every agent" in r.stderr and r.returncode != 0, r.stderr)
    r = http_request("PUT", several.marathon, "/v2/apps/every", body={"cmd": "sleep 2000", "instances": 9, "labels": {"a": "b"}})
    equal(r.status, 200, r.text)
    after = on_every_agent(r.json["version"])
    equal(before & after, set(), "tasks that stayed")
    victim = sorted(after)[0]
    equal(post(several.marathon, "/v2/tasks/delete", {"ids": [victim]}).status, 200, "kill")
    wait_for("it is replaced", lambda: victim not in on_every_agent())
    before = on_every_agent()
    os.kill(several.pid_of("marathon"), signal.SIGKILL)
    wait_for("marathon is back", lambda: several._is_up())
    equal(on_every_agent(), before, "tasks")
    why = several.cli("why", "/every").stdout
    check("all instances are running" in why, why)
    several.stop()


@case("stopping leaves nothing behind")
def _():
    dev.stop()


main()
