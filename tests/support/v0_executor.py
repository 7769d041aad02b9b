# SPDX-License-Identifier: Apache-2.0
"""An executor that speaks messages. Started by the agent: v0_executor.py FOLDER-OF-MODULES. A task runs until it is killed;
with data "finish" it ends at once. A message comes back with "echo " in front."""
import os, sys, time, uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import libprocess as lp

lp.load(sys.argv[1])
i = lp.internal
agent, fid, eid = (os.environ[k] for k in ("MESOS_SLAVE_PID", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID"))
p = lp.Proc("executor(1)")
tasks, updates = {}, {}     # not acknowledged, as a driver keeps them
agent_id = os.environ["MESOS_SLAVE_ID"]


def update(task_id, state, **more):
    m = i.StatusUpdateMessage(pid=p.pid)
    u, now = m.update, time.time()
    u.framework_id.value, u.executor_id.value, u.slave_id.value = fid, eid, agent_id
    u.status.task_id.value, u.status.state, u.status.timestamp = task_id, state, now
    u.status.agent_id.value = agent_id
    u.timestamp, u.uuid = now, uuid.uuid4().bytes
    u.status.uuid = u.uuid
    updates[u.uuid] = u
    p.send(agent, m)


reg = i.RegisterExecutorMessage()
reg.framework_id.value, reg.executor_id.value = fid, eid
p.send(agent, reg)
while True:
    name, m, sender = p.inbox.get()
    print(name, flush=True)
    if name == "RunTaskMessage":
        t = m.task.task_id.value
        tasks[t] = m.task
        update(t, lp.v1.TASK_STARTING)
        update(t, lp.v1.TASK_RUNNING)
        if m.task.data == b"finish":
            update(t, lp.v1.TASK_FINISHED)
    elif name == "KillTaskMessage":
        update(m.task_id.value, lp.v1.TASK_KILLED)
    elif name == "StatusUpdateAcknowledgementMessage":
        updates.pop(m.uuid, None)
        tasks.pop(m.task_id.value, None)
    elif name == "FrameworkToExecutorMessage":
        e = i.ExecutorToFrameworkMessage(data=b"echo " + m.data)
        e.slave_id.value, e.framework_id.value, e.executor_id.value = agent_id, fid, eid
        p.send(agent, e)
    elif name == "ReconnectExecutorMessage":
        agent = sender
        r = i.ReregisterExecutorMessage(tasks=list(tasks.values()), updates=list(updates.values()))
        r.framework_id.value, r.executor_id.value = fid, eid
        p.send(agent, r)
    elif name == "ShutdownExecutorMessage":
        os._exit(0)
