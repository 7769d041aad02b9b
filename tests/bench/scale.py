# SPDX-License-Identifier: Apache-2.0
"""B08, B10, B14, B15, B21: status updates, what an agent with many containers costs, two million tasks, many agents with many
frameworks, and half an hour of all that."""
import glob, json, os, re, signal, socket, statistics, subprocess, tempfile, time

from failover import Health

B = None  # the suite's own helpers: the module tests/bench/run, set by scenarios()


def sizes(smoke, std, full):
    return {"smoke": smoke, "std": std, "full": full}[B.SIZE]


# --- B08: updates ---


class Agent:
    """A real agent of this machine, and the end of its cgroups."""

    def __init__(self, d, *flags, isolation="cgroups/cpu,cgroups/mem"):
        self.args = [B.STOA, "agent", f"--master=127.0.0.1:{B.PORT}", f"--work_dir={d}/agent", "--ip=127.0.0.1", f"--port={B.PORT + 1}",
                     f"--runtime_dir={d}/run", f"--isolation={isolation}", f"--cgroups_root=stoa_bench_{os.getpid()}",
                     "--resources=cpus:1000;mem:1000000;disk:1000;ports:[31000-32000]", "--logging_level=WARNING", *flags]
        self.start()

    def start(self):
        self.process = B.Process(self.args, B.PORT + 1)

    def kill(self):
        self.process.p.kill()
        self.process.p.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.p.send_signal(signal.SIGUSR1)  # ends what still runs, and signs off
        try:
            self.process.p.wait(120)
        except subprocess.TimeoutExpired:
            self.kill()
        for d in glob.glob(f"/sys/fs/cgroup/*/stoa_bench_{os.getpid()}"):
            subprocess.run(["find", d, "-depth", "-type", "d", "-delete"], capture_output=True)  # empty groups of this run


def b08():
    agents, tasks, updates = sizes((50, 500, 4), (1000, 10000, 9), (1000, 20000, 19))
    rounds, cpu = [], []
    for _ in range(B.ROUNDS):
        before = B.probe_launch(agents, 2 * agents, tasks * 2)["tasks_per_s"]
        with tempfile.TemporaryDirectory() as d, B.master(d) as m:
            start = m.cpu_s()
            r = B.drive(f"--agents={agents}", f"--tasks={tasks}", "--per_accept=10", f"--window={tasks}", "--stay", f"--updates={updates}")
            cpu.append((m.cpu_s() - start) * 1e6 / (tasks * (updates + 1)))
        rounds.append((r["updates_per_s"], before, B.probe_launch(agents, 2 * agents, tasks * 2)["tasks_per_s"]))
    B.report("B08", {"what": "master", "agents": agents, "updates": tasks * (updates + 1), "master_cpu_us": round(statistics.median(cpu), 1)},
             rounds, "updates/s")
    executors, each = sizes((10, 50), (100, 200), (100, 1000))
    for checkpoint in (False, True):
        rs = []
        for _ in range(B.ROUNDS):
            with tempfile.TemporaryDirectory() as d, B.master(d), Agent(d, isolation="posix/cpu,posix/mem") as a:
                r = B.drive("--agents=0", f"--tasks={executors}", "--per_accept=1000", "--window=1000", "--stay",
                            f"--executor={B.BUILD}/tests/bench/chatter {each}", f"--updates={each - 1}", *(["--checkpoint"] if checkpoint else []))
                rs.append(r | {"agent_cpu_us": round(a.process.cpu_s() * 1e6 / (executors * each), 1)})
        # Starting the executors is in it.
        B.plain("B08", {"what": "agent", "executors": executors, "updates_each": each, "checkpoint": checkpoint},
                {k: statistics.median(r[k] for r in rs) for k in ("updates_per_s", "agent_cpu_us")})


# --- B10: an agent with many containers ---


def pss_of(names):
    """Sum of Pss in KB, and how many, of the processes whose program is one of ours with these names."""
    total = count = 0
    for p in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(p) in names:
                total += int(re.search(r"^Pss:\s+(\d+)", open(os.path.dirname(p) + "/smaps_rollup").read(), re.M).group(1))
                count += 1
        except (OSError, AttributeError):
            pass
    return total, count


def milliseconds(port, path, times=5):
    def once():
        start = time.monotonic()
        B.get(port, path, 30)
        return (time.monotonic() - start) * 1000
    return round(statistics.median(once() for _ in range(times)), 1)


def until(what, fn, seconds=60):
    start = time.monotonic()
    while not fn():
        if time.monotonic() - start > seconds:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.002)
    return (time.monotonic() - start) * 1000


def b10():
    if not B.ROOT:
        B.skips.append("B10: needs root for cgroups")
        return
    count = sizes(20, 300, 1000)
    ours = [os.path.join(B.BUILD, n) for n in ("stoa-launcher", "stoa-executor")]
    with tempfile.TemporaryDirectory() as d, B.master(d), Agent(d) as a:
        p = subprocess.Popen(B.pinned(B.PIN_DRIVER, B.DRIVER, f"--master=127.0.0.1:{B.PORT}", "--agents=0", f"--tasks={count}", "--per_accept=1000",
                                      "--window=50", "--stay", "--hold", "--checkpoint", "--real=sleep 1000"),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not p.stdout.readline():
            raise RuntimeError("the driver ended")
        pss, n = pss_of(ours)
        cpu = a.process.cpu_s()
        time.sleep(sizes(1, 5, 10))
        idle = (a.process.cpu_s() - cpu) / sizes(1, 5, 10) * 100
        values = {"rss_kb": a.process.rss_kb()["Rss"], "pss_kb_per_container": round(pss / max(1, count), 1), "helpers_per_container": round(n / count, 2),
                  "idle_cpu_percent": round(idle, 2), "containers_ms": milliseconds(B.PORT + 1, "/containers"),
                  "statistics_ms": milliseconds(B.PORT + 1, "/monitor/statistics")}
        a.kill()
        start = time.monotonic()
        a.start()
        values["answers_ms"] = round((time.monotonic() - start) * 1000, 1)
        state = lambda: json.loads(B.get(B.PORT + 1, "/metrics/snapshot", 10) or "{}")
        until("registered again", lambda: state().get("slave/registered") == 1)
        values["registered_ms"] = round((time.monotonic() - start) * 1000, 1)
        until("the executors are back", lambda: state().get("slave/executors_running") == count)
        values["executors_back_ms"] = round((time.monotonic() - start) * 1000, 1)
        p.communicate(timeout=60)
    B.plain("B10", {"containers": count}, values)


# --- B14, B15: many of everything ---


def b14():
    agents, tasks = sizes((100, 5000), (6100, 300000), (6100, 2000000))
    probe = B.probe_launch(min(agents, 1000), 5000, 100000)["tasks_per_s"]
    with tempfile.TemporaryDirectory() as d, B.master(d) as m:
        empty = m.rss_kb()["Rss"]
        with Health(B.PORT) as health:
            args = [f"--agents={agents}", "--share=61", f"--tasks={tasks}", "--per_accept=20", "--window=5000", "--stay", "--hold"]
            p = subprocess.Popen(B.pinned(B.PIN_DRIVER, B.DRIVER, f"--master=127.0.0.1:{B.PORT}", *args), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
            seen = [(time.monotonic(), 0)]
            os.set_blocking(p.stdout.fileno(), False)
            while not (line := p.stdout.readline()):
                if p.poll() is not None:
                    raise RuntimeError("the driver ended")
                running = json.loads(B.get(B.PORT, "/metrics/snapshot", 30) or "{}").get("master/tasks_running", 0)
                seen.append((time.monotonic(), running))
                time.sleep(sizes(0.02, 0.2, 0.5))
            r = json.loads(line)
            meanwhile = health.values()
        rate = lambda part: (part[-1][1] - part[0][1]) / max(0.001, part[-1][0] - part[0][0])
        first, last = [x for x in seen if 0 < x[1] <= tasks * 0.2], [x for x in seen if tasks * 0.8 <= x[1] < tasks]
        rss = m.rss_kb()["Rss"]
        state = B.http("bulk", B.PORT, "/state", 1)
        values = {"seconds": r["seconds"], "rss_mb": round(rss / 1024), "bytes_per_task": round((rss - empty) * 1024 / tasks),
                  "last_fifth_vs_first": round(rate(last) / rate(first), 2) if len(first) > 1 and len(last) > 1 else None,
                  "state_mb": round(state["bytes"] / 1e6), "state_s": round(state["last_ms"] / 1000, 2), "cpu_us_per_task": round(m.cpu_s() * 1e6 / tasks, 1),
                  **meanwhile}
        p.stdin.close()
        p.wait(60)
    B.report("B14", {"agents": agents, "tasks": tasks, **values}, [(r["tasks_per_s"], probe, probe)], "tasks/s")


def b15():
    """One framework launches at the rate of the experiment's two hundred; the others are there and want nothing."""
    agents, frameworks, rate, seconds = sizes((500, 10, 200, 2), (20000, 200, 667, 10), (50000, 200, 1667, 30))
    with tempfile.TemporaryDirectory() as d, B.master(d) as m, \
            B.Held(agents, agents, rate, "--share=500", f"--frameworks={frameworks - 1}") as held:
        cpu = m.cpu_s()
        time.sleep(seconds)
        cpu = (m.cpu_s() - cpu) / seconds * 100
        r = held.end()
        B.plain("B15", {"agents": agents, "frameworks": frameworks, "rate": rate},
                {"tasks_per_s": r["tasks_per_s"], "p50_us": r["p50_us"], "p99_us": r["p99_us"], "cpu_percent": round(cpu, 1), "rss_kb": m.rss_kb()["Rss"]})


# --- B21: endurance ---


def slow_reader():
    """Asks for a big answer, reads a little of it and goes away without a word."""
    with socket.create_connection(("127.0.0.1", B.PORT), 5) as s:
        s.sendall(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n")
        s.recv(1000)


def b21():
    minutes, rate = sizes(0.1, 2, 30), sizes(200, 2500, 2500)
    end, looked, samples = time.monotonic() + minutes * 60, 0, []
    with tempfile.TemporaryDirectory() as d, B.master(d) as m, B.Held(1000, 20000, rate, "--frameworks=20") as held:
        fds = lambda: len(os.listdir(f"/proc/{m.p.pid}/fd"))
        while time.monotonic() < end:
            if time.monotonic() - looked >= sizes(1, 10, 10):
                looked = time.monotonic()
                B.get(B.PORT, "/state", 60)
                slow_reader()
                samples.append((looked, m.rss_kb()["Rss"], fds()))
            time.sleep(0.2)
        r = held.end()
    after = [s for s in samples if s[0] > end - minutes * 60 * 5 / 6] or samples
    slope = (after[-1][1] - after[0][1]) / max(1, after[-1][0] - after[0][0]) * 600
    B.plain("B21", {"minutes": minutes, "rate": rate},
            {"tasks": r["finished"], "p50_us": r["p50_us"], "p99_us": r["p99_us"], "rss_kb_first": after[0][1], "rss_kb_last": after[-1][1],
             "kb_per_10_minutes": round(slope), "descriptors_first": after[0][2], "descriptors_last": after[-1][2]})


def scenarios(suite):
    global B
    B = suite
    return {"B08": b08, "B10": b10, "B14": b14, "B15": b15, "B21": b21}
