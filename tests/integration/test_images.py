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
    return open(sandbox(id) + "/stdout").read(), s


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


main()
