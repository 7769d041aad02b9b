#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what on an agent: credentials and executors' tokens on its HTTP API, --acls, --firewall_rules, and its own credential
with a master that asks for one."""
import base64, hashlib, hmac, os, sys, uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from scheduler import *

master = agent = port = agent_port = fw = None
J = {"Content-Type": "application/json", "Accept": "application/json"}
KEY = "a key that nobody knows"


def file(name, content):
    path = os.path.join(scratch(), name)
    with open(path, "w") as f:
        f.write(content if isinstance(content, str) else json.dumps(content))
    return path


def basic(principal, secret="pw"):
    return {"Authorization": "Basic " + base64.b64encode(f"{principal}:{secret}".encode()).decode()}


def token(fid, eid, cid, key=KEY, **more):
    enc = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=")
    text = enc(b'{"alg":"HS256","typ":"JWT"}') + b"." + enc(json.dumps({"fid": fid, "eid": eid, "cid": cid, **more}).encode())
    return {"Authorization": "Bearer " + (text + b"." + enc(hmac.new(key.encode(), text, hashlib.sha256).digest())).decode()}


def api(type, who, **more):
    return post(agent_port, "/api/v1", {"type": type, **more}, headers={**J, **who})


def agent_args(name, credential):
    return [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={scratch()}/{name}", "--hostname=localhost",
            f"--cgroups_root=stoa_access_{port}", "--resources=cpus:4;mem:2048;disk:1000;ports:[31000-31100]", "--registration_backoff_factor=50ms",
            f"--credential={file(name + '.credential', credential)}", "--executor_shutdown_grace_period=1secs", "--http_executor_domain_sockets"]


@case("an agent with the wrong credential is refused and ends, one with the right one registers")
def _():
    global master, agent, port, agent_port, fw
    port, agent_port = free_ports(2)
    secrets = file("credentials", {"credentials": [{"principal": "agent", "secret": "its secret"}]})
    master = Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={scratch()}/m", "--hostname=localhost",
                                "--authenticate_agents", f"--credentials={secrets}"])
    wait_for("the master", lambda: get(port, "/health").status == 200)
    wrong = Process("wrong", agent_args("wrong", {"principal": "agent", "secret": "nonsense"}))
    equal(wrong.wait(20), 1, "status of the refused agent")
    check("authentication_refused" in wrong.tail(30), "its log says so")
    Process.alive.remove(wrong)
    equal(get(port, "/slaves").json["slaves"], [])
    acls = {"permissive": True,
            "view_frameworks": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "view_containers": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "access_sandboxes": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "view_flags": [{"principals": {"values": ["blind"]}, "flags": {"type": "NONE"}}],
            "set_log_level": [{"principals": {"values": ["blind"]}, "level": {"type": "NONE"}}],
            "kill_nested_containers": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "launch_nested_containers_as_user": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "launch_standalone_containers": [{"principals": {"values": ["blind"]}, "users": {"type": "NONE"}}],
            "get_endpoints": [{"principals": {"values": ["blind"]}, "paths": {"values": ["/monitor/statistics"]}},
                              {"principals": {"values": ["blind"]}, "paths": {"type": "NONE"}}]}
    users = {"credentials": [{"principal": p, "secret": "pw"} for p in ("op", "blind")]}
    agent = Process("agent", agent_args("right", {"principal": "agent", "secret": "its secret"}) + [
        "--authenticate_http_readonly", "--authenticate_http_readwrite", f"--http_credentials={file('users', users)}", "--authenticate_http_executors",
        f"--jwt_secret_key={file('key', KEY)}", f"--acls={file('acls', acls)}", '--firewall_rules={"disabled_endpoints":{"paths":["/files/debug"]}}',
        f"--log_dir={scratch()}/log/deep"])
    wait_for("the agent is registered", lambda: get(port, "/slaves").json["slaves"][0]["active"])
    check("authenticated" in open(f"{scratch()}/log/deep/stoa-agent.log").read(), "the folder of the log is made")


@case("without a credential each realm answers 401 and names itself; some paths are open")
def _():
    for path, realm in [("/state", "readonly"), ("/flags", "readonly"), ("/containers", "readonly"), ("/metrics/snapshot", "readonly"), ("/metrics", "readonly"),
                        ("/files/browse?path=/x", "readonly"), ("/slave(1)/state", "readonly"), ("/logging/toggle", "readwrite")]:
        r = get(agent_port, path)
        equal((r.status, r.headers["WWW-Authenticate"]), (401, f'Basic realm="mesos-agent-{realm}"'), path)
        equal(get(agent_port, path, headers=basic("op", "wrong")).status, 401, path)
    equal(post(agent_port, "/api/v1", {"type": "GET_HEALTH"}, headers=J).status, 401)
    equal(post(agent_port, "/api/v1/executor", {"type": "HEARTBEAT"}, headers=J).status, 401)
    for path in ("/health", "/version", "/system/stats.json"):
        equal(get(agent_port, path).status, 200, path)
    equal(get(agent_port, "/state", headers=basic("op")).status, 200)
    equal(api("GET_HEALTH", basic("op")).json, {"type": "GET_HEALTH", "get_health": {"healthy": True}})
    equal((get(agent_port, "/files/debug", headers=basic("op")).status), 403, "a disabled endpoint")
    r = http_request("POST", agent_port, "/api/v1", b"", headers={"Content-Type": "application/recordio", "Message-Content-Type": "application/json", "Accept": "*/*"})
    equal(r.status, 401, "a stream of input")


@case("executors of ours use their token: a command task and a task group run")
def _():
    global fw
    fw = Framework(port, name="access")
    fw.launch(task("cmd", "sleep 1000"))
    fw.update("cmd", "TASK_RUNNING")
    info = {"executor_id": {"value": "pod"}, "framework_id": {"value": fw.id}, "type": "DEFAULT",
            "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    fw.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": info, "task_group": {"tasks": [task("a", 'test -z "$MESOS_EXECUTOR_AUTHENTICATION_TOKEN" && sleep 1000'), task("b")]}}})
    for t in ("a", "b"):
        if not any(s["task_id"]["value"] == t and s["state"] == "TASK_RUNNING" for s in fw.statuses):
            equal(fw.update(t, "TASK_RUNNING", "TASK_FAILED", "TASK_ERROR")["state"], "TASK_RUNNING", str(fw.statuses[-1]))
    equal(len(api("GET_CONTAINERS", basic("op"), get_containers={"show_nested": True}).json["get_containers"]["containers"]), 4)


def executor(id):
    f = get(agent_port, "/state", headers=basic("op")).json["frameworks"][0]
    return [e for e in f["executors"] if e["id"] == id][0]


@case("nobody speaks for an executor without its own token")
def _():
    cmd, pod = executor("cmd"), executor("pod")
    status = {"task_id": {"value": "cmd"}, "state": "TASK_FAILED", "source": "SOURCE_EXECUTOR", "uuid": base64.b64encode(uuid.uuid4().bytes).decode()}
    call = {"framework_id": {"value": fw.id}, "executor_id": {"value": "cmd"}, "type": "UPDATE", "update": {"status": status}}
    ask = lambda who: post(agent_port, "/api/v1/executor", call, headers={**J, **who}).status
    equal(ask({}), 401, "no token")
    equal(ask(basic("op")), 401, "a password")
    equal(ask(token(fw.id, "cmd", cmd["container"], key="another key")), 401, "another key")
    equal(ask(token(fw.id, "cmd", cmd["container"], exp=1)), 401, "expired")
    equal(ask({"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJmaWQiOiJ4In0."}), 401, "no signature")
    equal(ask(token(fw.id, "pod", pod["container"])), 403, "another executor's")
    equal(post(agent_port, "/api/v1/executor", call, headers={**J, **token(fw.id, "cmd", pod["container"])}).text, "The token is not of executor cmd")
    equal(ask(token(fw.id, "cmd", pod["container"])), 403, "another container's")
    mine = token(fw.id, "pod", pod["container"])
    nested = lambda root: {"value": "x1", "parent": {"value": root}}
    launch = lambda root: api("LAUNCH_NESTED_CONTAINER", mine, launch_nested_container={"container_id": nested(root), "command": {"value": "sleep 1000"}}).status
    equal((launch(cmd["container"]), launch(pod["container"])), (403, 200), "under another's, under its own")
    equal(api("KILL_NESTED_CONTAINER", mine, kill_nested_container={"container_id": nested(pod["container"])}).status, 200)
    equal(api("GET_FLAGS", mine).status, 403, "an executor is no operator")
    equal(api("KILL_CONTAINER", mine, kill_container={"container_id": {"value": pod["container"]}}).status, 403, "its own top container")
    check(all(s["state"] != "TASK_FAILED" for s in fw.statuses), "nothing happened to the tasks")


@case("the rules of --acls hold")
def _():
    blind = basic("blind")
    pod = executor("pod")
    state = get(agent_port, "/state", headers=blind).json
    equal((state["frameworks"], "flags" in state), ([], False), "what is seen")
    equal(api("GET_STATE", blind).json["get_state"]["get_tasks"]["launched_tasks"], [])
    equal(api("GET_FRAMEWORKS", blind).json["get_frameworks"]["frameworks"], [])
    equal(api("GET_CONTAINERS", blind, get_containers={"show_nested": True}).json, {"type": "GET_CONTAINERS"})
    equal(get(agent_port, "/monitor/statistics", headers=blind).json, [])
    nested = {"value": "y", "parent": {"value": pod["container"]}}
    for r in (get(agent_port, "/flags", headers=blind), api("GET_FLAGS", blind), get(agent_port, "/metrics/snapshot", headers=blind),
              get(agent_port, f"/files/browse?path={pod['directory']}", headers=blind), get(agent_port, f"/files/read?path={pod['directory']}/stdout", headers=blind),
              api("LIST_FILES", blind, list_files={"path": pod["directory"]}), api("READ_FILE", blind, read_file={"path": pod["directory"] + "/stdout", "offset": 0}),
              api("SET_LOGGING_LEVEL", blind, set_logging_level={"level": 1, "duration": {"nanoseconds": 1}}),
              api("LAUNCH_NESTED_CONTAINER", blind, launch_nested_container={"container_id": nested, "command": {"value": "true"}}),
              api("KILL_NESTED_CONTAINER", blind, kill_nested_container={"container_id": nested}),
              api("LAUNCH_CONTAINER", blind, launch_container={"container_id": {"value": "z"}, "command": {"value": "true"}})):
        equal(r.status, 403, r.text)
    equal(get(agent_port, f"/files/browse?path={pod['directory']}", headers=basic("op")).status, 200)
    fw.end()


@case("flags that need each other say so")
def _():
    for flags, text in [(["--authenticate_http_readonly"], "http_credentials"), (["--authenticate_http_executors"], "jwt_secret_key"),
                        (["--http_credentials=/nowhere"], "http_credentials"), (["--acls={\"run_tasks\":1}"], "acls"),
                        (['--effective_capabilities={"capabilities":["CHOWN"]}'], "linux/capabilities")]:
        r = subprocess.run([STOA, "agent", f"--master=127.0.0.1:{port}", f"--work_dir={scratch()}/x", "--ip=127.0.0.1", "--port=0", *flags], capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and text in r.stderr, f"{flags}: {r.returncode} {r.stderr}")
    agent.stop(signal.SIGUSR1)
    master.stop()
    for d in glob.glob(f"/sys/fs/cgroup/*/stoa_access_{port}"):
        os.rmdir(d)


main()
