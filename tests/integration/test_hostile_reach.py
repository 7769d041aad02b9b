#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far a task reaches: what it inherits, which files and processes of the agent and of others it gets at, what it can name and bend in its sandbox
while others read it; as a user without rights, and as root, with the default isolation and with more."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *
import threading, urllib.parse

if not IS_ROOT:
    @case("what needs root")
    def _():
        raise Skip("needs root")
    main()
J = {"Content-Type": "application/json", "Accept": "application/json"}
SECRET = "a-value-that-is-nobodys-business"
NOBODY = {"user": "nobody"}


def says(what, command, *states, file="stdout", **more):
    id, s = attack(what, command, *states, **{"command_more": NOBODY, **more})
    return open(f"{sandbox(id)}/{file}", errors="replace").read()


def supervisor(id):
    box = sandbox(id).rsplit("/", 1)[1]
    r = post(c.agent_port, "/api/v1", {"type": "GET_CONTAINERS", "get_containers": {}}, headers=J).json["get_containers"]["containers"]
    return next(x["container_status"]["executor_pid"] for x in r if x["container_id"]["value"] == box)


@case("default isolation, and a task with a secret")
def _():
    os.chmod(scratch(), 0o755)
    start("posix/cpu,posix/mem")
    t = task("secret", "sleep 1000")
    t["command"]["environment"] = {"variables": [{"name": "S", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": __import__("base64").b64encode(SECRET.encode()).decode()}}},
                                                 {"name": "P", "value": SECRET}]}
    c.fw.launch(t, cpus=1)
    c.fw.update("secret", "TASK_RUNNING")


# --- a user without rights ---

@case("a task inherits nothing: descriptors, signals, limits, group, priority, working directory of its own")
def _():
    lines = says("inherits", "ls /proc/self/fd | wc -l; grep -E '^(SigBlk|SigIgn|CapEff|Groups)' /proc/self/status; cat /proc/self/oom_score_adj; nice; umask; "
                             "test \"$PWD\" = \"$MESOS_SANDBOX\" && echo home; cut -d' ' -f5 /proc/self/stat | grep -qv \"^$(cut -d' ' -f5 /proc/$PPID/stat)$\" && echo group").split("\n")
    lines = [l for l in lines if l.strip()]
    at = lines.index("4")  # 0, 1, 2 and the folder that ls reads
    status = {l.split(":")[0]: l.split(":")[1].split() for l in lines if ":" in l}
    threads = 3 << 31  # 32 and 33 are the C library's own, which every posix_spawn ignores
    equal((status["SigBlk"], int(status["SigIgn"][0], 16) & ~threads, status["CapEff"], status["Groups"]), (["0" * 16], 0, ["0" * 16], ["65534"]), f"status (from {at})")
    equal(lines[-5:], ["0", "0", "0022", "home", "group"])


@case("no secret of another's is found in the agent's files or in any process")
def _():
    work = f"{scratch()}/{c.port}"
    out = says("reads", f"(grep -rls {SECRET[:8]}{SECRET[8:]} {work} ; for p in /proc/[0-9]*; do for f in environ cmdline; do tr '\\0' '\\n' < $p/$f | grep -q ^.={SECRET[:9]} && echo $p/$f; done; done) "
                        f"2>/dev/null | grep -v /reads- ; find {work}/a/meta -type f -readable; find {work}/a/run -type f -readable -name '*.sock'", cpus=1, seconds=60)
    found = [l for l in out.split("\n") if l.startswith("/")]
    equal(found, [], "readable")


@case("signals, ptrace, limits and memory of agent, master and supervisors are out of reach; so are the switches of the machine and the cgroups")
def _():
    pids = [c.agent.pid, c.master.pid, supervisor("secret"), supervisor("neighbour")]
    code = ("import os,ctypes,resource,errno\nl=ctypes.CDLL(None,use_errno=True)\ngot=[]\n"
            f"for p in {pids}:\n"
            " for what,fn in ((\"stop\",lambda: os.kill(p,19)),(\"kill\",lambda: os.kill(p,9)),(\"limit\",lambda: resource.prlimit(p,resource.RLIMIT_NOFILE,(0,0))),"
            "(\"mem\",lambda: open(f\"/proc/{p}/mem\",\"rb\")),(\"environ\",lambda: open(f\"/proc/{p}/environ\",\"rb\")),(\"fd\",lambda: os.listdir(f\"/proc/{p}/fd\")),(\"root\",lambda: os.listdir(f\"/proc/{p}/root/\")),"
            "(\"nice\",lambda: os.setpriority(0,p,19)),(\"oom\",lambda: open(f\"/proc/{p}/oom_score_adj\",\"w\").write(\"1000\"))):\n"
            "  try:\n   fn(); got.append((p,what))\n  except OSError: pass\n"
            " if l.ptrace(16,p,0,0)==0: got.append((p,\"ptrace\"))\n"
            "for f in (\"/proc/sys/kernel/core_pattern\",\"/proc/sysrq-trigger\",\"/sys/fs/cgroup/cgroup.procs\",\"/sys/fs/cgroup/freezer/cgroup.procs\",\"/proc/self/oom_score_adj\"):\n"
            " try:\n  os.write(os.open(f,1),b\"-500\"); got.append(f)\n except OSError: pass\n"
            "print(\"got\",got)")
    check("got []" in says("reaches", f"{PY} '{code}'", cpus=1), "something was reached: " + open(sandbox(f"reaches-{c.count}") + "/stdout").read())
    all_is_well("secret")


@case("namespaces of its own: a user, mounts, processes that nobody outside counts; it all goes with the task")
def _():
    inner = "mkdir m; mount -t tmpfs none m && dd if=/dev/zero of=m/x bs=1M count=8 2>/dev/null; (setsid sleep 1020 &); trap : TERM; touch begun; while :; do sleep 1; done"
    attack("namespaces", f"unshare -Ur --mount --pid --fork --ipc sh -c '{inner}' || touch begun; sleep 1000", "TASK_KILLED", kill_when=begun, command_more=NOBODY, mem=128)
    all_is_well("secret")


@case("a link that changes while it is read by /files leads nowhere")
def _():
    code = ("import os,time\nopen(\"real\",\"w\").write(\"mine\")\nos.mkdir(\"dir\"); open(\"dir/shadow\",\"w\").write(\"mine\")\nopen(\"begun\",\"w\")\nend=time.time()+2\ni=0\n"
            "while time.time()<end:\n i+=1\n"
            " os.symlink(\"/etc/shadow\",\"n\"); os.rename(\"n\",\"x\")\n os.link(\"real\",\"m\"); os.rename(\"m\",\"x\")\n"
            " os.symlink(\"/etc\",\"o\")\n os.rename(\"dir\",\"away\"); os.rename(\"o\",\"dir\"); os.unlink(\"dir\"); os.rename(\"away\",\"dir\")\n")
    seen, box = [], []

    def read():
        wait_for("the race", lambda: begun(sandbox(f"race-{c.count}")))
        box.append(sandbox(f"race-{c.count}"))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            for p in ("x", "dir/shadow"):
                for what in ("read", "download"):
                    r = get(c.agent_port, f"/files/{what}?path={box[0]}/{p}&offset=0&length=100")
                    seen.append((r.status, r.text[:60]))
    t = threading.Thread(target=read)
    t.start()
    attack("race", f"{PY} '{code}'", cpus=1, command_more=NOBODY)
    t.join()
    shadow = open("/etc/shadow").read()[:10]
    check(len(seen) > 100 and {s for s, _ in seen} <= {200, 404}, {s for s, _ in seen})
    check(any("mine" in text for _, text in seen), "nothing was read")
    check(not [t for _, t in seen if "root:" in t or shadow in t], "the machine's file was served")
    all_is_well("secret")


@case("names of every kind in a sandbox: listed as valid JSON, and what can be named is read")
def _():
    code = ("import os\nfor n in (b\"new\\nline\",b\"quote\\\"\\\\\",b\"\\xff\\xfe\",b\"n\"*255,\"\\u00e9\\u4e2d\".encode(),b\"-rf\",b\"%2e%2e\",b\" \",b\"a&b=c\",b\"\\x01\\x1b[31m\"):\n"
            " open(n,\"wb\").write(b\"in it\")\nos.truncate(os.open(b\"sparse\",66,0o644),1<<40)\n")
    id, _ = attack("names", f"{PY} '{code}'", command_more=NOBODY)
    box = sandbox(id)
    r = get(c.agent_port, f"/files/browse?path={box}")
    names = [e["path"].rsplit("/", 1)[1] for e in r.json]
    for n in ("new\nline", 'quote"\\', "n" * 255, "\u00e9\u4e2d", "-rf", "%2e%2e", " ", "a&b=c", "\x01\x1b[31m"):
        check(n in names, f"{n!r} is not in {names}")
        r = get(c.agent_port, f"/files/read?path={urllib.parse.quote(box + '/' + n)}&offset=0")
        equal((r.status, r.json.get("data")), (200, "in it"), repr(n))
    sparse = next(e for e in get(c.agent_port, f"/files/browse?path={box}").json if e["path"].endswith("/sparse"))
    equal(sparse["size"], 1 << 40)
    equal(get(c.agent_port, f"/files/read?path={box}/sparse&offset={(1 << 40) - 3}").json["data"], "\0\0\0")
    all_is_well("secret")


@case("signals that leave a core: told as what they are")
def _():
    _, s = attack("core", "ulimit -c 1000; kill -SEGV $$", "TASK_FAILED", command_more=NOBODY)
    check(s["message"].startswith("Command terminated with signal Segmentation fault"), s["message"])


# --- root, without a pid namespace ---

@case("its supervisor stopped, then killed: the task ends when it is told to, and nothing stays")
def _():
    up = "p=$$; while [ \"$(cat /proc/$p/comm)\" != stoa-launcher ]; do p=$(cut -d' ' -f4 /proc/$p/stat); done; "
    attack("supervisor-stopped", up + "(setsid sleep 1030 &); touch begun; kill -STOP $p; sleep 1000", "TASK_KILLED", "TASK_FAILED", kill_when=begun, seconds=60,
           kill_policy={"grace_period": {"nanoseconds": 300000000}})
    all_is_well("secret")
    attack("supervisor-killed", up + "(setsid sleep 1031 &); kill -9 $p; sleep 1000", "TASK_FAILED", seconds=60)
    all_is_well("secret")


@case("every inotify instance of root's taken: output is followed all the same")
def _():
    code = ("import ctypes,time\nl=ctypes.CDLL(None)\nn=0\nwhile l.inotify_init()>=0: n+=1\nopen(\"begun\",\"w\")\ntime.sleep(1000)")
    c.count += 1
    id = f"inotify-{c.count}"
    c.fw.launch(task(id, f"{PY} '{code}'", mem=128), cpus=1)
    wait_for("they are taken", lambda: begun(sandbox(id)))
    box = sandbox("secret").rsplit("/", 1)[1]
    r = post(c.agent_port, "/api/v1", {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {
        "container_id": {"value": "look", "parent": {"value": box}}, "command": {"value": "echo one; sleep 0.3; echo two"}}}, headers={"Accept": "application/json"}, timeout=20)
    import base64
    data = "".join(base64.b64decode(d).decode() for d in re.findall(r'"data":"([A-Za-z0-9+/=]*)"', r.text))
    equal((r.status, data), (200, "one\ntwo\n"))
    c.fw.kill(id)
    c.fw.update(id, "TASK_KILLED")
    c.fw.kill("secret")
    c.fw.update("secret", "TASK_KILLED")
    all_is_well()


# --- root, with cgroups and namespaces ---

@case("groups below its own, wide and deep, with processes in them: gone with it")
def _():
    start("cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,namespaces/ipc,filesystem/linux,linux/nnp", "--pids_max=400")
    code = ("import os,glob,re\nfor line in open(\"/proc/self/cgroup\"):\n n,c,p=line.strip().split(\":\",2)\n"
            " for top in glob.glob(f\"/sys/fs/cgroup/{c}\")+glob.glob(\"/sys/fs/cgroup\")*(n==\"0\"):\n"
            "  d=top+p\n  try:\n   for i in range(100): os.mkdir(f\"{d}/w{i}\")\n   for i in range(12): d+=\"/deep\"; os.mkdir(d)\n"
            "   if os.fork()==0:\n    open(d+\"/cgroup.procs\",\"w\").write(\"0\"); os.setsid(); os.execvp(\"sleep\",[\"sleep\",\"1040\"])\n  except OSError as e: print(e)\n"
            "open(\"begun\",\"w\")\nimport time\ntime.sleep(1000)")
    attack("groups", f"{PY} '{code}'", "TASK_KILLED", kill_when=begun, mem=128)
    all_is_well()


@case("memory in a file system of its own counts")
def _():
    _, s = attack("tmpfs", "mkdir m; mount -t tmpfs -o size=1g none m; dd if=/dev/zero of=m/x bs=1M count=900; sleep 100", "TASK_FAILED", mem=64)
    equal(s["reason"], "REASON_CONTAINER_LIMITATION_MEMORY", s)
    all_is_well()


@case("shared memory and semaphores of System V go with the task")
def _():
    before = open("/proc/sysvipc/shm").read()
    out = says("sysv", "ipcmk -M 4096 -S 2 -Q; wc -l < /proc/sysvipc/shm")
    check(out.strip().endswith("2"), out)
    equal(open("/proc/sysvipc/shm").read(), before, "the machine's segments")


@case("a setuid program gives no rights with linux/nnp")
def _():
    shutil.copy("/usr/bin/id", scratch() + "/id")
    os.chmod(scratch() + "/id", 0o4755)
    check(says("setuid", f"{scratch()}/id -u; grep NoNewPrivs /proc/self/status").strip().endswith("65534\nNoNewPrivs:\t1"), "rights were given")


@case("the end")
def _():
    finish()


main()
