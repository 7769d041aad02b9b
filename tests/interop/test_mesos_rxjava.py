#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mesos-rxjava's client library, unmodified from Maven Central, with a scheduler of ours (RxScheduler.java) on it: protobuf
over RecordIO with the strictest reader there is."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

DIR = os.path.join(BUILD, "interop", "mesos-rxjava")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>stoa.test</groupId><artifactId>rx</artifactId><version>1</version><dependencies><dependency>
<groupId>com.mesosphere.mesos.rx.java</groupId><artifactId>mesos-rxjava-protobuf-client</artifactId><version>0.1.1</version>
</dependency></dependencies></project>
"""


def program():
    for c in ("mvn", "javac", "java"):
        if not shutil.which(c):
            raise Skip(f"{c} is not installed")
    os.makedirs(DIR, exist_ok=True)
    jars = os.path.join(DIR, "jars")
    if not os.path.isdir(jars) or not [j for j in os.listdir(jars) if j.startswith("mesos-rxjava-client")]:
        with open(os.path.join(DIR, "pom.xml"), "w") as f:
            f.write(POM)
        download("mesos-rxjava", "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", cwd=DIR, wipe=jars)
    path = os.path.join(jars, "*") + os.pathsep + os.path.join(DIR, "classes")
    r = subprocess.run(["javac", "-nowarn", "-cp", os.path.join(jars, "*"), "-d", os.path.join(DIR, "classes"), os.path.join(HERE, "RxScheduler.java")],
                       capture_output=True, text=True, timeout=200)
    equal(r.returncode, 0, f"javac: {r.stderr[-1500:]}")
    return ["java", "-cp", path, "RxScheduler"]


@case("a scheduler on mesos-rxjava launches, reconciles, kills, acknowledges and tears down")
def _():
    command = program()
    dev = Dev()
    r = subprocess.run([*command, f"http://127.0.0.1:{dev.master}/api/v1/scheduler", "rxjava-0001"], capture_output=True, text=True, timeout=120, cwd=scratch())
    out = [l.split("\t") for l in r.stdout.strip().split("\n")]
    of = lambda what: [o[1:] for o in out if o[0] == what]
    say = f"{out} {r.stderr[-800:]}"
    equal(r.returncode, 0, f"exit status; {say}")
    equal(of("subscribed"), [["rxjava-0001", "15.0"]], f"subscribed; {say}")
    check(of("heartbeat"), say)
    check([o for o in of("offer") if o[1] == "true" and o[2] == "/slave(1)"], say)
    equal(of("refused"), [], "refused calls")
    states = lambda task: [o[1] for o in of("update") if o[0] == task and o[1] != "TASK_STARTING" and o[2] != "REASON_RECONCILIATION"]
    equal(states("good"), ["TASK_RUNNING", "TASK_FINISHED"], "good")
    equal(states("bad"), ["TASK_RUNNING", "TASK_FAILED"], "bad")
    equal(states("long"), ["TASK_RUNNING", "TASK_KILLED"], "long")
    equal([o[4] for o in of("update") if o[2] == "REASON_RECONCILIATION"], ["false"], "uuid of the answer to the reconciliation")
    check({"ACCEPT", "ACKNOWLEDGE", "RECONCILE", "KILL"} <= {o[0] for o in of("sent")}, say)
    check(of("closed") or [] in of("closed"), say)
    done = wait_for("the framework is completed", lambda: [f for f in get(dev.master, "/frameworks").json["completed_frameworks"] if f["id"] == "rxjava-0001"])
    equal(sorted((t["id"], t["state"]) for t in done[0]["completed_tasks"]),
          [("bad", "TASK_FAILED"), ("good", "TASK_FINISHED"), ("long", "TASK_KILLED")], "completed tasks at the master")
    dev.stop()


main()
