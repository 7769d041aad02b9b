#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs on a running cluster, through the command line and /stoa/v1/jobs: runs on request and by schedule, failures, kills, and a
marathon that is killed while a run is under way."""
import json, os, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

dev = Dev()
JOBS = "/stoa/v1/jobs"
marks = os.path.join(scratch(), "ran")


def call(method, path, body=None, want=200):
    r = http_request(method, dev.marathon, path, body=body)
    equal(r.status, want, f"{method} {path} ({r.text[:300]})")
    return r.json if r.text else None


def job(id, cmd, **more):
    return {"id": id, "run": {"cmd": cmd, "cpus": 0.01, "mem": 16}, **more}


def runs(id):
    return call("GET", f"{JOBS}{id}/runs")["runs"]


def stoa(*args, stdin=None, status=0):
    r = subprocess.run([STOA, *args], env={**os.environ, **dev.env}, capture_output=True, text=True, timeout=60, input=stdin)
    equal(r.returncode, status, f"status of stoa {' '.join(args)} ({r.stdout} {r.stderr})")
    return r.stdout if status == 0 else r.stderr


@case("stoa job: create, run --wait, list, history, show, delete")
def _():
    stoa("job", "create", "-", stdin=json.dumps(job("/once", f"echo $MARATHON_APP_ID >> {marks}")))
    out = stoa("job", "run", "once", "--wait")
    check(out.startswith("run ") and out.endswith("SUCCEEDED\n"), out)
    equal(open(marks).read(), "/once\n", "what ran")
    check("/once" in stoa("job", "list") and "SUCCEEDED" in stoa("job", "history", "once"), "listed")
    equal(json.loads(stoa("job", "show", "once"))["history"]["succeeded"], 1, "count")
    stoa("job", "delete", "once")
    check("does not exist" in stoa("job", "show", "once", status=1), "gone")


@case("a run that fails is tried again, and says why")
def _():
    call("POST", JOBS, job("/bad", "exit 3", retries=1, retryDelaySeconds=0), 201)
    says = stoa("job", "run", "bad", "--wait", status=1)
    check("FAILED after 2 attempt(s)" in says and "3" in says, says)


class Events:
    """A stream of /v2/events; next() answers (type, data, id)."""

    def __init__(self, query="", last_id=None):
        self.s = socket.create_connection(("127.0.0.1", dev.marathon), 20)
        more = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.s.sendall(f"GET /v2/events{query} HTTP/1.0\r\nHost: x\r\nAccept: text/event-stream\r\n{more}\r\n".encode())
        self.f = self.s.makefile("rb")
        check(b" 200 " in self.f.readline(), "status")
        while self.f.readline().strip():
            pass

    def next(self):
        lines = []
        while not lines or lines[-1]:
            line = self.f.readline()
            check(line, "the stream goes on")
            line = line.decode().strip()
            if line or lines:
                lines.append(line)
        e = dict(l.split(": ", 1) for l in lines if l)
        return e["event"], json.loads(e["data"]), e.get("id")

    def until(self, type, **keys):
        while True:
            e = self.next()
            if e[0] == type and all(e[1].get(k) == v for k, v in keys.items()):
                return e

    def close(self):
        self.f.close()
        self.s.close()


def run_once(id):
    run = call("POST", f"{JOBS}{id}/runs", want=201)["id"]
    wait_for("it is over", lambda: [r["state"] for r in runs(id) if r["id"] == run] == ["SUCCEEDED"], 30)
    return run


@case("events of jobs go to streams that name them, numbered; Last-Event-ID brings what was missed, and a gap is told")
def _():
    mine = Events("?event_type=job_run_changed_event&event_type=job_created_event&event_type=job_deleted_event")
    everybody = Events()
    call("POST", JOBS, job("/told", "true"), 201)
    equal(mine.next()[1]["jobId"], "/told", "created")
    run = run_once("/told")
    states = [mine.until("job_run_changed_event", runId=run, state=s) for s in ("PENDING", "RUNNING", "SUCCEEDED")]
    numbers = [int(e[2]) for e in states]
    check(numbers == sorted(set(numbers)), str(numbers))
    check("taskId" in states[1][1] and states[1][1]["attempt"] == 1, str(states[1]))
    mine.close()
    missed = run_once("/told")
    back = Events("?event_type=job_run_changed_event", states[2][2])
    equal(back.next()[1]["runId"], missed, "the first that was missed")
    back.until("job_run_changed_event", runId=missed, state="SUCCEEDED")
    back.close()
    for id in ("1", "x", states[2][2] + "0"):
        gap = Events("?event_type=job_run_changed_event", id)
        e = gap.next()
        equal((e[0], e[1]["lastEventId"]), ("event_stream_gap", id), "gap")
        equal(gap.next()[1]["runId"], run, "what there is")
        gap.close()
    call("DELETE", f"{JOBS}/told", want=204)
    dev.deploy({"id": "/marker", "cmd": "sleep 1000", "cpus": 0.01, "mem": 16})
    types = set()
    while "deployment_success" not in types:
        types.add(everybody.next()[0])
    check(not [t for t in types if t.startswith("job_")], str(types))
    everybody.close()
    http_request("DELETE", dev.marathon, "/v2/apps/marker")
    text = get(dev.marathon, "/metrics/prometheus").text
    check(re.search(r"marathon_jobs_runs_succeeded_counter [3-9]", text), text)


@case("a schedule is carried out; nothing of it is in /v2")
def _():
    call("POST", JOBS, job("/tick", "sleep 1", schedule={"cron": "* * * * *", "timeZone": "Europe/Berlin"}), 201)
    check(call("GET", f"{JOBS}/tick")["nextRunAt"].endswith(":00.000Z"), "next")
    if time.time() % 60 > 30:  # else it would take too long; tests/unit/marathon/test_jobs.c has time of its own
        wait_for("the minute", lambda: runs("/tick"), 40, 0.5)
        wait_for("the run", lambda: runs("/tick")[0]["state"] == "SUCCEEDED", 30, 0.2)
        check(runs("/tick")[0]["scheduledFor"].endswith(":00.000Z"), "due")
    equal(call("GET", "/v2/apps")["apps"], [], "apps")
    call("DELETE", f"{JOBS}/tick?stopRuns=true", want=204)


@case("a run is killed; a job with an active run is deleted only with stopRuns")
def _():
    call("POST", JOBS, job("/long", "sleep 1000"), 201)
    id = call("POST", f"{JOBS}/long/runs", want=201)["id"]
    wait_for("it runs", lambda: runs("/long")[0]["state"] == "RUNNING", 30)
    call("DELETE", f"{JOBS}/long", want=409)
    stoa("job", "kill", "long", id)
    wait_for("it ends", lambda: runs("/long")[0]["state"] == "KILLED", 30)
    call("DELETE", f"{JOBS}/long", want=204)


@case("marathon is killed while a run is under way: it runs once and ends well")
def _():
    call("POST", JOBS, job("/survivor", f"echo survivor >> {marks}; sleep 4"), 201)
    id = call("POST", f"{JOBS}/survivor/runs", want=201)["id"]
    wait_for("it runs", lambda: runs("/survivor")[0]["state"] == "RUNNING", 30)
    os.kill(dev.pid_of("marathon"), signal.SIGKILL)

    def over():
        try:
            return runs("/survivor")[0]["state"] == "SUCCEEDED"
        except (OSError, Failed):
            return False
    wait_for("it has ended", over, 60, 0.2)
    equal([r["id"] for r in runs("/survivor")], [id], "runs")
    equal(open(marks).read().count("survivor"), 1, "times that it ran")
    dev.stop()


main()
