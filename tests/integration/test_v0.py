#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Old drivers: a scheduler and an executor that speak libprocess messages, against real processes. The order and content of
messages follow what real drivers were recorded to say."""
import hmac, os, sys
try:
    import google.protobuf
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *
import libprocess as lp

master = agent = port = agent_port = modules = sched = None
MPID = lambda: f"master@127.0.0.1:{port}"
APID = lambda: f"slave(1)@127.0.0.1:{agent_port}"
CAPS = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")


class Scheduler(lp.Proc):
    def __init__(self, id=None, force=False, failover=60.0, subscribe=True, old=False, **info):
        super().__init__(f"scheduler-{os.urandom(4).hex()}")
        self.id, self.failover, self.info, self.offers = id, failover, info, {}
        if subscribe:
            self.subscribe(force, old)

    def framework(self):
        f = lp.v1.FrameworkInfo(user="root" if IS_ROOT else "nobody", name="v0-test", failover_timeout=self.failover,
                                checkpoint=True, hostname="scheduler.example", roles=["v0"], **self.info)
        for c in CAPS:
            f.capabilities.add().type = lp.v1.FrameworkInfo.Capability.Type.Value(c)
        if self.id:
            f.id.value = self.id
        return f

    def subscribe(self, force=False, old=False):
        if old:
            m = lp.internal.ReregisterFrameworkMessage(failover=force) if self.id else lp.internal.RegisterFrameworkMessage()
            m.framework.CopyFrom(self.framework())
            self.send(MPID(), m)
            return
        c = lp.v0.Call(type=lp.scheduler.Call.SUBSCRIBE)
        c.subscribe.framework_info.CopyFrom(self.framework())
        if self.id:
            c.framework_id.value = self.id
            c.subscribe.force = force
        self.send(MPID(), c)

    def registered(self, again=False):
        m = self.next("FrameworkReregisteredMessage" if again else "FrameworkRegisteredMessage")
        self.id = m.framework_id.value
        equal(self.sender, MPID(), "sender")
        return m

    def call(self, type, **fields):
        c = lp.v0.Call(type=lp.scheduler.Call.Type.Value(type), **fields)
        c.framework_id.value = self.id
        self.send(MPID(), c)

    def took(self, name, m):
        if name == "ResourceOffersMessage":
            equal(len(m.offers), len(m.pids), "pids")
            self.offers.update({o.id.value: o for o in m.offers})
        elif name == "RescindResourceOfferMessage":
            self.offers.pop(m.offer_id.value, None)

    def offer(self, use=True):
        """An offer that stands."""
        while not self.offers:
            self.next("ResourceOffersMessage")
        id = next(iter(self.offers))
        return self.offers.pop(id) if use else self.offers[id]

    def launch(self, *tasks, old=False):
        o = self.offer()
        for t in tasks:
            t.agent_id.CopyFrom(o.agent_id)
        if old:
            m = lp.internal.LaunchTasksMessage(tasks=tasks, offer_ids=[o.id])
            m.framework_id.value = self.id
            m.filters.refuse_seconds = 0
            self.send(MPID(), m)
            return
        accept = lp.scheduler.Call.Accept(offer_ids=[o.id])
        accept.filters.refuse_seconds = 0
        op = accept.operations.add(type=lp.v1.Offer.Operation.LAUNCH)
        op.launch.task_infos.extend(tasks)
        self.call("ACCEPT", accept=accept)

    def ack(self, m, old=False):
        s = m.update.status
        if old:
            a = lp.internal.StatusUpdateAcknowledgementMessage(uuid=m.update.uuid)
            a.framework_id.value, a.slave_id.value, a.task_id.value = self.id, m.update.slave_id.value, s.task_id.value
            self.send(MPID(), a)
        else:
            self.call("ACKNOWLEDGE", acknowledge=lp.scheduler.Call.Acknowledge(agent_id=s.agent_id, task_id=s.task_id, uuid=s.uuid))

    def update(self, task, state, seconds=30, ack=True, old=False):
        """Acknowledges what comes before."""
        want = lp.v1.TaskState.Value(state)
        while True:
            m = self.next("StatusUpdateMessage", seconds, lambda m: m.update.status.task_id.value == task)
            if m.update.uuid and ack:
                equal(m.pid, APID(), "pid of an update that wants to be acknowledged")
                equal(m.update.uuid, m.update.status.uuid, "uuids")
                self.ack(m, old)
            if m.update.status.state == want:
                return m

    def kill(self, task):
        k = lp.scheduler.Call.Kill()
        k.task_id.value = task
        self.call("KILL", kill=k)


def task(id, cpus=0.1, mem=32, cmd=None, executor=None, data=None):
    t = lp.v1.TaskInfo(name=id)
    t.task_id.value = id
    for name, value in (("cpus", cpus), ("mem", mem)):
        r = t.resources.add(name=name, type=lp.v1.Value.SCALAR, role="*")
        r.scalar.value = value
        r.allocation_info.role = "v0"
    if cmd:
        t.command.value = cmd
    if executor:
        t.executor.CopyFrom(executor)
    if data:
        t.data = data
    return t


def custom(framework_id, id="vexec"):
    e = lp.v1.ExecutorInfo(name="v0 executor")
    e.executor_id.value, e.framework_id.value = id, framework_id
    e.command.value = f"exec /usr/bin/python3 {ROOT_DIR}/tests/support/v0_executor.py {modules}"
    for name, value in (("cpus", 0.1), ("mem", 64)):
        r = e.resources.add(name=name, type=lp.v1.Value.SCALAR, role="*")
        r.scalar.value = value
        r.allocation_info.role = "v0"
    return e


def framework(id=None):
    fs = get(port, "/frameworks").json["frameworks"]
    return next((f for f in fs if f["id"] == (id or sched.id)), None)


def to_executor(data, id="vexec", to=None):
    m = lp.internal.FrameworkToExecutorMessage(data=data)
    m.slave_id.value = get(port, "/slaves").json["slaves"][0]["id"]
    m.framework_id.value, m.executor_id.value = sched.id, id
    sched.send(to or APID(), m)


@case("a master, an agent and the modules of the messages")
def _():
    global master, agent, port, agent_port, modules
    try:
        import google.protobuf
    except ImportError:
        print("1..0 # SKIP the protobuf module of Python is not installed")
        sys.exit(0)
    modules = os.path.join(scratch(), "modules")
    os.mkdir(modules)
    why = lp.compile_protos(modules)
    if why:
        print(f"1..0 # SKIP {why}")
        sys.exit(0)
    port, agent_port = free_ports(2)
    d = scratch()
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost",
                                "--allocation_interval=200ms"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a",
                              "--hostname=localhost", f"--cgroups_root=stoa_v0_test_{port}", "--resources=cpus:8;mem:4096;disk:1000",
                              "--registration_backoff_factor=100ms", "--executor_shutdown_grace_period=2secs"])
    wait_for("the agent", lambda: get(port, "/slaves").json["slaves"][0]["active"])


@case("a driver registers: id and master_info, then offers with the pids of their agents")
def _():
    global sched
    sched = Scheduler()
    m = sched.registered()
    equal((m.master_info.pid, m.master_info.port), (MPID(), port), "master_info")
    o = sched.next("ResourceOffersMessage")
    equal(list(o.pids), [APID()], "pids")
    equal(o.offers[0].framework_id.value, sched.id, "framework of the offer")
    f = framework()
    equal((f["pid"], f["active"], f["connected"]), (sched.pid, True, True), "/frameworks")
    equal(next(f for f in get(port, "/state").json["frameworks"] if f["id"] == sched.id)["pid"], sched.pid, "/state")


@case("a repeated registration of the same pid is answered again, with the same id")
def _():
    id, sched.id = sched.id, None
    sched.subscribe()
    sched.registered()
    equal(sched.id, id, "id")
    equal(len(get(port, "/frameworks").json["frameworks"]), 1, "frameworks")


@case("a command task: STARTING and RUNNING wait for their acknowledgements")
def _():
    sched.launch(task("v-1", cmd="sleep 1000"))
    m = sched.update("v-1", "TASK_STARTING", ack=False)
    equal(m.update.latest_state in (lp.v1.TASK_STARTING, lp.v1.TASK_RUNNING), True, "latest_state")
    equal(sched.sender, MPID(), "sender")
    sched.ack(m)
    sched.update("v-1", "TASK_RUNNING")


@case("a custom executor that speaks messages runs a task and echoes what the scheduler sends to the agent and to the master")
def _():
    sched.launch(task("vx-1", executor=custom(sched.id)))
    sched.update("vx-1", "TASK_STARTING")
    sched.update("vx-1", "TASK_RUNNING")
    to_executor(b"hello")
    m = sched.next("ExecutorToFrameworkMessage")
    equal((m.data, sched.sender), (b"echo hello", APID()), "the echo, from the agent itself")
    to_executor(b"old way", to=MPID())
    equal(sched.next("ExecutorToFrameworkMessage").data, b"echo old way", "through the master")
    sched.call("MESSAGE", message=lp.scheduler.Call.Message(agent_id=lp.v1.AgentID(value=m.slave_id.value),
                                                            executor_id=m.executor_id, data=b"call"))
    equal(sched.next("ExecutorToFrameworkMessage").data, b"echo call", "by a call")


@case("a second task goes to the same executor and ends by itself")
def _():
    sched.launch(task("vx-2", executor=custom(sched.id), data=b"finish"))
    for s in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
        sched.update("vx-2", s, old=True)
    wait_for("vx-2 is completed", lambda: "vx-2" in [t["id"] for t in framework()["completed_tasks"]])


@case("reconciliation: known and unknown tasks, answers without uuid and pid")
def _():
    r = lp.scheduler.Call.Reconcile()
    for id in ("v-1", "nope"):
        r.tasks.add().task_id.value = id
    sched.call("RECONCILE", reconcile=r)
    for id, state in (("v-1", "TASK_RUNNING"), ("nope", "TASK_UNKNOWN")):
        m = sched.update(id, state)
        equal((m.update.status.reason, m.update.HasField("uuid"), m.HasField("pid")), (lp.v1.TaskStatus.REASON_RECONCILIATION, False, False), id)
    sched.call("RECONCILE", reconcile=lp.scheduler.Call.Reconcile())
    got = {sched.next("StatusUpdateMessage").update.status.task_id.value for _ in range(2)}
    equal(got, {"v-1", "vx-1"}, "implicit")
    old = lp.internal.ReconcileTasksMessage()
    old.framework_id.value = sched.id
    s = old.statuses.add(state=lp.v1.TASK_RUNNING)
    s.task_id.value = "vx-1"
    sched.send(MPID(), old)
    sched.update("vx-1", "TASK_RUNNING")


@case("kill: a command task, and by the old message a task of the executor")
def _():
    sched.kill("v-1")
    sched.update("v-1", "TASK_KILLED")
    k = lp.internal.KillTaskMessage()
    k.framework_id.value, k.task_id.value = sched.id, "vx-1"
    sched.send(MPID(), k)
    sched.update("vx-1", "TASK_KILLED")


@case("what comes from another pid or for another framework is dropped")
def _():
    other = Scheduler(id=sched.id, subscribe=False)
    other.call("TEARDOWN")
    other.call("KILL", kill=lp.scheduler.Call.Kill(task_id=lp.v1.TaskID(value="v-1")))
    h = post(port, "/api/v1/scheduler", {"framework_id": {"value": sched.id}, "type": "REVIVE"}, headers={"Mesos-Stream-Id": "x"})
    equal((h.status, h.text), (403, "Framework is not connected via HTTP"), "an HTTP call of a driver's framework")
    equal(framework()["active"], True, "still there")
    other.close()


@case("operation ids are refused, operations without go through")
def _():
    o = sched.offer()
    accept = lp.scheduler.Call.Accept(offer_ids=[o.id])
    accept.filters.refuse_seconds = 0
    op = accept.operations.add(type=lp.v1.Offer.Operation.RESERVE)
    op.id.value = "op-1"
    r = op.reserve.resources.add(name="cpus", type=lp.v1.Value.SCALAR, role="v0")
    r.scalar.value = 0.5
    r.allocation_info.role = "v0"
    sched.call("ACCEPT", accept=accept)
    check("peration ids" in sched.next("FrameworkErrorMessage").message, "the error names operation ids")
    o = sched.offer()
    del accept.offer_ids[:]
    accept.offer_ids.add().CopyFrom(o.id)
    op.ClearField("id")
    op.reserve.resources[0].reservation.SetInParent()
    sched.call("ACCEPT", accept=accept)
    wait_for("the reservation", lambda: "v0" in get(port, "/slaves").json["slaves"][0]["reserved_resources"])


@case("another driver without force is refused, with force it takes over and the first is told")
def _():
    global sched
    second = Scheduler(id=sched.id, force=False)
    equal(second.next("FrameworkErrorMessage").message, "Framework failed over", "without force")
    second.subscribe(force=True)
    equal(sched.next("FrameworkErrorMessage").message, "Framework failed over", "to the first")
    second.registered()
    equal(framework()["pid"], second.pid, "pid")
    sched.call("TEARDOWN")
    sched.close()
    sched = second
    sched.launch(task("v-2", cmd="sleep 1000"), task("vx-3", executor=custom(sched.id)))
    sched.update("v-2", "TASK_RUNNING")
    sched.update("vx-3", "TASK_RUNNING")
    to_executor(b"after failover")
    equal(sched.next("ExecutorToFrameworkMessage").data, b"echo after failover", "the agent knows the new pid")


@case("the same driver subscribes again: offers are rescinded, FrameworkReregistered")
def _():
    o = sched.offer(use=False)
    sched.subscribe()
    equal(sched.next("RescindResourceOfferMessage").offer_id.value, o.id.value, "rescinded")
    sched.registered(again=True)


@case("an abort rescinds offers and stops them; the driver stays connected; subscribing again brings them back")
def _():
    sched.offer(use=False)
    d = lp.internal.DeactivateFrameworkMessage()
    d.framework_id.value = sched.id
    sched.send(MPID(), d)
    sched.next("RescindResourceOfferMessage")
    f = framework()
    equal((f["active"], f["connected"]), (False, True), "aborted")
    equal(get(port, "/metrics/snapshot").json["master/frameworks_inactive"], 1.0, "inactive")
    equal(sched.offers, {}, "offers")
    sched.subscribe()
    sched.registered(again=True)
    sched.offer(use=False)


@case("the agent restarts: the executor is asked to reconnect and goes on")
def _():
    runs = glob.glob(f"{scratch()}/a/meta/slaves/latest/frameworks/{sched.id}/executors/vexec/runs/latest/pids/libprocess.pid")
    equal(len(runs), 1, "libprocess.pid")
    agent.kill()
    agent.wait()
    agent.start()
    wait_for("the agent is back", lambda: get(agent_port, "/state").json.get("frameworks") and get(port, "/slaves").json["slaves"][0]["active"])
    log = open(glob.glob(f"{scratch()}/a/slaves/latest/frameworks/{sched.id}/executors/vexec/runs/latest/stdout")[0]).read()
    check("ReconnectExecutorMessage" in log and "ExecutorReregisteredMessage" in log, f"reconnected: {log}")
    to_executor(b"again")
    equal(sched.next("ExecutorToFrameworkMessage").data, b"echo again", "message after the restart")
    sched.kill("vx-3")
    sched.update("vx-3", "TASK_KILLED")


@case("the master restarts: the driver registers with its id, tasks are as before, offers come")
def _():
    sched.launch(task("vx-4", executor=custom(sched.id)))
    sched.update("vx-4", "TASK_RUNNING")
    master.kill()
    master.wait()
    master.start()
    wait_for("the agent has registered again", lambda: get(port, "/slaves").json["slaves"][0]["active"])
    sched.subscribe(force=False)
    sched.registered()
    equal(sorted(t["id"] for t in framework()["tasks"] if t["state"] == "TASK_RUNNING"), ["v-2", "vx-4"], "tasks")
    sched.offers.clear()
    sched.offer(use=False)
    to_executor(b"new master")
    equal(sched.next("ExecutorToFrameworkMessage").data, b"echo new master", "message")


@case("a driver's framework goes to HTTP and back with force")
def _():
    global sched
    fi = {"id": {"value": sched.id}, "user": "root" if IS_ROOT else "nobody", "name": "v0-test", "checkpoint": True, "roles": ["v0"],
          "failover_timeout": 60.0, "capabilities": [{"type": c} for c in CAPS]}
    http = Stream(port, {"type": "SUBSCRIBE", "framework_id": {"value": sched.id}, "subscribe": {"framework_info": fi}})
    equal(http.next()["type"], "SUBSCRIBED", "HTTP")
    equal(sched.next("FrameworkErrorMessage").message, "Framework failed over", "to the driver")
    check("pid" not in framework(), "no pid")
    back = Scheduler(id=sched.id)
    equal(back.next("FrameworkErrorMessage").message, "Framework failed over", "without force")
    back.subscribe(force=True)
    back.registered()
    http.until("the stream is told", lambda e: e["type"] == "ERROR")
    equal(http.next(), None, "the stream ends")
    http.close()
    sched.close()
    sched = back
    equal(framework()["pid"], sched.pid, "pid")


@case("an executor that ends is reported: its task, then ExitedExecutor")
def _():
    pid = next(p for p in processes_in(scratch(), "v0_executor.py") if modules in open(f"/proc/{p}/cmdline").read())
    os.kill(pid, signal.SIGKILL)
    m = sched.next("ExitedExecutorMessage")
    equal((m.executor_id.value, m.status), ("vexec", 9), "ExitedExecutor")
    check(any(s[0] == "StatusUpdateMessage" and s[1].update.status.state == lp.v1.TASK_FAILED for s in sched.seen) or
          sched.update("vx-4", "TASK_FAILED"), "the task")


@case("a driver whose link breaks is disconnected, and kept for its failover timeout; it returns without force only by its pid")
def _():
    global sched
    sched.close()
    wait_for("disconnected", lambda: not framework()["connected"])
    back = Scheduler(id=sched.id, force=True)
    back.registered()
    sched = back
    equal(sorted(t["id"] for t in framework()["tasks"] if t["state"] == "TASK_RUNNING"), ["v-2"], "tasks")


@case("the agent goes for good: the driver gets LostSlave")
def _():
    sched.offer(use=False)
    agent.kill(signal.SIGUSR1)
    sched.next("LostSlaveMessage", 40)
    equal(sched.offers, {}, "offers of the lost agent")
    agent.wait()
    agent.start()
    wait_for("a new agent", lambda: any(s["active"] for s in get(port, "/slaves").json["slaves"]))
    sched.launch(task("v-3", cmd="sleep 1000"))
    sched.update("v-3", "TASK_RUNNING")


@case("a driver that stops tears its framework down")
def _():
    sched.call("TEARDOWN")
    wait_for("the framework is completed", lambda: sched.id in [f["id"] for f in get(port, "/frameworks").json["completed_frameworks"]])
    wait_for("nothing runs", lambda: not get(agent_port, "/state").json["frameworks"])
    sched.close()


@case("the messages before Call: register, launch, acknowledge, revive, reregister, unregister")
def _():
    s = Scheduler(old=True)
    s.registered()
    s.launch(task("o-1", cmd="exit 0"), old=True)
    s.update("o-1", "TASK_FINISHED", old=True)
    r = lp.internal.ReviveOffersMessage(roles=["v0"])
    r.framework_id.value = s.id
    s.send(MPID(), r)
    s.offer(use=False)
    s.subscribe(force=True, old=True)
    s.registered()
    u = lp.internal.UnregisterFrameworkMessage()
    u.framework_id.value = s.id
    s.send(MPID(), u)
    wait_for("completed", lambda: s.id in [f["id"] for f in get(port, "/frameworks").json["completed_frameworks"]])
    s.subscribe(force=True, old=True)
    equal(s.next("FrameworkErrorMessage").message, "Framework has been removed", "a removed framework")
    s.close()


@case("a broken message changes nothing")
def _():
    s = Scheduler(subscribe=False)
    for name in ("mesos.scheduler.Call", "mesos.internal.RegisterFrameworkMessage", "mesos.internal.LaunchTasksMessage", "mesos.internal.Nonsense"):
        s.send(MPID(), b"\x0a\xff\x01", name)
        s.send(MPID(), b"", name)
    for name in ("mesos.internal.RegisterExecutorMessage", "mesos.internal.StatusUpdateMessage", "mesos.internal.ReregisterExecutorMessage"):
        s.send(APID(), b"\x0a\xff\x01", name)
        s.send(APID(), b"", name)
    e = lp.internal.RegisterExecutorMessage()
    e.framework_id.value, e.executor_id.value = "no", "such"
    s.send(APID(), e)
    s.next("ShutdownExecutorMessage")
    equal(get(port, "/health").status, 200, "master")
    equal(get(agent_port, "/health").status, 200, "agent")
    s.close()

class Authenticatee(lp.Proc):
    """One conversation for a pid."""

    def __init__(self, subject):
        super().__init__("crammd5-authenticatee(1)")
        self.send(MPID(), lp.internal.AuthenticateMessage(pid=subject))
        equal(list(self.next("AuthenticationMechanismsMessage").mechanisms), ["CRAM-MD5"], "mechanisms")
        check(self.sender.startswith("crammd5-authenticator-session("), self.sender)
        self.session = self.sender

    def challenge(self):
        self.send(self.session, lp.internal.AuthenticationStartMessage(mechanism="CRAM-MD5", data=b""))
        return self.next("AuthenticationStepMessage").data

    def answer(self, principal, secret):
        mac = hmac.new(secret, self.challenge(), "md5").hexdigest()
        self.send(self.session, lp.internal.AuthenticationStepMessage(data=f"{principal} {mac}".encode()))
        got = self.inbox.get(timeout=20)[0]
        self.close()
        return got


@case("CRAM-MD5: drivers must authenticate when it is required, and their principal is filled in")
def _():
    global port
    port = free_ports(1)[0]
    creds = os.path.join(scratch(), "credentials.json")
    with open(creds, "w") as f:
        json.dump({"credentials": [{"principal": "fw", "secret": "s3cret"}, {"principal": "agent", "secret": "a"}]}, f)
    m = Process("master-auth", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={scratch()}/m2", "--hostname=localhost",
                                "--authenticate_frameworks=true", "--authenticate_agents=true", f"--credentials={creds}"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    s = Scheduler()
    equal(s.next("FrameworkErrorMessage").message, f"Framework at {s.pid} is not authenticated", "without")
    equal(Authenticatee(s.pid).answer("fw", b"wrong"), "AuthenticationFailedMessage", "wrong secret")
    equal(Authenticatee(s.pid).answer("nobody", b"s3cret"), "AuthenticationFailedMessage", "unknown principal")
    a = Authenticatee(s.pid)
    a.send(a.session, lp.internal.AuthenticationStartMessage(mechanism="PLAIN"))
    check("mechanism" in a.next("AuthenticationErrorMessage").error, "the error")
    first = Authenticatee(s.pid)
    equal(Authenticatee(s.pid).answer("fw", b"s3cret"), "AuthenticationCompletedMessage", "right")
    first.send(first.session, lp.internal.AuthenticationStartMessage(mechanism="CRAM-MD5"))
    s.subscribe()
    s.registered()
    equal(framework(s.id)["principal"], "fw", "principal")
    check(first.inbox.empty(), "a superseded session is silent")
    other = Scheduler(subscribe=False, principal="agent")
    equal(Authenticatee(other.pid).answer("fw", b"s3cret"), "AuthenticationCompletedMessage", "right")
    other.subscribe()
    check("does not match principal" in other.next("FrameworkErrorMessage").message, "another principal")
    s.close()
    wait_for("disconnected", lambda: not framework(s.id)["connected"])
    m.stop()


@case("CRAM-MD5: an agent that is not authenticated is ignored")
def _():
    global port
    port = free_ports(1)[0]
    m = Process("master-auth", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", "--registry=in_memory", "--hostname=localhost",
                                "--authenticate_agents=true", f"--credentials={scratch()}/credentials.json"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    a = lp.Proc("slave(1)")
    r = lp.internal.RegisterSlaveMessage(version="1.12.0")
    r.slave.hostname, r.slave.port = "n", 5051
    r.resource_version_uuid.value = os.urandom(16)
    a.send(MPID(), r)
    equal(Authenticatee(a.pid).answer("agent", b"a"), "AuthenticationCompletedMessage", "right")
    equal(get(port, "/slaves").json["slaves"], [], "ignored")
    a.send(MPID(), r)
    a.next("SlaveRegisteredMessage")
    a.close()
    m.stop()


@case("--rate_limits: messages of a principal wait for their turn; over the capacity the driver is told; others are not held up")
def _():
    global port
    old, port = port, free_ports()[0]
    limits = {"limits": [{"principal": "slow", "qps": 5, "capacity": 3}, {"principal": "free"}]}
    m = Process("limited", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", "--registry=in_memory", "--hostname=localhost",
                            "--rate_limits=" + json.dumps(limits)])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    slow, free = Scheduler(principal="slow"), Scheduler(principal="free")
    slow.registered(), free.registered()
    r = lp.scheduler.Call.Reconcile()
    r.tasks.add().task_id.value = "nope"
    for s in (slow, free):
        for _ in range(5):
            s.call("RECONCILE", reconcile=r)
    for _ in range(5):
        free.update("nope", "TASK_UNKNOWN")
    equal(slow.next("FrameworkErrorMessage").message, "Message mesos.scheduler.Call dropped: capacity(3) exceeded", "told")
    for _ in range(3):  # the first was answered before
        slow.update("nope", "TASK_UNKNOWN")
    x = get(port, "/metrics/snapshot").json
    equal([x[f"frameworks/slow/messages_{k}"] for k in ("received", "processed")], [6, 5], "counters of slow")
    equal([x[f"frameworks/free/messages_{k}"] for k in ("received", "processed")], [6, 6], "counters of free")
    for s in (slow, free):
        s.call("TEARDOWN")
        s.close()
    m.stop()
    port = old


main()
