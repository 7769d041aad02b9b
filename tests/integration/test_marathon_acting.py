#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fields of an app that act, seen from where they act: inside its task, and in what the master holds of it."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = None
place = tempfile.mkdtemp(dir=scratch())
os.chmod(place, 0o777)
ROOT = os.geteuid() == 0


def fact(name, seconds=PATIENCE):
    path = os.path.join(place, name)
    return wait_for(f"the task tells {name}", lambda: os.path.exists(path) and open(path).read().endswith("end\n") and open(path).read()[:-4], seconds)


def telling(name, *commands):
    """A command that writes what these print to a file, as a whole, and stays."""
    return f"( {'; '.join(commands)}; echo end ) > {place}/{name}.part 2>&1; mv {place}/{name}.part {place}/{name}; exec sleep 1000"


def create(id, **fields):
    r = post(dev.marathon, "/v2/apps", {"id": id, "cpus": 0.05, "mem": 32, **fields})
    equal(r.status, 201, r.text)


def task(id):
    return wait_for(f"{id} runs", lambda: (dev.app(id)["tasks"] or [{}])[0].get("state") == "TASK_RUNNING" and dev.app(id)["tasks"][0])


def at_master(id):
    return wait_for("the master knows it", lambda: [t for t in dev.tasks() if t["id"] == task(id)["id"]])[0]


@case("user, env, labels, args of the command line, portDefinitions")
def _():
    global dev
    dev = Dev(marathon_flags=["enable_features=gpu_resources,secrets", "env_vars_prefix=MY_"], agent_flags=["resources=cpus:4;mem:2048;disk:4096;gpus:2;ports:[31000-31999]"])
    create("/g/acts", cmd=telling("acts", "id -un", "echo $A-$MARATHON_APP_LABEL_TIER-$MARATHON_APP_ID-$MY_HOST", "echo $MY_PORTS $MY_PORT_WEB $MY_PORT_31500"),
           env={"A": "1 2"}, labels={"tier": "front"}, gpus=1, requirePorts=True, portDefinitions=[{"port": 31500, "name": "web"}, {"port": 31600}],
           **({"user": "nobody"} if ROOT else {}))
    lines = fact("acts").splitlines()
    equal(lines[0], "nobody" if ROOT else lines[0], "user")
    equal(lines[1], "1 2-front-/g/acts-127.0.0.1", "environment")
    equal(lines[2], "31500,31600 31500 31500", "ports")
    t = at_master("/g/acts")
    equal((t["name"], t["resources"]["gpus"], t["resources"]["ports"]), ("acts.g", 1.0, "[31500-31500, 31600-31600]"), "at the master")
    equal(t["discovery"]["ports"]["ports"][0]["name"], "web", "discovery")
    create("/args", args=["/bin/sh", "-c", telling("args", 'echo "$0"'), "an argument"], gpus=1)
    equal(fact("args"), "an argument\n", "args")
    for id in ("/g/acts", "/args"):
        http_request("DELETE", dev.marathon, f"/v2/apps{id}")


@case("without a store of secrets an app with secrets is taken, and its launch fails with the reason")
def _():
    create("/secret", cmd="sleep 1000", gpus=1, secrets={"s": {"source": "x"}}, env={"S": {"secret": "s"}})
    failure = wait_for("the failure", lambda: get(dev.marathon, "/v2/apps/secret").json["app"]["lastTaskFailure"])
    check("secret 's': there is no --secrets_dir" in failure["message"], failure)
    equal(http_request("DELETE", dev.marathon, "/v2/apps/secret").status, 200, "DELETE")


@case("an agent with GPUs is left to those who ask for one, unless the app says otherwise")
def _():
    create("/plain", cmd="sleep 1000")
    why = wait_for("it is refused", lambda: dev.cli("why", "/plain").stdout if "GPUs" in dev.cli("why", "/plain").stdout else None)
    check("the app asks for none" in why, why)
    http_request("PUT", dev.marathon, "/v2/apps/plain?force=true", {"labels": {"GPU_SCHEDULING_BEHAVIOR": "unrestricted"}})
    dev.settled("/plain")
    http_request("DELETE", dev.marathon, "/v2/apps/plain")


@case("fetch: extract, executable, destPath, and what is left as it is")
def _():
    src = tempfile.mkdtemp(dir=scratch())
    os.chmod(src, 0o755)
    with open(f"{src}/inside", "w") as f:
        f.write("from the archive")
    subprocess.run(["tar", "czf", f"{src}/a.tgz", "-C", src, "inside"], check=True)
    with open(f"{src}/tool", "w") as f:
        f.write("#!/bin/sh\necho tool $1\n")
    create("/fetch", gpus=1, cmd=telling("fetch", "cat inside", "echo", "./tool runs", "ls b.tgz sub/c.tgz", "ls sub"),
           fetch=[{"uri": f"file://{src}/a.tgz"}, {"uri": f"file://{src}/tool", "executable": True}, {"uri": f"file://{src}/a.tgz", "extract": False, "destPath": "b.tgz"},
                  {"uri": f"file://{src}/a.tgz", "extract": False, "destPath": "sub/c.tgz"}])
    equal(fact("fetch").split("\n"), ["from the archive", "tool runs", "b.tgz", "sub/c.tgz", "c.tgz", ""], "what was fetched")
    http_request("DELETE", dev.marathon, "/v2/apps/fetch")


@case("tty, resourceLimits, check")
def _():
    create("/more", gpus=1, cmd=telling("more", "tty >/dev/null && echo terminal || echo none"), tty=True, resourceLimits={"cpus": "unlimited", "mem": 256},
           check={"exec": {"command": {"shell": "exit 3"}}, "intervalSeconds": 1, "timeoutSeconds": 1, "delaySeconds": 0})
    fact("more")
    t = at_master("/more")
    equal(t["limits"], {"cpus": "Infinity", "mem": 256.0}, "limits")
    check("tty_info" in t["container"], str(t["container"]))
    wait_for("the check has spoken", lambda: dev.app("/more")["tasks"][0].get("checkResult") == {"command": {"exitCode": 3}})
    http_request("DELETE", dev.marathon, "/v2/apps/more")


@case("taskKillGracePeriodSeconds: time to end well, and no more than that; killSelection: who goes first")
def _():
    create("/well", gpus=1, cmd=f"trap 'sleep 1; (echo well; echo end) > {place}/well; exit' TERM; while :; do sleep 0.1; done", taskKillGracePeriodSeconds=30)
    task("/well")
    http_request("DELETE", dev.marathon, "/v2/apps/well")
    equal(fact("well"), "well\n", "it ended by itself")
    create("/stubborn", gpus=1, cmd="trap '' TERM; while :; do sleep 0.1; done", taskKillGracePeriodSeconds=1)
    id = task("/stubborn")["id"]
    begin = time.monotonic()
    http_request("DELETE", dev.marathon, "/v2/apps/stubborn")
    wait_for("it is killed", lambda: id not in [t["id"] for t in dev.tasks() if t["state"] in ("TASK_RUNNING", "TASK_KILLING")], 25)
    check(time.monotonic() - begin >= 1, "it had its second")
    for order in ("OLDEST_FIRST", "YOUNGEST_FIRST"):
        app = "/" + order.lower().replace("_", "-")
        create(app, gpus=1, cmd="sleep 1000", killSelection=order)
        first = task(app)["id"]
        http_request("PUT", dev.marathon, f"/v2/apps{app}", {"instances": 2})
        dev.settled(app)
        http_request("PUT", dev.marathon, f"/v2/apps{app}", {"instances": 1})
        left = dev.settled(app)["tasks"][0]["id"]
        equal(left == first, order == "YOUNGEST_FIRST", f"{order}: the first one stays")
        http_request("DELETE", dev.marathon, f"/v2/apps{app}")
    dev.stop()


main()
