#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers that are too big to be written at once: what comes is complete and of one moment, shared where it can be, and a reader
that leaves or stands still holds nobody up. The cluster is big by its number of frameworks."""
import json, os, re, socket, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

FRAMEWORKS = 400


def request(method, path, body=None, accept="application/json"):
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


def dechunk(f):
    body = b""
    while size := int(f.readline(), 16):
        body += f.read(size)
        f.readline()
    f.readline()
    return body


class Connection:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 20)
        self.f = self.s.makefile("rb")

    def head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.f.readline()
            check(line, "an answer")
            head += line
        return head

    def ask(self, *args, **kwargs):
        self.s.sendall(request(*args, **kwargs))
        head = self.head()
        if b"chunked" in head:
            return head, dechunk(self.f)
        return head, self.f.read(int(re.search(rb"Content-Length: (\d+)", head).group(1)))

    def close(self):
        self.f.close()
        self.s.close()


port = free_ports()[0]
master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", "--registry=in_memory"])
wait_for("the master to answer", lambda: get(port, "/health").status == 200)
held = []


def subscribe(name):
    c = Connection(port)
    info = {"user": "root", "name": name, "capabilities": [{"type": "MULTI_ROLE"}], "roles": ["r"]}
    c.s.sendall(request("POST", "/api/v1/scheduler", json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}).encode()))
    check(b" 200 " in c.head(), "subscribed")
    held.append(c)


def children():
    return open(f"/proc/{master.p.pid}/task/{master.p.pid}/children").read().split()


def big_answers():
    return json.loads(get(port, "/metrics/snapshot").body)["master/big_answers"]


@case("a small answer has a length, a big one is a stream; the same keys, and the connection goes on")
def _():
    c = Connection(port)
    head, body = c.ask("GET", "/state")
    check(b"Content-Length" in head, "length of a small answer")
    small = json.loads(body)
    for i in range(FRAMEWORKS):
        subscribe(f"f{i}")
    for _ in range(2):
        head, body = c.ask("GET", "/state")
        check(b"chunked" in head and b"Content-Type: application/json\r\n" in head, "head of a big answer")
        state = json.loads(body)
        equal(sorted(f["name"] for f in state["frameworks"]), sorted(f"f{i}" for i in range(FRAMEWORKS)), "frameworks")
        equal(set(state), set(small), "keys")
    c.close()


@case("every big document: lists, summary, jsonp, the operator's calls in both encodings")
def _():
    c = Connection(port)
    for path in ("/frameworks", "/state-summary", "/master/state"):
        equal(len(json.loads(c.ask("GET", path)[1])["frameworks"]), FRAMEWORKS, path)
    head, body = c.ask("GET", "/state?jsonp=f")
    check(b"text/javascript" in head and body.startswith(b"f({") and body.endswith(b"})"), "jsonp")
    for call, key in (("GET_STATE", "get_state"), ("GET_FRAMEWORKS", "get_frameworks")):
        text = json.dumps({"type": call}).encode()
        answer = json.loads(c.ask("POST", "/api/v1", text)[1])
        equal(answer["type"], call, "type")
        frameworks = answer[key]["get_frameworks"] if call == "GET_STATE" else answer[key]
        equal(len(frameworks["frameworks"]), FRAMEWORKS, call)
        head, packed = c.ask("POST", "/api/v1", text, accept="application/x-protobuf")
        check(b"application/x-protobuf" in head and packed[0] == 8, "protobuf of " + call)
        equal(len(re.findall(rb"\x04root\x12", packed)), FRAMEWORKS, "frameworks in protobuf")
    c.close()


@case("an operator's stream: the whole state first, then a heartbeat, then what changes")
def _():
    c = Connection(port)
    c.s.sendall(request("POST", "/api/v1", b'{"type":"SUBSCRIBE"}'))
    late = f"late{len(held)}"
    subscribe(late)  # may come while the first event is on its way
    c.head()
    data, records = b"", []

    def next_record():
        nonlocal data
        while True:
            line, nl, rest = data.partition(b"\n")
            if nl and len(rest) >= int(line):
                data = rest[int(line):]
                return json.loads(rest[:int(line)])
            size = int(c.f.readline(), 16)
            data += c.f.read(size)
            c.f.readline()

    first = next_record()
    equal(first["type"], "SUBSCRIBED", "first event")
    names = [f["framework_info"]["name"] for f in first["subscribed"]["get_state"]["get_frameworks"]["frameworks"]]
    check(len(names) in (FRAMEWORKS, FRAMEWORKS + 1), "frameworks in the first event")
    added = []
    while late not in names + added:
        e = next_record()
        if e["type"] == "FRAMEWORK_ADDED":
            added.append(e["framework_added"]["framework"]["framework_info"]["name"])
    equal((names + added).count(late), 1, "a framework is told once")
    e = {"type": ""}
    subscribe("later")
    while e["type"] != "FRAMEWORK_ADDED":
        e = next_record()
    c.close()


@case("many at once share renderings")
def _():
    before = big_answers()
    cs = [Connection(port) for _ in range(30)]
    for c in cs:
        c.s.sendall(request("GET", "/state"))
    for c in cs:
        c.head()
        check(len(json.loads(dechunk(c.f))["frameworks"]) >= FRAMEWORKS, "complete")
        c.close()
    made = big_answers() - before
    check(1 <= made <= 15, f"renderings for 30 requests: {made}")


@case("readers that leave or stand still hold nobody up, and no process stays")
def _():
    for _ in range(20):
        c = Connection(port)
        c.s.sendall(request("GET", "/state"))
        c.close()
    still = socket.socket()
    still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    still.connect(("127.0.0.1", port))
    still.sendall(request("GET", "/state") * 2)
    c = Connection(port)
    for _ in range(3):
        check(len(json.loads(c.ask("GET", "/state")[1])["frameworks"]) >= FRAMEWORKS, "complete")
    still.close()
    c.close()
    wait_for("the processes to end", lambda: not children())
    equal(master.stop(), 0, "exit status")


@case("with few descriptors clients that were served and stay make room for those that come, and the log says why")
def _():
    master, marathon = free_ports(2)
    for name, port, path, args in (
            ("master", master, "/health", ["--ip=127.0.0.1", f"--port={master}", "--registry=in_memory"]),
            ("marathon", marathon, "/ping", ["--http_address=127.0.0.1", f"--http_port={marathon}", f"--master=127.0.0.1:{master}", "--internal_store_backend=mem"])):
        p = Process(f"few-{name}", ["/bin/sh", "-c", 'ulimit -n 100; exec "$@"', "sh", STOA, name, *args])
        wait_for(f"{name} answers", lambda: get(port, path).status == 200)
        stay = []
        for _ in range(300):
            s = socket.create_connection(("127.0.0.1", port), 10)
            s.settimeout(10)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            check(s.recv(4096).startswith(b"HTTP/1.1 200"), f"client {len(stay)} of {name}")
            stay.append(s)
        check("event=connections_wait" in p.tail(40) and "Too many open files" in p.tail(40), p.tail())
        for s in stay:
            s.close()
        p.stop()


main()
