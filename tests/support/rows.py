# SPDX-License-Identifier: Apache-2.0
"""Rows of the references as cases. Each row is one request or one fact of an answer against a cluster that all rows of a file share;
tests/tools/rules says how a row is named. Here: a cluster, requests as bytes, the shape of an answer by a table of its keys."""
from scheduler import *
import protowire

JSON, PROTO = {"Content-Type": "application/json"}, {"Content-Type": "application/x-protobuf"}


class Cluster:
    """A master, and agents that are registered; agents=0: none."""

    def __init__(self, *master_flags, agents=1, agent_flags=(), resources="cpus:4;mem:2048;disk:1000;ports:[31000-31100]", name="ref", headers=None):
        self.port, *self.agent_ports = free_ports(1 + agents)
        self.dir = tempfile.mkdtemp(prefix=name + ".", dir=scratch())
        os.chmod(self.dir, 0o755)
        self.headers = headers or {}
        self.master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={self.port}", f"--work_dir={self.dir}/m", "--hostname=localhost",
                                         "--allocation_interval=50ms", *master_flags])
        wait_for("the master", lambda: get(self.port, "/health").status == 200)
        self.agent_flags = agent_flags
        self.agents = [self.add_agent(i, p, resources, agent_flags) for i, p in enumerate(self.agent_ports)]
        if agents:
            wait_for("the agents", lambda: len([s for s in self.get("/slaves").json["slaves"] if s["active"]]) == agents)

    def add_agent(self, i, port, resources, flags=()):
        return Process(f"agent{i}", [STOA, "agent", f"--master=127.0.0.1:{self.port}", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={self.dir}/a{i}",
                                     f"--runtime_dir={self.dir}/r{i}", "--hostname=localhost", f"--cgroups_root=stoa_ref_{port}", f"--resources={resources}",
                                     "--registration_backoff_factor=50ms", "--executor_shutdown_grace_period=1secs", *flags])

    def get(self, path, **headers):
        return get(self.port, path, headers={**self.headers, **headers})

    def v1(self, type, body=None, key=None, headers=None):
        call = {"type": type, **({key or type.lower(): body} if body is not None else {})}
        return post(self.port, "/api/v1", call, headers={**self.headers, **(headers or {})})

    def answer(self, type, body=None):
        r = self.v1(type, body)
        equal(r.status, 200, f"{type}: {r.text[:200]}; status")
        return r.json.get(type.lower(), {})

    @property
    def agent_id(self):
        return self.get("/slaves").json["slaves"][0]["id"]

    def stop(self):
        """Tears down the frameworks that are left and waits until no executor of theirs runs: one that outlived its agent would wait
        for it for a quarter of an hour."""
        for x in self.get("/frameworks").json["frameworks"]:
            post(self.port, "/teardown", f"frameworkId={x['id']}", headers=self.headers)
        live = lambda: [p for a, p in zip(self.agents, self.agent_ports) if a.p.poll() is None]  # one that was marked gone ends by itself
        wait_for("no executor runs", lambda: not any(f["executors"] for p in live() for f in get(p, "/state").json["frameworks"]))
        for a in self.agents:
            a.stop()
        self.master.stop()
        for p in self.agent_ports:
            for d in glob.glob(f"/sys/fs/cgroup/*/stoa_ref_{p}") + glob.glob(f"/sys/fs/cgroup/stoa_ref_{p}"):
                os.rmdir(d)


def events(stream, type, count=1, seconds=PATIENCE):
    """The next so many events of a type."""
    return [stream.until(f"{count} {type}", lambda e: e["type"] == type, seconds) for _ in range(count)]


def raw(port, data, seconds=30, until=None):
    """Sends the bytes; what comes until the server closes, the answer is whole, or until(data) is true: as bytes."""
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.sendall(data)
        s.settimeout(seconds)
        got = b""
        try:
            while not (until or whole)(got):
                piece = s.recv(1 << 16)
                if not piece:
                    break
                got += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def whole(data):
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and (len(body) >= int(length.group(1)) if length else body.endswith(b"0\r\n\r\n"))


def status_of(data):
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.") else None


TYPES = {"text": str, "number": (int, float), "int": int, "bool": bool, "object": dict, "list": list}


def shape(subject, table, answer):
    """One case per line `path: type` of the table, for the answer that the function gives. a.b goes into an object, a[] into each
    entry of a list, of which there must be one; a.* into each value. `type?`: the key may be missing; `none`: it must be.
    A type with `= text` also says the value."""
    for line in table.strip().split("\n"):
        path, _, type = (p.strip() for p in line.partition(": "))

        @case(f"{subject} key {path}: {type}")
        def _(path=path, type=type):
            type, eq, value = type.partition(" = ")
            optional, kind = type.endswith("?"), type.rstrip("?")
            found = walk(answer(), path.split("."), path, optional or kind == "none")
            if kind == "none":
                equal(found, [], f"{path}, which must not be there,")
            for v in found:
                check(isinstance(v, TYPES[kind]) and not (kind in ("number", "int") and isinstance(v, bool)), f"{path} is {v!r}, no {kind}")
                check(not eq or json.dumps(v) == value or v == value, f"{path} is {v!r}, not {value}")


def walk(value, steps, path, optional):
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    each = step.endswith("[]")
    key = step.removesuffix("[]")
    if key == "*":
        check(isinstance(value, dict) and (value or optional), f"{path}: nothing at {step}: {value!r}")
        return [x for v in value.values() for x in walk(v, rest, path, optional)]
    if key:
        check(isinstance(value, dict), f"{path}: no object at {step}: {value!r}")
        if key not in value:
            check(optional, f"{path}: no key {key} in {sorted(value)}")
            return []
        value = value[key]
    if not each:
        return walk(value, rest, path, optional)
    check(isinstance(value, list) and (value or optional), f"{path}: no entry in {step}: {value!r}")
    return [x for v in value for x in walk(v, rest, path, optional)]


CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "TASK_KILLING_STATE")


class Watcher:
    """A framework on a Cluster that keeps every event; updates are acknowledged when acks is set."""
    acks = False

    def __init__(self, cluster, roles=("web",), caps=CAPABILITIES, id=None, more=None, **info):
        self.cluster = cluster
        self.info = {"user": "root", "name": "rows", "failover_timeout": 60, "capabilities": [{"type": t} for t in caps], **info}
        if "MULTI_ROLE" in caps:
            self.info["roles"] = list(roles)
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info, **(more or {})}}
        if id:
            call["framework_id"] = self.info["id"] = {"value": id}
        self.stream = Stream(cluster.port, call)
        equal(self.stream.status, 200, "status of SUBSCRIBE")
        self.first = self.stream.next()
        equal(self.first["type"], "SUBSCRIBED", f"{self.first}; first event")
        self.id = self.first["subscribed"]["framework_id"]["value"]
        self.events = [self.first]

    def call(self, type, status=202, **body):
        r = post(self.cluster.port, "/api/v1/scheduler", {"framework_id": {"value": self.id}, "type": type, **body}, headers={"Mesos-Stream-Id": self.stream.stream_id})
        equal(r.status, status, f"{type}: {r.text}; status")
        return r

    def until(self, what, fn, seconds=PATIENCE):
        def keep(e):
            self.events.append(e)
            if self.acks and e["type"] == "UPDATE" and "uuid" in e["update"]["status"]:
                self.ack(e["update"]["status"])
            return fn(e)
        return self.stream.until(what, keep, seconds)

    def offers(self, count=1, fn=lambda o: True):
        """So many outstanding offers."""
        def have():
            gone = {e["rescind"]["offer_id"]["value"] for e in self.events if e["type"] == "RESCIND"}
            return [o for e in self.events if e["type"] == "OFFERS" for o in e["offers"]["offers"] if o["id"]["value"] not in gone | self.used and fn(o)]
        if len(have()) < count:
            self.until(f"{count} offers", lambda e: len(have()) >= count)
        return have()

    used = frozenset()

    def accept(self, offers, *operations, **filters):
        self.used = self.used | {o["id"]["value"] for o in offers}
        self.call("ACCEPT", accept={"offer_ids": [o["id"] for o in offers], "operations": list(operations), "filters": {"refuse_seconds": 0, **filters}})

    def decline(self, offers, seconds=0):
        self.used = self.used | {o["id"]["value"] for o in offers}
        self.call("DECLINE", decline={"offer_ids": [o["id"] for o in offers], "filters": {"refuse_seconds": seconds}})

    def status(self, task, *states):
        seen = lambda: next((e["update"]["status"] for e in self.events if e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task and
                             (not states or e["update"]["status"]["state"] in states)), None)
        if not seen():
            self.until(f"{task} in {states}", lambda e: seen())
        return seen()

    def ack(self, s):
        self.call("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})

    def operation(self, id):
        seen = lambda: next((e["update_operation_status"]["status"] for e in self.events if e["type"] == "UPDATE_OPERATION_STATUS" and
                             e["update_operation_status"]["status"]["operation_id"]["value"] == id), None)
        if not seen():
            self.until(f"the status of operation {id}", lambda e: seen())
        return seen()

    def quiet(self, *allowed):
        """Three allocations later nothing has come but HEARTBEATs: what an UPDATE that is asked for then overtakes is not coming."""
        runs = lambda: self.cluster.get("/metrics/snapshot").json["allocator/mesos/allocation_runs"]
        start = runs()
        wait_for("three allocations", lambda: runs() >= start + 3)
        n, mark = len(self.events), f"mark{len(self.events)}"
        self.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": mark}}]})
        self.status(mark)
        came = [e for e in self.events[n:-1] if e["type"] not in ("HEARTBEAT", *allowed)]
        check(not came, f"unexpected: {json.dumps(came)[:300]}")

    def end(self):
        self.call("TEARDOWN")
        self.stream.close()


def launch(*tasks):
    return {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}


def task_on(id, offer, **more):
    return task(id, **{"agent_id": offer["agent_id"], **more})
