#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""marathon-python, as Debian packages it, against a running Stoa: create, scale, update, events, kill, groups, queue, delete."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])  # the package is Debian's
from cluster import *
try:
    import marathon
    from marathon.models import MarathonApp, MarathonHealthCheck
    from marathon.models.app import PortDefinition
except ImportError as e:
    marathon = None

dev = client = None


@case("an app is created with a health check and listed")
def _():
    global dev, client
    if marathon is None:
        raise Skip("Debian's python3-marathon is not installed")
    dev = Dev()
    client = marathon.MarathonClient(f"http://127.0.0.1:{dev.marathon}", timeout=20)
    equal(client.ping().strip(b'"'), b"pong", "ping")
    client.create_app("hello", MarathonApp(cmd='exec "$STOA" hello', env={"STOA": STOA}, cpus=0.1, mem=32, instances=2,
                                           port_definitions=[PortDefinition(port=0, protocol="tcp", name="web", labels={})],
                                           health_checks=[MarathonHealthCheck(protocol="HTTP", path="/", port_index=0, grace_period_seconds=10,
                                                                              interval_seconds=1, timeout_seconds=5, max_consecutive_failures=3)]))
    dev.settled("/hello")
    app = client.get_app("hello", embed_tasks=True)
    equal((app.instances, app.tasks_running, app.tasks_healthy, len(app.tasks)), (2, 2, 2, 2), "counts")
    equal([a.id for a in client.list_apps()], ["/hello"], "apps")
    check(client.get_info().framework_id, "info")
    check(client.get_leader()["leader"], "leader")


@case("scaling and updating")
def _():
    client.scale_app("hello", instances=3)
    dev.settled("/hello")
    equal(len(client.list_tasks("hello")), 3, "tasks")
    client.update_app("hello", MarathonApp(mem=48), minimal=True)
    dev.settled("/hello")
    equal(client.get_app("hello").mem, 48, "mem")
    check(len(client.list_versions("hello")) >= 3, "versions")
    check(client.get_version("hello", client.list_versions("hello")[-1]), "a version")


@case("killing a task")
def _():
    victim = client.list_tasks("hello")[0]
    client.kill_task("hello", victim.id)
    wait_for("it is gone", lambda: victim.id not in [t.id for t in client.list_tasks("hello")])
    dev.settled("/hello")


@case("the event stream tells of a deployment")
def _():
    seen = []
    stream = client.event_stream()
    def listen():
        for e in stream:
            seen.append(e.event_type)
            if e.event_type == "deployment_success":
                return
    import threading
    t = threading.Thread(target=listen, daemon=True)
    t.start()
    wait_for("attached", lambda: "event_stream_attached" in seen or t.is_alive(), 5)
    time.sleep(0)
    client.scale_app("hello", instances=2)
    dev.settled("/hello")
    t.join(15)
    check("deployment_success" in seen, seen)


@case("groups, queue and deployments")
def _():
    from marathon.models import MarathonGroup
    client.create_group(MarathonGroup(id="/shop", apps=[MarathonApp(id="cart", cmd="sleep 1000", cpus=0.1, mem=32, instances=1)]))
    dev.settled("/shop/cart")
    equal(client.get_group("/shop").apps[0].id, "/shop/cart", "app of the group")
    client.create_app("big", MarathonApp(cmd="sleep 1", cpus=100000, mem=32, instances=1))
    q = wait_for("the app waits in the queue", lambda: [x for x in client.list_queue() if x.app.id == "/big"])
    equal(q[0].count, 1, "count")
    check(client.list_deployments(), "deployments")
    client.delete_app("big", force=True)
    client.delete_group("/shop", force=True)
    wait_for("the group is gone", lambda: get(dev.marathon, "/v2/groups/shop").status == 404)


@case("errors carry the server's message")
def _():
    try:
        client.get_app("nothing")
        raise Failed("no error")
    except marathon.exceptions.NotFoundError as e:
        check("nothing" in str(e), str(e))


@case("deleting")
def _():
    client.delete_app("hello", force=True)
    wait_for("no tasks", lambda: not client.list_tasks())
    dev.stop()


main()
