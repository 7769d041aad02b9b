#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recorded HTTP exchanges of the master served again: the same request in the same state of the cluster gets the same status,
headers and body, but for ids, times, addresses and lengths. And what a scheduler sees over its life, over a real socket."""
import glob, os, re, socket, sys, threading, queue

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

GOLDEN = os.path.join(ROOT_DIR, "tests", "golden", "http")
RECORDED_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Master:
    def __init__(self, *flags):
        self.port = free_ports()[0]
        self.process = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={self.port}", "--registry=in_memory",
                                          "--hostname=master1.example", *flags])
        wait_for("the master to answer", lambda: self.exchange(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200"))

    def exchange(self, request, seconds=PATIENCE):
        """Sends the bytes; the answer up to its end (or to the first pause of a stream)."""
        try:
            s = socket.create_connection(("127.0.0.1", self.port), seconds)
        except OSError:
            return b""
        with s:
            s.sendall(request)
            s.settimeout(seconds)
            data = b""
            try:
                while not complete(data):
                    piece = s.recv(1 << 16)
                    if not piece:
                        break
                    data += piece
                    if b"HEARTBEAT" in data:
                        break
            except TimeoutError:
                pass
            return data

    def stop(self):
        self.process.stop()


def complete(data):
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    length = re.search(rb"Content-Length: (\d+)", head)
    return len(body) >= int(length.group(1)) if length else body.endswith(b"0\r\n\r\n")


class Scheduler:
    """A framework over the v1 API: one thread reads its stream into a queue."""

    def __init__(self, port, info, framework_id=None):
        self.port, self.events = port, queue.Queue()
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": dict(info)}}
        if framework_id:
            body["framework_id"] = body["subscribe"]["framework_info"]["id"] = {"value": framework_id}
        self.s = socket.create_connection(("127.0.0.1", port), 20)
        text = json.dumps(body).encode()
        self.s.sendall(b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(text) + text)
        self.f = self.s.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.f.readline()
        self.stream_id = re.search(rb"Mesos-Stream-Id: (\S+)", self.head).group(1).decode()
        threading.Thread(target=self.read, daemon=True).start()
        self.id = self.next("SUBSCRIBED")["subscribed"]["framework_id"]["value"]

    def read(self):
        try:
            while True:
                size = int(self.f.readline(), 16)
                chunk = self.f.read(size + 2)[:-2]
                if size == 0:
                    break
                self.events.put(json.loads(chunk.split(b"\n", 1)[1]))  # one record per chunk
        except (OSError, ValueError):
            pass
        self.events.put({"type": "END"})

    def next(self, type, seconds=PATIENCE):
        while True:
            e = self.events.get(timeout=seconds)
            if e["type"] == type:
                return e

    def call(self, type, body=None, stream_id=None):
        message = {"type": type, "framework_id": {"value": self.id}}
        if body is not None:
            message[type.lower()] = body
        headers = {"Content-Type": "application/json", "Mesos-Stream-Id": stream_id or self.stream_id}
        return http_request("POST", self.port, "/api/v1/scheduler", json.dumps(message).encode(), headers)

    def close(self):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()


INFO = {"user": "root", "name": "live", "roles": ["web"], "failover_timeout": 3600.0, "capabilities": [{"type": "MULTI_ROLE"}]}


def normal(answer):
    """Status, sorted headers and body without what may differ."""
    answer = re.sub(rb"Date: [^\r]*\r\n|Content-Length: \d+\r\n", b"", answer)
    answer = RECORDED_ID.sub(b"UUID", answer)
    answer = re.sub(rb"-\d{4}(?=[\"'\s]|$)", b"-N", answer)
    answer = re.sub(rb'"ip":(\d+|"[0-9.]+")|127\.0\.[05]\.\d+(:\d+)?|"port":\d+', b"ADDR", answer)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    body = re.sub(rb"(?m)^[0-9a-f]+\r\n\d+$", b"SIZE", body)
    return lines[0], sorted(lines[1:]), body.strip()


def replay(master, numbers, prepare=lambda n, request: request, skip=()):
    done = 0
    for path in sorted(glob.glob(os.path.join(GOLDEN, "*.req"))):
        n = int(os.path.basename(path)[:3])
        if n not in numbers or n in skip:
            continue
        want = open(path[:-4] + ".resp", "rb").read()
        stream = path[:-4] + ".stream"
        want += open(stream, "rb").read() if os.path.exists(stream) else b""
        got = master.exchange(prepare(n, open(path, "rb").read()))
        equal(normal(got), normal(want), os.path.basename(path))
        done += 1
    check(done > 0, "recordings to replay")
    return done


@case("refused and unusual scheduler calls get the recorded answers")
def _():
    m = Master()
    live, gone = Scheduler(m.port, INFO), Scheduler(m.port, dict(INFO, name="disconnected"))
    gone.close()
    wait_for("the stream's end to be noticed", lambda: gone.call("REVIVE").status == 403)

    def prepare(n, request):
        request = request.replace(b"88017fca-51b7-4965-a4b3-b3c030bc0d8d-0000", live.id.encode())
        request = request.replace(b"88017fca-51b7-4965-a4b3-b3c030bc0d8d-0001", gone.id.encode())
        if n != 133:
            request = re.sub(rb"Mesos-Stream-Id: [^\r]*", b"Mesos-Stream-Id: " + live.stream_id.encode(), request)
        return request

    # 131 needs an old driver, 135 has its ids inside gzip.
    replay(m, range(100, 138), prepare, skip=(131, 135))
    # 561 to 563 are subscriptions that succeed: the stream goes on.
    replay(m, range(550, 561), prepare)
    m.stop()


@case("operator calls that are refused get the recorded answers")
def _():
    m = Master()
    replay(m, range(725, 732))
    replay(m, (229, 231, 237, 238, 242, 249, 288, 289, 290, 394, 425, 428, 429, 437, 440, 441, 714, 715, 716, 719, 723, 733, 734))
    m.stop()


@case("an empty cluster's read endpoints have the recorded bodies")
def _():
    m = Master("--cluster=golden")
    replay(m, (400, 403, 404, 405, 406, 407, 408))
    m.stop()


def keys(value, path=""):
    """The tree of keys of a JSON value; of a list, that of its first element."""
    if isinstance(value, dict):
        return {k2 for k, v in value.items() for k2 in {path + "/" + k} | keys(v, path + "/" + k)}
    if isinstance(value, list) and value:
        return keys(value[0], path + "[]")
    return set()


@case("/state, /metrics/snapshot and /flags have every key that the original's have")
def _():
    m = Master("--cluster=golden", "--domain={\"fault_domain\":{\"region\":{\"name\":\"r\"},\"zone\":{\"name\":\"z\"}}}")
    for path, recorded in (("/state", "402-master-state-empty"), ("/version", "401-master-version")):
        want = json.loads(open(os.path.join(GOLDEN, recorded + ".resp"), "rb").read().split(b"\r\n\r\n", 1)[1])
        missing = {k for k in keys(want) - keys(json.loads(get(m.port, path).body)) if not k.startswith("/flags/")}
        equal(missing, {"/log_dir"} & missing, f"keys missing in {path}")
    want = json.loads(open(os.path.join(GOLDEN, "420-master-metrics.resp"), "rb").read().split(b"\r\n\r\n", 1)[1])
    have = json.loads(get(m.port, "/metrics/snapshot").body)
    general = {k for k in want if not re.search(r"frameworks/|/roles/|/task_|allocation_run|state_fetch|state_store", k)}
    equal(general - set(have), set(), "metrics missing")
    m.stop()


@case("a framework's life: subscribe, take over, tear down; ids are not given twice")
def _():
    m = Master()
    a = Scheduler(m.port, INFO)
    check(b"Content-Type: application/json\r\n" in a.head and b"chunked" in a.head, "head of the stream")
    equal(a.next("HEARTBEAT")["type"], "HEARTBEAT", "second event")
    b = Scheduler(m.port, INFO, a.id)
    equal(a.next("ERROR")["error"]["message"], "Framework failed over", "what the old stream hears")
    a.next("END")
    equal(a.call("REVIVE").status, 400, "a call with the old stream id")
    equal(b.call("REVIVE").status, 202, "a call with the new one")
    equal(b.call("TEARDOWN").status, 202, "teardown")
    b.next("END")
    state = json.loads(get(m.port, "/state").body)
    equal([f["id"] for f in state["completed_frameworks"]], [a.id], "completed frameworks")
    c = Scheduler(m.port, INFO)
    check(c.id != a.id, "a new id")
    m.stop()


main()
