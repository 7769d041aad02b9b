# SPDX-License-Identifier: Apache-2.0
"""What the tests of hostile tasks and executors share: a master, an agent and a neighbour that must live on; attack(), which runs a task to its end;
all_is_well(), which proves that nothing is left of it."""
from scheduler import *


class Cluster:
    """Set by start()."""
    master = agent = port = agent_port = groups = fw = None
    started, broken, count = (), False, 0


c = Cluster()
PY = "/usr/bin/python3 -c"
CPUS, MEM = 8, 4096


def restart():
    """After a case that failed in the middle."""
    c.broken = False
    c.agent.kill(signal.SIGUSR1).wait(10)
    c.fw.stream.close()
    c.agent = None
    start(*c.started)


def start(isolation, *flags):
    """A master and an agent of their own; those before are ended."""
    c.started = (isolation, *flags)
    if c.agent is not None:
        finish()
    c.port, c.agent_port = free_ports(2)
    d = os.path.join(scratch(), str(c.port))
    c.groups = f"stoa_hostile_{os.getpid()}_{c.port}"
    c.master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={c.port}", f"--work_dir={d}/m", "--hostname=localhost", "--allocation_interval=50ms"])
    wait_for("the master", lambda: get(c.port, "/health").status == 200)
    c.agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{c.port}", "--ip=127.0.0.1", f"--port={c.agent_port}", f"--work_dir={d}/a", "--hostname=localhost",
                              f"--cgroups_root={c.groups}", f"--resources=cpus:{CPUS};mem:{MEM};disk:1000;ports:[31000-31100]", "--registration_backoff_factor=50ms",
                              f"--fetcher_cache_dir={d}/cache", "--executor_shutdown_grace_period=1secs", f"--isolation={isolation}", *flags])
    wait_for("the agent is registered", lambda: get(c.port, "/slaves").json["slaves"][0]["active"])
    c.fw = Framework(c.port, name="hostile")
    c.fw.launch(task("neighbour", "n=0; while true; do n=$((n+1)); echo $n > tick; sleep 0.1; done", cpus=0.5, mem=64))
    c.fw.update("neighbour", "TASK_RUNNING")


def sandbox(id):
    for f in get(c.agent_port, "/state").json["frameworks"]:
        for e in f["executors"] + f["completed_executors"]:
            if e["id"] == id:
                return e["directory"]
    raise LookupError(f"no executor {id}")


def left(*besides):
    """What is left on the machine but of the neighbour (and besides)."""
    keep = {sandbox(i).rsplit("/", 1)[1] for i in ("neighbour", *besides)}
    cg = [d for d in glob.glob(f"/sys/fs/cgroup/*/{c.groups}/*/") + glob.glob(f"/sys/fs/cgroup/{c.groups}/*/") if d.split("/")[-2] not in keep]
    mine = os.path.join(scratch(), str(c.port))
    mounts = [l.split()[1] for l in open("/proc/self/mounts") if mine in l]
    procs = []
    for p in glob.glob("/proc/[0-9]*"):
        try:
            env = open(p + "/environ", "rb").read().split(b"\0")
            box = [e[16:].decode() for e in env if e.startswith(b"MESOS_DIRECTORY=")]
            if box and box[0].startswith(mine) and box[0].rsplit("/", 1)[1] not in keep and is_alive(p[6:]):
                procs.append(open(p + "/cmdline").read().replace("\0", " ")[:80])
        except (OSError, ValueError):
            pass
    return cg + mounts + procs


def all_is_well(*besides):
    """Nothing is left, the neighbour ticks, the agent answers at once, everything is offered again."""
    found = []
    def is_clean():
        found[:] = left(*besides)
        return not found
    try:
        wait_for("nothing is left", is_clean, 60)
    except Failed:
        raise Failed(f"left: {found}") from None
    t0 = time.monotonic()
    equal(get(c.agent_port, "/health").status, 200)
    check(time.monotonic() - t0 < 20, "the agent answers soon")
    check(c.agent.p.poll() is None and c.master.p.poll() is None, "agent and master live")
    tick = open(sandbox("neighbour") + "/tick").read()
    wait_for("the neighbour ticks", lambda: open(sandbox("neighbour") + "/tick").read() not in (tick, ""), 5)
    if not besides:
        used = lambda: get(c.port, "/slaves").json["slaves"][0]["used_resources"]
        wait_for("resources are given back", lambda: abs(used()["cpus"] - 0.5) < 1e-6 and used()["mem"] == 64, 10)


def attack(what, command, *states, cpus=0.5, mem=64, seconds=PATIENCE, kill_when=None, command_more=None, **more):
    """Runs a task and returns its terminal status. With kill_when, the framework kills it once that is true."""
    c.count += 1
    id = f"{what}-{c.count}"
    if c.broken:
        restart()
    c.broken = True
    t = task(id, command, cpus=cpus, mem=mem, **more)
    t["command"].update(command_more or {})
    c.fw.launch(t, cpus=2)
    if kill_when is not None:
        wait_for(f"{id} has begun", lambda: kill_when(sandbox(id)), seconds)
        c.fw.kill(id)
    s = c.fw.update(id, "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE", seconds=seconds)
    c.broken = False
    check(s["state"] in (states or ("TASK_FINISHED",)), f"{id} ended as {s['state']} {s.get('reason')}: {s.get('message', '')[:300]}")
    return id, s


def begun(box):
    return os.path.exists(box + "/begun")


def finish():
    c.fw.kill("neighbour")
    c.fw.update("neighbour", "TASK_KILLED")
    c.fw.end()
    c.agent.stop(signal.SIGUSR1)
    c.master.stop()
    c.agent = None
    for d in glob.glob(f"/sys/fs/cgroup/*/{c.groups}") + glob.glob(f"/sys/fs/cgroup/{c.groups}"):
        os.rmdir(d)  # not empty: an error


