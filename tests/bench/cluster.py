# SPDX-License-Identifier: Apache-2.0
"""B02, B05, B06, B13: latency, memory, state dumps and reconciliation of the master, against the simulated agents and framework
of the driver."""
import json, statistics, subprocess, tempfile, time

B = None  # the suite's own helpers: the module tests/bench/run, set by scenarios()


def sizes(smoke, std, full):
    return {"smoke": smoke, "std": std, "full": full}[B.SIZE]


def one(*args, flags=()):
    """One run of the driver against a master of its own."""
    with tempfile.TemporaryDirectory() as d, B.master(d, *flags):
        return B.drive(*args)


def medians(results, *keys):
    return {k: round(statistics.median(r[k] for r in results), 2) for k in keys}


# --- B02: latency ---


def b02a():
    tasks = sizes(200, 3000, 20000)
    rounds, p99 = [], []
    for _ in range(B.ROUNDS):
        before = B.probe_launch(1, 1, tasks)["p50_us"]
        r = one("--agents=1", f"--tasks={tasks}", "--latency")
        p99.append(r["p99_us"])
        rounds.append((r["p50_us"], before, B.probe_launch(1, 1, tasks)["p50_us"]))
    B.report("B02a", {"tasks": tasks, "p99_us": statistics.median(p99)}, rounds, "us p50 ACCEPT to RUNNING", higher_is_better=False)


def b02b():
    """Open loop: each task has its moment, and latency counts from that, whatever held the driver up."""
    agents, seconds = sizes(100, 1000, 1000), sizes(2, 6, 20)
    peak = statistics.median(one(f"--agents={agents}", f"--tasks={sizes(4000, 60000, 200000)}", f"--window={2 * agents}")["tasks_per_s"]
                             for _ in range(B.ROUNDS))
    for percent in (10, 50, 80):
        rate, rounds = int(peak * percent / 100), []
        for _ in range(B.ROUNDS):
            with tempfile.TemporaryDirectory() as d, B.master(d), B.Held(agents, agents, rate, "--per_accept=1") as held:
                time.sleep(seconds)
                rounds.append(held.end())
        B.plain("B02b", {"agents": agents, "percent": percent, "rate": rate},
                medians(rounds, "tasks_per_s", "p50_us", "p99_us", "p999_us", "max_us", "driver_busy"))


def b02c():
    for frameworks in (1, 100):
        rs = [one(f"--agents={sizes(10, 1000, 1000)}", f"--tasks={sizes(200, 2000, 20000)}", "--turnaround", f"--frameworks={frameworks - 1}")
              for _ in range(B.ROUNDS)]
        B.plain("B02c", {"what": "a task's end to the offer of what it held", "frameworks": frameworks},
                medians(rs, "offer_p50_us", "offer_p99_us", "offer_max_us"))


def b02d():
    for agents in sizes((100,), (1000, 10000), (1000, 10000)):
        rs = [one(f"--agents={agents}", f"--share={16 if agents > 9000 else 1}", "--tasks=100", "--window=100") for _ in range(B.ROUNDS)]
        B.plain("B02d", {"what": "SUBSCRIBE to offers", "agents": agents}, medians(rs, "first_offers_ms", "all_offers_ms", "register_all_ms"))


def b02e():
    rs = [one("--agents=100", f"--join={sizes(100, 1000, 5000)}", "--tasks=100", "--window=100") for _ in range(B.ROUNDS)]
    B.plain("B02e", {"what": "an agent registers to its offer"}, medians(rs, "offer_p50_us", "offer_p99_us", "offer_max_us"))


def b02():
    for part in (b02a, b02b, b02c, b02d, b02e):
        part()


# --- B05: memory ---


def slope(what, small, big, unit, measure):
    """Bytes for one more of something, between two sizes."""
    a, b = measure(small), measure(big)
    B.plain("B05", {"what": unit, "from": small, "to": big},
            {k.lower() + "_bytes": round((b[k] - a[k]) * 1024 / (big - small)) for k in ("Pss", "Anonymous")} | {"total_kb": b["Rss"]} | what)


def settled(m):
    time.sleep(2)  # as the rules of the suite ask for
    return m.rss_kb()


def with_cluster(agents, tasks, *more):
    with tempfile.TemporaryDirectory() as d, B.master(d) as m, B.Held(agents, tasks, 0, *more):
        return settled(m)


def with_history(tasks):
    with tempfile.TemporaryDirectory() as d, B.master(d, f"--max_completed_tasks_per_framework={tasks}") as m:
        B.drive("--agents=100", f"--tasks={tasks}", "--per_accept=10", "--window=1000")
        return settled(m)


def with_watchers(n):
    with tempfile.TemporaryDirectory() as d, B.master(d) as m:
        p = subprocess.Popen(B.pinned(B.PIN_DRIVER, B.HTTP, "watch", B.PORT, n, 4, 0), stdout=subprocess.DEVNULL)
        try:
            return settled(m)
        finally:
            p.wait()


def b05():
    n = sizes((200, 2000), (10000, 110000), (20000, 420000))
    slope({}, *sizes((10, 100), (100, 2000), (1000, 9000)), "agent with a connection", lambda x: with_cluster(x, 1, "--window=1"))
    for labels in (10, 0):
        slope({"labels": labels}, *n, "running task", lambda x, labels=labels: with_cluster(100, x, f"--labels={labels}"))
    slope({"labels": 10}, *n, "completed task", with_history)
    slope({}, *sizes((5, 50), (10, 500), (10, 1000)), "framework", lambda x: with_cluster(10, 1, f"--frameworks={x}", "--window=1"))
    slope({}, *sizes((5, 50), (10, 500), (10, 900)), "subscriber", with_watchers)


# --- B06: state dumps ---

DOCUMENTS = [("/state", "/state", None, 1), ("/state, 20 clients", "/state", None, 20), ("GET_STATE", "x", '{"type":"GET_STATE"}', 1),
             ("GET_STATE protobuf", "x", 'p{"type":"GET_STATE"}', 1), ("GET_TASKS", "x", '{"type":"GET_TASKS"}', 1),
             ("GET_AGENTS", "x", '{"type":"GET_AGENTS"}', 1), ("/slaves", "/slaves", None, 1), ("/tasks?limit=100", "/tasks?limit=100", None, 1)]


def dump(name, path, call, clients, shape):
    """One document, over and over while another client asks for /health."""
    rounds, last, firsts, health = [], [], [], []
    ask = lambda: B.http("bulk", B.PORT, path, clients, *([call] if call else []))
    size = ask()["bytes"]
    for _ in range(B.ROUNDS):
        before = B.p_bulk(size, clients)
        watch = subprocess.Popen(B.pinned(B.PIN_DRIVER, B.HTTP, "paced", B.PORT, "/health", 500, 1), stdout=subprocess.PIPE, text=True)
        dumps = []
        while watch.poll() is None:
            dumps.append(ask())
        health.append(json.loads(watch.stdout.read()))
        last.append(statistics.median(r["last_ms"] for r in dumps))
        firsts.append(statistics.median(r["first_ms"] for r in dumps))
        rounds.append((statistics.median(r["bytes_per_s"] for r in dumps), before, B.p_bulk(size, clients)))
    B.report("B06", {"what": name, **shape, "bytes": size, "first_ms": round(statistics.median(firsts), 1),
                     "last_ms": round(statistics.median(last), 1), "health_p99_us": statistics.median(h["p99_us"] for h in health),
                     "health_max_us": max(h["max_us"] for h in health)}, rounds, "bytes/s")


def b06():
    """State dumps, while another client asks for /health 500 times a second and a framework launches tasks at a fixed rate."""
    for agents, tasks, rate in sizes([(100, 2000, 200)], [(1000, 20000, 1000)], [(1000, 20000, 1000), (10000, 100000, 1000)]):
        shape = {"agents": agents, "running": tasks, "completed": tasks}
        with tempfile.TemporaryDirectory() as d, B.master(d, f"--max_completed_tasks_per_framework={tasks}") as m:
            B.drive("--agents=100", f"--tasks={tasks}", "--per_accept=10", "--window=1000")  # they are history afterwards
            with B.Held(agents, tasks, rate, f"--share={16 if agents > 9000 else 1}") as held:
                idle = B.http("paced", B.PORT, "/health", 500, 2)
                for name, path, call, clients in DOCUMENTS if B.SIZE != "smoke" else DOCUMENTS[:4]:
                    dump(name, path, call, clients, shape)
                launched = held.end()
                B.plain("B06", {"what": "meanwhile", **shape, "rate": rate},
                        {"launched_per_s": launched["tasks_per_s"], "launch_p50_us": launched["p50_us"], "launch_p99_us": launched["p99_us"],
                         "health_idle_p99_us": idle["p99_us"], "rss_kb": m.rss_kb()["Rss"]})


# --- B13 ---


def b13():
    tasks = sizes(2000, 100000, 100000)
    rs = [one(f"--agents={sizes(100, 1000, 1000)}", f"--tasks={tasks}", "--per_accept=20", "--window=2000", "--stay", "--reconcile")
          for _ in range(B.ROUNDS)]
    B.plain("B13", {"what": "RECONCILE", "tasks": tasks}, medians(rs, "reconcile_ms", "reconcile_implicit_ms"))


def scenarios(suite):
    global B
    B = suite
    return {"B02": b02, "B05": b05, "B06": b06, "B13": b13}
