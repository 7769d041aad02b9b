#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks that mean harm, through a real master and agent with every isolator. Whatever they do: master, agent and a neighbour live on, the
task ends with the right state and reason, the resources are offered again, and no process, cgroup, mount or file in the wrong
place is left."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *

ISOLATION = ("cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices,namespaces/pid,namespaces/ipc,filesystem/linux,posix/rlimits,disk/du,"
             "linux/capabilities,linux/nnp")

if not IS_ROOT:
    @case("what needs root")
    def _():
        raise Skip("needs root")
    main()


# --- with every isolator ---

@case("every isolator is on")
def _():
    start(ISOLATION, '--effective_capabilities={"capabilities":["CHOWN","DAC_OVERRIDE","FOWNER","KILL","SYS_ADMIN","NET_BIND_SERVICE"]}', "--pids_max=200", "--enforce_container_disk_quota", "--container_disk_watch_interval=200ms", "--cgroups_enable_cfs")


@case("a fork bomb ends at the limit of processes and dies when it is killed")
def _():
    bomb = PY + " 'import os\nopen(\"begun\",\"w\")\nwhile 1:\n try: os.fork()\n except OSError: pass'"
    attack("bomb", bomb, "TASK_KILLED", kill_when=lambda box: begun(box), mem=512)
    all_is_well()


@case("memory of every kind counts and ends the container with its reason")
def _():
    for name, code in [("heap", "x=[]\nwhile 1: x.append(bytearray(1<<20))"),
                       ("shm", "f=open(\"/dev/shm/x\",\"wb\")\nwhile 1: f.write(bytes(1<<20))"),
                       ("mlock", "import mmap,ctypes\nl=ctypes.CDLL(None)\nx=[]\nwhile 1:\n m=mmap.mmap(-1,1<<22); x.append(m); l.mlock(ctypes.byref(ctypes.c_char.from_buffer(m)),1<<22)\n for i in range(0,1<<22,4096): m[i]=1"),
                       ("children", "import os,time\nfor i in range(8):\n if os.fork()==0:\n  b=bytearray(30<<20)\n  time.sleep(100)\nos.wait()\ntime.sleep(100)")]:
        id, s = attack(name, f"{PY} '{code}'", "TASK_FAILED")
        equal((s["reason"], s["source"]), ("REASON_CONTAINER_LIMITATION_MEMORY", "SOURCE_AGENT"), f"{name}: reason and source")
        check("Memory limit exceeded" in s["message"], s["message"])
        check(s["limitation"]["resources"][0]["name"] == "mem", "limitation")
    all_is_well()
    check(not os.path.exists("/dev/shm/x"), "shared memory is its own")


@case("memory runs out while the agent is held up: the reason is told, whatever it hears of first")
def _():
    for i in range(4):
        c.count += 1
        id = f"held-{c.count}"
        c.fw.launch(task(id, "touch begun; until test -e go; do sleep 0.02; done; exec " + PY + " 'x=bytearray(400<<20)'", cpus=0.5, mem=64), cpus=2)
        c.fw.update(id, "TASK_RUNNING")
        box = sandbox(id)
        wait_for("begun", lambda: begun(box))
        task_pid = next(p for p in processes_in(box, "go") if "stoa-launcher" not in open(f"/proc/{p}/cmdline").read())
        c.agent.kill(signal.SIGSTOP)
        try:
            open(box + "/go", "w").close()
            wait_for("the executor has seen its end", lambda: not os.path.exists(f"/proc/{task_pid}"))
            queued = lambda: [l for l in open("/proc/net/tcp") if l.split()[1].endswith(f":{c.agent_port:04X}") and l.split()[3] == "01" and l.split()[4][9:] != "00000000"]
            wait_for("it has told the agent", queued)
        finally:
            c.agent.kill(signal.SIGCONT)
        s = c.fw.update(id, "TASK_FAILED")
        equal((s.get("reason"), s["source"]), ("REASON_CONTAINER_LIMITATION_MEMORY", "SOURCE_AGENT"), "reason and source")
    all_is_well()


@case("page cache is no reason to die")
def _():
    attack("cache", "dd if=/dev/zero of=f bs=1M count=200 2>/dev/null && cat f > /dev/null && rm f", "TASK_FINISHED", "TASK_FAILED", mem=64,
           resources=RES(0.5, 64) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 300}}])
    equal(c.fw.statuses[-1]["state"], "TASK_FINISHED", c.fw.statuses[-1].get("message"))
    all_is_well()


@case("a cpu hog stays within its quota")
def _():
    id, s = attack("hog", PY + " 'import os,time\nfor i in range(4): os.fork()\nt=time.time()\nwhile time.time()-t<2: pass'", cpus=0.2, mem=128, seconds=60)
    all_is_well()


@case("a full disk quota ends the container, however the data is hidden")
def _():
    deep = PY + " 'import os\nopen(\"begun\",\"w\")\nfor i in range(200):\n os.mkdir(\"d\"); os.chdir(\"d\")\nf=open(\"x\",\"wb\")\nimport time\nfor i in range(40): f.write(bytes(1<<20))\nf.flush()\ntime.sleep(60)'"
    disk = RES(0.5, 64) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]
    for name, command in [("fill", "dd if=/dev/zero of=x bs=1M count=40 2>/dev/null; sleep 60"), ("deep", deep),
                          ("hidden", "mkdir -p .a/b; dd if=/dev/zero of=.a/b/x bs=1M count=40 2>/dev/null; chmod 000 .a; sleep 60")]:
        id, s = attack(name, command, "TASK_FAILED", resources=disk)
        equal((s["reason"], s["limitation"]["resources"][0]["name"]), ("REASON_CONTAINER_LIMITATION_DISK", "disk"), name)
    all_is_well()


@case("signals: SIGTERM ignored, stopped by itself, its executor and group stopped, kill -9 -1")
def _():
    attack("deaf", "trap '' TERM INT HUP; touch begun; while true; do sleep 1; done", "TASK_KILLED", kill_when=begun,
           kill_policy={"grace_period": {"nanoseconds": 300000000}})
    attack("stopped", "touch begun; kill -STOP $$; sleep 1000", "TASK_KILLED", kill_when=begun, kill_policy={"grace_period": {"nanoseconds": 300000000}})
    attack("daemon", "touch begun; (setsid sh -c \"trap \\\"\\\" TERM; setsid sleep 1001 & setsid sleep 1002 & wait\" &) ; sleep 1003", "TASK_KILLED", kill_when=begun)
    attack("left", "(setsid sleep 1004 &); (setsid nohup sh -c \"sleep 1005 & sleep 1006\" > /dev/null 2>&1 &); exit 0", "TASK_FINISHED")
    attack("massacre", "trap '' TERM; kill -9 -1; sleep 1", "TASK_FAILED", "TASK_FINISHED", "TASK_KILLED")
    all_is_well()


@case("a stopped executor does not keep its task from being killed")
def _():
    attack("stopper", "touch begun; kill -STOP $PPID; kill -STOP -1; sleep 1000", "TASK_KILLED", "TASK_FAILED", kill_when=begun,
           kill_policy={"grace_period": {"nanoseconds": 300000000}}, seconds=40)
    all_is_well()


@case("output: a flood, huge lines, bytes of every kind")
def _():
    attack("flood", "dd if=/dev/zero bs=1M count=100 2>/dev/null; dd if=/dev/urandom bs=1M count=1 2>/dev/null >&2", cpus=1, mem=128,
           resources=RES(1, 128) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 500}}], seconds=60)
    box = sandbox(f"flood-{c.count}")
    r = get(c.agent_port, f"/files/read?path={box}/stderr&offset=0&length=1000")
    equal(r.status, 200)
    r.json
    r = get(c.agent_port, f"/files/read?path={box}/stdout&offset=1000000&length=1000")
    equal(r.json["data"], "\0" * 1000)
    all_is_well()


@case("a sandbox that is taken away, locked or mined")
def _():
    attack("gone", "touch begun; rm -rf \"$MESOS_SANDBOX\"; sleep 1000", "TASK_KILLED", kill_when=lambda box: not os.path.exists(box))
    attack("locked", "touch begun; chmod 000 .; sleep 1000", "TASK_KILLED", kill_when=begun)
    attack("fifo", "rm -f stdout stderr; mkfifo stdout stderr; touch begun; sleep 1000", "TASK_KILLED", kill_when=begun)
    box = sandbox(f"fifo-{c.count}")
    equal(get(c.agent_port, f"/files/read?path={box}/stdout&offset=0&length=10").status, 400, "reading a fifo")
    attack("links", "ln -s /etc/passwd a; ln -s / b; ln -s ../../../../../../../../.. c; ln -s . d; ln -s /proc/self/root e; exit 0")
    box = sandbox(f"links-{c.count}")
    for p in ("a", "b/etc/passwd", "c/etc/passwd", "e/etc/passwd", "../../../../../../../../../../../../../etc/passwd"):
        for what in ("read", "download", "browse"):
            equal(get(c.agent_port, f"/files/{what}?path={box}/{p}&offset=0&length=10").status, 404, f"{what} {p}")
    names = [f["path"].rsplit("/", 1)[1] for f in get(c.agent_port, f"/files/browse?path={box}/d").json]
    check("stdout" in names, "a link inside the sandbox works")
    all_is_well()


@case("root in a container: cgroups, mounts, freezing itself, pids of the host")
def _():
    for name, command in [("mover", "for d in /sys/fs/cgroup/*/; do echo $$ > $d/cgroup.procs; done 2>/dev/null; touch begun; (setsid sleep 1010 &); sleep 1000"),
                    ("freezer", "touch begun; g=$(sed -n 's/.*:freezer://p' /proc/self/cgroup); f=/sys/fs/cgroup/freezer$g; mkdir $f/sub; (sleep 0.3; echo FROZEN > $f/sub/freezer.state) & "
                                "echo 0 > $f/sub/cgroup.procs; exec sleep 1000"),
                    ("mounter", "mkdir m; mount -t tmpfs none m; mount --bind / m; mount -t proc p m; touch begun; sleep 1000")]:
        attack(name, command, "TASK_KILLED", "TASK_FAILED", kill_when=begun, kill_policy={"grace_period": {"nanoseconds": 300000000}}, seconds=40)
        all_is_well()


@case("root has the capabilities of --effective_capabilities, not more")
def _():
    id, s = attack("caps", "grep ^Cap /proc/self/status")
    box = open(sandbox(id) + "/stdout").read().split()
    want = sum(1 << b for b in (0, 1, 3, 5, 21, 10))
    equal({k: int(v, 16) for k, v in zip(box[::2], box[1::2])}["CapEff:"], want, "effective capabilities")


@case("limits of its own do not spread: open files, core files, nice values")
def _():
    attack("fds", PY + " 'import os,time\nx=[]\ntry:\n  while 1: x.append(os.open(\"/dev/null\",0))\nexcept OSError: pass\nopen(\"begun\",\"w\") if 0 else os.system(\"true\")\nprint(len(x))'", "TASK_FINISHED", "TASK_FAILED")
    attack("ulimit", "ulimit -f 0; ulimit -v 1000; echo x", "TASK_FINISHED", "TASK_FAILED")
    all_is_well()


@case("the end")
def _():
    finish()


main()
