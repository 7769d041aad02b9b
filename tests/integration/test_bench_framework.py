#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The framework test-bench: our own frameworks pass, a bad one is found out. All of them run at the same time: the bench mostly
waits."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

APP = '{"id":"/w","cmd":"sleep 1000","cpus":0.1,"mem":32,"instances":2,"backoffSeconds":0}'
HOOK = ("curl -s --retry 50 --retry-delay 1 --retry-connrefused -X PUT -H Content-Type:application/json "
        f"-d '{APP}' http://127.0.0.1:{{port}}/v2/apps/w")
BAD = os.path.join(ROOT_DIR, "tests", "support", "bad_framework.py")


def bench(*args):
    out = tempfile.TemporaryFile("w+")
    p = subprocess.Popen([STOA, "bench-framework", "--json", *args], stdout=out, stderr=subprocess.STDOUT)
    return p, out


def result(run, timeout=240):
    p, out = run
    p.wait(timeout)
    out.seek(0)
    return p.returncode, json.loads(out.read())


RUNS = {
    "batch": bench("--", os.path.join(BUILD, "examples", "batch"), "--master={master}", "--cpus=0.1", "--mem=32", "a", "b"),
    "pi": bench("--only=launch,task-lost,failover,torn-record", "--", os.path.join(BUILD, "examples", "pi"),
                "--master={master}", "--cpus=0.1", "--mem=32", "--digits=64", "--per_task=16"),
    "marathon": bench("--when_subscribed=" + HOOK, "--", STOA, "marathon", "--master={master}", "--http_address=127.0.0.1",
                      "--http_port={port}", "--work_dir={dir}/w"),
    "bad": bench("--patience=2", "--only=launch,duplicate-update,lost-update,task-lost,failover,torn-record,taken-over", "--",
                 sys.executable, BAD),
    "slow": bench("--patience=4", "--only=rescind", "--", sys.executable, BAD, "1.5"),
}


def passes(name):
    status, report = result(RUNS[name])
    bad = [(s["name"], [c for c in s["checks"] if c["result"] == "fail"]) for s in report["scenarios"] if s["result"] != "pass"]
    check(not bad, f"no scenario fails: {bad}")
    check(status == 0 and report["failed"] == 0 and report["passed"] == len(report["scenarios"]), f"status {status}")


@case("the example batch passes every scenario")
def _():
    passes("batch")


@case("the example pi passes")
def _():
    passes("pi")


@case("marathon passes every scenario")
def _():
    passes("marathon")


@case("a framework that does it wrong fails them all, and it is said why")
def _():
    status, report = result(RUNS["bad"])
    check(status == 1 and report["passed"] == 0, f"status {status}, {report['passed']} passed")
    failed = {c["expected"] for s in report["scenarios"] for c in s["checks"] if c["result"] == "fail"}
    check("task ids are never used again" in failed, failed)
    check("a task is launched, and its updates are acknowledged" in failed, failed)


@case("the use of an offer long after its rescind is a problem")
def _():
    status, report = result(RUNS["slow"])
    failed = {c["expected"] for s in report["scenarios"] for c in s["checks"] if c["result"] == "fail"}
    check(status == 1 and "a rescinded offer is not used" in failed, failed)


@case("wrong usage is told")
def _():
    r = subprocess.run([STOA, "bench-framework", "--only=nonsense", "--", "true"], capture_output=True, text=True)
    check(r.returncode == 2 and 'there is no scenario "nonsense"' in r.stderr, r.stderr)
    r = subprocess.run([STOA, "bench-framework", "--patience=soon", "--", "true"], capture_output=True, text=True)
    check(r.returncode == 2 and '--patience is "soon"' in r.stderr, r.stderr)
    r = subprocess.run([STOA, "bench-framework"], capture_output=True, text=True)
    check(r.returncode == 2, r.stderr)


main()
