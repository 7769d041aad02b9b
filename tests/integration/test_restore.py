#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster is moved and restored as docs/store.md tells: exported while it runs, imported into ZooKeeper and back into files, with
its agents there, with an agent that is no more, from a backup that is older than an agent, without the master's registry."""
import contextlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

master_port, marathon_port = free_ports(2)
master = marathon = zk = None
agents = {}


def store(*args):
    r = subprocess.run([STOA, "store", *args], capture_output=True, text=True, timeout=60)
    equal(r.returncode, 0, f"status of stoa store {' '.join(args)} ({r.stdout}{r.stderr})")


def path(name):
    return os.path.join(scratch(), name)


def cli(*args):
    r = subprocess.run([STOA, *args, f"--master=127.0.0.1:{master_port}"], capture_output=True, text=True, timeout=60)
    return r.stdout + r.stderr


def start(master_store, marathon_store):
    global master, marathon
    of_master = f"--zk={master_store}" if master_store.startswith("zk:") else f"--work_dir={master_store}"
    of_marathon = f"--zk={marathon_store}" if marathon_store.startswith("zk:") else f"--store_dir={marathon_store}"
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={master_port}", "--hostname=127.0.0.1", "--zk_session_timeout=10secs", of_master])
    wait_for("the master leads", lambda: get(master_port, "/slaves").status == 200)
    marathon = Process("marathon", [STOA, "marathon", f"--master=127.0.0.1:{master_port}", "--http_address=127.0.0.1", f"--http_port={marathon_port}",
                                    "--hostname=127.0.0.1", "--zk_session_timeout=10000", "--min_revive_offers_interval=500", of_marathon])
    wait_for("marathon serves", lambda: get(marathon_port, "/v2/apps").status == 200)


def stop():
    marathon.stop(), master.stop()


def start_agent(name):
    port = free_ports(1)[0]
    agents[name] = Process(name, [STOA, "agent", f"--master=127.0.0.1:{master_port}", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={path(name)}",
                                  f"--runtime_dir={path(name + '.run')}", "--isolation=posix/cpu,posix/mem", "--launcher=posix", f"--attributes=name:{name}",
                                  "--registration_backoff_factor=200ms", "--resources=cpus:4;mem:1024;disk:100;ports:[31000-31009]"])
    wait_for(f"{name} is there", lambda: any(s["attributes"].get("name") == name and s["active"] for s in get(master_port, "/slaves").json["slaves"]))


def deploy(id, agent):
    app = {"id": id, "cmd": "sleep 100000", "cpus": 0.1, "mem": 32, "instances": 2, "constraints": [["name", "LIKE", agent]]}
    equal(post(marathon_port, "/v2/apps", app).status, 201, "deployed")
    wait_for(f"{id} runs", lambda: len(marathon_tasks(id)) == 2)


def marathon_tasks(id=None):
    r = get(marathon_port, "/v2/tasks" if id is None else f"/v2/apps{id}/tasks", headers={"Accept": "application/json"})
    return {t["id"] for t in r.json["tasks"] if t["state"] == "TASK_RUNNING"} if r.status == 200 else set()


def master_tasks():
    return {t["id"] for t in get(master_port, "/tasks?limit=-1").json["tasks"] if t["state"] == "TASK_RUNNING"}


def same(want):
    """All sides settle on these tasks, and none was ended for it."""
    wait_for("master and marathon have the tasks", lambda: master_tasks() == want and marathon_tasks() == want)
    r = get(master_port, "/tasks?limit=-1").json["tasks"]
    equal([t["id"] for t in r if t["state"] not in ("TASK_RUNNING",)], [], "tasks that ended")


def processes_of(name):
    """Processes that an agent has left: their directory is in its sandboxes."""
    found = []
    for d in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(d + "/cwd").startswith(path(name) + "/") or path(name) + "/" in open(d + "/cmdline").read():
                found.append(int(d[6:]))
        except OSError:
            pass
    return found


kept = None


@case("moved from files into ZooKeeper and back, every task runs on")
def _():
    global zk, kept
    zk = ZooKeeper()
    start(path("m"), path("o"))
    start_agent("a1"), start_agent("a2")
    deploy("/one", "a1"), deploy("/two", "a2")
    kept = master_tasks()
    equal(len(kept), 4, "tasks")
    store("export", f"--master={path('m')}", path("m1")), store("export", f"--marathon={path('o')}", path("o1"))
    stop()
    store("import", f"--master={zk.url('/mesos')}", path("m1")), store("import", f"--marathon={zk.url('/marathon')}", path("o1"))
    start(zk.url("/mesos"), zk.url("/marathon"))
    same(kept)
    store("export", f"--master={zk.url('/mesos')}", path("m2")), store("export", f"--marathon={zk.url('/marathon')}", path("o2"))
    stop()
    store("import", f"--master={path('mb')}", path("m2")), store("import", f"--marathon={path('ob')}", path("o2"))
    start(path("mb"), path("ob"))
    same(kept)


@case("from a backup that is older than an agent and the tasks on it: nothing that marathon knows is ended")
def _():
    global kept
    start_agent("a3")
    new = [s["id"] for s in get(master_port, "/slaves").json["slaves"] if s["attributes"]["name"] == "a3"][0]
    before = marathon_tasks()
    store("export", f"--master={path('mb')}", path("m3"))
    open(path("m3-old"), "w").write('{"stoa_store":1,"of":"master","records":2}\n' + "".join(
        l for l in open(path("m3")).readlines()[1:] if json.loads(l)["key"] != f"master/agent/{new}"))
    equal(len(open(path("m3-old")).readlines()), 3, "lines of the backup")
    deploy("/three", "a3")
    kept = master_tasks()
    equal(len(kept - before), 2, "tasks on the new agent")
    agents["a3"].kill(signal.SIGSTOP) # what comes back late: marathon asks about its tasks before
    store("export", f"--marathon={path('ob')}", path("o3"))
    stop()
    store("import", f"--master={path('mc')}", path("m3-old")), store("import", f"--marathon={path('oc')}", path("o3"))
    start(path("mc"), path("oc"))
    wait_for("two agents are back", lambda: len(get(master_port, "/slaves").json["slaves"]) == 2)
    wait_for("marathon has asked", lambda: get(master_port, "/metrics/snapshot").json["master/messages_reconcile_tasks"] >= 1)
    agents["a3"].kill(signal.SIGCONT)
    same(kept)


@case("without the master's registry: its agents bring everything back")
def _():
    for n in range(3): # also right after it was registered an agent notices that its master has gone
        stop()
        start(path(f"md{n}"), path("oc"))
        same(kept)


@case("an agent that is no more is shown as returning; given up, its tasks are replaced elsewhere")
def _():
    app = {"id": "/three", "constraints": [], "instances": 2}
    stop()
    agents["a3"].kill(), agents["a3"].wait()
    for pid in processes_of("a3"): # its machine is gone, too; with some of them others end by themselves
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    start(path("md2"), path("oc"))
    wait_for("the others are back", lambda: len(master_tasks()) == 4)
    row = [l for l in cli("agents").splitlines() if "returning" in l]
    equal(len(row), 1, "agents that are returning")
    id = row[0].split()[0]
    check(marathon_tasks("/three") <= kept and len(marathon_tasks("/three")) == 2, "the app counts as running")
    said = cli("why", "/three", f"--marathon=127.0.0.1:{marathon_port}")
    check("2 of them on agent" in said and f"stoa gone {id}" in said, said)
    check("not come back" not in cli("why", "/one", f"--marathon=127.0.0.1:{marathon_port}"), "of an app that is well")
    equal(http_request("PUT", marathon_port, "/v2/apps/three?force=true", app).status, 200, "may run anywhere")
    check("is gone" in cli("gone", id), "gone")
    wait_for("it runs elsewhere", lambda: len(marathon_tasks("/three") - kept) == 2 and marathon_tasks() == master_tasks())
    equal(kept & marathon_tasks(), kept - {t for t in kept if t.startswith("three.")}, "the others' tasks")


@case("nothing is left")
def _():
    for app in get(marathon_port, "/v2/apps").json["apps"]:
        equal(http_request("DELETE", marathon_port, f"/v2/apps{app['id']}?force=true").status, 200, app["id"])
    wait_for("no task runs", lambda: not master_tasks())
    wait_for("their executors have ended", lambda: not any(processes_of(name) for name in agents))


main()
