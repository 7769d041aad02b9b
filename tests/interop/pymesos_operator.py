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
driver.stop()
