#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent refuses, text by text: flags at the start, and calls and paths while it runs."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

FLAGS = [  # the flags besides the needed ones; what is said
    (["--work_dir=relative"], "--work_dir=relative: give an absolute path"),
    (["--runtime_dir=relative"], "--runtime_dir=relative: give an absolute path"),
    (["--work_dir=/" + "d" * 4200], "--work_dir: the path is too long"),
    (["--executor_reregistration_timeout=16secs"], "--executor_reregistration_timeout=16secs: at most 15secs"),
    (["--gc_disk_headroom=2"], "--gc_disk_headroom=2: from 0 to 1"),
    (["--authenticate_http_readwrite"], "--authenticate_http_readonly and --authenticate_http_readwrite need --http_credentials"),
    (["--authenticate_http_executors"], "--authenticate_http_executors needs --jwt_secret_key"),
    (["--authenticate_http_executors", "--jwt_secret_key={empty}"], "--jwt_secret_key: the file {empty} is empty"),
    (['--effective_capabilities={{"capabilities":["CHOWN"]}}'], "--effective_capabilities and --bounding_capabilities need linux/capabilities in --isolation"),
    (["--enforce_container_ports"], "--enforce_container_ports needs network/ports in --isolation"),
    (["--container_ports_isolated_range=[1-2]"], "--container_ports_isolated_range needs network/ports in --isolation"),
    (["--container_ports_isolated_range=[1-2]", "--check_agent_port_range_only", "--isolation=network/ports"],
     "--container_ports_isolated_range and --check_agent_port_range_only: give one of them"),
    (["--container_ports_isolated_range=1-2", "--isolation=network/ports", "--launcher=linux"],
     "--container_ports_isolated_range=1-2: give ranges of ports, like [0-35000]"),
    (["--seccomp_profile_name=x"], "--seccomp_profile_name and --seccomp_config_dir need linux/seccomp in --isolation"),
    (["--containerizers=lxc"], "--containerizers=lxc: mesos and docker are built"),
    (['--image_gc_config={{"image_disk_headroom":0.1,"image_disk_watch_interval":{{"nanoseconds":1000000}}}}'], "--image_gc_config needs --image_providers=docker"),
    (["--http_executor_domain_sockets", "--domain_socket_location=x"], "--domain_socket_location=x: give an absolute path"),
    (["--http_executor_domain_sockets", "--domain_socket_location=systemd:x"], "FileDescriptorName= in the socket's unit gives it one"),
    (["--http_executor_domain_sockets", "--domain_socket_location=/" + "x" * 108],
     " its path has 109 bytes, and may have 107; give a shorter --domain_socket_location or --runtime_dir"),
    (["--ip_discovery_command=echo 127.0.0.1"], "--ip and --ip_discovery_command: give one of them"),
    (["--ip=x"], "--ip=x is no address"),
    (['--agent_features={{"capabilities":[{{"type":"FLY"}}]}}'], "--agent_features: 'FLY' is no capability of this agent"),
    (['--agent_features={{"capabilities":[{{"type":"MULTI_ROLE"}}]}}'], "--agent_features leaves out HIERARCHICAL_ROLE, which this agent needs; RESIZE_VOLUME alone may be left out"),
    (["--authorizer=x"], "--authorizer=x: only local is built"),
    (["--http_authenticators=x"], "--http_authenticators=x: only basic is built"),
    (["--hooks=x"], "--hooks is not built in this version; leave it out"),
    (["--memory_profiling"], "--memory_profiling is not built in this version; leave it out"),
]
LOGGER = "org_apache_mesos_LogrotateContainerLogger"
logger = lambda *parameters, name=LOGGER: ["--container_logger=" + LOGGER, "--modules=" + json.dumps({"libraries": [{"modules": [{"name": name, "parameters": [
    {k: v for k, v in zip(("key", "value"), p)} for p in parameters]}]}]})]
oversubscribed = lambda name, key, value: ["--modules=" + json.dumps({"libraries": [{"modules": [{"name": name, "parameters": [{"key": key, "value": value}]}]}]})]
MODULES = [  # parameters of the logger
    (logger(("max_stdout_size", "much")), "--modules: parameter max_stdout_size is 'much'; give a number and a unit, like 10MB"),
    (logger(("max_stderr_size", "1KB")), "--modules: parameter max_stderr_size is '1KB'; at least 4KB"),
    (logger(("logrotate_stdout_options", "rotate x")), "'rotate x': rotate takes a number from 0 to "),
    (logger(("logrotate_stderr_options", "compress")), "logrotate's option 'compress' is not built in this version; 'rotate N' is, and what needs no other program"),
    (logger(("max_stdout_size",)), "--modules: a parameter of " + LOGGER + " has no 'key' or no 'value'"),
    (logger(("environment_variable_prefix", "P" * 100)), "--modules: environment_variable_prefix is over "),
    (oversubscribed("org_apache_mesos_FixedResourceEstimator", "x", "cpus:1"), "parameter x of org_apache_mesos_FixedResourceEstimator is unknown; 'resources' is"),
    (oversubscribed("org_apache_mesos_FixedResourceEstimator", "resources", "cpus:x"), "--modules: 'resources' of org_apache_mesos_FixedResourceEstimator: "),
    (oversubscribed("org_apache_mesos_LoadQoSController", "load", "1"), "of org_apache_mesos_LoadQoSController is unknown; load_threshold_5min and load_threshold_15min are"),
    (oversubscribed("org_apache_mesos_FixedResourceEstimator", "resources", "cpus:1") + ["--resource_estimator=org_apache_mesos_FixedResourceEstimator",
     "--oversubscribed_resources_interval=0secs"], "--oversubscribed_resources_interval has to be over zero"),
    (logger(name="other"), "--modules: module 'other' is not built in this version; "),
    (["--modules={}"], '--modules: expecting {"libraries": [{"modules": [...]}]}'),
]
IMAGE_GC = [  # JSON; what is said
    ({"image_disk_headroom": 2, "image_disk_watch_interval": {"nanoseconds": 1000000}}, "image_disk_headroom has to be a number from 0 to 1"),
    ({"image_disk_headroom": 0.1}, "image_disk_watch_interval.nanoseconds has to be a number, at least 1000000"),
    ({"image_disk_headroom": 0.1, "image_disk_watch_interval": {"nanoseconds": 1000000}, "excluded_images": "x"}, "excluded_images has to be a list, of at most "),
    ({"image_disk_headroom": 0.1, "image_disk_watch_interval": {"nanoseconds": 1000000}, "excluded_images": [1]},
     "excluded_images has to hold names, or images with a docker.name"),
]


def refused_at_start(given, text):
    names = {x.split("=")[0] for x in given}
    need = [x for x in ("--master=127.0.0.1:1", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}", f"--work_dir={scratch()}/w", "--launcher=posix", "--isolation=posix/cpu,posix/mem")
            if x.split("=")[0] not in names]
    r = subprocess.run([STOA, "agent", *need, *given], capture_output=True, text=True, timeout=20)
    check(r.returncode == 1 and text in r.stderr, f"{given}: {r.returncode} {r.stderr[-300:]}")


@case("flags that cannot be, and the way out")
def _():
    empty = f"{scratch()}/empty"
    open(empty, "w").close()
    for extra, text in FLAGS:
        refused_at_start([x.format(empty=empty) for x in extra], text.format(empty=empty))


@case("parameters of the logger that cannot be, and the way out")
def _():
    for given, text in MODULES:
        refused_at_start(given, text)


@case("--image_gc_config: what it has to hold")
def _():
    if not IS_ROOT:
        raise Skip("images need root")
    for config, text in IMAGE_GC:
        refused_at_start(["--launcher=linux", "--isolation=filesystem/linux,docker/runtime", "--image_providers=docker", "--image_gc_config=" + json.dumps(config)],
                         "--image_gc_config: " + text)


@case("--agent_features without RESIZE_VOLUME: the agent does not say that it can")
def _():
    caps = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS"]
    port = free_ports()[0]
    p = Process("features", [STOA, "agent", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={scratch()}/features", "--master=127.0.0.1:1", "--launcher=posix", "--isolation=posix/cpu,posix/mem",
                             "--agent_features=" + json.dumps({"capabilities": [{"type": x} for x in caps]})])
    equal(wait_for("the agent", lambda: get(port, "/state").json)["capabilities"], caps)
    p.stop()


@case("--ip_discovery_command: the address that it prints, of master and agent; what is none is refused")
def _():
    for role, more in (("agent", ["--master=127.0.0.1:1", "--launcher=posix", "--isolation=posix/cpu,posix/mem"]), ("master", ["--registry=in_memory"])):
        for command, text in (("exit 3", "it ended with wait status 768"), ("echo nowhere", "it printed 'nowhere', which is no address"), (":", "it printed '', which is no address")):
            r = subprocess.run([STOA, role, "--port=0", f"--work_dir={scratch()}/{role}.ip", f"--ip_discovery_command={command}", *more], capture_output=True, text=True, timeout=20)
            check(r.returncode == 1 and f"--ip_discovery_command={command}: {text}" in r.stderr, f"{role} {command}: {r.stderr[-300:]}")
        port = free_ports()[0]
        p = Process(role + "-ip", [STOA, role, f"--port={port}", f"--work_dir={scratch()}/{role}.ip", "--ip_discovery_command=echo ' 127.0.0.3 '; echo more", *more])
        wait_for(f"the {role}", lambda: get(port, "/health", host="127.0.0.3").status == 200)
        p.stop()


@case("a master and an agent")
def _():
    global f
    start(*(["--containerizers=docker,mesos", "--enforce_container_ports", "--container_ports_isolated_range=[31900-31999]", "--container_ports_watch_interval=100ms",
            f"--host_path_volume_force_creation=/nowhere:{scratch()}/made/"] if IS_ROOT else []),
          isolation="cgroups/cpu,cgroups/mem,filesystem/linux,docker/runtime,network/ports" if IS_ROOT else None)
    f = framework(name="rules")
    f.launch(task("t", "sleep 1000"))
    f.update("t", "TASK_RUNNING")


@case("paths of /files that lead nowhere")
def _():
    box = sandbox(f, "t")
    os.symlink("/etc", f"{box}/out")
    os.mkfifo(f"{box}/pipe")
    for p, status, text in [(f"/files/read?path={box}/pipe&offset=0", 400, "Cannot read what is no regular file."), (f"/files/download?path={box}", 400, "Cannot download a directory."),
                            (f"/files/read?path={box}/stdout&offset=x", 400, "'x' is not a number of at least -1."), ("/files/read?path=/etc/passwd&offset=0", 404, ""),
                            (f"/files/read?path={box}/out/passwd&offset=0", 404, "")]:
        r = get(c.agent_port, p)
        equal(r.status, status, p)
        check(text in r.text, f"{p}: {r.text[:200]}")
    for p, status, text in [(f"{box}/pipe", 400, "Cannot read this file."), ("/etc/passwd", 404, "/etc/passwd is not attached"),
                            (f"{box}/out/passwd", 404, f"{box}/out/passwd leads out of what is attached")]:
        r = api("READ_FILE", read_file={"path": p, "offset": 0})
        equal((r.status, text in r.text), (status, True), f"READ_FILE {p}: {r.text[:200]}")


@case("calls that name no container, or one that cannot be asked so")
def _():
    gone = {"value": "00000000-0000-0000-0000-000000000000"}
    for call, status, text in [
            ({"type": "REMOVE_CONTAINER", "remove_container": {"container_id": {"value": "a b"}}}, 400, "Failed to validate agent::Call: "),
            ({"type": "LAUNCH_NESTED_CONTAINER", "launch_nested_container": {"container_id": {"value": "x"}}}, 400, "Expecting 'launch_nested_container.container_id.parent' to be present"),
            ({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": gone}}, 404, "Container cannot be found"),
            ({"type": "WAIT_CONTAINER", "wait_container": {"container_id": gone}}, 404, "")]:
        r = post(c.agent_port, "/api/v1", call, headers=J)
        equal((r.status, text in r.text), (status, True), f"{call['type']}: {r.text[:200]}")
    r = raw(b"", content_type=RECORDIO, message_content_type="text/plain")
    equal((r.status, r.text), (415, "Expecting 'Message-Content-Type' of application/json or application/x-protobuf"), "RECORDIO of texts")
    r = get(c.agent_port, "/logging/toggle?level=1")
    equal((r.status, r.text), (400, "Expecting 'level=value' and 'duration=value' in query.\n"), "/logging/toggle")


# --- containers ---

DOCKER = lambda *parameters, **more: {"type": "DOCKER", "docker": {"image": "x", "parameters": [{"key": k, "value": v} for k, v in parameters], **more}}
VOLUME = lambda **more: {"type": "MESOS", "volumes": [{"mode": "RW", "container_path": "c", **more}]}
CONTAINERS = [  # what is asked for; what is said
    (VOLUME(source={"type": "HOST_PATH", "host_path": {"path": "relative"}}), "volume c: host path 'relative' is not absolute"),
    (VOLUME(source={"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "../x"}}), "volume c: sandbox path '../x' is not below the sandbox"),
    (VOLUME(host_path="../x"), "volume c: sandbox path '../x' is not below the sandbox"),
    (VOLUME(source={"type": "DOCKER_VOLUME", "docker_volume": {"name": "v"}}), "volume c: only host paths, sandbox paths and secrets are built in this version"),
    (VOLUME(source={"type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": "far"}}}),
     "volume c refers to the secret 'far'; this agent resolves no references: send the secret by value"),
    (VOLUME(source={"type": "SECRET", "secret": {"type": "VALUE"}}), "volume c is a secret without a value"),
    ({"type": "MESOS", "rlimit_info": {"rlimits": [{"type": "RLMT_NOFILE", "soft": 7}]}}, "rlimit RLMT_NOFILE: unknown, or only one of soft and hard is given"),
    ({"type": "MESOS", "mesos": {"image": {"type": "APPC", "appc": {"name": "x"}}}}, "No container is created: only images of type DOCKER are built in this version"),
    ({"type": "MESOS", "network_infos": [{"name": "n", "labels": {"labels": [{"key": "k", "value": "v" * (1 << 20)}]}}]}, "network 'n': its NetworkInfo is over "),
]
DOCKERS = [
    ({"type": "DOCKER"}, "No container is created: type is DOCKER and docker is missing"),
    (DOCKER(("env", "novalue")), "No container is created: parameter env=novalue: use NAME=value"),
    (DOCKER(("volume", "relative:/x")), "parameter volume=relative:/x: only HOST-PATH:PATH[:ro] with absolute paths is built"),
    (DOCKER(("volume", "/x:/y:z")), "parameter volume=/x:/y:z: only HOST-PATH:PATH[:ro] with absolute paths is built"),
    (DOCKER(("ulimit", "nofile=x")), "parameter ulimit=nofile=x: use NAME=SOFT[:HARD]"),
    (DOCKER(("ulimit", "nofile=7:x")), "parameter ulimit=nofile=7:x: use NAME=SOFT[:HARD]"),
    (DOCKER(("ulimit", "what=7")), "parameter ulimit=what=7: this limit is unknown"),
    (DOCKER(("shm-size", "7x")), "parameter shm-size=7x: use a number with b, k, m or g"),
    (DOCKER(("pid", "container:x")), "parameter pid=container:x: this value is not built"),
    (DOCKER(("cap-add", "ALL")), "parameter cap-add=ALL: this parameter of docker run is not built; known are env, volume, ulimit, shm-size, workdir, user, pid, ipc, "
                                 "privileged, entrypoint, hostname, label"),
    (DOCKER(network="USER"), "No container is created: Docker's network USER needs one network_infos with a name"),
    ({**DOCKER(network="USER"), "network_infos": [{"name": "n", "labels": {"labels": [{"key": "k", "value": "v" * (1 << 20)}]}}]}, "network 'n': its description is over "),
]


@case("a container that cannot be as it is asked for: 400 and what of it, and nothing is there")
def _():
    before = len(api("GET_CONTAINERS", get_containers={"show_nested": True, "show_standalone": True}).json["get_containers"]["containers"])
    for n, (container, text) in enumerate(CONTAINERS + (DOCKERS if IS_ROOT else [])):
        r = api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": f"no-{n}"}, "command": {"value": "sleep 1000"}, "container": container})
        equal((r.status, text in r.text), (400, True), f"{json.dumps(container)[:200]}: {r.status} {r.text[:300]}")
        check(not os.path.exists(f"{scratch()}/a/containers/no-{n}"), f"no-{n} has a sandbox")
    variable = {"name": "V", "type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": "far"}}}
    r = api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "no"}, "command": {"value": "x", "environment": {"variables": [variable]}}})
    equal((r.status, "environment variable V refers to the secret 'far'" in r.text), (400, True), r.text[:200])
    equal(len(api("GET_CONTAINERS", get_containers={"show_nested": True, "show_standalone": True}).json["get_containers"]["containers"]), before, "containers")


@case("a task in a network from which its executor could not reach the agent")
def _():
    t = task("unreachable")
    t["container"] = {"type": "MESOS", "network_infos": [{"name": "net"}]}
    f.launch(t)
    s = f.update("unreachable", "TASK_FAILED")
    check("No container is created: from network 'net'" in s["message"] and "its executor cannot reach this agent at" in s["message"], s["message"])


@case("a container without a network needs another way to the agent")
def _():
    if not IS_ROOT:
        raise Skip("images need root")
    t = task("alone")
    t["container"] = DOCKER(network="NONE")
    f.launch(t)
    s = f.update("alone", "TASK_FAILED")
    check("No container is created: without a network its executor cannot reach this agent; start the agent with --http_executor_domain_sockets" in s["message"], s["message"])


@case("--container_ports_isolated_range: who listens in it without having been given the port is ended; outside of it anybody may")
def _():
    if not IS_ROOT:
        raise Skip("network/ports needs root")
    listen = lambda *ports: ("exec python3 -c 'import socket,time\nx=[socket.socket() for _ in range(%d)]\n[(s.setsockopt(1,2,1),s.bind((\"127.0.0.1\",p)),s.listen()) for s,p in zip(x,%s)]\n"
                             "open(\"begun\",\"w\")\ntime.sleep(1000)'" % (len(ports), list(ports)))
    outside, other = free_ports(2)
    f.launch(task("outside", listen(outside)), task("inside", listen(other, 31990, 31991)))
    s = f.update("inside", "TASK_FAILED")
    equal(s["reason"], "REASON_CONTAINER_LIMITATION", s)
    check(re.search(r"is listening on unallocated port\(s\): \[(31990, 31991|31991, 31990)\]", s["message"]), s["message"])
    wait_for("the other listens", lambda: os.path.exists(sandbox(f, "outside") + "/begun"))
    equal([s["state"] for s in f.statuses if s["task_id"]["value"] == "outside"][-1], "TASK_RUNNING")


@case("--host_path_volume_force_creation: a missing host path below such a folder is made; others are an error, and are not made")
def _():
    if not IS_ROOT:
        raise Skip("filesystem/linux needs root")
    os.mkdir(scratch() + "/madeup")
    rows = {"made": ("made/a/b", True), "beside": ("madeup/x", False), "around": ("made/../else", False)}
    tasks = []
    for id, (path, _) in rows.items():
        t = task(id, "echo x > v/file")
        t["container"] = {"type": "MESOS", "volumes": [{"mode": "RW", "container_path": "v", "source": {"type": "HOST_PATH", "host_path": {"path": f"{scratch()}/{path}"}}}]}
        tasks.append(t)
    f.launch(*tasks)
    for id, statuses in collect(f, rows).items():
        path, made = rows[id]
        equal((statuses[-1]["state"], os.path.exists(f"{scratch()}/{path}")), ("TASK_FINISHED" if made else "TASK_FAILED", made), id)
    equal(open(scratch() + "/made/a/b/file").read(), "x\n")


# --- streams of input, waiting ---

@case("input that cannot be taken: 400 and what of it; the container stays")
def _():
    equal(api("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "tty"}, "command": {"value": "sleep 1000"}, "container": {"type": "MESOS", "tty_info": {}}}).status, 200)
    tty = {"value": "tty"}
    says = lambda r: (r.status, r.text)
    equal(says(Attach().id(tty).io({"type": "DATA", "data": {"type": "STDOUT", "data": "eA=="}}).answer()), (400, "Expecting 'process_io.data.type' to be STDIN"))
    equal(says(Attach().id(tty).io({"type": "DATA"}).answer()), (400, "Expecting 'process_io.type' to be DATA with 'data' or CONTROL with 'control'"))
    a = Attach().id(tty)
    a.s.sendall(b"5\r\n9\nabc\r\n")
    equal(says(a.end()), (400, "The request ended inside a record"))
    a = Attach().id(tty)
    a.s.sendall(b"3\r\nx\nx\r\n")
    r = a.answer()
    check(r.status == 400 and r.text.startswith("Failed to read a record of the request: "), r.text)
    first = Attach().id(tty).data(b"x")
    wait_for("the second is refused", lambda: says(Attach().id(tty).end()) == (409, "Another request writes to the input of container tty; one at a time can"))
    first.s.settimeout(0.5)
    try:  # nobody reads the terminal: the agent stops reading the request, and keeps no more than a record of it
        for _ in range(100):
            first.data(b"y" * (2 << 20))
        raise Failed("200 MB of input were taken")
    except TimeoutError:
        first.s.close()
    equal(api("GET_CONTAINERS", get_containers={"show_standalone": True}).json["get_containers"]["containers"][-1]["container_id"], tty)


@case("a nested container that runs is not removed")
def _():
    id = {"value": "nested", "parent": {"value": executor_of(f, "t")["container"]}}
    equal(api("LAUNCH_NESTED_CONTAINER", launch_nested_container={"container_id": id, "command": {"value": "sleep 1000"}}).status, 200)
    r = api("REMOVE_NESTED_CONTAINER", remove_nested_container={"container_id": id})
    equal((r.status, r.text), (500, f"Nested container {id['parent']['value']}.nested has not terminated yet"))
    r = raw(json.dumps({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": {"value": "tty"}}}).encode(), content_type=JSON, accept=RECORDIO, message_accept="text/plain")
    equal((r.status, r.text), (406, "Expecting 'Message-Accept' to allow application/json or application/x-protobuf"))


# --- executors ---

@case("a call of an executor that is too big for the master: 413; it stays subscribed")
def _():
    f.launch(custom(f, "own", "own"))
    e = Executor(f, "own")
    e.next("SUBSCRIBED")
    r = e.call("MESSAGE", message={"data": base64.b64encode(b"x" * (7 << 20)).decode()})
    check(r.status == 413 and " at most " in r.text and r.text.startswith("The call has ") and r.text.endswith(" go to the master"), f"{r.status} {r.text[:200]}")
    e.next("LAUNCH")
    e.update("own", "TASK_RUNNING")


@case("messages of old executors without a sender, or from nobody's executor, are dropped and logged")
def _():
    status = {"framework_id": {"value": f.id}, "executor_id": {"value": "nobody"}, "slave_id": {"value": state()["id"]}, "timestamp": 1.0,
              "status": {"task_id": {"value": "x"}, "state": "TASK_RUNNING"}}
    body = recorded.encode("mesos.internal.StatusUpdateMessage", {"update": status})
    path = "/slave(1)/mesos.internal.StatusUpdateMessage"
    raw(body, path=path, user_agent="libprocess/nonsense")
    raw(body, path=path, user_agent="libprocess/executor(1)@127.0.0.1:1")
    wait_for("both are logged", lambda: 'error="the sender has no pid"' in c.agent.tail(50) and 'error="no such executor"' in c.agent.tail(50))


@case("who waits when the agent ends is told so")
def _():
    tty = {"value": "tty2"}
    equal(api("LAUNCH_CONTAINER", launch_container={"container_id": tty, "command": {"value": "sleep 1000"}, "container": {"type": "MESOS", "tty_info": {}}}).status, 200)
    w = http.client.HTTPConnection("127.0.0.1", c.agent_port, timeout=20)
    w.request("POST", "/api/v1", json.dumps({"type": "WAIT_CONTAINER", "wait_container": {"container_id": tty}}), J)
    a = Attach().id(tty).data(b"x")
    wait_for("the first has the input", lambda: Attach().id(tty).end().status == 409)
    c.agent.stop()
    for r in (w.getresponse(), a.answer()):
        equal((r.status, r.body if isinstance(r, Reply) else r.read()), (503, b"The agent is shutting down"))
    c.agent = Process("agent", [STOA, "agent", *c.flags])
    wait_for("the agent is back", lambda: get(c.port, "/slaves").json["slaves"][0]["active"] and get(c.agent_port, "/state").json["frameworks"])
    for id in ("tty", "tty2"):
        equal(api("KILL_CONTAINER", kill_container={"container_id": {"value": id}}).status, 200, id)
        equal(api("WAIT_CONTAINER", wait_container={"container_id": {"value": id}}).status, 200, id)


@case("the end")
def _():
    f.end()
    finish()
    check("asked by a signal" in open(c.agent.log_path).read(), "the log says why the agent ended")


main()
