#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fetcher row by row, and what an agent keeps for how long: completed executors, sandboxes, executors that do not come, do not end, or wait
for an agent that does not come back. All fetching tasks run at once; a row then looks at what came of its own."""
import bz2, gzip, io, lzma, os, sys, tarfile, zipfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *
import http.server

f = web = None
seen, requests, ended = {}, [], {}


class Web(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        requests.append(self.path)
        self.answer(True)

    def answer(self, body):
        name = self.path.split("?")[0].strip("/")
        data = ARCHIVES.get(name) or (b"slow" if name.startswith("slow") else b"content of " + name.encode())
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/there")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        code = 404 if name.startswith("missing") else 500 if name == "broken" else 204 if name == "empty" else 200
        self.send_response(code)
        self.send_header("Content-Length", str(len(data) if code == 200 else 0))
        self.end_headers()
        if name.startswith("slow") and body:
            time.sleep(0.5)
        if body and code == 200:
            self.wfile.write(data)

    def log_message(self, *a):
        pass


def tar(mode):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w:" + mode) as t:
        i = tarfile.TarInfo("inner/file")
        i.size = 5
        t.addfile(i, io.BytesIO(b"inner"))
    return b.getvalue()


def zipped():
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("inner/file", "inner")
    return b.getvalue()


ARCHIVES = {"a.tar": tar(""), "a.tgz": tar("gz"), "a.tar.gz": tar("gz"), "a.tbz2": tar("bz2"), "a.tar.bz2": tar("bz2"), "a.txz": tar("xz"), "a.tar.xz": tar("xz"),
            "a.zip": zipped(), "b.gz": gzip.compress(b"inner")}
HTTP = "{http}"
# id: its URIs, the files and their contents (None: must not be there), or the text of its failure
FETCHES = {
    **{f"extract-{n}": ([{"value": f"{HTTP}/{n}"}], {"inner/file": b"inner", n: ARCHIVES[n]}) for n in ARCHIVES if n != "b.gz"},
    "gunzip": ([{"value": f"{HTTP}/b.gz"}], {"b": b"inner"}),
    "no-extract": ([{"value": f"{HTTP}/a.tgz", "extract": False}], {"a.tgz": ARCHIVES["a.tgz"], "inner": None}),
    "executable": ([{"value": f"{HTTP}/a.tar", "executable": True}], {"a.tar": ARCHIVES["a.tar"], "inner": None}),
    "other-suffix": ([{"value": f"{HTTP}/notes.txt"}], {"notes.txt": b"content of notes.txt"}),
    "output-file": ([{"value": f"{HTTP}/x", "output_file": "deep/er/y"}], {"deep/er/y": b"content of x", "x": None}),
    "output-archive": ([{"value": f"{HTTP}/a.tgz", "output_file": "deep/b.tgz"}], {"deep/b.tgz": ARCHIVES["a.tgz"]}),
    "cached-archive": ([{"value": f"{HTTP}/a.tar.gz", "cache": True}], {"inner/file": b"inner", "a.tar.gz": None}),
    "cached-file": ([{"value": f"{HTTP}/kept", "cache": True}], {"kept": b"content of kept"}),
    **{f"together-{i}": ([{"value": f"{HTTP}/slow", "cache": True}], {"slow": b"slow"}) for i in range(4)},
    "blanks": ([{"value": "  \t{dir}/local"}], {"local": b"of the machine"}),
    "file-scheme": ([{"value": "file://{dir}/local"}, {"value": "file://localhost{dir}/local", "output_file": "two"}], {"local": b"of the machine", "two": b"of the machine"}),
    "several": ([{"value": f"{HTTP}/one"}, {"value": f"{HTTP}/two"}], {"one": b"content of one", "two": b"content of two"}),
    "redirect": ([{"value": f"{HTTP}/moved"}], {"moved": b"content of there"}),
    "404": ([{"value": f"{HTTP}/missing"}], "Unexpected HTTP response code: 404"),
    "404-cached": ([{"value": f"{HTTP}/missing2", "cache": True}], "Unexpected HTTP response code: 404"),
    "500": ([{"value": f"{HTTP}/broken"}], "Unexpected HTTP response code: 500"),
    "204": ([{"value": f"{HTTP}/empty"}], "Unexpected HTTP response code: 204"),
    "nobody": ([{"value": "http://127.0.0.1:1/x"}], "Failed to connect to 127.0.0.1 port 1"),
    "no-file": ([{"value": "/no/such/file"}], "/no/such/file: No such file or directory"),
    "directory": ([{"value": "/etc"}], "/etc is no regular file"),
    "relative": ([{"value": "somewhere"}], "a relative path needs the agent's flag --frameworks_home"),
    "hadoop": ([{"value": "hdfs://name/x"}], "the scheme of this URI is not supported; use a path, file, http(s) or ftp(s)"),
    "s3": ([{"value": "s3n://bucket/x"}], "the scheme of this URI is not supported; use a path, file, http(s) or ftp(s)"),
    "no-name": ([{"value": f"{HTTP}/"}], "Malformed URI (missing path)"),
    "climbs": ([{"value": f"{HTTP}/x", "output_file": "../x"}], "output file '../x' is not inside the sandbox"),
    "absolute": ([{"value": f"{HTTP}/x", "output_file": "/tmp/x"}], "output file '/tmp/x' is not inside the sandbox"),
    "broken-archive": ([{"value": "{dir}/broken.tgz"}], "broken.tgz"),
    "first-fails": ([{"value": f"{HTTP}/missing3"}, {"value": f"{HTTP}/after"}], "Unexpected HTTP response code: 404"),
}


@case("a master, an agent and all tasks that fetch")
def _():
    global f, web
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    os.chmod(scratch(), 0o755)
    open(scratch() + "/local", "w").write("of the machine")
    open(scratch() + "/broken.tgz", "wb").write(b"\x1f\x8bnonsense")
    os.makedirs(scratch() + "/cache")
    open(scratch() + "/cache/0-0123456789abcdef", "w").write("left")
    open(scratch() + "/cache/mine", "w").write("nobody's")
    start("--max_completed_executors_per_framework=60", "--executor_shutdown_grace_period=1secs", "--disk_watch_interval=100ms")
    f = framework(name="keeping")
    for id, (uris, _) in FETCHES.items():
        t = task(id, "exit 0", cpus=0.05)
        t["command"]["uris"] = [{k: v.format(http=f"http://127.0.0.1:{web.server_port}", dir=scratch()) if isinstance(v, str) else v for k, v in u.items()} for u in uris]
        seen[id] = t
    f.launch(*seen.values())


def end_of(id):
    if not ended:
        ended.update(collect(f, list(FETCHES), 60))
    return ended[id][-1]


for id, (uris, want) in FETCHES.items():
    @case(f"CommandInfo.URI: {id}: " + (want if isinstance(want, str) else ", ".join(k + (" is not there" if v is None else "") for k, v in want.items())))
    def _(id=id, want=want):
        s, box = end_of(id), sandbox(f, id)
        if isinstance(want, str):
            equal((s["state"], s["reason"], s["source"]), ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "SOURCE_AGENT"), id)
            check("Failed to fetch all URIs for container" in s["message"], s["message"])
            log = open(box + "/stderr").read()
            check(want in log, log)
            return
        equal(s["state"], "TASK_FINISHED", s.get("message"))
        for name, data in want.items():
            equal(os.path.exists(f"{box}/{name}"), data is not None, f"{name} is there")
            if data is not None:
                equal(open(f"{box}/{name}", "rb").read(), data, name)


@case("CommandInfo.URI: modes, who downloads what how often, and the cache")
def _():
    equal(os.stat(sandbox(f, "executable") + "/a.tar").st_mode & 0o777, 0o755, "executable")
    check(os.stat(sandbox(f, "several") + "/one").st_mode & 0o111 == 0, "not executable")
    equal(requests.count("/slow"), 1, "downloads of what four asked for at once")
    check("/after" not in requests, "nothing is fetched after a failure")
    check(not os.path.exists(scratch() + "/cache/0-0123456789abcdef"), "the cache of an agent before is wiped")
    check(os.path.exists(scratch() + "/cache/mine"), "what the fetcher never made stays")
    t = task("again", "exit 0")
    t["command"]["uris"] = [{"value": f"http://127.0.0.1:{web.server_port}/kept", "cache": True}]
    f.launch(t)
    f.update("again", "TASK_FINISHED")
    equal(requests.count("/kept"), 1, "downloads of what is in the cache")


# --- executors ---

def again(*flags):
    """The agent with these flags besides. A short timeout is for the one case that waits for it: others might take as long."""
    c.agent.stop()
    c.agent = Process("agent", [STOA, "agent", *c.flags, *flags])
    wait_for("the agent is back", lambda: get(c.port, "/slaves").json["slaves"][0]["active"] and get(c.agent_port, "/health").status == 200)


@case("--executor_registration_timeout: an executor that never subscribes: its container and its tasks end, with the reason")
def _():
    again("--executor_registration_timeout=1secs")
    f.launch(custom(f, "silent", "silent"))
    s = f.update("silent", "TASK_FAILED")
    equal((s["reason"], s["message"]), ("REASON_EXECUTOR_REGISTRATION_TIMEOUT", "Executor did not register within 1secs"))
    equal(f.failures[-1]["executor_id"], {"value": "silent"}, "FAILURE")
    again()


@case("--executor_shutdown_grace_period: an executor that does not end after SHUTDOWN is destroyed")
def _():
    f.launch(custom(f, "stays", "stays"))
    e = Executor(f, "stays")
    e.next("SUBSCRIBED")
    e.next("LAUNCH")
    e.update("stays", "TASK_RUNNING")
    begun = time.monotonic()
    f.call("SHUTDOWN", shutdown={"executor_id": {"value": "stays"}, "agent_id": {"value": state()["id"]}})
    e.next("ACKNOWLEDGED", "SHUTDOWN")
    s = f.update("stays", "TASK_FAILED", "TASK_LOST", "TASK_GONE")
    check(1 <= time.monotonic() - begun < PATIENCE, f"it took {time.monotonic() - begun:.1f} s")
    equal(s["reason"], "REASON_EXECUTOR_TERMINATED", s)


@case("--max_completed_executors_per_framework: the last so many are known")
def _():
    c.agent.kill().wait()
    c.agent = Process("agent", [STOA, "agent", *c.flags, "--max_completed_executors_per_framework=3"])
    wait_for("the agent is back", lambda: get(c.port, "/slaves").json["slaves"][0]["active"] and get(c.agent_port, "/health").status == 200)
    for i in range(5):
        f.launch(task(f"past-{i}", "exit 0"))
        f.update(f"past-{i}", "TASK_FINISHED")
    equal([w["id"] for w in frameworks()].count(f.id), 1, "entries of a framework that comes and goes")
    known = lambda: [e["id"] for w in frameworks() if w["id"] == f.id for e in w["completed_executors"]]
    wait_for("the last three are known", lambda: sorted(known()) == ["past-2", "past-3", "past-4"])


@case("--recovery_timeout: executors wait so long for a new agent, then they end with their tasks; the new one tells of it")
def _():
    again("--recovery_timeout=1secs")
    f.launch(task("orphan", "sleep 1000"))
    f.update("orphan", "TASK_RUNNING")
    pid = next(s["container_status"]["executor_pid"] for s in api("GET_CONTAINERS", get_containers={}).json["get_containers"]["containers"])
    c.agent.kill().wait()
    wait_for("the executor gave up", lambda: not is_alive(pid), 20)
    c.agent = Process("agent", [STOA, "agent", *c.flags])
    s = f.update("orphan", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_GONE")
    equal((s["state"], s["reason"]), ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED"), s)


# --- garbage ---

def runs():
    """Of sandboxes and of checkpoints."""
    id = state()["id"]
    return [r for top in ("a", "a/meta") for r in glob.glob(f"{scratch()}/{top}/slaves/{id}/frameworks/{f.id}/executors/*/runs/*-*")]


@case("--gc_disk_headroom: sandboxes of the past are removed early when the disk is full beyond it; one that is in use stays")
def _():
    f.launch(task("lives", "sleep 1000"))
    f.update("lives", "TASK_RUNNING")
    check(len(runs()) > 20, f"{len(runs())} folders")
    box = sandbox(f, "past-4")
    equal(get(c.agent_port, f"/files/browse?path={box}").status, 200, "before")
    again("--gc_disk_headroom=1")
    wait_for("they are gone", lambda: len(runs()) == 2)
    check("/lives/" in runs()[0] and "/lives/" in runs()[1], runs())
    equal(get(c.agent_port, f"/files/browse?path={box}").status, 404, "after")
    m = get(c.agent_port, "/metrics/snapshot").json
    check(m["gc/path_removals_succeeded"] >= 20 and m["gc/path_removals_failed"] == 0, m["gc/path_removals_succeeded"])


@case("--gc_delay: a sandbox is removed so long after the end of its executor, its checkpoints too")
def _():
    again("--gc_delay=2secs", "--gc_disk_headroom=0")
    begun = time.monotonic()
    f.launch(task("short", "exit 0"))
    f.update("short", "TASK_FINISHED")
    box = sandbox(f, "short")
    check(os.path.exists(box) or time.monotonic() - begun > 2, "it is kept for a while")
    wait_for("it is removed", lambda: not [r for r in runs() if "/short/" in r], 20)
    check(len(runs()) == 2, runs())
    check(time.monotonic() - begun > 0.1, "not at once")


@case("the end")
def _():
    web.shutdown()
    f.end()
    finish()


main()
