#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chaos on real processes: three ZooKeeper servers, three masters, three agents, two marathons and a framework, each on a
machine (network namespace) of its own. For CHAOS_SECONDS everything is killed, stopped, cut off, filled up, while apps are
changed and jobs run; then all is healed and stock is taken:

  - every app has its instances, in the version that was accepted last, healthy; nothing is in deployment
  - no task runs twice, none runs that the books do not know, none is in the books that does not run
  - tasks that chaos did not touch were never replaced
  - every job of the framework is done exactly once, every end of a task was told and no two ends differ
  - masters agree who leads; master's, agents' and marathon's books agree
  - no cgroup, process or mount is left over; memory and descriptors have not grown

The choices come from CHAOS_SEED (printed), so a story can be told again; the moments of the machine cannot. Needs root."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import *
import threading

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 600)
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(1 << 30))
ROOT = os.environ.get("CHAOS_CGROUPS") or f"stoa_chaos_{os.getpid()}"
ZK_SESSION_S = 3
SETTLE_S = 150  # after healing: failovers, backoff, unreachable agents coming back
JOBS = os.path.join(BUILD, "tests/chaos/jobs")
began = time.monotonic()


def say(text):
    print(f"# [{time.monotonic() - began:6.1f}] {text}", flush=True)


# --- the cluster ---------------------------------------------------------------------------------------------------

class World:
    def __init__(self):
        lay_bridge()
        self.dir = scratch()
        self.runs = os.path.join(self.dir, "runs")  # what the tasks themselves say
        self.touched = set()  # tasks whose executor or process chaos killed: they may be replaced
        self.zk = Ensemble()
        self.zk.wait_up()
        self.masters = [self.master(i) for i in range(3)]
        self.agents = [self.agent(i) for i in range(3)]
        self.marathons = [self.marathon(i) for i in range(2)]
        self.stop_jobs = os.path.join(self.dir, "stop-jobs")
        self.journal = os.path.join(self.dir, "journal")
        self.jobs = Machine("jobs").run("jobs", [
            JOBS, f"--master={self.zk.url('/mesos')}", f"--journal={self.journal}", "--every=300", "--parallel=12", f"--stop={self.stop_jobs}",
            f"--command=echo start $MESOS_TASK_ID >>{self.runs}; sleep $((JOB % 5)); echo end $MESOS_TASK_ID >>{self.runs}"])

    def master(self, i):
        m = Machine(f"master{i + 1}")
        return m.run(m.name, [
            STOA, "master", f"--zk={self.zk.url('/mesos')}", "--quorum=2", f"--ip={m.ip}", "--port=5050", f"--hostname={m.ip}",
            f"--zk_session_timeout={ZK_SESSION_S}secs", "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=4", f"--work_dir={self.dir}/{m.name}"])

    def agent(self, i):
        m = Machine(f"agent{i + 1}")
        d = os.path.join(self.dir, m.name)
        os.makedirs(d)
        # A disk of its own, which can be filled.
        sh("mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", d)
        a = m.run(m.name, [
            STOA, "agent", f"--master={self.zk.url('/mesos')}", f"--ip={m.ip}", "--port=5051", f"--hostname={m.ip}", f"--work_dir={d}/work",
            f"--runtime_dir={d}/run", f"--cgroups_root={ROOT}_{m.name}", "--isolation=cgroups/cpu,cgroups/mem", f"--zk_session_timeout={ZK_SESSION_S}secs",
            "--registration_backoff_factor=200ms", "--executor_reregistration_timeout=15secs", "--gc_delay=1mins",
            "--resources=cpus:4;mem:2048;disk:1000;ports:[31000-31099]"])
        a.cgroups_root, a.dir = f"{ROOT}_{m.name}", d
        return a

    def marathon(self, i):
        m = Machine(f"marathon{i + 1}")
        return m.run(m.name, [
            STOA, "marathon", f"--master={self.zk.url('/mesos')}", f"--zk={self.zk.url('/marathon')}", f"--http_address={m.ip}", "--http_port=8080",
            f"--hostname={m.ip}", f"--zk_session_timeout={ZK_SESSION_S * 1000}", "--min_revive_offers_interval=500", "--reconciliation_interval=15000",
            "--task_launch_confirm_timeout=20000", "--scale_apps_interval=10000", "--scale_apps_initial_delay=5000"])

    def everybody(self):
        return self.masters + self.agents + self.marathons + [self.jobs]

    def leader(self):
        """The master that says that it leads."""
        for m in self.masters:
            if m.p.poll() is None and not m.stopped:
                try:
                    ip = m.machine.ip
                    if get(5050, "/redirect", host=ip, timeout=2).headers.get("Location") == f"//{ip}:5050":
                        return m
                except (OSError, http.client.HTTPException):
                    pass
        return None

    def state(self, path):
        l = self.leader()
        if l is None:
            raise LookupError("no master leads")
        r = get(5050, path, host=l.machine.ip, timeout=10)
        return r.json

    def api(self, method, path, body=None, timeout=15):
        """An answer of marathon, from whichever instance gives one; None while none does."""
        for m in self.marathons:
            if m.p.poll() is None and not m.stopped:
                try:
                    r = http_request(method, 8080, path, body, host=m.machine.ip, timeout=timeout)
                    if r.status < 500:
                        return r
                except (OSError, http.client.HTTPException):
                    pass
        return None

    def leading_marathon(self):
        r = self.api("GET", "/v2/leader", timeout=3)
        return next((m for m in self.marathons if r and r.status == 200 and r.json.get("leader", "").startswith(m.machine.ip + ":")), None)


# --- what users do meanwhile -------------------------------------------------------------------------------------------

class User(threading.Thread):
    """Changes apps one after the other, each change repeated until it was accepted. wanted: app id -> (instances, version)."""

    def __init__(self, world, rng):
        super().__init__(daemon=True)
        self.w, self.rng, self.over, self.wanted, self.changes = world, rng, threading.Event(), {}, 0

    def app(self, id, instances, version):
        cmd = f"echo start $MESOS_TASK_ID >>{self.w.runs}; "
        a = {"id": id, "instances": instances, "cpus": 0.1, "mem": 32, "env": {"STOA": STOA, "VERSION": str(version)}, "backoffSeconds": 1,
             "maxLaunchDelaySeconds": 5}
        if id == "/steady":
            return {**a, "cmd": cmd + "exec sleep 1000000", "unreachableStrategy": "disabled"}
        a |= {"cmd": cmd + 'exec "$STOA" hello', "portDefinitions": [{"port": 0, "name": "web"}], "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 1}}
        check = {"gracePeriodSeconds": 10, "intervalSeconds": 2, "timeoutSeconds": 5, "maxConsecutiveFailures": 3}
        if id == "/command":
            return {**a, "healthChecks": [{**check, "protocol": "COMMAND", "command": {"value": "true"}}]}
        return {**a, "healthChecks": [{**check, "protocol": "HTTP", "path": "/", "portIndex": 0}]}

    def put(self, id, instances, version):
        body = self.app(id, instances, version)
        while True:
            r = self.w.api("PUT", f"/v2/apps{id}?force=true", body)
            if r and r.status in (200, 201):
                break
            if r and r.status != 409:
                raise Failed(f"PUT {id}: {r.status} {r.text[:300]}")
            time.sleep(0.5)
        self.wanted[id] = (instances, version)
        self.changes += 1

    def remove(self, id):
        while not ((r := self.w.api("DELETE", f"/v2/apps{id}?force=true")) and r.status in (200, 404)):
            time.sleep(0.5)
        self.wanted.pop(id, None)
        self.changes += 1

    def run(self):
        try:
            version = 1
            while not self.over.wait(self.rng.uniform(2, 6)):
                version += 1
                what = self.rng.choice(["scale", "scale", "deploy", "extra", "remove"])
                n = self.rng.randint(1, 4)
                if what == "scale":
                    self.put("/web", n, self.wanted["/web"][1])
                elif what == "deploy":
                    id = self.rng.choice(["/web", "/command"])
                    self.put(id, self.wanted[id][0], version)
                elif what == "extra":
                    self.put(f"/group/extra{self.rng.randint(1, 2)}", n, version)
                else:
                    self.remove(f"/group/extra{self.rng.randint(1, 2)}")
        except Exception as e:
            self.failure = e
            say(f"the user gave up: {type(e).__name__}: {e}")
            raise


# --- faults ----------------------------------------------------------------------------------------------------------

class Faults:
    """Each returns (what was done, how it is undone) or None where it does not apply now. r: the draws of this fault."""

    def __init__(self, world):
        self.w = world

    def _pick(self, r, among):
        up = [p for p in among if p.p.poll() is None and not p.stopped]
        return up[int(r * len(up))] if up else None

    def _kill(self, p):
        p.kill().wait()

        return f"kill -9 {p.name}", lambda: self._start(p)

    def _start(self, p):
        if p.p.poll() is not None:  # else a supervisor was quicker
            p.start()
        return f"{p.name} is started"

    def _stop(self, p):
        p.kill(signal.SIGSTOP)
        p.stopped = True

        def undo():
            p.kill(signal.SIGCONT)
            p.stopped = False
            return f"{p.name} goes on"
        return f"SIGSTOP {p.name}", undo

    def _cut(self, a, b, text):
        cut(a, b, True)

        def undo():
            cut(a, b, False)
            return f"healed: {text}"
        return f"cut: {text}", undo

    def kill_leader(self, r):
        l = self.w.leader()
        return l and self._kill(l)

    def kill_any(self, r):
        p = self._pick(r, self.w.everybody())
        return p and self._kill(p)

    def kill_agent(self, r):
        p = self._pick(r, self.w.agents)
        return p and self._kill(p)

    def kill_leading_marathon(self, r):
        p = self.w.leading_marathon()
        return p and self._kill(p)

    def kill_zookeeper(self, r):
        p = self._pick(r, self.w.zk.servers)
        return p and self._kill(p)

    def kill_all_masters(self, r):
        done = [self._kill(m) for m in self.w.masters if m.p.poll() is None and not m.stopped]
        return done and ("kill -9 of all masters", lambda: ", ".join(u() for _, u in done))

    def kill_all_zookeepers(self, r):
        done = [self._kill(s) for s in self.w.zk.servers if s.p.poll() is None and not s.stopped]
        return done and ("kill -9 of all of ZooKeeper", lambda: ", ".join(u() for _, u in done))

    def kill_jobs(self, r):
        p = self._pick(r, [self.w.jobs])
        return p and self._kill(p)

    def end_any(self, r):
        p = self._pick(r, self.w.masters + self.w.marathons)
        if p is None:
            return None
        p.kill(signal.SIGTERM).wait(40)
        return f"SIGTERM {p.name}", lambda: self._start(p)

    def stop_leader(self, r):
        l = self.w.leader()
        return l and self._stop(l)

    def stop_any(self, r):
        p = self._pick(r, self.w.everybody() + self.w.zk.servers)
        return p and self._stop(p)

    def kill_executor(self, r):
        a = self._pick(r, self.w.agents) or self.w.agents[0]
        found = sorted(executors(a.cgroups_root).items())
        if not found:
            return None
        container, pid = found[int(r * 7919 % 1 * len(found))]
        tasks = self._touch(a.cgroups_root, container)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return f"kill -9 of the executor of {', '.join(tasks) or container} on {a.name}", None

    def kill_task(self, r):
        found = [(p, id) for id, where in sorted(task_processes().items()) for ps in where.values() for p in ps
                 if exe_of(p) not in ("stoa-executor", "stoa-launcher", "")]
        if not found:
            return None
        pid, id = found[int(r * len(found))]
        self.w.touched.add(id)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return f"kill -9 of a process of {id}", None

    def _touch(self, root, container):
        tasks = sorted(id for id, where in task_processes().items() if (root, container) in where)
        self.w.touched.update(tasks)
        return tasks

    def isolate(self, r):
        p = self._pick(r, self.w.everybody() + self.w.zk.servers)
        return p and self._cut([p.machine], list(Machine.all.values()), f"{p.name} from everybody")

    def cut_from_zookeeper(self, r):
        p = self.w.leader() if r < 0.5 else self._pick(r * 2 - 1, self.w.agents + self.w.marathons)
        return p and self._cut([p.machine], self.w.zk.machines, f"{p.name} from ZooKeeper")

    def cut_masters_from_agent(self, r):
        p = self._pick(r, self.w.agents)
        return p and self._cut([p.machine], [m.machine for m in self.w.masters], f"{p.name} from the masters")

    def cut_marathons_from_masters(self, r):
        return self._cut([m.machine for m in self.w.marathons + [self.w.jobs]], [m.machine for m in self.w.masters], "frameworks from the masters")

    def split(self, r):
        """One server of ZooKeeper and one of each kind, away from the others."""
        i = int(r * 3)
        small = [self.w.zk.machines[i], self.w.masters[i].machine, self.w.agents[i].machine, self.w.marathons[i % 2].machine]
        return self._cut(small, [m for m in Machine.all.values() if m not in small], f"{', '.join(m.name for m in small)} from the others")

    def fill_disk(self, r):
        a = self._pick(r, self.w.agents) or self.w.agents[0]
        path = os.path.join(a.dir, "ballast")
        try:
            with open(path, "wb", buffering=0) as f:
                while True:
                    f.write(b"\0" * 65536)
        except OSError:
            pass

        def undo():
            os.unlink(path)
            if a.p.poll() is not None and not a.stopped:
                a.start()
                return f"room again on {a.name}, which had ended and is started"
            return f"room again on {a.name}"
        return f"the disk of {a.name} is full", undo

    def abdicate(self, r):
        m = self.w.leading_marathon()
        if m is None or not (a := self.w.api("DELETE", "/v2/leader")) or a.status != 200:
            return None
        m.p.wait(20)
        return f"{m.name} abdicates", lambda: self._start(m)


KINDS = ["kill_leader", "kill_any", "kill_any", "kill_agent", "kill_agent", "kill_leading_marathon", "kill_zookeeper", "kill_all_masters",
         "kill_all_zookeepers", "kill_jobs", "end_any", "stop_leader", "stop_any", "stop_any", "kill_executor", "kill_executor", "kill_task",
         "isolate", "isolate", "cut_from_zookeeper", "cut_masters_from_agent", "cut_marathons_from_masters", "split", "fill_disk", "abdicate"]


def plan(rng):
    """[(when, kind, draw, how long)]: all choices of a seed, made before anything happens."""
    at, faults, bag = 0.0, [], []
    while (at := at + rng.uniform(0.3, 2.7)) < SECONDS:
        if not bag:  # every kind comes before one comes again
            bag = rng.sample(KINDS, len(KINDS))
        faults.append((at, bag.pop(), rng.random(), rng.choice([0.2, 1, 2.5, 5, 8]) * rng.uniform(0.8, 1.2)))
    return faults


def make_chaos(w, faults):
    f, undo, start, done = Faults(w), [], time.monotonic(), 0
    queue = [(at, "do", x) for at, *x in faults]
    while queue or undo:
        now = time.monotonic() - start
        for u in [u for u in undo if u[0] <= now]:
            undo.remove(u)
            say(u[1]())
        while queue and queue[0][0] <= now:
            _, _, (kind, r, seconds) = queue.pop(0)
            did = getattr(f, kind)(r)
            if did:
                done += 1
                say(did[0] + (f", for {seconds:.1f} s" if did[1] else ""))
                if did[1]:
                    undo.append((time.monotonic() - start + seconds, did[1]))
        for p in w.everybody():
            # What ended by itself (a full disk, a session that is over) is started again, as a supervisor would.
            if p.p.poll() is not None and p.p.returncode not in (-9, 0, 103, -15):
                say(f"{p.name} ended with status {p.p.returncode}: {p.tail(2).strip()[-200:]}")
                w.ended = getattr(w, "ended", 0) + 1
                time.sleep(0.5)
                p.start()
        time.sleep(0.05)
    return done


# --- taking stock --------------------------------------------------------------------------------------------------------

def running_of(w):
    return {t["id"]: t for t in w.state("/tasks?limit=-1")["tasks"] if t["state"] in ("TASK_RUNNING", "TASK_STARTING", "TASK_STAGING")}


def apps_are_well(w, wanted):
    r = w.api("GET", "/v2/apps?embed=apps.tasks&embed=apps.counts&embed=apps.deployments")
    if r is None or r.status != 200:
        return False
    apps = {a["id"]: a for a in r.json["apps"]}
    if set(apps) != set(wanted):
        return False
    for id, (instances, version) in wanted.items():
        a = apps[id]
        if (a["instances"], a["env"]["VERSION"]) != (instances, str(version)) or a["tasksRunning"] != instances or a["tasksStaged"] or \
                a["deployments"] or (a.get("healthChecks") and a["tasksHealthy"] != instances) or len(a["tasks"]) != instances:
            return False
    return apps


def describe_apps(w, wanted):
    r = w.api("GET", "/v2/apps?embed=apps.counts&embed=apps.deployments&embed=apps.lastTaskFailure")
    got = {a["id"]: {k: a.get(k) for k in ("instances", "tasksRunning", "tasksHealthy", "tasksStaged", "deployments")} | {"version": a["env"]["VERSION"]}
           for a in r.json["apps"]} if r else None
    return f"wanted {wanted}, got {got}"


def is_end(state):
    return state not in ("TASK_LOST", "TASK_UNKNOWN", "TASK_UNREACHABLE")


def check_jobs(w):
    """The journal of the framework against what the tasks themselves wrote."""
    ends, launches, count = {}, {}, 0
    for line in open(w.journal):
        f = line.split()
        if f[0] == "job":
            count += 1
        elif f[0] == "launch":
            launches.setdefault(int(f[1]), []).append(int(f[2]))
        elif f[0] == "state":
            of = ends.setdefault((int(f[1]), int(f[2])), [])
            # An answer to a question that was asked before the end was told and acknowledged: nobody knows the task any more.
            if not (f[3] == "TASK_GONE" and f[5] == "answer" and any(is_end(s) for s in of)):
                of.append(f[3])
    runs = [l.split() for l in open(w.runs)]
    starts = {}
    for l in runs:
        if l[0] == "start":
            starts[l[1]] = starts.get(l[1], 0) + 1
    equal({t: n for t, n in starts.items() if n > 1}, {}, "tasks that were started more than once")
    finished = {l[1] for l in runs if l[0] == "end"}
    attempts = 0
    for n in range(count):
        done = [a for a in launches.get(n, []) if "TASK_FINISHED" in ends.get((n, a), [])]
        attempts += len(launches.get(n, []))
        equal(len(done), 1, f"attempts of job {n} that finished (of {launches.get(n)}: { {a: ends.get((n, a)) for a in launches.get(n, [])} })")
        check(f"job-{n}-{done[0]}" in finished, f"job {n}: attempt {done[0]} was reported finished and did not end")
        for a in launches[n]:
            told = {s for s in ends.get((n, a), []) if is_end(s)}
            check(len(told) <= 1, f"job-{n}-{a} was told to have ended as {sorted(told)}")
            if a != done[0] and f"job-{n}-{a}" not in w.touched: # an executor that was killed cannot tell any more that it was well
                check(f"job-{n}-{a}" not in finished, f"job-{n}-{a} was given up as {ends.get((n, a))} and yet it ran to its end")
    return count, attempts


def check_books(w, apps):
    """Processes, agents, master, marathon: four lists of the same tasks."""
    def agree():
        in_master = running_of(w)
        really = task_processes()
        in_marathon = {t["id"] for a in apps_are_well_now()[1].values() for t in a["tasks"]}
        check(set(in_master) == set(really), f"the master has {sorted(set(in_master) - set(really))} that do not run; {sorted(set(really) - set(in_master))} run unknown to it")
        check(in_marathon == set(in_master), f"marathon and master differ: {sorted(in_marathon ^ set(in_master))}")
        for id, where in really.items():
            check(len(where) == 1, f"{id} runs more than once: {where}")
        slaves = {s["hostname"]: s for s in w.state("/slaves")["slaves"]}
        equal(len(slaves), len(w.agents), "agents of the master")
        for a in w.agents:
            s, state = slaves[a.machine.ip], get(5051, "/state", host=a.machine.ip).json
            in_agent = {t["id"]: round(t["resources"]["cpus"], 3) for f in state["frameworks"] for e in f["executors"] for t in e["tasks"]}
            containers = {c["container_id"] for c in get(5051, "/containers", host=a.machine.ip).json}
            equal(containers, set(cgroups(a.cgroups_root)), f"containers of {a.name} and its cgroups")
            equal(sorted(in_agent), sorted(id for id, t in in_master.items() if t["slave_id"] == s["id"]), f"tasks of {a.name}, and in the master")
            equal(round(s["used_resources"]["cpus"], 3), round(sum(in_agent.values()), 3), f"cpus in use on {a.name}")
        return True

    def apps_are_well_now():
        a = apps_are_well(w, apps)
        check(a, "apps are not well: " + describe_apps(w, apps))
        return True, a
    settle("the books agree", agree, 60)


def settle(what, fn, seconds):
    """wait_for, where a failed check counts as not yet; the last failure is told."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if (v := fn()):
                return v
            last = "not so"
        except (Failed, OSError, http.client.HTTPException, LookupError, ValueError, AttributeError) as e:
            last = str(e)
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s: {last}")
        time.sleep(0.3)


def weight(w):
    """name -> (descriptors, resident MB) of our daemons."""
    out = {}
    for p in w.masters + w.agents + w.marathons:
        kb = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{p.pid}/status").read()).group(1))
        out[p.name] = (len(os.listdir(f"/proc/{p.pid}/fd")), kb // 1024)
    return out


# --- the story -----------------------------------------------------------------------------------------------------------

w = user = None
before, steady = {}, set()
FIRST = {"/steady": 4, "/web": 3, "/command": 2}


@case("a cluster of three masters, three agents, two marathons and a framework")
def _():
    global w, user, before, steady
    w = World()
    wait_for("a master leads", w.leader, 30)
    wait_for("the agents are there", lambda: sum(s["active"] for s in w.state("/slaves")["slaves"]) == 3, 30)
    user = User(w, random.Random(SEED + 1))
    for id, n in FIRST.items():
        user.put(id, n, 1)
    apps = wait_for("the apps run", lambda: apps_are_well(w, user.wanted), 60)
    steady = {t["id"] for t in apps["/steady"]["tasks"]}
    wait_for("a job is done", lambda: "TASK_FINISHED" in open(w.journal).read(), 30)
    before = weight(w)


@case(f"chaos for {SECONDS:.0f} s")
def _():
    needs_cluster()
    print(f"# CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:.0f}")
    user.start()
    done = make_chaos(w, plan(random.Random(SEED)))
    for p in w.everybody() + w.zk.servers:
        if p.p.poll() is not None:
            p.start()
    user.over.set()
    user.join(SETTLE_S)
    check(not user.is_alive(), "a change of an app was never accepted")
    check(not hasattr(user, "failure"), f"a change was refused: {getattr(user, 'failure', '')}")
    say(f"all healed; {done} faults, {user.changes} changes of apps, {getattr(w, 'ended', 0)} processes had ended by themselves")


def needs_cluster():
    if not steady:
        raise Skip("there is no cluster")


@case("one master leads, the others redirect to it, all agents are back")
def _():
    needs_cluster()
    def agreed():
        l = w.leader()
        to = [get(5050, "/redirect", host=m.machine.ip).headers.get("Location") for m in w.masters]
        equal(to, [f"//{l.machine.ip}:5050"] * 3, "redirects")
        equal(sum(s["active"] for s in w.state("/slaves")["slaves"]), 3, "active agents")
        equal(len(w.state("/slaves")["slaves"]), 3, "agents")
        return True
    settle("the masters agree", agreed, SETTLE_S)


@case("every app has its instances in the version accepted last, healthy")
def _():
    needs_cluster()
    def well():
        return apps_are_well(w, user.wanted) or check(False, describe_apps(w, user.wanted))
    apps = settle("the apps are well", well, SETTLE_S)
    versions = {}
    for id, where in task_processes().items():
        for ps in where.values():
            e = environ_of(ps[0])
            if "VERSION" in e:
                versions[id] = e["VERSION"]
    for id, a in apps.items():
        for t in a["tasks"]:
            equal(versions.get(t["id"]), str(user.wanted[id][1]), f"version of {t['id']}")


@case("what would be wrong with jobs is noticed")
def _():
    class Told:
        touched, journal, runs = {"job-1-1"}, os.path.join(scratch(), "told-journal"), os.path.join(scratch(), "told-runs")
    started = "job 0\nlaunch 0 1 agent\n"
    ran = "start job-0-1\nend job-0-1\n"
    finished, gone, failed = (f"state 0 1 TASK_{s}\n" for s in ("FINISHED - update", "GONE REASON_RECONCILIATION answer", "FAILED - update"))
    for journal, runs, wrong in (
            (started + finished, ran, None), (started + finished + finished + gone, ran, None),
            (started + finished, ran + ran, "started more than once"), (started, ran, "attempts of job 0 that finished"),
            (started + finished, "start job-0-1\n", "did not end"), (started + gone + finished, ran, "was told to have ended as"),
            (started + finished + failed, ran, "was told to have ended as"),
            (started + failed + "launch 0 2 agent\nstate 0 2 TASK_FINISHED - update\njob 1\nlaunch 1 1 agent\nstate 1 1 TASK_FAILED - update\nlaunch 1 2 agent\nstate 1 2 TASK_FINISHED - update\n",
             "start job-0-2\nend job-0-2\nend job-1-1\nend job-1-2\n", None),
            (started + gone + "launch 0 2 agent\nstate 0 2 TASK_FINISHED - update\n", ran + "start job-0-2\nend job-0-2\n", "yet it ran to its end")):
        for file, text in ((Told.journal, journal), (Told.runs, runs)):
            with open(file, "w") as f:
                f.write(text)
        try:
            check_jobs(Told)
            found = None
        except Failed as e:
            found = str(e)
        check(found is None if wrong is None else wrong in (found or ""), f"of {journal!r} and {runs!r} it is said: {found}")


@case("every job is done exactly once")
def _():
    needs_cluster()
    open(w.stop_jobs, "w").close()
    wait_for("the framework has finished", lambda: w.jobs.p.poll() is not None, SETTLE_S)
    equal(w.jobs.p.returncode, 0, "its status")
    count, attempts = check_jobs(w)
    say(f"{count} jobs in {attempts} attempts")


@case("tasks that nobody touched were not replaced")
def _():
    needs_cluster()
    apps = settle("the apps are well", lambda: apps_are_well(w, user.wanted), 60)
    now = {t["id"] for t in apps["/steady"]["tasks"]}
    equal(sorted(t for t in steady - now if t not in w.touched), [], "steady tasks that are gone without cause")


@case("the books of processes, agents, master and marathon agree")
def _():
    needs_cluster()
    check_books(w, user.wanted)


@case("memory and descriptors have not grown")
def _():
    needs_cluster()
    after = weight(w)
    say(f"descriptors and MB before {before}, after {after}")
    for name, (fds, mb) in after.items():
        check(fds <= before[name][0] * 1.5 + 40, f"{name} has {fds} descriptors, {before[name][0]} at the beginning")
        check(mb <= before[name][1] + 40, f"{name} has {mb} MB, {before[name][1]} at the beginning")


@case("when the apps are removed nothing is left")
def _():
    needs_cluster()
    for id in list(user.wanted):
        user.remove(id)
    settle("no task runs", lambda: (equal(sorted(task_processes()), [], "tasks that run"), equal(running_of(w), {}, "tasks of the master"), True)[-1], 60)
    settle("no cgroup is left", lambda: (equal([c for a in w.agents for c in cgroups(a.cgroups_root)], [], "cgroups"), True)[-1], 30)
    used = [s["used_resources"]["cpus"] for s in w.state("/slaves")["slaves"]]
    equal(used, [0.0] * 3, "cpus in use")
    held = lambda: {k: v for k in ("cpus", "mem", "disk") if (v := w.state("/metrics/snapshot")[f"allocator/mesos/resources/{k}/offered_or_allocated"])}
    settle("the allocator has everything back", lambda: (equal(held(), {}, "what it holds for somebody"), True)[-1], 60)  # offers come and go
    mounts = [l for l in open("/proc/mounts") if w.dir in l and "ballast" not in l and f" {w.dir}/agent" not in l.split("tmpfs /")[0]]
    equal([l.split()[1] for l in mounts if l.split()[1] not in [a.dir for a in w.agents]], [], "mounts")
    for p in w.marathons + w.agents + w.masters:
        p.stop()
    mine = {p.p.pid for p in w.zk.servers} | {m.holder.pid for m in Machine.all.values()} | {os.getpid(), 1}
    left = [f"{p}: {line}" for p in pids() if p not in mine and "stoa" in (line := cmdline_of(p))]
    equal(left, [], "processes")


def keep_logs():
    """CHAOS_LOGS=DIR: the logs of all processes, the journal and what the tasks said."""
    if w and (to := os.environ.get("CHAOS_LOGS")):
        os.makedirs(to, exist_ok=True)
        for f in glob.glob(w.dir + "/*.log") + glob.glob(w.dir + "/journal") + glob.glob(w.dir + "/runs"):
            shutil.copy(f, to)


def outside():
    """Namespaces around it all; what is left after it are empty cgroups."""
    if not IS_ROOT:
        print("ok 1 - chaos # SKIP needs root")
        return 0
    env = {**os.environ, "CHAOS_INSIDE": "1", "CHAOS_CGROUPS": ROOT}
    try:
        return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, os.path.abspath(__file__),
                               *sys.argv[1:]], env=env).returncode
    finally:
        remove_cgroups(ROOT)


if __name__ == "__main__":
    if os.environ.get("CHAOS_INSIDE"):
        try:
            main(log_lines=0)
        finally:
            keep_logs()
    sys.exit(outside())
