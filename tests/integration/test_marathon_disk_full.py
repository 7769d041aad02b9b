#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk under marathon's store: changes are refused with the cause, reads go on, and it recovers by itself."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

p = port = mount = None


def app(id):
    return {"id": id, "cmd": "sleep 1000", "labels": {"pad": "x" * 20000}}


def unmount():
    subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL)


@case("marathon on a small disk takes an app")
def _():
    global p, port, mount
    if not IS_ROOT:
        raise Skip("a disk of its own needs root")
    mount = tempfile.mkdtemp(prefix="disk.", dir=scratch())
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount]).returncode != 0:
        mount = None
        raise Skip("no mount")
    atexit.register(unmount)
    port = free_ports(1)[0]
    p = Process("marathon", [STOA, "marathon", f"--http_port={port}", "--http_address=127.0.0.1", f"--store_dir={mount}"])
    wait_for("marathon answers", lambda: get(port, "/ping").status == 200)
    equal(post(port, "/v2/apps", app("/kept")).status, 201)


@case("with the disk full a change is 503 and names the cause; the process stays")
def _():
    if mount is None:
        raise Skip("no disk of its own")
    pid = p.pid
    with open(mount + "/filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass
    def refused():
        r = post(port, "/v2/apps?force=true", app(f"/lost-{time.time_ns()}"))
        return r if r.status == 503 else None
    r = wait_for("a refusal", refused)
    check("disk" in r.json["message"] or "full" in r.json["message"] or "I/O" in r.json["message"], r.text)
    check(p.p.poll() is None and p.pid == pid, "the process ended")


@case("reads go on, with what was durable")
def _():
    if mount is None:
        raise Skip("no disk of its own")
    r = wait_for("an answer", lambda: (lambda r: r if r.status == 200 else None)(get(port, "/v2/apps")), 20)
    check("/kept" in [a["id"] for a in r.json["apps"]], "the app is gone")
    equal(http_request("DELETE", port, "/v2/apps/kept").status, 503, "DELETE")


@case("with room again changes are taken, without a restart from outside")
def _():
    if mount is None:
        raise Skip("no disk of its own")
    os.unlink(mount + "/filler")
    wait_for("a change is taken", lambda: post(port, "/v2/apps", app("/after")).status in (201, 409), 30)
    ids = [a["id"] for a in get(port, "/v2/apps").json["apps"]]
    check("/kept" in ids and "/after" in ids, ids)
    p.stop()
    unmount()


main()
