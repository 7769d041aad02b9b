#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each field of a pod, a row each, as test_reference_marathon_fields.py has them for apps."""
import itertools, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from fields import *

port = None
count = itertools.count(1)


@case("a service with features")
def _():
    global port
    port, = free_ports(1)
    Process("marathon", [STOA, "marathon", "--master=127.0.0.1:1", "--http_address=127.0.0.1", f"--http_port={port}", f"--store_dir={scratch()}/store", "--mesos_role=web",
                         "--enable_features=secrets,gpu_resources", f"--secrets_dir={scratch()}"])
    wait_for("it answers", lambda: get(port, "/ping").status == 200)
    equal(post(port, "/v2/pods", {**POD, "id": "/there"}).status, 201, "a pod to change")


def create(body):
    """POSTs the pod, reads it back, takes it away again; what is refused is refused by PUT with the same words."""
    body = {**body, "id": f"/t{next(count)}"} if body.get("id") == "*" else body
    r = post(port, "/v2/pods", body)
    if r.status == 201:
        pod = r.json
        equal(get(port, "/v2/pods" + pod["id"]).json, pod, "read back")
        d = http_request("DELETE", port, f"/v2/pods{pod['id']}?force=true")
        equal((d.status, d.body), (202, b""), "DELETE")
    elif str(body.get("id", "/")).startswith("/t"):
        again = http_request("PUT", port, "/v2/pods/there", {**body, "id": "/there"})
        equal((again.status, sorted(told(again))), (422, sorted(told(r))), "PUT")
    return r


SHELL = {"command": {"shell": "sleep 1"}}
C = {"name": "c", "exec": SHELL, "resources": {"cpus": 0.1, "mem": 32}}
POD = {"id": "*", "containers": [C], "scaling": {"kind": "fixed", "instances": 0}}
WITH = lambda **c: {**POD, "containers": [{**C, **c}]}
ENDED = lambda **c: WITH(endpoints=[{"name": "http", "hostPort": 0}], **c)
NET = {**WITH(endpoints=[{"name": "http", "containerPort": 80}]), "networks": [{"mode": "container", "name": "n"}]}
VOLUME = lambda **v: {**WITH(volumeMounts=[{"name": "v", "mountPath": "m"}]), "secrets": {"s": {"source": "s"}}, "volumes": [{"name": "v", **v}]}
SCHEDULED = lambda **s: {**POD, "scheduling": s}
IMAGE = {**WITH(image={"kind": "DOCKER", "id": "i"}), "secrets": {"s": {"source": "s"}}}

PLACES = {
    "Pod": Place(POD), "PodContainer": Place(POD, "containers/0"),
    "Image": Place(IMAGE, "containers/0/image"),
    "MesosExec": Place(IMAGE, "containers/0/exec"),
    "ShellCommand": Place(POD, "containers/0/exec/command"),
    "ArgvCommand": Place(WITH(exec={"command": {"argv": ["a"]}}), "containers/0/exec/command"),
    "Lifecycle": Place(WITH(lifecycle={}), "containers/0/lifecycle"),
    "Resources": Place(POD, "containers/0/resources"),
    "ExecutorResources": Place({**POD, "executorResources": {}}, "executorResources"),
    "Endpoint": Place(ENDED(), "containers/0/endpoints/0"),
    "Endpoint (container)": Place(NET, "containers/0/endpoints/0"),
    "HealthCheck": Place(ENDED(healthCheck={"tcp": {"endpoint": "http"}}), "containers/0/healthCheck"),
    "Check": Place(ENDED(check={"tcp": {"endpoint": "http"}}), "containers/0/check"),
    "HttpCheck": Place(ENDED(healthCheck={"http": {"endpoint": "http"}}), "containers/0/healthCheck/http"),
    "TcpCheck": Place(ENDED(healthCheck={"tcp": {"endpoint": "http"}}), "containers/0/healthCheck/tcp"),
    "CommandCheck": Place(ENDED(healthCheck={"exec": SHELL}), "containers/0/healthCheck/exec"),
    "PodEphemeralVolume": Place(VOLUME(), "volumes/0"),
    "PodHostVolume": Place(VOLUME(host="/h"), "volumes/0"),
    "PodPersistentVolume": Place(VOLUME(persistent={"size": 1}), "volumes/0"),
    "PodSecretVolume": Place(VOLUME(secret="s"), "volumes/0"),
    "VolumeMount": Place(VOLUME(), "containers/0/volumeMounts/0"),
    "PodScalingPolicy": Place(POD, "scaling"), "FixedPodScalingPolicy": Place(POD, "scaling"),
    "PodSchedulingPolicy": Place(SCHEDULED(), "scheduling"),
    "PodSchedulingBackoffStrategy": Place(SCHEDULED(backoff={}), "scheduling/backoff"),
    "PodUpgradeStrategy": Place(SCHEDULED(upgrade={}), "scheduling/upgrade"),
    "PodPlacementPolicy": Place(SCHEDULED(placement={}), "scheduling/placement"),
    "Constraint": Place(SCHEDULED(placement={"constraints": [{"fieldName": "f", "operator": "UNIQUE"}]}), "scheduling/placement/constraints/0"),
    "Network": Place({**POD, "networks": [{"name": "n"}]}, "networks/0"),
    "Artifact": Place(WITH(artifacts=[{"uri": "/u"}]), "containers/0/artifacts/0"),
}

FIELDS = """
Pod
  id                         text path len>=1 required
  labels                     map empty
  user                       text
  environment                env empty
  containers                 list items>=1 required
  secrets                    map empty
  volumes                    list empty
  networks                   list empty
  scaling                    object ={"kind":"fixed","instances":1}
  scheduling                 object lax ={"backoff":{"backoff":1,"backoffFactor":1.15,"maxLaunchDelay":300},"upgrade":{"minimumHealthCapacity":1,"maximumOverCapacity":1},"placement":{},"killSelection":"YOUNGEST_FIRST","unreachableStrategy":{"inactiveAfterSeconds":0,"expungeAfterSeconds":0}}
  executorResources          object lax ={"cpus":0.1,"mem":32,"disk":10}
  role                       text ="web" len>=1
  linuxInfo                  object lax
  legacySharedCgroups        bool
PodContainer
  name                       text name len>=1 len<=63 required
  exec                       object
  resources                  object lax required
  resourceLimits             object lax
  endpoints                  list empty
  linuxInfo                  object lax
  image                      object
  environment                env empty
  user                       text
  healthCheck                object lax
  check                      object lax
  volumeMounts               list empty
  artifacts                  list empty
  labels                     map empty
  lifecycle                  object lax
  tty                        bool
Image
  kind                       enum:DOCKER required
  id                         text len>=1 len<=1024 required
  pullConfig                 object
  forcePull                  bool
  labels                     map empty
MesosExec
  command                    object required
  overrideEntrypoint         bool
ShellCommand
  shell                      text len>=1 required
ArgvCommand
  argv                       texts items>=1 required
Lifecycle
  killGracePeriodSeconds     double >=0
Resources
  cpus                       double =1.0 >=0.001
  mem                        double =128.0 >=0.001
  disk                       double =0 >=0
  gpus                       int =0 >=0
ExecutorResources
  cpus                       double =0.1 >=0.1
  mem                        double =32 >=32
  disk                       double =10 >=10
Endpoint
  name                       text name len>=1 len<=63 required
  hostPort                   int >=0 <=65535
  protocol                   texts =["tcp"] items>=1
  labels                     map empty
  networkNames               texts name len>=1 len<=63 empty
Endpoint (container)
  containerPort              int >=1 <=65535
HealthCheck
  http                       object
  tcp                        object
  exec                       object
  gracePeriodSeconds         int =300 >=0
  intervalSeconds            int =60 >=0
  maxConsecutiveFailures     int =3 >=0
  timeoutSeconds             int =20 >=0
  delaySeconds               int =15 >=0
Check
  http                       object
  tcp                        object
  exec                       object
  intervalSeconds            int =60 >=0
  timeoutSeconds             int =20 >=0
  delaySeconds               int =15 >=0
HttpCheck
  endpoint                   text name len>=1 len<=63 required
  path                       text len>=1 len<=1024
  scheme                     enum:HTTP|HTTPS ="HTTP"
TcpCheck
  endpoint                   text name len>=1 len<=63 required
CommandCheck
  command                    object required
PodEphemeralVolume
  name                       text name len>=1 len<=63 required
PodHostVolume
  host                       text
PodPersistentVolume
  name                       text len>=1 required
  persistent                 object
PodSecretVolume
  name                       text len>=1 required
  secret                     text len>=1
VolumeMount
  name                       text name len>=1 len<=63 required
  mountPath                  text len>=1 len<=1024 required
  readOnly                   bool
PodScalingPolicy
  kind                       enum:fixed required
FixedPodScalingPolicy
  instances                  int =1 >=0
PodSchedulingPolicy
  backoff                    object lax ={"backoff":1,"backoffFactor":1.15,"maxLaunchDelay":300}
  upgrade                    object lax ={"minimumHealthCapacity":1,"maximumOverCapacity":1}
  placement                  object lax ={}
  killSelection              enum:YOUNGEST_FIRST|OLDEST_FIRST ="YOUNGEST_FIRST"
  unreachableStrategy        any ={"inactiveAfterSeconds":0,"expungeAfterSeconds":0}
PodSchedulingBackoffStrategy
  backoff                    double =1 >=0
  backoffFactor              double =1.15 >=0
  maxLaunchDelay             double =300 >=0
PodUpgradeStrategy
  minimumHealthCapacity      double =1 >=0 <=1
  maximumOverCapacity        double =1 >=0 <=1
PodPlacementPolicy
  constraints                list empty
  acceptedResourceRoles      texts empty
Constraint
  fieldName                  text required
  operator                   enum:UNIQUE|CLUSTER|GROUP_BY|LIKE|UNLIKE|MAX_PER|IS required
  value                      text
Network
  name                       text netname len>=1 len<=63
  mode                       enum:container|container/bridge|host ="container"
  labels                     map empty
Artifact
  uri                        text len>=1 len<=1024 required
  extract                    bool =true
  executable                 bool =false
  cache                      bool =false
  destPath                   text len>=1 len<=1024
"""

SCALED = lambda v: {"kind": "fixed", "instances": v}
GOOD = {
    ("Pod", "id"): [("/x", "/x"), ("x/y", "/x/y"), ("//x//y/", "/x/y")],
    ("Pod", "environment"): [({"A_1": "b"}, {"A_1": "b"}), ({}, {})],
    ("Pod", "containers"): [([C], [{**C, "resources": {"cpus": 0.1, "mem": 32, "disk": 0, "gpus": 0}}])],
    ("Pod", "secrets"): [({"s": {"source": "x"}}, {"s": {"source": "x"}}), ({}, {})],
    ("Pod", "volumes"): [([], [])],
    ("Pod", "networks"): [([{"mode": "host"}], [{"mode": "host"}]), ([], [])],
    ("Pod", "scaling"): [(SCALED(0), SCALED(0)), ({"kind": "FIXED", "instances": 2}, SCALED(2))],
    ("Pod", "executorResources"): [({"cpus": 1}, {"cpus": 1, "mem": 32, "disk": 10})],
    ("Pod", "role"): [("web", "web")],
    ("Pod", "linuxInfo"): [({"ipcInfo": {"mode": "PRIVATE"}}, {"ipcInfo": {"mode": "PRIVATE"}})],
    ("PodContainer", "exec"): [(SHELL, SHELL), ({"command": {"argv": ["a", ""]}}, {"command": {"argv": ["a", ""]}})],
    ("PodContainer", "resources"): [({}, {"cpus": 1, "mem": 128, "disk": 0, "gpus": 0})],
    ("PodContainer", "resourceLimits"): [({"cpus": "unlimited", "mem": 64}, {"cpus": "unlimited", "mem": 64})],
    ("PodContainer", "endpoints"): [([], []), ([{"name": "e", "hostPort": 0}], [{"name": "e", "hostPort": 0, "protocol": ["tcp"]}])],
    ("PodContainer", "linuxInfo"): [({"seccomp": {"unconfined": True}}, {"seccomp": {"unconfined": True}})],
    ("PodContainer", "image"): [({"kind": "docker", "id": "i"}, {"kind": "DOCKER", "id": "i"})],
    ("PodContainer", "environment"): [({"A": "b"}, {"A": "b"}), ({}, {})],
    ("PodContainer", "healthCheck"): [({"exec": SHELL}, {"exec": SHELL, "gracePeriodSeconds": 300, "intervalSeconds": 60, "maxConsecutiveFailures": 3, "timeoutSeconds": 20, "delaySeconds": 15})],
    ("PodContainer", "check"): [({"exec": SHELL}, {"exec": SHELL, "intervalSeconds": 60, "timeoutSeconds": 20, "delaySeconds": 15})],
    ("PodContainer", "volumeMounts"): [([], [])],
    ("PodContainer", "artifacts"): [([], []), ([{"uri": "/u"}], [{"uri": "/u", "extract": True, "executable": False, "cache": False}])],
    ("PodContainer", "lifecycle"): [({"killGracePeriodSeconds": 2.5}, {"killGracePeriodSeconds": 2.5})],
    ("Image", "pullConfig"): [({"secret": "s"}, {"secret": "s"})],
    ("MesosExec", "command"): [({"shell": "x"}, {"shell": "x"})],
    ("Resources", "gpus"): [(0, 0)],
    ("Endpoint", "protocol"): [(["tcp"], ["tcp"]), (["tcp", "udp"], ["tcp", "udp"])],
    ("Endpoint", "networkNames"): [([], [])],
    **{(o, "http"): [({"endpoint": "http"}, {"endpoint": "http", "scheme": "HTTP"})] for o in ("HealthCheck", "Check")},
    **{(o, "tcp"): [({"endpoint": "http"}, {"endpoint": "http"})] for o in ("HealthCheck", "Check")},
    **{(o, "exec"): [(SHELL, SHELL)] for o in ("HealthCheck", "Check")},
    ("HealthCheck", "intervalSeconds"): [(21, 21), (2147483647, 2147483647)],
    ("HealthCheck", "timeoutSeconds"): [(0, 0), (59, 59)],
    ("HttpCheck", "endpoint"): [("http", "http")], ("TcpCheck", "endpoint"): [("http", "http")],
    ("CommandCheck", "command"): [({"shell": "x"}, {"shell": "x"})],
    ("PodEphemeralVolume", "name"): [("v", "v")], ("PodPersistentVolume", "name"): [("v", "v")], ("PodSecretVolume", "name"): [("v", "v")],
    ("PodPersistentVolume", "persistent"): [({"size": 1}, {"size": 1, "type": "root", "constraints": []})],
    ("PodSecretVolume", "secret"): [("s", "s")],
    ("VolumeMount", "name"): [("v", "v")],
    ("FixedPodScalingPolicy", "instances"): [(0, 0), (3, 3)],
    ("PodSchedulingPolicy", "backoff"): [({"backoff": 2}, {"backoff": 2, "backoffFactor": 1.15, "maxLaunchDelay": 300})],
    ("PodSchedulingPolicy", "upgrade"): [({}, {"minimumHealthCapacity": 1, "maximumOverCapacity": 1})],
    ("PodSchedulingPolicy", "placement"): [({"acceptedResourceRoles": ["*"]}, {"acceptedResourceRoles": ["*"]})],
    ("PodSchedulingPolicy", "unreachableStrategy"): [("disabled", "disabled"), ({"expungeAfterSeconds": 5}, {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 5})],
    ("PodSchedulingBackoffStrategy", "backoffFactor"): [(1, 1), (1.5, 1.5)],
    ("PodPlacementPolicy", "constraints"): [([], []), ([{"fieldName": "f", "operator": "unique"}], [{"fieldName": "f", "operator": "UNIQUE"}])],
    ("PodPlacementPolicy", "acceptedResourceRoles"): [(["*"], ["*"]), ([], [])],
    ("Constraint", "operator"): [("UNIQUE", "UNIQUE"), ("cluster", "CLUSTER"), ("GROUP_BY", "GROUP_BY")],
    ("Constraint", "value"): [("x", "x")],
    ("Network", "mode"): [("container", "container")],
}
MORE = {
    ("PodContainer", "image"): {}, ("PodContainer", "volumeMounts"): {}, ("MesosExec", "overrideEntrypoint"): {"command": {"argv": ["a"]}},
    **{(o, k): {"tcp": None} for o in ("HealthCheck", "Check") for k in ("http", "exec")},
    ("Constraint", "value"): {"operator": "CLUSTER"},
}
EXTRA = {
    ("Pod", "containers"): [([5], "(0)", "error.expected.jsobject")],
    ("Pod", "environment"): [({"A-B": "x"}, "/A-B", ""), ({"1A": "x"}, "/1A", "")],
    ("Endpoint", "protocol"): [(["sctp"], "", "must be tcp or udp, got sctp"), (["tcp", "tcp"], "", "Duplicate protocols within the same endpoint are not allowed")],
    ("HealthCheck", "timeoutSeconds"): [(60, "", "")],
    ("TcpCheck", "endpoint"): [("nope", "=/containers(0)/healthCheck/tcp/endpoint", "contained in the container endpoints")],
}
ONE_OF = "Only one of http, tcp, or command may be specified"
NEEDED = {
    ("Network", "name"): ("/networks", "Network name must be specified when container network is selected."),
    **{(o, k): (f"/containers(0)/{p}", ONE_OF) for o, p in (("HealthCheck", "healthCheck"), ("Check", "check")) for k in ("http", "tcp", "exec")},
    ("Endpoint (container)", "containerPort"): ("/containers(0)/endpoints(0)/containerPort", "is required when using container-mode networking"),
}

Rows(create, FIELDS, PLACES, GOOD, MORE, EXTRA, NEEDED)


@case("of all that was refused or removed nothing is there")
def _():
    wait_for("one pod is left", lambda: [p["id"] for p in get(port, "/v2/pods").json] == ["/there"])
    equal(len(get(port, "/v2/pods/there::versions").json), 1, "versions of the pod that nothing changed")


main()
