# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a cluster of real processes on ports and directories of its own, waiting for
conditions with a bound (never sleeping for luck), and TAP output.

    from cluster import *
    @case("an app is deployed and healthy")
    def _(): ...
    main()

Each program starts what it needs with Dev() or Process(), which end and clean up whatever happens. Nothing may be left
after a test: Dev checks it."""
import atexit, fcntl, glob, http.client, json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, time, traceback

ROOT_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("STOA_BUILD") or os.path.join(ROOT_DIR, "build")
STOA = os.path.join(BUILD, "stoa")
IS_ROOT = os.geteuid() == 0
# The least that anything is waited for, in seconds. It costs nothing when the test passes, and a machine may be held up.
PATIENCE = 60
_cases = []


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def case(name):
    def add(fn):
        _cases.append((name, fn))
        return fn
    return add


def main(log_lines=12, needed=0):
    """Runs the cases in order and prints TAP. A name or number as argument picks one, --list prints the names and runs none.
    log_lines: of each process after a failure. needed: the first cases without which the others cannot run."""
    if "--list" in sys.argv[1:]:
        print("\n".join(name for name, _ in _cases))
        return
    only = sys.argv[1] if len(sys.argv) > 1 else None
    bad = 0
    for i, (name, fn) in enumerate(_cases, 1):
        if only and only != str(i) and only not in name and i > needed:
            continue
        try:
            fn()
            print(f"ok {i} - {name}", flush=True)
        except Skip as e:
            print(f"ok {i} - {name} # SKIP {e}", flush=True)
        except Exception as e:
            bad += 1
            for line in (f"{type(e).__name__}: {e}\n" + traceback.format_exc()).rstrip().split("\n"):
                print("# " + line)
            for p in Process.alive if log_lines else []:
                print(f"# --- the end of {p.name}'s log\n# " + p.tail(log_lines).replace("\n", "\n# "))
            print(f"not ok {i} - {name}", flush=True)
            if i <= needed:
                break
    Process.end_all()
    sys.exit(1 if bad else 0)


def check(value, what):
    if not value:
        raise Failed(what)
    return value


def equal(got, want, what="value"):
    if got != want:
        raise Failed(f"{what} is {got!r}, not {want!r}")


def wait_for(what, fn, seconds=PATIENCE, pause=0.05):
    """The first true value of fn; exceptions of a server that is not there yet count as not yet. seconds: when it may take more
    than PATIENCE."""
    seconds = max(seconds, PATIENCE)
    deadline, last = time.monotonic() + seconds, None
    while True:
        try:
            value = fn()
            if value:
                return value
            last = value
        except (OSError, http.client.HTTPException, LookupError, ValueError, StopIteration, TypeError, AttributeError) as e:
            last = e
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s; last: {last!r}")
        time.sleep(pause)


_download_left = 450


def download(what, *args, wipe=None, seconds=180, **more):
    """Runs an installer that fetches what others publish. A registry that is slow, down or refuses is no failure of ours: it is asked
    twice, then the case is skipped with the reason. wipe: a folder that a broken attempt may have left half filled. All downloads of
    one test together have 450 s."""
    global _download_left
    why = "no time is left for downloads"
    for _ in range(2):
        begin, allowed = time.monotonic(), min(seconds, _download_left)
        if allowed < 5:
            break
        with tempfile.TemporaryFile("w+", errors="replace") as out:
            p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **more)
            try:
                status = p.wait(allowed)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                status, why = None, f"not within {allowed:.0f} s"
            if status is not None:
                out.seek(0)
                why = " ".join(out.read().split())[-200:]
        _download_left -= time.monotonic() - begin
        if status == 0:
            return
    if wipe:
        shutil.rmtree(wipe, ignore_errors=True)
    raise Skip(f"{what} could not be installed: {why}")


_next_port = random.randrange(28100, 30500)
_taken = []


def _take(port):
    """Nobody listens on it, and of all tests that run at once no other takes it: an abstract name says so until this one ends."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0stoa-test-port-{port}")
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("", port))
    except OSError:
        name.close()
        return False
    # High numbers: a shell knows no descriptors above 9, and some cases pass theirs to one.
    _taken.append(fcntl.fcntl(name, fcntl.F_DUPFD_CLOEXEC, 400))
    name.close()
    return True


def free_ports(n=1):
    """n consecutive ports of this test's own."""
    global _next_port
    while True:
        ports = list(range(_next_port, _next_port + n))
        _next_port = 28100 if _next_port > 30900 else _next_port + n
        if all([_take(p) for p in ports]):
            return ports


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def http_request(method, port, path, body=None, headers=None, timeout=PATIENCE, host="127.0.0.1"):
    c = http.client.HTTPConnection(host, port, timeout=timeout)
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    try:
        c.request(method, path, body, headers)
        r = c.getresponse()
        return Reply(r.status, r.headers, r.read())
    finally:
        c.close()


def get(port, path, **kw):
    return http_request("GET", port, path, **kw)


def post(port, path, body=None, **kw):
    return http_request("POST", port, path, body, **kw)


class Process:
    """A child with a log file of its own, in a process group of its own; killed at the end whatever happens."""
    alive = []

    def __init__(self, name, args, env=None, cwd=None):
        self.name, self.args = name, [str(a) for a in args]
        self.log_path = os.path.join(scratch(), f"{name}.{len(Process.alive)}.log")
        self.env, self.cwd = env, cwd
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.p = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                      env={**os.environ, **(self.env or {})}, cwd=self.cwd)
        if self not in Process.alive:
            Process.alive.append(self)

    @property
    def pid(self):
        return self.p.pid

    def tail(self, lines=15):
        try:
            return "\n".join(open(self.log_path, errors="replace").read().split("\n")[-lines:])
        except OSError:
            return ""

    def kill(self, sig=signal.SIGKILL):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        return self

    def wait(self, seconds=PATIENCE):
        return self.p.wait(max(seconds, PATIENCE))

    def stop(self, sig=signal.SIGTERM, seconds=PATIENCE):
        """Ends it; a process that does not follow is killed, and that is a failure."""
        if self in Process.alive:
            Process.alive.remove(self)
        if self.p.poll() is not None:
            return self.p.returncode
        self.p.send_signal(sig)
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise Failed(f"{self.name} did not end within {seconds} s of signal {sig}")

    @staticmethod
    def end_all():
        for p in list(reversed(Process.alive)):
            try:
                p.stop()
            except Failed as e:
                print("#", e)


_scratch = None


def scratch():
    global _scratch
    if _scratch is None:
        _scratch = tempfile.mkdtemp(prefix="stoa-test.")
        os.chmod(_scratch, 0o755)
        atexit.register(lambda: shutil.rmtree(_scratch, ignore_errors=True))
        atexit.register(Process.end_all)
    return _scratch


class Dev:
    """`stoa dev` with its master, agents and marathon."""

    def __init__(self, *extra, agents=1, work_dir=None, agent_flags=(), master_flags=(), marathon_flags=()):
        base = free_ports(2 + agents)
        self.master, self.marathon, self.agents = base[0], base[1], base[2:]
        self.work_dir = work_dir or tempfile.mkdtemp(prefix="dev.", dir=scratch())
        os.chmod(self.work_dir, 0o755)
        self.cgroups_root = f"stoa_test_{os.getpid()}_{self.master}"
        args = [STOA, "dev", f"--work_dir={self.work_dir}", f"--master_port={self.master}", f"--agent_port={self.agents[0]}",
                f"--marathon_port={self.marathon}", f"--agents={agents}", f"--agent.cgroups_root={self.cgroups_root}"]
        args += [f"--agent.{f}" for f in agent_flags] + [f"--master.{f}" for f in master_flags]
        args += [f"--marathon.{f}" for f in marathon_flags] + list(extra)
        self.process = Process("dev", args)
        self.env = {"STOA_MASTER": f"127.0.0.1:{self.master}", "STOA_MARATHON": f"127.0.0.1:{self.marathon}"}
        wait_for("the cluster is up", self._is_up, 60)

    def _is_up(self):
        if self.process.p.poll() is not None:
            raise Failed(f"stoa dev ended with {self.process.p.returncode}: " + self.process.tail())
        return (get(self.marathon, "/ping").status == 200 and get(self.master, "/health").status == 200 and
                sum(s["active"] for s in get(self.master, "/slaves").json["slaves"]) == len(self.agents))

    def pid_of(self, role):
        """Pid of "master", "agent1", "marathon" from the process table: the child of dev with that work directory."""
        mark = {"master": f"{self.work_dir}/master", "marathon": f"{self.work_dir}/marathon"}.get(role, f"{self.work_dir}/{role}")
        for d in glob.glob("/proc/[0-9]*"):
            try:
                ppid = int(re.search(r"^PPid:\s+(\d+)", open(d + "/status").read(), re.M).group(1))
                line = open(d + "/cmdline").read()
                if ppid == self.process.pid and (f"--work_dir={mark}\0" in line or f"--store_dir={mark}\0" in line):
                    return int(d[6:])
            except OSError:
                continue
        raise Failed(f"no process of {role}")

    def cli(self, *args, ok=True, timeout=120):
        r = subprocess.run([STOA, *args], env={**os.environ, **self.env}, capture_output=True, text=True, timeout=timeout)
        if ok and r.returncode != 0:
            raise Failed(f"stoa {' '.join(args)}: status {r.returncode}: {r.stderr.strip()}")
        return r

    # marathon
    def app(self, id, **query):
        r = get(self.marathon, f"/v2/apps{id}?embed=app.tasks&embed=app.counts&embed=app.deployments&embed=app.lastTaskFailure")
        return r.json["app"] if r.status == 200 else None

    def deploy(self, app, seconds=60):
        r = post(self.marathon, "/v2/apps", app)
        equal(r.status, 201, f"status of POST {app['id']} ({r.text[:300]})")
        self.settled(app["id"], seconds)
        return r.json

    def settled(self, id, seconds=60):
        def is_settled():
            a = self.app(id)
            return a and a["tasksRunning"] == a["instances"] and not a["deployments"] and \
                (not a.get("healthChecks") or a["tasksHealthy"] == a["instances"]) and a
        return wait_for(f"{id} runs as wanted", is_settled, seconds)

    def tasks(self):
        return get(self.master, "/tasks?limit=-1").json["tasks"]

    def stop(self):
        """Ends the cluster and proves that nothing of it is left."""
        self.process.stop(signal.SIGTERM, 60)
        left = lambda: [p for p in subprocess.run(["pgrep", "-f", self.work_dir], capture_output=True, text=True).stdout.split() if int(p) != os.getpid()]
        wait_for("no process is left", lambda: left() == [])
        equal([l for l in open("/proc/mounts") if self.work_dir in l], [], "mounts left")
        cgroups = [d for d in glob.glob(f"/sys/fs/cgroup/*/{self.cgroups_root}/*/") + glob.glob(f"/sys/fs/cgroup/{self.cgroups_root}/*/")]
        equal(cgroups, [], "cgroups left")
        for d in glob.glob(f"/sys/fs/cgroup/*/{self.cgroups_root}") + glob.glob(f"/sys/fs/cgroup/{self.cgroups_root}"):
            try:
                os.rmdir(d)
            except OSError:
                pass


def processes_in(directory, word):
    """Pids of the processes with that word in their command line that work below this directory."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/cmdline", "rb") as f:
                if word.encode() in f.read() and os.readlink(f"/proc/{p}/cwd").startswith(directory):
                    found.append(int(p))
        except OSError:  # it ended meanwhile
            pass
    return found


def hello_app(id="/hello", instances=3, **more):
    """An app of small web servers behind an HTTP health check."""
    return {"id": id, "cmd": 'exec "$STOA" hello', "env": {"STOA": STOA}, "cpus": 0.1, "mem": 32, "instances": instances,
            "portDefinitions": [{"port": 0, "name": "web"}],
            "healthChecks": [{"protocol": "HTTP", "path": "/", "portIndex": 0, "gracePeriodSeconds": 10, "intervalSeconds": 1,
                              "timeoutSeconds": 5, "maxConsecutiveFailures": 3}], **more}


class Stream:
    """A SUBSCRIBE stream of the v1 scheduler API in JSON: raw socket, chunks, RecordIO."""

    def __init__(self, port, call, path="/api/v1/scheduler", accept="application/json"):
        body = json.dumps(call).encode()
        self.s = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.s.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.f = self.s.makefile("rb")
        self.status = int(self.f.readline().split()[1])
        self.headers = {}
        while (line := self.f.readline().strip()):
            k, _, v = line.decode().partition(":")
            self.headers[k.lower()] = v.strip()
        self.stream_id = self.headers.get("mesos-stream-id")
        self.buffer, self.ended = b"", False
        if self.status != 200:
            self.body = self.f.read(int(self.headers.get("content-length", 0)))

    def _chunk(self):
        size = int(self.f.readline().split(b";")[0] or b"0", 16)
        data = self.f.read(size)
        self.f.readline()
        if size == 0:
            self.ended = True
        return data

    def next(self, seconds=PATIENCE):
        """The next event, or None at the end of the stream."""
        self.s.settimeout(seconds)
        while True:
            n, nl, rest = self.buffer.partition(b"\n")
            if nl and len(rest) >= int(n):
                self.buffer = rest[int(n):]
                return json.loads(rest[:int(n)])
            if self.ended:
                return None
            try:
                self.buffer += self._chunk()
            except (ValueError, OSError):
                if isinstance(sys.exc_info()[1], TimeoutError):
                    raise Failed(f"no event within {seconds} s")
                return None

    def until(self, what, fn, seconds=PATIENCE, is_expected=True):
        """Reads events until fn(event) is true. Without is_expected the wait ends after these seconds, however few."""
        seconds = max(seconds, PATIENCE) if is_expected else seconds
        deadline = time.monotonic() + seconds
        seen = []
        while time.monotonic() < deadline:
            e = self.next(max(0.1, deadline - time.monotonic()))
            if e is None:
                raise Failed(f"{what}: the stream ended; seen: {seen[-5:]}")
            seen.append(e["type"])
            if fn(e):
                return e
        raise Failed(f"{what}: not within {seconds} s; seen: {seen[-10:]}")

    def close(self):
        try:
            self.s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.s.close()


class ZooKeeper:
    """One server, or an ensemble of three, on ports of its own. Raises Skip where the machine has none."""
    JARS = ["/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"]

    def __init__(self, servers=1):
        for f in self.JARS + ["/usr/bin/java"]:
            if not os.path.exists(f):
                raise Skip(f"{f} is not there; scripts/install-packages test installs it")
        self.dir = tempfile.mkdtemp(prefix="zk.", dir=scratch())
        ports = free_ports(servers * 3)
        self.ports, self.servers = ports[:servers], []
        peers = "".join(f"server.{i + 1}=127.0.0.1:{ports[servers + i]}:{ports[2 * servers + i]}\n" for i in range(servers))
        for i, port in enumerate(self.ports):
            d = os.path.join(self.dir, str(i + 1))
            os.makedirs(d + "/data")
            open(d + "/data/myid", "w").write(str(i + 1))
            open(d + "/zoo.cfg", "w").write(
                f"tickTime=200\ninitLimit=50\nsyncLimit=25\nminSessionTimeout=400\nmaxSessionTimeout=60000\ndataDir={d}/data\n"
                f"clientPort={port}\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n"
                + (peers if servers > 1 else ""))
            self.servers.append(Process(f"zookeeper{i + 1}", [
                "/usr/bin/java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dzookeeper.admin.enableServer=false", "-Djava.net.preferIPv4Stack=true", "-cp", ":".join(self.JARS),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", d + "/zoo.cfg"]))
        self.wait_up()

    @property
    def hosts(self):
        return ",".join(f"127.0.0.1:{p}" for p in self.ports)

    def url(self, path):
        return f"zk://{self.hosts}{path}"

    def command(self, word, i=0):
        with socket.create_connection(("127.0.0.1", self.ports[i]), 10) as s:
            s.settimeout(10)
            s.sendall(word.encode())
            out = b""
            while (b := s.recv(65536)):
                out += b
            return out.decode()

    def mode(self, i=0):
        """"leader", "follower", "standalone", or None while it does not serve."""
        try:
            m = re.search(r"^Mode: (\w+)", self.command("srvr", i), re.M)
            return m and m.group(1)
        except OSError:
            return None

    def wait_up(self):
        for i in range(len(self.servers)):
            wait_for(f"ZooKeeper server {i + 1} serves", lambda: self.mode(i), 60)

    def kill(self, i=0):
        self.servers[i].kill().wait()

    def start(self, i=0):
        self.servers[i].start()
        wait_for("ZooKeeper serves", lambda: self.mode(i), 60)
