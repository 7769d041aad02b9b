#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule that an app, a pod or a group must keep, broken once: the status, the path of the field, the text; and nothing of it is
there afterwards. The service needs no master for this."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import *

plain = able = None  # ports: with the defaults, and with features


def start(name, *flags):
    port, = free_ports(1)
    Process(name, [STOA, "marathon", "--master=127.0.0.1:1", "--http_address=127.0.0.1", f"--http_port={port}", f"--store_dir={scratch()}/{name}", *flags])
    return port


@case("two services, one with features")
def _():
    global plain, able
    plain = start("plain")
    able = start("able", "--enable_features=secrets,gpu_resources,external_volumes", f"--secrets_dir={scratch()}")
    for p in (plain, able):
        wait_for("it answers", lambda: get(p, "/ping").status == 200)


def app(**fields):
    return {k: v for k, v in {"id": "/a", "cmd": "sleep 1", **fields}.items() if v is not None}


def mesos(**container):
    return {"container": {"type": "MESOS", **container}}


def docker(**container):
    return {"container": {"type": "DOCKER", "docker": {"image": "i"}, **container}}


def external(**fields):
    e = {"provider": "dvdi", "name": "n", "options": {"dvdi/driver": "x"}, **fields}
    return {"containerPath": "e", "mode": "RW", "external": {k: v for k, v in e.items() if v is not None}}


def csi(**options):
    o = {"pluginName": "p", "capability": {"accessMode": "SINGLE_NODE_WRITER", "accessType": "mount"}, **options}
    return external(name="v", provider="csi", options={k: v for k, v in o.items() if v is not None})


NET = lambda *names: [{"mode": "container", **({"name": n} if n else {})} for n in names]
PORTS = {"portDefinitions": [{"port": 0, "name": "http"}]}
HEALTH = {"protocol": "HTTP", "path": "/"}
VOLUME = lambda **p: {"containerPath": "d", "mode": "RW", "persistent": {"size": 1, **p}}

APPS = [
    ("the root's id", app(id="/"), "/id", "Path must contain at least one path element"),
    ("an id that is a keyword", app(id="/a/restart"), "/id", "must not end with any of the following reserved keywords"),
    ("an id in capitals", app(id="/A"), "/id", "error.pattern"),
    ("neither cmd nor args", app(cmd=None), "/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."),
    ("cmd and args", app(args=["a"]), "/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."),
    ("a cmd of one letter", app(cmd="x"), "/", "must not be an empty string"),
    ("portMappings on the host's network", app(**mesos(portMappings=[{"containerPort": 1}]), networks=[{"mode": "host"}]), "/", "portMappings are not allowed with host-networking"),
    ("portDefinitions on a network of its own", app(**PORTS, **mesos(), networks=NET("n")), "/", "portDefinitions are only allowed with host-networking"),
    ("a host port on which of two networks?", app(**mesos(portMappings=[{"containerPort": 1, "hostPort": 0}]), networks=NET("n", "m")), "/container/portMappings(0)",
     "networkNames must be a single item list"),
    ("two ports of one name", app(portDefinitions=[{"port": 0, "name": "x"}, {"port": 0, "name": "x"}]), "/portDefinitions", "Port names must be unique."),
    ("one port twice", app(portDefinitions=[{"port": 10500}, {"port": 10500}]), "/portDefinitions", "Ports must be unique."),
    ("2,001 ports", app(portDefinitions=[{"port": 0}] * 2001), "/", "ports; the limit is 2000"),
    ("a host network with a name", app(networks=[{"mode": "host", "name": "n"}]), "/networks", "Host networks may not have names or labels"),
    ("a bridge with a name", app(**mesos(), networks=[{"mode": "container/bridge", "name": "n"}]), "/networks", "Bridge networks may not have names"),
    ("a container network without name", app(**mesos(), networks=NET(None)), "/networks", "Network name must be specified when container network is selected."),
    ("a network twice", app(**mesos(), networks=NET("n", "n")), "/networks", "Duplicate networks are not allowed"),
    ("host and container networks", app(**mesos(), networks=[{"mode": "host"}, *NET("n")]), "/networks", "May specify a single host network, single bridge network, or else 1-to-n"),
    ("two networks of a Docker container", app(cmd=None, **docker(), networks=NET("n", "m")), "/networks", "may only specify a single container network when using the Docker"),
    ("a COMMAND health check without command", app(healthChecks=[{"protocol": "COMMAND"}]), "/healthChecks(0)", "command must be specified when protocol is COMMAND"),
    ("a command of an HTTP health check", app(**PORTS, healthChecks=[{**HEALTH, "command": {"value": "true"}}]), "/healthChecks(0)", "command is only allowed with protocol COMMAND"),
    ("port and portIndex", app(**PORTS, healthChecks=[{**HEALTH, "port": 1, "portIndex": 0}]), "/healthChecks(0)", "HealthCheck must specify either a port or a portIndex"),
    ("a portIndex beyond the ports", app(**PORTS, healthChecks=[{**HEALTH, "portIndex": 3}]), "/healthChecks(0)", "Health check port indices must address an element"),
    ("IPv6 without Docker", app(**PORTS, healthChecks=[{**HEALTH, "protocol": "MESOS_HTTP", "ipProtocol": "IPv6", "portIndex": 0}]), "/", "IPv6 can only be used for container type DOCKER"),
    ("two health checks by the agent", app(**PORTS, healthChecks=[{**HEALTH, "protocol": "MESOS_HTTP", "portIndex": 0}, {"protocol": "MESOS_TCP", "portIndex": 0}]), "/",
     "AppDefinition can contain at most one Mesos health check"),
    ("two readiness checks", app(**PORTS, readinessChecks=[{"portName": "http"}, {"portName": "http"}]), "/readinessChecks", "may not have more than 1 elements"),
    ("a readiness check of no port", app(**PORTS, readinessChecks=[{"portName": "x"}]), "/readinessChecks(0)/portName", "No port definition reference for portName x"),
    ("a readiness check that overlaps itself", app(**PORTS, readinessChecks=[{"portName": "http", "timeoutSeconds": 30, "intervalSeconds": 30}]), "/readinessChecks(0)/timeoutSeconds",
     "Timeout (30 seconds) must be less than the interval (30 seconds)"),
    ("a check of two kinds", app(**PORTS, check={"http": {"portIndex": 0, "path": "/"}, "tcp": {"portIndex": 0}}), "/check", "Only one of http, tcp, or command may be specified"),
    ("a check of a Docker container", app(cmd=None, **docker(), check={"exec": {"command": {"shell": "true"}}}), "/", "AppDefinition must not use 'checks' if using docker"),
    ("a Docker container without docker", app(container={"type": "DOCKER"}), "/container/docker", "not defined"),
    ("pullConfig of the Docker engine", app(cmd=None, container={"type": "DOCKER", "docker": {"image": "i", "pullConfig": {"secret": "s"}}}), "/container/docker/pullConfig",
     "pullConfig is not supported with Docker containerizer"),
    ("seccomp with a profile and without", app(**mesos(linuxInfo={"seccomp": {"profileName": "p", "unconfined": True}})), "/container/linuxInfo/seccomp",
     "Seccomp unconfined can NOT be true when Profile is defined"),
    ("seccomp with neither", app(**mesos(linuxInfo={"seccomp": {"unconfined": False}})), "/container/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined"),
    ("a shared memory size of the parent's", app(**mesos(linuxInfo={"ipcInfo": {"mode": "SHARE_PARENT", "shmSize": 8}})), "/container/linuxInfo/ipcInfo",
     "ipcInfo shmSize can NOT be set when mode is SHARE_PARENT"),
    ("a URI that is none", app(fetch=[{"uri": "::"}]), "/fetch(0)/uri", "URI has invalid syntax."),
    ("more capacity than there is", app(upgradeStrategy={"maximumOverCapacity": 2, "minimumHealthCapacity": 1}), "/upgradeStrategy/maximumOverCapacity", "got 2.0, expected between 0.0 and 1.0"),
    ("less health than none", app(upgradeStrategy={"minimumHealthCapacity": -1, "maximumOverCapacity": 1}), "/upgradeStrategy/minimumHealthCapacity", "got -1.0, expected between 0.0 and 1.0"),
    ("two volumes of one path", app(role="r", **mesos(volumes=[VOLUME(), VOLUME()])), "/container/volumes", "Volume names must be unique"),
    ("a volume's constraint on something else", app(**mesos(volumes=[VOLUME(type="path", constraints=[["rack", "LIKE", "a"]])])), "/container/volumes(0)/persistent/constraints(0)",
     "a volume's constraint is about the field path"),
    ("secrets, where they are not enabled", app(secrets={"s": {"source": "x"}}, env={"S": {"secret": "s"}}), "/", "use of secret-references in the environment requires the secrets feature"),
    ("a secret volume, where they are not enabled", app(**mesos(volumes=[{"containerPath": "k", "secret": "s"}])), "/container/volumes(0)", "Feature secrets is not enabled."),
    ("an external volume, where they are not enabled", app(**mesos(volumes=[{"containerPath": "e", "mode": "RW", "external": {"provider": "dvdi", "name": "n", "options": {"dvdi/driver": "x"}}}])),
     "/container/volumes(0)", "Feature external_volumes is not enabled."),
]
ABLE = [
    ("GPUs of a Docker container", app(cmd=None, gpus=1, **docker()), "/", "GPU resources only work with the Mesos containerizer"),
    ("a pullConfig of no secret", app(cmd=None, **mesos(docker={"image": "i", "pullConfig": {"secret": "s"}})), "/container/docker/pullConfig", "pullConfig.secret must refer to an existing secret"),
    ("an option of the driver with Docker", app(cmd=None, **docker(volumes=[external(options={"dvdi/driver": "x", "dvdi/a": "b"})])), "/container/volumes(0)/external/options", "must only contain dvdi/driver"),
    ("the root as an app", {**app(), "id": "/"}, "/", "must not be root"),
    ("a csi volume without options", app(**mesos(volumes=[external(provider="csi", options=None)])), "/container/volumes(0)/external/options", "'options' is undefined on object"),
    ("a csi volume without a plug-in", app(**mesos(volumes=[csi(pluginName=None)])), "/container/volumes(0)/external/options/pluginName", "'pluginName' is undefined on object"),
    ("a csi access mode that is none", app(**mesos(volumes=[csi(capability={"accessMode": "X", "accessType": "mount"})])), "/container/volumes(0)/external/options/capability/accessMode", "error.unknown.enum.literal"),
    ("a csi volume of readers, to be written", app(**mesos(volumes=[csi(capability={"accessMode": "MULTI_NODE_READER_ONLY", "accessType": "mount"})])), "/container/volumes(0)", "CSI volume must be mounted readonly with a read-only access mode"),
    ("two instances with a csi volume of one node", app(instances=2, **mesos(volumes=[csi()])), "/instances", "got 2, expected 1 or less while non-shareable CSI volumes are defined"),
    ("two instances with a csi volume of one writer", app(instances=2, **mesos(volumes=[csi(capability={"accessMode": "MULTI_NODE_SINGLE_WRITER", "accessType": "mount"})])), "/instances",
     "while a multi-node single-writer volume is defined mounted as read/write"),
    ("a csi volume with Docker", app(cmd=None, **docker(volumes=[csi()])), "/container/volumes(0)", "a volume of provider csi needs the MESOS engine"),
    ("an external volume of nobody", app(**mesos(volumes=[external(provider="x")])), "/container/volumes(0)/external/provider", "is unknown provider 'x'; there are dvdi and csi"),
    ("two external volumes of one name", app(**mesos(volumes=[external(), external()])), "/container/volumes", "Volume names must be unique"),
    ("an external volume that is read only", app(**mesos(volumes=[{**external(), "mode": "RO"}])), "/container/volumes(0)/mode", "got RO, expected RW"),
    ("a credential with Docker", app(cmd=None, container={"type": "DOCKER", "docker": {"image": "i", "credential": {"principal": "p"}}}), "/container/docker/credential", "must be empty"),
    ("a secret volume of no secret", app(**mesos(volumes=[{"containerPath": "k", "secret": "s"}])), "/container/volumes(0)", "volume.secret must refer to an existing secret"),
    ("an external volume without a name", app(**mesos(volumes=[external(name=None)])), "/container/volumes(0)/external/name", "not defined"),
    ("an external volume without a driver", app(**mesos(volumes=[external(options={"dvdi/x": "y"})])), "/container/volumes(0)/external/options", "must say dvdi/driver"),
    ("an option of no provider", app(**mesos(volumes=[external(options={"dvdi/driver": "x", "y": "z"})])), "/container/volumes(0)/external/options", "option 'y' must be prefixed by its provider"),
    ("a size with Docker", app(cmd=None, **docker(volumes=[external(size=1)])), "/container/volumes(0)/external/size", "must be undefined for Docker containers"),
    ("two instances with an external volume", app(instances=2, **mesos(volumes=[external()])), "/", "Number of instances is limited to 1 when declaring DVDI volumes"),
    ("a source above the store", app(secrets={"s": {"source": "a/../../x"}}), "/secrets/s/source", "must be a path below the store of secrets"),
]


def pod(containers=None, **fields):
    return {"id": "/p", "containers": containers if containers is not None else [container()], **fields}


def container(name="c", **fields):
    return {k: v for k, v in {"name": name, "exec": {"command": {"shell": "sleep 1"}}, "resources": {"cpus": 0.1, "mem": 32}, **fields}.items() if v is not None}


END = lambda name="http", **e: {"name": name, **e}
PODS = [
    ("no containers", pod([]), "/containers", "error.minLength"),
    ("101 containers", pod([container(f"c{i}") for i in range(101)]), "/containers", "a pod has up to 100 containers, this one 101"),
    ("seccomp with neither", pod([container(linuxInfo={"seccomp": {"unconfined": False}})]), "/containers(0)/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined"),
    ("seccomp of the executor", pod(linuxInfo={"seccomp": {"unconfined": True}}), "/linuxInfo/seccomp", "Seccomp configuration on executor level is not supported"),
    ("two containers of one name", pod([container(), container()]), "/containers", "container names must be unique"),
    ("two endpoints of one name", pod([container(endpoints=[END(hostPort=0)]), container("d", endpoints=[END(hostPort=0)])]), "/containers", "endpoint names nust be unique across all containers"),
    ("one host port twice", pod([container(endpoints=[END(hostPort=31000), END("b", hostPort=31000)])]), "/containers", "host ports must be unique across all containers"),
    ("one container port twice", pod([container(endpoints=[END(containerPort=80), END("b", containerPort=80)])], networks=NET("n")), "/containers", "container ports must be unique across all containers"),
    ("a container port on the host's network", pod([container(endpoints=[END(containerPort=80)])], networks=[{"mode": "host"}]), "/containers(0)/endpoints(0)/containerPort",
     "is not allowed when using host-mode networking"),
    ("no container port on a network of its own", pod([container(endpoints=[END(hostPort=0)])], networks=NET("n")), "/containers(0)/endpoints(0)/containerPort",
     "is required when using container-mode networking"),
    ("a protocol that is none", pod([container(endpoints=[END(hostPort=0, protocol=["sctp"])])]), "/containers(0)/endpoints(0)/protocol", "must be tcp or udp, got sctp"),
    ("a protocol twice", pod([container(endpoints=[END(hostPort=0, protocol=["tcp", "tcp"])])]), "/containers(0)/endpoints(0)/protocol", "Duplicate protocols within the same endpoint are not allowed"),
    ("a health check of two kinds", pod([container(endpoints=[END(hostPort=0)], healthCheck={"http": {"endpoint": "http"}, "tcp": {"endpoint": "http"}})]), "/containers(0)/healthCheck",
     "Only one of http, tcp, or command may be specified"),
    ("a health check of no endpoint", pod([container(healthCheck={"tcp": {"endpoint": "x"}})]), None, "contained in the container endpoints"),
    ("a health check that overlaps itself", pod([container(healthCheck={"exec": {"command": {"shell": "true"}}, "timeoutSeconds": 60, "intervalSeconds": 60})]), "/containers(0)/healthCheck/timeoutSeconds",
     "must be smaller than intervalSeconds (60)"),
    ("a variable with a dash", pod(environment={"A-B": "x"}), "/environment/A-B", "must contain only alphanumeric chars or underscore"),
    ("a variable that is a secret, where they are not enabled", pod(environment={"A": {"secret": "s"}}), "/environment/A/secret", "requires the secrets feature to be enabled"),
    ("a mount of no volume", pod([container(volumeMounts=[{"name": "v", "mountPath": "m"}])]), "/containers(0)/volumeMounts(0)/name", "Referenced Volume in VolumeMount should exist"),
    ("a volume that nobody mounts", pod(volumes=[{"name": "v"}]), "/volumes(0)", "volume must be referenced by at least one container"),
    ("two volumes of one name", pod([container(volumeMounts=[{"name": "v", "mountPath": "m"}])], volumes=[{"name": "v"}, {"name": "v"}]), "/volumes", "volume names must be unique"),
    ("limits of shared cgroups", pod([container(resourceLimits={"mem": 64})], legacySharedCgroups=True), "/containers(0)/resourceLimits", "resourceLimits cannot be defined if legacySharedCgroups is enabled"),
    ("persistent volumes of the role *", pod([container(volumeMounts=[{"name": "v", "mountPath": "m"}])], volumes=[{"name": "v", "persistent": {"size": 1}}]), "/role",
     "Resident pods cannot have the role *"),
]


def told(r):
    """{path: texts} of a 422."""
    return {d["path"]: " ".join(d["errors"]) for d in r.json.get("details", [])}


def rows(kind, table, path, port):
    for name, body, at, text in table:
        @case(f"{kind}: {name}")
        def _(body=body, at=at, text=text):
            r = post(port(), path, body)
            equal(r.status, 422, r.text[:300])
            found = [p for p, t in told(r).items() if text in t]
            check(found if at is None else at in found, f"{text!r} is not told at {at}: {told(r)}")


rows("app", APPS, "/v2/apps", lambda: plain)
rows("app, with features", ABLE, "/v2/apps", lambda: able)
rows("pod", PODS, "/v2/pods", lambda: plain)


@case("group: one bad app refuses all of it, at its path")
def _():
    r = http_request("PUT", plain, "/v2/groups/g", {"apps": [{"id": "good", "cmd": "sleep 1"}, {"id": "bad", "cmd": "x"}], "groups": [{"id": "sub", "apps": [{"id": "c", "cmd": "sleep 1", "args": ["a"]}]}]})
    equal(r.status, 422, r.text)
    paths = " ".join(told(r))
    check("apps(1)" in paths, told(r))
    equal(get(plain, "/v2/groups/g").status, 404, "the group")


@case("a row that is right is taken; of all the others nothing is there")
def _():
    r = post(plain, "/v2/apps", app(id="/right", **PORTS, healthChecks=[{**HEALTH, "portIndex": 0}]))
    equal(r.status, 201, r.text)
    equal([a["id"] for a in get(plain, "/v2/apps").json["apps"]], ["/right"], "apps")
    equal(get(plain, "/v2/pods").json, [], "pods")
    equal(get(able, "/v2/apps").json["apps"], [], "apps")


main()
