#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each refusal of Marathon's API with its status, the path it names and its text, a row each; what test_marathon_rules.py has is not
repeated. One service, without a master: nothing is launched."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from fields import told
from cluster import *

port = None


def call(method, path, body=None, **kw):
    return http_request(method, port, path, body, **kw)


def start(name, *flags):
    p, = free_ports(1)
    Process(name, [STOA, "marathon", "--master=127.0.0.1:1", "--http_address=127.0.0.1", f"--http_port={p}", f"--store_dir={scratch()}/{name}", *flags])
    wait_for("it answers", lambda: get(p, "/ping").status == 200)
    return p


APP = {"cmd": "sleep 1", "instances": 0}
MESOS = {**APP, "container": {"type": "MESOS"}}
RESIDENT = {**APP, "container": {"type": "MESOS", "volumes": [{"containerPath": "d", "mode": "RW", "persistent": {"size": 1}}]}}
C = {"name": "c", "exec": {"command": {"shell": "sleep 1"}}, "resources": {"cpus": 0.1, "mem": 32}}
NONE = {"kind": "fixed", "instances": 0}
POD = {"containers": [C], "scaling": NONE}
RESIDENT_POD = {"containers": [{**C, "endpoints": [{"name": "e", "hostPort": 31000}], "volumeMounts": [{"name": "v", "mountPath": "m"}]}], "scaling": NONE, "volumes": [{"name": "v", "persistent": {"size": 1}}]}
TS = "2020-01-01T00:00:00.000Z"
A_RESIDENT_POD = lambda **c: {**RESIDENT_POD, "id": "/db-pod", "containers": [{**RESIDENT_POD["containers"][0], **c}]}
UUID = "8f2c1d6e-0000-4000-8000-000000000000"


@case("a service with some apps, pods and groups")
def _():
    global port
    port = start("marathon", "--mesos_role=web", "--enable_features=secrets,external_volumes,gpu_resources", "--max_running_deployments=3", "--local_port_min=10000", "--local_port_max=10010")
    for id, body in (("/web", {**APP, "portDefinitions": [{"port": 0, "name": "a"}]}), ("/db", RESIDENT), ("/g/a", APP), ("/g/h/a", APP)):
        equal(post(port, "/v2/apps", {"id": id, **body}).status, 201, id)
    for id, body in (("/pod", POD), ("/db-pod", RESIDENT_POD)):
        equal(post(port, "/v2/pods", {"id": id, **body}).status, 201, id)


def app(**fields):
    return {"id": "/new", **APP, **fields}


SUBJECTS = [
    # subject, code, what: method, path, body, code, path of the detail (None: none), text
    ("POST /v2/apps", "the id of an app", "POST", "/v2/apps", app(id="/web"), 409, None, "An app with id [/web] already exists."),
    ("POST /v2/apps", "the id of a pod", "POST", "/v2/apps", app(id="/pod"), 422, "/", "Applications and Pods may not share the same id"),
    ("POST /v2/apps", "the id of a group", "POST", "/v2/apps", app(id="/g"), 422, "/", "Groups and Applications may not have the same identifier."),
    ("POST /v2/apps", "below an app", "POST", "/v2/apps", app(id="/web/x"), 422, None, "Groups and Applications may not have the same identifier."),
    ("POST /v2/apps", "an id that is too long", "POST", "/v2/apps", app(id="/" + "a" * 300), 422, "/id", "characters long; task ids are made of it, so"),
    ("POST /v2/apps", "an absurdly long body field", "POST", "/v2/apps", app(version="yesterday"), 422, "/version", "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string."),
    ("POST /v2/apps", "constraint of no field", "POST", "/v2/apps", app(constraints=[["", "UNIQUE"]]), 422, "/constraints(0)", "missing field for constraint declaration"),
    ("POST /v2/apps", "constraint of one part", "POST", "/v2/apps", app(constraints=[["hostname"]]), 422, "/constraints(0)", "Each constraint must have either 2 or 3 fields"),
    ("POST /v2/apps", "constraint operator", "POST", "/v2/apps", app(constraints=[["hostname", "NEAR"]]), 422, "/constraints(0)", "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS"),
    ("POST /v2/apps", "constraint UNIQUE", "POST", "/v2/apps", app(constraints=[["hostname", "UNIQUE", "x"]]), 422, "/constraints(0)", "UNIQUE does not accept a value"),
    ("POST /v2/apps", "constraint GROUP_BY", "POST", "/v2/apps", app(constraints=[["rack", "GROUP_BY", "x"]]), 422, "/constraints(0)", "GROUP BY must define an integer value or else no value at all"),
    ("POST /v2/apps", "constraint LIKE", "POST", "/v2/apps", app(constraints=[["rack", "LIKE"]]), 422, "/constraints(0)", "LIKE and UNLIKE require a non-empty, regular expression value"),
    ("POST /v2/apps", "constraint UNLIKE", "POST", "/v2/apps", app(constraints=[["rack", "UNLIKE", "a(b"]]), 422, "/constraints(0)", "is not a valid regular expression"),
    ("POST /v2/apps", "constraint MAX_PER", "POST", "/v2/apps", app(constraints=[["rack", "MAX_PER"]]), 422, "/constraints(0)", "MAX_PER requires an integer value"),
    ("POST /v2/apps", "constraint IS", "POST", "/v2/apps", app(constraints=[["rack", "IS", "{a,b}"]]), 422, "/constraints(0)", "IS only supports Mesos text and float values (sets and ranges are not supported)"),
    ("POST /v2/apps", "constraint EVERY of an attribute", "POST", "/v2/apps", app(constraints=[["rack", "EVERY"]]), 422, "/constraints(0)", "EVERY means every agent: its field is hostname, got rack"),
    ("POST /v2/apps", "EVERY and GROUP_BY", "POST", "/v2/apps", app(constraints=[["hostname", "EVERY"], ["rack", "GROUP_BY"]]), 422, None, "GROUP_BY spreads a number of instances; with EVERY the agents say how many there are"),
    ("POST /v2/apps", "EVERY with volumes", "POST", "/v2/apps", {"id": "/new", **RESIDENT, "constraints": [["hostname", "EVERY"]]}, 422, None, "an app with EVERY cannot have persistent volumes; a hostPath is kept on its agent as well"),
    ("POST /v2/apps", "EVERY and a single instance", "POST", "/v2/apps", app(labels={"MARATHON_SINGLE_INSTANCE_APP": "true"}, constraints=[["hostname", "EVERY"]]), 422, None, "MARATHON_SINGLE_INSTANCE_APP and a constraint EVERY contradict each other"),
    ("POST /v2/apps", "a single instance, twice", "POST", "/v2/apps", app(labels={"MARATHON_SINGLE_INSTANCE_APP": "true"}, instances=2), 422, "/instances", "Single instance app may only have one instance"),
    ("POST /v2/apps", "an undefined secret", "POST", "/v2/apps", app(env={"K": {"secret": "none"}}), 422, "/env/K/secret", "references an undefined secret"),
    ("POST /v2/apps", "a role of somebody else", "POST", "/v2/apps", app(role="other"), 422, "/role", "got other, expected one of: [web]"),
    ("POST /v2/apps", "accepted roles", "POST", "/v2/apps", app(acceptedResourceRoles=["other"]), 422, "/acceptedResourceRoles", "acceptedResourceRoles can only contain * and web"),
    ("POST /v2/apps", "a volume's name with #", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "container": {"type": "MESOS", "volumes": [{"containerPath": "a#b", "mode": "RW", "persistent": {"size": 1}}]}}, 422, "/container/volumes(0)/containerPath", "expected the name of a folder in the sandbox without '#'"),
    ("POST /v2/apps", "maxSize below size", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "container": {"type": "MESOS", "volumes": [{"containerPath": "a", "mode": "RW", "persistent": {"size": 2, "maxSize": 1, "type": "mount"}}]}}, 422, None, "Max size must be larger than size"),
    ("POST /v2/apps", "maxSize of a root volume", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "container": {"type": "MESOS", "volumes": [{"containerPath": "a", "mode": "RW", "persistent": {"size": 1, "maxSize": 2}}]}}, 422, None, "Only mount volumes can have maxSize"),
    ("POST /v2/apps", "constraints of a root volume", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "container": {"type": "MESOS", "volumes": [{"containerPath": "a", "mode": "RW", "persistent": {"size": 1, "constraints": [["path", "LIKE", "x"]]}}]}}, 422, None, "Constraints on root volumes are not supported"),
    ("POST /v2/apps", "a resident app that may be forgotten", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "unreachableStrategy": {"expungeAfterSeconds": 1}}, 422, "/unreachableStrategy", "unreachableStrategy must be disabled for resident tasks"),
    ("POST /v2/apps", "a resident app that grows", "POST", "/v2/apps", {**RESIDENT, "id": "/new", "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.1}}, 422, "/upgradeStrategy/maximumOverCapacity", "got 0.1, expected 0.0"),
    ("POST /v2/apps", "a way back without a rule", "POST", "/v2/apps", app(upgradeStrategy={"minimumHealthCapacity": 1, "maximumOverCapacity": 1, "autoRollback": {}}), 422, None, "must say when: maxFailures, deadlineSeconds or both"),
    ("POST /v2/apps", "ports in both forms", "POST", "/v2/apps", app(ports=[1], portDefinitions=[{"port": 1}]), 422, "/", "cannot specify both ports and port definitions"),
    ("POST /v2/apps", "ipAddress and ports", "POST", "/v2/apps", app(ipAddress={"networkName": "n"}, ports=[1]), 422, "/", "cannot specify both an IP address and port"),
    ("POST /v2/apps", "networks in both forms", "POST", "/v2/apps", {"id": "/new", "container": {"docker": {"image": "i", "network": "HOST"}}, "networks": [{"mode": "host"}]}, 422, "/", "must not specify both container.docker.network and networks"),
    ("POST /v2/apps", "networks and ipAddress", "POST", "/v2/apps", app(networks=[{"mode": "host"}], ipAddress={"networkName": "n"}), 422, "/", "must not specify both networks and ipAddress"),
    ("POST /v2/apps", "discovery of a Docker container", "POST", "/v2/apps", {"id": "/new", "container": {"docker": {"image": "i", "network": "USER"}}, "ipAddress": {"networkName": "n", "discovery": {"ports": [{"name": "p"}]}}}, 422, "/ipAddress", "ipAddress/discovery is not allowed for Docker containers"),
    ("POST /v2/apps", "uris and fetch", "POST", "/v2/apps", app(uris=["/a"], fetch=[{"uri": "/b"}]), 422, "/uris", "may not be set in conjunction with fetch"),
    ("POST /v2/apps", "a circle of dependencies", "POST", "/v2/apps", app(dependencies=["/new"]), 422, None, "Dependency graph has cyclic dependencies."),
    ("PUT /v2/apps/{id}", "an id in the path", "PUT", "/v2/apps/a%20b", APP, 422, "/id", "must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'"),
    ("PUT /v2/apps/{id}", "a version and something else", "PUT", "/v2/apps/web", {"version": TS, "cmd": "sleep 2"}, 422, "/", "The 'version' field may only be combined with the 'id' field."),
    ("PUT /v2/apps/{id}", "a version that never was", "PUT", "/v2/apps/web", {"version": TS}, 404, None, f"App '/web' does not exist in version {TS}"),
    ("PUT /v2/apps/{id}", "volumes of a resident app", "PUT", "/v2/apps/db", {"container": {"type": "MESOS", "volumes": [{"containerPath": "d", "mode": "RW", "persistent": {"size": 2}}]}}, 422, None, "Persistent volumes can not be changed!"),
    ("PUT /v2/apps/{id}", "resources of a resident app", "PUT", "/v2/apps/db", {"cpus": 2}, 422, None, "Services with persistent volumes configured may not change resource requirements. If you need to make this change, please create a new service."),
    ("PUT /v2/apps/{id}", "the role of a resident app", "PUT", "/v2/apps/db", {"role": "*"}, 422, "/role", "the role of an app with persistent volumes, for which they are reserved, changes only with force=true"),
    ("POST /v2/apps", "an option of an external volume without its provider", "POST", "/v2/apps", app(container={"type": "MESOS", "volumes": [{"containerPath": "e", "mode": "RW", "external": {"provider": "dvdi", "name": "n", "options": {"dvdi/driver": "x", "size": "1"}}}]}), 422, None, "option 'size' must be prefixed by its provider, as dvdi/size"),
    ("PUT /v2/pods/{id}", "gpus of a pod with volumes", "PUT", "/v2/pods/db-pod", A_RESIDENT_POD(resources={**C["resources"], "gpus": 1}), 422, None, "gpus cannot be updated if a pod has persistent volumes"),
    ("DELETE /v2/leader", "a backup", "DELETE", "/v2/leader?backup=file:///x", None, 422, None, "'backup' and 'restore' are not supported by this version"),
    ("GET /v2/%", "a path that is none", "GET", "/v2/apps/%zz", None, 400, None, "the path is not valid"),
    ("PATCH /v2/apps/{id}", "an app that is not there", "PATCH", "/v2/apps/nope", {"instances": 1}, 404, None, "App '/nope' does not exist"),
    ("PATCH /v2/apps", "an app that is not there", "PATCH", "/v2/apps", [{"id": "/nope", "instances": 1}], 404, None, "App '/nope' does not exist"),
    ("PUT /v2/apps", "an element without id", "PUT", "/v2/apps", [{"cmd": "sleep 1"}], 422, None, "'id' is undefined on object"),
    ("PUT /v2/apps", "no list", "PUT", "/v2/apps", {"id": "/a"}, 422, None, "error.expected.jsarray"),
    ("DELETE /v2/apps/{id}", "an app that is not there", "DELETE", "/v2/apps/nope", None, 404, None, "App '/nope' does not exist"),
    ("POST /v2/apps/{id}/restart", "an app that is not there", "POST", "/v2/apps/nope/restart", {}, 404, None, "App '/nope' does not exist"),
    ("GET /v2/apps/{id}", "an app that is not there", "GET", "/v2/apps/nope", None, 404, None, "App '/nope' does not exist"),
    ("GET /v2/apps/{id}/versions", "an app that is not there", "GET", "/v2/apps/nope/versions", None, 404, None, "App '/nope' does not exist"),
    ("GET /v2/apps/{id}/versions/{ts}", "no timestamp", "GET", "/v2/apps/web/versions/x", None, 422, None, "Invalid timestamp provided 'x'. Expecting ISO-8601 datetime string."),
    ("GET /v2/apps/{id}/versions/{ts}", "a version that never was", "GET", f"/v2/apps/web/versions/{TS}", None, 404, None, f"App '/web' does not exist in version {TS}"),
    ("GET /v2/apps", "a bad selector", "GET", "/v2/apps?label=a%3D%3D", None, 422, None, "Can not parse label selector"),
    ("GET /v2/apps/{id}/tasks", "an app that is not there", "GET", "/v2/apps/nope/tasks", None, 404, None, "App '/nope' does not exist"),
    ("DELETE /v2/apps/{id}/tasks", "scale and wipe", "DELETE", "/v2/apps/web/tasks?scale=true&wipe=true", None, 400, None, "You cannot use scale and wipe at the same time."),
    ("DELETE /v2/apps/{id}/tasks", "an app that is not there", "DELETE", "/v2/apps/nope/tasks", None, 404, None, "App '/nope' does not exist"),
    ("DELETE /v2/apps/{id}/tasks", "scale an app without instances", "DELETE", "/v2/apps/web/tasks?scale=true", None, 404, None, "Path '/web' does not exist"),
    ("DELETE /v2/apps/{id}/tasks/{taskId}", "a task that is not there", "DELETE", f"/v2/apps/web/tasks/web.instance-{UUID}._app.1", None, 404, None, f"Task 'web.instance-{UUID}._app.1' does not exist"),
    ("POST /v2/tasks/delete", "no ids", "POST", "/v2/tasks/delete", {}, 422, "/ids", "'ids' is undefined on object"),
    ("POST /v2/tasks/delete", "an id that is none", "POST", "/v2/tasks/delete", {"ids": ["x"]}, 400, None, "Invalid task id 'x'. [The id must have the form <app>.instance-<uuid>._app.<n>]"),
    ("POST /v2/tasks/delete", "scale and wipe", "POST", "/v2/tasks/delete?scale=true&wipe=true", {"ids": []}, 400, None, "You cannot use scale and wipe at the same time."),
    ("POST /v2/groups", "a group that is there", "POST", "/v2/groups", {"id": "/g"}, 409, None, "Group /g is already created. Use PUT to change this group."),
    ("POST /v2/groups", "the id of an app", "POST", "/v2/groups", {"id": "/web"}, 409, None, "An app with the path /web already exists."),
    ("POST /v2/groups", "an id that is too long", "POST", "/v2/groups", {"id": "/" + "a" * 600}, 422, "/id", "characters long; the limit is"),
    ("GET /v2/groups/{id}", "a group that is not there", "GET", "/v2/groups/nope", None, 404, None, "Group '/nope' does not exist"),
    ("GET /v2/groups/{id}/versions/{ts}", "a version that never was", "GET", f"/v2/groups/g/versions/{TS}", None, 404, None, f"Group '/g' does not exist in version {TS}"),
    ("PUT /v2/groups/{id}", "a version that never was", "PUT", "/v2/groups/g", {"version": TS}, 422, None, f"Group /g not available in version {TS}"),
    ("PUT /v2/groups/{id}", "a version and something else", "PUT", "/v2/groups/g", {"version": TS, "apps": []}, 422, "/version", "not allowed in conjunction with other properties."),
    ("PUT /v2/groups/{id}", "scaleBy and something else", "PUT", "/v2/groups/g", {"scaleBy": 2, "apps": []}, 422, "/scaleBy", "not allowed in conjunction with other properties."),
    ("PUT /v2/groups/{id}", "a circle of dependencies", "PUT", "/v2/groups/c", {"apps": [{"id": "a", **APP, "dependencies": ["b"]}, {"id": "b", **APP, "dependencies": ["a"]}]}, 422, None, "Dependency graph has cyclic dependencies."),
    ("PUT /v2/groups/{id}", "an app of another group", "PUT", "/v2/groups/g", {"apps": [{"id": "/elsewhere/a", **APP}]}, 422, None, "Identifier is not child of '/g'"),
    ("PUT /v2/groups/{id}", "an app and a group of one id", "PUT", "/v2/groups/g", {"apps": [{"id": "x", **APP}], "groups": [{"id": "x", "apps": [{"id": "y", **APP}]}]}, 422, None, "Groups and Applications may not have the same identifier."),
    ("PUT /v2/groups/{id}", "enforceRole below the top", "PUT", "/v2/groups/g/h", {"enforceRole": True}, 422, None, "enforceRole can only be set for top-level groups, and /g/h is not top-level"),
    ("PUT /v2/groups/{id}", "enforceRole with services", "PUT", "/v2/groups/g", {"enforceRole": True, "apps": [{"id": "n", **APP}]}, 422, None, "enforceRole cannot be modified in a request that adds, removes or modifies services; please make these changes in separate requests."),
    ("PATCH /v2/groups/{id}", "enforceRole below the top", "PATCH", "/v2/groups/g/h", {"enforceRole": True}, 422, None, "enforceRole can only be set for top-level groups"),
    ("PATCH /v2/groups/{id}", "a group that is not there", "PATCH", "/v2/groups/nope", {"enforceRole": True}, 404, None, "Group '/nope' does not exist"),
    ("DELETE /v2/groups/{id}", "a group that is not there", "DELETE", "/v2/groups/nope", None, 404, None, "Group '/nope' does not exist"),
    ("POST /v2/pods", "the id of a pod", "POST", "/v2/pods", {"id": "/pod", **POD}, 409, None, "A pod with id [/pod] already exists."),
    ("POST /v2/pods", "the id of an app", "POST", "/v2/pods", {"id": "/web", **POD}, 422, None, "Applications and Pods may not share the same id"),
    ("POST /v2/pods", "the id of a group", "POST", "/v2/pods", {"id": "/g", **POD}, 422, None, "Groups and Pods may not have the same identifier."),
    ("POST /v2/pods", "EVERY", "POST", "/v2/pods", {"id": "/new", **POD, "scheduling": {"placement": {"constraints": [{"fieldName": "hostname", "operator": "EVERY"}]}}}, 422, None, "EVERY is for apps alone"),
    ("POST /v2/pods", "volumes that may be forgotten", "POST", "/v2/pods", {"id": "/new", **RESIDENT_POD, "scheduling": {"unreachableStrategy": {"expungeAfterSeconds": 1}}}, 422, None, "unreachableStrategy must be disabled for pods with persistent volumes"),
    ("POST /v2/pods", "seccomp of the executor", "POST", "/v2/pods", {"id": "/new", **POD, "linuxInfo": {"seccomp": {"unconfined": True}}}, 422, None, "Seccomp configuration on executor level is not supported"),
    ("GET /v2/pods/{id}", "a pod that is not there", "GET", "/v2/pods/nope", None, 404, None, "pod with /nope does not exist"),
    ("GET /v2/pods/{id}::status", "a pod that is not there", "GET", "/v2/pods/nope::status", None, 404, None, "does not exist"),
    ("DELETE /v2/pods/{id}", "a pod that is not there", "DELETE", "/v2/pods/nope", None, 404, None, "Pod '/nope' does not exist"),
    ("PUT /v2/pods/{id}", "a pod that is not there", "PUT", "/v2/pods/nope", {"id": "/nope", **POD}, 404, None, "Pod '/nope' does not exist"),
    ("PUT /v2/pods/{id}", "another id in the body", "PUT", "/v2/pods/pod", {"id": "/bla", **POD}, 400, None, "'/pod' does not match definition's id ('/bla')"),
    ("PUT /v2/pods/{id}", "volumes", "PUT", "/v2/pods/db-pod", {**A_RESIDENT_POD(), "volumes": [{"name": "v", "persistent": {"size": 2}}]}, 422, None, "persistent volumes cannot be updated"),
    *[("PUT /v2/pods/{id}", f"{what} of a pod with volumes", "PUT", "/v2/pods/db-pod", A_RESIDENT_POD(resources={**C["resources"], what: value}), 422, None, text)
      for what, value, text in (("cpus", 1, "cpus cannot be updated if a pod has persistent volumes"), ("mem", 64, "mem cannot be updated if a pod has persistent volumes"), ("disk", 5, "disk cannot be updated if a pod has persistent volumes"))],
    ("PUT /v2/pods/{id}", "host ports of a pod with volumes", "PUT", "/v2/pods/db-pod", A_RESIDENT_POD(endpoints=[{"name": "e", "hostPort": 31001}]), 422, None, "host ports cannot be updated if a pod has persistent volumes"),
    ("DELETE /v2/pods/{id}::instances/{iid}", "an id that is none", "DELETE", "/v2/pods/pod::instances/x", None, 422, None, "'x' is no instance id; the form is <pod>.instance-<uuid>"),
    ("DELETE /v2/pods/{id}::instances/{iid}", "an instance that is not there", "DELETE", f"/v2/pods/pod::instances/pod.instance-{UUID}", None, 404, None, "does not exist"),
    ("DELETE /v2/queue/{id}/delay", "an app that waits for nothing", "DELETE", "/v2/queue/web/delay", None, 404, None, "Application /web not found in tasks queue."),
    ("DELETE /v2/deployments/{id}", "a deployment that is not there", "DELETE", "/v2/deployments/nope", None, 404, None, "DeploymentPlan nope does not exist"),
    ("GET /v2/plugins/{id}", "a plugin that is not there", "GET", "/v2/plugins/x/y", None, 404, None, "No plugin with this pluginId: x"),
    ("POST /logging", "no level", "POST", "/logging", {"logger": "ROOT"}, 422, "/level", "'level' is undefined on object"),
    ("POST /logging", "no logger", "POST", "/logging", {"level": "info"}, 422, "/logger", "'logger' is undefined on object"),
    ("POST /logging", "a level that is none", "POST", "/logging", {"level": "loud", "logger": "ROOT"}, 422, "/level", "error.unknown.enum.literal"),
    ("GET /stoa/v1/deleted/{id}", "one that is not kept", "GET", "/stoa/v1/deleted/nope", None, 404, None, "No deleted app '/nope' is kept"),
    ("POST /stoa/v1/apps/{id}/rollout/undo", "no version before", "POST", "/stoa/v1/apps/web/rollout/undo", {}, 409, None, "app /web has no version before this one to go back to"),
    ("POST /stoa/v1/jobs", "no run", "POST", "/stoa/v1/jobs", {"id": "/j"}, 422, "/run", "must be there: what the job runs, with the fields of an app (cmd, cpus, mem, ...)"),
    ("POST /stoa/v1/jobs", "too few fields of cron", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true"}, "schedule": {"cron": "1 2"}}, 422, "/schedule/cron", "has fewer than five fields; use five (minute hour day month weekday) or @hourly, @daily, @weekly, @monthly, @yearly"),
    ("POST /stoa/v1/jobs", "too many fields of cron", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true"}, "schedule": {"cron": "1 2 3 4 5 6"}}, 422, "/schedule/cron", "has more than five fields"),
    ("POST /stoa/v1/jobs", "the 31st of February", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true"}, "schedule": {"cron": "0 0 31 2 *"}}, 422, "/schedule/cron", "'0 0 31 2 *' is never due"),
    ("POST /stoa/v1/jobs", "a zone that is none", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true"}, "schedule": {"cron": "@daily", "timeZone": "../etc/passwd"}}, 422, "/schedule/timeZone", "'../etc/passwd' is no time zone; use a name like Europe/Berlin or UTC"),
    ("POST /stoa/v1/jobs", "a zone nobody knows", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true"}, "schedule": {"cron": "@daily", "timeZone": "Mars/Olympus"}}, 422, "/schedule/timeZone", "); use a name like Europe/Berlin or UTC"),
    ("POST /stoa/v1/jobs", "volumes", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true", "container": RESIDENT["container"]}}, 422, None, "a run cannot have persistent volumes"),
    ("POST /stoa/v1/jobs", "EVERY", "POST", "/stoa/v1/jobs", {"id": "/j", "run": {"cmd": "true", "constraints": [["hostname", "EVERY"]]}}, 422, None, "a run is one task: the constraint EVERY is for apps"),
    ("POST /stoa/v1/jobs", "an id that is too long", "POST", "/stoa/v1/jobs", {"id": "/" + "j" * 300, "run": {"cmd": "true"}}, 422, "/id", "characters long; task ids are made of it, so"),
    ("PUT /stoa/v1/jobs/{id}", "another id", "PUT", "/stoa/v1/jobs/j", {"id": "/k", "run": {"cmd": "true"}}, 422, "/id", "is '/k', but the path says '/j'; leave it out, or make them agree"),
    ("GET /v2/nothing", "a route that is none", "GET", "/v2/nothing", None, 404, None, "URI not found"),
    ("GET /v2/artifacts", "a route of old", "GET", "/v2/artifacts", None, 404, None, "URI not found"),
    ("POST /v2/apps", "no JSON", "POST", "/v2/apps", "{", 400, None, "Invalid JSON"),
    ("POST /v2/apps", "no body", "POST", "/v2/apps", "", 400, None, "Please specify data in JSON format"),
]

for subject, what, method, path, body, code, at, text in SUBJECTS:
    @case(f"{subject} {code}: {what}")
    def _(method=method, path=path, body=body, code=code, at=at, text=text):
        r = call(method, path, body, headers={"Content-Type": "application/json"})
        equal(r.status, code, r.text[:300])
        equal(r.headers["Content-Type"], "application/json", "Content-Type")
        check(isinstance(r.json.get("message"), str), r.text[:300])
        if at is None:
            whole = " ".join([r.json["message"], *told(r).values()])
            check(text in whole, f"{text!r} is not in {whole!r}")
        else:
            equal(r.json["message"] in ("Invalid JSON", "Object is not valid"), True, r.text[:200])
            check(text in told(r).get(at, ""), f"{text!r} is not told at {at}: {told(r)}")


@case("PUT /v2/apps/{id} 412: If-Match of another version")
def _():
    r = call("PUT", "/v2/apps/web", {"mem": 64}, headers={"If-Match": f'"{TS}"'})
    equal(r.status, 412, r.text)
    check("If-Match asks for version" in r.text, r.text)


@case("PATCH /v2/apps/{id} 422: a merge patch of the id or the version")
def _():
    for body in ({"id": "/else"}, {"version": TS}):
        r = call("PATCH", "/v2/apps/web", json.dumps(body), headers={"Content-Type": "application/merge-patch+json"})
        equal((r.status, "cannot be changed by a merge patch" in r.text), (422, True), r.text)


@case("jobs 409: FORBID while a run is active; deleting meanwhile; a run killed twice; 404: a run that never was")
def _():
    call("POST", "/stoa/v1/jobs", {"id": "/once", "run": {"cmd": "true"}, "concurrencyPolicy": "FORBID"})
    run = call("POST", "/stoa/v1/jobs/once/runs", {}).json["id"]
    for method, path, code, text in (("POST", "/stoa/v1/jobs/once/runs", 409, "Job '/once' has an active run, and its concurrencyPolicy is FORBID"), ("DELETE", "/stoa/v1/jobs/once", 409, "Job '/once' has 1 active run; kill it, or delete with stopRuns=true"),
                                     ("DELETE", "/stoa/v1/jobs/once/runs/nope", 404, "Job '/once' has no run 'nope'"), ("GET", "/stoa/v1/jobs/once/runs/nope", 404, "Job '/once' has no run 'nope'")):
        r = call(method, path, {} if method == "POST" else None)
        equal((r.status, r.json["message"]), (code, text), f"{method} {path}")
    equal(call("DELETE", f"/stoa/v1/jobs/once/runs/{run}").status, 202, "killed")
    wait_for("it is over", lambda: call("GET", f"/stoa/v1/jobs/once/runs/{run}").json["state"] == "KILLED")
    r = call("DELETE", f"/stoa/v1/jobs/once/runs/{run}")
    check(r.status == 409 and r.json["message"] == f"Run '{run}' is over: KILLED", r.text)
    equal(call("DELETE", "/stoa/v1/jobs/once").status, 204, "the job")


@case("GET /v2/events 503: too many event streams; the limit is 1000")
def _():
    streams = []
    for _ in range(1001):
        s = socket.create_connection(("127.0.0.1", port), 10)
        s.sendall(b"GET /v2/events?event_type=none HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        streams.append(s)
    answers = [s.recv(4096) for s in streams]
    for s in streams:
        s.close()
    refused = [a for a in answers if b" 200 " not in a.split(b"\r\n")[0]]
    equal(len(refused), 1, "refused")
    check(b" 503 " in refused[0] and b'{"message":"too many event streams; the limit is 1000"}' in refused[0], refused[0])


@case("POST /v2/apps 500: All ports in the range [10000-10010) are already in use")
def _():
    r = call("POST", "/v2/apps", app(id="/hungry", portDefinitions=[{"port": 0}] * 12))
    equal((r.status, r.json["message"]), (500, "All ports in the range [10000-10010) are already in use"), "refusal")


@case("POST /v2/apps 403: more deployments than are allowed, with force as well; cancelling one makes room")
def _():
    ids = [call("POST", "/v2/apps", app(id=f"/waits{i}", instances=1)).headers["Marathon-Deployment-Id"] for i in range(3)]
    for query in ("", "?force=true"):
        r = call("POST", "/v2/apps" + query, app(id="/fourth", instances=1))
        equal(r.status, 403, r.text)
        check(r.json["message"].startswith("Max number (3) of running deployments is achieved. Wait for existing deployments to complete or cancel oneusing force=true parameter."), r.text)
    equal(call("DELETE", f"/v2/deployments/{ids[0]}?force=true").status, 202, "cancelling")
    equal(call("POST", "/v2/apps", app(id="/fourth", instances=1)).status, 201, "room")


@case("PUT /v2/apps/{id} 409: locked, with the deployment's id, until it is forced")
def _():
    held = [d["id"] for d in get(port, "/v2/deployments").json if d["affectedApps"] != ["/fourth"]]
    equal(call("DELETE", f"/v2/deployments/{held[0]}?force=true").status, 202, "room for a change")
    r = call("PUT", "/v2/apps/fourth", {"mem": 64})
    equal(r.status, 409, r.text)
    equal(r.json["message"], "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.", "message")
    equal(r.json["deployments"], [{"id": next(d["id"] for d in get(port, "/v2/deployments").json if d["affectedApps"] == ["/fourth"])}], "deployments")


@case("PUT /v2/groups/{id} 422: a safe service takes no update that leaves something out")
def _():
    safe = start("safe", "--safe_groups")
    http_request("PUT", safe, "/v2/groups/g", {"apps": [{"id": "a", **APP}, {"id": "b", **APP}]})
    r = http_request("PUT", safe, "/v2/groups/g", {"apps": [{"id": "a", **APP}]})
    equal(r.status, 422, r.text)
    check("The update leaves out '/g/b', which would be removed. Name it, or say prune=true." in r.text, r.text)
    equal(http_request("PUT", safe, "/v2/groups/g?prune=true", {"apps": [{"id": "a", **APP}]}).status, 200, "prune")


@case("GET /metrics/prometheus 404: where it is switched off")
def _():
    off = start("off", "--disable_metrics_prometheus")
    r = get(off, "/metrics/prometheus")
    equal((r.status, r.json["message"]), (404, "Prometheus reporter is disabled"), "refusal")


FLAGS = [
    (["--enable_features=nonsense"], "--enable_features: 'nonsense' is not a feature; there are vips, task_killing, external_volumes, secrets and gpu_resources"),
    (["--disable_http"], "--disable_http leaves no way in: give --ssl_keystore_path"),
    (["--local_port_min=9", "--local_port_max=8"], "--local_port_min=9 is above --local_port_max=8"),
    (["--plugin_dir=/x"], "--plugin_dir is not built yet: leave it out"),
    (["--disable_http", "--ssl_keystore_path=/x", "--zk=zk://127.0.0.1:1/m"], "--disable_http with --zk is not built yet: several instances forward requests to each other by plain HTTP"),
    (["--no_such_flag=1"], "no_such_flag"),
    (["--logstash=udp://127.0.0.1:1"], "--logstash is not built yet: pass standard error on"),
    (["--metrics_statsd", "--metrics_statsd_host=127.0.0.1"], "--metrics_statsd is not built yet: let a collector read /metrics/prometheus or /metrics"),
    (["--mesos_offer_constraints", "--leader_proxy_max_open_connections=9", "--disable_http"], "--disable_http leaves no way in"),
]
for flags, text in FLAGS:
    @case(f"stoa marathon {' '.join(flags)}: {text[:60]}")
    def _(flags=flags, text=text):
        r = subprocess.run([STOA, "marathon", "--master=127.0.0.1:1", f"--store_dir={scratch()}/none", *flags], capture_output=True, text=True, timeout=20)
        check(r.returncode != 0 and text in r.stderr + r.stdout, f"{r.returncode}: {r.stderr[-300:]}")


@case("stoa marathon: flags of the original without effect are named at the start")
def _():
    start("ignored", "--mesos_offer_constraints", "--metrics_histogram_reservoir_significant_digits=2", "--disable_metrics_datadog", "--max_apps", "9")
    log = open([p for p in Process.alive if "--mesos_offer_constraints" in p.args][0].log_path).read()
    line = [l for l in log.split("\n") if "event=flags_ignored" in l]
    check(line and all(f in line[0] for f in ("--mesos_offer_constraints", "--metrics_histogram_reservoir_significant_digits", "--disable_metrics_datadog", "--max_apps")), log[:600])


@case("of all that was refused nothing is there, and nothing has changed")
def _():
    equal(call("GET", "/v2/apps/new").status, 404, "/new")
    equal([len(call("GET", f"/v2/apps/{a}/versions").json["versions"]) for a in ("web", "g/a")], [1, 1], "versions")
    equal(get(port, "/stoa/v1/jobs").json["jobs"], [], "jobs")


main()
