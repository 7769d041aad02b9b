# SPDX-License-Identifier: Apache-2.0
"""Two commands through task-processing and its executor for Mesos: taskproc.py HOST:PORT SECRET_FILE. Prints a JSON line each."""
import json, sys
from task_processing.runners.sync import Sync
from task_processing.task_processor import TaskProcessor

processor = TaskProcessor()
processor.load_plugin(provider_module="task_processing.plugins.mesos")
with open(sys.argv[2]) as f:
    config = {"secret": f.read().strip(), "mesos_address": sys.argv[1], "role": "*"}
executor = processor.executor_from_config(provider="mesos_task", provider_config=config)
runner = Sync(executor)
for cmd in ("echo hello; exit 0", "exit 3"):
    task = executor.TASK_CONFIG_INTERFACE(name="t", cmd=cmd, cpus=0.1, mem=32, disk=10, containerizer="MESOS")
    event = runner.run(task)
    print(json.dumps({"cmd": cmd, "success": event.success, "terminal": event.terminal, "state": event.platform_type, "message": event.raw.get("message")}), flush=True)
runner.stop()
