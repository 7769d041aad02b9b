#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Metric collectors: every name that collectors in use look up is there and is a number, on master and agent; and unmodified
programs: Prometheus (Debian), which finds an app's tasks through marathon and scrapes them and the three daemons, Telegraf with
its input for Mesos (Go module proxy), and mesos_exporter where it can be had, each without an error."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster import *

SYSTEM = "system/{cpus_total,load_1min,load_5min,load_15min,mem_free_bytes,mem_total_bytes}"
TIMER = "{,/count,/min,/max,/p50,/p90,/p95,/p99,/p999,/p9999}"
AMOUNTS = "{cpus,gpus,mem,disk}_{,revocable_}{percent,total,used}"
MASTER = f"""{SYSTEM}
allocator/event_queue_dispatches
allocator/mesos/{{allocation_runs,event_queue_dispatches}}
allocator/mesos/allocation_run_ms{TIMER}
allocator/mesos/allocation_run_latency_ms{TIMER}
allocator/mesos/resources/{{cpus,mem,disk}}/{{offered_or_allocated,total}}
master/{AMOUNTS}
master/{{dropped_messages,elected,event_queue_dispatches,event_queue_http_requests,event_queue_messages,outstanding_offers,uptime_secs}}
master/frameworks_{{active,connected,disconnected,inactive}}
master/{{invalid,valid}}_{{executor_to_framework_messages,framework_to_executor_messages}}
master/{{invalid,valid}}_{{operation_status_update_acknowledgements,status_update_acknowledgements,status_updates}}
master/messages_{{authenticate,deactivate_framework,decline_offers,executor_to_framework,exited_executor,framework_to_executor}}
master/messages_{{kill_task,launch_tasks,operation_status_update_acknowledgement,reconcile_operations,reconcile_tasks}}
master/messages_{{register_framework,register_slave,reregister_framework,reregister_slave,resource_request,revive_offers}}
master/messages_{{status_update,status_update_acknowledgement,suppress_offers,unregister_framework,unregister_slave,update_slave}}
master/{{operator_event_stream_subscribers,recovery_slave_removals,slave_registrations,slave_removals,slave_reregistrations}}
master/slave_removals/reason_{{registered,unhealthy,unregistered}}
master/slave_shutdowns_{{canceled,completed,scheduled}}
master/slave_unreachable_{{canceled,completed,scheduled}}
master/slaves_{{active,connected,disconnected,inactive,unreachable}}
master/tasks_{{dropped,error,failed,finished,gone,gone_by_operator,killed,killing,lost,running,staging,starting,unreachable}}
registrar/log/{{ensemble_size,recovered}}
registrar/{{queued_operations,registry_size_bytes,state_fetch_ms}}
registrar/state_store_ms{TIMER}"""
AGENT = f"""{SYSTEM}
containerizer/fetcher/{{cache_size_total_bytes,cache_size_used_bytes,task_fetches_failed,task_fetches_succeeded}}
containerizer/mesos/{{container_destroy_errors,filesystem/containers_new_rootfs}}
containerizer/mesos/disk/project_ids_{{free,total}}
containerizer/mesos/provisioner/{{bind/remove_rootfs_errors,remove_container_errors}}
gc/path_removals_{{failed,pending,succeeded}}
slave/{AMOUNTS}
slave/{{container_launch_errors,executor_directory_max_allowed_age_secs,executors_preempted,frameworks_active,recovery_errors}}
slave/executors_{{registering,running,terminated,terminating}}
slave/{{invalid,valid}}_{{framework_messages,status_updates}}
slave/{{recovery_time_secs,registered,uptime_secs}}
slave/tasks_{{error,failed,finished,gone,killed,killing,lost,running,staging,starting}}"""
EXPORTED = {"-master": """collector_errors_total master_allocation_run_latency_ms master_allocation_run_latency_ms_count master_allocation_run_ms
master_allocation_run_ms_count master_allocation_runs master_allocator_event_queue_dispatches
master_allocator_offer_filters_active master_allocator_resources_cpus master_allocator_resources_disk
master_allocator_resources_mem master_allocator_role_shares_dominant master_cpus master_cpus_revocable master_disk
master_disk_revocable master_elected master_event_queue_dispatches master_event_queue_length master_frameworks_state
master_gpus master_gpus_revocable master_mem master_mem_revocable master_messages master_messages_outcomes_total
master_offers_pending master_recovery_slave_removal_events_total master_slave_registration_events_total
master_slave_removal_events_reasons master_slave_removal_events_total master_slave_unreachable_events_total
master_slaves_state master_task_state_counts_by_source_reason master_task_states_current master_task_states_exit_total
master_uptime_seconds registrar_log_ensemble_size registrar_log_recovered registrar_queued_operations
registrar_registry_size_bytes registrar_state_fetch_ms registrar_state_store_ms slave_cpus
slave_cpus_unreserved slave_cpus_used slave_disk_bytes slave_disk_unreserved_bytes slave_disk_used_bytes slave_mem_bytes
slave_mem_unreserved_bytes slave_mem_used_bytes slave_ports slave_ports_unreserved slave_ports_used""",
            "-slave": """agent_cpu_nr_periods_total agent_cpu_nr_throttled_total agent_cpu_system_seconds_total agent_cpu_throttled_seconds_total
agent_cpu_user_seconds_total agent_cpus_limit agent_critical_low_pressure_counter agent_disk_limit_bytes agent_disk_used_bytes
agent_mem_anon_bytes agent_mem_cache_bytes agent_mem_file_bytes agent_mem_limit_bytes agent_mem_low_pressure_counter
agent_mem_mapped_file_bytes agent_mem_medium_pressure_counter agent_mem_rss_bytes agent_mem_swap_bytes agent_mem_total_bytes
agent_mem_unevictable_bytes agent_network_receive_bytes_total agent_network_receive_dropped_total
agent_network_receive_errors_total agent_network_receive_packets_total agent_network_transmit_bytes_total
agent_network_transmit_dropped_total agent_network_transmit_errors_total agent_network_transmit_packets_total agent_processes
agent_threads collector_errors_total slave_container_launch_errors
slave_containerizer_container_destroy_errors slave_containerizer_fetcher_cache_size slave_containerizer_fetcher_task_fetches
slave_containerizer_filesystem_containers_new_rootfs slave_containerizer_provisioner_bind_remove_rootfs_errors
slave_containerizer_provisioner_remove_container_errors slave_containerizer_xfs_project_ids slave_cpus slave_cpus_revocable
slave_disk slave_disk_revocable slave_executor_directory_max_allowed_age_secs slave_executor_state slave_executors_preempted
slave_executors_terminated slave_frameworks_active slave_gc_path_removals_outcome slave_gc_path_removals_pending slave_gpus
slave_gpus_revocable slave_mem slave_mem_revocable slave_messages_outcomes_total slave_recovery_errors
slave_recovery_time_secs slave_registered slave_task_states_current slave_task_states_exit_total
slave_uptime_seconds"""}
dev = None


def expand(text):
    """Like the shell's braces."""
    m = re.search(r"\{([^{}]*)\}", text)
    if not m:
        return [text]
    return [e for part in m.group(1).split(",") for e in expand(text[:m.start()] + part + text[m.end():])]


def missing(port, names):
    snapshot = get(port, "/metrics/snapshot").json
    bad = [k for k, v in snapshot.items() if isinstance(v, bool) or not isinstance(v, (int, float))]
    equal(bad, [], "values that are no numbers")
    return sorted(n for line in names.split("\n") for n in expand(line) if n not in snapshot)


def start():
    global dev
    if dev is None:
        dev = Dev()
        dev.deploy(hello_app("/web", instances=1))


@case("the master has every metric that collectors look up, all of them numbers")
def _():
    start()
    equal(missing(dev.master, MASTER), [], "missing")


@case("the agent has every metric that collectors look up, all of them numbers")
def _():
    start()
    equal(missing(dev.agents[0], AGENT), [], "missing")


@case("what collectors compute from is consistent")
def _():
    start()
    m, a = get(dev.master, "/metrics/snapshot?timeout=100ms").json, get(dev.agents[0], "/metrics/snapshot").json
    equal((m["master/elected"], m["master/slaves_active"], m["master/frameworks_active"], m["master/tasks_running"]), (1, 1, 1, 1), "master")
    equal((a["slave/registered"], a["slave/tasks_running"], a["slave/executors_running"]), (1, 1, 1), "agent")
    equal(m["master/cpus_total"], a["slave/cpus_total"], "cpus of master and agent")
    check(abs(m["master/cpus_percent"] - m["master/cpus_used"] / m["master/cpus_total"]) < 1e-9, "cpus_percent")


@case("mesos_exporter scrapes master and agent without an error")
def _():
    start()
    if not shutil.which("go"):
        raise Skip("the go command is not installed")
    d = os.path.join(BUILD, "interop", "mesos_exporter")
    program = os.path.join(d, "mesos_exporter")
    if not os.path.exists(program):
        os.makedirs(d, exist_ok=True)
        download("mesos_exporter", "go", "install", "github.com/mesos/mesos_exporter@latest", env={**os.environ, "GOBIN": d})
    for flag, port in (("-master", dev.master), ("-slave", dev.agents[0])):
        own = free_ports()[0]
        p = Process("exporter", [program, "-addr", f"127.0.0.1:{own}", flag, f"http://127.0.0.1:{port}"])
        text = wait_for("it answers", lambda: get(own, "/metrics").text)
        equal([n for n in EXPORTED[flag].split() if not re.search(rf"^mesos_{n}\b", text, re.M)], [], f"what it could not export of {flag}; {p.tail()}")
        equal(re.findall(r"^mesos_collector_errors_total\S* (\S+)", text, re.M), ["0"], "its count of errors")
        p.stop()
        errors = [l for l in open(p.log_path) if re.search("error|warn", l, re.I)]
        equal(errors, [], f"error log of mesos_exporter {flag}")


PROMETHEUS = """global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: apps
  marathon_sd_configs: [{{servers: ["http://127.0.0.1:{marathon}"], refresh_interval: 1s}}]
  relabel_configs:
  - {{source_labels: [__meta_marathon_port_definition_label_scrape], regex: "yes", action: keep}}
  - {{source_labels: [__meta_marathon_app], target_label: app}}
  - {{source_labels: [__meta_marathon_app_label_team], target_label: team}}
  - {{source_labels: [__meta_marathon_task], target_label: task}}
- job_name: daemons
  static_configs: [{{targets: ["127.0.0.1:{master}", "127.0.0.1:{agent}", "127.0.0.1:{marathon}"]}}]
"""


@case("Prometheus finds an app's tasks through marathon, follows a scaling, and scrapes them and the three daemons")
def _():
    start()
    if not shutil.which("prometheus"):
        raise Skip("prometheus is not installed")
    dev.deploy({"id": "/shop", "cmd": "echo shop_orders 7 > metrics; exec python3 -m http.server $PORT0", "cpus": 0.1, "mem": 64, "instances": 1,
                "labels": {"team": "a.b"}, "portDefinitions": [{"port": 0, "name": "http", "labels": {"scrape": "yes"}}]})
    own = free_ports()[0]
    config = os.path.join(scratch(), "prometheus.yml")
    with open(config, "w") as f:
        f.write(PROMETHEUS.format(master=dev.master, agent=dev.agents[0], marathon=dev.marathon))
    p = Process("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={scratch()}/prometheus", f"--web.listen-address=127.0.0.1:{own}"])
    query = lambda q: get(own, "/api/v1/query?query=" + q).json["data"]["result"]
    tasks = lambda: {t["id"] for t in dev.app("/shop")["tasks"]}
    series = wait_for("the task's own metric", lambda: query("shop_orders"))
    m = series[0]["metric"]
    equal((m["app"], m["team"], {m["task"]}, series[0]["value"][1], len(series)), ("/shop", "a.b", tasks(), "7", 1), "the series of the app")
    equal(http_request("PUT", dev.marathon, "/v2/apps//shop", {"instances": 2}).status, 200, "scaling")
    dev.settled("/shop")
    wait_for("both tasks are scraped", lambda: {s["metric"]["task"] for s in query("shop_orders")} == tasks() and len(tasks()) == 2)
    wait_for("the daemons are up", lambda: [s["value"][1] for s in query("up{job=%22daemons%22}")] == ["1"] * 3)
    for name in ("stoa_master_tasks_running", "stoa_slave_tasks_running", "marathon_apps_active_gauge"):
        check(query(name), f"{name} is not there")
    equal([l for l in open(p.log_path) if re.search("level=(error|warn)", l)], [], "errors of Prometheus")
    p.stop()


TELEGRAF = """[agent]
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.mesos]]
  timeout = 1000
  masters = ["http://127.0.0.1:{master}"]
  slaves = ["http://127.0.0.1:{agent}"]
  master_collections = ["resources", "master", "system", "agents", "frameworks", "framework_offers", "tasks", "messages", "evqueue", "registrar", "allocator"]
  slave_collections = ["resources", "agent", "system", "executors", "tasks", "messages"]
[[outputs.file]]
  files = ["stdout"]
  data_format = "json"
"""


@case("Telegraf reads master and agent with all its collections")
def _():
    start()
    if not shutil.which("go"):
        raise Skip("the go command is not installed")
    d = os.path.join(BUILD, "interop", "telegraf")
    program = os.path.join(d, "telegraf")
    if not os.path.exists(program):
        os.makedirs(d, exist_ok=True)
        # Its own tags leave the other plugins out.
        download("telegraf", "go", "install", "-tags", "custom,inputs.mesos,outputs.file,serializers.json", "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2",
                 seconds=400, env={**os.environ, "GOBIN": d, "GOFLAGS": "-buildvcs=false"})
    config = os.path.join(scratch(), "telegraf.conf")
    with open(config, "w") as f:
        f.write(TELEGRAF.format(master=dev.master, agent=dev.agents[0]))
    r = subprocess.run([program, "--non-strict-env-handling", "--once", "--config", config], capture_output=True, text=True, timeout=60)
    equal((r.returncode, re.findall(r"^.* [EW]! .*$", r.stderr, re.M)), (0, []), f"status and errors; {r.stderr[-300:]}")
    by_role = {m["tags"]["role"]: m for m in map(json.loads, r.stdout.split("\n")[:-1])}
    equal(by_role["master"]["tags"]["state"], "leader", "the master's state")
    running = get(dev.master, "/metrics/snapshot").json["master/tasks_running"]
    equal((by_role["master"]["fields"]["master/tasks_running"], by_role["slave"]["fields"]["slave/tasks_running"]), (running, running), "running tasks")
    check([k for k in by_role["master"]["fields"] if re.search(r"master/frameworks/marathon/.*/calls", k)], "nothing of the framework")


@case("stopping leaves nothing behind")
def _():
    dev.stop()


main()
