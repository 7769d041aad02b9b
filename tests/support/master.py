# SPDX-License-Identifier: Apache-2.0
"""A master that a test plays: it takes the calls of one framework, which the test reads as the JSON form shows them, and sends what
the test says. Tasks do not run anywhere: what an agent would tell of them is a line of the test."""
import base64, itertools, json, os, queue, socket, sys, threading, uuid
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import protowire
from cluster import wait_for

CALL, EVENT = "mesos.v1.scheduler.Call", "mesos.v1.scheduler.Event"


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*", **more}


def ports(begin, end, **more):
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": begin, "end": end}]}, "role": "*", **more}


class Master:
    """calls: all but SUBSCRIBE, in order. framework: the FrameworkInfo of the last SUBSCRIBE."""
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.calls, self.framework, self.stream, self.subscriptions, self.region = [], None, None, 0, None
        self.count = itertools.count(1)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        f = s.makefile("rb")
        try:
            while f.readline().strip():
                headers = {}
                while (line := f.readline().strip()):
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                call = protowire.decode(CALL, f.read(int(headers["content-length"])))
                if call["type"] == "SUBSCRIBE":
                    self._subscribed(s, call)
                    return
                s.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                if call["type"] == "UPDATE_FRAMEWORK":
                    self.framework = call["update_framework"]["framework_info"]
                self.calls.append(call)
        except (OSError, KeyError):
            pass

    def _subscribed(self, s, call):
        self.framework = call["subscribe"]["framework_info"]
        self.suppressed = call["subscribe"].get("suppressed_roles", [])
        self.framework_id = self.framework.get("id", {}).get("value") or "played-0000"
        s.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: {uuid.uuid4()}\r\n\r\n".encode())
        self.stream = s
        self.send("SUBSCRIBED", subscribed={"framework_id": {"value": self.framework_id}, "heartbeat_interval_seconds": 15,
                                            "master_info": {"id": "m", "ip": 16777343, "port": self.port, "hostname": "127.0.0.1", **({"domain": {"fault_domain": {"region": {"name": self.region}, "zone": {"name": "z"}}}} if self.region else {})}})
        self.subscriptions += 1

    def send(self, type, **body):
        data = protowire.encode(EVENT, {"type": type, **body})
        record = str(len(data)).encode() + b"\n" + data
        self.stream.sendall(b"%x\r\n" % len(record) + record + b"\r\n")

    def drop(self):
        """The framework loses its connection."""
        self.stream.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()

    def of(self, type):
        return [c for c in list(self.calls) if c["type"] == type]

    def offer(self, agent="A0", resources=None, role=None, **more):
        """Sends one offer and gives its id. role: the one that it is offered to."""
        id = f"O{next(self.count)}"
        plain = [scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 4096), ports(31000, 31999)]
        role = role or "*"
        self.send("OFFERS", offers={"offers": [{"id": {"value": id}, "framework_id": {"value": self.framework_id}, "agent_id": {"value": agent},
                                                "hostname": f"host-{agent}", "allocation_info": {"role": role},
                                                "resources": [{**r, "allocation_info": {"role": role}} for r in resources or plain], **more}]})
        return id

    def answer(self, offer):
        """What became of an offer: the ACCEPT or DECLINE call."""
        def find():
            for c in self.of("ACCEPT") + self.of("DECLINE"):
                if {"value": offer} in c[c["type"].lower()]["offer_ids"]:
                    return c
        return wait_for(f"an answer to {offer}", find)

    def launched(self, offer):
        """The TaskInfos that were launched on an offer."""
        return [t for o in self.answer(offer).get("accept", {}).get("operations", []) for t in o.get("launch", {}).get("task_infos", []) + o.get("launch_group", {}).get("task_group", {}).get("tasks", [])]

    def update(self, task, state, agent="A0", reason=None, message="", **more):
        """A status update; task is a TaskInfo or an id."""
        id = task if isinstance(task, str) else task["task_id"]["value"]
        status = {"task_id": {"value": id}, "agent_id": {"value": agent}, "state": state, "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), "message": message, **more}
        if reason:
            status["reason"] = reason
        self.send("UPDATE", update={"status": status})

    def run(self, agent="A0", **more):
        """Offers an agent until something is launched on it, and lets that run. Gives the TaskInfos."""
        tasks = self.launched(self.offer(agent, **more))
        for t in tasks:
            self.update(t, "TASK_RUNNING", agent)
        return tasks
