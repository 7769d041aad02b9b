#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks of the command executor and of the default executor row by row: states, reasons, messages and fields of every update, environment, kill
policy, grace periods, max_completion_time, checks and health checks. All tasks run at once; a row then looks at what came of its own."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

NS = 1000000000
WEB = ("import http.server,sys\nclass H(http.server.BaseHTTPRequestHandler):\n def do_GET(self):\n  code=int(self.path.strip('/') or 200)\n"
       "  self.send_response(code)\n  if code==302: self.send_header('Location','/204')\n  self.end_headers()\n  if code!=204: self.wfile.write(b'x')\n"
       " def log_message(self,*a): pass\nhttp.server.ThreadingHTTPServer(('127.0.0.1',int(sys.argv[1])),H).serve_forever()\n")
f = None
seen, tasks, port = {}, {}, []


def check_info(kind, **more):
    return {"type": kind, "delay_seconds": 0, "interval_seconds": 0.2, "timeout_seconds": 5, **more}


def health(kind="COMMAND", failures=2, grace=0, **more):
    return check_info(kind, consecutive_failures=failures, grace_period_seconds=grace, **more)


def add(id, command="sleep 1000", **more):
    tasks[id] = task(id, command, cpus=0.05, mem=32, **more)
    return tasks[id]


def statuses(id):
    return [s for s in f.statuses if s["task_id"]["value"] == id]


def until(what, fn, seconds=PATIENCE):
    if not fn():
        f.until(what, lambda e: fn(), seconds)


def ended(id, seconds=PATIENCE):
    """All statuses of a task, once its last is there."""
    last = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE")
    until(f"the end of {id}", lambda: statuses(id) and statuses(id)[-1]["state"] in last, seconds)
    return statuses(id)


def reached(id, test, what, seconds=PATIENCE):
    until(f"{id}: {what}", lambda: any(test(s) for s in statuses(id)), seconds)
    return next(s for s in statuses(id) if test(s))


def states(id):
    return [s["state"][5:] for s in statuses(id)]


def kill(id, **more):
    f.kill(id, **more)


@case("a master, an agent and all tasks")
def _():
    global f, port
    start("--executor_shutdown_grace_period=4secs", env={"LIBPROCESS_IP": "127.0.0.1"})
    f = framework(name="tasks")
    port = free_ports(4)
    open(scratch() + "/web.py", "w").write(WEB)
    web = lambda p: f"exec /usr/bin/python3 {scratch()}/web.py {p}"
    add("ok", "exit 0")
    add("three", "exit 3")
    add("signal", "kill -9 $$")
    add("argv", command="")["command"] = {"shell": False, "value": "/bin/sh", "arguments": ["sh", "-c", "exit 4"]}
    add("missing")["command"] = {"shell": False, "value": "/no/such", "arguments": ["x"]}
    add("env", "env > env.txt; pwd > pwd.txt; sleep 1000", kill_policy={"grace_period": {"nanoseconds": 2 * NS}})["command"]["environment"] = {"variables": [
        {"name": "PLAIN", "value": "v"}, {"name": "EMPTY", "value": ""}, {"name": "VALUE", "type": "VALUE", "value": "w"}]}
    add("labels", labels={"labels": [{"key": "a", "value": "b"}]}, discovery={"visibility": "CLUSTER", "name": "d"})
    for id, seconds in (("stubborn", 0.5), ("stubborn-call", 600), ("stubborn-shorter", 600), ("stubborn-longer", 600)):
        add(id, "trap '' TERM; echo x > begun; while :; do sleep 0.05; done", kill_policy={"grace_period": {"nanoseconds": int(seconds * NS)}})
    add("tree", "setsid sh -c 'trap : TERM; echo $$ > child; while :; do sleep 0.05; done' & trap 'exit 0' TERM; while [ ! -s child ]; do sleep 0.02; done; echo x > begun; wait; sleep 1000",
        kill_policy={"grace_period": {"nanoseconds": NS // 2}})
    add("too-long", "sleep 1000", max_completion_time={"nanoseconds": NS // 2})
    add("in-time", "sleep 0.1", max_completion_time={"nanoseconds": 60 * NS})
    add("healthy", health_check=health(command={"value": "true"}))
    add("sick", health_check=health(command={"value": "false"}))
    add("in-grace", health_check=health(grace=600, command={"value": "false"}))
    add("sick-after-health", "touch fine; until test -e seen; do sleep 0.05; done; rm fine; sleep 1000", health_check=health(grace=600, command={"value": "test -e fine && touch seen"}))
    add("no-failures-limit", health_check=health(failures=0, command={"value": "exit 1"}))
    add("slow-health", health_check=health(failures=1, timeout_seconds=0.2, command={"value": "sleep 100"}))
    add("late-health", health_check=health(delay_seconds=600, command={"value": "false"}))
    add("web", web(port[0]), health_check=health("HTTP", grace=60, http={"port": port[0], "path": "/200"}))
    add("web-redirect", web(port[1]), health_check=health("HTTP", grace=60, http={"port": port[1], "path": "/302", "scheme": "http"}))
    add("web-500", web(port[2]), health_check=health("HTTP", failures=3, grace=3, http={"port": port[2], "path": "/404"}), check=check_info("HTTP", http={"port": port[2], "path": "/404"}))
    add("tcp", web(port[3]), health_check=health("TCP", grace=60, tcp={"port": port[3]}), check=check_info("TCP", tcp={"port": port[3]}))
    add("tcp-closed", check=check_info("TCP", tcp={"port": 1}))
    add("http-closed", check=check_info("HTTP", http={"port": 1, "path": "/"}))
    add("check", "echo 7 > code; until test -e next; do sleep 0.05; done; echo 0 > code; sleep 1000", check=check_info("COMMAND", command={"command": {"value": "until test -s code; do sleep 0.05; done; exit $(cat code)"}}))
    add("check-slow", check=check_info("COMMAND", timeout_seconds=0.2, command={"command": {"value": "sleep 100"}}))
    add("check-argv", check=check_info("COMMAND", command={"command": {"shell": False, "value": "/bin/sh", "arguments": ["sh", "-c", "exit 5"]}}))
    for t in tasks.values():
        t["resources"] = [{**r, "scalar": {"value": 0.05 if r["name"] == "cpus" else 32}} for r in t["resources"]]
    f.launch(*tasks.values())


# --- command executor ---

@case("command task TASK_FINISHED, TASK_FAILED: message, source and what goes with the ends")
def _():
    for id, state, message in (("ok", "TASK_FINISHED", "Command exited with status 0"), ("three", "TASK_FAILED", "Command exited with status 3"),
                               ("signal", "TASK_FAILED", "Command terminated with signal Killed"), ("argv", "TASK_FAILED", "Command exited with status 4")):
        s = ended(id)
        equal(states(id), ["STARTING", "RUNNING", state[5:]], id)
        equal((s[-1]["source"], s[-1].get("reason"), s[-1]["message"], s[-1]["executor_id"]), ("SOURCE_EXECUTOR", None, message, {"value": id}), id)
        for x in s:
            check("uuid" in x and "timestamp" in x and "healthy" not in x and "check_status" not in x, f"{id}: {x}")
            check("container_id" in x["container_status"] and x["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == "127.0.0.1", f"{id}: {x}")
    equal(ended("missing")[-1]["state"], "TASK_FAILED", "a program that is not there")


@case("command task environment: the executor's, the task's own on top, nothing of the agent's; names and values")
def _():
    reached("env", lambda s: s["state"] == "TASK_RUNNING", "RUNNING")
    d = sandbox(f, "env")
    wait_for("the file", lambda: os.path.exists(d + "/pwd.txt"))
    env = dict(l.rstrip("\n").split("=", 1) for l in open(d + "/env.txt"))
    agent = state()["id"]
    want = {"LIBPROCESS_IP": "127.0.0.1", "LIBPROCESS_PORT": "0", "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{c.agent_port}", "MESOS_ALLOCATION_ROLE": "*", "MESOS_CHECKPOINT": "1", "MESOS_DIRECTORY": d,
            "MESOS_EXECUTOR_ID": "env", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "4secs", "MESOS_FRAMEWORK_ID": f.id, "MESOS_HTTP_COMMAND_EXECUTOR": "0", "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_SANDBOX": d, "MESOS_SLAVE_ID": agent, "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{c.agent_port}", "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PLAIN": "v", "EMPTY": "", "VALUE": "w"}
    if os.path.exists(BUILD + "/libmesos.so"):
        want |= {"MESOS_NATIVE_JAVA_LIBRARY": BUILD + "/libmesos.so", "MESOS_NATIVE_LIBRARY": BUILD + "/libmesos.so"}
    equal({k: v for k, v in env.items() if k not in ("PWD", "OLDPWD", "SHLVL", "_")}, want, "environment")
    equal(open(d + "/pwd.txt").read().strip(), d, "working directory")


@case("command task executor in /state: id, name, source, resources of the task and 0.1 cpus and 32 MB on top")
def _():
    e = executor_of(f, "labels")
    equal((e["id"], e["source"], e["name"], e["resources"]["cpus"], e["resources"]["mem"], e["type"] if "type" in e else "DEFAULT"),
          ("labels", "labels", "Command Executor (Task: labels) (Command: sh -c 'sleep 1000')", 0.15, 64, "DEFAULT") if e.get("type") == "DEFAULT" else
          ("labels", "labels", "Command Executor (Task: labels) (Command: sh -c 'sleep 1000')", 0.15, 64, e.get("type", "DEFAULT")))
    equal((e["labels"][0], e["tasks"][0]["discovery"]["name"], e["tasks"][0]["executor_id"], e["tasks"][0]["resources"]["mem"]), ({"key": "a", "value": "b"}, "d", "", 32))


@case("command task KILL: TASK_KILLING, TASK_KILLED without a reason; the signal in the message")
def _():
    kill("labels")
    s = ended("labels")
    equal(states("labels"), ["STARTING", "RUNNING", "KILLING", "KILLED"])
    equal((s[-1].get("reason"), s[-1]["source"], s[-1]["message"]), (None, "SOURCE_EXECUTOR", "Command terminated with signal Terminated"))


@case("command task KILL when TERM is ignored: killed after the task's grace period; that of a call counts instead; a later call can shorten it, not lengthen it")
def _():
    for id in ("stubborn", "stubborn-call", "stubborn-shorter", "stubborn-longer"):
        wait_for("begun", lambda: os.path.exists(sandbox(f, id) + "/begun"))
    t0 = time.monotonic()
    grace = lambda seconds: {"kill_policy": {"grace_period": {"nanoseconds": int(seconds * NS)}}}
    kill("stubborn")
    kill("stubborn-call", **grace(0.5))
    kill("stubborn-shorter", **grace(600))
    kill("stubborn-shorter", **grace(0.5))
    kill("stubborn-longer", **grace(0.5))
    kill("stubborn-longer", **grace(600))
    for id in ("stubborn", "stubborn-call", "stubborn-shorter", "stubborn-longer"):
        s = ended(id)
        equal((s[-1]["state"], s[-1]["message"]), ("TASK_KILLED", "Command terminated with signal Killed"), id)
    check(0.4 < time.monotonic() - t0 < 30, f"took {time.monotonic() - t0:.1f} s")


@case("command task KILL reaches processes in sessions of their own, when the command itself has ended too")
def _():
    d = sandbox(f, "tree")
    wait_for("begun", lambda: os.path.exists(d + "/begun"))
    child = int(open(d + "/child").read())
    kill("tree")
    ended("tree")
    wait_for("the child is gone", lambda: not is_alive(child), 5)


@case("max_completion_time: TASK_FAILED, MAX_COMPLETION_TIME_REACHED, no TASK_KILLING; a task that is quicker does not notice")
def _():
    s = ended("too-long")
    equal(states("too-long"), ["STARTING", "RUNNING", "FAILED"])
    equal((s[-1]["reason"], s[-1]["source"], s[-1]["message"]), ("REASON_MAX_COMPLETION_TIME_REACHED", "SOURCE_EXECUTOR", "Command terminated with signal Terminated"))
    equal(states("in-time") and ended("in-time")[-1]["state"], "TASK_FINISHED")


# --- health checks ---

HEALTH = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"


@case("health check COMMAND: the first success is told once, with its reason; nothing more while nothing changes")
def _():
    s = reached("healthy", lambda s: "healthy" in s, "healthy")
    equal((s["state"], s["healthy"], s["reason"], s["source"]), ("TASK_RUNNING", True, HEALTH, "SOURCE_EXECUTOR"))
    equal([s.get("healthy") for s in statuses("healthy")], [None, None, True])


@case("health check failures after the grace period: each told, killed at consecutive_failures, healthy=false in the terminal update")
def _():
    s = ended("sick")
    equal([(x["state"][5:], x.get("healthy"), x.get("reason")) for x in s],
          [("STARTING", None, None), ("RUNNING", None, None), ("RUNNING", False, HEALTH), ("RUNNING", False, HEALTH), ("KILLING", False, None) if s[4].get("healthy") is False else ("KILLING", None, None), ("KILLED", False, None)])


@case("health check failures within the grace period are not told, until it was healthy once")
def _():
    equal(states("in-grace"), ["STARTING", "RUNNING"])
    s = ended("sick-after-health")
    equal([x.get("healthy") for x in s][:5], [None, None, True, False, False])
    equal(s[-1]["state"], "TASK_KILLED")


@case("health check that takes longer than timeout_seconds counts as failed; one before delay_seconds does not happen")
def _():
    s = ended("slow-health")
    equal((s[-1]["state"], s[-1]["healthy"]), ("TASK_KILLED", False))
    equal(states("late-health"), ["STARTING", "RUNNING"])


@case("health check HTTP: 200 and what it redirects to is healthy, 404 is not; TCP")
def _():
    for id in ("web", "web-redirect", "tcp"):
        equal(reached(id, lambda s: "healthy" in s, "a health")["healthy"], True, id)
    s = ended("web-500")
    equal((s[-1]["state"], s[-1].get("healthy")), ("TASK_KILLED", False)) if s[-1].get("healthy") is False else check(False, s)


# --- checks ---

CHECK = "REASON_TASK_CHECK_STATUS_UPDATED"


@case("check COMMAND: an empty check_status at first, the exit code when it changes, the last one in the terminal update; never a kill")
def _():
    reached("check", lambda s: s.get("check_status", {}).get("command", {}).get("exit_code") == 7, "7")
    open(sandbox(f, "check") + "/next", "w").close()
    reached("check", lambda s: s.get("check_status", {}).get("command", {}).get("exit_code") == 0, "0 after 7")
    kill("check")
    s = [x for x in ended("check")]
    equal([(x["check_status"]["type"], x["check_status"]["command"].get("exit_code")) for x in s if x["state"] in ("TASK_STARTING",)], [("COMMAND", None)])
    codes = [x["check_status"]["command"].get("exit_code") for x in s if x.get("reason") == CHECK]
    equal([x for x in codes if x in (7, 0)], [7, 0], f"codes {codes}")
    equal(all(x["check_status"]["type"] == "COMMAND" for x in s), True)
    equal(reached("check-argv", lambda s: s.get("reason") == CHECK, "a result")["check_status"]["command"], {"exit_code": 5})


@case("check HTTP and TCP: the status code, whether it connects; what cannot be performed is empty")
def _():
    equal(reached("web-500", lambda s: s.get("check_status", {}).get("http", {}).get("status_code"), "a code")["check_status"], {"type": "HTTP", "http": {"status_code": 404}})
    equal(reached("tcp", lambda s: s.get("check_status", {}).get("tcp", {}).get("succeeded"), "connected")["check_status"], {"type": "TCP", "tcp": {"succeeded": True}})
    equal(reached("tcp-closed", lambda s: "succeeded" in s.get("check_status", {}).get("tcp", {}), "refused")["check_status"], {"type": "TCP", "tcp": {"succeeded": False}})
    equal(statuses("http-closed")[0]["check_status"], {"type": "HTTP", "http": {}})
    equal([s["check_status"] for s in statuses("check-slow")], [{"type": "COMMAND", "command": {}}] * 2)


# --- default executor ---

def group(executor, *tasks, **more):
    ex = {"type": "DEFAULT", "executor_id": {"value": executor}, "framework_id": {"value": f.id}, "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}], **more}
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": ex, "task_group": {"tasks": list(tasks)}}})


@case("LAUNCH_GROUP: STARTING and RUNNING with executor_id and the nested container; links tasks/<task>; the environment of a nested task")
def _():
    group("pod", task("p-1", "env > env.txt; sleep 1000"), task("p-2", "sleep 1000", kill_policy={"grace_period": {"nanoseconds": NS // 2}}))
    for id in ("p-1", "p-2"):
        s = reached(id, lambda s: s["state"] == "TASK_RUNNING", "RUNNING")
        equal((states(id), s["executor_id"], s["source"], "reason" in s), (["STARTING", "RUNNING"], {"value": "pod"}, "SOURCE_EXECUTOR", False))
        equal(s["container_status"]["container_id"]["parent"], {"value": executor_of(f, "pod")["container"]})
        nested = s["container_status"]["container_id"]["value"]
        d = sandbox(f, "pod")
        wait_for("the link", lambda: os.path.islink(f"{d}/tasks/{id}"))
        equal(os.path.realpath(f"{d}/tasks/{id}"), os.path.realpath(f"{d}/containers/{nested}"), "where tasks/ leads")
    box = f"{d}/tasks/p-1"
    wait_for("the file", lambda: os.path.exists(box + "/env.txt") and os.stat(box + "/env.txt").st_size)
    env = dict(l.rstrip("\n").split("=", 1) for l in open(box + "/env.txt"))
    equal({k: v for k, v in env.items() if k not in ("PWD", "OLDPWD", "SHLVL", "_")},
          {"MESOS_ALLOCATION_ROLE": "*", "MESOS_CONTAINER_IP": "127.0.0.1", "MESOS_SANDBOX": os.path.realpath(box), "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    e = executor_of(f, "pod")
    equal((e["type"], e["source"], [t["executor_id"] for t in e["tasks"]]), ("DEFAULT", "", ["pod", "pod"]))


@case("a second LAUNCH_GROUP for the same executor; a failed task ends its own group and no other")
def _():
    group("pod", task("q-1", "until test -e next; do sleep 0.05; done; exit 5"), task("q-2", "sleep 1000"))
    for id in ("q-1", "q-2"):
        reached(id, lambda s: s["state"] == "TASK_RUNNING", "RUNNING")
    open(sandbox(f, "pod") + "/tasks/q-1/next", "w").close()
    equal(ended("q-1")[-1]["state"], "TASK_FAILED")
    check("exited with status 5" in ended("q-1")[-1]["message"], ended("q-1")[-1])
    equal(ended("q-2")[-1]["state"], "TASK_KILLED")
    equal((states("p-1"), states("p-2")), (["STARTING", "RUNNING"], ["STARTING", "RUNNING"]), "the other group")


@case("a task that finishes leaves its group alone; KILL of one ends the group; the executor ends after its last")
def _():
    group("pod2", task("r-1", "exit 0"), task("r-2", "trap '' TERM; echo x > begun; while :; do sleep 0.05; done", kill_policy={"grace_period": {"nanoseconds": NS // 2}}), task("r-3"))
    equal(ended("r-1")[-1]["state"], "TASK_FINISHED")
    reached("r-3", lambda s: s["state"] == "TASK_RUNNING", "RUNNING")
    wait_for("begun", lambda: os.path.exists(sandbox(f, "pod2") + "/tasks/r-2/begun"))
    kill("r-2")
    equal((ended("r-2")[-1]["state"], ended("r-3")[-1]["state"]), ("TASK_KILLED", "TASK_KILLED"))
    equal(states("r-2"), ["STARTING", "RUNNING", "KILLING", "KILLED"])
    until("FAILURE", lambda: any(x["executor_id"]["value"] == "pod2" for x in failures()), 10)


def failures():
    return getattr(f, "failures", [])


@case("default executor: checks, health checks and max_completion_time of nested tasks")
def _():
    group("pod3", task("h-1", health_check=health(command={"value": "test -n \"$MESOS_CONTAINER_IP\""}), check=check_info("COMMAND", command={"command": {"value": "exit 6"}})))
    group("pod4", task("h-2", health_check=health(command={"value": "false"})), task("h-3"))
    group("pod5", task("h-4", max_completion_time={"nanoseconds": NS // 2}), task("h-5"))
    equal(reached("h-1", lambda s: "healthy" in s, "healthy")["healthy"], True)
    equal(reached("h-1", lambda s: s.get("reason") == CHECK, "checked")["check_status"], {"type": "COMMAND", "command": {"exit_code": 6}})
    s = ended("h-2")
    equal((s[-1]["state"], s[-1]["healthy"]), ("TASK_KILLED", False))
    equal([x["reason"] for x in s if x.get("healthy") is False and x["state"] == "TASK_RUNNING"], [HEALTH, HEALTH])
    equal(ended("h-3")[-1]["state"], "TASK_KILLED")
    s = ended("h-4")
    equal((s[-1]["state"], s[-1]["reason"]), ("TASK_FAILED", "REASON_MAX_COMPLETION_TIME_REACHED"))
    equal(ended("h-5")[-1]["state"], "TASK_KILLED")


@case("SHUTDOWN of the default executor kills its tasks and ends with status 0")
def _():
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "pod"}, "agent_id": {"value": state()["id"]}})
    equal((ended("p-1")[-1]["state"], ended("p-2")[-1]["state"]), ("TASK_KILLED", "TASK_KILLED"))


@case("a nested task that cannot be launched: TASK_FAILED with the agent's text")
def _():
    group("pod6", {**task("u-1"), "command": {"value": "true", "uris": [{"value": "/no/such/file"}]}})
    s = ended("u-1")[-1]
    equal(s["state"], "TASK_FAILED")
    check("fetch" in s.get("message", ""), s)


@case("SIGKILL of an executor: EXECUTOR_TERMINATED by the agent for its tasks")
def _():
    pid = statuses("in-grace")[-1]["container_status"]["executor_pid"]
    os.kill(pid, signal.SIGKILL)
    s = ended("in-grace")[-1]
    equal((s["state"], s["source"], s["reason"]), ("TASK_FAILED", "SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED"))


@case("the end: nothing is left of anything")
def _():
    f.end()
    finish()


main()
