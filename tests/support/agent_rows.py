# SPDX-License-Identifier: Apache-2.0
"""What the tests of the agent's reference share: one master and one agent, the test as an executor, calls of both APIs in JSON and in
protobuf (by the tables of tests/golden/wire), RecordIO both ways. The tests are rows: one case per row of the reference, named by it."""
import base64, contextlib, os, sys, threading, uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
from scheduler import *
import recorded

JSON, PB, RECORDIO = "application/json", "application/x-protobuf", "application/recordio"
J = {"Content-Type": JSON, "Accept": JSON}


class Rows:
    """Set by start()."""
    master = agent = None
    port = agent_port = 0
    flags = ()


c = Rows()


def start(*flags, master_flags=(), isolation=None, env=None):
    """A master and an agent with short intervals."""
    c.port, c.agent_port = free_ports(2)
    d = scratch()
    c.groups = f"stoa_rows_{os.getpid()}_{c.port}"
    c.master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={c.port}", f"--work_dir={d}/m", "--hostname=localhost", "--allocation_interval=50ms", *master_flags])
    wait_for("the master", lambda: get(c.port, "/health").status == 200)
    c.flags = [f"--master=127.0.0.1:{c.port}", "--ip=127.0.0.1", f"--port={c.agent_port}", f"--work_dir={d}/a", "--hostname=localhost", f"--cgroups_root={c.groups}",
               "--resources=cpus:16;mem:8192;disk:4000;ports:[31000-31100]", "--registration_backoff_factor=50ms", f"--fetcher_cache_dir={d}/cache",
               f"--isolation={isolation or ('cgroups/cpu,cgroups/mem' if IS_ROOT else 'posix/cpu,posix/mem')}", *flags]
    c.agent = Process("agent", [STOA, "agent", *c.flags], env=env)
    wait_for("the agent is registered", lambda: get(c.port, "/slaves").json["slaves"][0]["active"])


def finish():
    """Ends both; nothing may be left."""
    c.agent.stop(signal.SIGUSR1)
    c.master.stop()
    for d in glob.glob(f"/sys/fs/cgroup/*/{c.groups}") + glob.glob(f"/sys/fs/cgroup/{c.groups}"):
        os.rmdir(d)  # not empty: an error


class OnDemand(Framework):
    """Holds no offer but while it launches, so that several do not starve each other."""

    def __init__(self, **more):
        super().__init__(c.port, **more)
        self.failures = []
        self.call("SUPPRESS")

    def until(self, what, fn, seconds=PATIENCE):
        def noted(e):
            if e["type"] == "FAILURE":
                self.failures.append(e["failure"])
            return fn(e)
        return super().until(what, noted, seconds)

    def accept(self, *operations, cpus=0):
        self.offers = []
        self.call("REVIVE")
        self.until("an offer", lambda e: self.offers)
        self.call("SUPPRESS")
        super().accept(*operations)


def framework(**more):
    return OnDemand(**more)


@contextlib.contextmanager
def other(**more):
    """A framework for one row."""
    g = framework(**more)
    try:
        yield g
    finally:
        g.end()


def custom(f, id, executor, command="sleep 1000", **more):
    return {"task_id": {"value": id}, "name": id, "resources": RES(0.1, 32), "executor": {
        "executor_id": {"value": executor}, "framework_id": {"value": f.id}, "command": {"value": command}, "resources": RES(0.1, 32), **more}}


def state():
    return get(c.agent_port, "/state").json


def frameworks():
    """Those that are there and those that were, of one moment."""
    s = state()
    return s["frameworks"] + s["completed_frameworks"]


def executor_of(f, id, ended=False):
    for w in frameworks():
        for e in w["executors"] + (w["completed_executors"] if ended else []):
            if w["id"] == f.id and e["id"] == id:
                return e
    raise LookupError(f"no executor {id}")


def sandbox(f, id):
    return executor_of(f, id, ended=True)["directory"]


def api(type, headers=J, **more):
    return post(c.agent_port, "/api/v1", {"type": type, **more}, headers=headers)


def raw(body, path="/api/v1", method="POST", **headers):
    """A request with exactly these headers: content_type="..." becomes Content-Type."""
    return http_request(method, c.agent_port, path, body, {k.replace("_", "-").title(): v for k, v in headers.items() if v is not None})


def pb_api(type, kind="mesos.v1.agent", **more):
    """The same call in protobuf; the answer decoded."""
    r = raw(recorded.encode(f"{kind}.Call", {"type": type, **more}), content_type=PB, accept=PB)
    return r, recorded.decode(f"{kind}.Response", r.body) if r.status == 200 and r.body else None


def container_id(text):
    """{"value", "parent"} of "parent.child"."""
    id = None
    for part in text.split("."):
        id = {"value": part, **({"parent": id} if id else {})}
    return id


def new_uuid():
    return base64.b64encode(uuid.uuid4().bytes).decode()


class Executor:
    """The test as an executor."""

    def __init__(self, f, id, wait=True, **subscribe):
        self.f, self.id = f, id
        if wait:
            wait_for(f"executor {id} is known", lambda: executor_of(f, id))
        self.stream = Stream(c.agent_port, self.body("SUBSCRIBE", subscribe=subscribe), path="/api/v1/executor")
        equal(self.stream.status, 200, "status of an executor's SUBSCRIBE")

    def body(self, type, **more):
        return {"framework_id": {"value": self.f.id}, "executor_id": {"value": self.id}, "type": type, **more}

    def call(self, type, headers=J, **more):
        return post(c.agent_port, "/api/v1/executor", self.body(type, **more), headers=headers)

    def status(self, task, state, **more):
        return {"task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": new_uuid(), **more}

    def update(self, task, state, **more):
        r = self.call("UPDATE", update={"status": self.status(task, state, **more)})
        equal((r.status, r.body), (202, b""), "answer to UPDATE")

    def next(self, *types, seconds=PATIENCE):
        """The next event, which must be of one of these types."""
        e = self.stream.next(seconds)
        check(e and e["type"] in types, f"{e} where {types} was expected")
        return e


def collect(f, ends, seconds=PATIENCE):
    """Reads updates until each of the tasks has ended; {task: [status, ...]}."""
    terminal = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE", "TASK_LOST")
    by = lambda: {t: [s for s in f.statuses if s["task_id"]["value"] == t] for t in ends}
    over = lambda: all(any(s["state"] in terminal for s in v) for v in by().values())
    if not over():
        f.until(f"the ends of {', '.join(ends)}", lambda e: over(), seconds)
    return by()


class Attach:
    """A streaming request: RecordIO in chunks."""

    def __init__(self, type=JSON, connection="close", path="/api/v1", accept=JSON):
        self.s = socket.create_connection(("127.0.0.1", c.agent_port), 20)
        self.s.sendall((f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {RECORDIO}\r\nMessage-Content-Type: {type}\r\nAccept: {accept}\r\n"
                        f"Transfer-Encoding: chunked\r\nConnection: {connection}\r\n\r\n").encode())
        self.type = type

    def send(self, record):
        b = record if isinstance(record, bytes) else json.dumps(record).encode() if self.type == JSON else recorded.encode("mesos.v1.agent.Call", record)
        b = b"%d\n" % len(b) + b
        self.s.sendall(b"%x\r\n" % len(b) + b + b"\r\n")
        return self

    def id(self, container):
        return self.send({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID", "container_id": container}})

    def data(self, data):
        return self.io({"type": "DATA", "data": {"type": "STDIN", "data": data if self.type == PB else base64.b64encode(data).decode()}})

    def io(self, process_io):
        return self.send({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "PROCESS_IO", "process_io": process_io}})

    def end(self, seconds=PATIENCE):
        """Ends the request and reads the answer."""
        self.s.sendall(b"0\r\n\r\n")
        return self.answer(seconds)

    def answer(self, seconds=PATIENCE):
        self.s.settimeout(seconds)
        r = http.client.HTTPResponse(self.s)
        r.begin()
        return Reply(r.status, r.headers, r.read())


class Output:
    """An answer of RecordIO records: a session or attached output."""

    def __init__(self, call, type=JSON, accept=None):
        body = json.dumps(call).encode()
        self.s = socket.create_connection(("127.0.0.1", c.agent_port), 20)
        self.s.sendall((f"POST /api/v1 HTTP/1.1\r\nHost: h\r\nContent-Type: {JSON}\r\nAccept: {accept or RECORDIO}\r\nMessage-Accept: {type}\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        self.r = http.client.HTTPResponse(self.s)
        self.r.begin()
        self.status, self.headers, self.type, self.buffer = self.r.status, self.r.headers, type, b""

    def next(self, seconds=PATIENCE):
        self.s.settimeout(seconds)
        while True:
            n, nl, rest = self.buffer.partition(b"\n")
            if nl and len(rest) >= int(n):
                self.buffer = rest[int(n):]
                return json.loads(rest[:int(n)]) if self.type == JSON else recorded.jsonable(recorded.decode("mesos.v1.agent.ProcessIO", rest[:int(n)]))
            b = self.r.read1(65536)
            if not b:
                return None
            self.buffer += b

    def all(self, seconds=PATIENCE, until=None):
        """What came out and what went to the error channel, until the end or until both hold it."""
        out = {"STDOUT": b"", "STDERR": b""}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (until is None or until not in out["STDOUT"] + out["STDERR"]):
            e = self.next(max(0.1, deadline - time.monotonic()))
            if e is None:
                break
            if e["type"] == "DATA":
                out[e["data"]["type"]] += base64.b64decode(e["data"]["data"])
        return out["STDOUT"], out["STDERR"]

    def close(self):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
