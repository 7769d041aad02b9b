#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks of root with the default isolation, on the machine itself: what they mount in their sandbox and leave there, processes that cannot be caught or
seem not to die, and what they write where the executor reads. Nothing of it stays, and nothing of the machine's is removed with a sandbox."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *
import urllib.parse

if not IS_ROOT:
    @case("what needs root")
    def _():
        raise Skip("needs root")
    main()

NOBODY = {"user": "nobody"}
SOON = {"grace_period": {"nanoseconds": 300000000}}


def program(name, text):
    """A command that runs a Python program."""
    p = f"{scratch()}/{name}.py"
    open(p, "w").write("import ctypes, os, signal, socket, sys, threading, time\nlibc = ctypes.CDLL(None)\n" + text)
    return f"exec /usr/bin/python3 {p}"


def collected(id):
    box = sandbox(id)
    wait_for(f"the sandbox of {id} is collected", lambda: not os.path.exists(box), 60)


@case("default isolation; sandboxes are collected at once")
def _():
    os.chmod(scratch(), 0o755)
    start("posix/cpu,posix/mem", "--gc_delay=1secs", "--disk_watch_interval=100ms")


@case("mounts left in a sandbox: taken off with it, and what they showed is not removed")
def _():
    precious = scratch() + "/precious"
    os.makedirs(precious + "/d/e")
    for f in ("top", "d/f"):
        open(f"{precious}/{f}", "w").write("x")
    everything = lambda: sorted((d, tuple(sorted(f))) for d, _, f in os.walk(precious))
    before = everything()
    folders = attack("mounts", f"mkdir m a b; mount -t tmpfs none m; mkdir m/z; mount --bind {precious} a; mount --bind {precious}/d b; mount --bind {precious} b; touch f; mount --bind {precious}/top f")[0]
    itself = attack("on-itself", f"mount --bind {precious} $MESOS_SANDBOX")[0]
    for id in (folders, itself):
        collected(id)
    equal(everything(), before, "what was mounted")
    wait_for("nothing is in the trash", lambda: not os.path.exists(os.path.join(scratch(), str(c.port), "a/.gc")), 30)
    all_is_well()


@case("sandboxes that are replaced by links, files and pipes, from their own folder upwards: nothing behind them is removed")
def _():
    precious = scratch() + "/precious"
    for what, command in (("swap", f"mv $MESOS_SANDBOX $MESOS_SANDBOX.away; ln -s {precious} $MESOS_SANDBOX"),
                          ("above", f"d=$(dirname $(dirname $MESOS_SANDBOX)); mv $d $d.away; ln -s {precious} $d"),
                          ("file", "rm -rf $MESOS_SANDBOX; touch $MESOS_SANDBOX"), ("pipe", "rm -rf $MESOS_SANDBOX; mkfifo $MESOS_SANDBOX")):
        collected(attack(what, "cd /; " + command)[0])
    check(os.path.exists(precious + "/d/f"), "the other folder")
    all_is_well()


@case("processes in a vfork, stopped by a tracer, and a traced executor and supervisor: ended all the same")
def _():
    attack("vfork", program("vfork", "open('begun', 'w')\nif libc.vfork() == 0:\n    libc.pause()\nlibc.pause()\n"), "TASK_KILLED", kill_when=begun, kill_policy=SOON)
    trace = ("p = os.fork()\nif p == 0:\n    libc.ptrace(0, 0, 0, 0)\n    os.kill(os.getpid(), signal.SIGSTOP)\n    time.sleep(1000)\nos.waitpid(p, 2)\n"
             "def parent(p):\n    return int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1])\n"
             "up = os.getppid()\nfor i in range(int(sys.argv[1])):\n    up = parent(up)\nlibc.ptrace(16, up, 0, 0)\nos.waitpid(up, 0x40000000)\nopen('begun', 'w')\ntime.sleep(1000)\n")
    for levels in (0, 1):
        attack("traced", program("trace", trace) + f" {levels}", "TASK_KILLED", "TASK_FAILED", kill_when=begun, kill_policy=SOON, seconds=60)
    all_is_well()


@case("processes that fork and leave without a pause, each in a session of its own: caught")
def _():
    source = scratch() + "/comet.c"
    open(source, "w").write("#include <fcntl.h>\n#include <signal.h>\n#include <unistd.h>\nint main(void)\n{\n    signal(SIGTERM, SIG_IGN);\n    for (int i = 0; i < 20; i++)\n"
                            "        if (fork() == 0)\n            for (;;) {\n                setsid();\n                if (fork() > 0)\n                    _exit(0);\n            }\n"
                            "    close(open(\"begun\", O_CREAT | O_WRONLY, 0644));\n    pause();\n}\n")
    subprocess.run(["cc", "-o", scratch() + "/comet", source], check=True)
    for more in ({}, NOBODY):
        attack("comets", f"exec {scratch()}/comet", "TASK_KILLED", kill_when=begun, kill_policy=SOON, seconds=60, command_more=more)
        all_is_well()


@case("names that look like lines of /proc, children of threads: found")
def _():
    attack("named", program("named", "def child():\n    if os.fork() == 0:\n        os.setsid()\n        libc.prctl(15, b') S 1 1 1 (x', 0, 0, 0)\n        time.sleep(1000)\n"
                            "t = threading.Thread(target=child)\nt.start()\nt.join()\nlibc.prctl(15, b'a) Z 1 (b\\n', 0, 0, 0)\nopen('begun', 'w')\ntime.sleep(1000)\n"),
           "TASK_KILLED", kill_when=begun, kill_policy=SOON)
    all_is_well()


@case("garbage in every descriptor of executor and supervisor that can be opened: the task ends, with a state")
def _():
    attack("scribbler", program("scribbler", "def parent(p):\n    return int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1])\nup = os.getppid()\nfor p in (up, parent(up)):\n"
                                "    for f in os.listdir(f'/proc/{p}/fd'):\n        try:\n            os.write(os.open(f'/proc/{p}/fd/{f}', os.O_WRONLY | os.O_NONBLOCK), b'garbage\\0\\xff' * 1000)\n"
                                "        except OSError:\n            pass\n"), "TASK_FINISHED", "TASK_FAILED")
    all_is_well()


@case("archives and files that would fill the disk: the fetcher stops before, and says why")
def _():
    import gzip, io, tarfile
    box = scratch() + "/small"
    os.makedirs(box)
    gzip.open(scratch() + "/bomb.gz", "wb").write(bytes(100 << 20))
    with tarfile.open(scratch() + "/bomb.tgz", "w:gz") as t:
        m = tarfile.TarInfo("big")
        m.size = 100 << 20
        t.addfile(m, io.BytesIO(bytes(m.size)))
    os.truncate(os.open(scratch() + "/big", os.O_CREAT | os.O_WRONLY, 0o644), 100 << 20)
    for name in ("bomb.gz", "bomb.tgz", "big"):
        said = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=20m none {box} && {BUILD}/stoa-fetcher; echo status $?; df --output=avail -k {box} | tail -1"],
                              input=f"sandbox={box}\0cache_dir={scratch()}/cache\0uri={scratch()}/{name}\0flags=e\0".encode(), capture_output=True, timeout=120)
        check("nine tenths of the disk" in said.stderr.decode(), f"{name}: {said}")
        out = said.stdout.decode().split()
        equal(out[:2], ["status", "1"], name)
        check(int(out[2]) > 1000, f"{name}: {out[2]} kB are free")


@case("with cgroups: away to the groups of others, the agent pulled in, no OOM killer, no group any more: it all ends, with the right reason")
def _():
    start("cgroups/cpu,cgroups/mem,cgroups/pids", "--pids_max=200")
    groups = ("def groups(which=None):\n    for line in open('/proc/self/cgroup'):\n        n, c, p = line.strip().split(':', 2)\n        if n != '0' and which in (None, c):\n            yield f'/sys/fs/cgroup/{c}', p\n"
              "def put(path, text):\n    try:\n        open(path, 'w').write(text)\n    except OSError:\n        pass\n")
    stay = "if os.fork() == 0:\n    os.setsid()\n    signal.signal(15, signal.SIG_IGN)\n    time.sleep(1000)\nopen('begun', 'w')\ntime.sleep(1000)\n"
    neighbour = sandbox("neighbour").rsplit("/", 1)[1]
    for what, code in (("root", "for t, p in groups():\n    put(t + '/cgroup.procs', '0')\n" + stay),
                       ("neighbour", f"for t, p in groups():\n    put(os.path.dirname(t + p) + '/{neighbour}/cgroup.procs', '0')\n" + stay),
                       ("agent", f"for t, p in groups():\n    put(t + p + '/cgroup.procs', '{c.agent.pid}')\n" + stay)):
        attack(what, program(what, groups + code), "TASK_KILLED", kill_when=begun, kill_policy=SOON, seconds=60)
        all_is_well()
    _, s = attack("no-killer", program("no-killer", groups + "for t, p in groups('memory'):\n    put(t + p + '/memory.oom_control', '1')\nx = []\nwhile True:\n    x.append(bytearray(1 << 20))\n"), "TASK_FAILED")
    equal(s["reason"], "REASON_CONTAINER_LIMITATION_MEMORY", s)
    _, s = attack("no-group", program("no-group", groups + "for t, p in groups():\n    for pid in open(t + p + '/cgroup.procs').read().split():\n        put(t + '/cgroup.procs', pid)\n    os.rmdir(t + p)\n"
                                      "time.sleep(0.5)\n"), "TASK_FINISHED", "TASK_FAILED")
    check(s.get("reason") != "REASON_CONTAINER_LIMITATION_MEMORY", s)
    all_is_well()


@case("the end")
def _():
    finish()


main()
