/* SPDX-License-Identifier: Apache-2.0 */
/* The agent program around its core: sockets, disk, containers. One struct, one loop, one thread.
 *
 * shell_step gives the core an event and carries out what it wants: store, then send. Whatever comes of that at once
 * (stored, could not store) is queued and stepped before shell_step returns. Nothing here decides about tasks. */
#ifndef STOA_AGENT_SHELL_H
#define STOA_AGENT_SHELL_H

#include "agent/access.h"
#include "agent/checkpoint.h"
#include "agent/core/state.h"
#include "agent/domain_socket.h"
#include "agent/flags.h"
#include "agent/logger.h"
#include "agent/wire/env.h"
#include "common/io/http.h"
#include "common/io/loop.h"
#include "common/io/metrics.h"
#include "common/io/msg.h"

struct containerizer;
struct exec_stream;
struct files;
struct gc;
struct image_gc;
struct oversubscription;
struct metric;
struct wait_list;
struct follow;

struct shell {
    struct loop *loop;
    struct http_server *server;
    struct ssl_ctx_st *tls_in, *tls_out; /* NULL: plain */
    struct msg *msg;
    struct containerizer *containers;
    struct agent *core;
    struct agent_env env;
    struct access access;
    struct logger logger;
    struct agent_flags flags;
    struct flags parsed;
    struct checkpoint checkpoint;
    struct msg_pid self, master;
    struct detector *detector;         /* of the master */
    char master_id[256];               /* of the one detected last; "": none, or it does not say */
    char pid_text[MSG_PID_TEXT_SIZE];
    char ip_text[NET_TEXT_SIZE];
    char endpoint[NET_TEXT_SIZE];      /* ip:port */
    char hostname[256];
    char work_dir[4096], runtime_dir[4096], launcher_dir[4096];
    struct ranges *isolated_ports;      /* --container_ports_isolated_range; NULL: all */
    char domain_socket[DOMAIN_SOCKET_PATH_SIZE], domain_socket_mounted[DOMAIN_SOCKET_PATH_SIZE]; /* domain_socket.h; "": none */
    char libmesos[4200]; /* the native library for JVM executors; "": there is none */
    struct str container_info;         /* --default_container_info as ContainerInfo; owned */
    char **executor_env;               /* --executor_environment_variables: name, value, ...; NULL-terminated */
    char *region, *zone;
    struct loop_timer wake;
    struct loop_timer relink;          /* the link to a master that is away is tried again */
    struct loop_timer log_revert;      /* ends a log level that was set for a while */
    bool detected_mem, detected_disk;  /* not given by --resources */
    struct exec_stream *streams;       /* executor subscriptions, by number */
    uint64_t next_stream;
    struct wait_list *waits;           /* parked WAIT_CONTAINER calls */
    struct files *files;
    struct metrics *metrics;
    struct gc *gc;
    struct image_gc *image_gc;
    struct oversubscription *oversubscription;
    struct metric *pull_timer;         /* how long pulls take; NULL: no images */
    struct follow *follow_head, *follow_tail;
    bool stepping, exiting;
    int exit_status;
    struct wall started;
    struct mono started_mono;
    double recovery_secs;              /* until executors were back; valid after recovery */
};

/* --- exec_stream.c: the connections of executors, by number --- */
struct agent_status_fill;
/* What the agent adds to a status of this executor. */
void exec_status_fill(struct shell *s, const struct agent_executor *e, struct agent_status_fill *fill);
/* Whether an update of an executor is left to the agent: the container is ended for a limit, of which the executor knows only that
 * something killed its task. Every task of the container gets the agent's update with the reason. */
bool exec_update_is_ours(struct shell *s, const struct agent_executor *e, const struct agent_event *ev);
/* The executor left; called by itself, not from inside the functions below. */
typedef void exec_gone_fn(struct shell *s, uint64_t stream, struct framework_id framework, struct executor_id executor);
/* Answers a SUBSCRIBE with a stream. Returns its number: next_stream + 1 before the call. */
uint64_t exec_stream_open(struct shell *s, struct http_req *r, const struct agent_executor *e, bool json, exec_gone_fn *gone);
/* The connection of a v0 executor: its events go as messages to the pid, which is linked. Returns the number. */
uint64_t exec_stream_link(struct shell *s, const struct msg_pid *pid, const struct agent_executor *e);
void exec_stream_send(struct shell *s, const struct agent_action *act);
void exec_driver_reconnect(struct shell *s, const struct agent_action *act); /* to a v0 executor of before the restart */
void exec_stream_close(struct shell *s, uint64_t stream);
void exec_streams_free(struct shell *s);

/* --- shell.c --- */
void shell_step(struct shell *s, struct agent_event *ev); /* sets now and wall; does not release the event */
/* The number of ms since 1970 as the unversioned API writes times. */
double shell_seconds(struct wall t);

/* --- spec.c: an executor's container --- */
struct container_spec;
struct container_resources;
int spec_executor(struct shell *s, const struct agent_executor *e, struct arena *arena, struct container_spec *ret,
                  struct error *err);
void spec_resources(const struct resources *total, int64_t cpus_limit_milli, int64_t mem_limit_milli,
                    struct container_resources *ret);
void spec_executor_resources(const struct agent_executor *e, struct container_resources *ret);
/* The set that a flag names, in the arena; *ret stays when value is NULL. */
int spec_capabilities(const char *flag, const char *value, struct arena *arena, const uint64_t **ret, struct error *err);
/* A nested or standalone container of LAUNCH_CONTAINER; messages borrowed. */
int spec_container(struct shell *s, const char *id, const char *sandbox, const Mesos__V1__CommandInfo *command,
                   const Mesos__V1__ContainerInfo *container, struct arena *arena, struct container_spec *ret,
                   struct error *err);

/* --- networks.c: container networks --- */
struct containerizer_options;
/* Their flags; texts go into the arena. */
int networks_options(struct shell *s, struct arena *arena, struct containerizer_options *o, struct error *err);
/* Whether it is the address of a container of ours: its executor speaks plain HTTP as all do. ctx is the shell. */
bool networks_of_container(void *ctx, const struct net_addr *peer);
/* Whether a container may listen there: it was given the port, or it is none of those that are looked at
 * (--check_agent_port_range_only, --container_ports_isolated_range). */
bool networks_own_port(void *ctx, const char *id, uint16_t port);
/* For struct agent_status_fill; ctx is the shell. */
struct str networks_of_status(void *ctx, const struct agent_status_fill *fill, const Mesos__V1__ContainerID *id);

/* --- exec_api.c: /api/v1/executor --- */
void exec_api_request(struct shell *s, struct http_req *r);

/* --- exec_driver.c: executors that speak messages (v0) --- */
/* Whether the message is an executor's; it is carried out then. */
bool exec_driver_take(struct shell *s, const struct msg_in *m);

/* --- routes.c --- */
void routes_head(void *ctx, struct http_req *r);
void routes_request(void *ctx, struct http_req *r);

/* --- api.c: /api/v1 --- */
void api_request(struct shell *s, struct http_req *r);
struct container_termination;
/* Answers parked waits and launches. */
void api_container_exited(struct shell *s, const char *id, const struct container_termination *t);
void api_container_launched(struct shell *s, const char *id, const struct error *err);
void api_free(struct shell *s);

/* --- endpoints.c: the unversioned ones --- */
void endpoint_state(struct shell *s, struct http_req *r);
void endpoint_containers(struct shell *s, struct http_req *r);
void endpoint_statistics(struct shell *s, struct http_req *r);
void endpoint_flags(struct shell *s, struct http_req *r);
void endpoint_version(struct shell *s, struct http_req *r);
void endpoint_system_stats(struct shell *s, struct http_req *r);
void endpoint_logging(struct shell *s, struct http_req *r);
void endpoint_metrics_snapshot(struct shell *s, struct http_req *r);
void endpoint_metrics(struct shell *s, struct http_req *r);
/* ResourceStatistics and ContainerStatus of a container as protobuf; false when it is not there. */
bool endpoint_container_pb(struct shell *s, const char *id, struct sbuf *statistics, struct sbuf *status);
/* More log lines (level > 0) for a while. */
void endpoint_set_logging(struct shell *s, uint32_t level, int64_t duration_ns);

/* --- gauges.c --- */
int gauges_init(struct shell *s, struct error *err);

/* --- detect.c --- */
/* Fills env.resources and env.attributes from flags and machine. */
int detect_resources(struct shell *s, struct error *err);
int detect_capabilities(const char *flag, uint32_t *ret, struct error *err);

/* --- follow.c --- */
/* Finds the master, and tells the core of it and of every change. */
int master_follow(struct shell *s, struct error *err);
void master_unfollow(struct shell *s);

#endif
