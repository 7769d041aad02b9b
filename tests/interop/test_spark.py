#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Apache Spark 3.5.1 with its Mesos module, unmodified (from the package pyspark, which has the whole of it), on libmesos.so: pi in
coarse-grained mode (executors are tasks) and in fine-grained mode (tasks of Spark are tasks, by Spark's executor on
MesosExecutorDriver). SPARK_HOME names another Spark."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from jvm import *

VERSION = "3.5.1"
DIR = os.path.join(BUILD, "interop", "spark")


def fetch():
    """The folder with Spark's bin and jars."""
    home = os.environ.get("SPARK_HOME")
    if home:
        if not glob.glob(os.path.join(home, "jars", "spark-mesos_*.jar")):
            raise Skip(f"SPARK_HOME={home} has no jars/spark-mesos_*.jar")
        return home
    home = os.path.join(DIR, f"pyspark-{VERSION}", "deps")
    if not os.path.exists(os.path.join(DIR, "done")):
        os.makedirs(DIR, exist_ok=True)
        steps = [[sys.executable, "-m", "venv", "venv"],
                 ["venv/bin/python", "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir", f"pyspark=={VERSION}"],
                 ["tar", "xzf", f"pyspark-{VERSION}.tar.gz", f"pyspark-{VERSION}/deps/jars", f"pyspark-{VERSION}/deps/bin"],
                 ["chmod", "-R", "a+rX", f"pyspark-{VERSION}"], ["rm", "-rf", f"pyspark-{VERSION}.tar.gz", "venv"], ["touch", "done"]]
        for s in steps:
            download(f"pyspark {VERSION} (317 MB)", *s, cwd=DIR, wipe=DIR, seconds=240)
    return home


def submit(home, jar, dev, name, *conf):
    conf = ("spark.app.name=" + name, f"spark.mesos.executor.home={home}", "spark.executor.memory=600m", "spark.driver.memory=600m",
            "spark.driver.bindAddress=127.0.0.1", "spark.driver.host=127.0.0.1", "spark.ui.enabled=false", *conf)
    args = [f"{home}/bin/spark-submit", "--master", f"mesos://127.0.0.1:{dev.master}", "--class", "SparkPi"]
    for c in conf:
        args += ["--conf", c]
    return Process(name, args + [jar, "12"], env={"SPARK_HOME": home, "MESOS_NATIVE_JAVA_LIBRARY": LIBMESOS, "SPARK_LOCAL_IP": "127.0.0.1"},
                   cwd=scratch())


def outcome(dev, p):
    """Its framework as the master has it at the end."""
    equal(p.wait(200), 0, f"exit status of spark-submit; {p.tail(25)}")
    Process.alive.remove(p)
    out = open(p.log_path, errors="replace").read()
    said = dict(re.findall(r"^(pi|processes|application) (\S+)$", out, re.M))
    check(3.13 < float(said["pi"]) < 3.15, f"pi is {said}")
    equal(re.findall("SIGSEGV|UnsatisfiedLinkError|an exception left a callback", out), [], "complaints")
    f = wait_for("the framework is torn down", lambda: [f for f in get(dev.master, "/frameworks").json["completed_frameworks"] if f["id"] == said["application"]])
    return said, f[0], out


@case("Spark computes pi in coarse-grained and in fine-grained mode")
def _():
    for c in ("javac", "jar", "java"):
        if not shutil.which(c):
            raise Skip(f"{c} is not installed")
    if not os.path.exists(LIBMESOS):
        raise Skip("libmesos.so is not built: no JDK was found by make")
    home = fetch()
    classes = compiled(os.path.join(home, "jars", "*"), "SparkPi.java").split(os.pathsep)[1]
    jar = os.path.join(scratch(), "pi.jar")
    subprocess.run(["jar", "cf", jar, "-C", classes, "."], check=True, timeout=60)
    dev = Dev(agent_flags=("resources=cpus:4;mem:3000",))
    coarse = submit(home, jar, dev, "coarse", "spark.cores.max=2")
    fine = submit(home, jar, dev, "fine", "spark.mesos.coarse=false", "spark.cores.max=2")
    said, f, out = outcome(dev, coarse)
    equal([(t["id"], t["state"]) for t in f["completed_tasks"]][:1], [("0", "TASK_FINISHED")], "Spark's executor as a task")
    check("Mesos task 0 is now TASK_RUNNING" in out, "what Spark was told")
    said, f, out = outcome(dev, fine)
    # 12 partitions of pi, 12 of the count with its 12 of the shuffle
    equal((f["name"], said["processes"], {t["state"] for t in f["completed_tasks"]}), ("fine", "1", {"TASK_FINISHED"}), "tasks of Spark as tasks")
    check(len(f["completed_tasks"]) >= 36, f"{len(f['completed_tasks'])} tasks")
    dev.stop()


main()
