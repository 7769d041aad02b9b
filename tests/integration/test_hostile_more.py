#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks and executors that mean harm or are broken, under the default flags: what they leave behind, what they serve to health checks, what they send
and do not read, what they put into their sandbox for others to read. Whatever they do: the agent answers, a neighbour lives, nothing is left."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *
import base64, threading, uuid

J = {"Content-Type": "application/json", "Accept": "application/json"}


def rss():
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{c.agent.pid}/status").read()).group(1)) / 1024


def known(id):
    return wait_for(f"executor {id} is known", lambda: sandbox(id))


def custom(id):
    return {"task_id": {"value": id + "-task"}, "name": id, "resources": RES(0.1, 32), "executor": {"executor_id": {"value": id}, "framework_id": {"value": c.fw.id}, "command": {"value": "sleep 1000"}, "resources": RES(0.1, 32)}}


def body(id, type, **more):
    return {"framework_id": {"value": c.fw.id}, "executor_id": {"value": id}, "type": type, **more}


def shut(id):
    agent = {"value": get(c.agent_port, "/state").json["id"]}
    c.fw.call("SHUTDOWN", shutdown={"executor_id": {"value": id}, "agent_id": agent})
    c.fw.until("its end", lambda e: e["type"] == "FAILURE" and e["failure"]["executor_id"]["value"] == id)


@case("default flags")
def _():
    start("posix/cpu,posix/mem")


@case("daemons: forked twice, in sessions of their own, without descriptors, under another name, stopped, with a listening socket: gone when the task ends")
def _():
    port = free_ports()[0]
    code = ("import os,signal,socket,time,ctypes\n"
            "def daemon(fn):\n if os.fork(): return\n os.setsid()\n if os.fork(): os._exit(0)\n os.chdir(\"/\")\n [signal.signal(s,signal.SIG_IGN) for s in (1,2,3,15,20)]\n fn()\n time.sleep(1000)\n"
            f"def listens():\n s=socket.socket(); s.setsockopt(1,2,1); s.bind((\"127.0.0.1\",{port})); s.listen()\n globals()[\"keep\"]=s\n"
            "def nameless():\n os.closerange(0,1000); ctypes.CDLL(None).prctl(15,b\"kworker\",0,0,0)\n"
            "def stopped():\n os.kill(os.getpid(),signal.SIGSTOP)\n"
            "def reaps():\n ctypes.CDLL(None).prctl(36,1,0,0,0); daemon(lambda: None)\n"
            "for fn in (listens,nameless,stopped,reaps): daemon(fn)\n"
            "time.sleep(0.3)\nopen(\"begun\",\"w\")\n")
    attack("daemons", f"{PY} '{code}'", "TASK_FINISHED", mem=256)
    all_is_well()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
    attack("daemons-killed", f"{PY} '{code}'; sleep 1000", "TASK_KILLED", mem=256, kill_when=begun)
    all_is_well()


@case("descriptors: closed, replaced, output to a pipe that nobody reads, a huge number of them")
def _():
    for name, command in (("closed", "exec 0<&- 1>&- 2>&-; sleep 0.2"), ("replaced", "exec >/dev/full 2>&1; echo x; sleep 0.1; true"), ("many", PY + " 'import os\ntry:\n while 1: os.open(\"/dev/null\",0)\nexcept OSError: pass'")):
        attack(name, command, "TASK_FINISHED")
    all_is_well()


@case("health checks against servers that never answer, answer for ever, send no HTTP, or headers without end: counted as failed in time, at no cost")
def _():
    server = ("import socket,sys,threading,time\nkind,port=sys.argv[1],int(sys.argv[2])\n"
              "def serve(k):\n k.recv(4096)\n try:\n"
              "  if kind==\"silent\": time.sleep(1000)\n  if kind==\"garbage\": k.sendall(bytes(100000))\n"
              "  if kind==\"headers\":\n   k.sendall(b\"HTTP/1.1 200 OK\\r\\n\")\n   while 1: k.sendall(b\"A: \"+b\"b\"*8000+b\"\\r\\n\")\n"
              "  if kind==\"endless\":\n   k.sendall(b\"HTTP/1.1 200 OK\\r\\n\\r\\n\")\n   while 1: k.sendall(bytes(65536))\n"
              "  if kind==\"closes\": pass\n except OSError: pass\n k.close()\n"
              "s=socket.socket(); s.setsockopt(1,2,1); s.bind((\"127.0.0.1\",port)); s.listen(100)\n"
              "while 1: threading.Thread(target=serve,args=(s.accept()[0],),daemon=True).start()\n")
    open(scratch() + "/server.py", "w").write(server)
    kinds = ("silent", "garbage", "headers", "closes")
    ports = dict(zip(kinds + ("endless",), free_ports(5)))
    check_of = lambda kind: {"type": "HTTP", "http": {"port": ports[kind], "path": "/"}, "delay_seconds": 1, "interval_seconds": 0.2, "timeout_seconds": 0.5, "grace_period_seconds": 0, "consecutive_failures": 2}
    c.fw.launch(*[task("health-" + k, f"exec /usr/bin/python3 {scratch()}/server.py {k} {p}", cpus=0.1, mem=64, health_check=check_of(k)) for k, p in ports.items()], cpus=2)
    ends = {}
    def over(e):
        if e["type"] == "UPDATE" and e["update"]["status"]["state"] in ("TASK_KILLED", "TASK_FAILED"):
            ends[e["update"]["status"]["task_id"]["value"]] = e["update"]["status"]
        return all("health-" + k in ends for k in kinds)
    c.fw.until("the sick are killed", over, 30)
    for k in kinds:
        equal((ends["health-" + k]["state"], ends["health-" + k].get("healthy")), ("TASK_KILLED", False), k)
    if "health-endless" not in ends:
        c.fw.kill("health-endless")
        c.fw.update("health-endless", "TASK_KILLED")
    all_is_well()


@case("environments, arguments and labels as large as they come: run, or fail with a reason that tells the size")
def _():
    big = lambda n: {"environment": {"variables": [{"name": "BIG", "value": "x" * n}]}}
    attack("env-100k", "test ${#BIG} -eq 100000", command_more=big(100000))
    id, s = attack("env-200k", "true", "TASK_FAILED", command_more=big(200000))
    check(s["reason"] in ("REASON_CONTAINER_LAUNCH_FAILED", "REASON_EXECUTOR_TERMINATED") and s.get("message"), s)
    id, s = attack("env-many", "true", "TASK_FAILED", "TASK_ERROR", command_more={"environment": {"variables": [{"name": f"V{i}", "value": "y" * 100} for i in range(20000)]}})
    check(s.get("message"), s)
    attack("args", "", "TASK_FINISHED", "TASK_FAILED", command_more={"shell": False, "value": "/bin/true", "arguments": ["true"] + ["z" * 100] * 5000})
    attack("labels", "true", labels={"labels": [{"key": f"k{i}", "value": "v" * 100} for i in range(3000)]})
    attack("command", "true " + "w" * 100000)
    all_is_well()


@case("an executor whose calls have no end or come by the byte; one that subscribes a hundred times")
def _():
    c.fw.launch(custom("endless"), cpus=2)
    known("endless")
    before = rss()
    with socket.create_connection(("127.0.0.1", c.agent_port), 20) as s:
        s.sendall(b"POST /api/v1/executor HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(2000):
                s.sendall(b"10000\r\n" + b"[" * 65536 + b"\r\n")
        except OSError:
            pass
        s.settimeout(10)
        try:
            answer = s.recv(100)
        except OSError:
            answer = b""
        check(answer == b"" or b" 413 " in answer.split(b"\r\n")[0], answer[:60])
    slow = [socket.create_connection(("127.0.0.1", c.agent_port), 5) for _ in range(200)]
    for s in slow:
        s.sendall(b"POST /api/v1/executor HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
    streams = [Stream(c.agent_port, body("endless", "SUBSCRIBE", subscribe={}), path="/api/v1/executor") for _ in range(100)]
    equal([x.status for x in streams], [200] * 100)
    equal(get(c.agent_port, "/health").status, 200)
    equal(streams[-1].next()["type"], "SUBSCRIBED", "the last one counts")
    for s in slow:
        s.close()
    for x in streams:
        x.close()
    check(rss() < before + 100, f"the agent grew by {rss() - before:.0f} MB")
    shut("endless")
    all_is_well()


@case("an executor that does not read its stream while messages come is dropped at the cap; one that sends thousands of updates has them all")
def _():
    c.fw.launch(custom("deaf"), cpus=2)
    known("deaf")
    agent = {"value": get(c.agent_port, "/state").json["id"]}
    x = Stream(c.agent_port, body("deaf", "SUBSCRIBE", subscribe={}), path="/api/v1/executor")
    x.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = rss()
    data = base64.b64encode(bytes(700000)).decode()
    for _ in range(60):
        c.fw.call("MESSAGE", message={"agent_id": agent, "executor_id": {"value": "deaf"}, "data": data})
    wait_for("the agent answers", lambda: get(c.agent_port, "/health").status == 200)
    check(rss() < before + 150, f"the agent grew by {rss() - before:.0f} MB")
    x.close()
    x = Stream(c.agent_port, body("deaf", "SUBSCRIBE", subscribe={"unacknowledged_tasks": [{"name": "deaf", "task_id": {"value": "deaf-task"}, "agent_id": agent}]}), path="/api/v1/executor")
    x.until("it is taken back", lambda e: e["type"] == "SUBSCRIBED")
    h = http.client.HTTPConnection("127.0.0.1", c.agent_port)
    for i in range(2000):
        s = {"task_id": {"value": "deaf-task"}, "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR", "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), "message": str(i)}
        h.request("POST", "/api/v1/executor", json.dumps(body("deaf", "UPDATE", update={"status": s})), J)
        equal(h.getresponse().read(), b"")
    seen = []
    c.fw.until("all updates in order", lambda e: e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == "deaf-task" and (seen.append(int(e["update"]["status"]["message"])) or len(seen) == 2000), 60)
    equal(seen, list(range(2000)))
    x.close()
    shut("deaf")
    all_is_well()


@case("devices, links and pipes in a sandbox are not read through /files, whatever they are called")
def _():
    command = "ln -s /etc/shadow shadow; ln -s /proc/1/environ env; ln -s / root; mkfifo fifo; ln -s /dev/zero zero-link; echo x > ok; " + ("mknod zero c 1 5; mknod disk b 8 0; mknod mem c 1 1; " if IS_ROOT else "") + \
              PY + " 'import socket; s=socket.socket(socket.AF_UNIX); s.bind(\"sock\")'; touch begun; sleep 1000"
    c.fw.launch(task("bait", command, cpus=0.2), cpus=2)
    box = known("bait")
    wait_for("begun", lambda: begun(box))
    for name in ("shadow", "env", "zero-link", "root/etc/passwd", "root", "fifo", "sock") + (("zero", "disk", "mem") if IS_ROOT else ()):
        for op in ("read?offset=0&path=", "download?path="):
            r = get(c.agent_port, f"/files/{op}{box}/{name}")
            check(r.status in (400, 404, 500), f"{op}{name}: {r.status} {r.body[:50]}")
    equal(get(c.agent_port, f"/files/read?offset=0&path={box}/ok").json["data"], "x\n")
    c.fw.kill("bait")
    c.fw.update("bait", "TASK_KILLED")
    all_is_well()


@case("the end")
def _():
    finish()


main()
