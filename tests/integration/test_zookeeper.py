#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""High availability on real processes: three masters and two marathons over ZooKeeper, two agents with tasks of an app.
Leaders are killed, stopped, ended; ZooKeeper is restarted; at the end every task that ran at the beginning still runs.
Prints the times of the failovers (docs/failures.md quotes them). SESSION=4 sets the session timeout of the first part."""
import os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

zk = None
masters, agents, marathons = [], [], []
stopped = set()  # masters that take connections and answer nothing
TIMEOUT = int(os.environ.get("SESSION") or 5)
APP = {"id": "/kept", "cmd": "sleep 100000", "cpus": 0.1, "mem": 32, "instances": 4}
j = {"Content-Type": "application/json"}


def start_master(i, timeout):
    m = Process(f"master{i}", [STOA, "master", f"--zk={zk.url('/mesos')}", "--quorum=2", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}",
                               "--hostname=127.0.0.1", f"--zk_session_timeout={timeout}secs", "--agent_reregister_timeout=10mins"])
    m.port = int(m.args[5].split("=")[1])
    wait_for("the master listens", lambda: get(m.port, "/health").status == 200)
    return m


def start_agent(i):
    d, port = tempfile.mkdtemp(prefix="agent.", dir=scratch()), free_ports(1)[0]
    os.chmod(d, 0o755)
    a = Process(f"agent{i}", [STOA, "agent", f"--master={zk.url('/mesos')}", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/a{i}",
                              f"--runtime_dir={d}/r{i}", "--hostname=127.0.0.1", f"--cgroups_root=stoa_zk_{port}",
                              "--registration_backoff_factor=200ms", f"--resources=cpus:4;mem:2048;disk:1000;ports:[{31000 + i * 200}-{31099 + i * 200}]"])
    a.port, a.cgroups_root = port, f"stoa_zk_{port}"
    return a


def start_marathon(i, timeout, *more):
    port = free_ports(1)[0]
    m = Process(f"marathon{i}", [STOA, "marathon", f"--master={zk.url('/mesos')}", f"--zk={zk.url('/marathon')}", "--http_address=127.0.0.1",
                                 f"--http_port={port}", "--hostname=127.0.0.1", f"--zk_session_timeout={timeout * 1000}",
                                 "--min_revive_offers_interval=500", "--reconciliation_initial_delay=1000", *more])
    m.port = port
    return m


def leader(among=None):
    """The master that answers for itself."""
    for m in among or masters:
        if m.p.poll() is None and m not in stopped:
            try:
                if get(m.port, "/redirect", timeout=10).headers.get("Location") == f"//127.0.0.1:{m.port}" and \
                        get(m.port, "/slaves", timeout=10).status == 200 and post(m.port, "/api/v1", {"type": "GET_HEALTH"}, timeout=10).status == 200:
                    return m
            except OSError:
                pass


def state(path="/slaves"):
    return get(wait_for("a leader", leader).port, path).json


def active_agents():
    return sum(s["active"] for s in state()["slaves"])


def marathon_tasks(port):
    r = get(port, "/v2/apps/kept?embed=app.tasks")
    return sorted(t["id"] for t in r.json["app"]["tasks"] if t["state"] == "TASK_RUNNING") if r.status == 200 else []


def running():
    return sorted(t["id"] for t in state("/tasks?limit=-1")["tasks"] if t["state"] == "TASK_RUNNING")


def framework_is_back():
    return any(f["active"] and f["connected"] for f in state("/frameworks")["frameworks"])


def all_well(kept, seconds=60):
    wait_for("agents are back", lambda: active_agents() == len(agents), seconds)
    if marathons:
        wait_for("marathon is subscribed", framework_is_back, seconds)
    wait_for("the master has the tasks", lambda: running() == kept, seconds)


def times(process, word):
    return open(process.log_path, errors="replace").read().count(word)


def probe():
    """A framework of its own that only wants to see an offer: subscribes again and again with the leader. Returns the time at
    which an offer came."""
    while True:
        try:
            m = leader()
            if m:
                s = Stream(m.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "probe"}}})
                if s.status == 200:
                    s.until("an offer", lambda e: e["type"] == "OFFERS", 10, is_expected=False)
                    at = time.monotonic()
                    s.close()
                    return at
        except (OSError, ValueError, Failed):
            pass
        time.sleep(0.02)


def failover(name, act, gone, kept):
    """Does act to the leader and prints how long until a new one leads, agents are back, a framework sees an offer."""
    begin = time.monotonic()
    stopped.add(gone)
    act()
    new = wait_for("a new leader", lambda: (l := leader()) and l is not gone and l, 60, 0.01)
    led = time.monotonic()
    wait_for("the agents are back", lambda: active_agents() == len(agents), 60, 0.01)
    back = time.monotonic()
    offer = probe()
    print(f"# {name}: new leader {led - begin:.2f} s, agents back {back - begin:.2f} s, first offer {offer - begin:.2f} s")
    all_well(kept)
    return new


class Wire:
    """A TCP connection to the ZooKeeper server that can be cut: cut() breaks what is open and lets nothing through."""

    def __init__(self, port):
        self.to, self.open, self.pairs = port, True, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            a, _ = self.listener.accept()
            if not self.open:
                a.close()
                continue
            b = socket.create_connection(("127.0.0.1", self.to))
            self.pairs += [a, b]
            for x, y in ((a, b), (b, a)):
                threading.Thread(target=self._pump, args=(x, y), daemon=True).start()

    @staticmethod
    def _pump(a, b):
        try:
            while (data := a.recv(65536)):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.open = False
        for s in self.pairs:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def heal(self):
        self.open = True


@case("three masters elect one; the others redirect to it, also for what makes no sense")
def _():
    global zk
    zk = ZooKeeper()
    # Before any leads: a master without ZooKeeper in reach.
    lone = Process("lone", [STOA, "master", "--zk=zk://127.0.0.1:1/mesos", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}", "--hostname=127.0.0.1"])
    port = int(lone.args[4].split("=")[1])
    wait_for("it listens", lambda: get(port, "/health").status == 200)
    for path in ("/state", "/redirect", "/master/slaves"):
        r = get(port, path)
        equal((r.status, r.text, r.headers["Content-Type"]), (503, "No leader elected", "text/plain; charset=utf-8"), path)
    equal(post(port, "/api/v1/scheduler", b"x").text, "No leader elected", "a call")
    equal(get(port, "/flags").status, 200, "/flags")
    equal(get(port, "/metrics/snapshot").json["master/elected"], 0, "metric")
    lone.stop()
    for i in range(3):
        masters.append(start_master(i, TIMEOUT))
        wait_for("one leads", leader)
    check(wait_for("a leader", leader) is masters[0], "the first does not lead")
    to = f"//127.0.0.1:{masters[0].port}"
    for m in masters[1:]:
        for method, path, body, location in (
                ("GET", "/state?x=1", None, "/master/state?x=1"), ("GET", "/master/slaves", None, "/master/slaves"), ("GET", "/redirect", None, ""),
                ("GET", "/master/redirect", None, ""), ("POST", "/api/v1", b"nonsense", "/master/api/v1"), ("PUT", "/weights", b"", "/master/weights"),
                ("POST", "/api/v1/scheduler", b"{", "/master/api/v1/scheduler"), ("GET", "/api/v1/scheduler", None, "/master/api/v1/scheduler")):
            def redirected():
                r = http_request(method, m.port, path, body)
                return r.status == 307 and r.body == b"" and r.headers["Location"] == to + location
            wait_for(f"{method} {path} is redirected", redirected, 5)
        equal([get(m.port, p).status for p in ("/health", "/version", "/flags", "/metrics/snapshot")], [200] * 4, "own endpoints")
        equal(get(m.port, "/metrics/snapshot").json["master/elected"], 0, "elected")


@case("agents and two marathons find the leader; the standby passes requests on")
def _():
    agents.extend([start_agent(0), start_agent(1)])
    wait_for("both agents", lambda: active_agents() == 2)
    for i in range(2):
        marathons.append(start_marathon(i, TIMEOUT))
        wait_for("it answers", lambda: get(marathons[i].port, "/v2/leader").status == 200)
    a, b = marathons
    equal(get(b.port, "/v2/leader").json, {"leader": f"127.0.0.1:{a.port}"}, "leader")
    r = http_request("POST", b.port, "/v2/apps", APP)
    equal(r.status, 201, f"POST through the standby: {r.text}")
    equal(r.headers["X-Marathon-Leader"], f"http://127.0.0.1:{a.port}", "leader header")
    equal(r.headers["X-Marathon-Via"], f"1.1 127.0.0.1:{b.port}", "via header")
    equal(http_request("GET", b.port, "/v2/apps", headers={"X-Marathon-Via": f"1.1 127.0.0.1:{b.port}"}).text, '{"message":"Detected proxying loop."}', "loop")
    r = get(b.port, "/v2/events?x=1")
    equal((r.status, r.headers["Location"]), (302, f"http://127.0.0.1:{a.port}/v2/events?x=1"), "events")
    equal(get(b.port, "/ping").text.strip(), "pong", "ping")
    wait_for("four run", lambda: len(marathon_tasks(b.port)) == 4, 60)


@case("a standby passes answers on as they come, gives up in time, and passes events on when asked to")
def _():
    a = marathons[0]
    c = start_marathon(2, TIMEOUT, "--leader_proxy_read_timeout=700", "--leader_proxy_connection_timeout=500", "--deprecated_features=proxy_events")
    wait_for("it knows the leader", lambda: get(c.port, "/v2/leader").status == 200)
    apps = [{"id": f"/big/app{i}", "cmd": "true", "instances": 0, "labels": {"x": "y" * 900}} for i in range(300)]
    equal(http_request("PUT", c.port, "/v2/apps", apps).status, 200, "many apps through it")
    def group(port):
        return get(port, "/v2/groups/big", headers={"Accept": "application/json"})
    check(len(group(a.port).body) > 256 * 1024, "the answer is small")
    equal(group(c.port).body, group(a.port).body, "a large answer")
    equal(group(c.port).headers["X-Marathon-Via"], f"1.1 127.0.0.1:{c.port}", "via")
    equal(http_request("HEAD", c.port, "/v2/groups/big").body, b"", "HEAD")
    s = socket.create_connection(("127.0.0.1", c.port), 10)
    s.sendall(b"GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    f = s.makefile("rb")
    equal(f.readline().split()[1], b"200", "status of the stream")
    equal(http_request("DELETE", c.port, "/v2/groups/big?force=true").status, 200, "delete")
    def event():
        return b"deployment_success" in f.readline()
    wait_for("an event through the standby", event, 10, 0)
    a.kill(signal.SIGSTOP)
    try:
        equal(get(c.port, "/v2/info").status, 504, "a leader that does not answer")
    finally:
        a.kill(signal.SIGCONT)
    wait_for("the leader answers again", lambda: get(c.port, "/v2/info").status == 200)
    c.stop()
    check(f.read() is not None, "the stream has ended")
    s.close()
    r = get(a.port, "/v2/info")
    equal(r.json["leader"], f"127.0.0.1:{a.port}", "leader")


@case("the command line finds the leader too; a wrong URL is told by its part")
def _():
    def cli(*args, master):
        return subprocess.run([STOA, *args, f"--master={master}"], capture_output=True, text=True, timeout=60)
    r = cli("agents", master=zk.url("/mesos"))
    equal((r.returncode, r.stdout.count("127.0.0.1")), (0, 2), f"stoa agents {r.stderr}")
    path = os.path.join(scratch(), "master-url")
    open(path, "w").write(zk.url("/mesos") + "\n")
    equal(cli("agents", master="file://" + path).returncode, 0, "file://")
    r = cli("run", "--command=exit 0", master=zk.url("/mesos"))
    equal(r.returncode, 0, f"stoa run: {r.stderr}")
    r = cli("agents", master="zk://a:x/mesos")
    check(r.returncode != 0 and "a port is not a number" in r.stderr and "zk://a:x/mesos" in r.stderr, r.stderr)
    r = subprocess.run([STOA, "master", "--zk=zk://user@a:1/m"], capture_output=True, text=True)
    check(r.returncode == 1 and "--zk" in r.stderr and "user:password" in r.stderr, r.stderr)


@case("kill -9 of the leading master: another leads, agents and framework come back, no task is touched")
def _():
    kept = running()
    equal(len(kept), 4, "running tasks")
    old = wait_for("a leader", leader)
    failover(f"kill -9 of the leader, session {TIMEOUT} s", lambda: old.kill().wait(), old, kept)
    old.start()
    stopped.clear()
    wait_for("it redirects", lambda: get(old.port, "/state").status == 307)


@case("SIGTERM of the leading master hands over at once")
def _():
    kept, old = running(), wait_for("a leader", leader)
    failover("SIGTERM of the leader", lambda: old.kill(signal.SIGTERM).wait(), old, kept)
    old.start()
    stopped.clear()


@case("a leader that is stopped for longer than its session begins again as a follower, in the same process")
def _():
    kept, old = running(), wait_for("a leader", leader)
    pid = old.pid
    failover(f"SIGSTOP of the leader, session {TIMEOUT} s", lambda: old.kill(signal.SIGSTOP), old, kept)
    new = wait_for("a leader", leader)
    old.kill(signal.SIGCONT)
    stopped.clear()
    wait_for("it redirects", lambda: get(old.port, "/state").status == 307, 20)
    equal(get(old.port, "/state").headers["Location"], f"//127.0.0.1:{new.port}/master/state", "where to")
    check(old.p.poll() is None and old.pid == pid, "the process ended")
    all_well(kept)


@case("a restart of ZooKeeper makes nobody exit, changes no leader and touches no task")
def _():
    kept, old = running(), wait_for("a leader", leader)
    everybody = masters + agents + marathons
    info = {"user": "root", "name": "holds", "failover_timeout": 10.0}
    s = Stream(old.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})
    id = s.next()["subscribed"]["framework_id"]
    offer = s.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    unsure, sure = times(old, "leadership_unsure"), times(old, "leadership_sure")
    zk.kill()
    wait_for("the leader is unsure", lambda: times(old, "leadership_unsure") > unsure)
    equal(get(old.port, "/slaves").status, 200, "reads")
    equal(post(old.port, "/api/v1", {"type": "GET_AGENTS"}).status, 200, "reads of v1")
    equal(post(old.port, "/api/v1", b"\x08\x0a", headers={"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"}).status, 200, "in protobuf")
    try:
        post(old.port, "/api/v1", {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [{"role": "\"GET_", "weight": 1.0}]}}, timeout=1)
        raise AssertionError("a change was answered while the master was unsure")
    except TimeoutError:
        pass
    held = []
    def call():
        held.append(post(old.port, "/api/v1/scheduler", {"framework_id": id, "type": "DECLINE", "decline": {"offer_ids": [offer["id"]]}},
                         headers={"Mesos-Stream-Id": s.stream_id}, timeout=60).status)
    t = threading.Thread(target=call)
    t.start()
    t.join(1)
    equal(held, [], "a call was answered while the master was unsure")
    begin = time.monotonic()
    zk.start()
    wait_for("the leader is sure", lambda: times(old, "leadership_sure") > sure)
    print(f"# ZooKeeper killed and started: deciding again {time.monotonic() - begin:.2f} s after its start")
    t.join(PATIENCE)
    equal(held, [202], "the held call")
    s.until("a heartbeat or an offer on the same stream", lambda e: e["type"] in ("HEARTBEAT", "OFFERS"))
    equal(post(old.port, "/api/v1/scheduler", {"framework_id": id, "type": "TEARDOWN"}, headers={"Mesos-Stream-Id": s.stream_id}).status, 202, "teardown")
    s.close()
    check(wait_for("a leader", leader) is old, "the leader changed")
    equal([p.name for p in everybody if p.p.poll() is not None], [], "who ended")
    all_well(kept)
    r = http_request("PUT", marathons[1].port, "/v2/apps/kept", {"instances": 5})
    equal(r.status, 200, f"scaling after that ({r.text})")
    wait_for("five run", lambda: len(running()) == 5, 60)
    check(set(kept) <= set(running()), "a task was replaced")


def job_runs(port):
    r = get(port, "/stoa/v1/jobs/batch/runs")
    return [(x["id"], x["state"]) for x in r.json["runs"]] if r.status == 200 else []


@case("kill -9 of the leading marathon: the other takes the app over, no task is touched; so it does with a job's run")
def _():
    kept = running()
    a, b = marathons
    job = {"id": "/batch", "run": {"cmd": f"sleep {TIMEOUT + 3}", "cpus": 0.01, "mem": 16}, "schedule": {"cron": "0 0 1 1 *"}}
    equal(post(a.port, "/stoa/v1/jobs", job).status, 201, "a job")
    run = post(a.port, "/stoa/v1/jobs/batch/runs").json["id"]
    wait_for("it runs", lambda: job_runs(a.port) == [(run, "RUNNING")], 30)
    begin = time.monotonic()
    a.kill().wait()
    wait_for("the other leads", lambda: get(b.port, "/v2/leader").json == {"leader": f"127.0.0.1:{b.port}"}, 60, 0.02)
    led = time.monotonic()
    wait_for("it knows the tasks", lambda: marathon_tasks(b.port) == kept, 60, 0.02)
    known = time.monotonic()
    wait_for("it is subscribed", framework_is_back, 30, 0.02)
    print(f"# kill -9 of marathon, session {TIMEOUT} s: API serves {led - begin:.2f} s, tasks known {known - begin:.2f} s, "
          f"subscribed {time.monotonic() - begin:.2f} s")
    wait_for("the run ends well", lambda: job_runs(b.port) == [(run, "SUCCEEDED")], 30)
    check("nextRunAt" in get(b.port, "/stoa/v1/jobs/batch").json, "the schedule goes on")
    equal(http_request("DELETE", b.port, "/stoa/v1/jobs/batch").status, 204, "the job goes")
    equal(http_request("PUT", b.port, "/v2/apps/kept", {"instances": 6}).status, 200, "scaling")
    wait_for("six run", lambda: len(running()) == 6, 60)
    check(set(kept) <= set(running()), "a task was replaced")
    a.start()
    wait_for("the first is a standby", lambda: get(a.port, "/v2/leader").json == {"leader": f"127.0.0.1:{b.port}"})


@case("abdication: the leader ends, the other leads at once")
def _():
    kept = running()
    a, b = marathons
    r = http_request("DELETE", a.port, "/v2/leader")
    equal((r.status, r.json), (200, {"message": "Leadership abdicated"}), "answer")
    begin = time.monotonic()
    wait_for("the other leads", lambda: get(a.port, "/v2/leader").json == {"leader": f"127.0.0.1:{a.port}"}, 60, 0.02)
    print(f"# abdication of marathon: API serves {time.monotonic() - begin:.2f} s")
    equal(b.wait(10), 103, "status of the one that abdicated")
    b.start()
    all_well(kept)


@case("a marathon stopped for longer than its session becomes a standby, in the same process")
def _():
    kept = running()
    a, b = marathons
    wait_for("the standby answers", lambda: get(b.port, "/ping").status == 200)
    a.kill(signal.SIGSTOP)
    wait_for("the other leads", lambda: get(b.port, "/v2/leader").json == {"leader": f"127.0.0.1:{b.port}"}, 60)
    wait_for("it is subscribed", framework_is_back)
    a.kill(signal.SIGCONT)
    wait_for("the first is a standby", lambda: get(a.port, "/v2/leader").json == {"leader": f"127.0.0.1:{b.port}"}, 30)
    check(a.p.poll() is None, "it ended")
    all_well(kept)
    equal(marathon_tasks(a.port), kept, "tasks")


@case("a registry in ZooKeeper survives the end of all masters")
def _():
    kept = running()
    for m in masters:
        m.kill().wait()
    for m in masters:
        m.start()
    wait_for("one leads", leader, 60)
    all_well(kept)


@case("with credentials others see the leader and change nothing; no password is shown")
def _():
    def url(path, who=""):
        return f"zk://{who}{zk.hosts}{path}"
    def start(name, url, *more):
        p = Process(name, [STOA, "master", f"--zk={url}", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}", "--hostname=127.0.0.1", *more])
        p.port = int(p.args[4].split("=")[1])
        wait_for("it listens", lambda: get(p.port, "/health").status == 200)
        return p
    a = start("owner", url("/secure", "me:pa@ss@"))
    wait_for("it leads", lambda: get(a.port, "/state").status == 200)
    check("pa@ss" not in get(a.port, "/flags").text + get(a.port, "/state").text + post(a.port, "/api/v1", {"type": "GET_FLAGS"}).text, "the password is shown")
    check("xxxxxxxx@127.0.0.1" in get(a.port, "/flags").text, "the address is not shown")
    b = start("stranger", url("/secure"))
    wait_for("it is refused", lambda: "candidate_refused" in b.tail(), 20)
    c = start("friend", url("/secure", "me:pa@ss@"))
    wait_for("it follows", lambda: get(c.port, "/state").status == 307, 20)
    check(b.p.poll() is None, "the stranger ended")
    a.stop()
    wait_for("the friend leads", lambda: get(c.port, "/state").status == 200, 20)
    b.stop(), c.stop()


@case("a leader cut off from ZooKeeper makes no offers while another leads, and follows it when the network is back")
def _():
    def start(name, hosts):
        p = Process(name, [STOA, "master", f"--zk=zk://{hosts}/cut", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}", "--hostname=127.0.0.1",
                           "--zk_session_timeout=5secs"])
        p.port = int(p.args[4].split("=")[1])
        wait_for("it listens", lambda: get(p.port, "/health").status == 200)
        return p
    wire = Wire(zk.ports[0])
    a = start("cut", f"127.0.0.1:{wire.port}")
    wait_for("it leads", lambda: post(a.port, "/api/v1", {"type": "GET_HEALTH"}).status == 200) # 503 until the registry is read
    b = start("other", zk.hosts)
    wait_for("it follows", lambda: get(b.port, "/slaves").status == 307)
    info = {"user": "root", "name": "cut", "failover_timeout": 10.0}
    s = Stream(a.port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})
    equal(s.next()["type"], "SUBSCRIBED", "first event")
    begin = time.monotonic()
    wire.cut()
    wait_for("the other leads", lambda: get(b.port, "/slaves").status == 200, 20, 0.01)
    print(f"# leader cut off from ZooKeeper, session 5 s: another leads after {time.monotonic() - begin:.2f} s")
    equal(get(a.port, "/slaves").status, 200, "reads of the one that is cut off")
    # An agent comes to the one that is cut off: what it has is not offered, its admission is not told.
    agent = Process("lost-agent", [STOA, "agent", f"--master=127.0.0.1:{a.port}", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}",
                                   f"--work_dir={scratch()}/lost", f"--runtime_dir={scratch()}/lost-r", "--hostname=127.0.0.1",
                                   "--isolation=posix/cpu,posix/mem", "--launcher=posix", "--resources=cpus:1;mem:64;disk:64"])
    try:
        e = s.until("no offer", lambda e: e["type"] == "OFFERS", 3, is_expected=False)
        raise AssertionError(f"an offer was made: {e}")
    except Failed:
        pass
    equal(get(a.port, "/slaves").json["slaves"], [], "an agent was admitted")
    wire.heal()
    wait_for("it redirects to the other", lambda: get(a.port, "/state").headers.get("Location") == f"//127.0.0.1:{b.port}/master/state", 20)
    check(a.p.poll() is None, "it ended")
    check("leadership_lost" in open(a.log_path).read(), "it did not step down")
    equal(get(b.port, "/slaves").json["slaves"], [], "the other has the agent")
    s.close()
    agent.stop(), a.stop(), b.stop()


@case("an ensemble of three: the ensemble's leader is killed, nobody notices but the log; session of 10 s")
def _():
    global zk
    end_cluster()
    zk = ZooKeeper(3)
    for i in range(2):
        masters.append(start_master(i, 10))
        wait_for("one leads", leader)
    agents.append(start_agent(0))
    wait_for("the agent", lambda: active_agents() == 1)
    old = wait_for("a leader", leader)
    begin = time.monotonic()
    which = [zk.mode(i) for i in range(3)].index("leader")
    zk.kill(which)
    wait_for("the master is sure again", lambda: "leadership_sure" in old.tail(12) or "leadership_unsure" not in old.tail(12), 30)
    print(f"# leader of the ensemble killed: the master decides again after {time.monotonic() - begin:.2f} s")
    check(wait_for("a leader", leader) is old, "the leading master changed")
    zk.start(which)
    failover("kill -9 of the leader, session 10 s", lambda: old.kill().wait(), old, [])
    end_processes()


def quorum_lost(old, seconds, session):
    """Two of three servers are away for so long: everybody waits, reads are answered, a change waits. Then it happens once."""
    kept, marathon, said = running(), marathons[0], []
    unsure, sure = times(old, "leadership_unsure"), times(old, "leadership_sure")
    for i in (0, 1):
        zk.kill(i)
    begin = time.monotonic()
    wait_for("the master is unsure", lambda: times(old, "leadership_unsure") > unsure)
    late = time.monotonic() - begin
    change = threading.Thread(target=lambda: said.append(http_request("PUT", old.port, "/weights", [{"role": "web", "weight": 2 + seconds}], timeout=60).status))
    change.start()
    until = time.monotonic() + seconds
    wait_for("that time is over", lambda: time.monotonic() > until, seconds + 10)
    equal(sorted(t["id"] for t in get(old.port, "/tasks?limit=-1").json["tasks"] if t["state"] == "TASK_RUNNING"), kept, "tasks meanwhile")
    equal((get(marathon.port, "/v2/apps").status, said), (200, []), "what marathon reads, and the change")
    for i in (0, 1):
        zk.servers[i].start()
    wait_for("two servers serve", lambda: zk.mode(0) and zk.mode(1), 60)
    served = time.monotonic()
    wait_for("the master is sure", lambda: times(old, "leadership_sure") > sure)
    print(f"# two of three servers away for {seconds} s (session {session} s): unsure after {late:.2f} s, sure {time.monotonic() - served:.2f} s after they serve")
    change.join(PATIENCE)
    equal(said, [200], "the change that waited")
    check(wait_for("a leader", leader) is old and all(p.p.poll() is None for p in masters + marathons + agents), "the same processes go on")
    all_well(kept)
    wait_for("marathon launches again", lambda: http_request("PUT", marathon.port, "/v2/apps/kept?force=true", {"instances": len(kept) + 1}).status == 200)
    wait_for("one more runs", lambda: len(running()) == len(kept) + 1)


@case("an ensemble of three loses its quorum, for less and for more than the session: all wait, the same lead, every task runs on")
def _():
    for i in range(2):
        masters.append(start_master(i, 5))
        wait_for("one leads", leader)
    agents.append(start_agent(0))
    marathons.append(start_marathon(0, 5))
    wait_for("the agent", lambda: active_agents() == 1)
    wait_for("marathon leads", lambda: post(marathons[0].port, "/v2/apps", {**APP, "instances": 2}).status == 201)
    wait_for("the app runs", lambda: len(running()) == 2)
    for seconds in (0, 8):
        quorum_lost(wait_for("a leader", leader), seconds, 5)


def cgroups_of(a):
    return glob.glob(f"/sys/fs/cgroup/*/{a.cgroups_root}") + glob.glob(f"/sys/fs/cgroup/{a.cgroups_root}")


def end_processes():
    """Tasks first, so that nothing is left; an agent removes their cgroups after they were reported."""
    if marathons:
        for m in marathons:
            if m.p.poll() is None and http_request("DELETE", m.port, "/v2/apps/kept?force=true").status == 200:
                wait_for("no task runs", lambda: running() == [], 60)
                wait_for("their cgroups are gone", lambda: not any(glob.glob(d + "/*/") for a in agents if a.p.poll() is None for d in cgroups_of(a)), 60)
                break
    for p in marathons + agents + masters:
        p.kill(signal.SIGCONT)
        p.stop()
    for a in agents:
        for d in cgroups_of(a):
            equal(glob.glob(d + "/*/"), [], "cgroups left")
            os.rmdir(d)
    masters.clear(), agents.clear(), marathons.clear()


def end_cluster():
    end_processes()
    for s in zk.servers:
        s.stop(signal.SIGKILL)


@case("everything ends cleanly")
def _():
    end_cluster()


main()
