#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The web pages of marathon and master in a real browser, as a person uses them: what is clicked and typed, and what is to be seen then.
Skipped where there is no Chromium."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from browser import *

dev = page = None


def ui(fragment=""):
    page.open("about:blank")
    page.open(f"http://127.0.0.1:{dev.marathon}/ui/{fragment}")


def master(fragment=""):
    page.open("about:blank")
    page.open(f"http://127.0.0.1:{dev.master}/{fragment}")


def no_complaints(*expected):
    left = [p for p in page.problems if not any(e in p for e in expected)]
    page.problems.clear()
    equal(left, [], "what the page complained of")


def app(id, **more):
    equal(post(dev.marathon, "/v2/apps", {"id": id, "cmd": "sleep 1000", "cpus": 0.01, "mem": 16, **more}).status, 201, id)


def row(text):
    return f"[...document.querySelectorAll('main tbody tr')].find(r => r.innerText.includes({json.dumps(text)}))"


def act(id, item):
    """An item of the menu of a row."""
    page.wait(f"!!({row(id)})", f"a row of {id}")
    page.run(f"({row(id)}).querySelector('summary').click()")
    page.run(f"[...({row(id)}).querySelectorAll('.menu button')].find(b => b.innerText === {json.dumps(item)}).click()")


@case("the empty list offers to create the first application")
def _():
    global dev, page
    page = Browser()
    dev = Dev(marathon_flags=["mesos_role=web"])
    ui()
    page.see("No applications here.")
    no_complaints()


@case("an application is created with the form; what is wrong is said at its field")
def _():
    page.click("Create the first one")
    page.fill("ID", "/Web")
    page.fill("CPUs", "-1")
    page.fill("Command", 'exec "$STOA" hello')
    page.click("Create application")
    page.see("has characters that are not allowed here", "dialog .wrong")
    page.see("is too small", "dialog .wrong")
    page.fill("ID", "/web")
    page.fill("CPUs", "0.01")
    page.fill("Memory (MiB)", "16")
    page.click("Environment")
    page.click("Add variable")
    page.fill("Name", "STOA")
    page.fill("Value", STOA)
    page.click("Ports")
    page.click("Add port")
    page.fill("Name", "http")
    page.click("Health checks")
    page.click("Add health check")
    page.fill("Interval (s)", "1")
    page.fill("Grace period (s)", "5")
    page.click("Labels")
    page.click("Add label")
    page.fill("Name", "team")
    page.fill("Value", "blue")
    page.click("JSON mode")
    value = json.loads(page.run("document.querySelector('dialog textarea').value"))
    equal((value["env"], value["labels"], value["portDefinitions"], value["healthChecks"][0]["intervalSeconds"]), ({"STOA": STOA}, {"team": "blue"}, [{"port": 0, "protocol": "tcp", "name": "http"}], 1), "the definition")
    page.click("Create application")
    page.see("team: blue")
    page.wait(f"({row('/web')}).innerText.includes('1 of 1') && ({row('/web')}).querySelector('.health').title === '1 healthy'", "it is healthy")
    no_complaints("422")


@case("scale, suspend, edit and restart; a target that a deployment holds can be forced")
def _():
    act("/web", "Scale")
    page.fill("Instances", "2")
    page.click("Scale")
    page.wait(f"({row('/web')}).innerText.includes('2 of 2')", "two run")
    app("/held", cpus=1000)
    act("/held", "Scale")
    page.fill("Instances", "2")
    page.click("Scale")
    page.see("is locked by one or more deployments", "dialog")
    page.click("Force: Scale")
    wait_for("forced", lambda: dev.app("/held")["instances"] == 2)
    page.wait("!document.querySelector('dialog')", "the dialog is closed")
    act("/held", "Destroy")
    page.click("Destroy")
    page.wait(f"!({row('/held')})", "it is gone")
    act("/web", "Edit")
    page.wait("document.querySelector('dialog input').readOnly", "the id cannot be changed")
    page.fill("Memory (MiB)", "17")
    page.click("Change and deploy")
    wait_for("changed", lambda: dev.app("/web")["mem"] == 17)
    dev.settled("/web")
    act("/web", "Restart")
    page.click("Restart")
    wait_for("a new version", lambda: len(get(dev.marathon, "/v2/apps/web/versions").json["versions"]) >= 4)
    dev.settled("/web")
    no_complaints("409")


@case("search and filters; they are kept in the address")
def _():
    app("/shop/cart", labels={"team": "red"}, instances=0)
    page.see("/shop")
    page.run("(() => { const s = document.getElementById('search'); s.value = 'cart'; s.dispatchEvent(new Event('input')); })()")
    page.wait(f"!!({row('/shop/cart')}) && !({row('/web')})", "only /shop/cart")
    check("filterText=cart" in page.run("location.hash"), "kept")
    page.click("Clear filters")
    page.run("[...document.querySelectorAll('aside label')].find(l => l.innerText.includes('Suspended')).querySelector('input').click()")
    page.wait(f"!!({row('/shop/cart')}) && !({row('/web')})", "suspended ones")
    ui("#/apps?filterLabels=team%3Ablue")
    page.wait(f"!!({row('/web')}) && !({row('/shop/cart')})", "of team blue")
    no_complaints()


@case("addresses of Marathon's own page: dialogs, filters in small letters; several labels, found by typing")
def _():
    for fragment, text in (("#/apps?modal=new-app", "Create application"), ("#/apps?modal=new-group", "Create group"), ("#/apps?modal=about", "marathon_config"), ("#/apps?modal=help", "create application"),
                           ("#/apps/%2Fweb?modal=edit-app--%2Fweb", "Change and deploy")):
        ui(fragment)
        page.see(text, "dialog")
        equal(page.run("location.hash.includes('modal')"), False, "the dialog is not opened again")
    ui("#/apps?filterStatus=suspended")
    page.wait(f"!!({row('/shop/cart')}) && !({row('/web')})", "suspended ones")
    page.click("Clear filters")
    for label in ("team:red", "team:blue"):
        page.run(f"(() => {{ const f = document.querySelector('input[list]'); f.value = {json.dumps(label)}; f.dispatchEvent(new Event('input')); }})()")
    page.wait(f"!!({row('/shop/cart')}) && !!({row('/web')}) && document.querySelectorAll('main tbody tr').length === 2", "of both teams")
    equal(page.run("new URLSearchParams(location.hash.split('?')[1]).getAll('filterLabels')"), ["team:red", "team:blue"], "in the address")
    page.run("[...document.querySelectorAll('aside label')].find(l => l.innerText.includes('team:red')).querySelector('input').click()")
    page.wait(f"!({row('/shop/cart')}) && !!({row('/web')})", "of team blue")
    no_complaints()


@case("one application: instances, a task, configuration with older versions, debug")
def _():
    ui("#/apps/%2Fweb")
    page.see("Instances (2)")
    page.see("Healthy")
    page.run("document.querySelector('tbody input[type=checkbox]').click()")
    page.see("1 selected")
    before = {t["id"] for t in dev.app("/web")["tasks"]}
    page.click("Kill")
    page.click("Kill", "dialog button[type=submit]")
    wait_for("killed", lambda: {t["id"] for t in dev.app("/web")["tasks"]} != before)
    dev.settled("/web")
    ids = [t["id"] for t in dev.app("/web")["tasks"]]
    page.wait(f"{json.dumps(ids)}.every(i => document.querySelector('main').innerText.includes(i)) && document.querySelectorAll('main tbody tr').length === 2 && !document.querySelector('main').innerText.includes('Unknown')", "the two tasks")
    page.run("document.querySelector('tbody a').click()")
    page.see("Last success")
    page.click("‹ all instances")
    page.click("Configuration")
    page.see("Allocation role")
    oldest = get(dev.marathon, "/v2/apps/web/versions").json["versions"][-1]
    page.click(f"▸ {oldest}")
    page.click("Apply this version")
    page.click("Apply")
    wait_for("the old memory", lambda: dev.app("/web")["mem"] == 16)
    dev.settled("/web")
    page.click("Debug")
    page.see("Last changes")
    page.see("With latest configuration")
    no_complaints()


@case("an application with a persistent volume: the form says what it needs, and the volume has a page")
def _():
    if not IS_ROOT:
        raise Skip("volumes are mounted; run as root")
    ui()
    page.click("Create application")
    page.fill("ID", "/data")
    page.fill("Command", "sleep 1000")
    page.fill("CPUs", "0.01")
    page.fill("Memory (MiB)", "16")
    page.click("Volumes", "dialog button")
    page.click("Add persistent volume")
    page.fill("Container path", "files")
    page.fill("Size (MiB)", "5")
    page.click("Create application", "dialog button[type=submit]")
    dev.settled("/data")
    equal((dev.app("/data")["upgradeStrategy"], dev.app("/data")["residency"]["taskLostBehavior"]), ({"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}, "WAIT_FOREVER"), "what a resident application has")
    ui("#/apps/%2Fdata/volumes")
    page.wait(f"({row('data#files#')}).innerText.includes('Attached')", "the volume")
    page.run("document.querySelector('main tbody a').click()")
    page.see("‹ all volumes")
    page.see("5 MiB")
    http_request("DELETE", dev.marathon, "/v2/apps/data?force=true")
    no_complaints()


@case("why it waits, and what failed last")
def _():
    app("/big", cpus=1000)
    ui("#/apps/%2Fbig")
    page.see("Waiting for 1 more instance to fit an offer.")
    page.see("instead of 1000 an instance would fit")
    app("/fails", cmd="echo oops >&2; exit 3")
    wait_for("failed", lambda: "lastTaskFailure" in dev.app("/fails"))
    ui("#/apps/%2Ffails/debug")
    page.see("TASK_FAILED")
    no_complaints()


@case("deployments: steps, stop, roll back")
def _():
    ui("#/deployments")
    page.see("step 2 of 2")
    page.click("Roll back")
    page.click("Roll back", "dialog button[type=submit]")
    wait_for("rolled back", lambda: not get(dev.marathon, "/v2/deployments").json or dev.app("/big") is None or dev.app("/fails") is None)
    for a in ("/big", "/fails"):
        http_request("DELETE", dev.marathon, f"/v2/apps{a}?force=true")
    page.see("No deployment is under way.")
    no_complaints()


@case("events as they come; deleted applications are restored")
def _():
    ui("#/events")
    page.see("event_stream_attached")
    app("/fleeting", instances=0)
    page.see("/fleeting")
    http_request("DELETE", dev.marathon, "/v2/apps/fleeting")
    page.click("Deleted")
    page.see("/fleeting")
    page.run(f"[...({row('/fleeting')}).querySelectorAll('button')].find(b => b.innerText === 'Restore').click()")
    page.click("Restore", "dialog button[type=submit]")
    wait_for("restored", lambda: dev.app("/fleeting"))
    no_complaints()


@case("a pod: in the list, its own page, scaled")
def _():
    post(dev.marathon, "/v2/pods", {"id": "/pair", "containers": [{"name": "c", "exec": {"command": {"shell": "sleep 1000"}}, "resources": {"cpus": 0.01, "mem": 16}}]})
    ui("#/apps")
    page.wait(f"({row('/pair')}).innerText.includes('1 of 1')", "it is stable")
    page.click("/pair")
    page.see("1 of 1 instances")
    page.click("Scale")
    page.fill("Instances", "2")
    page.click("Scale", "dialog button[type=submit]")
    page.see("2 of 2 instances")
    no_complaints()


@case("a job: created, run")
def _():
    ui("#/jobs")
    page.click("Create job")
    page.fill("ID", "/tick")
    page.fill("Command", "true")
    page.click("Create", "dialog button[type=submit]")
    page.click("Run now")
    page.wait(f"({row('/tick')}).innerText.match(/s ago/)", "it ran")
    no_complaints()


@case("names, labels and messages with markup in them are text")
def _():
    evil = "<img src=x onerror=window.hit=1>"
    app("/evil", instances=0, cmd=f"echo {evil}", labels={evil: evil}, env={"E": evil})
    app("/evil-fails", cmd=f"echo '{evil}'; exit 3", user=f"{evil}")
    wait_for("failed", lambda: "lastTaskFailure" in dev.app("/evil-fails"))
    for fragment in ("#/apps", "#/apps/%2Fevil/configuration", "#/apps/%2Fevil-fails/debug", "#/apps/%2F" + evil.replace("/", "%2F"), "#/group/" + evil):
        ui(fragment)
        page.see("<img" if "group" not in fragment else "There is no group")
        equal(page.run("[window.hit, document.querySelectorAll('main img').length]"), [None, 0], f"what {fragment} made of it")
    http_request("DELETE", dev.marathon, "/v2/apps/evil-fails?force=true")
    no_complaints("404")


@case("keys")
def _():
    ui()
    page.see("/web")
    page.key("?")
    page.see("create application", "dialog")
    page.key("Escape", windowsVirtualKeyCode=27)
    page.wait("!document.querySelector('dialog')", "closed")
    page.key("c")
    page.see("JSON mode", "dialog")
    page.key("Escape", windowsVirtualKeyCode=27)
    page.wait("!document.querySelector('dialog')", "closed")
    page.key("g")
    page.key("d")
    page.wait("location.hash === '#/deployments'")
    page.key("g")
    page.key("a")
    page.wait("location.hash === '#/apps' && !!document.getElementById('search')")
    page.key("s")
    page.wait("document.activeElement.id === 'search'", "the search has the focus")
    page.click("About")
    page.see("marathon_config", "dialog")
    no_complaints()


@case("a connection that is lost is said, and it goes on when it is back")
def _():
    ui()
    page.see("/web")
    offline = dict(latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.call("Network.emulateNetworkConditions", offline=True, **offline)
    page.see("The server does not answer")
    page.see("/web", "main")
    page.call("Network.emulateNetworkConditions", offline=False, **offline)
    page.wait("!document.querySelector('.banner')", "the banner is gone")
    no_complaints("ERR_INTERNET_DISCONNECTED")


@case("master: agents, frameworks, roles, offers, tasks, decisions; narrow and dark")
def _():
    for fragment, text in (("#/overview", "tasks running"), ("#/agents", "active"), ("#/frameworks", "marathon"), ("#/roles", "Guarantee"), ("#/offers", "Offers"), ("#/tasks", "RUNNING"), ("#/decisions", "granted"), ("#/maintenance", "No maintenance is planned."), ("#/overview", "leads")):
        master(fragment)
        page.see(text)
    window = {"machine_ids": [{"hostname": "127.0.0.1", "ip": "127.0.0.1"}], "unavailability": {"start": {"nanoseconds": int(time.time() + 86400) * 10**9}, "duration": {"nanoseconds": 3600 * 10**9}}}
    equal(post(dev.master, "/maintenance/schedule", {"windows": [window]}).status, 200, "a plan")
    master("#/maintenance")
    page.wait(f"({row('127.0.0.1 @ 127.0.0.1')}).innerText.includes('draining')", "the machine of the plan")
    equal(post(dev.master, "/maintenance/schedule", {"windows": []}).status, 200, "no plan")
    page.see("No maintenance is planned.")
    page.open(f"http://127.0.0.1:{dev.master}/#/tasks", width=400, height=700, dark=True)
    page.see("RUNNING")
    equal(page.run("document.documentElement.scrollWidth <= 400"), True, "the page fits a narrow window")
    no_complaints()


@case("sandbox: from a task of marathon to its files at the master's page, to the end of a file as it grows")
def _():
    app("/writer", cmd="n=0; while true; do n=$((n+1)); echo \"line $n <b>\"; sleep 0.2; done")
    dev.settled("/writer")
    ui("#/apps/%2Fwriter")
    page.wait("!!document.querySelector('a[href*=executors]')", "a link to the files")
    equal(page.run("[...document.querySelectorAll('tbody a[href*=executors]')].map(a => a.innerText)"), ["stdout", "stderr"], "links to what it writes")
    page.open(page.run("document.querySelector('a[href*=executors]').href.split('?')[0]"))
    page.click("stdout")
    page.see("line 1 <b>", "#file")
    seen = page.run("document.getElementById('file').innerText.length")
    page.wait(f"document.getElementById('file').innerText.length > {seen}", "it grows")
    equal(page.run("document.querySelectorAll('#file b').length"), 0, "markup of the file")
    ui("#/apps/%2Fwriter")
    page.wait("!!document.querySelector('a[href*=executors]')", "a link to the files")
    page.open(page.run("document.querySelector('a[href*=executors]').href"))
    page.see("line 1 <b>", "#file")
    page.click("127.0.0.1")
    page.see("Executors")
    page.see("writer.instance-")
    no_complaints()


@case("3,000 applications: drawn at once, a part of them")
def _():
    apps = [{"id": f"a{i}", "cmd": "sleep 1", "instances": 0, "portDefinitions": [], "labels": {"n": str(i % 7)}} for i in range(3000)]
    equal(http_request("PUT", dev.marathon, "/v2/groups/many", {"apps": apps}, timeout=60).status, 200, "the group")
    ui("#/group/%2Fmany")
    page.see("200 of 3000 are shown.")
    took = page.run("(() => { const t = performance.now(); render(); return performance.now() - t; })()")
    check(took < 10000, f"drawing took {took} ms")
    print(f"# drawn in {took:.0f} ms")
    page.run("(() => { const s = document.getElementById('search'); s.value = 'a2999'; s.dispatchEvent(new Event('input')); })()")
    page.wait("document.querySelectorAll('main tbody tr').length === 1", "one is found")
    no_complaints()


@case("nothing is left")
def _():
    page.close()
    http_request("DELETE", dev.marathon, "/v2/groups?force=true")
    wait_for("all are gone", lambda: not get(dev.marathon, "/v2/apps").json["apps"], 60)
    dev.stop()


main()
