#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every process at random moments while an app runs: it ends with three healthy instances, no task lost
without need, none doubled. SEED=N repeats a run's choices, ROUNDS=N makes it longer."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
ROUNDS = int(os.environ.get("ROUNDS") or 8)
rng = random.Random(SEED)
print(f"# SEED={SEED}")
dev = None


def ids():
    return {t["id"] for t in dev.app("/hello")["tasks"]}


def answering():
    """Task ids that answer on the ports of the app's tasks: what really runs."""
    found = []
    for t in dev.app("/hello")["tasks"]:
        m = re.search(r"task (\S+)", get(t["ports"][0], "/", timeout=5).text)
        found.append(m.group(1))
    return sorted(found)


def hello_processes():
    out = subprocess.run(["pgrep", "-f", f"^{re.escape(STOA)} hello"], capture_output=True, text=True).stdout.split()
    mine = []
    for p in out:
        try:
            if dev.work_dir in os.readlink(f"/proc/{p}/cwd"):
                mine.append(int(p))
        except OSError:
            pass
    return mine


def healthy_again():
    dev.settled("/hello", 90)
    equal(answering(), sorted(ids()), "what answers")
    wait_for("three processes, none doubled", lambda: len(hello_processes()) == 3, 30)
    running = [t["id"] for t in dev.tasks() if t["state"] == "TASK_RUNNING"]
    equal(sorted(running), sorted(ids()), "the master's running tasks")


@case("a cluster with an app of three")
def _():
    global dev
    dev = Dev()
    dev.deploy(hello_app())
    healthy_again()


@case("kill -9 of marathon loses no app and restarts no task")
def _():
    before = ids()
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)
    healthy_again()
    equal(ids(), before, "tasks")


@case("kill -9 of the master loses no task")
def _():
    before = ids()
    os.kill(dev.pid_of("master"), signal.SIGKILL)
    wait_for("the agent is back", lambda: [s for s in get(dev.master, "/slaves").json["slaves"] if s["active"]], 60)
    healthy_again()
    equal(ids(), before, "tasks")


@case("kill -9 of the agent loses no task")
def _():
    before = ids()
    os.kill(dev.pid_of("agent1"), signal.SIGKILL)
    wait_for("the agent answers again", lambda: get(dev.agents[0], "/health").status == 200, 30)
    wait_for("the agent is registered", lambda: [s for s in get(dev.master, "/slaves").json["slaves"] if s["active"]], 60)
    healthy_again()
    equal(ids(), before, "tasks")


@case("kill -9 of an executor: its task fails and is replaced, the others stay")
def _():
    before = ids()
    mine = check(processes_in(dev.work_dir, "stoa-executor"), "no executor process found")
    os.kill(mine[0], signal.SIGKILL)
    wait_for("an instance was replaced", lambda: len(ids() - before) >= 1, 60)
    healthy_again()
    equal(len(ids() & before), 2, "instances that stayed")


@case("random kills at random moments")
def _():
    for round in range(ROUNDS):
        for role in rng.sample(["master", "agent1", "marathon"], rng.randint(1, 3)):
            time.sleep(rng.random() * 1.5)  # the moment is the random choice of this test, not a wait for something
            try:
                os.kill(dev.pid_of(role), signal.SIGKILL)
            except (Failed, ProcessLookupError):
                pass
        if rng.random() < 0.4:
            for p in hello_processes()[:1]:
                os.kill(p, signal.SIGKILL)
    wait_for("the agent is registered", lambda: [s for s in get(dev.master, "/slaves").json["slaves"] if s["active"]], 90)
    healthy_again()


@case("a restart with the same directory goes on where it was")
def _():
    dev.process.stop(signal.SIGTERM, 60)
    dev.process.start()
    wait_for("the cluster is up", dev._is_up, 60)
    healthy_again()


@case("kill -9 of everything at once, tasks go on, and are taken over by the next start")
def _():
    before = ids()
    for role in ("master", "agent1", "marathon"):
        os.kill(dev.pid_of(role), signal.SIGKILL)
    dev.process.kill().wait()
    equal(len(hello_processes()), 3, "processes while the cluster is away")
    dev.process.start()
    wait_for("the cluster is up", dev._is_up, 60)
    healthy_again()
    equal(ids(), before, "tasks")


@case("stopping leaves nothing behind")
def _():
    dev.stop()


main()
