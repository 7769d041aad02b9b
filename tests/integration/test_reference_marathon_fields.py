#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each field of an app, a row each: what it takes at its bounds and how that is rendered, what it refuses with which error at which
path, its default. The service needs no master for this: nothing is launched. What the rows mean: support/fields.py."""
import itertools, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from fields import *

port = None
count = itertools.count(1)


@case("a service with features")
def _():
    global port
    port, = free_ports(1)
    Process("marathon", [STOA, "marathon", "--master=127.0.0.1:1", "--http_address=127.0.0.1", f"--http_port={port}", f"--store_dir={scratch()}/store",
                         "--mesos_role=web", "--enable_features=secrets,gpu_resources,external_volumes", f"--secrets_dir={scratch()}"])
    wait_for("it answers", lambda: get(port, "/ping").status == 200)
    equal(post(port, "/v2/apps", {**APP, "id": "/there", "portDefinitions": [{"port": 30000, "name": "http-api"}]}).status, 201, "an app to change")


def create(body):
    """POSTs the app under an id of its own, unless it has one, and takes it away again."""
    body = {**body, "id": f"/t{next(count)}"} if body.get("id") == "*" else body
    r = post(port, "/v2/apps", body)
    if r.status == 201:
        app = r.json
        stored = get(port, "/v2/apps" + app["id"]).json["app"]
        for k, v in app.items():
            if k not in ("version", "deployments", "tasksStaged", "tasksRunning"):
                equal(stored.get(k), v, f"{k} read back")
        equal(http_request("DELETE", port, f"/v2/apps{app['id']}?force=true").status, 200, "DELETE")
    elif str(body.get("id", "/")).strip("/"):
        refused_elsewhere(body, r)
    return r


def refused_elsewhere(body, r):
    """What a POST refuses is refused by PUT, PATCH and in a group, with the same words at the same path."""
    for method in ("PUT", "PATCH") if "undefined" not in r.text and body.get("cmd") else ():
        there = http_request(method, port, "/v2/apps/there", body)
        equal((there.status, {p: t for p, t in told(there).items() if p in told(r)}), (422, told(r)), f"{method} {str(body)[:200]}")
    group = http_request("PUT", port, "/v2/groups/g", {"apps": [body]})
    equal(group.status, 422, f"in a group: {str(body)[:200]}: {group.text[:200]}")
    check(any(p.startswith("/apps(0)") for p in told(group)) or told(group) == told(r), f"in a group: {group.text[:300]}; alone: {r.text[:300]}")


APP = {"id": "*", "cmd": "sleep 1", "instances": 0}
MESOS = {**APP, "container": {"type": "MESOS"}}
DOCKER = {"id": "*", "instances": 0, "container": {"type": "DOCKER", "docker": {"image": "i"}}}
IMAGE = {"id": "*", "instances": 0, "secrets": {"s": {"source": "s"}}, "container": {"type": "MESOS", "docker": {"image": "i"}}}
MAPPED = {**MESOS, "container": {"type": "MESOS", "portMappings": [{}]}, "networks": [{"mode": "container", "name": "n"}]}
VOLUME = lambda **v: {**APP, "secrets": {"s": {"source": "s"}}, "container": {"type": "MESOS", "volumes": [{"containerPath": "p", "mode": "RW", **v}]}}
RESIDENT = {"type": "MESOS", "volumes": [{"containerPath": "p", "mode": "RW", "persistent": {"size": 1}}]}
NAMED = {**APP, "portDefinitions": [{"port": 0, "name": "http-api"}]}

PLACES = {
    "App": Place(APP),
    "UpgradeStrategy": Place({**APP, "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}}, "upgradeStrategy"),
    "Container": Place(MESOS, "container"),
    "DockerContainer": Place(DOCKER, "container/docker"),
    "DockerContainer (MESOS)": Place(IMAGE, "container/docker"),
    "DockerParameter": Place({**DOCKER, "container": {"type": "DOCKER", "docker": {"image": "i", "parameters": [{"key": "k", "value": "v"}]}}}, "container/docker/parameters/0"),
    "DockerPullConfig": Place({**IMAGE, "container": {"type": "MESOS", "docker": {"image": "i", "pullConfig": {"secret": "s"}}}}, "container/docker/pullConfig"),
    "DockerCredentials": Place({**IMAGE, "container": {"type": "MESOS", "docker": {"image": "i", "credential": {"principal": "p"}}}}, "container/docker/credential"),
    "ContainerPortMapping": Place(MAPPED, "container/portMappings/0"),
    "PortDefinition": Place({**APP, "portDefinitions": [{}]}, "portDefinitions/0"),
    "Network": Place({**MESOS, "networks": [{"name": "n"}]}, "networks/0"),
    "IpAddress": Place({**APP, "ipAddress": {"networkName": "n"}}, "ipAddress", "networks/0"),
    "IpDiscovery": Place({**APP, "ipAddress": {"networkName": "n", "discovery": {}}}, "ipAddress/discovery", "container"),
    "IpDiscoveryPort": Place({**APP, "ipAddress": {"networkName": "n", "discovery": {"ports": [{"name": "p"}]}}}, "ipAddress/discovery/ports/0", "container/portMappings/0"),
    "AppHostVolume": Place(VOLUME(hostPath="/h"), "container/volumes/0"),
    "AppSecretVolume": Place(VOLUME(secret="s", mode=None), "container/volumes/0"),
    "AppPersistentVolume": Place(VOLUME(persistent={"size": 1}), "container/volumes/0"),
    "PersistentVolumeInfo": Place(VOLUME(persistent={"size": 1}), "container/volumes/0/persistent"),
    "LinuxInfo": Place({**MESOS, "container": {"type": "MESOS", "linuxInfo": {}}}, "container/linuxInfo"),
    "Seccomp": Place({**MESOS, "container": {"type": "MESOS", "linuxInfo": {"seccomp": {}}}}, "container/linuxInfo/seccomp"),
    "IPCInfo": Place({**MESOS, "container": {"type": "MESOS", "linuxInfo": {"ipcInfo": {"mode": "PRIVATE"}}}}, "container/linuxInfo/ipcInfo"),
    "Artifact": Place({**APP, "fetch": [{"uri": "/u"}]}, "fetch/0"),
    "AppHealthCheck": Place({**NAMED, "healthChecks": [{"portIndex": 0}]}, "healthChecks/0"),
    "AppCommandCheck": Place({**NAMED, "healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}]}, "healthChecks/0/command"),
    "AppCheck": Place({**NAMED, "check": {"tcp": {"portIndex": 0}}}, "check"),
    "AppHttpCheck": Place({**NAMED, "check": {"http": {"path": "/"}}}, "check/http"),
    "AppTcpCheck": Place({**NAMED, "check": {"tcp": {}}}, "check/tcp"),
    "CommandCheck": Place({**NAMED, "check": {"exec": {"command": {"shell": "true"}}}}, "check/exec"),
    "ShellCommand": Place({**NAMED, "check": {"exec": {"command": {"shell": "true"}}}}, "check/exec/command"),
    "ReadinessCheck": Place({**NAMED, "readinessChecks": [{}]}, "readinessChecks/0"),
    "SecretDef": Place({**APP, "secrets": {"s": {"source": "s"}}}, "secrets/s"),
    "EnvVarSecret": Place({**APP, "secrets": {"s": {"source": "s"}}, "env": {"K": {"secret": "s"}}}, "env/K"),
    "UnreachableEnabled": Place({**APP, "unreachableStrategy": {"expungeAfterSeconds": 0}}, "unreachableStrategy"),
    "ExecutorResources": Place({**APP, "executorResources": {}}, "executorResources"),
    "ResourceLimits": Place({**APP, "mem": 32, "resourceLimits": {}}, "resourceLimits"),
}

FIELDS = """
App
  id                         text path len>=1 required
  acceptedResourceRoles      texts
  args                       texts empty
  backoffFactor              double =1.15 >=1.0
  backoffSeconds             int =1 >=0
  cmd                        text len>=1
  constraints                list empty
  container                  object lax
  cpus                       double =1 >=0.001
  dependencies               texts path empty
  disk                       double =0 >=0
  env                        env empty
  executor                   text =""
  executorResources          object lax
  fetch                      list empty
  healthChecks               list empty
  check                      object lax
  instances                  int =1 >=0
  labels                     map ={}
  maxLaunchDelaySeconds      int =300 >=0
  mem                        double =128 >=0
  gpus                       int =0 >=0
  ipAddress                  object lax unseen
  networks                   list =[{"mode":"host"}]
  ports                      ints >=0 <=65535 unseen
  portDefinitions            list =[{"port":10000,"name":"default","protocol":"tcp"}]
  readinessChecks            list empty
  residency                  object lax unseen
  resourceLimits             object lax
  requirePorts               bool =false
  secrets                    map empty
  taskKillGracePeriodSeconds int >=0
  upgradeStrategy            object ={"minimumHealthCapacity":1.0,"maximumOverCapacity":1.0}
  uris                       texts len>=1 len<=1024 unseen
  user                       text
  killSelection              enum:YOUNGEST_FIRST|OLDEST_FIRST ="YOUNGEST_FIRST"
  unreachableStrategy        any ={"inactiveAfterSeconds":0,"expungeAfterSeconds":0}
  tty                        bool
  role                       text ="web" len>=1
UpgradeStrategy
  maximumOverCapacity        double required
  minimumHealthCapacity      double required
Container
  type                       enum:MESOS|DOCKER
  docker                     object
  linuxInfo                  object lax
  volumes                    list =[]
  portMappings               list
DockerContainer
  forcePullImage             bool =false
  image                      text len>=1 required
  network                    enum:BRIDGE|HOST|USER unseen
  parameters                 list =[]
  portMappings               list unseen
  privileged                 bool =false
DockerContainer (MESOS)
  credential                 object
  pullConfig                 object
DockerParameter
  key                        text len>=1 required
  value                      text required
DockerPullConfig
  secret                     text len>=1 required
DockerCredentials
  principal                  text required
  secret                     text
ContainerPortMapping
  containerPort              int =0 >=0 <=65535
  hostPort                   int >=0 <=65535
  labels                     map ={}
  name                       text name len>=1
  protocol                   enum:tcp|udp|udp,tcp ="tcp"
  servicePort                int =10000 >=0 <=65535
  networkNames               texts name len>=1 len<=63 empty
PortDefinition
  port                       int =10000 >=0 <=65535
  labels                     map empty
  name                       text name len>=1
  protocol                   enum:tcp|udp|udp,tcp ="tcp"
Network
  name                       text netname len>=1 len<=63
  mode                       enum:container|container/bridge|host ="container"
  labels                     map empty
IpAddress
  discovery                  object lax unseen
  groups                     texts unseen
  labels                     map
  networkName                text len>=1
IpDiscovery
  ports                      list
IpDiscoveryPort
  number                     int >=0 <=65535
  name                       text name len>=1 required
  protocol                   enum:tcp|udp|udp,tcp ="tcp"
  labels                     map ={}
AppHostVolume
  containerPath              text len>=1 required
  hostPath                   text len>=1 required
  mode                       enum:RO|RW required
AppSecretVolume
  containerPath              text len>=1 required
  secret                     text len>=1 required
AppPersistentVolume
  containerPath              text len>=1 required
  persistent                 object required
  mode                       enum:RO|RW required
PersistentVolumeInfo
  type                       enum:root|path|mount ="root"
  size                       long >=0 required
  maxSize                    long >=0
  constraints                list =[]
LinuxInfo
  seccomp                    object lax
  ipcInfo                    object
Seccomp
  profileName                text
  unconfined                 bool =false
IPCInfo
  mode                       enum:PRIVATE|SHARE_PARENT required
  shmSize                    int
Artifact
  uri                        text len>=1 len<=1024 required
  extract                    bool =true
  executable                 bool =false
  cache                      bool =false
  destPath                   text len>=1 len<=1024
AppHealthCheck
  command                    object
  gracePeriodSeconds         int =300 >=0
  ignoreHttp1xx              bool =false
  intervalSeconds            int =60 >=0
  maxConsecutiveFailures     int =3 >=0
  path                       text
  port                       int >=0 <=65535
  portIndex                  int =0 >=0 <=65535
  protocol                   enum:HTTP|HTTPS|TCP|MESOS_TCP|MESOS_HTTP|MESOS_HTTPS ="HTTP"
  ipProtocol                 enum:IPv4|IPv6 ="IPv4"
  timeoutSeconds             int =20
  delaySeconds               int =15 >=0
AppCommandCheck
  value                      text required
AppCheck
  http                       object lax
  tcp                        object lax
  exec                       object
  intervalSeconds            int =60 >=0
  timeoutSeconds             int =20 >=0
  delaySeconds               int =15 >=0
AppHttpCheck
  portIndex                  int >=0 <=65535
  port                       int >=0 <=65535
  path                       text len>=1 len<=1024
  scheme                     enum:HTTP|HTTPS ="HTTP"
AppTcpCheck
  portIndex                  int >=0 <=65535
  port                       int >=0 <=65535
CommandCheck
  command                    object required
ShellCommand
  shell                      text len>=1 required
ReadinessCheck
  name                       text ="readinessCheck" len>=1
  protocol                   enum:HTTP|HTTPS ="HTTP"
  path                       text ="/" len>=1 len<=1024
  portName                   text ="http-api" name len>=1
  intervalSeconds            int =30 >=0
  timeoutSeconds             int =10 >=1
  httpStatusCodesForReady    ints =[200] >=100 <=999 items>=1
  preserveLastResponse       bool =false
SecretDef
  source                     text len>=1 required
EnvVarSecret
  secret                     text required
UnreachableEnabled
  inactiveAfterSeconds       long =0 >=0
  expungeAfterSeconds        long =0 >=0
ExecutorResources
  cpus                       double =0.1 >=0.1
  mem                        double =32 >=32
  disk                       double =10.0 >=10.0
ResourceLimits
  cpus                       any
  mem                        any
"""

PM = {"containerPort": 80, "labels": {}, "protocol": "tcp", "servicePort": 10000}
# What the bounds alone do not say: [(sent, rendered)].
GOOD = {
    ("App", "id"): [("/x", "/x"), ("x", "/x"), ("/x/", "/x"), ("//x//y", "/x/y"), ("a.b-c.d", "/a.b-c.d"), ("a/../b", "/b"), ("a/./b", "/a/b")],
    ("App", "acceptedResourceRoles"): [(["*"], ["*"])],
    ("App", "cmd"): [("ab", "ab"), ("a" * 10000, "a" * 10000)],
    ("App", "backoffFactor"): [(1, 1.0), (2.5, 2.5)],
    ("App", "constraints"): [([], []), ([["hostname", "UNIQUE"], ["a", "like", "b"]], [["hostname", "UNIQUE"], ["a", "LIKE", "b"]])],
    ("App", "container"): [({"type": "MESOS"}, {"type": "MESOS", "volumes": []})],
    ("App", "dependencies"): [([], [])],
    ("App", "env"): [({"A": "b", "C": ""}, {"A": "b", "C": ""}), ({}, {})],
    ("App", "executor"): [("//cmd", "//cmd"), ("", "")],
    ("App", "executorResources"): [({}, {"cpus": 0.1, "mem": 32, "disk": 10})],
    ("App", "fetch"): [([], []), ([{"uri": "/u"}], [{"uri": "/u", "extract": True, "executable": False, "cache": False}])],
    ("App", "healthChecks"): [([], [])],
    ("App", "check"): [({"exec": {"command": {"shell": "true"}}}, {"exec": {"command": {"shell": "true"}}, "intervalSeconds": 60, "timeoutSeconds": 20, "delaySeconds": 15})],
    ("App", "instances"): [(0, 0)],
    ("App", "ipAddress"): [({"networkName": "n"}, None)],
    ("App", "networks"): [([{"mode": "host"}], [{"mode": "host"}])],
    ("App", "ports"): [([0, 65535], None), ([], None)],
    ("App", "portDefinitions"): [([], []), ([{"port": 12000}], [{"port": 12000, "protocol": "tcp"}])],
    ("App", "readinessChecks"): [([], [])],
    ("App", "residency"): [({"taskLostBehavior": "WAIT_FOREVER"}, None)],
    ("App", "resourceLimits"): [({"cpus": "unlimited"}, {"cpus": "unlimited"})],
    ("App", "requirePorts"): [(True, True), (False, False)],
    ("App", "secrets"): [({}, {}), ({"s": {"source": "x"}}, {"s": {"source": "x"}})],
    ("App", "upgradeStrategy"): [({"minimumHealthCapacity": 0, "maximumOverCapacity": 0.5}, {"minimumHealthCapacity": 0, "maximumOverCapacity": 0.5})],
    ("App", "uris"): [(["/a"], None)],
    ("App", "unreachableStrategy"): [("disabled", "disabled"), ({"expungeAfterSeconds": 5}, {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 5})],
    ("App", "role"): [("web", "web")],
    ("UpgradeStrategy", "maximumOverCapacity"): [(0, 0.0), (1, 1.0)],
    ("UpgradeStrategy", "minimumHealthCapacity"): [(0, 0.0), (1, 1.0)],
    ("Container", "docker"): [({"image": "i"}, {"image": "i", "forcePullImage": False, "parameters": [], "privileged": False})],
    ("Container", "linuxInfo"): [({}, {})],
    ("Container", "volumes"): [([], [])],
    ("Container", "type"): [("MESOS", "MESOS"), ("mesos", "MESOS")],
    ("Container", "portMappings"): [([], [])],
    ("DockerContainer", "parameters"): [([{"key": "k", "value": ""}], [{"key": "k", "value": ""}])],
    ("DockerContainer", "network"): [("HOST", None), ("BRIDGE", None), ("bridge", None)],
    ("DockerContainer", "portMappings"): [([], None)],
    ("DockerContainer (MESOS)", "credential"): [({"principal": "p", "secret": "x"}, {"principal": "p", "secret": "x"})],
    ("DockerContainer (MESOS)", "pullConfig"): [({"secret": "s"}, {"secret": "s"})],
    ("DockerPullConfig", "secret"): [("s", "s")],
    ("ContainerPortMapping", "servicePort"): [(1, 1), (65535, 65535)],
    ("ContainerPortMapping", "protocol"): [("tcp", "tcp"), ("udp", "udp"), ("udp,tcp", "udp,tcp"), ("tcp,udp", "udp,tcp"), ("UDP", "udp")],
    ("ContainerPortMapping", "networkNames"): [([], []), (["n"], ["n"])],
    ("PortDefinition", "port"): [(1, 1), (65535, 65535)],
    ("Network", "mode"): [("container", "container"), ("CONTAINER", "container")],
    ("Network", "name"): [("n", "n"), ("a_b-c", "a_b-c"), ("a" * 63, "a" * 63)],
    ("IpAddress", "discovery"): [({}, None)],
    ("IpAddress", "groups"): [(["a"], None)],
    ("IpAddress", "networkName"): [],
    ("IpDiscovery", "ports"): [],
    ("IpDiscoveryPort", "number"): [],
    ("AppPersistentVolume", "persistent"): [({"size": 1}, {"size": 1, "type": "root", "constraints": []})],
    ("AppPersistentVolume", "mode"): [("RW", "RW"), ("rw", "RW")],
    ("PersistentVolumeInfo", "size"): [(1, 1)],
    ("PersistentVolumeInfo", "constraints"): [([], [])],
    ("PersistentVolumeInfo", "maxSize"): [(2, 2)],
    ("Seccomp", "unconfined"): [(True, True)],
    ("AppSecretVolume", "secret"): [("s", "s")],
    ("LinuxInfo", "seccomp"): [({"unconfined": True}, {"unconfined": True})],
    ("LinuxInfo", "ipcInfo"): [({"mode": "private"}, {"mode": "PRIVATE"})],
    ("IPCInfo", "shmSize"): [(0, 0), (2147483647, 2147483647)],
    ("AppHealthCheck", "command"): [({"value": "x"}, {"value": "x"})],
    ("AppHealthCheck", "portIndex"): [(0, 0)],
    ("AppHealthCheck", "ipProtocol"): [("IPv4", "IPv4")],
    ("AppHealthCheck", "ignoreHttp1xx"): [(True, True), (False, False)],
    ("AppHealthCheck", "timeoutSeconds"): [(0, 0), (2147483647, 2147483647)],
    ("AppCheck", "http"): [({}, {"scheme": "HTTP"})], ("AppCheck", "tcp"): [({}, {})], ("AppCheck", "exec"): [({"command": {"shell": "x"}}, {"command": {"shell": "x"}})],
    ("CommandCheck", "command"): [({"shell": "x"}, {"shell": "x"})],
    ("ReadinessCheck", "portName"): [("http-api", "http-api")],
    ("ReadinessCheck", "timeoutSeconds"): [(1, 1), (29, 29)],
    ("ReadinessCheck", "intervalSeconds"): [(11, 11), (2147483647, 2147483647)],
    ("ReadinessCheck", "httpStatusCodesForReady"): [([100, 999], [100, 999])],
    ("SecretDef", "source"): [("a/b", "a/b")],
    ("EnvVarSecret", "secret"): [("s", "s")],
    ("UnreachableEnabled", "inactiveAfterSeconds"): [(0, 0), (3600, 3600)],
    ("ResourceLimits", "cpus"): [("unlimited", "unlimited"), (4, 4.0), (1, 1.0)],
    ("ResourceLimits", "mem"): [("unlimited", "unlimited"), ("UNLIMITED", "unlimited"), (64, 64.0)],
}
# What must stand beside the field for it to be right.
MORE = {
    ("App", "args"): {"cmd": None}, ("AppHealthCheck", "command"): {"protocol": "COMMAND", "portIndex": None}, ("AppHealthCheck", "port"): {"portIndex": None},
    ("AppCheck", "http"): {"tcp": None}, ("AppCheck", "exec"): {"tcp": None}, ("Seccomp", "unconfined"): {"profileName": None},
    ("UnreachableEnabled", "inactiveAfterSeconds"): {"expungeAfterSeconds": 3600},
    ("PersistentVolumeInfo", "maxSize"): {"type": "mount"},
}
EXTRA = {
    ("App", "id"): [("/", "", "Path must contain at least one path element")],
    ("App", "cmd"): [("x", "=/", "must not be an empty string")],
    ("App", "acceptedResourceRoles"): [([], "", "must not be empty")],
    ("UpgradeStrategy", "maximumOverCapacity"): [(1.2, "", "got 1.2, expected between 0.0 and 1.0"), (-0.5, "", "got -0.5, expected between 0.0 and 1.0")],
    ("UpgradeStrategy", "minimumHealthCapacity"): [(1.2, "", "got 1.2, expected between 0.0 and 1.0")],
    ("AppHealthCheck", "timeoutSeconds"): [(-3, "", "got -3, expected 0 or more")],
    ("AppPersistentVolume", "containerPath"): [("a/b", "", 'value must not contain "/"')],
    ("AppPersistentVolume", "mode"): [("RO", "", "")],
    ("ResourceLimits", "cpus"): [(0.5, "", "resource limit must be greater than or equal to requested resource (1.0)"), ("x", "", "'x' is an invalid resource limit. It must be 'unlimited' or a number")],
    ("ResourceLimits", "mem"): [(16, "", "resource limit must be greater than or equal to requested resource (32.0)")],
    ("UnreachableEnabled", "inactiveAfterSeconds"): [(3601, "=/unreachableStrategy", "inactiveAfterSeconds (3601) must be less or equal to expungeAfterSeconds, which is 3600")],
}

# Not required by the table, but by a rule: (path, text).
NEEDED = {
    ("App", "cmd"): ("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."),
    ("App", "args"): ("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."),
    ("Container", "type"): ("/container/docker", "not defined"),
    ("Network", "name"): ("/networks", "Network name must be specified when container network is selected."),
    ("IpAddress", "networkName"): ("/networks", "Network name must be specified when container network is selected."),
    ("AppHealthCheck", "command"): ("/healthChecks(0)", "command must be specified when protocol is COMMAND"),
    ("Seccomp", "unconfined"): ("/container/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined"),
    ("Seccomp", "profileName"): ("/container/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined"),
    **{("AppCheck", k): ("/check", "Only one of http, tcp, or command may be specified") for k in ("http", "tcp", "exec")},
}

Rows(create, FIELDS, PLACES, GOOD, MORE, EXTRA, NEEDED)


@case("of all that was refused or removed nothing is there")
def _():
    equal([a["id"] for a in get(port, "/v2/apps").json["apps"]], ["/there"], "apps")
    equal(len(get(port, "/v2/apps/there/versions").json["versions"]), 1, "versions of the app that nothing changed")
    equal(get(port, "/v2/groups/g").status, 404, "the group")


main()
