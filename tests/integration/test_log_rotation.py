#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--container_logger: the files of a container's output have a limit, whatever the task does, and nothing is lost while the agent is away."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

MODULE = "org_apache_mesos_LogrotateContainerLogger"
f = None


def modules(name=MODULE, **parameters):
    p = [{"key": k, "value": v} for k, v in parameters.items()]
    return "--modules=" + json.dumps({"libraries": [{"file": "/usr/lib/liblogrotate_container_logger.so", "modules": [{"name": name, "parameters": p}]}]})


def run(id, command, seconds=20, **env):
    """The status and the sandbox of a task that has ended, with its container."""
    t = task(id, command)
    t["command"]["environment"] = {"variables": [{"name": k, "value": v} for k, v in env.items()]}
    f.launch(t)
    s = f.update(id, "TASK_FINISHED", "TASK_FAILED", seconds=seconds)
    d = sandbox(f, id)
    cid = executor_of(f, id, ended=True)["container"]
    wait_for("the container is gone", lambda: not os.path.exists(f"{scratch()}/a/run/containers/{cid}"), 10)
    return s, d


def sizes(d):
    return {n: os.stat(f"{d}/{n}").st_size for n in sorted(os.listdir(d)) if n.startswith("std")}


COUNT = "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done"


@case("an agent with a limit of 64 KB and two old files")
def _():
    global f
    start("--executor_shutdown_grace_period=1secs", f"--container_logger={MODULE}", modules(
        max_stdout_size="64KB", max_stderr_size="4KB", logrotate_stdout_options="rotate 2\nmissingok\nnocompress", launcher_dir="/usr/libexec/mesos", libprocess_num_worker_threads="8"))
    f = framework(name="logs")


@case("files are put aside when they are full, by whole lines, and the oldest goes")
def _():
    s, d = run("count", COUNT % 30000 + "; echo x >&2")
    equal((s["state"], list(sizes(d))), ("TASK_FINISHED", ["stderr", "stdout", "stdout.1", "stdout.2"]))
    check(all(n <= 65536 for n in sizes(d).values()), sizes(d))
    lines = [l for n in ("stdout.2", "stdout.1", "stdout") for l in open(f"{d}/{n}").read().splitlines()]
    equal(lines, [f"line {i}" for i in range(30000 - len(lines), 30000)], "what is kept")
    check(sum(sizes(d).values()) > 2 * 60000, sizes(d))
    equal(open(d + "/stderr").read(), "x\n")


@case("a task that writes without end takes no more than its limits; without rotate nothing old is kept")
def _():
    s, d = run("flood", "dd if=/dev/zero bs=1M count=200 2>/dev/null; dd if=/dev/zero bs=1k count=64 2>/dev/null >&2")
    check(s["state"] == "TASK_FINISHED" and sum(sizes(d).values()) <= 3 * 65536 + 4096 and list(sizes(d)) == ["stderr", "stdout", "stdout.1", "stdout.2"], sizes(d))


@case("an executor's own limits, by its environment; what cannot be meant fails its launch with the name")
def _():
    s, d = run("own", COUNT % 2000, CONTAINER_LOGGER_MAX_STDOUT_SIZE="4KB", CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS="rotate 3")
    equal(list(sizes(d)), ["stderr", "stdout", "stdout.1", "stdout.2", "stdout.3"])
    check(all(n <= 4096 for n in sizes(d).values()), sizes(d))
    for name, value, text in (("CONTAINER_LOGGER_MAX_STDERR_SIZE", "much", "much"), ("CONTAINER_LOGGER_MAX_STDOUT_SIZE", "1B", "4KB"),
                              ("CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "rotate many", "rotate many"), ("CONTAINER_LOGGER_LOGROTATE_STDERR_OPTIONS", "rotate 1\ncompress", "compress")):
        s, d = run("bad" + value[:4].replace(" ", "").replace("\n", ""), "true", **{name: value})
        equal((s["state"], s["reason"]), ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED"), value)
        check(name in s["message"] and text in s["message"], s["message"])


@case("what a task writes while the agent is away is not lost")
def _():
    f.launch(task("away", "i=0; while [ ! -e go ]; do echo $i; i=$((i+1)); sleep 0.005; done; echo end"))
    f.update("away", "TASK_RUNNING")
    d = sandbox(f, "away")
    c.agent.kill().wait()
    before = os.stat(d + "/stdout").st_size
    wait_for("it goes on", lambda: os.stat(d + "/stdout").st_size > before + 100)
    c.agent.start()
    wait_for("the agent is back", lambda: get(c.port, "/slaves").json["slaves"][0]["active"] and state()["id"])
    open(d + "/go", "w").close()
    f.update("away", "TASK_FINISHED")
    lines = open(d + "/stdout").read().split()
    equal(lines, [str(i) for i in range(len(lines) - 1)] + ["end"])


@case("whatever a task does to its files: removed, replaced by a link, a folder in the way")
def _():
    target = scratch() + "/target"
    open(target, "w").write("mine")
    for id, what in (("removed", "rm stdout"), ("linked", f"rm stdout; ln -s {target} stdout"), ("hard", f"rm stdout; ln {target} stdout 2>/dev/null"), ("folder", "mkdir stdout.1 stdout.2; touch stdout.1/x stdout.2/x"),
                     ("pipe", "rm stdout; mkfifo stdout stdout.1 stdout.2"), ("cut", ": > stdout")):
        s, d = run(id, f"{what}; " + COUNT % 20000 + "; echo alive >&2")
        equal((s["state"], open(d + "/stderr").read()), ("TASK_FINISHED", "alive\n"), id)
        check(sum(os.lstat(f"{d}/{n}").st_size for n in os.listdir(d)) < 4 * 65536, f"{id}: {os.listdir(d)}")
    equal(open(target).read(), "mine", "what lies outside")


@case("/dev/stdout can be opened by a task of another user; a session shows everything, a terminal goes on over the limit")
def _():
    if IS_ROOT:
        t = task("user", "echo by name > /dev/stdout")
        t["command"]["user"] = "nobody"
        f.launch(t)
        f.update("user", "TASK_FINISHED")
        wait_for("its line", lambda: open(sandbox(f, "user") + "/stdout").read() == "by name\n")
    api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "r"}, "command": {"value": "sleep 1000"}})
    for id, more in (("r.plain", {}), ("r.tty", {"container": {"type": "MESOS", "tty_info": {}}})):
        s = Output({"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {"container_id": container_id(id), "command": {"value": COUNT % 20000}, **more}})
        lines = s.all(20)[0].decode().split()[1::2]
        check(lines == [str(i) for i in range(20000)], f"{id}: {len(lines)} lines")
    r = api("LAUNCH_CONTAINER", launch_container={"container_id": container_id("r.long"), "container": {"type": "MESOS", "tty_info": {}},
                                                  "command": {"value": "while [ ! -e go ]; do sleep 0.01; done; " + COUNT % 20000 + "; echo over"}})
    equal(r.status, 200, r.text)
    a = Output({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": container_id("r.long")}})
    d = f"{scratch()}/a/containers/r/containers/long"
    open(d + "/go", "w").close()
    check(a.all(20)[0].endswith(b"line 19999\r\nover\r\n"), "the end over the limit")
    equal(list(sizes(d)), ["stderr", "stdout", "stdout.1", "stdout.2"])
    api("KILL_CONTAINER", kill_container={"container_id": {"value": "r"}})
    api("WAIT_CONTAINER", wait_container={"container_id": {"value": "r"}})


@case("flags that cannot be meant stop the start and say why")
def _():
    for flags, text in ((["--container_logger=no_such"], "no_such"), ([modules("org_apache_mesos_Other")], "org_apache_mesos_Other"), ([modules(max_stdout_size="x")], "max_stdout_size"),
                        ([modules(no_such="1")], "no_such"), ([modules(logrotate_stderr_options="compress")], "compress"), (["--modules={}"], "libraries"), (["--modules=/no/such/file"], "/no/such/file")):
        r = subprocess.run([STOA, "agent", *[x for x in c.flags if "modules" not in x and "container_logger" not in x and "work_dir" not in x], f"--work_dir={scratch()}/other",
                            f"--port={free_ports()[0]}", f"--container_logger={MODULE}", *flags], capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and text in r.stderr, f"{flags}: {r.stderr}")


@case("the end")
def _():
    f.end()
    finish()


main()
