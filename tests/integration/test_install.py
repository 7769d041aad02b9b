#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `make install` and `make deb` put on a node works from there: the names of Mesos and Marathon, flags from the files in
/etc/default, an upgrade under a running task, and units that systemd can read."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

root, work = os.path.join(scratch(), "root"), os.path.join(scratch(), "work")
os.mkdir(work)
master, agent, marathon = free_ports(3)
running = {}


def make(*args):
    build = os.path.relpath(BUILD, ROOT_DIR)
    r = subprocess.run(["make", "--no-print-directory", f"B={build}", *args], cwd=ROOT_DIR, capture_output=True, text=True, timeout=300)
    check(r.returncode == 0, f"make {' '.join(args)}: {(r.stdout + r.stderr)[-800:]}")


def installed(*path):
    return os.path.join(root, *path)


def unit(name):
    """What a unit of systemd says: its command and the variables that it sets before those of the files."""
    lines = open(installed("lib/systemd/system", f"{name}.service")).read().split("\n")
    command = [line.split("=", 1)[1] for line in lines if line.startswith("ExecStart=")][0].split()
    env = dict(line.split("=", 2)[1:] for line in lines if line.startswith("Environment="))
    files = [line.split("=-", 1)[1] for line in lines if line.startswith("EnvironmentFile=")]
    for f in files:
        for line in open(installed(f.lstrip("/"))):
            if "=" in line and not line.startswith("#"):
                key, value = line.strip().split("=", 1)
                env[key] = value
    return command, env


def start(name, **own):
    """As systemd starts a unit, with paths and ports of this test."""
    command, env = unit(name)
    env.update(own)
    running[name] = Process(name, [installed(command[0].lstrip("/")), *command[1:]], env={**os.environ, **env})


@case("make install and make deb: files, links, and nothing of the place where it was built")
def _():
    make(f"DESTDIR={root}", "PREFIX=/usr", "install")
    for name in ("stoa", "mesos-master", "mesos-agent", "mesos-slave", "mesos-execute", "marathon"):
        link = installed("usr/bin", name)
        equal(os.path.realpath(link), os.path.realpath(installed("usr/libexec/stoa/stoa")), name)
    for f in ("stoa-scheduler.pc", "stoa-executor.pc"):
        check(ROOT_DIR not in open(installed("usr/lib/pkgconfig", f)).read(), f"{f} names the place where it was built")
    manual = open(installed("usr/share/man/man1/stoa.1")).read()
    check(".B stoa drain\n" in manual and "@" not in manual.replace("HOSTNAME@IP", ""), manual)
    completed = subprocess.run(["bash", "-c", f". {installed('usr/share/bash-completion/completions/stoa')}; COMP_WORDS=(stoa dea) COMP_CWORD=1; _stoa; echo $COMPREPLY"],
                               env={**os.environ, "PATH": installed("usr/bin") + ":" + os.environ["PATH"]}, capture_output=True, text=True, timeout=30)
    equal((completed.stdout, completed.stderr), ("deactivate\n", ""), "what is completed")
    libmesos = os.path.exists(os.path.join(BUILD, "libmesos.so"))
    equal(os.path.exists(installed("usr/lib/libmesos.so")), libmesos, "libmesos.so, as far as it is built,")
    if not shutil.which("dpkg-shlibdeps"):
        raise Skip("no dpkg-dev here")
    make("deb")
    deb = glob.glob(os.path.join(BUILD, "stoa_*.deb"))[0]
    listed = subprocess.run(["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True).stdout
    check("./usr/bin/mesos-agent -> ../libexec/stoa/stoa" in listed and "./lib/systemd/system/stoa-agent.service" in listed, listed)
    equal("./usr/lib/libmesos.so" in listed and "libstoa" not in listed, libmesos, f"libmesos.so alone of the libraries; {listed}")
    depends = subprocess.run(["dpkg-deb", "--field", deb, "Depends"], capture_output=True, text=True, check=True).stdout
    check("libevent" in depends and "libzookeeper-st" in depends, depends)


@case("what is configured is not overwritten")
def _():
    own = installed("etc/default/stoa-master")
    with open(own, "a") as f:
        f.write("MESOS_CLUSTER=installed here\n")
    make(f"DESTDIR={root}", "PREFIX=/usr", "install")
    check("installed here" in open(own).read(), "the file is another")


@case("systemd can read the units")
def _():
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze here")
    for name in ("stoa-master", "stoa-agent", "stoa-marathon"):
        text = open(installed("lib/systemd/system", f"{name}.service")).read()
        path = os.path.join(work, f"{name}.service")
        with open(path, "w") as f:
            f.write(text.replace("/usr/bin/stoa", installed("usr/bin/stoa")))
        r = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=60)
        equal((r.returncode, r.stdout + r.stderr), (0, ""), name)
    check("KillMode=process" in open(installed("lib/systemd/system/stoa-agent.service")).read(), "systemd would kill the tasks with the agent")


@case("the three services start from their units and run an app")
def _():
    start("stoa-master", MESOS_IP="127.0.0.1", MESOS_PORT=str(master), MESOS_WORK_DIR=f"{work}/master")
    wait_for("the master", lambda: get(master, "/health").status == 200)
    equal(get(master, "/flags").json["flags"]["cluster"], "installed here", "the flag out of the file")
    more = {} if IS_ROOT else {"MESOS_ISOLATION": "posix/cpu,posix/mem"}
    start("stoa-agent", MESOS_IP="127.0.0.1", MESOS_PORT=str(agent), MESOS_WORK_DIR=f"{work}/agent", MESOS_MASTER=f"127.0.0.1:{master}",
          MESOS_CGROUPS_ROOT=f"stoa_install_{os.getpid()}", **more)
    start("stoa-marathon", MARATHON_HTTP_PORT=str(marathon), MARATHON_HTTP_ADDRESS="127.0.0.1", MARATHON_HOSTNAME="127.0.0.1",
          MARATHON_WORK_DIR=f"{work}/marathon", MARATHON_MASTER=f"127.0.0.1:{master}")
    wait_for("marathon", lambda: get(marathon, "/ping").status == 200)
    equal(wait_for("the agent", lambda: get(agent, "/flags").json["flags"]["launcher_dir"]), os.path.realpath(installed("usr/libexec/stoa")), "where helpers are")
    r = post(marathon, "/v2/apps", {"id": "/kept", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1})
    equal(r.status, 201, r.text)
    wait_for("it runs", lambda: get(marathon, "/v2/apps//kept").json["app"]["tasksRunning"] == 1)


@case("an upgrade: new files, the services started again, the task stays")
def _():
    task = get(marathon, "/v2/apps//kept").json["app"]["tasks"][0]["id"]
    make(f"DESTDIR={root}", "PREFIX=/usr", "install")
    for p in running.values():
        p.stop()
        p.start()
    wait_for("the agent is back", lambda: [s for s in get(master, "/slaves").json["slaves"] if s["active"]])
    app = wait_for("marathon is back", lambda: get(marathon, "/v2/apps//kept").json["app"])
    equal([t["id"] for t in app["tasks"]], [task], "the task")
    wait_for("the master knows it", lambda: [(t["id"], t["state"]) for t in get(master, "/tasks").json["tasks"]] == [(task, "TASK_RUNNING")])


@case("the old names: mesos-execute runs a command")
def _():
    r = subprocess.run([installed("usr/bin/mesos-execute"), f"--master=127.0.0.1:{master}", "--name=once", "--command=echo from an old name"],
                       capture_output=True, text=True, timeout=60)
    check(r.returncode == 0 and "from an old name" in r.stdout, r.stdout + r.stderr)
    for name in ("stoa", "mesos-master", "mesos-agent", "mesos-slave", "mesos-execute", "marathon"):
        r = subprocess.run([installed("usr/bin", name), "--version"], capture_output=True, text=True, timeout=20)
        check(r.returncode == 0 and re.fullmatch(r"stoa \d+\.\d+\.\d+\n", r.stdout), f"{name} --version: {r.stdout}{r.stderr}")


@case("uninstall leaves what was configured, and nothing else")
def _():
    r = http_request("DELETE", marathon, "/v2/apps//kept")
    equal(r.status, 200, r.text)
    wait_for("the task has ended", lambda: not [t for t in get(master, "/tasks").json["tasks"] if t["state"] in ("TASK_RUNNING", "TASK_KILLING")])
    cgroups = glob.glob(f"/sys/fs/cgroup/*/stoa_install_{os.getpid()}") + glob.glob(f"/sys/fs/cgroup/stoa_install_{os.getpid()}")
    wait_for("its cgroups are removed", lambda: not [d for c in cgroups for d in glob.glob(c + "/*/")])
    for name in ("stoa-marathon", "stoa-agent", "stoa-master"):
        running[name].stop()
    for d in cgroups:
        os.rmdir(d)
    make(f"DESTDIR={root}", "PREFIX=/usr", "uninstall")
    left = [f for _, _, names in os.walk(root) for f in names]
    equal(sorted(left), ["stoa", "stoa-agent", "stoa-marathon", "stoa-master"], "what is left")


main()
