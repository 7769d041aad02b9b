#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Marathon's answers that a child writes: complete and of one moment, shared, and no reader holds anybody up."""
import os, socket, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

APPS = 1500
dev = None


def call(method, path, body=None, want=200):
    r = http_request(method, dev.marathon, path, body=body)
    equal(r.status, want, f"{method} {path} ({r.text[:300]})")
    return r


@case("GET /v2/apps, /v2/groups with many apps: all are there, with the headers of every reply")
def _():
    global dev
    dev = Dev()
    call("PUT", "/v2/groups", {"id": "/many", "apps": [{"id": f"a{i}", "cmd": "sleep 1", "instances": 0, "labels": {"n": str(i)}} for i in range(APPS)]})
    r = call("GET", "/v2/apps?embed=apps.tasks")
    equal(r.headers["Content-Type"], "application/json", "type")
    check("X-Marathon-Leader" in r.headers and "Content-Length" in r.headers, str(r.headers))
    equal({a["labels"]["n"] for a in r.json["apps"]}, {str(i) for i in range(APPS)}, "apps")
    equal(len(call("GET", "/v2/groups").json["groups"][0]["apps"]), APPS, "of the group")
    equal(call("GET", "/v2/apps?label=n%3D%3D7").json["apps"][0]["id"], "/many/a7", "filtered")


@case("a change is in every answer that is asked for after it")
def _():
    for i in range(5):
        call("PUT", "/v2/apps/many/a0", {"cmd": f"sleep {i}", "instances": 0})
        equal([a["cmd"] for a in call("GET", "/v2/apps").json["apps"] if a["id"] == "/many/a0"], [f"sleep {i}"], "cmd")


@case("an answer that nothing has changed since is written once, and has the same headers")
def _():
    def of_children():
        stat = open(f"/proc/{dev.pid_of('marathon')}/stat").read().rpartition(")")[2].split()
        return int(stat[13]) + int(stat[14])
    call("PUT", "/v2/apps/many/a0", {"cmd": "sleep written", "instances": 0})
    wait_for("no deployment", lambda: call("GET", "/v2/deployments").json == [])
    before = of_children()
    first = call("GET", "/v2/groups")
    once = of_children() - before
    before = of_children()
    for _ in range(60):
        r = call("GET", "/v2/groups")
    equal((r.body == first.body, r.headers.get("ETag")), (True, first.headers.get("ETag")), "answer")
    check(of_children() - before <= 5 + 10 * once, f"children took {of_children() - before} ticks for sixty, {once} for one")


@case("readers at once, and some that leave, are served and forgotten")
def _():
    found = []

    def read():
        found.append(len(call("GET", "/v2/apps").json["apps"]))
    threads = [threading.Thread(target=read) for _ in range(20)]
    for i, t in enumerate(threads):
        t.start()
        s = socket.create_connection(("127.0.0.1", dev.marathon))
        s.sendall(b"GET /v2/apps HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n")
        s.close()
        if i % 5 == 0:
            call("PUT", "/v2/apps/many/a1", {"cmd": f"sleep 1{i}", "instances": 0})
    for t in threads:
        t.join(30)
    equal(found, [APPS] * 20, "apps")
    equal(call("GET", "/ping").text, "pong", "ping")
    dev.stop()


main()
