# SPDX-License-Identifier: Apache-2.0
"""A scheduler on pymesos: a command task, a custom executor with messages, kill, reconciliation. Prints one JSON line
per thing that happened, which the test asserts on. Arguments: master, path of the executor, its python."""
import getpass, json, sys, threading
from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

master, executor_path, python = sys.argv[1:4]
RES = lambda cpus, mem: [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}}]


def say(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


class Test(Scheduler):
    launched = False

    def registered(self, driver, framework_id, master_info):
        say("registered", framework_id=framework_id["value"], master=master_info["hostname"])

    def resourceOffers(self, driver, offers):
        for offer in offers:
            if self.launched:
                driver.declineOffer(offer["id"])
                continue
            self.launched = True
            say("offer", hostname=offer["hostname"], resources=sorted(r["name"] for r in offer["resources"]),
                roles=[r.get("role") for r in offer["resources"]], allocation="allocation_info" in offer)
            executor = {"executor_id": {"value": "echo"}, "name": "echo", "resources": RES(0.1, 64),
                        "command": {"value": f"{python} {executor_path}"}}
            task = lambda id, data: {"task_id": {"value": id}, "agent_id": offer["agent_id"], "name": id, "executor": executor,
                                     "data": encode_data(data), "resources": RES(0.1, 32)}
            driver.launchTasks(offer["id"], [
                {"task_id": {"value": "command"}, "agent_id": offer["agent_id"], "name": "command", "resources": RES(0.1, 32),
                 "command": {"value": "echo hello; exit 3"}}, task("finishes", b"finish"), task("stays", b"stay")])

    def statusUpdate(self, driver, update):
        say("status", task=update["task_id"]["value"], state=update["state"], source=update.get("source"), reason=update.get("reason"),
            message=update.get("message"), data=decode_data(update["data"]).decode() if update.get("data") else None,
            ip=update.get("container_status", {}).get("network_infos", [{}])[0].get("ip_addresses", [{}])[0].get("ip_address"))
        key = (update["task_id"]["value"], update["state"])
        if key == ("stays", "TASK_RUNNING") and update.get("reason") != "REASON_RECONCILIATION":
            self.agent = update["agent_id"]
            driver.sendFrameworkMessage({"value": "echo"}, self.agent, encode_data(b"ping"))
            driver.reconcileTasks([{"task_id": {"value": "stays"}, "agent_id": self.agent}])
        if key == ("stays", "TASK_KILLED"):
            threading.Timer(0.2, lambda: driver.stop()).start()

    def frameworkMessage(self, driver, executor_id, agent_id, message):
        say("message", executor=executor_id["value"], data=decode_data(message).decode())
        if decode_data(message) == b"echo ping":
            driver.killTask({"value": "stays"})

    def executorLost(self, driver, executor_id, agent_id, status):
        say("executor_lost", executor=executor_id["value"])

    def error(self, driver, message):
        say("error", message=message)


framework = {"user": getpass.getuser(), "name": "pymesos test", "hostname": "localhost", "checkpoint": True}
driver = MesosSchedulerDriver(Test(), framework, master)
driver.run()
say("stopped")
