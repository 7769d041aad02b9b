#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that reach Mesos through pymesos, unmodified from PyPI: Toil (workflows; its own executor on the agents) and Yelp's
task-processing (commands in turn), both at once on one cluster. pymesos needs Debian's http-parser, so the environments are
made from Debian's Python."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

DIR = {name: os.path.join(BUILD, "interop", name) for name in ("toil", "task-processing")}
dev = None


def environment(name, imports, *packages):
    python = os.path.join(DIR[name], "bin", "python")
    if os.path.exists(python) and subprocess.run([python, "-c", imports], capture_output=True).returncode == 0:
        return python
    if subprocess.run(["/usr/bin/python3", "-c", "import http_parser"], capture_output=True).returncode != 0:
        raise Skip("Debian's python3-http-parser is not installed")
    download(name, "/usr/bin/python3", "-m", "venv", "--system-site-packages", DIR[name])
    download(name, python, "-m", "pip", "install", "-q", *packages)
    return python


def start():
    """The agent's executors find Toil's in their PATH, as on a machine where it is installed."""
    global dev
    if dev is None:
        path = os.path.join(DIR["toil"], "bin") + ":/usr/bin:/bin"
        dev = Dev(agent_flags=["executor_environment_variables=" + json.dumps({"PATH": path})])


def completed(name):
    return wait_for(f"{name} is completed", lambda: [f for f in get(dev.master, "/frameworks").json["completed_frameworks"] if f["name"].startswith(name)])[-1]


class Workflow:
    process = None


@case("Toil is started with a workflow of six jobs")
def _():
    python = environment("toil", "import toil.batchSystems.mesos.batchSystem", "toil==5.12.0", "pymesos==0.3.15")
    start()
    folder = os.path.join(scratch(), "flow")
    os.makedirs(folder)
    shutil.copy(os.path.join(HERE, "toil_flow.py"), folder)
    Workflow.process = Process("toil", [python, os.path.join(folder, "toil_flow.py"), f"file:{scratch()}/jobs", "--batchSystem", "mesos",
                                        "--mesosEndpoint", f"127.0.0.1:{dev.master}", "--defaultMemory", "256M", "--defaultCores", "0.2", "--defaultDisk", "10M"],
                               env={"PATH": os.path.join(DIR["toil"], "bin") + ":" + os.environ["PATH"]})


@case("task-processing runs commands one after the other and is told how each ended")
def _():
    python = environment("task-processing", "import task_processing.plugins.mesos.mesos_executor", "task-processing[mesos_executor]==0.13.0")
    start()
    secret = os.path.join(scratch(), "secret")
    with open(secret, "w") as f:
        f.write("secret\n")
    r = subprocess.run([python, os.path.join(HERE, "taskproc.py"), f"127.0.0.1:{dev.master}", secret], capture_output=True, text=True, timeout=90)
    out = [json.loads(l) for l in r.stdout.split("\n") if l.startswith("{")]
    equal([(o["success"], o["terminal"], o["state"], o["message"]) for o in out],
          [(True, True, "finished", "Command exited with status 0"), (False, True, "failed", "Command exited with status 3")], f"events ({r.stderr[-500:]})")
    equal(r.returncode, 0, f"exit status ({r.stderr[-500:]})")
    tasks = [t for f in get(dev.master, "/frameworks").json["frameworks"] + get(dev.master, "/frameworks").json["completed_frameworks"]
             for t in f["completed_tasks"] if t["name"].startswith("executor-t")]
    equal(sorted(t["state"] for t in tasks), ["TASK_FAILED", "TASK_FINISHED"], "its tasks at the master")


@case("Toil's jobs run in its own executor, and what they return arrives")
def _():
    if Workflow.process is None:
        raise Skip("toil does not run")
    equal(Workflow.process.wait(90), 0, f"exit status ({Workflow.process.tail()})")
    check("RESULT 30" in open(Workflow.process.log_path).read(), Workflow.process.tail())
    f = completed("toil")
    equal([t["state"] for t in f["completed_tasks"]], ["TASK_FINISHED"] * 6, "its tasks at the master")
    check(all(t["executor_id"].startswith("toil") for t in f["completed_tasks"]), "the executor of each")


@case("stopping leaves nothing behind")
def _():
    if dev is None:
        raise Skip("there is no cluster")
    dev.stop()


main()
