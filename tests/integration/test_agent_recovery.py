#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that starts again: with --recover=cleanup, with broken checkpoints, with other resources and attributes, after a restart of the
machine, with what an earlier run left and what belongs to others, as an upgraded program."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from scheduler import *

port = agent_port = flags = agent = None
cgroups_root = None
RESOURCES = "--resources=cpus:4;mem:2048;disk:1000;ports:[31000-31100]"


def slaves():
    return get(port, "/slaves").json["slaves"]


def the_agent():
    return [s for s in slaves() if s["active"]][0]


def meta(*more):
    return os.path.join(scratch(), "a/meta", *more)


def executors():
    return {e["id"]: e["container"] for w in get(agent_port, "/state").json["frameworks"] for e in w["executors"]}


def processes(mark):
    """Live processes whose command line has mark."""
    found = []
    for d in glob.glob("/proc/[0-9]*"):
        try:
            if mark in open(d + "/cmdline").read() and int(d[6:]) != os.getpid() and is_alive(d[6:]):
                found.append(int(d[6:]))
        except OSError:
            pass
    return found


def groups(root=None):
    return sorted({os.path.basename(os.path.dirname(d)) for d in glob.glob(f"/sys/fs/cgroup/*/{root or cgroups_root}/*/") + glob.glob(f"/sys/fs/cgroup/{root or cgroups_root}/*/")})


def start(*more, without=()):
    agent.args = [STOA, "agent", *[f for f in flags if f.split("=")[0] not in without], *more]
    agent.start()


def start_and_wait(*more, without=()):
    start(*more, without=without)
    wait_for("the agent is back", lambda: the_agent() and get(agent_port, "/state").json["id"])


def refused(*more, without=()):
    """Starts it with flags that it does not take; gives what it said."""
    r = subprocess.run([STOA, "agent", *[f for f in flags if f.split("=")[0] not in without], *more], capture_output=True, text=True, timeout=30)
    equal(r.returncode, 1, f"status ({r.stderr[-500:]})")
    return r.stderr


def running(f, *ids):
    for id in ids:
        state = None
        while state != "TASK_RUNNING":  # an offer of before the agent's restart may be rescinded and not read to the end yet
            f.launch(task(id, f"sleep 98765{len(ids)} # {id}"))
            state = f.update(id, "TASK_RUNNING", "TASK_DROPPED", "TASK_LOST")["state"]


@case("a master and an agent")
def _():
    global port, agent_port, flags, agent, cgroups_root
    port, agent_port = free_ports(2)
    d = scratch()
    Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    cgroups_root = f"stoa_recovery_{port}"
    flags = [f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a", f"--runtime_dir={d}/r", "--hostname=localhost",
             f"--cgroups_root={cgroups_root}", RESOURCES, "--attributes=rack:a", "--executor_shutdown_grace_period=1secs", "--registration_backoff_factor=100ms",
             "--executor_reregistration_timeout=10secs"]
    if IS_ROOT:
        flags.append("--isolation=cgroups/cpu,cgroups/mem")
    agent = Process("agent", [STOA, "agent", *flags])
    wait_for("the agent is registered", the_agent)


@case("--reconfiguration_policy=additive: more resources and attributes, the same agent, its tasks go on; less is refused")
def _():
    f = Framework(port)
    running(f, "t-1")
    before, id = executors(), the_agent()["id"]
    agent.kill().wait()
    more = ["--resources=cpus:6;mem:2048;disk:1000;ports:[31000-31200];widgets:3", "--attributes=rack:a;zone:b"]
    without = ("--resources", "--attributes")
    check("--reconfiguration_policy" in refused(*more, without=without) or "meta/slaves/latest" in refused(*more, without=without), "advice")
    text = refused("--reconfiguration_policy=additive", "--resources=cpus:2;mem:2048;disk:1000;ports:[31000-31100]", "--attributes=rack:a", without=without)
    check("cpus" in text, text)
    text = refused("--reconfiguration_policy=additive", RESOURCES, "--attributes=rack:other", without=without)
    check("rack" in text, text)
    check("any_reduction" in refused("--reconfiguration_policy=any_reduction"), "an unknown policy")
    start_and_wait("--reconfiguration_policy=additive", *more, without=without)
    s = wait_for("the master has the new resources", lambda: the_agent()["resources"]["cpus"] == 6 and the_agent())
    equal((s["id"], s["attributes"], s["resources"]["widgets"]), (id, {"rack": "a", "zone": "b"}, 3), "agent")
    equal(len(slaves()), 1, "agents")
    equal(executors(), before, "executors")
    equal(s["used_resources"]["cpus"], 0.1, "used")
    f.until("an offer of what is new", lambda e: any(r["name"] == "widgets" for o in f.offers for r in o["resources"]))
    f.kill("t-1")
    f.update("t-1", "TASK_KILLED")
    f.end()
    # From here on this is what the agent is.
    flags[:] = [x for x in flags if x.split("=")[0] not in without] + more


@case("an upgraded program takes the tasks over, while the old file is gone")
def _():
    d = os.path.join(scratch(), "bin")
    os.makedirs(d)
    for name in ("stoa", "stoa-launcher", "stoa-executor", "stoa-fetcher"):
        shutil.copy(os.path.join(BUILD, name), d)
    def run_from_there():
        agent.args = [d + "/stoa", "agent", *flags]
        agent.start()
        wait_for("the agent is back", lambda: the_agent() and get(agent_port, "/state").json["id"])
    agent.kill().wait()
    run_from_there()
    f = Framework(port)
    running(f, "u-1")
    before = executors()
    for name in os.listdir(d):  # as a package manager does: a new file under the old name
        shutil.copy(os.path.join(BUILD, name), d + "/new")
        os.rename(d + "/new", os.path.join(d, name))
    running(f, "u-2")  # the old program starts the new helpers
    for round in range(2):
        agent.kill().wait()
        run_from_there()
        wait_for("the executors are back", lambda: set(executors()) >= {"u-1", "u-2"})
        equal(executors()["u-1"], before["u-1"], "container")
        running(f, f"u-3{round}")
        f.kill(f"u-3{round}")
        f.update(f"u-3{round}", "TASK_KILLED")
    for id in ("u-1", "u-2"):
        f.kill(id)
        f.update(id, "TASK_KILLED")
    f.end()
    agent.kill().wait()
    start_and_wait()


@case("a checkpoint that is broken stops the start, and is skipped with --no-strict")
def _():
    f = Framework(port)
    running(f, "s-1", "s-2")
    info = glob.glob(meta("slaves/latest/frameworks", f.id, "executors/s-1/runs/latest/tasks/s-1/task.info"))[0]
    kept = executors()["s-2"]
    agent.kill().wait()
    open(info, "wb").write(b"\x05\x00\x00\x00\xff\xff\xff\xff\xff")
    text = refused()
    check("task.info" in text and "--no-strict" in text, text)
    check(processes("98765"), "a refused start ended tasks")
    start_and_wait("--no-strict")
    equal(wait_for("the other is back", lambda: executors().get("s-2")), kept, "container")
    f.kill("s-2")
    f.update("s-2", "TASK_KILLED")
    f.call("TEARDOWN")
    f.stream.close()
    wait_for("everything of it is gone", lambda: not processes("98765") and not executors(), 60)
    if os.path.exists(info):  # it would stop the next strict start
        os.unlink(info)
    if IS_ROOT:
        wait_for("no cgroup is left", lambda: groups() == [], 30)


@case("--recover=cleanup ends what runs and the agent with it")
def _():
    f = Framework(port)
    running(f, "c-1", "c-2")
    agent.kill().wait()
    start("--recover=cleanup")
    agent.wait(60)
    equal(processes("98765"), [], "processes")
    if IS_ROOT:
        equal(groups(), [], "cgroups")
    start_and_wait()
    equal(executors(), {}, "executors")
    for id in ("c-1", "c-2"):
        f.update(id, "TASK_KILLED", "TASK_LOST", "TASK_GONE", "TASK_FAILED", seconds=60)
    f.end()


@case("after a restart of the machine the tasks are gone, the agent is the same")
def _():
    f = Framework(port)
    running(f, "b-1")
    id = the_agent()["id"]
    agent.kill().wait()
    equal(open(meta("boot_id")).read().strip(), open("/proc/sys/kernel/random/boot_id").read().strip(), "boot id")
    open(meta("boot_id"), "w").write("00000000-0000-0000-0000-000000000000")
    start_and_wait()
    s = f.update("b-1", "TASK_LOST", "TASK_FAILED", "TASK_GONE", seconds=60)
    check("restarted" in s.get("message", ""), f"{s}")
    equal(the_agent()["id"], id, "agent id")
    equal(open(meta("boot_id")).read().strip(), open("/proc/sys/kernel/random/boot_id").read().strip(), "boot id")
    if IS_ROOT: # the machine was not really restarted, so the processes were still there
        wait_for("its processes and cgroups are gone", lambda: not processes("98765") and groups() == [], 30)
    f.end()
    for pid in processes("98765"):
        os.kill(pid, signal.SIGKILL)


@case("after a restart with other flags it is a new agent")
def _():
    id = the_agent()["id"]
    agent.kill().wait()
    open(meta("boot_id"), "w").write("00000000-0000-0000-0000-000000000000")
    start_and_wait("--attributes=rack:c", without=("--attributes",))
    wait_for("a new agent", lambda: the_agent()["id"] != id)
    agent.kill().wait()
    open(meta("boot_id"), "w").write("00000000-0000-0000-0000-000000000000")
    start_and_wait()


@case("what an earlier run left is ended, what belongs to another agent is not")
def _():
    if not IS_ROOT:
        raise Skip("needs root")
    d, other_port = scratch(), free_ports(1)[0]
    other = Process("other", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={other_port}", f"--work_dir={d}/a2", f"--runtime_dir={d}/r2",
                              "--hostname=localhost", f"--cgroups_root={cgroups_root}", "--resources=cpus:1;mem:512;disk:10;ports:[32000-32010]",
                              "--isolation=cgroups/cpu,cgroups/mem", "--registration_backoff_factor=100ms"])
    wait_for("two agents", lambda: sum(s["active"] for s in slaves()) == 2)
    f = Framework(port)
    for id in ("o-1", "o-2"):
        f.until("an offer of each", lambda e: len({o["agent_id"]["value"] for o in f.offers}) == 2) if id == "o-1" else None
        o = f.offers.pop()
        t = task(id, f"sleep 987651 # {id}")
        t["agent_id"] = o["agent_id"]
        f.call("ACCEPT", accept={"offer_ids": [o["id"]], "filters": {"refuse_seconds": 100}, "operations": [{"type": "LAUNCH", "launch": {"task_infos": [t]}}]})
        f.update(id, "TASK_RUNNING")
    equal(len(groups()), 2, "cgroups")
    mine = list(executors().values())
    theirs = [g for g in groups() if g not in mine]
    agent.kill().wait()
    other.kill().wait()  # also one that does not run now has its containers
    # The runtime directory and the checkpoints are lost (/run is new, somebody wiped meta): only the sandboxes say whose it was.
    shutil.rmtree(d + "/r")
    shutil.rmtree(meta("slaves"))
    # Somebody else's group, without any process.
    stranger = f"/sys/fs/cgroup/freezer/{cgroups_root}/stranger"
    if os.path.isdir("/sys/fs/cgroup/freezer"):
        os.mkdir(stranger)
    start_and_wait()
    wait_for("ours is gone", lambda: not set(groups()) & set(mine), 30)
    check(set(theirs) <= set(groups()), f"{theirs} is gone: {groups()}")
    check(os.path.isdir(stranger) or not os.path.isdir("/sys/fs/cgroup/freezer"), "a group of somebody else was removed")
    if os.path.isdir(stranger):
        os.rmdir(stranger)
    other.start()
    wait_for("the other's task is known again", lambda: [e for w in get(other_port, "/state").json["frameworks"] for e in w["executors"]])
    f.end()
    wait_for("all is gone", lambda: groups() == [], 60)
    other.stop()


@case("nothing is left")
def _():
    agent.stop(signal.SIGUSR1)
    equal(processes("98765"), [], "processes")
    if IS_ROOT:
        for d in glob.glob(f"/sys/fs/cgroup/*/{cgroups_root}") + glob.glob(f"/sys/fs/cgroup/{cgroups_root}"):
            os.rmdir(d)


main(needed=1)
