#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of Marathon's API, unmodified from their registries: marathon-node (npm), com.mesosphere's marathon-client and Akka's
service discovery (Maven Central), each with a small program of ours on it, and marathon-deploy (PyPI), a command for deployments
from JSON files."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

DIR = {name: os.path.join(BUILD, "interop", name) for name in ("marathon-node", "marathon-client", "marathon-deploy", "akka-discovery")}
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>stoa.test</groupId><artifactId>client</artifactId><version>1</version><dependencies>%s</dependencies></project>
"""
dev = None


def start():
    global dev
    if dev is None:
        dev = Dev()


def install(name, is_there, *args):
    """Runs an installer in the client's folder unless the client is there."""
    if not shutil.which(args[0]):
        raise Skip(f"{args[0]} is not installed")
    os.makedirs(DIR[name], exist_ok=True)
    if not os.path.exists(os.path.join(DIR[name], is_there)):
        download(name, *args, cwd=DIR[name], wipe=os.path.join(DIR[name], is_there.split("/")[0]))


@case("marathon-node: the life of an app and a group, tasks, queue, a conflict, events by type")
def _():
    install("marathon-node", "node_modules/marathon-node", "npm", "install", "--silent", "--no-fund", "--no-audit", "marathon-node@1.1.0")
    start()
    r = subprocess.run(["node", os.path.join(HERE, "marathon_node.js"), f"http://127.0.0.1:{dev.marathon}", os.path.join(DIR["marathon-node"], "node_modules")],
                       capture_output=True, text=True, timeout=120, cwd=scratch())
    out = {l["what"]: l for l in map(json.loads, filter(lambda l: l.startswith("{"), r.stdout.split("\n")))}
    equal(out.get("failed"), None, f"failure; {r.stderr[-400:]}")
    equal((out["ping"]["pong"], out["ping"]["leader"], out["ping"]["name"]), ("pong", f"127.0.0.1:{dev.marathon}", "marathon"), "server")
    equal((out["scaled"]["id"], out["scaled"]["tasks"], out["scaled"]["versions"]), ("/node/one", 2, 2), "scaled")
    equal((out["restarted"]["same"], out["restarted"]["tasks"]), (0, 2), "restarted")
    equal((out["group"]["apps"], out["queue"]["count"], out["queue"]["deployments"]), (["/shop/web"], 1, 1), "group and queue")
    equal(out["conflict"]["status"], 409, "creating what is there")
    equal((out["events"]["names"], out["events"]["running"]), (["deployment_success", "status_update_event"], 5), "events of the two types asked for")


def java(name, artifacts, program, *args):
    """Runs our program on these artifacts ("group:artifact:version"), the first of which is the client."""
    for c in ("javac", "java"):
        if not shutil.which(c):
            raise Skip(f"{c} is not installed")
    d = DIR[name]
    os.makedirs(d, exist_ok=True)
    with open(os.path.join(d, "pom.xml"), "w") as f:
        f.write(POM % "".join("<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>" % tuple(a.split(":"))
                              for a in artifacts))
    install(name, "jars/" + "-".join(artifacts[0].split(":")[1:]) + ".jar", "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars")
    jars, classes = os.path.join(d, "jars", "*"), os.path.join(d, "classes")
    r = subprocess.run(["javac", "-nowarn", "-cp", jars, "-d", classes, os.path.join(HERE, program + ".java")], capture_output=True, text=True, timeout=200)
    equal(r.returncode, 0, f"javac: {r.stderr[-1500:]}")
    return subprocess.run(["java", "-cp", jars + os.pathsep + classes, program, *args], capture_output=True, text=True, timeout=120, cwd=scratch())


@case("marathon-client of com.mesosphere: the life of an app, its fields, and errors with their status")
def _():
    start()
    r = java("marathon-client", ["com.mesosphere:marathon-client:0.6.3"], "MarathonJava", f"http://127.0.0.1:{dev.marathon}")
    out = dict(l.split("\t", 1) for l in r.stdout.split("\n") if "\t" in l)
    check("done" in out, f"{out} {r.stderr[-800:]}")
    equal((out["server"], out["created"], out["app"]), (f"marathon 127.0.0.1:{dev.marathon}", "/java/one", "1 {COLOUR=blue} {team=java}"), "app")
    equal((out["versions"], out["group"], out["deployments"]), ("2", "1", "[/java/big]"), "versions, apps of the group, the deployment that waits")
    equal([out[w].split()[0] for w in ("duplicate", "invalid", "unknown")], ["409", "422", "404"], f"errors ({out})")
    check("An app with id [/java/one] already exists." in out["duplicate"], out["duplicate"])


@case("Akka's discovery finds the tasks of the apps with a label, by the names of their ports")
def _():
    start()
    app = {"cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "labels": {"ACTOR_SYSTEM_NAME": "shop"}}
    dev.deploy({**app, "id": "/akka/one", "instances": 2, "portDefinitions": [{"port": 0, "name": "web"}, {"port": 0, "name": "manage"}]})
    dev.deploy({**app, "id": "/akka/two", "instances": 1, "portDefinitions": [{"port": 0, "name": "manage"}]})
    r = java("akka-discovery", ["com.lightbend.akka.discovery:akka-discovery-marathon-api_2.12:1.0.5", "com.typesafe.akka:akka-discovery_2.12:2.5.31",
                                "com.typesafe.akka:akka-stream_2.12:2.5.31", "com.typesafe.akka:akka-actor_2.12:2.5.31"],
             "AkkaDiscovery", f"127.0.0.1:{dev.marathon}", "shop", "web", "shop", "manage", "shop", "other", "nobody", "web")
    found = {tuple(l.split()[1:3]): sorted(l.split()[3:]) for l in r.stdout.split("\n") if l.startswith("found ")}
    tasks = {id: dev.app(id)["tasks"] for id in ("/akka/one", "/akka/two")}
    web = sorted(f"{t['host']}:{t['ports'][0]}" for t in tasks["/akka/one"])
    manage = sorted([f"{t['host']}:{t['ports'][1]}" for t in tasks["/akka/one"]] + [f"{t['host']}:{t['ports'][0]}" for t in tasks["/akka/two"]])
    equal(found, {("shop", "web"): web, ("shop", "manage"): manage, ("shop", "other"): [], ("nobody", "web"): []}, f"what it found ({r.stderr[-600:]})")


@case("marathon-deploy: deploys from a file, scales, restarts, and waits for each by the events")
def _():
    d, python = DIR["marathon-deploy"], os.path.join(DIR["marathon-deploy"], "bin", "python")
    if not os.path.exists(os.path.join(d, "bin", "marathon-deploy")):
        download("marathon-deploy", sys.executable, "-m", "venv", d)
        download("marathon-deploy", python, "-m", "pip", "install", "-q", "marathon-deploy==3.0.2", wipe=d)
    start()
    definition = os.path.join(scratch(), "one.json")
    with open(definition, "w") as f:
        json.dump({"id": "/deploy/one", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1}, f)
    def run(*args):
        r = subprocess.run([os.path.join(d, "bin", "marathon-deploy"), "-m", f"http://127.0.0.1:{dev.marathon}", *args], capture_output=True, text=True, timeout=60)
        equal(r.returncode, 0, f"marathon-deploy {' '.join(args)}: {r.stdout[-300:]} {r.stderr[-500:]}")
        return r.stdout
    check("Creating app: /deploy/one" in run("--put", definition), "nothing was created")
    dev.settled("/deploy/one")
    said = run("--appid", "/deploy/one", "--scale", "2")
    check(re.search(r"Watching deployment \S+\n.*Deployment \S+ complete", said, re.S), said)
    equal((len(dev.app("/deploy/one")["tasks"]), run("--appid", "/deploy/one", "--instances").split()[-1]), (2, "2"), "tasks when it says complete")
    before = {t["id"] for t in dev.app("/deploy/one")["tasks"]}
    check("complete" in run("--appid", "/deploy/one", "--restart"), "it does not wait for the restart")
    equal(before & {t["id"] for t in dev.app("/deploy/one")["tasks"]}, set(), "tasks of before the restart")


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
