# SPDX-License-Identifier: Apache-2.0
"""The operator drivers of pymesos against master and agent: every reading call, and the event stream. Arguments: master, agent."""
import json, sys, threading
from pymesos import MesosOperatorAgentDriver, MesosOperatorMasterDriver, OperatorMaster

master, agent = sys.argv[1:3]
say = lambda what, value: print(json.dumps({"what": what, "value": value}), flush=True)
subscribed = threading.Event()


class Events(OperatorMaster):
    def taskAdded(self, task_info):
        say("event", "taskAdded")


driver = MesosOperatorMasterDriver(master, Events())
driver.start()
for name, args in {"getHealth": (), "getFlags": (), "getVersion": (), "getMetrics": (5000000000,), "getLoggingLevel": (), "getState": (),
                   "getFrameworks": (), "getExecutors": (), "getTasks": (), "getAgents": (), "getRoles": (), "getWeights": (),
                   "getMaster": (), "getMaintenanceStatus": (), "getMaintenanceSchedule": (), "getQuota": ()}.items():
    try:
        say(name, getattr(driver, name)(*args))
    except Exception as e:
        say(name, {"failed": str(e)})
a = MesosOperatorAgentDriver(agent)
for name, args in {"getHealth": (), "getFlags": (), "getVersion": (), "getMetrics": (5000000000,), "getLoggingLevel": (), "getState": (),
                   "getContainers": (), "getFrameworks": (), "getExecutors": (), "getTasks": ()}.items():
    try:
        say("agent." + name, getattr(a, name)(*args))
    except Exception as e:
        say("agent." + name, {"failed": str(e)})
# Containers below the first one. Its attachContainerInput sends the records as one JSON text, which no agent can read.
top = a.getContainers()["get_containers"]["containers"][0]["container_id"]["value"]
mine = lambda name, command, **more: {"container_id": {"value": name, "parent": {"value": top}}, "command": {"value": command}, **more}
for name, call in {
        "nested": lambda: (a.launchNestedContainer(mine("py-nested", "echo nested", container={"type": "MESOS", "tty_info": {}})),
                           a.waitNestedContainer("py-nested", top)),
        "session": lambda: a.launchNestedContainerSession(mine("py-session", "echo session; sleep 0.2")),
        "killed": lambda: (a.launchNestedContainer(mine("py-killed", "sleep 1000")), a.killNestedContainer("py-killed", top),
                           a.waitNestedContainer("py-killed", top), a.removeNestedContainer("py-killed", top))}.items():
    try:
        call()
        say("agent." + name, top)
    except Exception as e:
        say("agent." + name, {"failed": str(e)})
try:
    a.attachContainerOutput(top)
except RuntimeError as e:
    say("agent.notAttachable", str(e))
driver.stop()
