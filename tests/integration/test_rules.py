#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule that a task, a task group, an operation, a subscription or an operator's call must keep, broken once against a
real master and agent: who is told, how, and that nothing else happens. One case is one row; all rows of a kind go in one call."""
import copy, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

PATH = "/api/v1/scheduler"
master = agent = port = agent_port = f = None


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def reserved(name, value, *roles, principal="p", **more):
    stack = [{"type": "DYNAMIC", "role": r, **({"principal": principal} if principal else {})} for r in roles]
    return scalar(name, value, reservations=stack, **more)


def volume(id, value=8, role="web", mode="RW", principal="p", **more):
    disk = {"persistence": {"id": id, **({"principal": principal} if principal else {})}, "volume": {"container_path": "data", "mode": mode}}
    return reserved("disk", value, role, disk=disk, **more)


class Framework:
    CAPS = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")

    def __init__(self, roles=("web",), caps=CAPS, **info):
        self.info = {"user": "root", "name": "rules", "principal": "p", "roles": list(roles), "capabilities": [{"type": c} for c in caps], **info}
        self.stream = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}})
        equal(self.stream.status, 200, "status of SUBSCRIBE")
        self.id = self.stream.until("SUBSCRIBED", lambda e: e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]["value"]

    def call(self, type, **body):
        return post(port, PATH, {"framework_id": {"value": self.id}, "type": type, **body}, headers={"Mesos-Stream-Id": self.stream.stream_id})

    def offer(self):
        self.call("REVIVE")
        return self.stream.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]

    def accept(self, offer, *operations):
        r = self.call("ACCEPT", accept={"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}, "operations": list(operations)})
        equal((r.status, r.body), (202, b""), "answer to ACCEPT")

    def updates(self, ids):
        """{task: status} of the first update of each."""
        left, got = set(ids), {}
        while left:
            e = self.stream.until(f"updates of {sorted(left)[:4]}", lambda e: e["type"] == "UPDATE")
            s = e["update"]["status"]
            got[s["task_id"]["value"]] = s
            left.discard(s["task_id"]["value"])
        return got


def subscription(info, **call):
    """(status, text): of an HTTP error, or 200 and the message of the ERROR event; None: it was subscribed."""
    s = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}, **call})
    if s.status != 200:
        return s.status, s.body()
    e = s.next()
    s.close()
    return (200, e["error"]["message"]) if e["type"] == "ERROR" else None


@case("a master and an agent")
def _():
    global master, agent, port, agent_port, f
    port, agent_port = free_ports(2)
    d = scratch()
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m", "--hostname=localhost",
                                "--roles=web,web/a,web/b,other", "--no-root_submissions"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a",
                              f"--runtime_dir={d}/r", "--hostname=localhost", f"--cgroups_root=stoa_rules_{port}",
                              "--resources=cpus:8;mem:4096;disk:1000;gpus:0;ports:[31000-31100]"])
    wait_for("the agent is registered", lambda: get(port, "/slaves").json["slaves"])
    f = Framework(user="nobody")


# --- tasks ------------------------------------------------------------------------------------------------------

def broken(**fields):
    """A function that puts these fields into a good task; None takes the field out."""
    def change(t):
        for k, v in fields.items():
            if v is None:
                t.pop(k, None)
            else:
                t[k] = v
    return change


def executor(**more):
    return {"executor_id": {"value": "x"}, "command": {"value": "true"}, "resources": [scalar("cpus", 0.1), scalar("mem", 32)], **more}


def check_of(**check):
    return broken(check=check)


def health(**check):
    return broken(health_check=check)


def variable(**v):
    return broken(command={"value": "true", "environment": {"variables": [{"name": "V", **v}]}})


def volumes(**v):
    return broken(container={"type": "MESOS", "volumes": [{"container_path": "v", "mode": "RW", **v}]})


def more(*resources):
    return broken(resources=[scalar("cpus", 0.1), scalar("mem", 32), *resources])


TASKS = [
    ("an agent that the offer is not of", broken(agent_id={"value": "nobody"}), "Task uses invalid agent nobody while agent"),
    ("a negative kill_policy.grace_period", broken(kill_policy={"grace_period": {"nanoseconds": -1}}), "Task's 'kill_policy.grace_period' must be non-negative"),
    ("a negative max_completion_time", broken(max_completion_time={"nanoseconds": -1}), "Task's 'max_completion_time' must be non-negative"),
    ("a check without type", check_of(command={"command": {"value": "true"}}), "CheckInfo must specify 'type'"),
    ("a check of an unknown type", check_of(type="UNKNOWN"), "'UNKNOWN' is not a valid check type"),
    ("a COMMAND check without command", check_of(type="COMMAND"), "Expecting 'command' to be set for COMMAND check"),
    ("an HTTP check without http", check_of(type="HTTP"), "Expecting 'http' to be set for HTTP check"),
    ("a TCP check without tcp", check_of(type="TCP"), "Expecting 'tcp' to be set for TCP check"),
    ("a shell check without a command's value", check_of(type="COMMAND", command={"command": {}}), "Shell command is not specified"),
    ("a check's executable without path", check_of(type="COMMAND", command={"command": {"shell": False}}), "Executable path is not specified"),
    ("a check's path that is not absolute", check_of(type="HTTP", http={"port": 1, "path": "x"}), "The path 'x' of HTTP check must start with '/'"),
    ("a check's negative delay", check_of(type="TCP", tcp={"port": 1}, delay_seconds=-1), "Expecting 'delay_seconds' to be non-negative"),
    ("a check's negative interval", check_of(type="TCP", tcp={"port": 1}, interval_seconds=-1), "Expecting 'interval_seconds' to be non-negative"),
    ("a check's negative timeout", check_of(type="TCP", tcp={"port": 1}, timeout_seconds=-1), "Expecting 'timeout_seconds' to be non-negative"),
    ("a health check without type and message", health(), "HealthCheck must specify 'type'"),
    ("a health check of an unknown type", health(type="UNKNOWN"), "'UNKNOWN' is not a valid health check type"),
    ("a COMMAND health check without command", health(type="COMMAND"), "Expecting 'command' to be set for COMMAND health check"),
    ("an HTTP health check without http", health(type="HTTP"), "Expecting 'http' to be set for HTTP health check"),
    ("a TCP health check without tcp", health(type="TCP"), "Expecting 'tcp' to be set for TCP health check"),
    ("a health check's scheme", health(type="HTTP", http={"port": 1, "scheme": "ftp"}), "Unsupported HTTP health check scheme: 'ftp'"),
    ("a health check's path that is not absolute", health(type="HTTP", http={"port": 1, "path": "x"}), "The path 'x' of HTTP check must start with '/'"),
    ("a health check's negative grace period", health(type="TCP", tcp={"port": 1}, grace_period_seconds=-1), "Expecting 'grace_period_seconds' to be non-negative"),
    ("no resources", broken(resources=[]), "Task uses no resources"),
    ("a resource without name", more(scalar("", 1)), "Empty resource name"),
    ("a negative scalar", more(scalar("tokens", -1)), "Invalid scalar resource 'tokens'"),
    ("a part of a GPU", more(scalar("gpus", 0.5)), "The 'gpus' resource must be an unsigned integer"),
    ("DiskInfo of what is no disk", more(scalar("tokens", 1, disk={"persistence": {"id": "i"}, "volume": {"container_path": "v", "mode": "RW"}})),
     "DiskInfo should not be set for 'tokens' resource"),
    ("an empty DiskInfo", more(scalar("disk", 1, disk={})), "DiskInfo is set but empty"),
    ("a volume without persistence", more(scalar("disk", 1, disk={"volume": {"container_path": "v", "mode": "RW"}})), "Non-persistent volume not supported"),
    ("a persistent volume of what is not reserved", more(scalar("disk", 1, disk={"persistence": {"id": "i"}, "volume": {"container_path": "v", "mode": "RW"}})),
     "Persistent volumes cannot be created from unreserved resources"),
    ("a persistent disk without volume", more(reserved("disk", 1, "web", disk={"persistence": {"id": "i"}})), "Expecting 'volume' to be set for persistent volume"),
    ("a persistent volume with a host path", more(reserved("disk", 1, "web", disk={"persistence": {"id": "i"},
     "volume": {"container_path": "v", "mode": "RW", "host_path": "/tmp"}})), "Expecting 'host_path' to be unset for persistent volume"),
    ("a persistence id with a slash", more(volume("a/b")), "Persistence ID"),
    ("the same persistence id twice", more(volume("same", 1), volume("same", 2)), "Persistence ID 'same' is not unique"),
    ("resources of two allocation roles", more(scalar("disk", 1, allocation_info={"role": "other"})), "multiple allocation roles"),
    ("revocable and other cpus", more(scalar("cpus", 0.1, revocable={})), "Cannot use both revocable and non-revocable 'cpus'"),
    ("a reservation for everybody", more(reserved("disk", 1, "*")), "Resource 'disk' cannot be reserved for role '*'"),
    ("a reservation without type", more(scalar("disk", 1, reservations=[{"role": "web"}])), "Resource 'disk': reservation 0 has no valid 'type'"),
    ("a refined reservation that is static", more(scalar("disk", 1, reservations=[{"type": "DYNAMIC", "role": "web"}, {"type": "STATIC", "role": "web/a"}])),
     "a refined reservation must be DYNAMIC"),
    ("a refined reservation that is none", more(reserved("disk", 1, "web", "other")), "role 'other' of a refined reservation is not a sub-role of 'web'"),
    ("shared resources that are no volume", more(scalar("disk", 1, shared={})), "Resource 'disk' is shared; only persistent volumes can be"),
    ("a RAW disk with a path", more(scalar("disk", 1, disk={"source": {"type": "RAW", "path": {"root": "x"}}})), "A disk of source type RAW must have neither"),
    ("a variable without value", variable(), "Environment variable 'V' of type 'VALUE' must have a value set"),
    ("a variable with value and secret", variable(value="x", secret={"type": "VALUE", "value": {"data": "eA=="}}),
     "Environment variable 'V' of type 'VALUE' must not have a secret set"),
    ("a secret variable without secret", variable(type="SECRET"), "Environment variable 'V' of type 'SECRET' must have a secret set"),
    ("a secret variable with a value", variable(type="SECRET", value="x", secret={"type": "VALUE", "value": {"data": "eA=="}}),
     "Environment variable 'V' of type 'SECRET' must not have a value set"),
    ("a secret without type", variable(type="SECRET", secret={"value": {"data": "eA=="}}), "Secret: expecting 'type' to be present"),
    ("a secret by reference with a value", variable(type="SECRET", secret={"type": "REFERENCE", "reference": {"name": "n"}, "value": {"data": "eA=="}}),
     "Secret of type REFERENCE must have 'reference' set and 'value' not set"),
    ("a secret by value without one", variable(type="SECRET", secret={"type": "VALUE"}), "Secret of type VALUE must have 'value' set and 'reference' not set"),
    ("a secret of an unknown type", variable(type="SECRET", secret={"type": "UNKNOWN"}), "Secret has an unknown type"),
    ("a secret with a null byte", variable(type="SECRET", secret={"type": "VALUE", "value": {"data": "eAB5"}}), "Environment variable 'V' has a secret with a null byte"),
    ("a variable of an unknown type", variable(type="UNKNOWN", value="x"), "Environment variable 'V' of type 'UNKNOWN' is not allowed"),
    ("a volume from two places", volumes(host_path="/tmp", source={"type": "HOST_PATH", "host_path": {"path": "/tmp"}}),
     "Only one of them should be set: 'host_path', 'image' and 'source'"),
    ("a volume from nowhere", volumes(), "Only one of them should be set"),
    ("a volume's source without type", volumes(source={"host_path": {"path": "/tmp"}}), "'source.type' must be set"),
    ("a volume's source of an unknown type", volumes(source={"type": "UNKNOWN"}), "'source.type' is unknown"),
    ("a volume's source without its message", volumes(source={"type": "HOST_PATH"}), "the message of 'source.type' must be set"),
    ("a sandbox path without type", volumes(source={"type": "SANDBOX_PATH", "sandbox_path": {"path": "x"}}), "'source.sandbox_path.type' must be set"),
    ("a DOCKER container without docker", broken(container={"type": "DOCKER"}), "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"),
    ("a Docker parameter that names the container", broken(container={"type": "DOCKER", "docker": {"image": "i", "parameters": [{"key": "name", "value": "n"}]}}),
     "Parameter in DockerInfo must not be 'name'"),
    ("a limit of disk", broken(limits={"disk": {"value": 10}}), "Setting resource limit of 'disk' is not supported"),
    ("a limit without request", broken(resources=[scalar("mem", 32)], limits={"cpus": {"value": 1}}), "When a limit of 'cpus' is set, its request must be set too"),
    ("a limit below the request", broken(limits={"mem": {"value": 1}}), "The limit of 'mem' (1) is less than its request (32)"),
    ("neither command nor executor", broken(command=None), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"),
    ("command and executor", broken(executor=executor()), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"),
    ("share_cgroups of a task alone", broken(container={"type": "MESOS", "linux_info": {"share_cgroups": False}}),
     "Only tasks in a task group can have 'share_cgroups' set to false"),
    ("an executor of type DEFAULT", broken(command=None, executor=executor(type="DEFAULT")), "DEFAULT"),
    ("an executor of an unknown type", broken(command=None, executor=executor(type="UNKNOWN")), "Unknown executor type"),
    ("a custom executor without command", broken(command=None, executor={k: v for k, v in executor(type="CUSTOM").items() if k != "command"}),
     "'ExecutorInfo.command' must be set for 'CUSTOM' executor"),
    ("an executor's id with a slash", broken(command=None, executor=executor(executor_id={"value": "a/b"})), "a/b"),
    ("an executor of another framework", broken(command=None, executor=executor(framework_id={"value": "other"})), "ExecutorInfo has an invalid FrameworkID (Actual: other"),
    ("an executor's negative shutdown_grace_period", broken(command=None, executor=executor(shutdown_grace_period={"nanoseconds": -1})),
     "ExecutorInfo's 'shutdown_grace_period' must be non-negative"),
    ("an executor with shared resources", broken(command=None, executor=executor(resources=[scalar("cpus", 0.1), scalar("mem", 32), volume("s", shared={})])),
     "Executor resources must not contain shared resources"),
    ("an executor that shares cgroups", broken(command=None, executor=executor(container={"type": "MESOS", "linux_info": {"share_cgroups": True}})),
     "The 'share_cgroups' cannot be set as true on executors"),
    ("a port of task and executor", broken(command=None, resources=[scalar("cpus", 0.1), {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31000}]}}],
     executor=executor(resources=[scalar("cpus", 0.1), scalar("mem", 32), {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}}])),
     "Task and its executor both use a part of 'ports'"),
    ("more than the offer has", broken(resources=[scalar("cpus", 100)]), "required by task and its executor is more than available"),
    ("an id that is \"..\"", broken(task_id={"value": ".."}), ".."),
    ("an id with a slash", broken(task_id={"value": "a/b"}), "a/b"),
]


def task_rows():
    told = {}

    def first():
        """All of them in one ACCEPT, with one good task in the middle."""
        if told:
            return
        offer, tasks = f.offer(), []
        for i, (_, change, _) in enumerate(TASKS):
            t = {"task_id": {"value": f"bad-{i}"}, "name": "bad", "agent_id": offer["agent_id"], "command": {"value": "true"},
                 "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
            change(t)
            tasks.append(t)
        good = {"task_id": {"value": "good"}, "name": "good", "agent_id": offer["agent_id"], "command": {"value": "true"},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
        tasks.insert(len(tasks) // 2, good)
        tasks.append(copy.deepcopy(good))
        f.accept(offer, {"type": "LAUNCH", "launch": {"task_infos": tasks}})
        ids = [t["task_id"]["value"] for t in tasks]
        while len(told.get("good", [])) < 2 or not all(i in told for i in ids):
            s = f.stream.until("updates", lambda e: e["type"] == "UPDATE")["update"]["status"]
            told.setdefault(s["task_id"]["value"], []).append(s)

    for i, (name, change, text) in enumerate(TASKS):
        t = {"task_id": {"value": f"bad-{i}"}}
        change(t)

        @case("task: " + name)
        def _(id=t["task_id"]["value"], text=text):
            first()
            s = told[id][0]
            equal((s["state"], s["reason"], s["source"], "uuid" in s), ("TASK_ERROR", "REASON_TASK_INVALID", "SOURCE_MASTER", False), s.get("message"))
            check(text in s["message"], f"the message is {s['message']!r}, without {text!r}")

    @case("task: an id that is in use; the good one beside all of these runs")
    def _():
        first()
        states = {s["state"]: s for s in told["good"]}
        check("Task has duplicate ID: good" in states["TASK_ERROR"]["message"], states["TASK_ERROR"])
        check("TASK_STARTING" in states or "TASK_RUNNING" in states or "TASK_FINISHED" in states, states)


task_rows()


# --- task groups ------------------------------------------------------------------------------------------------

DISK = scalar("disk", 1)
GROUP_EXECUTOR = {"executor_id": {"value": "g"}, "type": "DEFAULT", "resources": [scalar("cpus", 0.1), scalar("mem", 32), DISK]}


def group(executor=None, **task):
    return {**GROUP_EXECUTOR, **(executor or {})}, task


GROUPS = [
    ("an executor without framework_id", group({"framework_id": None}), "'ExecutorInfo.framework_id' must be set"),
    ("an executor without type", group({"type": None}), "'ExecutorInfo.type' must be set"),
    ("a DEFAULT executor with command", group({"command": {"value": "true"}}), "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"),
    ("a DEFAULT executor in a Docker container", group({"container": {"type": "DOCKER", "docker": {"image": "i"}}}), "'ExecutorInfo.container.type' must be 'MESOS'"),
    ("a DEFAULT executor from an image", group({"container": {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "i"}}}}}),
     "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"),
    ("a custom executor in a Docker container", group({"type": "CUSTOM", "command": {"value": "true"}, "container": {"type": "DOCKER", "docker": {"image": "i"}}}),
     "Docker ContainerInfo is not supported on the executor"),
    ("an executor with too few cpus", group({"resources": [scalar("cpus", 0.001), scalar("mem", 32), DISK]}), "Executor 'g' uses less CPUs than the minimum required (0.01)"),
    ("an executor with too little memory", group({"resources": [scalar("cpus", 0.1), scalar("mem", 31), DISK]}), "Executor 'g' uses less memory than the minimum required (32MB)"),
    ("an executor without disk", group({"resources": [scalar("cpus", 0.1), scalar("mem", 32)]}), "Executor 'g' does not use any 'disk'"),
    ("a Docker task", group(container={"type": "DOCKER", "docker": {"image": "i"}}), "Docker ContainerInfo is not supported on the task"),
    ("an HTTP health check of a task with a network", group(container={"type": "MESOS", "network_infos": [{}]}, health_check={"type": "TCP", "tcp": {"port": 1}}),
     "HTTP and TCP health checks are not supported"),
    ("limits of a task that shares its cgroups", group(limits={"mem": {"value": 64}}), "Resource limits may only be set for tasks of a group when 'share_cgroups' is false"),
    ("a bad member", group(resources=[]), "Task uses no resources"),
    ("more than the offer has", group(resources=[scalar("cpus", 100)]), "required by task group and its executor are more than available"),
]


def group_rows():
    told = {}

    def first():
        if told:
            return
        offer, operations = f.offer(), []

        def member(id, **fields):
            return {"task_id": {"value": id}, "name": "member", "agent_id": offer["agent_id"], "command": {"value": "true"},
                    "resources": [scalar("cpus", 0.1), scalar("mem", 32)], **fields}

        def launch(executor, *tasks, **more):
            e = {"framework_id": {"value": f.id}, **executor} if executor is not None else None
            e = {k: v for k, v in e.items() if v is not None} if e is not None else None
            return {"type": "LAUNCH_GROUP", **more, "launch_group": {**({"executor": e} if e else {}), "task_group": {"tasks": list(tasks)}}}
        for i, (_, (executor, fields), _) in enumerate(GROUPS):
            operations.append(launch(executor, member(f"g{i}", **fields), member(f"g{i}-other")))
        operations.append(launch(GROUP_EXECUTOR, member("twice"), member("twice")))
        operations.append(launch(GROUP_EXECUTOR, member("with-id"), id={"value": "op"}))
        f.accept(offer, *operations, {"type": "LAUNCH", "id": {"value": "op"}, "launch": {"task_infos": [member("launch-with-id")]}})
        ids = {"twice", "with-id", "launch-with-id"} | {f"g{i}{o}" for i in range(len(GROUPS)) for o in ("", "-other")}
        told.update(f.updates(ids))

    def said(id, text, reason="REASON_TASK_GROUP_INVALID"):
        first()
        s = told[id]
        equal((s["state"], s["reason"], s["source"], "uuid" in s), ("TASK_ERROR", reason, "SOURCE_MASTER", False), s.get("message"))
        check(text in s["message"], f"the message is {s['message']!r}, without {text!r}")

    for i, (name, _, text) in enumerate(GROUPS):
        @case("task group: " + name)
        def _(i=i, text=text):
            said(f"g{i}", text)
            said(f"g{i}-other", text)

    @case("task group: one id twice")
    def _():
        said("twice", "Task has duplicate ID: twice")

    @case("task group: an operation id, and one of a LAUNCH")
    def _():
        said("with-id", "'id' must not be set for LAUNCH_GROUP operations")
        said("launch-with-id", "'id' must not be set for LAUNCH operations", "REASON_TASK_INVALID")


group_rows()


# --- operations -------------------------------------------------------------------------------------------------

def op(type, **body):
    return {"type": type, type.lower(): body}


def raw(**more):
    return scalar("disk", 1, disk={"source": {"type": "RAW", **more}})


OPERATIONS = [
    ("RESERVE what is not reserved", op("RESERVE", resources=[scalar("cpus", 1)]), "Resource is not dynamically reserved"),
    ("RESERVE nothing", op("RESERVE", resources=[]), "The operation names no resources"),
    ("RESERVE in another's name", op("RESERVE", resources=[reserved("cpus", 1, "web", principal="q")]), "attempted by principal 'p'"),
    ("RESERVE without a principal", op("RESERVE", resources=[reserved("cpus", 1, "web", principal=None)]), "attempted by principal 'p'"),
    ("RESERVE for a role that the framework lacks", op("RESERVE", resources=[reserved("cpus", 1, "other")]), "reserved for role 'other'"),
    ("RESERVE revocable resources", op("RESERVE", resources=[reserved("cpus", 1, "web", revocable={})]), "Revocable resources cannot be reserved"),
    ("RESERVE a negative amount", op("RESERVE", resources=[reserved("cpus", -1, "web")]), "Invalid scalar resource 'cpus'"),
    ("RESERVE more than the offer has", op("RESERVE", resources=[reserved("cpus", 100, "web")]), "does not contain"),
    ("UNRESERVE what is not reserved", op("UNRESERVE", resources=[scalar("cpus", 1)]), "Resource is not dynamically reserved"),
    ("UNRESERVE a volume", op("UNRESERVE", resources=[volume("v")]), "persistent volume cannot be unreserved directly"),
    ("UNRESERVE what was never reserved", op("UNRESERVE", resources=[reserved("cpus", 1, "web")]), "does not contain"),
    ("CREATE what is no volume", op("CREATE", volumes=[reserved("disk", 8, "web")]), "volume"),
    ("CREATE from what is not reserved", op("CREATE", volumes=[scalar("disk", 8, disk={"persistence": {"id": "v"}, "volume": {"container_path": "v", "mode": "RW"}})]),
     "Persistent volumes cannot be created from unreserved resources"),
    ("CREATE read-only", op("CREATE", volumes=[volume("v", mode="RO")]), "Persistent volumes must be created with mode RW"),
    ("CREATE with a host path", op("CREATE", volumes=[reserved("disk", 8, "web", disk={"persistence": {"id": "v", "principal": "p"},
     "volume": {"container_path": "v", "mode": "RW", "host_path": "/tmp"}})]), "Expecting 'host_path' to be unset for persistent volume"),
    ("CREATE without volume", op("CREATE", volumes=[reserved("disk", 8, "web", disk={"persistence": {"id": "v", "principal": "p"}})]),
     "Expecting 'volume' to be set for persistent volume"),
    ("CREATE from revocable resources", op("CREATE", volumes=[volume("v", revocable={})]), "Persistent volumes cannot be created from revocable resources"),
    ("CREATE in another's name", op("CREATE", volumes=[volume("v", principal="q")]), "attempted by principal 'p'"),
    ("CREATE one id twice", op("CREATE", volumes=[volume("v"), volume("v")]), "is not unique"),
    ("CREATE shared, without the capability", op("CREATE", volumes=[volume("v", shared={})]), "SHARED_RESOURCES capability"),
    ("CREATE an id with a slash", op("CREATE", volumes=[volume("a/b")]), "Persistence ID"),
    ("DESTROY what is no volume", op("DESTROY", volumes=[reserved("disk", 8, "web")]), "Not a persistent volume"),
    ("DESTROY what does not exist", op("DESTROY", volumes=[volume("nowhere")]), "Persistent volume to be destroyed not found in the checkpointed resources"),
    ("GROW_VOLUME by nothing", op("GROW_VOLUME", volume=volume("v"), addition=reserved("disk", 0, "web")), "must be more than 0"),
    ("GROW_VOLUME of a shared one", op("GROW_VOLUME", volume=volume("v", shared={}), addition=reserved("disk", 1, "web")), "hared"),
    ("SHRINK_VOLUME by nothing", op("SHRINK_VOLUME", volume=volume("v"), subtract={"value": 0}), "0"),
    ("SHRINK_VOLUME by all of it", op("SHRINK_VOLUME", volume=volume("v", 8), subtract={"value": 8}), "8"),
    ("SHRINK_VOLUME on a MOUNT disk", op("SHRINK_VOLUME", volume=reserved("disk", 8, "web", disk={"persistence": {"id": "v", "principal": "p"},
     "volume": {"container_path": "v", "mode": "RW"}, "source": {"type": "MOUNT", "mount": {"root": "/m"}}}), subtract={"value": 1}), "MOUNT disk"),
    ("CREATE_DISK without provider", op("CREATE_DISK", source=raw(profile="p"), target_type="MOUNT"), "resource provider"),
    ("DESTROY_DISK without provider", op("DESTROY_DISK", source=raw(id="i")), "resource provider"),
]


def operation_rows():
    told = {}

    def first():
        if told:
            return
        operations = [{**o, "id": {"value": f"op-{i}"}} for i, (_, o, _) in enumerate(OPERATIONS)]
        f.accept(f.offer(), *operations)
        while len(told) < len(OPERATIONS):
            e = f.stream.until("operation statuses", lambda e: e["type"] == "UPDATE_OPERATION_STATUS")
            s = e["update_operation_status"]["status"]
            told[s["operation_id"]["value"]] = s

    for i, (name, _, text) in enumerate(OPERATIONS):
        @case("operation: " + name)
        def _(i=i, text=text):
            first()
            s = told[f"op-{i}"]
            equal((s["state"], "uuid" in s), ("OPERATION_ERROR", False), s.get("message"))
            check(text in s["message"], f"the message is {s['message']!r}, without {text!r}")

    @case("operation: after all of these nothing is reserved")
    def _():
        first()
        slave = get(port, "/slaves").json["slaves"][0]
        equal(slave["reserved_resources"], {}, "reserved resources")


operation_rows()


# --- offers -----------------------------------------------------------------------------------------------------

@case("offers: none, one twice, an unknown one, another framework's: tasks are dropped, and nobody gets an ERROR event")
def _():
    other = Framework(roles=["other"], user="nobody")
    mine = f.offer()
    f.call("DECLINE", decline={"offer_ids": [mine["id"]], "filters": {"refuse_seconds": 3600}})
    theirs = other.offer()
    rows = [("theirs", [theirs["id"]], "has invalid framework"), ("none", [], None), ("unknown", [{"value": "x-O1"}], "x-O1"),
            ("twice", None, "Duplicate offer")]
    for id, offers, text in rows:
        if offers is None:
            other.stream.close()
            own = f.offer()
            offers = [own["id"], own["id"]]
        t = {"task_id": {"value": id}, "name": id, "agent_id": theirs["agent_id"], "command": {"value": "true"}, "resources": [scalar("cpus", 0.1)]}
        r = f.call("ACCEPT", accept={"offer_ids": offers, "operations": [{"type": "LAUNCH", "launch": {"task_infos": [t]}}]})
        equal(r.status, 202, id)
        s = f.updates([id])[id]
        equal((s["state"], s["reason"], s["source"], "uuid" in s), ("TASK_DROPPED", "REASON_INVALID_OFFERS", "SOURCE_MASTER", False), id)
        check(text is None or text in s["message"], s["message"])


# --- subscriptions ----------------------------------------------------------------------------------------------

INFO = {"user": "nobody", "name": "n", "capabilities": [{"type": "MULTI_ROLE"}], "roles": ["web"]}
SUBSCRIPTIONS = [
    ("root, where it may not", {**INFO, "user": "root"}, 200, "User 'root' is not allowed to run frameworks without --root_submissions set"),
    ("a role that is not on the list", {**INFO, "roles": ["third"]}, 200, "third"),
    ("one role twice", {**INFO, "roles": ["web", "web"]}, 200, "web"),
    ("role and roles", {**INFO, "role": "web"}, 200, "role"),
    ("roles without MULTI_ROLE", {**INFO, "capabilities": []}, 200, "MULTI_ROLE"),
    ("a role that begins with a slash", {**INFO, "roles": ["/web"]}, 200, "/web"),
    ("a role that ends with a slash", {**INFO, "roles": ["web/"]}, 200, "web/"),
    ("a role with an empty part", {**INFO, "roles": ["web//a"]}, 200, "web//a"),
    ("a role that is a dot", {**INFO, "roles": ["web/."]}, 200, "web/."),
    ("a role with a star inside", {**INFO, "roles": ["web/*"]}, 200, "web/*"),
    ("a role that begins with a dash", {**INFO, "roles": ["-web"]}, 200, "-web"),
    ("a role with a blank", {**INFO, "roles": ["we b"]}, 200, "we b"),
    ("an id with a slash", {**INFO, "id": {"value": "a/b"}}, None, "a/b"),
    ("a negative failover_timeout", {**INFO, "failover_timeout": -1}, 200, "failover_timeout"),
    ("offer_filters without an amount", {**INFO, "offer_filters": {"web": {"min_allocatable_resources": {"quantities": [{}]}}}}, 200, "Invalid offer filter of role 'web'"),
]
for name, info, status, text in SUBSCRIPTIONS:
    @case("subscription: " + name)
    def _(info=info, status=status, text=text):
        call = {"framework_id": info["id"]} if "id" in info else {}
        got = subscription(info, **call)
        check(got is not None, "it was subscribed")
        check(status is None or got[0] == status, f"status is {got}")
        check(text in got[1], f"{got[1]!r} has no {text!r}")


# --- operators --------------------------------------------------------------------------------------------------

def call(type, **body):
    return "POST", "/api/v1", {"type": type, **body}


MACHINES = lambda *ids: {"windows": [{"machine_ids": list(ids), "unavailability": {"start": {"nanoseconds": 1}}}]}
M = {"hostname": "h1", "ip": "10.0.0.1"}
OPERATOR = [
    ("a machine with neither hostname nor ip", call("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": MACHINES({})}),
     400, "Both 'hostname' and 'ip' for a machine are empty"),
    ("a machine's ip that is none", call("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": MACHINES({"ip": "10.0.0"})}), 400, "Failed to parse IP address '10.0.0'"),
    ("a machine twice", call("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": MACHINES(M, M)}), 400, "appears more than once in the schedule"),
    ("a negative duration", call("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": [
        {"machine_ids": [M], "unavailability": {"start": {"nanoseconds": 1}, "duration": {"nanoseconds": -1}}}]}}), 400, "Unavailability 'duration' is negative"),
    ("a machine down that is in no schedule", call("START_MAINTENANCE", start_maintenance={"machines": [{"hostname": "h9", "ip": "10.0.0.9"}]}), 400, "h9"),
    ("a machine up that is not down", call("STOP_MAINTENANCE", stop_maintenance={"machines": [{"hostname": "h9", "ip": "10.0.0.9"}]}), 400, "h9"),
    ("drain an agent that there is not", call("DRAIN_AGENT", drain_agent={"agent_id": {"value": "none"}}), None, "Unknown agent"),
    ("deactivate an agent that there is not", call("DEACTIVATE_AGENT", deactivate_agent={"agent_id": {"value": "none"}}), None, "Unknown agent"),
    ("mark an agent gone that there is not", call("MARK_AGENT_GONE", mark_agent_gone={"agent_id": {"value": "none"}}), 404, "none"),
    ("quota of a role that is not on the list", call("UPDATE_QUOTA", update_quota={"quota_configs": [{"role": "third", "limits": {"cpus": {"value": 1}}}]}), 400, "Unknown role 'third'"),
    ("quota of a role that is none", call("UPDATE_QUOTA", update_quota={"quota_configs": [{"role": "a//b", "limits": {"cpus": {"value": 1}}}]}), 400, "Invalid role 'a//b'"),
    ("a quota to remove that is not set", ("DELETE", "/quota/web", None), 400, "web"),
    ("a quota guarantee of a name twice", ("POST", "/quota", {"role": "web", "guarantee": [scalar("cpus", 1), scalar("cpus", 1)]}), 400, "duplicate resource name 'cpus'"),
    ("a quota guarantee that is reserved", ("POST", "/quota", {"role": "web", "guarantee": [reserved("cpus", 1, "web")]}), 400, "must not contain reservations"),
    ("a quota guarantee that is revocable", ("POST", "/quota", {"role": "web", "guarantee": [scalar("cpus", 1, revocable={})]}), 400, "must not contain RevocableInfo"),
    ("a quota guarantee of ports", ("POST", "/quota", {"role": "web", "guarantee": [{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}}]}),
     400, "must not contain non-scalar resources"),
    ("an old quota request for the default role", ("POST", "/quota", {"role": "*", "guarantee": [scalar("cpus", 1)]}), 400, "default '*' role"),
    ("an old quota request without a role", ("POST", "/quota", {"guarantee": [scalar("cpus", 1)]}), 400, "Role cannot be empty"),
    ("a weight of nothing", call("UPDATE_WEIGHTS", update_weights={"weight_infos": [{"role": "web", "weight": 0}]}), 400, "web"),
    ("a weight of a role that is none", call("UPDATE_WEIGHTS", update_weights={"weight_infos": [{"role": "-x", "weight": 1}]}), 400, "-x"),
    ("teardown of nobody", call("TEARDOWN", teardown={"framework_id": {"value": "none"}}), 400, "No framework found with specified ID"),
    ("reserve on an agent that there is not", call("RESERVE_RESOURCES", reserve_resources={"agent_id": {"value": "none"}, "resources": [reserved("cpus", 1, "web", principal=None)]}),
     400, "No agent found with specified ID"),
]
for name, request, status, text in OPERATOR:
    @case("operator: " + name)
    def _(request=request, status=status, text=text):
        r = http_request(request[0], port, request[1], request[2])
        check(400 <= r.status < 500 and status in (None, r.status), f"status {r.status}: {r.text}")
        check(text in r.text, f"{r.text!r} has no {text!r}")


@case("operator: RESERVE with a source changes the stack and nothing else")
def _():
    f.call("SUPPRESS")
    id = get(port, "/slaves").json["slaves"][0]["id"]
    v1 = lambda type, **body: post(port, "/api/v1", {"type": type, type.lower(): {"agent_id": {"value": id}, **body}})
    one, other = (lambda n: reserved("cpus", n, "web")), (lambda n: reserved("cpus", n, "other"))
    roles = lambda: sorted(k for k, v in get(port, "/slaves").json["slaves"][0]["reserved_resources"].items() if v["cpus"] == 1)
    before = roles()
    equal(v1("RESERVE_RESOURCES", resources=[one(1)]).status, 202, "reserve")
    r = v1("RESERVE_RESOURCES", source=[one(1)], resources=[other(2)])
    equal(r.status, 400, "more than there was")
    check("differ in more than their reservations" in r.text, r.text)
    equal(v1("RESERVE_RESOURCES", source=[one(1)], resources=[other(1)]).status, 202, "reserve anew")
    equal(roles(), sorted(before + ["other"]), "roles with one cpu")
    wait_for("the agent has it", lambda: "other" in get(agent_port, "/state").json["reserved_resources"])
    equal(v1("UNRESERVE_RESOURCES", resources=[other(1)]).status, 202, "unreserve")
    equal(roles(), before, "roles at the end")


@case("operator: a machine that is down stays in the schedule, and goes down once")
def _():
    ok = lambda r: equal(r.status, 200, r.text)
    v1 = lambda type, **body: post(port, "/api/v1", {"type": type, **body})
    ok(v1("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": MACHINES(M)}))
    ok(v1("START_MAINTENANCE", start_maintenance={"machines": [M]}))
    r = v1("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": []}})
    equal(r.status, 400, "status")
    check("is deactivated and cannot be removed from the schedule" in r.text, r.text)
    r = v1("START_MAINTENANCE", start_maintenance={"machines": [M]})
    equal(r.status, 400, "status")
    check("is not in DRAINING mode and cannot be brought down" in r.text, r.text)
    ok(v1("STOP_MAINTENANCE", stop_maintenance={"machines": [M]}))


@case("they end cleanly")
def _():
    f.call("TEARDOWN")
    equal(agent.stop(), 0, "agent")
    equal(master.stop(), 0, "master")


main()
