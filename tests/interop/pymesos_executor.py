# SPDX-License-Identifier: Apache-2.0
"""A custom executor on pymesos: each task says RUNNING, answers messages, and ends when told to."""
import sys, threading, time
from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Echo(Executor):
    def launchTask(self, driver, task):
        def status(state, **more):
            driver.sendStatusUpdate({"task_id": task["task_id"], "state": state, "timestamp": time.time(), **more})

        def work():
            status("TASK_RUNNING")
            driver.sendFrameworkMessage(encode_data(b"started " + decode_data(task["data"])))
            if decode_data(task["data"]) == b"finish":
                status("TASK_FINISHED", data=encode_data(b"result"))
        threading.Thread(target=work).start()

    def killTask(self, driver, task_id):
        driver.sendStatusUpdate({"task_id": task_id, "state": "TASK_KILLED", "timestamp": time.time()})

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(encode_data(b"echo " + decode_data(message)))


driver = MesosExecutorDriver(Echo())
driver.run()
sys.exit(0)
