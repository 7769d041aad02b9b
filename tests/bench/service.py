# SPDX-License-Identifier: Apache-2.0
"""B16, B17, B18: the app service against simulated agents through the real master. Master and marathon are on one CPU, agents
and clients on the other. Each figure's limit is a probe of the same run: what the same number of launches costs a framework
that does nothing else (B16), as many bytes through a socket (B17), connect-ask-answer-close (B18)."""
import http.client, json, os, statistics, subprocess, tempfile, threading, time

B = None  # the suite's own helpers: the module tests/bench/run, set by scenarios()
CHECK_PORT = 400  # above the suite's port


def sizes(smoke, std, full):
    return {"smoke": smoke, "std": std, "full": full}[B.SIZE]


class Agents:
    def __init__(self, count, cpus=20, ports=(31000, 31999)):
        args = [f"{B.BUILD}/tests/bench/sim_agents", f"127.0.0.1:{B.PORT}", count, cpus, 100000, *ports]
        self.p = subprocess.Popen(B.pinned(B.PIN_DRIVER, *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        line = self.p.stdout.readline()
        if not line:
            raise RuntimeError(self.p.stderr.read()[-400:])
        return json.loads(line)

    def books(self):
        self.p.stdin.write("?\n")
        self.p.stdin.flush()
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.communicate()


class Service:
    """marathon and one connection to it, with a second one that reads the ends of deployments."""

    def __init__(self, directory, *flags):
        self.port = B.PORT + 2
        self.p = B.Process([B.STOA, "marathon", f"--master=127.0.0.1:{B.PORT}", "--http_address=127.0.0.1", f"--http_port={self.port}",
                            f"--store_dir={directory}/marathon", "--logging_level=warn", "--max_running_deployments=20000", *flags], self.port, "/ping")
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.ended, self.condition = {}, threading.Condition()
        self.events = http.client.HTTPConnection("127.0.0.1", self.port)
        self.events.request("GET", "/v2/events?event_type=deployment_success&event_type=deployment_failed&plan-format=light",
                            headers={"Accept": "text/event-stream"})
        self.stream = self.events.getresponse()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while line := self.stream.readline():
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    with self.condition:
                        self.ended[event.get("id")] = (event["eventType"], time.monotonic())
                        self.condition.notify_all()
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            pass

    def ask(self, method, path, body=None, ok=(200, 201)):
        start = time.monotonic()
        self.http.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        r = self.http.getresponse()
        data = r.read()
        if r.status not in ok:
            raise RuntimeError(f"{method} {path}: {r.status} {data[:300]!r}")
        return json.loads(data) if data[:1] in b"{[" else data, start

    def deploy(self, method, path, body=None):
        """Seconds from the request to the success of its deployment; the answer's milliseconds."""
        answer, start = self.ask(method, path, body)
        answered = time.monotonic() - start
        id = answer.get("deploymentId") or answer["deployments"][0]["id"]
        with self.condition:
            if not self.condition.wait_for(lambda: id in self.ended, 60):
                raise RuntimeError(f"{method} {path}: not deployed after 60 s: {str(self.ask('GET', '/v2/queue')[0])[:600]}")
            type, at = self.ended[id]
        if type != "deployment_success":
            raise RuntimeError(f"{method} {path}: {type}")
        return at - start, answered * 1000

    def idle(self):
        for _ in range(6000):
            if self.ask("GET", "/v2/deployments")[0] == []:
                return
            time.sleep(0.01)
        raise RuntimeError("deployments that do not end")

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.http.close()
        self.p.__exit__(*a)


def app(id, instances, **more):
    return {"id": id, "cmd": "sleep 1000", "instances": instances, "cpus": 0.1, "mem": 5, "disk": 0, "backoffSeconds": 0,
            "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}, "portDefinitions": [], **more}


def books(agents, service, want):
    """What the agents run is what the service and the master think."""
    service.idle()
    for _ in range(500):
        mine = agents.books()
        theirs = len(service.ask("GET", "/v2/tasks")[0]["tasks"])
        master = json.loads(B.get(B.PORT, "/metrics/snapshot"))["master/tasks_running"]
        if mine["running"] == theirs == master == want:
            return
        time.sleep(0.01)
    raise RuntimeError(f"agents run {mine['running']}, the service {theirs}, the master {master}, wanted {want}")


def post(s, connections, count, id):
    return B.run(*B.pinned(B.PIN_DRIVER, f"{B.BUILD}/tests/bench/probe_service", "post", s.port, "/v2/apps", connections, count,
                           json.dumps(app(id, 1))))


def limit(agents, tasks):
    """Seconds that the driver's framework needs for as many launches: ten to an offer, which it is given once."""
    with tempfile.TemporaryDirectory() as d, B.master(d):
        return B.drive(f"--agents={agents}", f"--tasks={tasks}", "--per_accept=10", f"--window={tasks}", "--stay")["seconds"]


def b16():
    agents, n, apps, roll = sizes((50, 500, 200, 50), (1000, 10000, 10000, 1000), (1000, 10000, 10000, 1000))
    found, probes, latency = {}, [], []

    def add(name, seconds, answered):
        found.setdefault(name, []).append((seconds, answered))

    for _ in range(B.ROUNDS):
        probes.append(limit(agents, n))
        with tempfile.TemporaryDirectory() as d, B.master(d) as m, Agents(agents) as a, Service(d) as s:
            add("a 1 app", *s.deploy("POST", "/v2/apps", app("/a", n)))
            books(a, s, n)
            add("e remove", *s.deploy("DELETE", "/v2/apps//a"))
            books(a, s, 0)
            s.deploy("POST", "/v2/apps", app("/c", roll))
            add("c rolling 0.5", *s.deploy("PATCH", "/v2/apps//c", {"cmd": "sleep 1001"}))
            books(a, s, roll)
            add("c rolling 1.0/1.0", *s.deploy("PATCH", "/v2/apps//c", {"cmd": "sleep 1002", "upgradeStrategy":
                                               {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1.0}}))
            books(a, s, roll)
            s.deploy("PATCH", "/v2/apps//c", {"instances": 10})
            add("d up", *s.deploy("PATCH", "/v2/apps//c", {"instances": n}))
            add("d down", *s.deploy("PATCH", "/v2/apps//c", {"instances": 10}))
            books(a, s, 10)
            add("b group PUT", *s.deploy("PUT", "/v2/groups", {"id": "/g", "apps": [app(f"/g/app-{i}", 1) for i in range(apps)]}))
            books(a, s, apps + 10)
            s.deploy("DELETE", "/v2/groups//g")
            books(a, s, 10)
            start = time.monotonic()
            post(s, 8, apps, "/p/app-%u")
            s.idle()
            add("b POSTs", time.monotonic() - start, 0)
            books(a, s, apps + 10)
            latency.append(post(s, 1, sizes(50, 1000, 1000), "/q/app-%u"))
            rss = {"marathon_rss_kb": s.p.rss_kb()["Rss"], "marathon_cpu_s": s.p.cpu_s(), "master_cpu_s": m.cpu_s()}
        probes.append(limit(agents, n))
    B.plain("B16", {"what": "one POST after the other", "apps": apps},
            {k: statistics.median(p[k] for p in latency) for k in ("p50_us", "p99_us", "max_us")})
    for name, values in found.items():
        B.report("B16", {"what": name, "agents": agents, "instances": roll if name[0] == "c" else apps if name[0] == "b" else n,
                         "answer_ms": round(statistics.median(v[1] for v in values), 1), **(rss if name == "b POSTs" else {})},
                 [(v[0] * 1000, probes[2 * i] * 1000, probes[2 * i + 1] * 1000) for i, v in enumerate(values)], "ms",
                 higher_is_better=False)


def b17():
    agents, n = sizes((50, 200), (1000, 10000), (1000, 10000))
    paths = ["/v2/apps?embed=apps.tasks&embed=apps.deployments&embed=apps.lastTaskFailure", "/v2/groups", "/v2/tasks", "/v2/deployments",
             "/v2/queue", "/v2/apps//g/app-7"]
    with tempfile.TemporaryDirectory() as d, B.master(d), Agents(agents) as a, Service(d) as s:
        readers = subprocess.Popen(B.pinned(B.PIN_DRIVER, f"{B.BUILD}/tests/bench/probe_service", "events", s.port, sizes(5, 100, 100), sizes(3, 20, 20)),
                                   stdout=subprocess.PIPE, text=True)
        readers.stdout.readline()
        s.deploy("PUT", "/v2/groups", {"id": "/g", "apps": [app(f"/g/app-{i}", 1) for i in range(n)]})
        s.deploy("PUT", "/v2/groups", {"id": "/h", "apps": [app(f"/h/app-{i}", n // 100) for i in range(100)]})
        e = json.loads(readers.communicate(timeout=60)[0])
        if e["largest"] > 65536 or e["closed"] != 0:
            raise RuntimeError(f"events: {e}")
        B.plain("B17", {"what": "events during two group PUTs"}, e)
        books(a, s, n + n // 100 * 100)
        for path in paths:
            for clients in (1, 20):
                size = B.run(*B.pinned(B.PIN_DRIVER, B.HTTP, "bulk", s.port, path, 1))["bytes"]
                rounds, ms, pings = [], [], []
                for _ in range(B.ROUNDS):
                    before = B.p_bulk(size, clients)
                    watch = subprocess.Popen(B.pinned(B.PIN_DRIVER, B.HTTP, "paced", s.port, "/ping", 200, 1), stdout=subprocess.PIPE, text=True)
                    got = []
                    while watch.poll() is None:
                        got.append(B.http("bulk", s.port, path, clients))
                        s.ask("POST", "/v2/apps", {**app(f"/change-{time.monotonic_ns()}", 0)})  # nothing that was kept is of use
                    pings.append(json.loads(watch.stdout.read())["p99_us"])
                    ms.append(statistics.median(g["last_ms"] for g in got))
                    rounds.append((statistics.median(g["bytes_per_s"] for g in got), before, B.p_bulk(size, clients)))
                B.report("B17", {"what": path.split("?")[0], "clients": clients, "bytes": size, "ms": round(statistics.median(ms), 2),
                                 "ping_p99_us": statistics.median(pings)}, rounds, "bytes/s")


def b18():
    """a: checks; b: how long after the start of a process its API serves, and until all is reconciled."""
    agents, n, seconds = sizes((20, 200, 3), (1000, 10000, 10), (1000, 10000, 30))
    first = B.PORT + CHECK_PORT
    service = f"{B.BUILD}/tests/bench/probe_service"
    for protocol in ("HTTP", "TCP"):
        rounds, jitter, rate = [], [], []
        for _ in range(B.ROUNDS):
            def answering():
                p = subprocess.Popen(B.pinned(B.PIN_DRIVER, service, "answer", first, first + 9), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                if not p.stdout.readline():
                    raise RuntimeError("the responder does not start")
                return p

            def dial():
                p = answering()
                r = B.run(*B.pinned(B.PIN_SUT, service, "dial", first, sizes(2000, 40000, 100000), 64))
                p.communicate()
                return r["cpu_us"]
            before = dial()
            with tempfile.TemporaryDirectory() as d, B.master(d), Agents(agents, ports=(first, first + 9)) as a, Service(d) as s:
                check = {"protocol": protocol, "path": "/", "portIndex": 0, "gracePeriodSeconds": 60, "intervalSeconds": 1, "timeoutSeconds": 5,
                         "maxConsecutiveFailures": 3}
                responder = answering()
                s.deploy("POST", "/v2/apps", app("/h", n, portDefinitions=[{"port": 0}],
                                                 healthChecks=[check if protocol == "HTTP" else {k: v for k, v in check.items() if k != "path"}]))
                cpu, start = s.p.cpu_s(), time.monotonic()
                time.sleep(seconds)
                used, took = s.p.cpu_s() - cpu, time.monotonic() - start
                healthy = s.ask("GET", "/v2/apps//h")[0]["app"]["tasksHealthy"]
                if healthy != n:
                    raise RuntimeError(f"{healthy} of {n} are healthy")
                r = json.loads(responder.communicate(timeout=20)[0])
            jitter.append(r["jitter_p99_us"] / 1000)
            rate.append(r["checks"] / r["seconds"])
            rounds.append((used / (n * took) * 1e6, before, dial()))
        B.report("B18", {"what": f"{protocol} checks", "instances": n, "checks_per_s": round(statistics.median(rate)),
                         "jitter_p99_ms": round(statistics.median(jitter), 1)}, rounds, "us of CPU per check", higher_is_better=False)
    values = []
    for _ in range(B.ROUNDS):
        with tempfile.TemporaryDirectory() as d, B.master(d), Agents(agents) as a:
            with Service(d, "--failover_timeout=600") as s:
                s.deploy("PUT", "/v2/groups", {"id": "/g", "apps": [app(f"/g/app-{i}", 1) for i in range(n)]})
                books(a, s, n)  # every update is acknowledged: these agents do not repeat theirs
                s.p.p.kill()
                s.p.p.wait()
            with Service(d, "--failover_timeout=600") as s:
                start = time.monotonic()
                books(a, s, n)
                values.append((s.p.ready_ms, (time.monotonic() - start) * 1000 + s.p.ready_ms))
    B.plain("B18", {"what": "kill -9", "apps": n}, {"serving_ms": round(statistics.median(v[0] for v in values), 1),
                                                  "books_ms": round(statistics.median(v[1] for v in values), 1)})


def scenarios(suite):
    global B
    B = suite
    return {"B16": b16, "B17": b17, "B18": b18}
