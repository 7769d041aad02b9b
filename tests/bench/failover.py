# SPDX-License-Identifier: Apache-2.0
"""B04, B11: a leader that begins with nothing and whose agents come back all at once; the same after kill -9 of the leader of two with
ZooKeeper; agents that come for the first time, to a durable registry."""
import json, os, statistics, subprocess, tempfile, threading, time

B = None  # the suite's own helpers: the module tests/bench/run, set by scenarios()


def sizes(smoke, std, full):
    return {"smoke": smoke, "std": std, "full": full}[B.SIZE]


class Agents:
    """tests/bench/failover, until it is left."""

    def __init__(self, *args):
        self.p = subprocess.Popen(B.pinned(B.PIN_DRIVER, os.path.join(B.BUILD, "tests/bench/failover"), *args), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        line = self.p.stdout.readline()
        if not line:
            raise RuntimeError(self.p.stderr.read().strip()[-400:])
        return json.loads(line)

    def go(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.p.wait(20)
        self.p.stdout.close(), self.p.stderr.close()


class Health(threading.Thread):
    """Asks /health again and again; p99 and worst in ms."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.times, self.over = port, [], threading.Event()

    def run(self):
        while not self.over.wait(0.002):
            start = time.monotonic()
            if B.get(self.port, "/health", 10) is not None:
                self.times.append((time.monotonic() - start) * 1000)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def values(self):
        t = sorted(self.times)
        return {"health_p99_ms": round(t[int(len(t) * 0.99)], 1), "health_max_ms": round(t[-1], 1)} if t else {}


def probe(mode, agents, tasks=0):
    """ms until the last agent is back, of a master that does only what none can do without."""
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.Popen(B.pinned(B.PIN_SUT, os.path.join(B.BUILD, "tests/bench/probe_failover"), *([d + "/new"] if mode == "register" else [])),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            with Agents(mode, f"127.0.0.1:{p.stdout.readline().strip()}", agents, share(agents), tasks, 0) as a:
                return a.line()["last_agent_ms"]
        finally:
            p.stdin.close(), p.stdout.close(), p.wait(20)


def limited(run, mode, agents, tasks=0):
    """A run between two of the probe; how much of what it takes is unavoidable."""
    before = probe(mode, agents, tasks)
    r = run()
    after = probe(mode, agents, tasks)
    return {**r, "probe_ms": (before + after) / 2, "vs_limit": (before + after) / 2 / r["last_agent_ms"]}


def share(agents):
    return 1 if agents < 1000 else 16  # agents of one address: an address has only so many ports


def peak_mb(m):
    for line in open(f"/proc/{m.p.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024


def medians(runs):
    return {k: round(statistics.median(r[k] for r in runs), 2 if k == "vs_limit" else 1) for k in runs[0] if k != "agents"}


def b04a():
    shapes = sizes([(200, 10, 0)], [(1000, 10, 0), (10000, 10, 0), (20000, 10, 0), (10000, 10, 100)],
                   [(1000, 10, 0), (10000, 10, 0), (40000, 10, 0), (20000, 10, 100), (50000, 40, 0)])
    for agents, tasks, completed in shapes:
        def one():
            with tempfile.TemporaryDirectory() as d, B.master(d) as m:
                with Health(B.PORT) as h, Agents("return", f"127.0.0.1:{B.PORT}", agents, share(agents), tasks, completed) as a:
                    r = a.line()
                    r["master_cpu_ms"] = m.cpu_s() * 1000
                    start = time.monotonic()
                    known = json.loads(B.get(B.PORT, "/metrics/snapshot", 60))["master/tasks_running"]
                    r["tasks_known_ms"] = r["last_agent_ms"] + (time.monotonic() - start) * 1000
                    if known != agents * tasks:
                        raise RuntimeError(f"the master knows {known} running tasks of {agents * tasks}")
                return {**r, **h.values(), "peak_mb": peak_mb(m)}

        runs = [limited(one, "return", agents, tasks) if completed == 0 else one() for _ in range(B.ROUNDS)]
        B.plain("B04a", {"agents": agents, "tasks": tasks, "completed": completed}, medians(runs))


class ZooKeeper:
    JARS = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        d, self.port = self.dir.name, B.PORT + 20
        with open(d + "/zoo.cfg", "w") as f:
            f.write(f"tickTime=200\ninitLimit=50\nsyncLimit=25\nminSessionTimeout=400\nmaxSessionTimeout=60000\ndataDir={d}/data\n"
                    f"clientPort={self.port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n")
        self.p = B.Process(["/usr/bin/java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.admin.enableServer=false",
                            "-Djava.net.preferIPv4Stack=true", "-cp", self.JARS, "org.apache.zookeeper.server.quorum.QuorumPeerMain", d + "/zoo.cfg"],
                           self.port, None, B.PIN_DRIVER)
        return f"zk://127.0.0.1:{self.port}/mesos"

    def __exit__(self, *_):
        self.p.__exit__()
        self.dir.cleanup()


def b04b():
    if not all(os.path.exists(f) for f in ZooKeeper.JARS.split(":") + ["/usr/bin/java"]):
        B.skips.append("B04b: no ZooKeeper")
        return
    agents, tasks = sizes((100, 10), (5000, 10), (9000, 10))
    for session in sizes((2,), (4, 10), (4, 10)):
        runs = []
        for _ in range(B.ROUNDS):
            with ZooKeeper() as zk, tempfile.TemporaryDirectory() as d:
                def master(port):
                    return B.Process([B.STOA, "master", f"--zk={zk}", "--quorum=1", "--ip=127.0.0.1", "--hostname=127.0.0.1", f"--port={port}", f"--work_dir={d}/{port}",
                                      f"--zk_session_timeout={session}secs", "--logging_level=WARNING"], port)
                with master(B.PORT) as first:
                    while json.loads(B.get(B.PORT, "/metrics/snapshot") or '{"master/elected":0}')["master/elected"] != 1:
                        time.sleep(0.01)
                    with master(B.PORT + 1) as second, Agents("follow", f"127.0.0.1:{B.PORT}", agents, share(agents), tasks, 0, f"127.0.0.1:{B.PORT + 1}") as a:
                        a.line()
                        first.p.kill()
                        a.go()
                        with Health(B.PORT + 1) as h:
                            r = a.line()
                        own = {"own_work_ms": r["last_agent_ms"] - session * 1000} if r["last_agent_ms"] > session * 1000 else {"own_work_ms": r["last_agent_ms"] - r["leader_ms"]}
                        runs.append({**r, **own, **h.values(), "peak_mb": peak_mb(second)})
        B.plain("B04b", {"agents": agents, "tasks": tasks, "session_s": session}, medians(runs))


def b11():
    for agents in sizes([200], [10000], [10000, 50000]):
        def one():
            with tempfile.TemporaryDirectory() as d:
                args = [B.STOA, "master", "--ip=127.0.0.1", f"--port={B.PORT}", f"--work_dir={d}", "--logging_level=WARNING"]
                with B.Process(args, B.PORT) as m:
                    with Health(B.PORT) as h, Agents("register", f"127.0.0.1:{B.PORT}", agents, share(agents)) as a:
                        r = a.line()
                        r["master_cpu_ms"] = m.cpu_s() * 1000
                    size = sum(os.path.getsize(os.path.join(d, f)) for f in os.listdir(d) if f.startswith("registry.db"))
                    return {**r, "agents_per_s": agents * 1000 / r["last_agent_ms"], "registry_mb": size / 1e6, **h.values(), "peak_mb": peak_mb(m)}

        runs = [limited(one, "register", agents) for _ in range(B.ROUNDS)]
        B.plain("B11", {"agents": agents}, medians(runs))


def scenarios(suite):
    global B
    B = suite
    return {"B04a": b04a, "B04b": b04b, "B11": b11}
