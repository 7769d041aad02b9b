#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster that speaks TLS: master, agent, a framework of the library, marathon and the command line, with certificates made here;
who is not trusted gets nowhere, and plain HTTP is taken only where it is allowed."""
import os, ssl, sys, urllib.request
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

d = scratch()
master = agent = port = agent_port = None


def openssl(*args):
    subprocess.run(["openssl", *args], cwd=d, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days", "2",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, ca):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    open(f"{d}/san", "w").write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", f"{name}.pem")


def fetch(url, ca="ca", cert=None):
    """(status, body) by HTTPS, or the reason why not."""
    context = ssl.create_default_context(cafile=f"{d}/{ca}.pem")
    if cert:
        context.load_cert_chain(f"{d}/{cert}.pem", f"{d}/{cert}.key")
    try:
        with urllib.request.urlopen(url, context=context, timeout=10) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()
    except (urllib.error.URLError, OSError) as e:
        return str(getattr(e, "reason", e))


TLS = [f"--tls_cert_file={d}/node.pem", f"--tls_key_file={d}/node.key", f"--tls_ca_file={d}/ca.pem"]
ENV = {"LIBPROCESS_SSL_ENABLED": "true", "LIBPROCESS_SSL_CA_FILE": f"{d}/ca.pem"}


def start_master(*flags, env=None, port=None):
    return Process("master", [STOA, "master", "--ip=127.0.0.1", f"--port={port}", f"--work_dir={d}/m{port}", "--hostname=localhost", *flags], env=env)


@case("master and agent find each other by TLS")
def _():
    global master, agent, port, agent_port
    authority("ca")
    authority("stranger")
    certificate("node", "ca")
    port, agent_port = free_ports(2)
    master = start_master(*TLS, port=port)
    wait_for("the master", lambda: fetch(f"https://127.0.0.1:{port}/health")[0] == 200)
    # By the variables of the original instead of flags.
    agent = Process("agent", [STOA, "agent", f"--master=127.0.0.1:{port}", "--ip=127.0.0.1", f"--port={agent_port}", f"--work_dir={d}/a",
                              f"--runtime_dir={d}/r", "--hostname=localhost", f"--cgroups_root=stoa_tls_{port}", "--resources=cpus:4;mem:2048"],
                    env={**ENV, "LIBPROCESS_SSL_CERT_FILE": f"{d}/node.pem", "LIBPROCESS_SSL_KEY_FILE": f"{d}/node.key"})
    wait_for("the agent is registered", lambda: json.loads(fetch(f"https://127.0.0.1:{port}/slaves")[1])["slaves"])
    equal(fetch(f"https://127.0.0.1:{agent_port}/health")[0], 200, "the agent's health")


@case("plain HTTP gets nothing from the master")
def _():
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n")
        s.settimeout(10)
        try:
            got = s.recv(1000)
        except OSError:
            got = b""
    check(b"HTTP/1.1 200" not in got and b"slaves" not in got, got)


@case("a certificate of another authority is not trusted")
def _():
    why = fetch(f"https://127.0.0.1:{port}/health", ca="stranger")
    check("CERTIFICATE_VERIFY_FAILED" in str(why), why)
    r = subprocess.run([STOA, "ps", f"--master=https://127.0.0.1:{port}"], capture_output=True, text=True, timeout=30,
                       env={**os.environ, "LIBPROCESS_SSL_CA_FILE": f"{d}/stranger.pem"})
    equal(r.returncode, 1, r.stdout + r.stderr)
    check("certificate" in r.stderr, r.stderr)


@case("a framework of the library runs a task; its executor talks to the agent on this machine")
def _():
    r = subprocess.run([STOA, "run", f"--master=https://127.0.0.1:{port}", "--command=echo over-tls", "--cpus=0.1", "--mem=32"], capture_output=True, text=True,
                       timeout=60, env={**os.environ, "LIBPROCESS_SSL_CA_FILE": f"{d}/ca.pem"})
    equal(r.returncode, 0, r.stdout + r.stderr)
    check("over-tls" in r.stdout, r.stdout + r.stderr)


@case("marathon: TLS to the master, and to its clients from a keystore")
def _():
    http, https = free_ports(2)
    openssl("pkcs12", "-export", "-in", "node.pem", "-inkey", "node.key", "-certfile", "ca.pem", "-passout", "pass:changeit", "-out", "node.p12")
    flags = [STOA, "marathon", f"--master=127.0.0.1:{port}", "--http_address=127.0.0.1", f"--http_port={http}", "--https_address=127.0.0.1", f"--https_port={https}",
             f"--ssl_keystore_path={d}/node.p12", "--hostname=localhost"]
    r = subprocess.run([*flags, f"--store_dir={d}/s0", "--ssl_keystore_password=wrong"], capture_output=True, text=True, timeout=30)
    check(r.returncode != 0 and "ssl_keystore_path" in r.stderr, r.stderr)
    marathon = Process("marathon", [*flags, f"--store_dir={d}/s", "--ssl_keystore_password=changeit"], env=ENV)
    wait_for("marathon by TLS", lambda: fetch(f"https://127.0.0.1:{https}/ping")[1] == b"pong")
    equal(get(http, "/ping").status, 200, "by plain HTTP")
    app = {"id": "/a", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1}
    equal(post(http, "/v2/apps", app).status, 201, "POST")
    wait_for("the app runs", lambda: json.loads(fetch(f"https://localhost:{https}/v2/apps//a")[1])["app"]["tasksRunning"] == 1)
    equal(http_request("DELETE", http, "/v2/apps//a").status, 200, "DELETE")
    wait_for("the app is gone", lambda: not get(http, "/v2/deployments").json)
    equal(marathon.stop(), 0, "marathon")
    only = Process("marathon", [*flags, f"--store_dir={d}/s", "--ssl_keystore_password=changeit", "--disable_http"], env=ENV)
    wait_for("TLS only", lambda: fetch(f"https://127.0.0.1:{https}/ping")[1] == b"pong")
    with urllib.request.urlopen(f"https://127.0.0.1:{https}/v2/info", context=ssl.create_default_context(cafile=f"{d}/ca.pem")) as r:
        equal(r.headers["X-Marathon-Leader"], f"https://localhost:{https}", "X-Marathon-Leader")
    try:
        get(http, "/ping")
        raise Failed("plain HTTP is served")
    except OSError:
        pass
    equal(only.stop(), 0, "marathon")


@case("a client without certificate is refused where one is required; with one it is served")
def _():
    p, = free_ports(1)
    strict = start_master(*TLS, "--tls_require_client_cert", port=p)
    wait_for("the master", lambda: fetch(f"https://127.0.0.1:{p}/health", cert="node")[0] == 200)
    check(isinstance(fetch(f"https://127.0.0.1:{p}/health"), str), "served without a certificate")
    equal(strict.stop(), 0, "master")


@case("with support_downgrade one port takes both")
def _():
    p, = free_ports(1)
    both = start_master(*TLS, "--tls_support_downgrade", port=p)
    wait_for("by TLS", lambda: fetch(f"https://127.0.0.1:{p}/health")[0] == 200)
    equal(get(p, "/health").status, 200, "by plain HTTP")
    equal(both.stop(), 0, "master")


@case("half a configuration, or a key that does not belong, is told at the start by its flag")
def _():
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other.key")
    p, = free_ports(1)
    for flags, env, text in (([f"--tls_cert_file={d}/node.pem"], {}, "--tls_key_file"), ([f"--tls_key_file={d}/node.key"], {}, "--tls_cert_file"),
                             (["--tls_require_client_cert"], {}, "--tls_cert_file"), ([f"--tls_cert_file={d}/none", f"--tls_key_file={d}/node.key"], {}, "--tls_cert_file"),
                             ([f"--tls_cert_file={d}/node.pem", f"--tls_key_file={d}/other.key"], {}, "--tls_key_file"), ([], {"LIBPROCESS_SSL_ENABLED": "1"}, "--tls_cert_file"),
                             ([], {"LIBPROCESS_SSL_ENABLED": "maybe"}, "LIBPROCESS_SSL_ENABLED"), ([*TLS[:2], f"--tls_ca_file={d}/none"], {}, "--tls_ca_file")):
        r = subprocess.run([STOA, "master", "--ip=127.0.0.1", f"--port={p}", f"--work_dir={d}/bad", *flags], capture_output=True, text=True, timeout=30,
                           env={**os.environ, **env})
        check(r.returncode != 0 and text in r.stderr, f"{flags} {env}: {r.returncode} {r.stderr}")


@case("they end cleanly")
def _():
    equal(agent.stop(), 0, "agent")
    equal(master.stop(), 0, "master")


main()
