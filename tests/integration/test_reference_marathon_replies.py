#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each key of each answer and event, a row each: its kind, whether it is always there, and that it was seen, on a running cluster
with apps that are healthy, sick, failing, waiting, resident, not ready, and pods. What the rows mean: support/shapes.py."""
import os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from shapes import *

dev = seen = None
events, lines = [], []
DOMAIN = '{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"eu-1"}}}'
HELLO = {"cmd": 'exec "$STOA" hello', "env": {"STOA": STOA}, "cpus": 0.01, "mem": 16, "portDefinitions": [{"port": 0, "name": "http-api"}]}
SLEEP = {"cmd": "sleep 1000", "cpus": 0.01, "mem": 16}
FAST = {"intervalSeconds": 1, "timeoutSeconds": 1, "gracePeriodSeconds": 0}


def listen():
    """Reads the event stream until it ends."""
    s = socket.create_connection(("127.0.0.1", dev.marathon))
    s.sendall(b"GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    f = s.makefile("rb")
    try:
        for line in f:
            lines.append(line)
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
    except (OSError, ValueError):
        pass


def app(id, **more):
    r = post(dev.marathon, "/v2/apps", {"id": id, **{k: v for k, v in more.items()}})
    equal(r.status, 201, r.text)
    return r.json


def pod(id, **container):
    c = {"name": "c", "exec": {"command": {"shell": 'exec "$STOA" hello --port=$ENDPOINT_HTTP'}}, "resources": {"cpus": 0.01, "mem": 16}, "endpoints": [{"name": "http", "hostPort": 0}], **container}
    r = post(dev.marathon, "/v2/pods", {"id": id, "environment": {"STOA": STOA}, "containers": [c]})
    equal(r.status, 201, r.text)
    return r.json


EVERYTHING = "embed=app.tasks&embed=app.counts&embed=app.deployments&embed=app.readiness&embed=app.lastTaskFailure&embed=app.taskStats"


def shown(id):
    return get(dev.marathon, f"/v2/apps{id}?{EVERYTHING}").json["app"]


def one_task(id):
    return shown(id)["tasks"][0]


@case("a cluster with apps in every state")
def _():
    global dev
    dev = Dev(master_flags=[f"domain={DOMAIN}"], agent_flags=[f"domain={DOMAIN}", "attributes=rack:r1;level:2.5;span:[1-3]"], marathon_flags=["mesos_role=web", "enable_features=task_killing"])
    threading.Thread(target=listen, daemon=True).start()
    wait_for("the stream", lambda: events)
    post(dev.marathon, "/v2/groups", {"id": "/shop", "apps": [{"id": "web", **HELLO, "instances": 2, "healthChecks": [{"protocol": "HTTP", "portIndex": 0, "path": "/", **FAST, "gracePeriodSeconds": 60}]}]})
    app("/sick", **SLEEP, portDefinitions=[{"port": 0}], healthChecks=[{"protocol": "TCP", "portIndex": 0, **FAST, "maxConsecutiveFailures": 0}])
    app("/killed", **SLEEP, portDefinitions=[{"port": 0}], healthChecks=[{"protocol": "TCP", "portIndex": 0, **FAST, "maxConsecutiveFailures": 1}])
    app("/check-command", **SLEEP, check={"exec": {"command": {"shell": "exit 3"}}, "intervalSeconds": 1, "delaySeconds": 0})
    app("/check-http", **HELLO, check={"http": {"portIndex": 0, "path": "/"}, "intervalSeconds": 1, "delaySeconds": 0})
    app("/check-tcp", **HELLO, check={"tcp": {"portIndex": 0}, "intervalSeconds": 1, "delaySeconds": 0})
    app("/db", **SLEEP, container={"type": "MESOS", "volumes": [{"containerPath": "data", "mode": "RW", "persistent": {"size": 1}}]})
    app("/fails", cmd="exit 3", cpus=0.01, mem=16, backoffSeconds=100, maxLaunchDelaySeconds=1000)
    app("/big", **{**SLEEP, "cpus": 1000})
    app("/unready", **HELLO, readinessChecks=[{"httpStatusCodesForReady": [299], "intervalSeconds": 2, "timeoutSeconds": 1, "preserveLastResponse": True}])
    pod("/pod", healthCheck={"http": {"endpoint": "http"}, "intervalSeconds": 1, "timeoutSeconds": 0, "delaySeconds": 0}, labels={"a": "b"})
    pod("/big-pod", resources={"cpus": 1000, "mem": 16})


def collect():
    """Waits for every state, then reads everything once."""
    s, m = {}, dev.marathon
    dev.settled("/shop/web")
    wait_for("sick", lambda: shown("/sick")["tasksUnhealthy"] == 1)
    wait_for("killed", lambda: "lastTaskFailure" in shown("/killed"))
    wait_for("failed", lambda: "lastTaskFailure" in shown("/fails"))
    for kind in ("command", "http", "tcp"):
        wait_for(f"{kind} check", lambda: kind in one_task(f"/check-{kind}").get("checkResult", {}))
    wait_for("resident", lambda: one_task("/db").get("state") == "TASK_RUNNING")
    wait_for("readiness", lambda: shown("/unready")["readinessCheckResults"])
    pods = wait_for("a stable pod", lambda: [x for x in get(m, "/v2/pods/::status").json if x["id"] == "/pod" and x["status"] == "STABLE"])
    queue = wait_for("unused offers", lambda: (lambda q: q if all(i.get("lastUnusedOffers") for i in q if i.get("app", i.get("pod"))["id"].startswith("/big")) and len(q) >= 3 else None)(get(m, "/v2/queue?embed=lastUnusedOffers").json["queue"]))
    apps = get(m, f"/v2/apps?{EVERYTHING.replace('app.', 'apps.')}").json["apps"]
    s["AppInfo"] = apps + [shown(a["id"]) for a in apps]
    s["Health"] = [h for t in get(m, "/v2/tasks").json["tasks"] for h in t["healthCheckResults"]]
    s["Task"] = [t for a in s["AppInfo"] for t in a["tasks"]] + get(m, "/v2/tasks").json["tasks"] + get(m, "/v2/apps/shop/web/tasks").json["tasks"]
    s["App"] = [{k: v for k, v in a.items() if k not in APP_INFO} for a in s["AppInfo"]]
    s["AppInfo"] = [{k: v for k, v in a.items() if k in APP_INFO} for a in s["AppInfo"]]
    dig(s, "VersionInfo", s["App"], "versionInfo")
    dig(s, "TaskFailure", s["AppInfo"], "lastTaskFailure")
    dig(s, "IpAddr", s["Task"], "ipAddresses")
    dig(s, "CheckStatus", s["Task"], "checkResult")
    for name, key in (("HttpCheckStatus", "http"), ("TCPCheckStatus", "tcp"), ("CommandCheckStatus", "command")):
        dig(s, name, s["CheckStatus"], key)
    dig(s, "LocalVolumeId", s["Task"], "localVolumes")
    dig(s, "TaskReadinessCheckResult", s["AppInfo"], "readinessCheckResults")
    dig(s, "ReadinessCheckHttpResponse", s["TaskReadinessCheckResult"], "lastResponse")
    dig(s, "TaskStatsByVersion", s["AppInfo"], "taskStats")
    s["StatsWrapper"] = [v for t in s["TaskStatsByVersion"] for v in t.values()]
    dig(s, "TaskStats", s["StatsWrapper"], "stats")
    dig(s, "TaskCounts", s["TaskStats"], "counts")
    dig(s, "TaskLifeTime", s["TaskStats"], "lifeTime")
    s["AppsResponse"], s["AppResponse"] = [get(m, "/v2/apps").json], [get(m, "/v2/apps/db").json, get(m, "/v2/apps/shop/*").json]
    s["TaskList"] = [get(m, "/v2/tasks").json, get(m, "/v2/apps/db/tasks").json]
    s["AppVersionsResponse"] = [get(m, "/v2/apps/db/versions").json]
    s["DeploymentStepInfo"] = get(m, "/v2/deployments").json
    dig(s, "DeploymentStep", s["DeploymentStepInfo"], "steps")
    dig(s, "DeploymentAction", s["DeploymentStep"], "actions")
    dig(s, "DeploymentActionInfo", s["DeploymentStepInfo"], "currentActions")
    s["DeploymentSteps"] = [http_request("PUT", m, "/v2/groups?dryRun=true", {"id": "/", "groups": [{"id": "new", "apps": [{"id": "x", **SLEEP}]}]}).json]
    root = get(m, "/v2/groups").json
    s["GroupInfo"] = [root, *root["groups"]]
    collect_queue(s, queue)
    collect_pods(s, pods)
    collect_rest(s, m)
    return s


def dig(s, name, among, key):
    found = [v[key] for v in among if key in v]
    s[name] = [x for v in found for x in (v if isinstance(v, list) else [v])]


def collect_queue(s, queue):
    s["Queue"] = [{"queue": queue}]
    s["QueueObject"] = queue
    dig(s, "QueueDelay", queue, "delay")
    dig(s, "ProcessedOffersSummary", queue, "processedOffersSummary")
    dig(s, "DeclinedOfferStep", s["ProcessedOffersSummary"], "rejectSummaryLastOffers")
    dig(s, "UnusedOffer", queue, "lastUnusedOffers")
    dig(s, "Offer", s["UnusedOffer"], "offer")
    dig(s, "OfferResource", s["Offer"], "resources")
    dig(s, "AgentAttribute", s["Offer"], "attributes")
    dig(s, "NumberRange", s["OfferResource"], "ranges")


def collect_pods(s, pods):
    s["PodStatus"] = pods + get(dev.marathon, "/v2/pods/::status").json
    dig(s, "Pod", pods, "spec")
    dig(s, "PodInstanceStatus", pods, "instances")
    dig(s, "NetworkStatus", s["PodInstanceStatus"], "networks")
    dig(s, "ContainerStatus", s["PodInstanceStatus"], "containers")
    dig(s, "ContainerEndpointStatus", s["ContainerStatus"], "endpoints")
    dig(s, "StatusCondition", s["ContainerStatus"], "conditions")
    dig(s, "Resources", s["PodInstanceStatus"] + s["ContainerStatus"], "resources")
    iid = pods[0]["instances"][0]["id"]
    s["Instance"] = [http_request("DELETE", dev.marathon, f"/v2/pods/pod::instances/{iid}").json]
    dig(s, "InstanceStateJson", s["Instance"], "state")
    dig(s, "AgentInfo", s["Instance"], "agentInfo")


def collect_rest(s, m):
    info = get(m, "/v2/info").json
    s["MarathonInfo"], s["LeaderInfo"], s["PluginList"] = [info], [get(m, "/v2/leader").json], [get(m, "/v2/plugins").json]
    for key in ("marathon_config", "zookeeper_config", "http_config"):
        s["MarathonInfo." + key] = [info[key]]
    locked = http_request("PUT", m, "/v2/apps/unready", {"mem": 17})
    equal(locked.status, 409, "locked")
    s["LockedErrorResponse"] = [locked.json]
    s["ErrorResponse"] = [get(m, "/v2/apps/nope").json, post(m, "/v2/apps", {"id": 5}).json, post(m, "/v2/apps", "{").json]
    dig(s, "ErrorDetailItem", [e for e in s["ErrorResponse"] if isinstance(e.get("details"), list)], "details")
    dig(s, "Identifiable", [locked.json], "deployments")
    metrics = get(m, "/metrics").json
    s["Metrics"] = [metrics]
    for name, key in (("Counter", "counters"), ("Gauge", "gauges"), ("Meter", "meters"), ("Timer", "timers"), ("Histogram", "histograms")):
        s[name] = list(metrics[key].values())
    s["TaskSingle"] = [http_request("DELETE", m, f"/v2/apps/check-tcp/tasks/{one_task('/check-tcp')['id']}").json]
    r = http_request("DELETE", m, "/v2/pods/big-pod?force=true")
    r = http_request("DELETE", m, "/v2/apps/check-http")
    s["DeploymentResult"] = [r.json]
    http_request("DELETE", m, "/v2/apps/unready?force=true")
    cause_events(m)
    for e in list(events):
        s.setdefault("event " + e["eventType"], []).append({k: v for k, v in e.items() if k not in ("eventType", "timestamp")})
    s["Event"] = [{k: e[k] for k in ("eventType", "timestamp") if k in e} for e in events]
    s["DeploymentPlanEvent"] = [e["plan"] for e in events if "plan" in e]


def had(type, **keys):
    return any(e["eventType"] == type and all(e.get(k) == v for k, v in keys.items()) for e in list(events))


def cause_events(m):
    equal(http_request("PUT", m, "/v2/pods/pod?force=true", {**get(m, "/v2/pods/pod").json, "labels": {"a": "c"}}).status, 200, "PUT pod")
    with socket.create_connection(("127.0.0.1", m)) as s:
        s.sendall(b"GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        s.recv(100)
    wait_for("the end of a stream", lambda: had("event_stream_detached"))
    wait_for("an app is gone", lambda: had("app_terminated_event", appId="/check-http"))
    wait_for("a health flipped", lambda: had("instance_health_changed_event", healthy=True))
    wait_for("killed", lambda: had("unhealthy_instance_kill_event"))
    os.kill(dev.pid_of("master"), signal.SIGKILL)
    wait_for("the master is back", lambda: had("scheduler_reregistered_event"), 60)


def samples():
    global seen
    if seen is None:
        seen = {}  # only one try
        seen = collect()
    return seen


APP_INFO = "tasksStaged tasksRunning tasksHealthy tasksUnhealthy deployments readinessCheckResults tasks lastTaskFailure taskStats".split()
ROWS = """
App
  id pathid required
  acceptedResourceRoles text[] rare
  args text[] rare
  backoffFactor number required
  backoffSeconds int required
  cmd text
  constraints list rare
  container object
  cpus number required
  dependencies pathid[] rare
  disk number required
  env object
  executor text required
  fetch object[] rare
  healthChecks object[]
  check object
  instances int required
  labels object required
  maxLaunchDelaySeconds int required
  mem number required
  gpus int required
  networks object[] required
  portDefinitions object[]
  readinessChecks object[]
  requirePorts bool required
  residency object
  upgradeStrategy object required
  version time required
  versionInfo object required
  killSelection enum:YOUNGEST_FIRST|OLDEST_FIRST required
  unreachableStrategy any required
  role text required
AppInfo
  tasksStaged int required
  tasksRunning int required
  tasksHealthy int required
  tasksUnhealthy int required
  deployments object[] required
  readinessCheckResults object[] required
  tasks object[] required
  lastTaskFailure object
  taskStats object required
AppsResponse
  apps object[] required
AppResponse
  app object
  * object[]
VersionInfo
  lastScalingAt time required
  lastConfigChangeAt time required
TaskReadinessCheckResult
  name text required
  taskId taskid required
  ready bool required
  lastResponse object
ReadinessCheckHttpResponse
  status int required
  contentType text required
  body text required
Task
  appId pathid required
  healthCheckResults object[] required
  checkResult object
  host text required
  id taskid required
  ipAddresses object[] required
  ports port[] required
  servicePorts port[] required
  slaveId text
  state enum:TASK_ERROR|TASK_FAILED|TASK_FINISHED|TASK_KILLED|TASK_KILLING|TASK_RUNNING|TASK_STAGING|TASK_STARTING|TASK_UNREACHABLE|TASK_UNKNOWN|TASK_GONE|TASK_DROPPED required
  stagedAt time
  startedAt time
  version time
  localVolumes object[] required
  region text
  zone text
  role text required
TaskSingle
  task object required
TaskList
  tasks object[] required
IpAddr
  ipAddress text required
  protocol enum:IPv4|IPv6 required
Health
  alive bool required
  consecutiveFailures int required
  firstSuccess time
  instanceId instanceid required
  lastSuccess time
  lastFailure time
  lastFailureCause text
CheckStatus
  http object
  tcp object
  command object
HttpCheckStatus
  statusCode int required
TCPCheckStatus
  succeeded bool required
CommandCheckStatus
  exitCode int required
LocalVolumeId
  runSpecId pathid required
  containerPath text required
  uuid uuid required
  persistenceId persistenceid required
TaskFailure
  appId pathid required
  host text required
  message text required
  state enum:TASK_FAILED|TASK_ERROR|TASK_LOST|TASK_DROPPED|TASK_GONE|TASK_GONE_BY_OPERATOR|TASK_UNKNOWN|TASK_KILLED required
  taskId taskid required
  timestamp time required
  version time required
  slaveId text
TaskStatsByVersion
  startedAfterLastScaling object
  withLatestConfig object
  withOutdatedConfig object rare
  totalSummary object
StatsWrapper
  stats object required
TaskStats
  counts object required
  lifeTime object
TaskCounts
  staged int required
  running int required
  healthy int required
  unhealthy int required
TaskLifeTime
  averageSeconds number required
  medianSeconds number required
DeploymentResult
  deploymentId uuid required
  version time required
DeploymentSteps
  steps object[] required
  placements object[]
  unplaced object[]
DeploymentStep
  actions object[] required
DeploymentAction
  action enum:StartApplication|StopApplication|ScaleApplication|RestartApplication|StartPod|StopPod|ScalePod|RestartPod required
  app pathid
  pod pathid
DeploymentStepInfo
  id uuid required
  steps object[] required
  version time required
  affectedApps pathid[] required
  affectedPods pathid[] required
  currentActions object[] required
  currentStep int required
  totalSteps int required
DeploymentActionInfo
  action text required
  app pathid
  pod pathid
  readinessCheckResults object[] required
GroupInfo
  id pathid required
  apps object[] required
  pods object[] required
  groups object[] required
  dependencies pathid[] required
  version time required
  enforceRole bool rare
Queue
  queue object[] required
QueueObject
  count int required
  role text rare
  delay object required
  since time required
  processedOffersSummary object required
  lastUnusedOffers object[]
  app object
  pod object
QueueDelay
  timeLeftSeconds int required
  overdue bool required
ProcessedOffersSummary
  processedOffersCount int required
  unusedOffersCount int required
  lastUnusedOfferAt time
  lastUsedOfferAt time
  rejectSummaryLastOffers object[] required
  rejectSummaryLaunchAttempt object[] required
DeclinedOfferStep
  reason enum:UnfulfilledRole|UnfulfilledConstraint|NoCorrespondingReservationFound|AgentMaintenance|InsufficientCpus|InsufficientMemory|InsufficientDisk|InsufficientGpus|InsufficientPorts|DeclinedScarceResources required
  declined int required
  processed int required
UnusedOffer
  offer object required
  reason text[] required
  timestamp time required
Offer
  id text required
  hostname text required
  agentId text required
  resources object[] required
  attributes object[] required
OfferResource
  name text required
  role text required
  scalar number
  ranges object[]
  set text[] rare
AgentAttribute
  name text required
  text text
  scalar number
  ranges object[]
  set text[] rare
NumberRange
  begin int required
  end int required
Pod
  id pathid required
  labels object rare
  version time required
  user text rare
  environment object
  containers object[] required
  networks object[] rare
  scaling object required
  scheduling object required
  executorResources object required
  role text required
PodStatus
  id pathid required
  spec object required
  status enum:DEGRADED|STABLE|TERMINAL required
  statusSince time required
  message text rare
  instances object[] required
  terminationHistory object[] required
  lastUpdated time required
  lastChanged time required
PodInstanceStatus
  id instanceid required
  status enum:PENDING|STAGING|STABLE|DEGRADED|TERMINAL required
  statusSince time required
  message text rare
  conditions object[] rare
  agentHostname text
  agentId text
  agentRegion text
  agentZone text
  resources object
  networks object[]
  containers object[] required
  specReference text
  localVolumes object[] rare
  lastUpdated time required
  lastChanged time required
  role text required
ContainerStatus
  name text required
  status text required
  statusSince time required
  message text rare
  conditions object[]
  containerId text
  endpoints object[]
  resources object
  termination object rare
  lastUpdated time required
  lastChanged time required
ContainerEndpointStatus
  name text required
  allocatedHostPort port
  healthy bool
StatusCondition
  name text required
  lastChanged time required
  lastUpdated time required
  value enum:true|false required
  reason enum:health-reported-by-mesos|health-unreported-by-mesos
NetworkStatus
  name text rare
  addresses text[]
Resources
  cpus number required
  mem number required
  disk number required
  gpus int required
Instance
  instanceId instanceid required
  state object required
  agentInfo object
  runSpecVersion time required
  unreachableStrategy any required
InstanceStateJson
  condition enum:Error|Failed|Finished|Killed|Killing|Running|Staging|Starting|Unreachable|UnreachableInactive|Gone|Dropped|Unknown required
  since time required
  activeSince time
  healthy bool
  goal enum:Running|Stopped|Decommissioned required
AgentInfo
  host text required
  agentId text
  region text
  zone text
  attributes object[] required
LeaderInfo
  leader hostport required
PluginList
  plugins object[] required
AppVersionsResponse
  versions time[] required
ErrorResponse
  message text required
  details any
ErrorDetailItem
  path text required
  errors text[] required
LockedErrorResponse
  message text required
  deployments object[] required
Identifiable
  id uuid required
Event
  eventType text required
  timestamp time required
"""
rows_of_shapes(ROWS, samples)

INFO = """
MarathonInfo
  name enum:marathon required
  version text required
  buildref text required
  elected bool required
  leader hostport required
  frameworkId text required
  marathon_config object required
  zookeeper_config object required
  http_config object required
MarathonInfo.marathon_config
  access_control_allow_origin text[]? required
  checkpoint bool required
  decline_offer_duration int required
  default_network_name text? required
  env_vars_prefix text? required
  executor enum://cmd required
  failover_timeout int required
  features text[] required
  framework_name text required
  ha bool required
  hostname text required
  launch_token int required
  launch_token_refresh_interval int required
  leader_proxy_connection_timeout_ms int required
  leader_proxy_read_timeout_ms int required
  local_port_max int required
  local_port_min int required
  maintenance_mode bool required
  master text required
  max_instances_per_offer int required
  mesos_bridge_name text required
  mesos_heartbeat_failure_threshold int required
  mesos_heartbeat_interval int required
  mesos_leader_ui_url text? required
  mesos_role text required
  mesos_user text required
  min_revive_offers_interval int required
  new_group_enforce_role enum:off|top required
  offer_matching_timeout int required
  on_elected_prepare_timeout int required
  reconciliation_initial_delay int required
  reconciliation_interval int required
  scale_apps_initial_delay int required
  scale_apps_interval int required
  store_cache bool required
  task_launch_confirm_timeout int required
  task_launch_timeout int required
  task_lost_expunge_initial_delay int required
  task_lost_expunge_interval int required
  task_reservation_timeout int required
  webui_url text? required
MarathonInfo.zookeeper_config
  zk text required
  zk_compression bool required
  zk_compression_threshold int required
  zk_connection_timeout int required
  zk_max_node_size int required
  zk_max_versions int required
  zk_session_timeout int required
  zk_timeout int required
MarathonInfo.http_config
  http_port int required
  https_port int required
Metrics
  version text required
  gauges object required
  counters object required
  histograms object required
  meters object required
  timers object required
Counter
  count int required
Gauge
  value number required
Meter
  count int required
  m1_rate number required
  m5_rate number required
  m15_rate number required
  mean_rate number required
  units text required
Timer
  count int required
  min number required
  mean number required
  max number required
  p50 number required
  p75 number required
  p95 number required
  p98 number required
  p99 number required
  p999 number required
  stddev number required
  m1_rate number required
  m5_rate number required
  m15_rate number required
  mean_rate number required
  duration_units text required
  rate_units text required
"""
rows_of_shapes(INFO, samples)

EVENTS = """
event api_post_event
  clientIp text required
  uri text required
  appDefinition object required
event pod_created_event
  clientIp text required
  uri text required
event pod_updated_event
  clientIp text required
  uri text required
event pod_deleted_event
  clientIp text required
  uri text required
event status_update_event
  slaveId text required
  taskId taskid required
  taskStatus text required
  message text required
  appId pathid required
  host text required
  ipAddresses object[] required
  ports port[] required
  version time required
event event_stream_attached
  remoteAddress text required
event event_stream_detached
  remoteAddress text required
event add_health_check_event
  appId pathid required
  version time required
  healthCheck object required
event remove_health_check_event
  appId pathid required
event failed_health_check_event
  appId pathid required
  taskId instanceid required
  healthCheck object required
event health_status_changed_event
  appId pathid required
  instanceId instanceid required
  taskId taskid required
  version time required
  alive bool required
event unhealthy_instance_kill_event
  appId pathid required
  taskId taskid required
  instanceId instanceid required
  version time required
  reason text required
  host text required
  slaveId text
event group_change_success
  groupId pathid required
  version time required
event deployment_success
  id uuid required
  plan object required
event deployment_failed
  id uuid required
  plan object required
  reason text
event deployment_info
  plan object required
  currentStep object required
event deployment_step_success
  plan object required
  currentStep object required
event deployment_step_failure
  plan object required
  currentStep object required
event app_terminated_event
  appId pathid required
event instance_changed_event
  instanceId instanceid required
  condition enum:Scheduled|Provisioned|Staging|Starting|Running|Killing|Killed|Finished|Failed|Error|Unreachable|UnreachableInactive|Gone|Dropped|Unknown required
  runSpecId pathid required
  agentId text? required
  host text? required
  runSpecVersion time required
event instance_health_changed_event
  instanceId instanceid required
  runSpecId pathid required
  healthy bool? required
  runSpecVersion time required
event scheduler_reregistered_event
  master hostport required
event scheduler_disconnected_event
DeploymentPlanEvent
  id uuid required
  steps object[] required
  version time required
  original object
  target object
"""
rows_of_shapes(EVENTS, samples)


@case("GET /v2/events: each event is a line `event: TYPE` and a line `data: ` with the same type, ended by CRLF and an empty line")
def _():
    text = b"".join(lines)
    body = text[text.index(b"event: "):]
    frames = re.findall(rb"event: (\w+)\r\ndata: (\{.*?\})\r\n(?:id: [\w-]+\r\n)?\r\n", body)
    check(len(frames) > 50, f"{len(frames)} frames")
    for type, data in frames:
        equal(json.loads(data)["eventType"], type.decode(), "eventType")
    equal(frames[0][0], b"event_stream_attached", "the first event")


@case("nothing is left")
def _():
    http_request("DELETE", dev.marathon, "/v2/groups?force=true")
    dev.stop()


main()
