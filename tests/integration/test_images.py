#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers with images: pulled from a registry on loopback, unpacked once, run, and cleaned up after; what an image says about the
command; users, volumes, sessions in it; hostile layers; kills of the agent."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile import *
from registry import *

ISOLATION = "cgroups/cpu,cgroups/mem,filesystem/linux,docker/runtime"
r = base = store = None


def image(name, **more):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}, **more}}}


def run(what, command, name, *states, container=None, **more):
    """The output of a task in this image; it must end as it should."""
    t = {**more}
    id, s = attack(what, command, *states, container=container or image(name), **t)
    try:
        return open(sandbox(id) + "/stdout").read(), s
    except FileNotFoundError: # it never ran
        return "", s


def provisioned():
    return glob.glob(f"{scratch()}/{c.port}/a/provisioner/containers/*")


def agent_api(type, **body):
    return post(c.agent_port, "/api/v1", {"type": type, **body}, headers={"Accept": "application/json"})


def executor_pid(id):
    """The supervisor of this task's container."""
    box = sandbox(id).rsplit("/", 1)[1]
    return next(x["container_status"]["executor_pid"] for x in agent_api("GET_CONTAINERS").json["get_containers"]["containers"] if x["container_id"]["value"] == box)


def look_into(id, command):
    """What a session in the container of this task says."""
    box = sandbox(id).rsplit("/", 1)[1]
    body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {
        "container_id": {"value": f"look{time.monotonic_ns()}", "parent": {"value": box}}, "command": {"value": command}}}
    r = post(c.agent_port, "/api/v1", body, headers={"Accept": "application/json"})
    equal(r.status, 200, r.text)
    out, rest = b"", r.body
    while rest:
        size, _, rest = rest.partition(b"\n")
        m, rest = json.loads(rest[:int(size)]), rest[int(size):]
        if m["type"] == "DATA":
            out += base64.b64decode(m["data"]["data"])
    return out.decode()


if not IS_ROOT or not all(shutil.which(p) for p in ("skopeo", "docker-registry", "busybox")):
    @case("containers with images")
    def _():
        raise Skip("needs root, skopeo, docker-registry and busybox")
    main()


@case("an agent with images, and a registry")
def _():
    global r, base, store
    r = Registry()
    base = r.push("test/base", [base_layer()], Env=["FOO=image", "PATH=/bin"], WorkingDir="/srv/made", Cmd=["/bin/sh", "-c", "echo from cmd"])
    store = f"{scratch()}/store"
    start(ISOLATION, "--image_providers=docker", f"--docker_store_dir={store}")


@case("a task runs in its image: root, environment, working directory, sandbox; nothing is left")
def _():
    out, _ = run("image", "echo $FOO $BAR; pwd; ls /; cat /etc/passwd | head -n 1; echo $MESOS_SANDBOX; ls $MESOS_SANDBOX; test -e /usr/bin/python3 || echo no host", base,
                 command_more={"environment": {"variables": [{"name": "BAR", "value": "own"}]}})
    for line in ["image own", "/srv/made", "bin", "root:x:0:0::/root:/bin/sh", "/mnt/mesos/sandbox", "stdout", "no host"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    all_is_well()
    equal(provisioned(), [], "provisioned")


@case("what runs: Cmd, Entrypoint and arguments, as the image and the command say")
def _():
    both = r.push("test/both", [base_layer()], Entrypoint=["/bin/echo", "entry"], Cmd=["cmd"], Env=["PATH=/bin"])
    rows = [(base, {"shell": False}, "from cmd"), (both, {"shell": False}, "entry cmd"), (both, {"shell": False, "arguments": ["a", "b"]}, "entry a b"),
            (both, {"shell": False, "value": "/bin/echo", "arguments": ["x"]}, "x"), (both, {"value": "echo shell"}, "shell")]
    for name, command, want in rows:
        id = f"what-{rows.index((name, command, want))}"
        t = task(id, container=image(name))
        t["command"] = command
        c.fw.launch(t, cpus=2)
        st = c.fw.update(id, "TASK_FINISHED", "TASK_FAILED", "TASK_ERROR")
        equal((st["state"], open(sandbox(id) + "/stdout").read().strip().split("\n")[-1]), ("TASK_FINISHED", want), f"{command}: {st.get('message')}")
    none = r.push("test/none", [base_layer()])
    t = task("what-none", container=image(none))
    t["command"] = {"shell": False}
    c.fw.launch(t, cpus=2)
    st = c.fw.update("what-none", "TASK_FAILED")
    equal(st["reason"], "REASON_CONTAINER_LAUNCH_FAILED", st)
    check("No executable specified" in st["message"] and "test/none" in st["message"], st["message"])


@case("users by the image's names, and the machine is out of reach")
def _():
    out, _ = run("user", "id -u; id -g; id -G; touch $MESOS_SANDBOX/mine && echo wrote; touch /bin/x 2>/dev/null || echo no", base, command_more={"user": "app"})
    for line in ["4711", "4712", "4712 4800", "wrote", "no"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    out, _ = run("held", "echo 1 > /proc/sys/kernel/domainname; mount | grep -c stoa-test; ls /dev; cat /proc/kcore | wc -c; touch /sys/x; hostname", base)
    check("full\n" in out and "sda" not in out and "vda" not in out, out)
    check("\n0\n" in out, out)
    out, _ = run("limit", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; touch /sys/fs/cgroup/memory/x /sys/fs/cgroup/x/y", base, "TASK_FAILED", mem=64)
    check(str((64 + 32) << 20) in out.split("\n"), out)


@case("layers: removed files, hidden directories, links, owners, modes; each is unpacked once")
def _():
    low = layer(entry("d"), entry("d/gone", b"x"), entry("d/stays", b"stays"), entry("hidden"), entry("hidden/old", b"x"),
                entry("suid", b"x", 0o4755, uid=12, gid=34), entry("link", link="/d/stays"), entry("hard", hard="d/stays"))
    high = layer(entry("d/.wh.gone", b""), entry("hidden"), entry("hidden/.wh..wh..opq", b""), entry("hidden/new", b"new"), entry("/abs", b"absolute"))
    name = r.push("test/layers", [base_layer(), low, high], Env=["PATH=/bin"])
    out, _ = run("layers", "cd /; ls d; ls hidden; cat link hard abs; stat -c '%a %u %g' suid; stat -c '%h' hard", name)
    for line in ["stays", "new", "staysstaysabsolute4755 12 34", "2"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    check("gone" not in out and "old" not in out, out)
    equal(len(os.listdir(store + "/layers")), len({digest(l) for l in (base_layer(), low, high)}), "layers in the store")
    equal(os.listdir(store + "/staging"), [], "staging")


@case("hostile layers change nothing outside, and the task says why")
def _():
    outside = f"{scratch()}/outside"
    climb = "../" * 12 + outside[1:]
    rows = [([entry(climb, b"x")], "leads outside"), ([entry("a", link="/"), entry("a/" + outside[1:], b"x")], None),
            ([entry("a", link=climb), entry("a", b"x")], None), ([entry("h", hard=climb)], "leads outside"),
            ([entry(".wh...", b"")], "leads outside"), ([entry("d/.wh.", b"")], "leads outside"),
            ([entry("node", b"", type=tarfile.BLKTYPE), entry("w", b"", type=tarfile.CHRTYPE)], None),
            ([entry("o", pax={"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.kept": "yes"})], None)]
    for n, (entries, why) in enumerate(rows):
        name = r.push(f"test/hostile{n}", [base_layer(), layer(*entries)], Env=["PATH=/bin"])
        _, st = run(f"hostile{n}", "test -b /node -o -c /w && echo device; true", name, "TASK_FAILED" if why else "TASK_FINISHED")
        check(why is None or why in st["message"], st.get("message"))
        check(not os.path.exists(outside), f"row {n} wrote outside")
    equal(os.listdir(store + "/staging"), [], "staging")
    all_is_well()


@case("what cannot be pulled is told with registry, image and cause")
def _():
    for name, texts in [(f"{r.host}/test/no-such:1", [r.host, "test/no-such:1", "manifest unknown"]), ("127.0.0.1:1/x", ["127.0.0.1:1", "refused"]),
                        ("UPPER/../x", ["no name of an image"])]:
        _, st = run("bad", "true", name, "TASK_FAILED")
        equal(st["reason"], "REASON_CONTAINER_LAUNCH_FAILED", st["message"])
        for t in texts:
            check(t in st["message"], st["message"])


@case("an image is asked for once by many, and not again unless the task says so")
def _():
    name = r.push("test/many", [base_layer(), layer(entry("v", b"1"))], Env=["PATH=/bin"])
    before = r.requests("/manifests/")
    c.fw.launch(*[task(f"many-{i}", "cat /v; echo", container=image(name)) for i in range(10)], cpus=2)
    done = lambda: {x["task_id"]["value"] for x in c.fw.statuses if x["state"] == "TASK_FINISHED" and x["task_id"]["value"].startswith("many-")}
    c.fw.until("all ten have finished", lambda e: len(done()) == 10)
    equal(r.requests("/manifests/") - before <= 2, True, f"requests for manifests: {r.requests('/manifests/') - before}")
    r.push("test/many", [base_layer(), layer(entry("v", b"2"))], Env=["PATH=/bin"])
    check("1" in run("cached", "cat /v; echo", name)[0].split("\n"), "the cached one")
    check("2" in run("fresh", "cat /v; echo", name, container=image(name, cached=False))[0].split("\n"), "the new one")
    equal(r.requests("/blobs/" + digest(base_layer())), 1, "times that the layer which all images share was fetched")


@case("volumes in an image: host paths made and mounted, read-only, relative, from another image")
def _():
    host = f"{scratch()}/host"
    os.makedirs(host, exist_ok=True)
    open(host + "/f", "w").write("from the host")
    extra = r.push("test/extra", [layer(entry("data"), entry("data/e", b"extra"))])
    more = dict(image(base), volumes=[{"host_path": host, "container_path": "/new/place", "mode": "RO"}, {"host_path": host, "container_path": "rel", "mode": "RW"},
                                      {"container_path": "key/of", "mode": "RO", "source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": base64.b64encode(b"hidden key").decode()}}}},
                                      {"container_path": "/vol", "mode": "RW", "image": {"type": "DOCKER", "docker": {"name": extra}}}])
    out, _ = run("volumes", "cat /new/place/f; echo; touch /new/place/x || echo ro; touch $MESOS_SANDBOX/rel/y && echo rw; cat /vol/data/e; echo; touch /vol/z; cat $MESOS_SANDBOX/key/of; echo", base, container=more)
    for line in ["from the host", "ro", "rw", "extra", "hidden key"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    check(os.path.exists(host + "/y") and not os.path.exists(host + "/x"), "what was written")
    all_is_well()


@case("type DOCKER: user, entrypoint, parameters, few capabilities, its own processes; what is not built is named")
def _():
    host = f"{scratch()}/made/by/docker"
    name = r.push("test/docker", [base_layer()], Entrypoint=["/bin/sh", "-c"], Cmd=["echo only cmd"], Env=["PATH=/bin"], User="app", WorkingDir="/tmp")
    docker = lambda **more: {"type": "DOCKER", "docker": {"image": name, **more}}
    t = task("docker", container={**docker(parameters=[{"key": "env", "value": "P=param"}, {"key": "volume", "value": f"{host}:/v:ro"}, {"key": "label", "value": "a=b"},
                                                       {"key": "ulimit", "value": "nofile=77:88"}])})
    t["command"] = {"shell": False, "arguments": ["id -u; echo $P; ps | wc -l; grep CapBnd /proc/self/status; ulimit -n; pwd; echo x > /v/x"]}
    c.fw.launch(t, cpus=2)
    equal(c.fw.update("docker", "TASK_FINISHED", "TASK_FAILED")["state"], "TASK_FAILED")
    out = open(sandbox("docker") + "/stdout").read()
    for line in ["4711", "param", "CapBnd:\t00000000a80425fb", "77", "/tmp"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    check(int(out.split("\n")[2]) < 12, out)
    for id, command, container, want in [("d-cmd", {"shell": False}, docker(), "only cmd"), ("d-shell", {"value": "id -u; echo $0"}, docker(parameters=[{"key": "user", "value": "root"}]), "0"),
                                         ("d-priv", {"value": "grep CapBnd /proc/self/status"}, docker(privileged=True, parameters=[{"key": "u", "value": "0"}]), "CapBnd")]:
        t = task(id, container=container)
        t["command"] = command
        c.fw.launch(t, cpus=2)
        st = c.fw.update(id, "TASK_FINISHED", "TASK_FAILED")
        out = open(sandbox(id) + "/stdout").read()
        check(st["state"] == "TASK_FINISHED" and want in out and "00000000a80425fb" not in out, f"{id}: {st.get('message')} {out}")
    for more, text in [({"parameters": [{"key": "gpus", "value": "all"}]}, "gpus=all"), ({"network": "NONE"}, "without a network"), ({"network": "BRIDGE"}, "mesos-bridge")]:
        _, st = run("refused", "true", name, "TASK_FAILED", "TASK_ERROR", container=docker(**more))
        check(text in st["message"], st["message"])
    all_is_well()


@case("pods: each container its image, a volume between them, a session in the one asked for")
def _():
    other = r.push("test/other", [base_layer(), layer(entry("other", b"other"))], Env=["PATH=/bin"])
    share = {"container_path": "share", "mode": "RW", "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "share"}}}
    one = task("one", "echo said > $MESOS_SANDBOX/share/said; sleep 1000", container={**image(base), "volumes": [share]})
    two = task("two", "while ! test -e share/said; do sleep 0.1; done; cat share/said /other; test -e /srv || echo apart; sleep 1000", container={**image(other), "volumes": [share]})
    three = task("three", "test -e /usr/bin/python3 && echo host; sleep 1000")
    three["command"]["value"] = "test -e /usr/bin/python3 && echo host; sleep 1000"
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": c.fw.id},
                "resources": RES(0.1, 32) + [{"name": "disk", "type": "SCALAR", "scalar": {"value": 10}}]}
    c.fw.accept({"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": [one, two, three]}}}, cpus=2)
    running = lambda: {x["task_id"]["value"] for x in c.fw.statuses if x["state"] == "TASK_RUNNING"}
    try:
        c.fw.until("all run", lambda e: {"one", "two", "three"} <= running(), 10)
    except Failed:
        raise Failed(str(c.fw.statuses[-3:]))
    box = {t: next(x for x in c.fw.statuses if x["task_id"]["value"] == t and x["state"] == "TASK_RUNNING")["container_status"]["container_id"] for t in ("one", "two", "three")}
    out = lambda t: open(f"{sandbox('pod')}/containers/{box[t]['value']}/stdout").read()
    wait_for("what two says", lambda: out("two") == "said\notherapart\n")
    wait_for("what three says", lambda: out("three") == "host\n")
    equal(len(provisioned()), 1, "provisioned")
    c.fw.kill("one")
    c.fw.update("one", "TASK_KILLED")
    c.fw.until("all are gone", lambda e: {"two", "three"} <= {x["task_id"]["value"] for x in c.fw.statuses if x["state"] in ("TASK_KILLED", "TASK_FAILED")}, 30)
    all_is_well()
    equal(provisioned(), [], "provisioned")


@case("sessions are in the task's root; the agent killed and restarted finds its containers, and pulls that were cut leave nothing")
def _():
    c.fw.launch(task("stays", "touch /in-image; sleep 1000", container=image(base)), cpus=2)
    c.fw.update("stays", "TASK_RUNNING")
    look = "test -e /in-image && echo inside; echo $FOO; test -e /usr/bin/python3 || echo apart; pwd"
    wait_for("the session sees the task's root", lambda: look_into("stays", look) == "inside\nimage\napart\n/srv/made\n")
    pid = executor_pid("stays")
    slow = r.push("test/slow", [base_layer(), layer(entry("big", os.urandom(24 << 20)))], Env=["PATH=/bin"])
    c.fw.launch(task("cut", "cat /big | wc -c", container=image(slow)), task("killed", "true", container=image(slow)), cpus=2)
    wait_for("the pull is under way", lambda: os.listdir(store + "/staging"), pause=0.001)
    equal([get(c.agent_port, p).status for p in ("/containers", "/monitor/statistics", "/state")], [200] * 3, "while the pull is under way")
    c.fw.kill("killed")
    c.fw.update("killed", "TASK_KILLED", "TASK_FAILED", "TASK_FINISHED")
    c.agent.kill().wait()
    c.agent.start()
    c.fw.update("cut", "TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_GONE")
    wait_for("the agent is back", lambda: executor_pid("stays") == pid)
    wait_for("staging is empty", lambda: not os.listdir(store + "/staging"))
    equal(look_into("stays", look), "inside\nimage\napart\n/srv/made\n", "session")
    check(run("again", "cat /big | wc -c", slow)[0].strip().endswith(str(24 << 20)), "the image is whole")
    c.agent.kill().wait()
    os.kill(pid, signal.SIGKILL)
    c.agent.start()
    c.fw.update("stays", "TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_GONE")
    wait_for("what was provisioned is gone", lambda: not provisioned())
    all_is_well()


@case("PRUNE_IMAGES spares what runs and what is named; metrics count")
def _():
    keep = r.push("test/keep", [base_layer(), layer(entry("keep", b"1"))], Env=["PATH=/bin"])
    run("keep", "true", keep)
    run("goes", "true", r.push("test/goes", [base_layer(), layer(entry("goes", b"1"))], Env=["PATH=/bin"]))
    c.fw.launch(task("uses", "sleep 1000", container=image(base)), cpus=2)
    c.fw.update("uses", "TASK_RUNNING")
    before = len(os.listdir(store + "/layers"))
    m = get(c.agent_port, "/metrics/snapshot").json
    check(m["containerizer/mesos/provisioner/docker_store/image_pull_ms/count"] >= 1 and m["containerizer/mesos/filesystem/containers_new_rootfs"] == 1, m)
    equal(agent_api("PRUNE_IMAGES", prune_images={"excluded_images": [{"type": "DOCKER", "docker": {"name": keep}}]}).status, 200)
    equal((before > 2, len(os.listdir(store + "/layers"))), (True, 2), "layers")
    asked = r.requests("/manifests/")
    run("kept", "true", keep)
    equal(r.requests("/manifests/"), asked, "requests after pruning")
    c.fw.kill("uses")
    c.fw.update("uses", "TASK_KILLED")
    all_is_well()


@case("credentials: of the agent's file, of the image; wrong ones are told")
def _():
    hashed = subprocess.run(["htpasswd", "-Bbn", "user", "secret"], capture_output=True, text=True) if shutil.which("htpasswd") else None
    if hashed is None or hashed.returncode != 0:
        raise Skip("needs htpasswd")
    private = Registry(hashed.stdout)
    login = base64.b64encode(b"user:secret").decode()
    private.headers = {"Authorization": "Basic " + login}
    name = private.push("private/x", [base_layer()], Env=["PATH=/bin"])
    config = base64.b64encode(json.dumps({"auths": {private.host: {"auth": login}}}).encode()).decode()
    _, st = run("nobody", "true", name, "TASK_FAILED")
    check("unauthorized" in st["message"] or "authentication" in st["message"], st["message"])
    with_config = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "cached": False, "docker": {"name": name, "config": {"type": "VALUE", "value": {"data": config}}}}}}
    with_login = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "cached": False, "docker": {"name": name, "credential": {"principal": "user", "secret": "secret"}}}}}
    for container in (with_config, with_login):
        check("in" in run("somebody", "echo in", name, container=container)[0].split("\n"), container)
    check("secret" not in open(c.agent.log_path).read() and login not in open(c.agent.log_path).read(), "the log")


@case("what cannot work is refused at the start, with the way out")
def _():
    for flags, text in [(["--image_providers=docker"], "docker/runtime and filesystem/linux in --isolation"), (["--image_providers=appc"], "docker"), (["--containerizers=rkt"], "rkt"),
                        (["--containerizers=docker,mesos", "--image_provisioner_backend=aufs"], "overlay or copy"),
                        (["--containerizers=docker,mesos", "--image_gc_config={\"image_disk_headroom\":2}"], "from 0 to 1"), (["--image_gc_config={}"], "--image_providers=docker")]:
        p = subprocess.run([STOA, "agent", "--master=127.0.0.1:1", f"--work_dir={scratch()}/refused", "--port=0", *flags], capture_output=True, text=True, timeout=20)
        check(p.returncode != 0 and text in p.stderr, f"{flags}: {p.stderr[-300:]}")


@case("the copy backend, archives of docker save instead of a registry, and a terminal")
def _():
    folder = f"{scratch()}/archives"
    os.makedirs(folder)
    low, high = layer(entry("d"), entry("d/gone", b"x"), entry("d/stays", b"stays"), entry("h"), entry("h/old", b"x")), layer(entry("d/.wh.gone", b""), entry("h"), entry("h/.wh..wh..opq", b""), entry("h/new", b"new"))
    layers = [gzip.decompress(l) for l in (base_layer(), low, high)]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "WorkingDir": "/d"}, "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}}).encode()
    names = [f"{n}/layer.tar" for n in range(3)]
    with tarfile.open(f"{folder}/saved:1.tar", "w") as tar:
        for name, data in [("config.json", config), *zip(names, layers), ("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["saved:1"], "Layers": names}]).encode())]:
            t, data = entry(name, data)
            tar.addfile(t, io.BytesIO(data))
    start(ISOLATION, "--image_providers=docker", f"--docker_store_dir={store}", f"--docker_registry={folder}", "--image_provisioner_backend=copy", "--docker_ignore_runtime")
    out, _ = run("copied", "cd /d; ls; ls /h; echo made > /d/mine; cat mine; pwd", "saved:1")
    check("stays\nnew\nmade\n/d\n" in out and "gone" not in out and "old" not in out, out)
    out, _ = run("ignored", "pwd", "saved:1")
    check("/mnt/mesos/sandbox" in out.split("\n"), out)
    _, st = run("missing", "true", "absent", "TASK_FAILED")
    check("absent:latest.tar" in st["message"], st["message"])
    run("tty", "tty; stat -c %t:%T /dev/console; echo to the terminal > /dev/tty", "saved:1", container=dict(image("saved:1"), tty_info={"window_size": {"rows": 10, "columns": 20}}))
    text = lambda: open(sandbox(f"tty-{c.count}") + "/stdout").read()
    # The supervisor copies what the terminal shows, beside the executor that tells the end.
    wait_for("what the terminal showed", lambda: "/dev/console" in text() and "to the terminal" in text(), 10)
    all_is_well()


@case("Marathon: apps of both types and a pod run in their images")
def _():
    finish()
    dev = Dev(agent_flags=[f"docker_store_dir={store}", f"docker_registry=http://{r.host}"])
    web = r.push("test/web", [base_layer(), layer(entry("www"), entry("www/index.html", b"served from the image"))], Entrypoint=["/bin/httpd", "-f", "-h", "/www", "-p"], Cmd=["1"],
                 Env=["PATH=/bin"])
    small = {"cpus": 0.1, "mem": 32}
    app = lambda id, type, **more: {"id": id, **small, "args": ["$PORT0"], "container": {"type": type, "docker": {"image": "test/web"}}, "portDefinitions": [{"port": 0}], **more}
    apps = {"/docker": app("/docker", "DOCKER"), "/mesos": app("/mesos", "MESOS")}
    (port,) = free_ports(1)
    for id, a in apps.items():
        a["args"] = [str(port)] if id == "/docker" else [str(port + 1)]
        equal(post(dev.marathon, "/v2/apps", a).status, 201, id)
    pod = {"id": "/pod", "containers": [{"name": "c", "image": {"kind": "DOCKER", "id": web}, "exec": {"command": {"shell": "cat /www/index.html > $MESOS_SANDBOX/out; sleep 1000"}}, "resources": small}]}
    equal(post(dev.marathon, "/v2/pods", pod).status, 201, "pod")
    for p in (port, port + 1):
        wait_for("the app serves what is in its image", lambda: get(p, "/").text == "served from the image", 30)
    wait_for("the pod's file", lambda: any(open(f).read() == "served from the image" for f in glob.glob(f"{dev.work_dir}/*/slaves/*/frameworks/*/executors/*/runs/*/containers/*/out")))
    task_of = lambda id: dev.app(id)["tasks"][0]["id"]
    out = dev.cli("exec", task_of("/docker"), "/bin/sh", "-c", "cat /www/index.html; test -e /usr/bin/python3 || echo apart")
    check("served from the image" in out.stdout and "apart" in out.stdout, out.stdout + out.stderr)
    out = dev.cli("run", f"--docker_image={base}", "--cpus=0.1", "--mem=32")
    check("from cmd" in out.stdout, out.stdout + out.stderr)
    equal(dev.cli("run", "--docker_image=test/web", "--command=cat /www/index.html; exit 7", "--cpus=0.1", "--mem=32", ok=False).returncode, 7, "status of stoa run")
    equal(post(dev.marathon, "/v2/apps", {"id": "/bad", **small, "container": {"type": "DOCKER", "docker": {"image": "test/missing"}}}).status, 201, "bad")
    failure = wait_for("the failure", lambda: dev.app("/bad").get("lastTaskFailure"))
    check("test/missing" in failure["message"] and r.host in failure["message"], failure)
    dev.stop()
    equal([l for l in open("/proc/self/mounts") if dev.work_dir in l], [], "mounts")


main(log_lines=3)
