# SPDX-License-Identifier: Apache-2.0
"""A process of the message protocol, for tests: listens, takes messages, sends some. Messages are the project's own .proto
files by protoc; compile_protos() puts the modules into a folder."""
import os, queue, shutil, socket, subprocess, sys, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def generate(folder):
    """The modules of the messages in a folder. None, or why they cannot be had."""
    if shutil.which("protoc") is None:
        return "protoc is not installed"
    files = ["google_protobuf", "mesos_v1", "mesos_v1_scheduler", "mesos_v1_allocator", "mesos_v1_quota", "mesos_v1_maintenance",
             "mesos_v1_resource_provider", "mesos_internal", "mesos_v0_scheduler"]
    files += [f[:-6] for f in os.listdir(os.path.join(ROOT, "proto")) if f.endswith(".proto") and f[:-6] not in files]
    r = subprocess.run(["protoc", "-I.", f"--python_out={folder}"] + [f"proto/{f}.proto" for f in files], cwd=ROOT,
                       capture_output=True, text=True)
    if r.returncode != 0:
        return "protoc: " + r.stderr.strip()[:200]
    return None


def compile_protos(folder):
    """The same, and loads them."""
    why = generate(folder)
    if why is None:
        load(folder)
    return why


def load(folder):
    global internal, v0, v1, scheduler
    sys.path.insert(0, folder)
    from proto import mesos_internal_pb2 as internal, mesos_v0_scheduler_pb2 as v0
    from proto import mesos_v1_pb2 as v1, mesos_v1_scheduler_pb2 as scheduler


def message_of(name, body):
    m = v0.Call() if name == "mesos.scheduler.Call" else getattr(internal, name.split(".")[-1])()
    m.ParseFromString(body)
    return m


class Proc:
    """One process id on a port of its own."""

    def __init__(self, id, ip="127.0.0.1"):
        self.server = socket.create_server((ip, 0))
        self.pid = f"{id}@{ip}:{self.server.getsockname()[1]}"
        self.inbox = queue.Queue()      # (short name, message, sender)
        self.seen = []
        self.out, self.accepted, self.closed = {}, [], False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            self.accepted.append(s)
            threading.Thread(target=self._read, args=(s,), daemon=True).start()

    def _read(self, s):
        f = s.makefile("rb")
        try:
            while (line := f.readline()):
                headers = {}
                while (h := f.readline().strip()):
                    k, _, v = h.decode().partition(":")
                    headers[k.lower()] = v.strip()
                body = b""
                if headers.get("transfer-encoding") == "chunked":
                    while (n := int(f.readline(), 16)):
                        body += f.read(n)
                        f.readline()
                    f.readline()
                elif "content-length" in headers:
                    body = f.read(int(headers["content-length"]))
                name = line.split()[1].decode().split("/")[-1]
                s.sendall(b"HTTP/1.1 202 Accepted\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n")
                self.inbox.put((name.split(".")[-1], message_of(name, body), headers["libprocess-from"]))
        except (OSError, ValueError):
            pass

    def send(self, to, m, name=None):
        full = name or m.DESCRIPTOR.full_name
        body = m if isinstance(m, bytes) else m.SerializeToString()
        id, _, addr = to.partition("@")
        head = (f"POST /{id}/{full} HTTP/1.1\r\nUser-Agent: libprocess/{self.pid}\r\nLibprocess-From: {self.pid}\r\n"
                f"Connection: Keep-Alive\r\nHost: {addr}\r\n")
        data = head.encode() + (b"\r\n" if not body else
                                b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        for again in (False, True):
            s = self.out.get(addr)
            try:
                if s is None:
                    ip, _, port = addr.partition(":")
                    s = self.out[addr] = socket.create_connection((ip, int(port)), 10)
                    threading.Thread(target=self._drain, args=(addr, s), daemon=True).start()
                s.sendall(data)
                return
            except OSError:
                self.out.pop(addr, None)
                if again:
                    raise

    def _drain(self, addr, s):
        s.settimeout(None)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        if self.out.get(addr) is s:
            self.out.pop(addr)

    def next(self, name, seconds=60, where=lambda m: True):
        """The next message of that name; others before it are kept in seen."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                got = self.inbox.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} within {seconds} s; seen: {[s[0] for s in self.seen[-12:]]}")
            self.seen.append(got)
            self.took(*got[:2])
            if got[0] == name and where(got[1]):
                self.sender = got[2]
                return got[1]

    def took(self, name, m):
        pass

    def close(self):
        """As when the program ends: all its sockets close."""
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for s in [self.server] + self.accepted + list(self.out.values()):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
