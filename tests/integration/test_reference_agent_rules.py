#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent refuses, text by text: flags at the start, and calls and paths while it runs."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_rows import *

FLAGS = [  # the flags besides the needed ones; what is said
    (["--work_dir=relative"], "--work_dir=relative: give an absolute path"),
    (["--runtime_dir=relative"], "--runtime_dir=relative: give an absolute path"),
    (["--work_dir=/" + "d" * 4200], "--work_dir: the path is too long"),
    (["--executor_reregistration_timeout=16secs"], "--executor_reregistration_timeout: at most 15secs"),
    (["--gc_disk_headroom=2"], "--gc_disk_headroom=2: from 0 to 1"),
    (["--authenticate_http_readwrite"], "--authenticate_http_readonly and --authenticate_http_readwrite need --http_credentials"),
    (["--authenticate_http_executors"], "--authenticate_http_executors needs --jwt_secret_key"),
    (["--authenticate_http_executors", "--jwt_secret_key={empty}"], "--jwt_secret_key: the file {empty} is empty"),
    (['--effective_capabilities={{"capabilities":["CHOWN"]}}'], "--effective_capabilities and --bounding_capabilities need linux/capabilities in --isolation"),
    (["--enforce_container_ports"], "--enforce_container_ports needs network/ports in --isolation"),
    (["--seccomp_profile_name=x"], "--seccomp_profile_name and --seccomp_config_dir need linux/seccomp in --isolation"),
    (["--containerizers=lxc"], "--containerizers=lxc: mesos and docker are built"),
    (['--image_gc_config={{"image_disk_headroom":0.1,"image_disk_watch_interval":{{"nanoseconds":1000000}}}}'], "--image_gc_config needs --image_providers=docker"),
    (["--domain_socket_location=/x"], " is not built in this version; leave it out"),
]


@case("flags that cannot be, and the way out")
def _():
    empty = f"{scratch()}/empty"
    open(empty, "w").close()
    for extra, text in FLAGS:
        given = [x.format(empty=empty) for x in extra]
        names = {x.split("=")[0] for x in given}
        need = [x for x in ("--master=127.0.0.1:1", "--ip=127.0.0.1", f"--port={free_ports(1)[0]}", f"--work_dir={scratch()}/w", "--launcher=posix", "--isolation=posix/cpu,posix/mem")
                if x.split("=")[0] not in names]
        r = subprocess.run([STOA, "agent", *need, *given], capture_output=True, text=True, timeout=20)
        check(r.returncode == 1 and text.format(empty=empty) in r.stderr, f"{given}: {r.returncode} {r.stderr[-300:]}")


@case("a master and an agent")
def _():
    global f
    start()
    f = framework(name="rules")
    f.launch(task("t", "sleep 1000"))
    f.update("t", "TASK_RUNNING")


@case("paths of /files that lead nowhere")
def _():
    box = sandbox(f, "t")
    os.symlink("/etc", f"{box}/out")
    os.mkfifo(f"{box}/pipe")
    for p, status, text in [(f"/files/read?path={box}/pipe&offset=0", 400, "Cannot read what is no regular file."), (f"/files/download?path={box}", 400, "Cannot download a directory."),
                            (f"/files/read?path={box}/stdout&offset=x", 400, "'x' is not a number of at least -1."), ("/files/read?path=/etc/passwd&offset=0", 404, ""),
                            (f"/files/read?path={box}/out/passwd&offset=0", 404, "")]:
        r = get(c.agent_port, p)
        equal(r.status, status, p)
        check(text in r.text, f"{p}: {r.text[:200]}")


@case("calls that name no container, or one that cannot be asked so")
def _():
    gone = {"value": "00000000-0000-0000-0000-000000000000"}
    for call, status, text in [
            ({"type": "REMOVE_CONTAINER", "remove_container": {"container_id": {"value": "a b"}}}, 400, "Failed to validate agent::Call: "),
            ({"type": "LAUNCH_NESTED_CONTAINER", "launch_nested_container": {"container_id": {"value": "x"}}}, 400, "Expecting 'launch_nested_container.container_id.parent' to be present"),
            ({"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": gone}}, 404, "Container cannot be found"),
            ({"type": "WAIT_CONTAINER", "wait_container": {"container_id": gone}}, 404, "")]:
        r = post(c.agent_port, "/api/v1", call, headers=J)
        equal((r.status, text in r.text), (status, True), f"{call['type']}: {r.text[:200]}")
    r = raw(b"", content_type=RECORDIO, message_content_type="text/plain")
    equal((r.status, r.text), (415, "Expecting 'Message-Content-Type' of application/json or application/x-protobuf"), "RECORDIO of texts")
    r = get(c.agent_port, "/logging/toggle?level=1")
    equal((r.status, r.text), (400, "Expecting 'level=value' and 'duration=value' in query.\n"), "/logging/toggle")


@case("the end")
def _():
    f.end()
    finish()


main()
