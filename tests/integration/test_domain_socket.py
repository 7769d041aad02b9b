#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Executors over a domain socket, with an agent on loopback: command tasks, task groups, containers with networks of their own, with images, with
no network at all; over a restart of the agent; and what the socket does not take. In a network namespace of its own."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *
from registry import *

PLUGINS = next((d for d in ("/usr/lib/cni", "/opt/cni/bin") if os.path.exists(d + "/bridge")), None)
if IS_ROOT and os.environ.get("STOA_OWN_NETWORK") != "1":
    os.environ["STOA_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
f = path = None


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)


def over(method, target, body=None, **headers):
    u = Unix("agent")
    u.request(method, target, json.dumps(body) if isinstance(body, dict) else body, {"Content-Type": JSON, "Accept": JSON, **headers})
    r = u.getresponse()
    return Reply(r.status, r.headers, r.read())


def running(id, **more):
    t = task(id, 'echo "$MESOS_DOMAIN_SOCKET" > socket; test -S "$MESOS_DOMAIN_SOCKET" && echo yes >> socket; cat /proc/net/dev > dev; exec sleep 1000', **more)
    f.launch(t)
    equal(f.update(id, "TASK_RUNNING", "TASK_FAILED", "TASK_ERROR", "TASK_DROPPED")["state"], "TASK_RUNNING", str(f.statuses[-1]))


def says(id, file, lines=1):
    p = f"{sandbox(f, id)}/{file}"
    return wait_for(f"{id} wrote {file}", lambda: (text := open(p).read()).count("\n") >= lines and text)


def ends(id):
    f.kill(id)
    f.update(id, "TASK_KILLED")


def interfaces(text):
    return [l.split(":")[0].strip() for l in text.split("\n") if ":" in l]


@case("an agent on loopback with a domain socket")
def _():
    global f, path
    flags = []
    if IS_ROOT:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        flags = ["--containerizers=docker,mesos", "--image_providers=docker", f"--docker_store_dir={scratch()}/store"]
        if PLUGINS:
            os.mkdir(scratch() + "/cni")
            with open(scratch() + "/cni/one.conf", "w") as conf:
                json.dump({"cniVersion": "0.4.0", "name": "one", "type": "bridge", "bridge": "br-one", "isGateway": True,
                           "ipam": {"type": "host-local", "subnet": "10.77.0.0/24", "dataDir": scratch() + "/ipam"}}, conf)
            flags += [f"--network_cni_config_dir={scratch()}/cni", f"--network_cni_plugins_dir={PLUGINS}"]
    start("--http_executor_domain_sockets", *flags, isolation="cgroups/cpu,cgroups/mem,filesystem/linux,docker/runtime" if IS_ROOT else None)
    path = f"{scratch()}/a/run/agent.sock"
    equal(get(c.agent_port, "/flags").json["flags"]["domain_socket_location"], path)
    equal(os.stat(path).st_mode & 0o777, 0o666, "mode of the socket")
    f = framework(name="sockets")


@case("a command task and a task group speak through it: no connection of theirs goes to the port")
def _():
    running("plain")
    equal(says("plain", "socket", 2), f"{path}\nyes\n")
    info = {"executor_id": {"value": "pod"}, "framework_id": {"value": f.id}, "type": "DEFAULT", "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    f.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": info, "task_group": {"tasks": [task("a"), task("b")]}}})
    f.until("both run", lambda e: all(any(s["task_id"]["value"] == t and s["state"] == "TASK_RUNNING" for s in f.statuses) for t in "ab"))
    peers = [l.split()[1:3] for l in open("/proc/net/tcp") if l.split()[3] == "01" and l.split()[2].endswith(f":{c.agent_port:04X}")]
    masters = [l.split()[1] for l in open("/proc/net/tcp") if l.split()[3] == "01" and l.split()[1].endswith(f":{c.port:04X}")]
    check(len(peers) <= len(masters) + 1, f"connections to the agent's port: {peers}; of the master: {masters}")
    check(sum(1 for l in open("/proc/net/unix") if l.rstrip().endswith(path)) >= 3, "no connections to the socket")


@case("a user for whom a folder above the socket is closed: its executor takes the port")
def _():
    if not IS_ROOT:
        raise Skip("needs root")
    os.chmod(f"{scratch()}/a/run", 0o700)
    t = task("closed", "test -S $MESOS_DOMAIN_SOCKET || exec sleep 1000")
    t["command"]["user"] = "nobody"
    f.launch(t)
    equal(f.update("closed", "TASK_RUNNING", "TASK_FAILED")["state"], "TASK_RUNNING")
    ends("closed")
    os.chmod(f"{scratch()}/a/run", 0o755)


@case("what it takes: the executor API, and calls about containers below an executor's; nothing else")
def _():
    box = executor_of(f, "plain")["container"]
    v1 = lambda type, **more: over("POST", "/slave(1)/api/v1", {"type": type, **more})
    for r, status in ((over("GET", "/state"), 404), (over("GET", "/slave(1)/health"), 404), (over("GET", "/files/browse?path=/"), 404), (over("GET", "/metrics/snapshot"), 404),
                      (over("POST", "/slave(1)/mesos.internal.ShutdownMessage", b"", **{"Libprocess-From": f"master@127.0.0.1:{c.port}"}), 404),
                      (v1("GET_STATE"), 403), (v1("READ_FILE", read_file={"path": sandbox(f, "plain") + "/stdout", "offset": 0}), 403), (v1("PRUNE_IMAGES"), 403),
                      (v1("LAUNCH_CONTAINER", launch_container={"container_id": {"value": "alone"}, "command": {"value": "id"}}), 403),
                      (v1("KILL_CONTAINER", kill_container={"container_id": {"value": box}}), 403),
                      (over("POST", "/api/v1/executor", {"framework_id": {"value": f.id}, "executor_id": {"value": "plain"}, "type": "HEARTBEAT"}), 202)):
        equal(r.status, status, r.text[:200])
    check("GET_STATE is no call of executors, and others are not taken on their domain socket" in v1("GET_STATE").text, "the reason")
    id = {"value": "below", "parent": {"value": box}}
    equal(v1("LAUNCH_CONTAINER", launch_container={"container_id": id, "command": {"value": "exit 3"}}).status, 200)
    equal(v1("WAIT_CONTAINER", wait_container={"container_id": id}).json["wait_container"]["exit_status"], 3 << 8)
    equal(executor_of(f, "plain")["container"], box, "the container")


@case("a container in a network of its own reaches an agent on loopback")
def _():
    if not IS_ROOT or not PLUGINS:
        raise Skip("needs root and CNI plugins (containernetworking-plugins)")
    running("net", container={"type": "MESOS", "network_infos": [{"name": "one"}]})
    equal(interfaces(says("net", "dev")), ["lo", "eth0"])
    check(f.statuses[-1]["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"].startswith("10.77.0."), f.statuses[-1])


@case("a container with an image finds it in its root; with Docker's network NONE it has a loopback interface alone")
def _():
    if not IS_ROOT or not all(shutil.which(p) for p in ("skopeo", "docker-registry", "busybox")):
        raise Skip("needs root, skopeo, docker-registry and busybox")
    base = Registry().push("test/base", [base_layer()], Env=["PATH=/bin"])
    running("image", container={"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": base}}}})
    running("none", container={"type": "DOCKER", "docker": {"image": base, "network": "NONE"}}, health_check={
        "type": "TCP", "tcp": {"port": 1}, "grace_period_seconds": 600, "interval_seconds": 1, "delay_seconds": 0})
    for id in ("image", "none"):
        lines = says(id, "socket", 2).split("\n")
        equal(lines[:2], ["/mnt/mesos/agent/agent.sock", "yes"], id)
    equal(interfaces(says("none", "dev")), ["lo"])
    equal(f.statuses[-1]["container_status"]["network_infos"], [{}], "network_infos")


@case("a new agent is found at its new socket: by who sees the host's files, and by who has a root of his own")
def _():
    live = {s["task_id"]["value"] for s in f.statuses if s["state"] == "TASK_RUNNING"} - {"a", "b", "closed"}
    c.agent.kill().wait()
    c.agent = Process("agent", [STOA, "agent", *c.flags, "--http_executor_domain_sockets"])
    wait_for("the agent is back", lambda: get(c.port, "/slaves").json["slaves"][0]["active"] and len(state()["frameworks"][0]["executors"]) == len(live) + 1)
    for id in sorted(live):
        ends(id)
    equal([s for s in f.statuses if s["state"] in ("TASK_LOST", "TASK_GONE", "TASK_FAILED")], [], "bad ends")


@case("the end: no socket, no network, no mount is left")
def _():
    f.end()
    wait_for("all networks are given back", lambda: not glob.glob(f"{scratch()}/a/run/isolators/network/cni/*"))
    finish()
    equal(glob.glob(f"{scratch()}/a/run/**/agent.sock", recursive=True), [])
    equal([l for l in open("/proc/self/mountinfo") if scratch() in l], [])


@case("a socket that systemd passes is served, told to executors, and stays")
def _():
    own, other = scratch() + "/passed.sock", scratch() + "/other.sock"
    s, o = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    for x, p in ((s, own), (o, other)):
        x.bind(p)
        x.listen()
    os.chmod(own, 0o666)
    c.port, c.agent_port = free_ports(2)
    c.master = Process("master2", [STOA, "master", "--ip=127.0.0.1", f"--port={c.port}", f"--work_dir={scratch()}/m2", "--hostname=localhost", "--allocation_interval=50ms"])
    wait_for("the master", lambda: get(c.port, "/health").status == 200)
    args = [STOA, "agent", f"--master=127.0.0.1:{c.port}", "--ip=127.0.0.1", f"--port={c.agent_port}", f"--work_dir={scratch()}/a2", "--hostname=localhost", "--launcher=posix",
            "--isolation=posix/cpu,posix/mem", "--resources=cpus:4;mem:1024", "--registration_backoff_factor=50ms", "--http_executor_domain_sockets", "--domain_socket_location=systemd:agent"]
    give = f"exec 3<&{o.fileno()} 4<&{s.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=other:agent; exec \"$@\""
    log = open(scratch() + "/agent2.log", "ab")
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        r = subprocess.run(["/bin/bash", "-c", give.replace(f"<&{s.fileno()}", f"<&{tcp.fileno()}"), "sh", *args], pass_fds=(tcp.fileno(), o.fileno()), capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and "is no socket file; ListenStream= in its unit has to be a path" in r.stderr, r.stderr[-300:])
    agent = subprocess.Popen(["/bin/bash", "-c", give, "sh", *args], pass_fds=(s.fileno(), o.fileno()), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for("the agent is registered", lambda: get(c.port, "/slaves").json["slaves"][0]["active"])
        global f
        f = framework(name="passed")
        f.launch(task("t", 'echo "$MESOS_DOMAIN_SOCKET" > socket; exec sleep 1000'))
        f.update("t", "TASK_RUNNING")
        equal(says("t", "socket"), own + "\n")
        f.kill("t")
        f.update("t", "TASK_KILLED")
        f.end()
        agent.send_signal(signal.SIGUSR1)
        equal(agent.wait(20), 0, "status of the agent")
        check(os.path.exists(own), "the file stays")
    finally:
        agent.kill()
        agent.wait()
        c.master.stop()


@case("stoa dev, which listens on loopback: an app in a container network runs and is checked in it")
def _():
    if not IS_ROOT or not PLUGINS:
        raise Skip("needs root and CNI plugins (containernetworking-plugins)")
    dev = Dev(agent_flags=[f"network_cni_config_dir={scratch()}/cni", f"network_cni_plugins_dir={PLUGINS}"])
    equal(get(dev.agents[0], "/flags").json["flags"]["http_executor_domain_sockets"], "true")
    dev.deploy({"id": "/a", "cmd": f'exec "{STOA}" hello --port=8080', "cpus": 0.1, "mem": 32, "networks": [{"mode": "container", "name": "one"}],
                "container": {"type": "MESOS", "portMappings": [{"containerPort": 8080, "name": "web"}]},
                "healthChecks": [{"protocol": "MESOS_HTTP", "path": "/", "portIndex": 0, "intervalSeconds": 1, "gracePeriodSeconds": 20}]})
    ip = get(dev.marathon, "/v2/apps/a/tasks").json["tasks"][0]["ipAddresses"][0]["ipAddress"]
    equal((ip.startswith("10.77.0."), get(8080, "/", host=ip).status), (True, 200), ip)
    dev.stop()


main()
