#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers with images: pulled from a registry on loopback, unpacked once, run, and cleaned up after; what an image says about the
command; users, volumes, sessions in it; hostile layers; kills of the agent."""
import os, sys
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


@case("volumes in an image: host paths made and mounted, read-only, relative, from another image")
def _():
    host = f"{scratch()}/host"
    os.makedirs(host, exist_ok=True)
    open(host + "/f", "w").write("from the host")
    extra = r.push("test/extra", [layer(entry("data"), entry("data/e", b"extra"))])
    more = dict(image(base), volumes=[{"host_path": host, "container_path": "/new/place", "mode": "RO"}, {"host_path": host, "container_path": "rel", "mode": "RW"},
                                      {"container_path": "/vol", "mode": "RW", "image": {"type": "DOCKER", "docker": {"name": extra}}}])
    out, _ = run("volumes", "cat /new/place/f; echo; touch /new/place/x || echo ro; touch $MESOS_SANDBOX/rel/y && echo rw; cat /vol/data/e; echo; touch /vol/z", base, container=more)
    for line in ["from the host", "ro", "rw", "extra"]:
        check(line in out.split("\n"), f"{line!r} is not in {out!r}")
    check(os.path.exists(host + "/y") and not os.path.exists(host + "/x"), "what was written")
    all_is_well()


main(log_lines=3)
