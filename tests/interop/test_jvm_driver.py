#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Java drivers of org.apache.mesos, unmodified from Maven Central, on libmesos.so: a scheduler and an executor of ours
(jvm/JvmScheduler.java, jvm/JvmExecutor.java)."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from jvm import *

world = {}


def path():
    if "path" not in world:
        world["path"] = compiled(jars("jvm-mesos", "org.apache.mesos:mesos:1.11.0"), "JvmScheduler.java", "JvmExecutor.java", "JvmV1.java")
    return world["path"]


def dev():
    path()
    if "dev" not in world:
        world["dev"] = Dev()
    return world["dev"]


def scheduler(*args, master=None, **kw):
    return Jvm(path(), "JvmScheduler", f"127.0.0.1:{dev().master}" if master is None else master, *args, **kw)


def offered(j):
    """It holds offers that are enough for an executor."""
    j.call("revive")
    wait_for(f"offers ({j.lines[-5:]})", lambda: float(j.call("held")[0]) >= 0.5, pause=0.2)


def framework(id):
    d = get(dev().master, "/frameworks").json
    return next((f for f in d["frameworks"] + d["completed_frameworks"] if f["id"] == id), None)


def is_completed(id):
    return id in [f["id"] for f in get(dev().master, "/frameworks").json["completed_frameworks"]]


@case("a scheduler registers, launches in three ways, is told states, kills, reconciles, suppresses and revives, and is torn down")
def _():
    j = scheduler("name=plain", "failover=600")
    equal(j.call("kill", "x"), ["DRIVER_NOT_STARTED"], "a call before start")
    equal(j.call("start"), ["DRIVER_RUNNING"], "start")
    id, port, version = j.wait("registered")
    equal((port, version), (str(dev().master), "1.12.0"), "MasterInfo")
    f = framework(id)
    equal((f["name"], f["user"], f["role"], f["failover_timeout"], f["capabilities"], f["hostname"]),
          ("plain", "root" if IS_ROOT else os.environ["USER"], "*", 600.0, [], socket.gethostname()), "FrameworkInfo at the master")
    offer = j.wait("offers")
    check("cpus:*" in offer[2].split() and "!" not in offer[2] and offer[3] == "127.0.0.1", f"offer without allocation for an old framework: {offer}")
    equal(j.call("launch", "good", "echo out; sleep 0.2"), ["DRIVER_RUNNING"], "launchTasks of lists")
    j.wait("update", lambda w: w[:2] == ["good", "TASK_FINISHED"])
    offered(j)
    j.call("launch1", "long", "sleep 1000")
    j.wait("update", lambda w: w[:2] == ["long", "TASK_RUNNING"])
    offered(j)
    j.call("accept", "pair", "exit 3")
    j.wait("update", lambda w: w[:2] == ["pair2", "TASK_FAILED"])
    j.wait("update", lambda w: w[:2] == ["pair", "TASK_FAILED"])
    equal((j.states("good"), j.states("pair")), (["TASK_RUNNING", "TASK_FINISHED"], ["TASK_RUNNING", "TASK_FAILED"]), "states")
    equal({w[3] for w in j.of("update")}, {"16"}, "lengths of uuids")
    # implicit acknowledgement: the terminal update was acknowledged, or the task would still be at the agent
    wait_for("good is completed", lambda: [t for t in framework(id)["completed_tasks"] if t["id"] == "good"])
    j.call("reconcile", "long", "nobody")
    j.wait("update", lambda w: w[:4] == ["long", "TASK_RUNNING", "REASON_RECONCILIATION", "0"])
    j.wait("update", lambda w: w[:4] == ["nobody", "TASK_LOST", "REASON_RECONCILIATION", "0"])
    n = len(j.of("update"))
    j.call("reconcile")
    j.wait("update", lambda w: len(j.of("update")) > n)
    equal((j.call("null"), j.call("nulls")), (["NullPointerException", "taskId"], ["NullPointerException", "statuses"]), "null arguments")
    check(j.call("ack", "long")[0] == "IllegalStateException", "an acknowledgement that is the driver's to send")
    equal(j.call("request"), ["DRIVER_RUNNING"], "requestResources")
    j.call("suppress")
    wait_for("offers are suppressed", lambda: framework(id)["offers"] == [] or j.call("decline"))
    n = len(j.of("offers"))
    j.call("kill", "long")
    j.wait("update", lambda w: w[:2] == ["long", "TASK_KILLED"])
    equal(len(j.of("offers")), n, "offers while suppressed")
    j.call("revive")
    j.wait("offers", lambda w: len(j.of("offers")) > n)
    equal(j.call("empty"), ["DRIVER_RUNNING"], "a launch of nothing")
    j.call("rename", "renamed", "300")
    wait_for("the framework has its new name", lambda: framework(id)["name"] == "renamed")
    equal((j.call("stop"), j.call("join"), j.call("stop"), j.call("start"), j.call("kill", "x")), (["DRIVER_STOPPED"],) * 5, "the end")
    check(is_completed(id), "torn down when join has returned")
    j.say("exit", "0")
    equal(j.done(), 0, "exit status")
    equal(j.of("disconnected") + j.of("error"), [], "callbacks after stop")


@case("explicit acknowledgements: what is not acknowledged comes again to the scheduler that takes over")
def _():
    j = scheduler("name=first", "failover=600", "explicit=1")
    j.call("start")
    id = j.wait("registered")[0]
    j.wait("offers")
    j.call("launch", "t", "sleep 1000")
    j.wait("update", lambda w: w[:2] == ["t", "TASK_STARTING"])
    equal(j.call("ack", "t"), ["DRIVER_RUNNING"], "acknowledgeStatusUpdate")
    j.wait("update", lambda w: w[:2] == ["t", "TASK_RUNNING"])
    equal((j.call("stop", "true"), j.call("join")), (["DRIVER_STOPPED"],) * 2, "stop for failover")
    j.say("return") # with a driver that nobody joins
    equal(j.done(), 0, "exit status")
    check(not is_completed(id) and framework(id)["tasks"][0]["state"] == "TASK_RUNNING", "the framework lives on")
    j = scheduler("name=second", "failover=600", f"id={id}")
    j.call("start")
    equal(j.wait("registered")[0], id, "id of the framework that is taken over")
    j.wait("update", lambda w: w[:2] == ["t", "TASK_RUNNING"])
    other = scheduler("name=third", "failover=600", f"id={id}")
    other.call("start")
    other.wait("registered")
    equal(j.wait("error"), ["Framework failed over"], "error of the one that is replaced")
    equal((j.wait("stop in error"), j.call("join")), (["DRIVER_ABORTED"], ["DRIVER_STOPPED"]), "its statuses")
    equal(j.call("stop"), ["DRIVER_STOPPED"], "a stop of the one that is replaced")
    check(not is_completed(id), "it tears nothing down any more")
    j.say("exit", "3")
    equal(j.done(), 3, "exit status")
    other.call("stop") # and leaves at once: the teardown is sent all the same
    other.say("exit", "0")
    equal(other.done(), 0, "exit status")
    wait_for("torn down", lambda: is_completed(id), 5)


@case("a custom executor on MesosExecutorDriver: tasks, data, messages in both directions, kill, shutdown, errors")
def _():
    j = scheduler("name=boss", "failover=600")
    command = f"exec java -Xcheck:jni -Xmx100m -XX:TieredStopAtLevel=1 -cp '{path()}' JvmExecutor"
    j.call("start")
    id = j.wait("registered")[0]
    j.wait("offers")
    j.call("execute", "task1", "exec1", command)
    w = j.wait("update", lambda w: w[:2] == ["task1", "TASK_RUNNING"], 60)
    equal(w[4], "exec1 of boss on 127.0.0.1", "what the executor was told when it registered")
    t = framework(id)["tasks"][0]
    equal(t["statuses"][-1].get("labels"), [{"key": "from", "value": "jvm"}], f"labels of the status; {t}")
    equal(j.call("send", "exec1", "hello"), ["DRIVER_RUNNING"], "sendFrameworkMessage")
    equal(j.wait("message")[::2], ["exec1", "echo hello"], "message back")
    offered(j)
    j.call("execute", "short", "exec1", command)
    equal(j.wait("update", lambda w: w[:2] == ["short", "TASK_FINISHED"])[4], "data of short", "data of the task")
    j.call("kill", "task1")
    equal(j.wait("update", lambda w: w[:2] == ["task1", "TASK_KILLED"])[4], "killed", "data of the kill")
    # a state that executors may not send, and an exception in a callback: both abort the executor
    for task, words in (("staging", "TASK_FAILED"), ("throws", "TASK_FAILED")):
        offered(j)
        j.call("execute", task, "bad-" + task, command)
        j.wait("update", lambda w: w[:2] == [task, words], 60)
        equal(j.wait("executorLost", lambda w: w[0] == "bad-" + task)[2], str(7 << 8), "wait status of an executor that left with 7")
    log = sandbox_text(id, "bad-staging", "stdout") + sandbox_text(id, "bad-throws", "stdout")
    check("error update of task staging: state 6 is not one an executor may send" in log and "run DRIVER_ABORTED" in log, log)
    equal((j.call("stop"), j.call("join")), (["DRIVER_STOPPED"],) * 2, "the end")
    wait_for("the executor was shut down", lambda: "shutdown\nrun DRIVER_STOPPED" in sandbox_text(id, "exec1", "stdout"))
    for e in ("exec1", "bad-staging", "bad-throws"):
        text = sandbox_text(id, e, "stdout") + sandbox_text(id, e, "stderr")
        check("WARNING" not in text and "SIGSEGV" not in text and "Signal Handlers" not in text, text)
    j.say("exit", "0")
    equal(j.done(), 0, "exit status")


def sandbox_text(framework, executor, name):
    found = glob.glob(f"{dev().work_dir}/agent1/slaves/*/frameworks/{framework}/executors/{executor}/runs/latest/{name}")
    return open(found[0]).read() if found else ""


@case("the master is killed and comes back: disconnected, reregistered, launches in between are answered with TASK_LOST")
def _():
    j = scheduler("name=lasting", "failover=600", "roles=a,b", "suppressed=b")
    j.call("start")
    id = j.wait("registered")[0]
    equal(framework(id)["roles"], ["a", "b"], "roles")
    check("cpus:*!" in j.wait("offers")[2].split(), "an offer with an allocation")
    equal(get(dev().master, "/roles").json and [r for r in get(dev().master, "/roles").json["roles"] if r["name"] == "b"][0]["frameworks"], [id], "the role b")
    n = len(j.of("offers"))
    master = dev().pid_of("master")
    os.kill(dev().process.pid, signal.SIGSTOP) # so that it does not come back at once
    try:
        os.kill(master, signal.SIGKILL)
        j.wait("disconnected")
        j.call("launch", "early", "true")
        w = j.wait("update", lambda w: w[0] == "early")
        equal(w[1:4] + w[5:], ["TASK_LOST", "REASON_MASTER_DISCONNECTED", "0", "Master disconnected"], "a launch without a master")
    finally:
        os.kill(dev().process.pid, signal.SIGCONT)
    j.wait("reregistered", seconds=60)
    j.wait("offers", lambda w: len(j.of("offers")) > n, 60)
    equal(len(j.of("registered")), 1, "times that it was registered")
    # an exception in a callback aborts the driver; stop() then still tears the framework down
    j.call("fail", "update")
    j.call("reconcile", "nobody")
    equal((j.call("join"), j.call("revive")), (["DRIVER_ABORTED"],) * 2, "after an exception")
    check("as was asked for" in j.tail(60), "the stack is printed")
    wait_for("an aborted framework is inactive", lambda: framework(id)["active"] is False)
    equal((j.call("stop"), j.call("join")), (["DRIVER_ABORTED"], ["DRIVER_STOPPED"]), "stop after it")
    wait_for("torn down", lambda: is_completed(id))
    j.say("return")
    equal(j.done(), 0, "exit status")


@case("what cannot be: masters, credentials, framework ids; drivers that are dropped")
def _():
    for master, words in (("local", "'local'"), ("zk://nowhere", "zk://"), ("", "master"), ("127.0.0.1:99999", "99999")):
        j = scheduler(master=master)
        equal(j.call("start"), ["DRIVER_STOPPED"], f"start with master {master!r}") # the error callback has stopped it
        check(words in j.of("error")[0][0], f"error for master {master!r}: {j.of('error')}")
        equal((j.call("join"), j.call("kill", "t")), (["DRIVER_STOPPED"],) * 2, "join")
        j.say("return")
        equal(j.done(), 0, "exit status")
    j = scheduler("name=gone", "id=no-such-id")
    j.call("start")
    j.wait("registered", lambda w: w[0] == "no-such-id") # as masters do: it may be one from before a failover
    equal((j.call("abort"), j.call("join"), j.call("abort"), j.call("stop", "true")), (["DRIVER_ABORTED"],) * 4, "abort")
    j.say("drop")
    equal(j.call("gc"), ["ok"], "collected")
    j.say("return")
    equal(j.done(), 0, "exit status")
    j = scheduler("name=left") # the program ends under a running driver
    j.call("start")
    j.wait("registered")
    j.say("return")
    equal(j.done(), 0, "exit status")


@case("V1Mesos and V0Mesos: the program subscribes by itself, again after reconnect(), launches, acknowledges, tears down")
def _():
    for kind, told in (("V1", ["connected", "subscribed", "disconnected", "connected", "subscribed"]), ("V0", ["connected", "subscribed"])):
        j = Jvm(path(), "JvmV1", kind, f"127.0.0.1:{dev().master}", "by-" + kind)
        equal(j.done(60), 0, f"exit status; {j.tail()}")
        equal([l[0] for l in j.lines if l[0] in ("connected", "subscribed", "disconnected")], told, f"what {kind} was told")
        ids = {w[0] for w in j.of("subscribed")}
        equal((len(ids), [w[1] for w in j.of("update")]), (1, ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]), f"ids and updates; {j.lines}")
        wait_for("torn down", lambda: is_completed(next(iter(ids))), 5)
    j = Jvm(path(), "JvmV1", "V1", "127.0.0.1:99999", "nowhere")
    equal((j.done(60), len(j.of("error"))), (4, 1), f"a master that is no address; {j.tail()}")


@case("the same with the classes of an older jar that has protobuf inside")
def _():
    jar = jars("jvm-mesos-shaded", "org.apache.mesos:mesos:1.4.0:shaded-protobuf")
    new = 'case "revive": return w.length > 1 ? d.reviveOffers(Arrays.asList(w).subList(1, w.length)) : d.reviveOffers();'
    shaded = compiled(jar, "JvmScheduler.java", rewrite=[
        ("import com.google.protobuf.", "import org.apache.mesos.protobuf."), (new, 'case "revive": return d.reviveOffers();'),
        (new.replace("revive", "suppress"), 'case "suppress": return d.suppressOffers();'),
        ('case "rename"', 'case "rename": return null; /*'), ('case "null"', '*/ case "null"'),
        ('Arrays.asList(o.get("suppressed").split(",")), ', "")])
    j = Jvm(shaded, "JvmScheduler", f"127.0.0.1:{dev().master}", "name=old", "role=old")
    j.call("start")
    id = j.wait("registered")[0]
    check("cpus:*" in j.wait("offers")[2].split(), "an offer")
    j.call("launch", "t", "exit 0")
    j.wait("update", lambda w: w[:2] == ["t", "TASK_FINISHED"])
    equal((j.call("suppress"), j.call("revive"), j.call("stop"), j.call("join")),
          (["DRIVER_RUNNING"], ["DRIVER_RUNNING"], ["DRIVER_STOPPED"], ["DRIVER_STOPPED"]), "statuses")
    check(is_completed(id), "torn down")
    j.say("return")
    equal(j.done(), 0, "exit status")
    dev().stop()


main()
