#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Container networks through CNI plugins on real processes: addresses, files in /etc, ports, checks, pods, failures, and that
nothing is left behind, also when the agent is killed at any point. All of it in a network namespace of its own, so that the
machine's network stays as it is."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

PLUGINS = next((d for d in ("/usr/lib/cni", "/opt/cni/bin") if os.path.exists(d + "/bridge")), None)
HOST = "10.98.0.1"  # the agent's address, which containers reach
MISSING = ("needs root" if not IS_ROOT else "no CNI plugins (containernetworking-plugins)" if PLUGINS is None else
           "no iptables" if not shutil.which("iptables", path="/usr/sbin:/sbin:" + os.environ["PATH"]) else None)

if not MISSING and os.environ.get("STOA_OWN_NETWORK") != "1":
    os.environ["STOA_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])

dev = conf = state = None


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
    global dev, conf, state
    if MISSING:
        raise Skip(MISSING)
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "host0", "type", "veth", "peer", "name", "peer0")
    sh("ip", "addr", "add", HOST + "/24", "dev", "host0")
    for name in ("host0", "peer0"):
        sh("ip", "link", "set", name, "up")
    conf, state = tempfile.mkdtemp(dir=scratch()), tempfile.mkdtemp(dir=scratch())
    network("one", 77)
    open(f"{conf}/broken", "w").write("{")
    dev = Dev(agent_flags=["ip=0.0.0.0", f"advertise_ip={HOST}", f"network_cni_config_dir={conf}", f"network_cni_plugins_dir=/nowhere:{PLUGINS}"],
              marathon_flags=["mesos_bridge_name=bridged"])
    dev.deploy(app("/a", 'cat /etc/hosts /etc/hostname > files; hostname > name; exec "$STOA" hello --port=8080',
                   container={"type": "MESOS", "portMappings": [{"containerPort": 8080, "name": "web"}]}))
    t = get(dev.marathon, "/v2/apps/a/tasks").json["tasks"][0]
    ip = t["ipAddresses"][0]["ipAddress"]
    check(re.fullmatch(r"10\.77\.0\.\d+", ip), f"address {ip}")
    wait_for("it answers at its address", lambda: get(8080, "/", host=ip).status == 200)
    s = [s for s in dev.tasks()[0]["statuses"] if s["state"] == "TASK_RUNNING"][-1]["container_status"]["network_infos"]
    equal((s[0]["name"], s[0]["ip_addresses"]), ("one", [{"protocol": "IPv4", "ip_address": ip}]), "network_infos")
    c = get(dev.agents[0], "/containers").json[0]
    equal(c["status"]["network_infos"][0]["ip_addresses"][0]["ip_address"], ip, "/containers")
    cid = c["container_id"]
    equal(sandbox("a", "name").strip(), cid, "host name")
    check(f"{ip} {cid}\n" in sandbox("a", "files") and sandbox("a", "files").endswith(cid), "hosts and hostname: " + sandbox("a", "files"))


@case("when it is gone nothing of its network is left")
def _():
    if MISSING:
        raise Skip(MISSING)
    remove("/a")
    nothing_left()


@case("the end")
def _():
    if MISSING:
        raise Skip(MISSING)
    dev.stop()


main()
