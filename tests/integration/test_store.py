#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`stoa store`: state out of and into both backends, refused beside a live owner, damage found and repaired."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

zk = dev = None
apps = weights = None


def store(*args, status=0, cwd=None):
    r = subprocess.run([STOA, "store", *args], capture_output=True, text=True, timeout=60, cwd=cwd or scratch())
    if status is not None:
        equal(r.returncode, status, f"status of stoa store {' '.join(args)} ({r.stdout}{r.stderr})")
    return r


def lines(path):
    return [json.loads(l) for l in open(path)]


def same_records(a, b):
    """Two dumps without the versions, which are counted anew."""
    def plain(path):
        return [{k: v for k, v in l.items() if k != "version"} for l in lines(path)]
    equal(plain(a), plain(b), "records")


def path(name):
    return os.path.join(scratch(), name)


def zk_shell(*args):
    """One command of ZooKeeper's own client: what an operator edits nodes with."""
    jars = ":".join(ZooKeeper.JARS + glob.glob("/usr/share/java/commons-cli.jar") + glob.glob("/usr/share/java/netty-*.jar"))
    return subprocess.run(["/usr/bin/java", "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", jars, "org.apache.zookeeper.ZooKeeperMain",
                           "-server", zk.hosts, *args], capture_output=True, text=True, timeout=60)


@case("a cluster's state is exported while it runs, as of one moment, and checked when it is stopped")
def _():
    global dev, apps, weights
    dev = Dev()
    equal(http_request("PUT", dev.master, "/weights", [{"role": "web", "weight": 2.5}]).status, 200, "weights")
    equal(post(dev.master, "/api/v1", {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [{"role": "web", "limits": {"cpus": {"value": 3}}}]}}).status,
          200, "quota")
    dev.deploy({"id": "/group/kept", "cmd": "sleep 100000", "cpus": 0.1, "mem": 32, "labels": {"text": 'a "quoted" } value'}})
    for flag in (f"--master={dev.work_dir}/master", f"--marathon={dev.work_dir}/marathon"):
        for verb in (["check"], ["check", "--repair"]):
            r = store(*verb, flag, status=1)
            check("stop it first" in r.stderr and dev.work_dir in r.stderr, r.stderr)
    beside = [path(f"beside-{n}") for n in range(3)]
    for n, file in enumerate(beside): # an app and its version come in one change: never one without the other
        http_request("PUT", dev.marathon, "/v2/apps//group/moving", {"id": "/group/moving", "cmd": f"sleep {n}", "instances": 0})
        store("export", f"--marathon={dev.work_dir}/marathon", file)
        of = [l["key"] for l in lines(file)[1:] if "moving" in l["key"]]
        check(len(of) >= 2, of)
    store("export", f"--master={dev.work_dir}/master", path("beside-master"))
    check(any(l.get("shows") == {"weight": 2.5, "role": "web"} for l in lines(path("beside-master"))[1:]), "the master's weight")
    http_request("DELETE", dev.marathon, "/v2/apps//group/moving")
    wait_for("the app is gone", lambda: get(dev.marathon, "/v2/apps//group/moving").status == 404 and get(dev.marathon, "/v2/deployments").json == [])
    check("stop it first" in store("import", f"--marathon={dev.work_dir}/marathon", beside[0], status=1).stderr, "an import beside the owner")
    apps = get(dev.marathon, "/v2/apps").json["apps"]
    dev.stop()
    for kind in ("master", "marathon"):
        store("export", f"--{kind}={dev.work_dir}/{kind}", path(kind))
        r = store("check", f"--{kind}={dev.work_dir}/{kind}")
        check("0 problems" in r.stdout, r.stdout)
    shown = {l["key"]: l.get("shows") for l in lines(path("master"))[1:]}
    equal(shown["master/weight/web"], {"weight": 2.5, "role": "web"}, "what a weight shows")
    check(any("kept" in l["key"] for l in lines(path("marathon"))[1:]), "the app is not in the dump")


@case("imported into ZooKeeper it is what masters and marathons start with")
def _():
    global zk
    zk = ZooKeeper()
    equal(store("export", f"--master={zk.url('/mesos')}", status=1).stderr.count("there is no state of a master"), 1, "nothing there yet")
    store("import", f"--master={zk.url('/mesos')}", path("master"))
    store("import", f"--marathon={zk.url('/marathon')}", path("marathon"))
    port, mport = free_ports(2)
    master = Process("master", [STOA, "master", f"--zk={zk.url('/mesos')}", "--ip=127.0.0.1", f"--port={port}", "--hostname=127.0.0.1", "--zk_session_timeout=10secs"])
    wait_for("the master leads", lambda: get(port, "/weights").json == [{"role": "web", "weight": 2.5}])
    marathon = Process("marathon", [STOA, "marathon", f"--master={zk.url('/mesos')}", f"--zk={zk.url('/marathon')}", "--http_address=127.0.0.1",
                                    f"--http_port={mport}", "--hostname=127.0.0.1", "--zk_session_timeout=10000"])
    now = wait_for("marathon has the app", lambda: get(mport, "/v2/apps").json["apps"])
    for a in (now[0], apps[0]):
        for k in ("tasksRunning", "tasksStaged", "tasksHealthy", "tasksUnhealthy", "deployments"):
            a.pop(k, None)
    equal(now, apps, "apps")
    for kind, at in (("master", zk.url("/mesos")), ("marathon", zk.url("/marathon"))):
        store("export", f"--{kind}={at}", path("running"))
        check({l["key"] for l in lines(path("running"))[1:]} >= {l["key"] for l in lines(path(kind))[1:]}, "what is exported beside a live owner")
        check(f"1 {kind} runs with" in store("check", f"--{kind}={at}", status=1).stderr, "check beside a live owner")
        equal(store("import", "--replace", f"--{kind}={at}", path(kind), status=1).stdout, "", "import beside a live owner")
    equal(http_request("PUT", mport, "/v2/apps//group/kept", {"instances": 1}).status, 200, "it still is the owner")
    marathon.stop(), master.stop()


@case("and exported from there it goes back into a file, the same")
def _():
    for kind, at in (("master", zk.url("/mesos")), ("marathon", zk.url("/marathon"))):
        store("export", f"--{kind}={at}", path(kind + ".zk"))
        store("import", f"--{kind}={path('back')}", path(kind + ".zk"))
        store("export", f"--{kind}={path('back')}", path(kind + ".back"))
        same_records(path(kind + ".zk"), path(kind + ".back"))
        r = store("import", f"--{kind}={path('back')}", path(kind), status=1)
        check("--replace" in r.stderr and "--add" in r.stderr, r.stderr)
        store("import", f"--{kind}={path('back')}", "--replace", path(kind))
        store("export", f"--{kind}={path('back')}", path(kind + ".replaced"))
        same_records(path(kind), path(kind + ".replaced"))


@case("records that a start would leave out are found, taken out and kept")
def _():
    broken = [{"key": "instance/x.instance-1._app.1", "value": {"app": "/nowhere"}}, {"key": "current/gone", "value": {"version": "2020-01-01T00:00:00.000Z"}},
              {"key": "other", "base64": "AAA="}]
    open(path("broken"), "w").write("\n".join(json.dumps(l) for l in [{"stoa_store": 1, "of": "marathon", "records": 3}] + broken))
    for at in (path("back"), zk.url("/marathon")):
        store("export", f"--marathon={at}", path("before"))
        store("import", f"--marathon={at}", "--add", path("broken"))
        r = store("import", f"--marathon={at}", "--add", path("broken"), status=1)
        check("has version 1, not 0" in r.stderr, r.stderr)
        r = store("check", f"--marathon={at}", status=1)
        check(all(l["key"] in r.stdout for l in broken) and "3 problems" in r.stdout, r.stdout)
        removed = path("removed" + str(len(at)))
        r = store("check", f"--marathon={at}", "--repair", f"--removed={removed}")
        check("3 records are taken out" in r.stdout and "0 problems" in r.stdout, r.stdout)
        equal(sorted(l["key"] for l in lines(removed)[1:]), sorted(l["key"] for l in broken), "what is kept")
        store("export", f"--marathon={at}", path("after"))
        same_records(path("before"), path("after"))


@case("an agent in two lists of the registry is found")
def _():
    # Unreachable{id=a1}, twice: as unreachable, and as gone beside an agent that cannot be read.
    open(path("double"), "w").write('{"stoa_store":1,"of":"master","records":2}\n{"key":"master/agent/a1","base64":"CgE="}\n'
                                    '{"key":"master/unreachable/a1","base64":"CgQKAmEx"}\n')
    store("import", f"--master={path('double.db')}", path("double"))
    r = store("check", f"--master={path('double.db')}", status=1)
    check("master/agent/a1: " in r.stdout and "master/unreachable/a1: the agent is admitted, too" in r.stdout, r.stdout)
    r = store("check", "--repair", f"--removed={path('double.removed')}", f"--master={path('double.db')}")
    check("0 records, 0 problems" in r.stdout, r.stdout)


@case("a damaged database is rebuilt from what can be read")
def _():
    db = path("damaged.db")
    many = [{"key": f"failure/app{i:04}", "value": {"x": "y" * 300}} for i in range(400)]
    open(path("many"), "w").write("\n".join(json.dumps(l) for l in [{"stoa_store": 1, "of": "marathon", "records": len(many)}] + many))
    store("import", f"--marathon={db}", path("many"))
    with open(db, "r+b") as f:
        f.seek(4096 * 12)
        f.write(b"\xa5" * 4096)
    r = store("check", f"--marathon={db}", status=1)
    check("is damaged" in r.stdout, r.stdout + r.stderr)
    r = store("check", "--repair", f"--marathon={db}", f"--removed={path('damaged.removed')}", status=None)
    n = int(re.search(r"rebuilt from (\d+) records", r.stdout).group(1))
    check(300 < n < 400, f"{n} records were rebuilt")
    check(os.path.exists(db + ".damaged"), "the old file is gone")


@case("nodes in ZooKeeper that are no records are found and removed")
def _():
    r = zk_shell("create", "/marathon/stoa/r/00/current%2Fstray", "x")
    if "Created" not in r.stdout + r.stderr:
        raise Skip(f"ZooKeeper's client does not run here: {r.stderr[-200:]}")
    zk_shell("create", "/marathon/stoa/r/01/what%2Fever%+", "x")
    r = store("check", f"--marathon={zk.url('/marathon')}", status=1)
    check("/r/00/current%2Fstray: a record of that name belongs elsewhere" in r.stdout and "/r/01/what%2Fever%+: " in r.stdout, r.stdout)
    r = store("check", "--repair", f"--removed={path('nodes.removed')}", f"--marathon={zk.url('/marathon')}")
    check(r.stdout.count("it is removed") == 2, r.stdout)
    check("0 problems" in store("check", f"--marathon={zk.url('/marathon')}").stdout, "after the repair")


@case("records of an early build are what this one starts with; what a later build has written stays where it is")
def _():
    golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "store")
    later = {"master": {"key": "master/later/x", "base64": "AAEC"}, "marathon": {"key": "later/x", "value": {"text": "of a later build"}}}
    for kind in later: # with a record of a kind that nobody knows yet
        head, *records = lines(os.path.join(golden, f"{kind}.jsonl"))
        records.append(later[kind])
        open(path(f"old-{kind}"), "w").write("\n".join(json.dumps(l) for l in [{**head, "records": len(records)}] + records))
        store("import", f"--{kind}={path('early/' + kind)}", path(f"old-{kind}"))
    port, mport = free_ports(2)
    master = Process("master", [STOA, "master", f"--work_dir={path('early/master')}", "--ip=127.0.0.1", f"--port={port}"])
    wait_for("the master answers", lambda: get(port, "/weights").json == [{"role": "web", "weight": 2.5}])
    equal(len(get(port, "/slaves").json["recovered_slaves"]), 1, "agents of the registry")
    marathon = Process("marathon", [STOA, "marathon", f"--master=127.0.0.1:{port}", "--http_address=127.0.0.1", f"--http_port={mport}",
                                    f"--store_dir={path('early/marathon')}"])
    wait_for("marathon has subscribed", lambda: get(port, "/frameworks").json["frameworks"])
    now = {a["id"]: a for a in get(mport, "/v2/apps?embed=apps.counts").json["apps"]}
    equal({id: (a["instances"], a["tasksRunning"]) for id, a in now.items()}, {"/a0": (2, 2), "/g/h": (2, 2), "/big": (2, 1)}, "apps")
    equal((now["/a0"]["labels"], now["/g/h"]["healthChecks"][0]["protocol"]), ({"x": "y"}, "COMMAND"), "definitions")
    equal([d["affectedApps"] for d in get(mport, "/v2/deployments").json], [["/big"]], "deployments")
    equal(get(port, "/frameworks").json["frameworks"][0]["id"], lines(path("old-marathon"))[8]["value"]["id"], "framework id")
    check('record_ignored key="later/x"' in marathon.tail(30), marathon.tail(30))
    equal(http_request("PUT", mport, "/v2/apps//a0", {"instances": 3}).status, 200, "a change")
    marathon.stop(), master.stop()
    for kind, l in later.items():
        store("export", f"--{kind}={path('early/' + kind)}", path("later"))
        kept = [{k: r[k] for k in l} for r in lines(path("later"))[1:] if r["key"] == l["key"]]
        equal(kept, [l], f"what the {kind} has of a later build")


@case("what makes no sense is refused and changes nothing")
def _():
    open(path("cut"), "w").write("".join(open(path("marathon")).readlines()[:-1]))
    r = store("import", f"--marathon={path('fresh')}", path("cut"), status=2)
    check("the dump is cut off" in r.stderr and not os.path.exists(path("fresh")), r.stderr)
    r = store("import", f"--master={path('fresh')}", path("marathon"), status=2)
    check("state of a marathon, not of a master" in r.stderr, r.stderr)
    r = store("export", "--marathon=zk://127.0.0.1:2181", status=2)
    check("--marathon" in r.stderr, r.stderr)
    for args in ([], ["export"], ["export", "--master=a", "--marathon=b"], ["import", "--master=a"], ["import", "--replace", "--add", "--master=a", "f"]):
        check(store(*args, status=2).stderr.startswith("stoa: usage"), str(args))
    for s in zk.servers:
        s.stop(signal.SIGKILL)


main()
