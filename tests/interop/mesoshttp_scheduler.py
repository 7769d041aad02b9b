# SPDX-License-Identifier: Apache-2.0
"""A scheduler on mesoshttp: one task that ends, one that is killed after a reconciliation, teardown. One JSON line per event.
Argument: URL of the master."""
import json, sys, threading
from mesoshttp.client import MesosClient

client = MesosClient(mesos_urls=[sys.argv[1]], frameworkName="mesoshttp test", max_reconnect=1)
client.set_failover_timeout(3600)
state = {"launched": False, "driver": None}


def say(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


def task(id, command):
    return {"name": id, "task_id": {"value": id}, "command": {"value": command}, "agent_id": None,
            "resources": [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))]}


def subscribed(driver):
    state["driver"] = driver
    say("subscribed", id=driver.frameworkId)


def offers(all):
    for offer in all:
        o = offer.get_offer()
        if state["launched"]:
            offer.decline()
            continue
        state["launched"] = True
        say("offer", agent=o["agent_id"]["value"])
        tasks = [task("short", "exit 0"), task("long", "sleep 1000")]
        for t in tasks:
            t["agent_id"] = o["agent_id"]
        offer.accept(tasks)


def update(u):
    s = u["status"]  # the library has acknowledged it
    say("update", task=s["task_id"]["value"], state=s["state"], reason=s.get("reason"))
    driver = state["driver"]
    if s["task_id"]["value"] == "long" and s["state"] == "TASK_RUNNING":
        if s.get("reason") == "REASON_RECONCILIATION":
            driver.kill(s["agent_id"]["value"], "long")
        else:
            driver.reconcile([{"task_id": s["task_id"], "agent_id": s["agent_id"]}])
    if s["task_id"]["value"] == "long" and s["state"] == "TASK_KILLED":
        driver.tearDown()
        client.tearDown()
        say("done")


client.on(MesosClient.SUBSCRIBED, subscribed)
client.on(MesosClient.OFFERS, offers)
client.on(MesosClient.UPDATE, update)
client.on(MesosClient.ERROR, lambda m: say("error", message=str(m)))
t = threading.Thread(target=client.register, daemon=True)
t.start()
t.join(60)
