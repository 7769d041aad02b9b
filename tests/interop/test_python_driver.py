#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The native scheduler driver of Mesos 1.11 for Python 2, unmodified from PyPI: it has the original's own driver inside and speaks
the messages of old drivers over connections in both directions, CRAM-MD5, and ZooKeeper by the original's own detector. A
scheduler of ours on it (mesos_driver.py) is driven line by line."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from lines import *
import libprocess as lp

DIR = os.path.join(BUILD, "interop", "python-driver")
PACKAGES, LIBRARIES = os.path.join(DIR, "packages"), os.path.join(DIR, "libraries")
DRIVER = os.path.join(PACKAGES, "mesos", "scheduler", "_scheduler.so")
world = {}


def python2():
    """A Python 2.7 whose characters are 4 bytes, as the driver was built for."""
    known = [shutil.which("python2.7")] + sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7.*/bin/python2.7")))
    for p in filter(None, known):
        r = subprocess.run([p, "-c", "import sys; print(sys.maxunicode)"], capture_output=True, text=True)
        if r.stdout.strip() == "1114111":
            return p
    raise Skip("there is no Python 2.7")


def stand_ins():
    """The driver was linked with OpenSSL 1.0 and a libcurl that Debian no longer has, and uses them for TLS and for downloads
    alone. Libraries with the same names stand in; whatever calls into them ends the program."""
    found = {}
    for line in subprocess.run(["nm", "-D", "--undefined-only", "--with-symbol-versions", DRIVER], capture_output=True, text=True).stdout.split("\n"):
        m = re.search(r" (\w+)@+((?:OPENSSL|CURL)_\w[\w.]*)$", line)
        if m:
            found.setdefault(m.group(2), []).append(m.group(1))
    os.makedirs(LIBRARIES, exist_ok=True)
    source, versions = os.path.join(DIR, "stand_in.c"), os.path.join(DIR, "stand_in.map")
    for library, prefix in (("libssl.so.1.0.0", "OPENSSL"), ("libcrypto.so.1.0.0", "OPENSSL"), ("libcurl.so.4", "CURL")):
        names = {v: n for v, n in found.items() if v.startswith(prefix)}
        with open(source, "w") as c, open(versions, "w") as m:
            c.write("".join(f"void {n}(void);\nvoid {n}(void) {{ __builtin_trap(); }}\n" for v in names.values() for n in v))
            m.write("".join(f"{v} {{ global: {'; '.join(n)}; }};\n" for v, n in names.items()))
        r = subprocess.run(["gcc", "-fno-builtin", "-shared", "-fPIC", "-o", os.path.join(LIBRARIES, library), source, f"-Wl,-soname,{library}",
                            f"-Wl,--version-script,{versions}"], capture_output=True, text=True)
        equal(r.returncode, 0, f"gcc: {r.stderr[-500:]}")


def loads(python):
    r = subprocess.run([python, "-c", "import site, sys; site.addsitedir(sys.argv[1]); import mesos.interface, mesos.scheduler", PACKAGES],
                       capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": LIBRARIES})
    return None if r.returncode == 0 else r.stderr.strip().split("\n")[-1][:200]


def environment():
    """The Python that has it all."""
    python = python2()
    if loads(python) is None:
        return python
    if not shutil.which("gcc"):
        raise Skip("gcc is not installed")
    os.makedirs(DIR, exist_ok=True)
    r = subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade", "--target", PACKAGES, "mesos.interface==1.11.0"], capture_output=True,
                       text=True, timeout=400)
    if r.returncode != 0:
        raise Skip("mesos.interface could not be installed: " + r.stderr.strip().split("\n")[-1][:200])
    # An archive of files in place and nothing more: pip fetches it, and then complains that it has no setup.py.
    r = subprocess.run([python, "-m", "pip", "download", "-q", "--no-deps", "-d", DIR, "mesos.scheduler===1.11.0.linux-x86_64"], capture_output=True,
                       text=True, timeout=400)
    archives = glob.glob(os.path.join(DIR, "mesos.scheduler-*.tar.gz"))
    if not archives:
        raise Skip("mesos.scheduler could not be fetched: " + r.stderr.strip().split("\n")[-1][:200])
    r = subprocess.run(["tar", "-xzf", archives[0], "-C", PACKAGES, "--wildcards", "--strip-components=6", "*/dist-packages/mesos/scheduler/*"],
                       capture_output=True, text=True)
    equal(r.returncode, 0, f"tar: {r.stderr}")
    stand_ins()
    why = loads(python)
    if why:
        raise Skip(f"the driver cannot be loaded: {why}")
    return python


def dev():
    if "python" not in world:
        world["python"] = environment()
    if "dev" not in world:
        world["dev"] = Dev()
    return world["dev"]


def scheduler(*args, master=None):
    master = f"127.0.0.1:{dev().master}" if master is None else master
    return Lines("driver", [world["python"], os.path.join(HERE, "mesos_driver.py"), PACKAGES, master, *args],
                 {**os.environ, "LD_LIBRARY_PATH": LIBRARIES, "LIBPROCESS_IP": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"})


def started(*args, **kw):
    """A scheduler that is registered, and its framework's id."""
    s = scheduler(*args, **kw)
    equal(s.call("start"), ["DRIVER_RUNNING"], "start")
    return s, s.wait("registered")[0]


def ended(s, *stop):
    equal((s.call("stop", *stop), s.call("join")), (["DRIVER_STOPPED"],) * 2, "the end")
    s.say("exit")
    equal(s.done(), 0, f"exit status; {s.tail()}")


def offered(s):
    s.call("revive")
    wait_for(f"offers ({s.lines[-5:]})", lambda: float(s.call("held")[0]) >= 0.5, pause=0.2)


def state(s, task, *words):
    return s.wait("update", lambda w: w[:1 + len(words)] == [task, *words])


def framework(id, port=None):
    d = get(port or dev().master, "/frameworks").json
    return next(f for f in d["frameworks"] + d["completed_frameworks"] if f["id"] == id)


def completed(id):
    wait_for("torn down", lambda: id in [f["id"] for f in get(dev().master, "/frameworks").json["completed_frameworks"]])


@case("it registers, launches by launchTasks and acceptOffers, is told states, reconciles, kills, suppresses and revives, and is torn down")
def _():
    s, id = started("name=plain")
    equal(s.of("registered")[0][1:], [str(dev().master), "1.12.0", "127.0.0.1"], "MasterInfo")
    f = framework(id)
    equal((f["name"], f["user"], f["role"], f["failover_timeout"], f["capabilities"], f["hostname"]),
          ("plain", "root" if IS_ROOT else os.environ["USER"], "*", 600.0, [], socket.gethostname()), "FrameworkInfo at the master")
    check(re.fullmatch(r"scheduler-[0-9a-f-]{36}@127\.0\.0\.1:\d+", f["pid"]), f["pid"])
    agent = get(dev().master, "/slaves").json["slaves"][0]["id"]
    equal(s.wait("offers")[:3], [agent, "127.0.0.1", "/slave(1)"], "an offer")
    check({"cpus:*", "mem:*", "ports:*"} <= set(s.of("offers")[0][3].split()) and "!" not in s.of("offers")[0][3], s.of("offers"))
    s.call("launch", "good", "echo out; exit 0")
    equal(state(s, "good", "TASK_FINISHED")[3:], ["16", "Command exited with status 0"], "uuid and message")
    wait_for("the driver has acknowledged it", lambda: [t for t in framework(id)["completed_tasks"] if t["id"] == "good"])
    offered(s)
    s.call("accept", "pair", "sleep 1000")
    state(s, "pair", "TASK_RUNNING")
    state(s, "pair2", "TASK_RUNNING")
    s.call("reconcile", "pair", "nobody")
    equal(state(s, "pair", "TASK_RUNNING", "REASON_RECONCILIATION")[3:], ["0", "Reconciliation: Latest task state"], "a known task")
    equal(state(s, "nobody", "TASK_LOST", "REASON_RECONCILIATION")[3:], ["0", "Reconciliation: Task is unknown"], "an unknown one")
    n = len(s.of("update"))
    s.call("reconcile")
    wait_for("all tasks by implicit reconciliation", lambda: {w[0] for w in s.of("update")[n:]} == {"pair", "pair2"})
    equal(s.call("request"), ["DRIVER_RUNNING"], "requestResources")
    s.call("suppress")
    wait_for("offers are suppressed", lambda: framework(id)["offers"] == [] or s.call("decline"))
    s.call("kill", "pair")
    state(s, "pair", "TASK_KILLED")
    n = len(s.of("offers"))
    s.call("revive")
    s.wait("offers", lambda w: len(s.of("offers")) > n)
    ended(s)
    completed(id)
    equal({t["id"]: t["state"] for t in framework(id)["completed_tasks"]},
          {"good": "TASK_FINISHED", "pair": "TASK_KILLED", "pair2": "TASK_KILLED"}, "its tasks at the master")
    equal(s.of("error") + s.of("disconnected"), [], "errors")


@case("RESERVE and UNRESERVE by acceptOffers")
def _():
    s, id = started("name=keeper", "role=kept", "principal=someone")
    s.wait("offers")
    s.call("RESERVE")
    s.wait("offers", lambda w: "cpus:kept" in w[3].split())
    reserved = get(dev().master, "/slaves").json["slaves"][0]["reserved_resources"]
    equal(reserved["kept"]["cpus"], 0.5, "reserved at the master")
    s.call("UNRESERVE")
    wait_for("unreserved", lambda: get(dev().master, "/slaves").json["slaves"][0]["reserved_resources"] == {})
    ended(s)


@case("explicit acknowledgements; the scheduler that takes over is told again, the one that is replaced hears so")
def _():
    s, id = started("name=first", "explicit=1")
    s.wait("offers")
    s.call("launch", "t", "sleep 1000")
    state(s, "t", "TASK_STARTING")
    equal(s.call("ack", "t"), ["DRIVER_RUNNING"], "acknowledgeStatusUpdate")
    state(s, "t", "TASK_RUNNING")
    ended(s, "true")
    wait_for("it is left without a scheduler", lambda: framework(id)["active"] is False)
    equal(framework(id)["tasks"][0]["state"], "TASK_RUNNING", "its task")
    s, again = started("name=second", f"id={id}")
    equal(again, id, "id of the framework that is taken over")
    state(s, "t", "TASK_RUNNING")
    other, _ = started("name=third", f"id={id}")
    equal(s.wait("error"), ["Framework failed over"], "error of the one that is replaced")
    equal(s.call("join"), ["DRIVER_ABORTED"], "its status")
    s.say("exit")
    s.done()
    ended(other)
    completed(id)


@case("a custom executor that speaks messages too: messages in both directions, kill, its end")
def _():
    modules = os.path.join(scratch(), "modules")
    os.makedirs(modules)
    why = lp.generate(modules)
    if why:
        raise Skip(why)
    os.chmod(modules, 0o755)
    command = f"exec /usr/bin/python3 {ROOT_DIR}/tests/support/v0_executor.py {modules}"
    s, id = started("name=boss")
    s.wait("offers")
    s.call("execute", "long", "exec1", command)
    state(s, "long", "TASK_RUNNING")
    equal(s.call("send", "exec1", "long", "hello"), ["DRIVER_RUNNING"], "sendFrameworkMessage")
    equal(s.wait("message"), ["exec1", "echo hello"], "the message back")
    s.call("kill", "long")
    state(s, "long", "TASK_KILLED")
    offered(s)
    s.call("execute", "second", "exec2", "exec sh -c 'exit 7'")
    state(s, "second", "TASK_FAILED", "REASON_EXECUTOR_TERMINATED")
    equal(s.wait("executorLost", lambda w: w[0] == "exec2"), ["exec2", str(7 << 8)], "executorLost")
    ended(s)
    completed(id)
    dev().stop()


@case("masters found in ZooKeeper by the original's detector; CRAM-MD5 with a right and a wrong secret; the leader is killed")
def _():
    if "python" not in world:
        raise Skip("the driver could not be installed")
    if not glob.glob("/usr/lib/*/sasl2/libcrammd5.so"):
        raise Skip("libsasl2-modules is not installed")
    credentials = os.path.join(scratch(), "credentials.json")
    with open(credentials, "w") as f:
        json.dump({"credentials": [{"principal": "fw", "secret": "s3cret"}]}, f)
    zk = ZooKeeper()
    ports = free_ports(2)
    masters = {p: Process(f"master{p}", [STOA, "master", f"--zk={zk.url('/mesos')}", "--quorum=1", "--ip=127.0.0.1", f"--port={p}", "--hostname=127.0.0.1",
                                         "--zk_session_timeout=2secs", f"--work_dir={scratch()}/m{p}", "--authenticate_frameworks=true", f"--credentials={credentials}"]) for p in ports}
    s, id = started("name=seeking", "principal=fw", "secret=s3cret", master=zk.url("/mesos"))
    leader = int(s.of("registered")[0][1])
    f = framework(id, leader)
    equal((f["principal"], f["active"]), ("fw", True), "the framework at the leader")
    wrong = scheduler("name=wrong", "principal=fw", "secret=guessed", master=zk.url("/mesos"))
    equal((wrong.call("start"), wrong.wait("error")), (["DRIVER_RUNNING"], ["Master refused authentication"]), "a wrong secret")
    wrong.say("exit")
    wrong.done()
    masters.pop(leader).kill()
    s.wait("disconnected", seconds=60)
    # the new leader has never seen it: registered again, as by the original
    other, = masters
    equal(s.wait("registered", lambda w: w[1] != str(leader), 60)[:2], [id, str(other)], "at the new leader")
    check(framework(id, other)["active"], "the framework is active there")
    ended(s)


main()
