#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A framework that does what a framework must not: never acknowledges, uses one task id again and again, keeps offers until
they are stale, does not subscribe again, does not mind who took it over. The framework test-bench has to find it out."""
import json, os, socket, sys, time

host, port = os.environ["STOA_BENCH_MASTER"].split(":")


def post(call, stream=None):
    body = json.dumps(call).encode()
    s = socket.create_connection((host, int(port)), 5)
    head = f"POST /api/v1/scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n" \
           f"Accept: application/json\r\nContent-Length: {len(body)}\r\n"
    s.sendall((head + (f"Mesos-Stream-Id: {stream}\r\n" if stream else "") + "\r\n").encode() + body)
    return s


def events(f):
    while True:
        size = int(f.readline(), 16)
        if size == 0:
            return
        chunk = f.read(size)
        f.readline()
        while chunk:
            n, _, rest = chunk.partition(b"\n")
            yield json.loads(rest[:int(n)])
            chunk = rest[int(n):]


f = post({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "bad"}}}).makefile("rb")
stream = None
while (line := f.readline().strip()):
    name, _, value = line.decode().partition(":")
    if name.lower() == "mesos-stream-id":
        stream = value.strip()
framework = None
try:
    for e in events(f):
        if e["type"] == "SUBSCRIBED":
            framework = e["subscribed"]["framework_id"]
        if e["type"] != "OFFERS":
            continue
        if len(sys.argv) > 1:
            time.sleep(float(sys.argv[1]))  # what comes meanwhile is not looked at
        for o in e["offers"]["offers"]:
            task = {"name": "t", "task_id": {"value": "the-one"}, "agent_id": o["agent_id"], "command": {"value": "sleep 9"},
                    "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]}
            post({"type": "ACCEPT", "framework_id": framework, "accept": {"offer_ids": [o["id"]], "operations": [
                {"type": "LAUNCH", "launch": {"task_infos": [task]}}]}}, stream).close()
except (ValueError, OSError):
    pass
time.sleep(60)
