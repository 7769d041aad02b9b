# SPDX-License-Identifier: Apache-2.0
"""A small data centre for tests/chaos: every machine a network namespace on one bridge, a ZooKeeper ensemble, masters, agents
and marathons on them. Runs inside namespaces of its own (network, mounts, processes), so that whatever happens to the test
nothing is left but empty cgroups, which the caller removes."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

NET = "10.77.0."
HERE = NET + "254"  # the test itself: never cut off
NOWHERE = "02:de:ad:00:00:01"  # frames to this address reach nobody


def sh(*args, input=None):
    r = subprocess.run([str(a) for a in args], input=input, capture_output=True, text=True, timeout=30)
    if r.returncode != 0:
        raise Failed(f"{' '.join(map(str, args))}: {r.stderr.strip()}")
    return r.stdout


def lay_bridge():
    sh("ip", "-batch", "-", input=f"link set lo up\nlink add br0 type bridge\naddr add {HERE}/24 dev br0\nlink set br0 up\n")


class Machine:
    """A network namespace with one address. Its cuts are silent: packets go nowhere, nobody is told."""
    all = {}

    def __init__(self, name):
        self.name, self.ip = name, f"{NET}{len(Machine.all) + 1}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "1000000"], stdin=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, 10, 0.01)
        self.ns = f"/proc/{self.holder.pid}/ns/net"
        n = len(Machine.all) + 1
        sh("ip", "-batch", "-", input=f"link add v{n} type veth peer name eth0 netns {self.holder.pid}\nlink set v{n} master br0 up\n")
        self.ip_batch(["link set lo up", f"addr add {self.ip}/24 dev eth0", "link set eth0 up"])
        self.cut_from = {}  # address -> how many faults cut it
        Machine.all[name] = self

    def ip_batch(self, lines):
        sh("nsenter", f"--net={self.ns}", "ip", "-force", "-batch", "-", input="\n".join(lines) + "\n")

    def run(self, name, args):
        p = Process(name, ["nsenter", f"--net={self.ns}", *args])
        p.machine, p.stopped = self, False
        return p


def cut(a, b, on):
    """Cuts (on) or heals the way between two lists of machines; counted, so that cuts may overlap."""
    for x, y in [(x, y) for x in a for y in b if x is not y] + [(y, x) for x in a for y in b if x is not y]:
        n = x.cut_from.get(y.ip, 0) + (1 if on else -1)
        x.cut_from[y.ip] = n
        if on and n == 1:
            x.ip_batch([f"neigh replace {y.ip} lladdr {NOWHERE} dev eth0 nud permanent"])
        elif not on and n == 0:
            x.ip_batch([f"neigh del {y.ip} dev eth0"])


class Ensemble:
    """ZooKeeper servers, a machine each."""

    def __init__(self, count=3):
        for f in ZooKeeper.JARS + ["/usr/bin/java"]:
            if not os.path.exists(f):
                raise Skip(f"{f} is not there; scripts/install-packages test installs it")
        self.machines = [Machine(f"zk{i + 1}") for i in range(count)]
        peers = "".join(f"server.{i + 1}={m.ip}:2888:3888\n" for i, m in enumerate(self.machines))
        self.servers = []
        for i, m in enumerate(self.machines):
            d = os.path.join(scratch(), m.name)
            os.makedirs(d + "/data")
            open(d + "/data/myid", "w").write(str(i + 1))
            open(d + "/zoo.cfg", "w").write(
                f"tickTime=200\ninitLimit=50\nsyncLimit=25\nminSessionTimeout=400\nmaxSessionTimeout=60000\ndataDir={d}/data\n"
                f"clientPort=2181\nclientPortAddress={m.ip}\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n{peers}")
            self.servers.append(m.run(m.name, [
                "/usr/bin/java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.admin.enableServer=false", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-Djava.net.preferIPv4Stack=true", "-cp", ":".join(ZooKeeper.JARS),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", d + "/zoo.cfg"]))

    def url(self, path):
        return "zk://" + ",".join(f"{m.ip}:2181" for m in self.machines) + path

    def serves(self, m):
        with socket.create_connection((m.ip, 2181), 1) as s:
            s.settimeout(1)
            s.sendall(b"srvr")
            return b"Mode:" in s.recv(65536, socket.MSG_WAITALL)

    def wait_up(self):
        for m in self.machines:
            wait_for(f"{m.name} serves", lambda: self.serves(m), 60)


def environ_of(pid):
    try:
        return dict(e.split("=", 1) for e in open(f"/proc/{pid}/environ", errors="replace").read().split("\0") if "=" in e)
    except OSError:
        return {}


def cmdline_of(pid):
    try:
        return open(f"/proc/{pid}/cmdline", errors="replace").read().replace("\0", " ")
    except OSError:
        return ""


def exe_of(pid):
    """Name of the program of a process, "" when it is gone."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def cgroup_of(pid):
    """The container's cgroup, below its agent's root, of a process: (root, container id) or None."""
    try:
        m = re.search(r":freezer:/(stoa_chaos_[^/\n]+)/([^/\n]+)", open(f"/proc/{pid}/cgroup").read()) or \
            re.search(r":/(stoa_chaos_[^/\n]+)/([^/\n]+)", open(f"/proc/{pid}/cgroup").read())
        return m and (m.group(1), m.group(2))
    except OSError:
        return None


def pids():
    return [int(d) for d in os.listdir("/proc") if d.isdigit()]


def task_processes():
    """What really runs: task id -> {(cgroup root, container id): [pids]}, of the tasks' own processes."""
    found = {}
    for p in pids():
        e = environ_of(p)
        if (id := e.get("MESOS_TASK_ID")) and (c := cgroup_of(p)):
            found.setdefault(id, {}).setdefault(c, []).append(p)
    return found


def executors(root):
    """Pids of the executors in the containers of one agent: container id -> pid."""
    found = {}
    for p in pids():
        c = cgroup_of(p)
        if c and c[0] == root and exe_of(p) == "stoa-executor":
            found[c[1]] = p
    return found


def cgroups(root):
    """Ids of the containers of one agent that have a cgroup."""
    return sorted({os.path.basename(d.rstrip("/")) for d in glob.glob(f"/sys/fs/cgroup/*/{root}/*/") + glob.glob(f"/sys/fs/cgroup/{root}/*/")})


def remove_cgroups(prefix):
    """Empty cgroups that a killed test left, deepest first."""
    for top in glob.glob(f"/sys/fs/cgroup/*/{prefix}*") + glob.glob(f"/sys/fs/cgroup/{prefix}*"):
        for d, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(d)
            except OSError:
                pass
