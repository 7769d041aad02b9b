#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands on the operator APIs, each against a running cluster: what it does as the cluster's own state shows it, what
it prints, and what it says to bad input."""
import fcntl, os, pty, select, struct, sys, termios
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

dev = Dev(agents=2)
COMMANDS = ["api", "frameworks", "teardown", "drain", "deactivate", "reactivate", "quota", "weights", "reserve", "unreserve",
            "maintenance", "exec", "attach", "cp"]


def fails(says, *args, status=None, stdin=None):
    """The command ends with one line on standard error that has the text, and nothing on standard output."""
    r = subprocess.run([STOA, *args], env={**os.environ, **dev.env}, capture_output=True, text=True, timeout=60, input=stdin)
    check(r.returncode != 0, f"stoa {' '.join(args)} succeeded: {r.stdout}")
    if status is not None:
        equal(r.returncode, status, f"exit status of stoa {' '.join(args)} ({r.stderr.strip()})")
    check(r.stderr.startswith("stoa: ") and r.stderr.count("\n") == 1, f"no single line: {r.stderr!r}")
    check(says in r.stderr, f"stoa {' '.join(args)} says {r.stderr.strip()!r}, not {says!r}")


def run(*args, stdin=None):
    r = subprocess.run([STOA, *args], env={**os.environ, **dev.env}, capture_output=True, text=True, timeout=60, input=stdin)
    if r.returncode != 0:
        raise Failed(f"stoa {' '.join(args)}: status {r.returncode}: {r.stderr.strip()}")
    return r.stdout


def slave(id):
    return [s for s in get(dev.master, "/slaves").json["slaves"] if s["id"] == id][0]


def agent_ids():
    return sorted(s["id"] for s in get(dev.master, "/slaves").json["slaves"])


def v1(port, call):
    r = post(port, "/api/v1", call)
    equal(r.status, 200, f"status of {call['type']} ({r.text[:200]})")
    return r.json


def sleeper():
    """An app whose one task writes into its sandbox and sleeps; its task id."""
    if not dev.app("/sleeper"):
        dev.deploy({"id": "/sleeper", "cmd": "mkdir -p data/deep; echo one > data/first; printf two > data/deep/second; "
                    "ln -s /etc data/link; echo ready; echo 'a b' > 'odd name'; sleep 10000",
                    "cpus": 0.1, "mem": 64, "instances": 1})
    id = dev.app("/sleeper")["tasks"][0]["id"]
    wait_for("it has written", lambda: "ready" in run("logs", id))
    return id


@case("each command explains itself, and wrong usage is told in one line")
def _():
    fails('there is no command "frob"', "help", "frob", status=2)
    for c in COMMANDS:
        r = subprocess.run([STOA, c, "--help"], capture_output=True, text=True, timeout=20)
        equal(subprocess.run([STOA, "help", c], capture_output=True, text=True, timeout=20).stdout, r.stdout, f"stoa help {c}")
        equal((r.returncode, r.stderr), (0, ""), f"stoa {c} --help")
        check(r.stdout.startswith(f"usage: stoa {c}") and "--master" in r.stdout, r.stdout)
        check(f"stoa {c} " in run("help"), f"stoa help does not name {c}")
        fails("unknown option --nonsense", c, "--nonsense", status=2)
    for args in (["teardown"], ["drain"], ["deactivate"], ["reactivate"], ["reserve", "S0"], ["reserve", "S0", "cpus:1"], ["exec"],
                 ["exec", "x"], ["attach"], ["cp", "x"], ["quota", "nonsense"], ["quota", "set"], ["weights", "set", "a"],
                 ["maintenance", "nonsense"], ["api"], ["frameworks", "x"]):
        fails("usage: stoa", *args, status=2)
    for flag, instead in (("--master.port=1", "use --master_port"), ("--agent.port=1", "use --agent_port"),
                          ("--marathon.http_port=1", "use --marathon_port"), ("--agent.master=h:1", "use stoa agent")):
        fails(f"{flag}: ", "dev", flag, status=2)
        fails(instead, "dev", flag, status=2)


@case("a server that is not there, and one that is none")
def _():
    dead = free_ports()[0]
    for args in (["frameworks"], ["api", "GET_HEALTH"], ["quota"], ["weights"], ["maintenance"], ["drain", "x"], ["exec", "a", "b"], ["cp", "a:b", "c"]):
        fails(f"127.0.0.1:{dead}", args[0], f"--master=127.0.0.1:{dead}", *args[1:], status=1)
    fails("is no address", "api", "GET_HEALTH", "--master=nonsense")


@case("app create: what is wrong with an app is told with its fields")
def _():
    fails("/cpus: is too small; /instances: must be a number", "app", "create", "-", stdin='{"id":"/bad","cmd":"sleep 9","instances":"two","cpus":-1}')


@case("app: one that is not there is not created by scaling it; what a deployment holds is told with its id and the way out")
def _():
    fails("App '/nope' does not exist", "app", "scale", "nope", "1")
    d = post(dev.marathon, "/v2/apps", {"id": "/held", "cmd": "sleep 1000", "cpus": 1000}).json["deployments"][0]["id"]
    fails(f"deployment {d} holds it (status 409); wait until it is over, or use --force", "app", "scale", "held", "2")
    run("app", "scale", "held", "2", "--force")
    run("app", "delete", "held")


@case("api: calls of master and agent, with and without a body")
def _():
    equal(json.loads(run("api", "GET_HEALTH")), {"type": "GET_HEALTH", "get_health": {"healthy": True}}, "health of the master")
    equal(json.loads(run("api", "get-health", "--agent=S0"))["get_health"]["healthy"], True, "health of an agent by a part of its id")
    equal(json.loads(run("api", "GET_HEALTH", f"--agent=127.0.0.1:{dev.agents[1]}"))["type"], "GET_HEALTH", "by its address")
    equal(len(json.loads(run("api", "GET_AGENTS"))["get_agents"]["agents"]), 2, "agents")
    run("api", "SET_LOGGING_LEVEL", '--body={"level":1,"duration":{"nanoseconds":60000000000}}')
    equal(json.loads(run("api", "GET_LOGGING_LEVEL"))["get_logging_level"]["level"], 1, "level")
    for body in ('{"path":"/master/log"}', '{"list_files":{"path":"/master/log"}}', '{"type":"LIST_FILES","list_files":{"path":"/master/log"}}'):
        r = subprocess.run([STOA, "api", "LIST_FILES", f"--body={body}"], env={**os.environ, **dev.env}, capture_output=True, text=True)
        check(r.returncode == 0 or "404" in r.stderr, f"{body}: {r.stderr}")
    run("api", "UPDATE_WEIGHTS", "--body=-", stdin='{"weight_infos":[{"role":"cli","weight":2.5}]}')
    equal(v1(dev.master, {"type": "GET_WEIGHTS"})["get_weights"]["weight_infos"], [{"role": "cli", "weight": 2.5}], "weights")
    names = run("api", "--list").split()
    check("DRAIN_AGENT" in names and "LAUNCH_NESTED_CONTAINER" not in names, names)
    check("LAUNCH_NESTED_CONTAINER" in run("api", "--list", "--agent=any").split(), "list of the agent's calls")


@case("api: numbers of 64 bits pass through untouched")
def _():
    schedule = '{"windows":[{"machine_ids":[{"hostname":"m","ip":"10.0.0.9"}],"unavailability":{"start":{"nanoseconds":1893456000123456789}}}]}'
    run("api", "UPDATE_MAINTENANCE_SCHEDULE", '--body={"schedule":' + schedule + "}")
    check("1893456000123456789" in run("api", "GET_MAINTENANCE_SCHEDULE"), run("api", "GET_MAINTENANCE_SCHEDULE"))
    run("api", "UPDATE_MAINTENANCE_SCHEDULE", '--body={"schedule":{}}')


@case("api: a stream prints one record per line as it comes")
def _():
    p = subprocess.Popen([STOA, "api", "SUBSCRIBE"], env={**os.environ, **dev.env}, stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(p.stdout.readline())
        equal(first["type"], "SUBSCRIBED", "first event")
        equal(len(first["subscribed"]["get_state"]["get_agents"]["agents"]), 2, "agents")
        equal(json.loads(p.stdout.readline())["type"], "HEARTBEAT", "second event")
    finally:
        p.kill()
        p.wait()


@case("api: bad input")
def _():
    fails("there is no call NONSENSE", "api", "nonsense", status=2)
    fails("is a call of an agent; say which", "api", "GET_CONTAINERS", status=2)
    fails("is a call of the master", "api", "GET_AGENTS", "--agent=S0", status=2)
    fails("is no JSON object", "api", "TEARDOWN", "--body=[1]", status=2)
    bad = os.path.join(scratch(), "bad.json")
    open(bad, "w").write('{\n "id": "/x",\n "cmd": oops\n}')
    for what in ("app", "pod", "job"):
        fails(f'{bad} is no JSON: line 3, at "oops"', what, "create", bad, status=2)
    fails("the definition is no JSON: it ends too early, in line 1", "app", "create", '{"id":', status=2)
    open(bad, "w").close()
    fails(f"{bad} is empty", "app", "create", bad, status=2)
    fails("is no JSON object", "api", "TEARDOWN", '--body={"a":', status=2)
    fails("the body is a TEARDOWN, not a GET_HEALTH", "api", "GET_HEALTH", '--body={"type":"TEARDOWN","get_health":{}}', status=2)
    fails("'teardown'", "api", "TEARDOWN", status=1)
    fails("status 400", "api", "TEARDOWN", '--body={"framework_id":{"value":"nobody"}}', status=1)
    fails("there is no agent", "api", "GET_HEALTH", "--agent=nobody", status=1)
    fails("several agents match", "api", "GET_HEALTH", "--agent=S", status=1)


@case("frameworks: the table, ended ones, JSON")
def _():
    run("run", "--name=short", "--command=true", "--cpus=0.1", "--mem=32")
    lines = run("frameworks").strip().split("\n")
    equal(lines[0].split(), ["FRAMEWORK", "NAME", "ROLES", "TASKS", "CPUS", "MEM", "STATE"], "head")
    check([l for l in lines if " marathon " in l and l.endswith(" active")], lines)
    check(not [l for l in lines if " short " in l], lines)
    check([l for l in run("frameworks", "--all").split("\n") if " short " in l and l.endswith(" completed")], run("frameworks", "--all"))
    check("marathon" in [f["name"] for f in json.loads(run("frameworks", "--json"))["frameworks"]], "JSON")


@case("teardown ends a framework and its tasks")
def _():
    p = Process("sleeps", [STOA, "run", "--name=sleeps", "--command=sleep 1000", "--cpus=0.1", "--mem=32"], env=dev.env)
    fw = wait_for("its task runs", lambda: [t for t in dev.tasks() if t["name"].startswith("sleeps") and t["state"] == "TASK_RUNNING"])[0]["framework_id"]
    check("is ended" in run("teardown", "sleeps"), "words")
    check(fw in [f["id"] for f in get(dev.master, "/frameworks").json["completed_frameworks"]], "not completed")
    equal([t for t in dev.tasks() if t["framework_id"] == fw and t["state"] == "TASK_RUNNING"], [], "running tasks")
    wait_for("its program ended", lambda: p.p.poll() is not None)
    Process.alive.remove(p)
    fails("there is no framework \"sleeps\"", "teardown", "sleeps", status=1)
    fails("there is no framework", "teardown", "nobody", status=1)


@case("quota: set, list, remove")
def _():
    run("quota", "set", "dev", "--limit=cpus:0.5;mem:512", "--guarantee=cpus:0.25")
    config = [c for c in v1(dev.master, {"type": "GET_QUOTA"})["get_quota"]["status"]["configs"] if c["role"] == "dev"][0]
    equal(config["guarantees"], {"cpus": {"value": 0.25}}, "guarantees")
    equal(config["limits"], {"cpus": {"value": 0.5}, "mem": {"value": 512.0}}, "limits")
    check([l for l in run("quota").split("\n") if l.split() == ["dev", "cpus:0.25", "cpus:0.5;mem:512", "-"]], run("quota", "list"))
    check("dev" in run("quota", "list", "--json"), "JSON")
    run("quota", "remove", "dev")
    check(not [l for l in run("quota").split("\n") if l.startswith("dev ")], run("quota"))
    fails("give --guarantee, --limit or both", "quota", "set", "dev", status=2)
    fails("--limit=cpus", "quota", "set", "dev", "--limit=cpus", status=2)
    fails("--limit=", "quota", "set", "dev", "--limit=cpus:-1", status=2)
    fails("status 400", "quota", "set", "a/b", "--limit=cpus:1", status=1)
    fails("status 400", "quota", "set", "dev", "--guarantee=cpus:100000", status=1)
    run("quota", "set", "dev", "--guarantee=cpus:100000", "--force")
    run("quota", "remove", "dev")


@case("weights: set and list")
def _():
    run("weights", "set", "dev", "3.5")
    check(["dev", "3.5"] in [l.split() for l in run("weights").split("\n")], run("weights"))
    check({"role": "dev", "weight": 3.5} in json.loads(run("weights", "list", "--json")), "JSON")
    for bad in ("0", "-1", "x", "1x", ""):
        fails("use a number over 0", "weights", "set", "--", "dev", bad, status=2)


@case("reserve and unreserve resources of an agent")
def _():
    id = agent_ids()[1]
    run("reserve", "S1", "cpus:0.1;mem:32;ports:[31000-31001]" if "31000" in slave(id)["resources"]["ports"] else "cpus:0.1;mem:32", "--role=dev")
    got = slave(id)["reserved_resources"]["dev"]
    equal((got["cpus"], got["mem"]), (0.1, 32.0), "reserved")
    run("unreserve", id, "cpus:0.1;mem:32" + (";ports:[31000-31001]" if got.get("ports") else ""), "--role=dev")
    equal(slave(id)["reserved_resources"].get("dev"), None, "reserved after that")
    fails("status 409", "reserve", "S1", "cpus:100000", "--role=dev", status=1)
    fails("status 4", "unreserve", "S1", "cpus:0.1", "--role=dev", status=1)
    fails("nonsense", "reserve", "S1", "nonsense", "--role=dev", status=2)
    fails("is nothing", "reserve", "S1", "", "--role=dev", status=2)
    fails("leave the role out", "reserve", "S1", "cpus(dev):1", "--role=dev", status=2)
    fails("there is no agent \"S9\"", "reserve", "S9", "cpus:1", "--role=dev", status=1)


@case("deactivate and reactivate an agent")
def _():
    id = agent_ids()[0]
    run("deactivate", "S0")
    equal(slave(id)["deactivated"], True, "deactivated")
    run("reactivate", "S0")
    equal(slave(id)["deactivated"], False, "deactivated")
    fails("status 400", "reactivate", "S0", status=1)
    fails("there is no agent", "deactivate", "nobody", status=1)


@case("drain an agent: its task moves to the other one, and it comes back")
def _():
    task = sleeper()
    where = [t for t in dev.tasks() if t["id"] == task][0]["slave_id"]
    out = run("drain", where, "--grace=1secs", "--wait")
    check("is draining" in out and "is drained" in out, out)
    moved = wait_for("the app runs elsewhere", lambda: [t for t in dev.tasks() if t["name"] == "sleeper" and t["state"] == "TASK_RUNNING" and t["slave_id"] != where])
    check(moved, "not moved")
    equal(slave(where)["drain_info"]["state"], "DRAINED", "state")
    run("reactivate", where)
    equal(slave(where)["deactivated"], False, "deactivated")
    fails("is no duration", "drain", where, "--grace=10", status=2)
    fails("there is no agent", "drain", "nobody", status=1)


@case("maintenance: a schedule, a machine down and up")
def _():
    path = os.path.join(scratch(), "schedule.json")
    open(path, "w").write('{"windows":[{"machine_ids":[{"hostname":"nowhere","ip":"10.1.2.3"}],"unavailability":{"start":{"nanoseconds":1893456000123456789}}}]}')
    run("maintenance", "schedule", path)
    check(["nowhere", "10.1.2.3", "DRAINING"] in [l.split() for l in run("maintenance").split("\n")], run("maintenance"))
    check("1893456000123456789" in run("maintenance", "list", "--json"), run("maintenance", "list", "--json"))
    run("maintenance", "down", "nowhere@10.1.2.3")
    check(["nowhere", "10.1.2.3", "DOWN"] in [l.split() for l in run("maintenance").split("\n")], run("maintenance"))
    run("maintenance", "up", "nowhere@10.1.2.3")
    check("nowhere" not in run("maintenance"), run("maintenance"))
    fails("use HOSTNAME@IP", "maintenance", "down", "nowhere", status=2)
    fails("status 400", "maintenance", "down", "unknown@10.1.2.4", status=1)
    fails("status 400", "maintenance", "schedule", "-", stdin="{", status=1)
    fails("No such file", "maintenance", "schedule", "/nowhere/file", status=1)


@case("exec: output, errors and the exit code of a command in a task's container")
def _():
    task = sleeper()
    equal(run("exec", task, "cat data/first"), "one\n", "output of a line for a shell")
    equal(run("exec", task, "/bin/echo", "-n", "a  b", "--help"), "a  b --help", "output of a program with arguments")
    r = dev.cli("exec", task, "echo out; echo err >&2; exit 7", ok=False)
    equal((r.returncode, r.stdout, r.stderr), (7, "out\n", "err\n"), "exec")
    equal(dev.cli("exec", task, "kill -9 $$", ok=False).returncode, 137, "exit code of a killed command")
    equal(run("exec", task, "true"), "", "output of true")
    equal(run("exec", task, "--", "/bin/echo", "--", "x"), "-- x\n", "the command after two dashes")
    equal(len(run("exec", task, "head -c 3000000 /dev/zero | tr '\\0' x")), 3000000, "a long output")


@case("logs: a part of several ids is told with some of them")
def _():
    dev.deploy({"id": "/several", "cmd": "sleep 1000", "cpus": 0.01, "mem": 16, "instances": 2})
    fails('several tasks match "several"; give more of the id: several.instance-', "logs", "several")
    run("app", "delete", "several")


@case("exec: what cannot be")
def _():
    task = sleeper()
    fails("there is no task", "exec", "nobody", "true", status=1)
    r = dev.cli("exec", task, "/no/such/program", "x", ok=False)
    check(r.returncode != 0, "a program that is not there succeeded")
    check(not json.loads(run("api", "GET_CONTAINERS", f"--agent={[t for t in dev.tasks() if t['id'] == task][0]['slave_id']}",
                             '--body={"show_nested":true}')).get("nonsense"), "")


@case("exec: the command ends with its client")
def _():
    task = sleeper()
    p = subprocess.Popen([STOA, "exec", task, "echo started; exec sleep 4321.5"], env={**os.environ, **dev.env}, stdout=subprocess.PIPE, text=True)
    equal(p.stdout.readline(), "started\n", "output")
    is_running = lambda: subprocess.run(["pgrep", "-f", "sleep 4321.5"], capture_output=True).returncode == 0
    wait_for("it runs", is_running)
    p.kill()
    p.wait()
    wait_for("it is gone", lambda: subprocess.run(["pgrep", "-x", "-f", "sleep 4321.5"], capture_output=True).returncode != 0)


def has_input():
    """Whether the agent takes input for containers; refusing is told by the same words as for a task without a terminal."""
    record = json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID", "container_id": {"value": "nobody"}}})
    r = post(dev.agents[0], "/api/v1", f"{len(record)}\n{record}", headers={"Content-Type": "application/recordio", "Message-Content-Type": "application/json"})
    return "I/O switchboard" not in r.text


def in_terminal(args, keys, seconds=PATIENCE):
    """Runs a command in a terminal, types keys when it has been quiet for a moment, and returns (exit status, what was shown)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(STOA, [STOA, *args], {**os.environ, **dev.env})
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    out, deadline, waiting = b"", time.monotonic() + seconds, list(keys)
    try:
        while time.monotonic() < deadline:
            if select.select([fd], [], [], 0.7)[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    break
                out += data
                if not data:
                    break
            elif waiting:
                os.write(fd, waiting.pop(0))
        status = wait_for("its end", lambda: (lambda p: p if p[0] else None)(os.waitpid(pid, os.WNOHANG)), 10)[1]
        return os.waitstatus_to_exitcode(status), out.decode(errors="replace")
    except Failed as e:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise Failed(f"{e}; shown: {out[-800:]!r}")
    finally:
        os.close(fd)


@case("exec -i passes standard input on: a pipe, a file, binary, its end")
def _():
    task = sleeper()
    if not has_input():
        r = subprocess.run([STOA, "exec", "-i", task, "cat"], env={**os.environ, **dev.env}, capture_output=True, text=True, timeout=60, input="typed")
        check(r.returncode != 0 and "I/O switchboard" in r.stderr, f"{r.returncode} {r.stderr}")
        raise Skip("the agent takes no input; the command says so")
    equal(run("exec", "-i", task, "cat", stdin="typed\nlines\n"), "typed\nlines\n", "a pipe")
    data = os.urandom(1500000)
    path = os.path.join(scratch(), "input")
    open(path, "wb").write(data)
    with open(path, "rb") as f:
        r = subprocess.run([STOA, "exec", "-i", task, "cat"], env={**os.environ, **dev.env}, stdin=f, capture_output=True, timeout=60)
    equal((r.returncode, r.stdout == data), (0, True), f"a file ({len(r.stdout)} bytes; {r.stderr[-200:]})")
    equal(run("exec", "-i", task, "wc -c", stdin=""), "0\n", "no input")


@case("why tells the life of any task; a part of its id will do when one task with it is alive")
def _():
    task = sleeper()
    says = run("why", task)
    check(says.startswith(f"{task}: RUNNING\n") and "RUNNING, said by EXECUTOR" in says, says)
    post(dev.marathon, "/v2/apps", {"id": "/dies", "cmd": "echo last words; exit 3", "cpus": 0.1, "mem": 32, "instances": 1, "backoffSeconds": 100})
    dead = wait_for("it died", lambda: [t["id"] for t in get(dev.master, "/tasks").json["tasks"] if t["id"].startswith("dies.") and t["state"] == "TASK_FAILED"])[0]
    says = run("why", dead)
    check(f"{dead}: FAILED" in says and "FAILED, said by EXECUTOR: Command exited with status 3" in says, says)
    equal(json.loads(run("why", "--json", dead))["task_id"]["value"], dead, "the task as the master has it")
    check("Command exited with status 3" in run("why", "dies"), "an app goes before a task")
    check(f"stoa logs {dead} [--stderr]" in run("why", "dies"), "where its output is")
    run("app", "update", "/dies", '{"labels":{"a":"tab\\tand more"}}')
    shown = run("app", "show", "/dies")
    check('\n  "id": "/dies",' in shown and '"a": "tab\\tand more"' in shown and "\t" not in shown, shown)
    equal(run("logs", dead), "last words\n", "its output")
    fails('"nobody" is no app', "why", "nobody", status=1)
    fails("does not exist", "why", "/nobody", status=1)
    fails("usage: stoa why APP|POD|JOB|TASK", "why", status=2)
    run("app", "delete", "/dies", "--force")
    dev.deploy({"id": "/again", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1})
    old = dev.app("/again")["tasks"][0]["id"]
    run("app", "restart", "/again")
    new = wait_for("it is replaced", lambda: [t["id"] for t in dev.app("/again")["tasks"] if t["id"] != old and t["state"] == "TASK_RUNNING"] if len(dev.app("/again")["tasks"]) == 1 else None)[0]
    check(run("why", "again.instance").startswith(f"{new}: RUNNING"), "the one that is alive")
    run("app", "delete", "/again", "--force")


@case("why: what only the master knows of an app that waits, ill health, suspended apps, jobs")
def _():
    def says(text, app):
        try:
            wait_for("why says it", lambda: text in run("why", app), 60)
        except Failed as e:
            raise Failed(f"{e}: {text!r} is not in {run('why', app)}")

    agents = [s["id"] for s in get(dev.master, "/slaves").json["slaves"]]
    post(dev.marathon, "/v2/apps", {"id": "/rest", "cmd": "sleep 1000", "instances": 0})
    says("it is suspended: no instance is wanted", "/rest")
    post(dev.marathon, "/v2/apps", {"id": "/picky", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "requirePorts": True, "portDefinitions": [{"port": 81}]})
    says("host port 81 is not offered", "/picky")
    says(" has ports [31000-32000]; in use are ", "/picky")
    run("app", "delete", "/picky", "--force")
    post(dev.marathon, "/v2/apps", {"id": "/sick", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32,
                                    "healthChecks": [{"protocol": "TCP", "portIndex": 0, "gracePeriodSeconds": 0, "intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 0}]})
    says("in a row: Connection refused", "/sick")
    run("app", "delete", "/sick", "--force")
    post(dev.marathon, "/stoa/v1/jobs", {"id": "/nightly", "run": {"cmd": "true", "cpus": 0.1, "mem": 32}})
    says("/nightly: no run waits", "/nightly")
    run("job", "delete", "/nightly")
    run("reserve", agents[0], "cpus:0.5", "--role=others")
    post(dev.marathon, "/v2/apps", {"id": "/waits", "cmd": "sleep 1000", "cpus": 999, "mem": 32})
    says("0.5 cpus, 0 MB are reserved for role others", "/waits")
    run("unreserve", agents[0], "cpus:0.5", "--role=others")
    run("app", "delete", "/waits", "--force")
    for a in agents:
        run("deactivate", a)
    post(dev.marathon, "/v2/apps", {"id": "/waits", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32})
    says("to role *: it is deactivated (stoa reactivate AGENT takes that back)", "/waits")
    for a in agents:
        run("reactivate", a)
    dev.settled("/waits")
    for a in ("/waits", "/rest"):
        run("app", "delete", a, "--force")


@case("pods: create, list, scale, wait, show, update, delete, and bad input")
def _():
    spec = {"id": "/pair", "containers": [{"name": c, "resources": {"cpus": 0.1, "mem": 32}, "exec": {"command": {"shell": "sleep 1000"}}} for c in "ab"],
            "scaling": {"kind": "fixed", "instances": 1}}
    run("pod", "create", "-", stdin=json.dumps(spec))
    run("pod", "wait", "/pair")
    check(" 1/1 " in run("pod", "list") and "STABLE" in run("pod", "list"), run("pod", "list"))
    run("pod", "scale", "pair", "2")
    run("pod", "wait", "/pair")
    shown = json.loads(run("pod", "show", "/pair", "--json"))
    equal((shown["status"], len(shown["instances"])), ("STABLE", 2), "the scaled pod")
    spec["labels"] = {"new": "yes"}
    run("pod", "update", "/pair", json.dumps(spec), "--force")
    equal(get(dev.marathon, "/v2/pods/pair").json["labels"], {"new": "yes"}, "the labels after update")
    fails("instances is", "pod", "scale", "/pair", "many", status=2)
    fails("does not exist", "pod", "show", "/nobody", status=1)
    fails("/containers", "pod", "create", '{"id":"/empty"}', status=1)
    run("pod", "delete", "/pair", "--force")
    wait_for("the pod is gone", lambda: "pair" not in run("pod", "list"))


@case("exec -t gives the command a terminal of the right size")
def _():
    task = sleeper()
    r = dev.cli("exec", "-t", task, "tty", ok=False)
    if "tty_info' is not built" in r.stderr:
        raise Skip("the agent has no terminals; the command says so")
    status, out = in_terminal(["exec", "-i", "-t", task, "sh"], [b"stty size; test -t 0 && echo ter''minal\r", b"exit 6\r"])
    equal(status, 6, f"exit status ({out})")
    check("33 101" in out and "terminal" in out, out)


@case("attach follows a task that has a terminal, and types into it")
def _():
    s = Stream(dev.master, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "tty"}}}, path="/api/v1/scheduler")
    id = s.next()["subscribed"]["framework_id"]
    o = s.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
    send = lambda type, **more: post(dev.master, "/api/v1/scheduler", {"framework_id": id, "type": type, **more}, headers={"Mesos-Stream-Id": s.stream_id})
    resources = [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))]
    send("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [
        {"name": "term", "task_id": {"value": "terminal-1"}, "agent_id": o["agent_id"], "resources": resources, "command": {"value": "exec sh"},
         "container": {"type": "MESOS", "tty_info": {}}}]}}]})
    try:
        while True:
            u = s.until("an update", lambda e: e["type"] == "UPDATE")["update"]["status"]
            if u["state"] not in ("TASK_STARTING", "TASK_RUNNING"):
                raise Skip(f"the agent runs no tasks with terminals: {u['state']} {u.get('message')}")
            send("ACKNOWLEDGE", acknowledge={"agent_id": u["agent_id"], "task_id": u["task_id"], "uuid": u["uuid"]})
            if u["state"] == "TASK_RUNNING":
                break
        if not has_input():
            raise Skip("the agent takes no input")
        status, out = in_terminal(["attach", "-i", "terminal-1"], [b"echo he''llo\r", b"exit\r"])
        check("hello" in out, out)
    finally:
        send("TEARDOWN")
        s.close()


@case("cp: a file, a file into a directory, standard output, a directory, the sandbox")
def _():
    task = sleeper()
    d = tempfile.mkdtemp(dir=scratch())
    run("cp", f"{task}:data/first", f"{d}/copy")
    equal(open(f"{d}/copy").read(), "one\n", "copy")
    run("cp", f"{task}:/data/first", d)
    equal(open(f"{d}/first").read(), "one\n", "copy into a directory")
    equal(run("cp", f"{task}:odd name", "-"), "a b\n", "standard output")
    r = dev.cli("cp", f"{task}:data", f"{d}/tree")
    equal(open(f"{d}/tree/first").read() + open(f"{d}/tree/deep/second").read(), "one\ntwo", "the tree")
    check(not os.path.exists(f"{d}/tree/link/passwd"), "a link out of the sandbox was followed")
    run("cp", f"{task}:", f"{d}/sandbox")
    check(os.path.exists(f"{d}/sandbox/stdout") and os.path.exists(f"{d}/sandbox/data/deep/second"), os.listdir(f"{d}/sandbox"))


@case("logs, exec and cp reach the tasks of a group, each in its own container")
def _():
    s = Stream(dev.master, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "group"}}}, path="/api/v1/scheduler")
    id = s.next()["subscribed"]["framework_id"]
    send = lambda type, **more: post(dev.master, "/api/v1/scheduler", {"framework_id": id, "type": type, **more}, headers={"Mesos-Stream-Id": s.stream_id})
    try:
        o = s.until("an offer", lambda e: e["type"] == "OFFERS")["offers"]["offers"][0]
        res = lambda *more: [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32), *more)]
        send("ACCEPT", accept={"offer_ids": [o["id"]], "operations": [{"type": "LAUNCH_GROUP", "launch_group": {
            "executor": {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": id, "resources": res(("disk", 5))},
            "task_group": {"tasks": [{"name": n, "task_id": {"value": f"member-{n}"}, "agent_id": o["agent_id"], "resources": res(),
                                      "command": {"value": f"echo I am {n}; echo {n} > own; sleep 1000"}} for n in ("a", "b")]}}}]})
        running = set()
        while len(running) < 2:
            u = s.until("both run", lambda e: e["type"] == "UPDATE")["update"]["status"]
            send("ACKNOWLEDGE", acknowledge={"agent_id": u["agent_id"], "task_id": u["task_id"], "uuid": u["uuid"]})
            if u["state"] == "TASK_RUNNING":
                running.add(u["task_id"]["value"])
        for n in ("a", "b"):
            wait_for("it has written", lambda: run("logs", f"member-{n}") == f"I am {n}\n")
            wait_for("its file", lambda: run("cp", f"member-{n}:own", "-") == f"{n}\n")
            equal(run("exec", f"member-{n}", "cat own"), f"{n}\n", "exec")
    finally:
        send("TEARDOWN")
        s.close()


@case("cp: bad input")
def _():
    task = sleeper()
    fails("names no task", "cp", "stdout", "/tmp/x", status=2)
    fails("there is no task", "cp", "nobody:stdout", "/tmp/x", status=1)
    fails('there is no "nothing"', "cp", f"{task}:nothing", "/tmp/x", status=1)
    fails("there is no", "cp", f"{task}:nothing/below", "/tmp/x", status=1)
    fails("there is no", "cp", f"{task}:../../../../../../etc/passwd", f"{scratch()}/passwd", status=1)
    check(not os.path.exists(f"{scratch()}/passwd"), "a file outside the sandbox was copied")
    fails("is a directory", "cp", f"{task}:data", "-", status=2)
    fails("No such file", "cp", f"{task}:data/first", "/no/such/directory/file", status=1)


@case("attach: what the server says")
def _():
    task = sleeper()
    r = dev.cli("attach", task, ok=False)
    check(r.returncode == 1 and "I/O switchboard" in r.stderr, r.stderr)
    fails("there is no task", "attach", "nobody", status=1)


@case("stopping leaves nothing behind")
def _():
    dev.stop()


main()
