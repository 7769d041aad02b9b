#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Container networks through CNI plugins on real processes: addresses, files in /etc, ports, checks, pods, failures, and that
nothing is left behind, also when the agent is killed at any point. All of it in a network namespace of its own, so that the
machine's network stays as it is."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from registry import *
from scheduler import *

PLUGINS = next((d for d in ("/usr/lib/cni", "/opt/cni/bin") if os.path.exists(d + "/bridge")), None)
HOST = "10.98.0.1"  # the agent's address, which containers reach
MISSING = ("needs root" if not IS_ROOT else "no CNI plugins (containernetworking-plugins)" if PLUGINS is None else
           "no skopeo, docker-registry or busybox" if not all(shutil.which(p) for p in ("skopeo", "docker-registry", "busybox")) else
           "no iptables" if not shutil.which("iptables", path="/usr/sbin:/sbin:" + os.environ["PATH"]) else None)

if not MISSING and os.environ.get("STOA_OWN_NETWORK") != "1":
    os.environ["STOA_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])

dev = conf = state = own = None


def sh(*args):
    return subprocess.run(args, capture_output=True, text=True, check=True).stdout


def network(name, subnet, file=None, **more):
    n = {"cniVersion": "0.4.0", "name": name, "type": "bridge", "bridge": "br-" + name, "isDefaultGateway": subnet == 77, "isGateway": True,
         "ipMasq": False, "ipam": {"type": "host-local", "subnet": f"10.{subnet}.0.0/24", "dataDir": state}}
    n.update(more)
    open(f"{conf}/{file or name}.conf", "w").write(json.dumps(n))
    return n


def addresses(name="one"):
    """What host-local has given away."""
    return [os.path.basename(f) for f in glob.glob(f"{state}/{name}/10.*")]


def links():
    return [l["ifname"] for l in json.loads(sh("ip", "-j", "link")) if l["ifname"].startswith("veth")]


def namespaces():
    return [l.split()[4] for l in open("/proc/self/mountinfo") if dev.work_dir in l]


def nothing_left():
    def is_clean():
        left = addresses("one") + addresses("two") + links() + namespaces() + glob.glob(f"{dev.work_dir}/agent*/run/isolators/network/cni/*")
        if left:
            raise ValueError(left)
        return True
    wait_for("nothing is left", is_clean, 20)


def remove(id):
    http_request("DELETE", dev.marathon, f"/v2/apps{id}?force=true")
    wait_for(f"{id} is gone", lambda: dev.app(id) is None and not [t for t in dev.tasks() if t["state"] == "TASK_RUNNING"])


def app(id, cmd, **more):
    return {"id": id, "cmd": cmd, "cpus": 0.1, "mem": 32, "backoffSeconds": 0, "env": {"STOA": STOA},
            "networks": [{"mode": "container", "name": "one"}], "container": {"type": "MESOS"}, **more}


def sandbox(id, file):
    return open(glob.glob(f"{dev.work_dir}/agent*/slaves/*/frameworks/*/executors/{id}*/runs/latest/{file}")[0]).read()


@case("a task on a bridge network gets an address, is reached at it, and says so in every place")
def _():
    global dev, conf, state, own
    if MISSING:
        raise Skip(MISSING)
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "host0", "type", "veth", "peer", "name", "peer0")
    sh("ip", "addr", "add", HOST + "/24", "dev", "host0")
    for name in ("host0", "peer0"):
        sh("ip", "link", "set", name, "up")
    conf, state, own = (tempfile.mkdtemp(dir=scratch()) for _ in range(3))
    network("one", 77)
    network("two", 78, ipMasq=True)
    open(f"{conf}/broken", "w").write("{")
    dns = {"mesos": [{"network_mode": "CNI", "network_name": "two", "dns": {"nameservers": ["10.78.0.53"], "search": ["example.org"]}}]}
    dev = Dev(agent_flags=["ip=0.0.0.0", f"advertise_ip={HOST}", "http_executor_domain_sockets=false", f"network_cni_config_dir={conf}", f"network_cni_plugins_dir={own},{PLUGINS}",
                           "default_container_dns=" + json.dumps(dns), "recovery_timeout=30secs", "containerizers=docker,mesos",
                           "isolation=cgroups/cpu,cgroups/mem,filesystem/linux,docker/runtime,network/ports",
                           "enforce_container_ports", "check_agent_port_range_only", "container_ports_watch_interval=200ms", "image_providers=docker",
                           f"docker_store_dir={scratch()}/store"],
              marathon_flags=["mesos_bridge_name=mesos-bridge"])
    dev.deploy(app("/a", 'cat /etc/hosts /etc/hostname > files; hostname > name; exec "$STOA" hello --port=8080',
                   container={"type": "MESOS", "portMappings": [{"containerPort": 8080, "name": "web"}]},
                   healthChecks=[{"protocol": "HTTP", "path": "/", "portIndex": 0, "intervalSeconds": 1, "gracePeriodSeconds": 20}]))
    t = get(dev.marathon, "/v2/apps/a/tasks").json["tasks"][0]
    ip = t["ipAddresses"][0]["ipAddress"]
    check(re.fullmatch(r"10\.77\.0\.\d+", ip), f"address {ip}")
    wait_for("it answers at its address", lambda: get(8080, "/", host=ip).status == 200)
    s = [s for s in dev.tasks()[0]["statuses"] if s["state"] == "TASK_RUNNING"][-1]["container_status"]["network_infos"]
    equal((s[0]["name"], s[0]["ip_addresses"]), ("one", [{"protocol": "IPv4", "ip_address": ip}]), "network_infos")
    c = get(dev.agents[0], "/containers").json[0]
    equal(c["status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], ip, "/containers")
    check(c["statistics"]["net_rx_packets"] > 0 and c["statistics"]["net_snmp_statistics"]["tcp_stats"]["ActiveOpens"] > 0, c["statistics"])
    cid = c["container_id"]
    equal(sandbox("a", "name").strip(), cid, "host name")
    check(f"{ip} {cid}\n" in sandbox("a", "files") and sandbox("a", "files").endswith(cid), "hosts and hostname: " + sandbox("a", "files"))


@case("when it is gone nothing of its network is left")
def _():
    if MISSING:
        raise Skip(MISSING)
    remove("/a")
    nothing_left()


def plugin(name, text):
    open(f"{own}/{name}", "w").write("#!/bin/sh\n" + text)
    os.chmod(f"{own}/{name}", 0o755)


def failure(id):
    return wait_for(f"{id} fails", lambda: dev.app(id)["lastTaskFailure"])["message"]


@case("two networks are eth0 and eth1; DNS comes from the flag where no plugin says it; a check is run inside")
def _():
    if MISSING:
        raise Skip(MISSING)
    dev.deploy(app("/two", 'ip -o addr > addr; cp /etc/resolv.conf .; exec "$STOA" hello --ip=127.0.0.1 --port=7000',
                   networks=[{"mode": "container", "name": "one"}, {"mode": "container", "name": "two"}],
                   healthChecks=[{"protocol": "MESOS_HTTP", "path": "/", "port": 7000, "intervalSeconds": 1, "gracePeriodSeconds": 20,
                                  "delaySeconds": 0}]))
    ips = [a["ipAddress"] for a in get(dev.marathon, "/v2/apps/two/tasks").json["tasks"][0]["ipAddresses"]]
    equal([i[:6] for i in ips], ["10.77.", "10.78."], "addresses")
    addr = sandbox("two", "addr")
    check(re.search(rf"eth0 +inet {ips[0]}/", addr) and re.search(rf"eth1 +inet {ips[1]}/", addr), "interfaces: " + addr)
    equal(sandbox("two", "resolv.conf"), "search example.org\nnameserver 10.78.0.53\n", "resolv.conf")


@case("the agent killed with -9 finds container and address again, and still gives all of it back")
def _():
    if MISSING:
        raise Skip(MISSING)
    before = get(dev.agents[0], "/containers").json[0]["status"]["network_infos"]
    os.kill(dev.pid_of("agent1"), signal.SIGKILL)
    c = wait_for("the agent is back", lambda: get(dev.agents[0], "/containers").json, 30)
    equal(c[0]["status"]["network_infos"], before, "network_infos after recovery")
    remove("/two")
    nothing_left()


@case("container/bridge: a host port leads to the container's, by the original's port mapper")
def _():
    if MISSING:
        raise Skip(MISSING)
    d = network("mesos-bridge", 79, bridge="br-three")
    del d["name"]
    open(f"{conf}/mesos-bridge.conf", "w").write(json.dumps({"name": "mesos-bridge", "type": "mesos-cni-port-mapper", "chain": "X", "excludeDevices": ["x"],
                                                         "delegate": {**d, "isDefaultGateway": True}}))
    dev.deploy(app("/b", 'env > env; exec "$STOA" hello --port=8080', networks=[{"mode": "container/bridge"}],
                   container={"type": "MESOS", "portMappings": [{"containerPort": 8080, "hostPort": 0, "name": "web"}]},
                   healthChecks=[{"protocol": "MESOS_HTTP", "path": "/", "portIndex": 0, "intervalSeconds": 1, "gracePeriodSeconds": 20, "delaySeconds": 0}]))
    t = get(dev.marathon, "/v2/apps/b/tasks").json["tasks"][0]
    check(31000 <= t["ports"][0] <= 32000, f"ports {t['ports']}")
    check(f"PORT0={t['ports'][0]}\n" in sandbox("b", "env"), "PORT0")
    check("LIBPROCESS_IP=0.0.0.0\n" in sandbox("b", "env"), "LIBPROCESS_IP")
    wait_for("it answers at the host's port", lambda: get(t["ports"][0], "/", host=HOST).status == 200)
    remove("/b")
    nothing_left()
    rules = sh("iptables", "-t", "nat", "-S")
    check(str(t["ports"][0]) not in rules, "rules left: " + rules)


@case("containers of a pod share the pod's network; its status tells the address")
def _():
    if MISSING:
        raise Skip(MISSING)
    c = {"resources": {"cpus": 0.1, "mem": 32}, "environment": {"STOA": STOA}}
    pod = {"id": "/pod", "networks": [{"mode": "container", "name": "one"}], "scaling": {"kind": "fixed", "instances": 1}, "containers": [
        {"name": "server", "exec": {"command": {"shell": 'exec "$STOA" hello --port=7001'}}, "endpoints": [{"name": "web", "containerPort": 7001}],
         "healthCheck": {"http": {"endpoint": "web", "path": "/"}, "intervalSeconds": 2, "timeoutSeconds": 1, "gracePeriodSeconds": 20, "delaySeconds": 0}, **c},
        {"name": "client", "exec": {"command": {"shell": "cat /etc/hosts /etc/hostname; readlink /proc/self/ns/net; sleep 1000"}}, **c}]}
    equal(post(dev.marathon, "/v2/pods", pod).status, 201, "POST /v2/pods")
    st = wait_for("the pod is stable", lambda: (lambda p: p["status"] == "STABLE" and p)(get(dev.marathon, "/v2/pods/pod::status").json))
    nets = st["instances"][0]["networks"]
    ip = nets[0]["addresses"][0]
    check(nets[0]["name"] == "one" and ip.startswith("10.77.0."), f"networks {nets}")
    wait_for("it answers", lambda: get(7001, "/", host=ip).status == 200)
    out = open(glob.glob(f"{dev.work_dir}/agent*/slaves/*/frameworks/*/executors/*/runs/latest/tasks/*client*/stdout")[0]).read()
    check(f"{ip} " in out and os.readlink("/proc/self/ns/net") not in out, "what the client sees: " + out)
    http_request("DELETE", dev.marathon, "/v2/pods/pod?force=true")
    nothing_left()


@case("images: files of the network in the image's root, for a pod's containers too; DOCKER with BRIDGE and USER")
def _():
    if MISSING:
        raise Skip(MISSING)
    base = Registry().push("test/base", [base_layer()], Env=["PATH=/bin"])
    c = {"resources": {"cpus": 0.1, "mem": 32}, "exec": {"command": {"shell": "cat /etc/hosts /etc/hostname; sleep 1000"}}}
    pod = {"id": "/imaged", "networks": [{"mode": "container", "name": "one"}], "scaling": {"kind": "fixed", "instances": 1}, "containers": [
        {"name": "imaged", "image": {"kind": "DOCKER", "id": base}, **c}]}
    equal(post(dev.marathon, "/v2/pods", pod).status, 201, "POST /v2/pods")
    st = wait_for("the pod is stable", lambda: (lambda p: p["status"] == "STABLE" and p)(get(dev.marathon, "/v2/pods/imaged::status").json))
    ip = st["instances"][0]["networks"][0]["addresses"][0]
    out = glob.glob(f"{dev.work_dir}/agent*/slaves/*/frameworks/*/executors/*/runs/latest/tasks/*.imaged.*/stdout")[0]
    wait_for("the client sees the pod's address", lambda: f"\n{ip} " in open(out).read())
    http_request("DELETE", dev.marathon, "/v2/pods/imaged?force=true")
    fw = Framework(dev.master)
    for id, network in (("bridge", {"network": "BRIDGE"}), ("user", {"network": "USER"})):
        t = task(id, "cat /etc/hosts; hostname; sleep 1000", container={"type": "DOCKER", "docker": {"image": base, **network, "port_mappings": [
            {"host_port": 31900, "container_port": 80}]}, "network_infos": [{"name": "one"}], "hostname": "box"})
        fw.launch(t, cpus=1)
        info = fw.update(id, "TASK_RUNNING")["container_status"]["network_infos"][0]
        equal((info["name"], info["port_mappings"][0]["host_port"]), ("mesos-bridge" if id == "bridge" else "one", 31900), f"network of {id}")
        wait_for("what it sees", lambda: f"{info['ip_addresses'][0]['ip_address']} box\n" in sandbox(id, "stdout") and sandbox(id, "stdout").endswith("box\n"))
        fw.kill(id)
        fw.update(id, "TASK_KILLED")
    fw.end()
    nothing_left()


@case("a network that is unknown, a plugin that fails or is missing: the task fails with the reason, and nothing is left")
def _():
    if MISSING:
        raise Skip(MISSING)
    plugin("picky", """cat > /dev/null; [ $CNI_COMMAND = DEL ] || { echo '{"code":7,"msg":"no vacancy","details":"all rooms taken"}'; exit 1; }""")
    network("picky", 80, type="picky")
    network("absent", 81, type="no-such-plugin")
    for name, want in (("nowhere", "Unknown CNI network 'nowhere'"), ("absent", "CNI plugin 'no-such-plugin' is not in"),
                       ("picky", "to CNI network 'picky': no vacancy: all rooms taken")):
        equal(post(dev.marathon, "/v2/apps", app("/bad", "true", networks=[{"mode": "container", "name": name}], backoffSeconds=60)).status, 201)
        check(want in failure("/bad"), failure("/bad"))
        remove("/bad")
    nothing_left()


@case("in the host's network a port of the agent's is for who was given it; others lose their container")
def _():
    if MISSING:
        raise Skip(MISSING)
    dev.deploy(hello_app("/mine", 1))
    host = {k: v for k, v in app("/thief", 'exec "$STOA" hello --port=31998', backoffSeconds=60).items() if k != "networks"}
    equal(post(dev.marathon, "/v2/apps", host).status, 201)
    check("is listening on unallocated port(s): [31998]" in failure("/thief"), failure("/thief"))
    equal(dev.app("/mine")["tasksHealthy"], 1, "who listens on its own port")
    remove("/mine")
    remove("/thief")


@case("the agent killed with -9 while a plugin runs: what it began is taken away, and the task runs at last")
def _():
    if MISSING:
        raise Skip(MISSING)
    plugin("slow", f"""if [ $CNI_COMMAND = ADD ]; then touch {own}/began; while [ -e {own}/hold ]; do sleep 0.05; done; fi; exec {PLUGINS}/bridge""")
    network("one", 77, type="slow")
    open(own + "/hold", "w").close()
    post(dev.marathon, "/v2/apps", app("/slow", "sleep 1000"))
    wait_for("the plugin runs", lambda: os.path.exists(own + "/began"))
    os.kill(dev.pid_of("agent1"), signal.SIGKILL)
    wait_for("the agent is back", lambda: get(dev.agents[0], "/health").status == 200)
    os.unlink(own + "/hold")
    dev.settled("/slow")
    equal(len(addresses()), 1, f"addresses {addresses()}")
    remove("/slow")
    nothing_left()


@case("the end")
def _():
    if MISSING:
        raise Skip(MISSING)
    dev.stop()


main()
