#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failures of docs/failures.md that no other test has, with the times that it tells: full disks of the registry and of an agent, the end of
an executor and of a framework, marathon killed within a deployment."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

master_port, agent_port, marathon_port = free_ports(3)
disks, master, agent, marathon, JOBS = {}, None, None, None, os.path.join(BUILD, "tests/chaos/jobs")


def disk(name, size):
    """A file system of its own."""
    if not IS_ROOT:
        raise Skip("a disk of its own needs root")
    path = disks[name] = tempfile.mkdtemp(prefix=f"{name}.", dir=scratch())
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path]).returncode != 0:
        raise Skip("no mount")
    atexit.register(subprocess.run, ["umount", "-l", path], stderr=subprocess.DEVNULL)
    return path


def fill(path):
    with open(path + "/filler", "wb", buffering=0) as f:
        for piece in (1 << 20, 4096):
            try:
                while True:
                    f.write(b"\0" * piece)
            except OSError:
                pass


def weight(value):
    return post(master_port, "/api/v1", {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [{"role": "web", "weight": value}]}}, timeout=10)


def start_master():
    global master
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={master_port}", f"--work_dir={disks['registry']}", "--agent_ping_timeout=1secs"])
    wait_for("the master has read its registry", lambda: "event=registry_recovered" in master.tail() and get(master_port, "/weights").status == 200)


@case("the disk of the registry is full: the change is not made, the master ends and says why; with room it goes on where it was")
def _():
    disk("registry", "2m")
    start_master()
    equal(weight(2).status, 200, "with room")
    fill(disks["registry"])
    begin = time.monotonic()
    for n in range(200): # until the log of the database needs another page
        try:
            if weight(3 + n).status != 200:
                break
        except OSError:
            break
    wait_for("the master ends", lambda: master.p.poll() is not None)
    print(f"# registry's disk full: the master ended {time.monotonic() - begin:.2f} s and {n} changes later")
    equal(master.p.returncode, 1, "its status")
    check("event=registry_store_failed" in master.tail() and "full" in master.tail(), master.tail())
    os.unlink(disks["registry"] + "/filler")
    start_master()
    equal(get(master_port, "/weights").json[0]["weight"], 2.0 if n == 0 else 2.0 + n, "the last weight that was confirmed")


def start_agent():
    global agent
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{master_port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={disks['agent']}/work",
                              f"--runtime_dir={scratch()}/run", "--isolation=posix/cpu,posix/mem", "--launcher=posix", "--registration_backoff_factor=200ms",
                              "--resources=cpus:8;mem:4096;disk:1000;ports:[31000-31099]"])


def start_marathon():
    global marathon
    marathon = Process("marathon", [STOA, "marathon", f"--master=127.0.0.1:{master_port}", "--http_address=127.0.0.1", f"--http_port={marathon_port}",
                                    f"--store_dir={scratch()}/marathon", "--failover_timeout=600"])
    wait_for("marathon answers", lambda: get(marathon_port, "/ping").status == 200)


def the_app():
    return get(marathon_port, "/v2/apps//kept").json["app"]


def is_settled(instances):
    a = the_app()
    return a["tasksRunning"] == instances and not a["deployments"] and {t["id"]: t for t in a["tasks"]}


@case("the disk of an agent is full: what runs goes on, what is launched waits, and the agent says why; with room again it starts")
def _():
    disk("agent", "8m")
    start_agent()
    start_marathon()
    equal(post(marathon_port, "/v2/apps", {"id": "/kept", "cmd": "sleep 100000", "cpus": 0.1, "mem": 32, "instances": 2, "backoffSeconds": 1, "maxLaunchDelaySeconds": 1}).status, 201, "app")
    before = wait_for("two run", lambda: is_settled(2), 30)
    fill(disks["agent"])
    equal(http_request("PUT", marathon_port, "/v2/apps//kept", {"instances": 3}).status, 200, "scaling")
    begin = time.monotonic()
    wait_for("the agent says so", lambda: "event=checkpoint_failed" in agent.tail(60) and "No space left" in agent.tail(60), 30)
    print(f"# agent's disk full: it says so {time.monotonic() - begin:.2f} s after a launch was asked for")
    equal(the_app()["tasksRunning"], 2, "tasks that run")
    os.unlink(disks["agent"] + "/filler")
    begin = time.monotonic()
    now = wait_for("three run", lambda: is_settled(3), 60)
    print(f"# room again: it runs after {time.monotonic() - begin:.2f} s")
    check(set(before) <= set(now), "a task was replaced")


def slave():
    return get(master_port, "/slaves").json["slaves"][0]


def volumes():
    return [r["disk"]["persistence"]["id"] for r in slave().get("reserved_resources_full", {}).get("web", []) if "disk" in r]


def operate(type, field, key, disk_mb, **disk):
    resource = {"name": "disk", "type": "SCALAR", "scalar": {"value": disk_mb}, "reservations": [{"type": "DYNAMIC", "role": "web"}], **disk}
    equal(post(master_port, "/api/v1", {"type": type, field: {"agent_id": {"value": slave()["id"]}, key: [resource]}}, timeout=10).status, 202, type)


def create_volume(id):
    operate("CREATE_VOLUMES", "create_volumes", "volumes", 50, disk={"persistence": {"id": id}, "volume": {"mode": "RW", "container_path": "data"}})


@case("the disk of an agent is full: a volume that cannot be stored is not made, and the agent, killed, takes over what runs all the same")
def _():
    before = is_settled(3)
    operate("RESERVE_RESOURCES", "reserve_resources", "resources", 100)
    wait_for("the reservation", lambda: slave()["reserved_resources"].get("web", {}).get("disk") == 100)
    fill(disks["agent"])
    create_volume("lost")
    wait_for("the agent says so", lambda: "reservations and volumes cannot be stored" in agent.tail(100), 30)
    wait_for("the books say so", lambda: slave()["active"] and volumes() == [], 30)
    agent.kill().wait()
    wait_for("the agent is gone", lambda: not slave()["active"], 30)
    start_agent()
    wait_for("the agent is back", lambda: slave()["active"], 60)
    equal(set(wait_for("three run", lambda: is_settled(3), 60)), set(before), "tasks that run")
    os.unlink(disks["agent"] + "/filler")
    create_volume("kept")
    wait_for("a volume", lambda: volumes() == ["kept"], 30)
    equal(slave()["reserved_resources"]["web"]["disk"], 100, "reserved")


@case("an executor is killed: its task fails at once and is replaced")
def _():
    before = is_settled(3)
    pid = processes_in(disks["agent"], "stoa-executor")[0]
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    failure = wait_for("the failure", lambda: (lambda f: f and "xecutor" in f["message"] and f)(the_app().get("lastTaskFailure")), 30)
    print(f"# executor killed: {failure['state']} after {time.monotonic() - begin:.2f} s: {failure['message'][:120]}")
    now = wait_for("three run", lambda: is_settled(3), 60)
    equal(len(set(before) & set(now)), 2, "tasks that stayed")


def read_bytes(path):
    try:
        return open(path, "rb").read()
    except OSError:
        return b""


@case("marathon is killed within a deployment: it goes on with it and ends it")
def _():
    before = is_settled(3)
    r = http_request("PUT", marathon_port, "/v2/apps//kept", {"cmd": "sleep 200000", "upgradeStrategy": {"minimumHealthCapacity": 0.6, "maximumOverCapacity": 0.0}})
    equal(r.status, 200, "the change")
    marathon.kill().wait()
    start_marathon()
    begin = time.monotonic()
    now = wait_for("three of the new version run", lambda: (lambda s: s and the_app()["version"] == r.json["version"] and s)(is_settled(3)), 60)
    print(f"# marathon killed within a deployment: all is done {time.monotonic() - begin:.2f} s after it served again")
    equal(set(before) & set(now), set(), "tasks of the old version")


@case("a framework is killed and started again: the same id, its tasks are still its own")
def _():
    if not os.path.exists(JOBS):
        raise Skip("no tests/chaos/jobs: make chaos builds it")
    journal, stop = os.path.join(scratch(), "journal"), os.path.join(scratch(), "stop")
    args = [JOBS, f"--master=127.0.0.1:{master_port}", f"--journal={journal}", "--every=100", "--parallel=3", f"--stop={stop}", "--command=sleep 4"]
    jobs = Process("jobs", args)
    # The journal is written before the call: what it has when the framework is killed may never have been sent.
    wait_for("jobs run", lambda: sum(t["state"] == "TASK_RUNNING" and t["id"].startswith("job-") for t in get(master_port, "/tasks?limit=-1").json["tasks"]) == 3, 60)
    jobs.kill().wait()
    begin = time.monotonic()
    jobs.start()
    wait_for("it is subscribed again", lambda: jobs.tail(40).count("subscribed with") == 2)
    print(f"# framework killed: subscribed again {time.monotonic() - begin:.2f} s after its start")
    equal(len(set(re.findall(r"framework (\S+)", open(journal).read()))), 1, "framework ids")
    open(stop, "w").close()
    equal(jobs.p.wait(60), 0, "its status")
    ends = re.findall(r"state (\d+) (\d+) (\S+)", open(journal).read())
    equal({s for _, _, s in ends}, {"TASK_FINISHED"}, "how its tasks ended")


@case("nothing is left")
def _():
    equal(http_request("DELETE", marathon_port, "/v2/apps//kept?force=true").status, 200, "the end of the app")
    wait_for("no task runs", lambda: get(master_port, "/metrics/snapshot").json["master/tasks_running"] == 0)
    for p in (marathon, agent, master):
        equal(p.stop(), 0, f"status of {p.name}")


main(needed=2)
