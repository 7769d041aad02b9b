# SPDX-License-Identifier: Apache-2.0
"""A scheduler on the native driver of Mesos for Python 2 that does what its standard input says and prints a line of words for
every callback and for what every call returned. Arguments: folder of the packages, master, then name=value."""
import site, sys, threading

site.addsitedir(sys.argv[1])
import mesos.interface, mesos.scheduler
from mesos.interface import mesos_pb2 as pb

OPTIONS = dict(a.split("=", 1) for a in sys.argv[3:])
lock = threading.RLock()
held, statuses = {}, {}


def say(*words):
    with lock:
        sys.stdout.write("\t".join(w.encode("utf-8") if isinstance(w, type(u"")) else str(w) for w in words).replace("\n", " ") + "\n")
        sys.stdout.flush()


class Scheduler(mesos.interface.Scheduler):
    def registered(self, driver, id, master):
        held.clear()
        say("registered", id.value, master.port, master.version, master.address.ip)

    def reregistered(self, driver, master):
        held.clear()
        say("reregistered", master.port)

    def disconnected(self, driver):
        say("disconnected")

    def resourceOffers(self, driver, offers):
        for o in offers:
            held[o.id.value] = o
        o = offers[-1]
        say("offers", o.slave_id.value, o.hostname, o.url.path,
            " ".join(r.name + ":" + (",".join(x.role for x in r.reservations) or r.role) + ("!" if r.HasField("allocation_info") else "")
                     for o in offers for r in o.resources))

    def offerRescinded(self, driver, id):
        held.pop(id.value, None)
        say("rescinded", id.value)

    def statusUpdate(self, driver, s):
        statuses[s.task_id.value] = s
        reason = pb.TaskStatus.Reason.Name(s.reason) if s.HasField("reason") else "-"
        say("update", s.task_id.value, pb.TaskState.Name(s.state), reason, len(s.uuid), s.message)

    def frameworkMessage(self, driver, executor, agent, data):
        say("message", executor.value, data)

    def slaveLost(self, driver, id):
        say("slaveLost", id.value)

    def executorLost(self, driver, executor, agent, status):
        say("executorLost", executor.value, status)

    def error(self, driver, message):
        say("error", message)


def resource(name, value, role="*"):
    r = pb.Resource(name=name, type=pb.Value.SCALAR, role=role)
    r.scalar.value = value
    return r


def task(id, command, executor=None):
    t = pb.TaskInfo(name=id, resources=[resource("cpus", 0.1), resource("mem", 32)], data=b"data of " + id)
    t.task_id.value = id
    t.slave_id.value = next(iter(held.values())).slave_id.value
    if executor:
        t.executor.executor_id.value = executor
        t.executor.command.value = command
    else:
        t.command.value = command
    return t


def taken():
    """All offers that are held; none is afterwards."""
    ids = [o.id for o in held.values()]
    held.clear()
    return ids


def reservation(kind):
    """Half a processor for the framework's role."""
    o = pb.Offer.Operation(type=getattr(pb.Offer.Operation, kind))
    r = resource("cpus", 0.5, OPTIONS["role"])
    r.reservation.principal = OPTIONS["principal"]
    getattr(o, kind.lower()).resources.extend([r])
    return o


def launch(driver, offers, *tasks):
    o = pb.Offer.Operation(type=pb.Offer.Operation.LAUNCH)
    o.launch.task_infos.extend(tasks)
    return driver.acceptOffers(offers, [o])


def run(driver, w):
    soon = pb.Filters(refuse_seconds=0.1)
    what, rest = w[0], w[1:]
    if what == "launch":
        t = task(rest[0], rest[1])
        return driver.launchTasks(taken(), [t], soon)
    if what == "execute":
        t = task(rest[0], rest[2], rest[1])
        return driver.launchTasks(taken(), [t], soon)
    if what == "accept":
        t = [task(rest[0], rest[1]), task(rest[0] + "2", rest[1])]
        return launch(driver, taken(), *t)
    if what in ("RESERVE", "UNRESERVE"):
        return driver.acceptOffers(taken(), [reservation(what)], soon)
    if what == "decline":
        return [driver.declineOffer(o, soon) for o in taken()][-1]
    if what == "send":
        e, a = pb.ExecutorID(value=rest[0]), pb.SlaveID(value=statuses[rest[1]].slave_id.value)
        return driver.sendFrameworkMessage(e, a, rest[2])
    if what == "reconcile":
        s = [pb.TaskStatus(state=pb.TASK_RUNNING) for _ in rest]
        for status, id in zip(s, rest):
            status.task_id.value = id
        return driver.reconcileTasks(s)
    if what == "ack":
        return driver.acknowledgeStatusUpdate(statuses[rest[0]])
    if what == "request":
        return driver.requestResources([pb.Request(resources=[resource("cpus", 1)])])
    if what == "kill":
        return driver.killTask(pb.TaskID(value=rest[0]))
    if what == "stop":
        return driver.stop(rest == ["true"])
    return {"start": driver.start, "abort": driver.abort, "join": driver.join, "revive": driver.reviveOffers, "suppress": driver.suppressOffers}[what]()


def main():
    f = pb.FrameworkInfo(user="", name=OPTIONS["name"], role=OPTIONS.get("role", "*"), failover_timeout=600)
    if "id" in OPTIONS:
        f.id.value = OPTIONS["id"]
    if "principal" in OPTIONS:
        f.principal = OPTIONS["principal"]
    more = [] if "secret" not in OPTIONS else [pb.Credential(principal=OPTIONS["principal"], secret=OPTIONS["secret"])]
    driver = mesos.scheduler.MesosSchedulerDriver(Scheduler(), f, sys.argv[2], 0 if "explicit" in OPTIONS else 1, *more)
    for line in iter(sys.stdin.readline, ""):
        w = line.rstrip("\n").split("\t")
        if w[0] == "exit":
            return
        if w[0] == "held":
            say("held", sum(r.scalar.value for o in list(held.values()) for r in o.resources if r.name == "cpus"))
            continue
        say(w[0], pb.Status.Name(run(driver, w)))


main()
