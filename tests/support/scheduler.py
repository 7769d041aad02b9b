# SPDX-License-Identifier: Apache-2.0
"""A framework of the tests: subscribes, keeps offers, launches, acknowledges what comes, waits for states. And a master with
one agent for it, with what proves that the agent gave everything back."""
from cluster import *

RES = lambda cpus, mem: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}}]


class Framework:
    def __init__(self, port, checkpoint=True, user=None, name="agent-test", **more):
        fi = {"user": user or ("root" if IS_ROOT else "nobody"), "name": name, "checkpoint": checkpoint, "failover_timeout": 60.0,
              "capabilities": [{"type": c} for c in ("PARTITION_AWARE", "TASK_KILLING_STATE")], **more}
        self.port = port
        self.stream = Stream(port, {"type": "SUBSCRIBE", "subscribe": {"framework_info": fi}})
        self.id = self.stream.next()["subscribed"]["framework_id"]["value"]
        self.offers, self.statuses = [], []

    def call(self, type, **body):
        r = post(self.port, "/api/v1/scheduler", {"framework_id": {"value": self.id}, "type": type, **body}, headers={"Mesos-Stream-Id": self.stream.stream_id})
        equal(r.status, 202, f"{type}: {r.text}; status")

    def until(self, what, fn, seconds=PATIENCE):
        def seen(e):
            if e["type"] == "OFFERS":
                self.offers += e["offers"]["offers"]
            if e["type"] == "RESCIND":
                self.offers = [o for o in self.offers if o["id"] != e["rescind"]["offer_id"]]
            if e["type"] == "UPDATE":
                s = e["update"]["status"]
                self.statuses.append(s)
                if "uuid" in s:
                    self.call("ACKNOWLEDGE", acknowledge={"agent_id": s["agent_id"], "task_id": s["task_id"], "uuid": s["uuid"]})
            return fn(e)
        return self.stream.until(what, seen, seconds)

    def accept(self, *operations, cpus=0):
        """All offers of the agent that has the newest one, as many as it takes for so many cpus."""
        has = lambda: sum(r["scalar"]["value"] for o in self.offers for r in o["resources"] if r["name"] == "cpus")
        if not self.offers or has() < cpus:
            self.until("an offer", lambda e: self.offers and has() >= cpus)
        o = self.offers[-1]
        mine = [x for x in self.offers if x["agent_id"] == o["agent_id"]] if cpus else [o]
        self.offers = [x for x in self.offers if x not in mine]
        for op in operations:
            for t in op.get("launch", {}).get("task_infos", []) + op.get("launch_group", {}).get("task_group", {}).get("tasks", []):
                t.setdefault("agent_id", o["agent_id"])
        self.call("ACCEPT", accept={"offer_ids": [x["id"] for x in mine], "filters": {"refuse_seconds": 0}, "operations": list(operations)})

    def launch(self, *tasks, cpus=0):
        self.accept({"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}, cpus=cpus)

    def update(self, task, *states, seconds=PATIENCE):
        is_it = lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task and e["update"]["status"]["state"] in states
        return self.until(f"{task} in {states}", is_it, seconds)["update"]["status"]

    def kill(self, task, **more):
        self.call("KILL", kill={"task_id": {"value": task}, **more})

    def end(self):
        self.call("TEARDOWN")
        self.stream.close()


def task(id, command="sleep 1000", cpus=0.1, mem=32, **more):
    return {"task_id": {"value": id}, "name": id, "resources": RES(cpus, mem), "command": {"value": command}, **more}


def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
