# SPDX-License-Identifier: Apache-2.0
"""Clusters in the states of the recordings: a master and agents with the flags the original had, schedulers and executors that the
test itself plays, and raw requests with the recorded ids and addresses replaced by ours."""
import base64, json, os, re, socket, sys, tempfile, threading, time, uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *
import recorded
from recorded import Message

DOMAIN = '{"fault_domain":{"region":{"name":"region-1"},"zone":{"name":"zone-1"}}}'
CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "TASK_KILLING_STATE", "SHARED_RESOURCES", "REVOCABLE_RESOURCES")
J = {"Content-Type": "application/json", "Accept": "application/json"}


def scalars(**values):
    return [{"name": k, "type": "SCALAR", "scalar": {"value": v}} for k, v in values.items()]


def task(id, command="sleep 1000", cpus=0.2, mem=32, **more):
    return {"name": id, "task_id": {"value": id}, "resources": scalars(cpus=cpus, mem=mem), "command": {"value": command}, **more}


MARK = "mark-"  # tasks that nobody launched: their updates are no part of a recording


class World:
    """One cluster. `ids` maps texts of the recordings to ours; what we answer is mapped back for the comparison."""

    def __init__(self, domain=True, plain=False, master_flags=(), ip="127.0.5.1", auth=None, hostname="master1.example"):
        self.dir = tempfile.mkdtemp(prefix="world.", dir=scratch())
        os.chmod(self.dir, 0o755)
        self.auth = f"Authorization: Basic {base64.b64encode(auth.encode()).decode()}\r\n" if auth else ""
        self.ids, self.master_ip, self.agents = {}, ip, {}
        self.master_port = free_ports(1)[0]
        for d in ("log-master", "log-agent"):
            os.mkdir(os.path.join(self.dir, d))
        self.flags = [STOA, "master", f"--ip={ip}", f"--port={self.master_port}", f"--hostname={hostname}", "--quorum=1", f"--work_dir={self.dir}/master",
                      *([] if plain else ["--cluster=golden", f"--log_dir={self.dir}/log-master"]), *([f"--domain={DOMAIN}"] if domain and not plain else []), *master_flags]
        self.plain = plain
        self.master = Process("master", self.flags)
        wait_for("the master", lambda: self.get("/health").status == 200)
        wait_for("the master's recovery", lambda: b"not finished recovery" not in self.post("/api/v1", {"type": "GET_HEALTH"}).body)
        state = self.get("/state")
        self.id = json.loads(state.body)["id"] if state.status == 200 else None

    def agent(self, n=1, *flags):
        port = self.agents.get(n) or free_ports(1)[0]
        self.agents[n] = port
        more = ["--isolation=cgroups/cpu,cgroups/mem,disk/du", "--launcher=linux", f"--log_dir={self.dir}/log-agent", f"--domain={DOMAIN}",
                "--container_disk_watch_interval=1secs", "--attributes=rack:r1;zone:z1;slots:4;range:[1-5]",
                f"--cgroups_root=stoa_conf_{os.getpid()}", "--resources=cpus:4;mem:2048;disk:8192;ports:[31000-31099];cpus(ops):1;mem(ops):256"]
        if self.plain:
            more = ["--isolation=cgroups/cpu,cgroups/mem,disk/du", "--launcher=linux", f"--cgroups_root=stoa_conf_{os.getpid()}",
                    "--resources=cpus:4;mem:2048;disk:8192;ports:[31000-31099]"]
        if n != 1:
            more = ["--isolation=posix/cpu,posix/mem", "--launcher=posix", "--resources=cpus:2;mem:512;disk:1024;ports:[32000-32010]"]
        d = f"{self.dir}/agent{n if n > 1 else ''}"
        p = Process(f"agent{n}", [
            STOA, "agent", f"--master={self.master_ip}:{self.master_port}", f"--ip=127.0.5.{n}", f"--port={port}", f"--hostname=node{n}.example",
            f"--work_dir={d}", f"--runtime_dir={d}-run", f"--fetcher_cache_dir={d}-fetch", "--no-systemd_enable_support", *more, *flags])
        wait_for(f"agent {n}", lambda: [s for s in self.slaves() if s["hostname"] == f"node{n}.example" and s["active"]])
        return p

    def at_work(self, part):
        """Processes that work in a sandbox with this in its path."""
        return [p for p in processes_in(self.dir, "") if part in os.readlink(f"/proc/{p}/cwd")]

    def wait_output(self, sandbox, text):
        """Until a command has said so: from then on it has set its traps."""
        files = lambda: glob.glob(f"{self.dir}/agent/**/{sandbox}/stdout", recursive=True)
        wait_for(f"{text!r} of {sandbox}", lambda: [f for f in files() if text in open(f).read()])

    def slaves(self):
        return json.loads(self.get("/slaves").body)["slaves"]

    def get(self, path, n=0):
        return self.raw(f"GET {path} HTTP/1.1\r\nHost: h\r\n{self.auth}Connection: close\r\n\r\n".encode(), n)

    def post(self, path, body, n=0, **headers):
        body = json.dumps(body).encode() if not isinstance(body, bytes) else body
        head = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in {**{"Content-Type": "application/json", "Accept": "application/json"}, **headers}.items())
        return self.raw(f"POST {path} HTTP/1.1\r\nHost: h\r\n{self.auth}Connection: close\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, n)

    def address(self, n):
        return (self.master_ip, self.master_port) if n == 0 else (f"127.0.5.{n}", self.agents[n])

    def raw(self, data, n=0, seconds=PATIENCE):
        with socket.create_connection(self.address(n), seconds) as s:
            s.sendall(data)
            return Message(read_answer(s))

    # recordings
    def ours(self, b):
        """Bytes of a recording with our ids."""
        for k, v in self.ids.items():
            b = b.replace(k.encode() if isinstance(k, str) else k, v.encode() if isinstance(v, str) else v)
        return b

    def request(self, n, edit=None):
        raw = recorded.request(n)
        body = self.ours(raw.body)
        if edit:
            body = edit(body)
        chunked = "chunked" in raw.header("Transfer-Encoding", "")
        head = [self.ours(" ".join(raw.first).encode()).decode()]
        for k, v in raw.headers:
            if k.lower() == "content-length":
                v = str(len(body))
            head.append(f"{k}: {self.ours(v.encode()).decode()}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def theirs(self, m):
        """An answer of ours with what is known to differ written as in the recordings."""
        def pairs():
            pairs = [(str(self.master_port), "5050")] + [(str(p), "5051") for p in self.agents.values()]
            pairs += getattr(self, "back_too", [])
            pairs += [(BUILD + "/stoa-executor", "/usr/libexec/mesos/mesos-executor"), (BUILD, "/usr/libexec/mesos"), ("stoa-executor", "mesos-executor"),
                      (f"stoa_conf_{os.getpid()}", "mesos_golden"), (self.dir, "/var/lib/mesos-golden")]
            return pairs
        m.back = pairs()
        def back(b):
            for a, c in m.back:
                b = b.replace(a.encode(), c.encode())
            return b
        m.headers = [(k, back(v.encode()).decode()) for k, v in m.headers]
        if m.type != "application/x-protobuf" and m.header("Content-Encoding") != "gzip":
            m.body = back(m.body)
        return m

    def end(self):
        """Agents end with their executors (SIGUSR1) while the master is there, then the rest; nothing is left."""
        for p in [p for p in Process.alive if p.name.startswith("agent")]:
            p.stop(signal.SIGUSR1)
        for p in reversed(list(Process.alive)):
            p.stop()
        sweep()


def sweep():
    """Ends what a failed case left running and removes the cgroups of this test."""
    top = f"stoa_conf_{os.getpid()}"
    roots, pids = glob.glob(f"/sys/fs/cgroup/*/{top}") + glob.glob(f"/sys/fs/cgroup/{top}"), set()
    dirs = [d for r in roots for d, _, _ in os.walk(r, topdown=False)]
    for d in dirs:
        with open(d + "/cgroup.procs") as f:
            pids |= {int(x) for x in f.read().split()}
    for p in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(p + "/cwd").startswith(scratch() + "/world."):
                pids.add(int(p[6:]))
        except OSError:
            pass
    for p in pids - {os.getpid()}:
        try:
            os.kill(p, signal.SIGKILL)
        except OSError:
            pass
    for d in dirs:
        for _ in range(20):
            try:
                os.rmdir(d)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)


def read_answer(s):
    """Reads one answer with its body, following length or chunks."""
    b = b""
    while b"\r\n\r\n" not in b:
        more = s.recv(65536)
        if not more:
            return b or b"HTTP/1.1 0 Closed\r\n\r\n"
        b += more
    m = Message(b)
    need = m.header("Content-Length")
    while True:
        body = b.partition(b"\r\n\r\n")[2]
        if need is not None and len(body) >= int(need):
            return b
        if need is None and "chunked" in m.header("Transfer-Encoding", "") and body.endswith(b"0\r\n\r\n"):
            return b
        more = s.recv(65536)
        if not more:
            return b
        b += more


class Live:
    """A stream that stays open: the answer's header, and its records collected by a thread."""

    def __init__(self, world, data, n=0, on_event=None, decode=json.loads):
        self.s = socket.create_connection(world.address(n), 20)
        self.s.sendall(data)
        self.f = self.s.makefile("rb")
        head = b""
        while (line := self.f.readline()) not in (b"\r\n", b""):
            head += line
        self.head = Message(head + b"\r\n")
        self.events, self.ended, self.on_event, self.decode, self.one_per_chunk = [], False, on_event, decode, True
        self.stream_id = self.head.header("Mesos-Stream-Id")
        if "chunked" not in self.head.header("Transfer-Encoding", ""):
            self.head.body = self.f.read(int(self.head.header("Content-Length", "0")))
            self.ended = True
            return
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        buffer = b""
        try:
            while True:
                size = int(self.f.readline().split(b";")[0] or b"0", 16)
                if size == 0:
                    break
                buffer += self.f.read(size)
                self.f.readline()
                got = 0
                while True:
                    n, nl, rest = buffer.partition(b"\n")
                    if not nl or len(rest) < int(n):
                        break
                    got += 1
                    e, buffer = self.decode(rest[:int(n)]), rest[int(n):]
                    if self.on_event:
                        self.on_event(e)
                    self.events.append(e)
                if got != 1 or buffer:
                    self.one_per_chunk = False
        except (OSError, ValueError):
            pass
        self.ended = True

    def until(self, what, fn, seconds=PATIENCE, since=0):
        try:
            return wait_for(what, lambda: next((e for e in self.events[since:] if fn(e)), None), seconds, 0.02)
        except Failed as e:
            raise Failed(f"{e}; seen: {json.dumps([x for x in self.events if x['type'] not in ('HEARTBEAT', 'OFFERS')][-4:])[:1500]}")

    def types(self):
        return [e["type"] for e in self.events]

    def close(self):
        try:
            self.s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.s.close()


class Scheduler:
    """A framework played by the test. It acknowledges each update by itself and knows its outstanding offers."""

    def __init__(self, world, name, roles=("web",), capabilities=CAPABILITIES, failover_timeout=3600.0, id=None, live=None, acknowledge=True, **info):
        self.world, self.offers, self.acknowledge = world, {}, acknowledge
        self.info = {"user": "root", "name": name, "failover_timeout": failover_timeout, "checkpoint": True, "hostname": "scheduler.example",
                     "capabilities": [{"type": c} for c in capabilities], "roles": list(roles), **info}
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}
        if id:
            self.info["id"] = call["framework_id"] = {"value": id}
        body = json.dumps(call).encode()
        self.live = Live(world, live or b"POST /api/v1/scheduler HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body, on_event=self._event)
        self.stream_id = self.live.stream_id
        self.id = self.live.until("SUBSCRIBED", lambda e: e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]["value"]

    def _event(self, e):
        if e["type"] == "OFFERS":
            for o in e["offers"]["offers"]:
                self.offers[o["id"]["value"]] = o
        elif e["type"] == "RESCIND":
            self.offers.pop(e["rescind"]["offer_id"]["value"], None)
        elif e["type"] == "UPDATE_OPERATION_STATUS" and "uuid" in e["update_operation_status"]["status"]:
            s = e["update_operation_status"]["status"]
            threading.Thread(target=self.call, args=("ACKNOWLEDGE_OPERATION_STATUS",), kwargs={"acknowledge_operation_status": {
                "agent_id": s["agent_id"], "operation_id": s["operation_id"], "uuid": s["uuid"]["value"]}}, daemon=True).start()
        elif e["type"] == "UPDATE" and "uuid" in e["update"]["status"] and self.acknowledge:
            s = e["update"]["status"]
            threading.Thread(target=self.call, args=("ACKNOWLEDGE",), kwargs={
                "acknowledge": {"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]}}, daemon=True).start()

    def call(self, type, **body):
        return self.world.post("/api/v1/scheduler", {"type": type, "framework_id": {"value": self.id}, **body}, Mesos_Stream_Id=self.live.stream_id)

    def ok(self, type, **body):
        r = self.call(type, **body)
        equal((r.status, r.body), (202, b""), f"{type}: {r.body}; status")

    def offer(self, cpus=0.0, role=None, host=None):
        def fits():
            for o in list(self.offers.values()):
                have = sum(r["scalar"]["value"] for r in o["resources"] if r["name"] == "cpus")
                if have >= cpus and role in (None, o.get("allocation_info", {}).get("role")) and host in (None, o["hostname"]):
                    return o
        return wait_for(f"an offer for {self.info['name']}", fits)

    def accept(self, offer, *operations, refuse=0.0):
        self.offers.pop(offer["id"]["value"], None)
        for op in operations:
            for t in op.get("launch", {}).get("task_infos", []) + op.get("launch_group", {}).get("task_group", {}).get("tasks", []):
                t.setdefault("agent_id", offer["agent_id"])
        self.ok("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": list(operations), "filters": {"refuse_seconds": refuse}})

    def launch(self, *tasks, offer=None, refuse=0.0, **kw):
        self.accept(offer or self.offer(**kw), {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}, refuse=refuse)

    def update(self, task, *states, seconds=PATIENCE):
        return self.live.until(f"{task} in {states}", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task and
                               e["update"]["status"]["state"] in states, seconds)["update"]["status"]

    def quiet(self):
        """No more offers for long; those outstanding are declined."""
        self.ok("SUPPRESS")
        mark = f"{MARK}{uuid.uuid4()}"  # its answer comes after every offer that was made before
        self.ok("RECONCILE", reconcile={"tasks": [{"task_id": {"value": mark}}]})
        self.live.until("what is asked for last", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == mark)
        o = list(self.offers)
        self.offers.clear()
        if o:
            self.ok("DECLINE", decline={"offer_ids": [{"value": x} for x in o], "filters": {"refuse_seconds": 3600.0}})


class Executor:
    """A custom HTTP executor played by the test; its container only sleeps."""

    def __init__(self, scheduler, id, n=1, **subscribe):
        self.world, self.framework, self.id, self.n = scheduler.world, scheduler.id, id, n
        body = json.dumps(self.body("SUBSCRIBE", subscribe=subscribe)).encode()
        def subscribed():
            live = Live(self.world, b"POST /slave(1)/api/v1/executor HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body, n)
            return live if live.head.status == 200 else None
        self.live = wait_for("the executor's container", subscribed)

    def body(self, type, **more):
        return {"type": type, "executor_id": {"value": self.id}, "framework_id": {"value": self.framework}, **more}

    def call(self, type, **more):
        return self.world.post("/slave(1)/api/v1/executor", self.body(type, **more), self.n)

    def update(self, task, *states, **more):
        for state in states:
            r = self.call("UPDATE", update={"status": {"task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "timestamp": time.time(),
                                                       "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), **more}})
            equal(r.status, 202, f"status of UPDATE ({r.body})")

    def launched(self, task):
        return self.live.until(f"LAUNCH of {task}", lambda e: e["type"] == "LAUNCH" and e["launch"]["task"]["task_id"]["value"] == task)


class Driver:
    """As much of an old scheduler driver as registers: the recorded message with a pid that listens."""

    def __init__(self, world):
        self.listener = socket.create_server((world.master_ip, 0))
        pid = f"scheduler-{uuid.uuid4()}@{world.master_ip}:{self.listener.getsockname()[1]}"
        with open(os.path.join(recorded.GOLDEN, "libprocess", "001-b-scheduler.Call.SUBSCRIBE.msg"), "rb") as f:
            message = re.sub(rb"scheduler-[0-9a-f-]+@[\d.]+:\d+", pid.encode(), f.read())
        self.links = []
        threading.Thread(target=self._accept, daemon=True).start()
        self.s = socket.create_connection(world.address(0), 5)
        self.s.sendall(message)

    def _accept(self):
        try:
            while True:
                self.links.append(self.listener.accept()[0])
        except OSError:
            pass

    def close(self):
        for s in [self.listener, self.s] + self.links:
            s.close()


def custom(task, scheduler, id, mem=64.0, **more):
    del task["command"]
    task["executor"] = {"executor_id": {"value": id}, "framework_id": {"value": scheduler.id}, "command": {"value": "exec sleep 1000"},
                        "resources": scalars(cpus=0.1, mem=mem), **more}
    return task
