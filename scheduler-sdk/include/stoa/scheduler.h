/* SPDX-License-Identifier: Apache-2.0 */
/* libstoa-scheduler: write a framework for a Stoa (or Mesos) cluster in C.
 *
 * A framework subscribes with the master, is offered resources, answers each offer by launching tasks on it
 * or by declining it, and is told what becomes of its tasks. This library keeps the connection: it finds the
 * leading master among the addresses given, follows redirects, watches heartbeats, reconnects with growing
 * and jittered pauses, subscribes again as the same framework, and acknowledges status updates. What to do
 * with offers and updates is yours, in callbacks.
 *
 *     static void offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void
 * *user); static void update(struct stoa_scheduler *s, const struct stoa_status *status, void *user);
 *
 *     struct stoa_options o = { .master = "127.0.0.1:5050", .name = "hello", .user = "nobody" };
 *     struct stoa_callbacks cb = { .offers = offers, .update = update };
 *     struct stoa_scheduler *s = stoa_scheduler_new(&o, &cb, NULL, &err);
 *     int rc = stoa_scheduler_run(s, &err);
 *     stoa_scheduler_free(s);
 *
 * Rules that hold everywhere:
 * - One thread. All functions of one scheduler are called from the thread that runs its event loop; callbacks
 * come from there.
 * - What a callback is given is lent: it is valid until the callback returns. Copy what you keep.
 * - What you pass in is copied before the function returns.
 * - Zero is "not set" in every struct: initialise with { 0 } or designated initialisers. A NULL string is not
 * set, "" is set.
 * - int functions return 0 or a negative enum stoa_code and then say in err (may be NULL) what is wrong and
 * what to do.
 * - Calls are sent in the order in which they were made. Success means that the call was valid and is on its
 * way; what the master thinks of it comes back as an update, an operation status or not at all (that is the
 * protocol).
 * - While not subscribed, calls are refused with STOA_UNAVAILABLE and nothing is kept: offers are gone by
 * then, and what must not be lost (a kill, a reconciliation) is best repeated from the subscribed callback.
 * The exceptions are stoa_suppress and stoa_revive, which are remembered and become part of the next
 * subscription. Calls that were accepted but not written yet when the connection breaks are dropped too;
 * launches among them are reported by reconciliation as TASK_LOST or TASK_UNKNOWN.
 * - Quantities of scalar resources are in thousandths (1500 is 1.5 cpus): the protocol keeps three decimal
 * digits. */
#ifndef STOA_SCHEDULER_H
#define STOA_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define STOA_API __attribute__((visibility("default")))
#else
#define STOA_API
#endif

struct event_base; /* libevent's */
struct stoa_scheduler;

/* ---- errors ------------------------------------------------------------------------------------------- */

enum stoa_code {
    STOA_OK = 0,
    STOA_NOMEM,
    STOA_INVALID, /* an argument is wrong */
    STOA_NOT_FOUND,
    STOA_CONFLICT,
    STOA_DENIED, /* the master does not allow it */
    STOA_LIMIT,  /* a cap was reached */
    STOA_TIMEOUT,
    STOA_UNAVAILABLE, /* not subscribed now; try again later */
    STOA_PROTOCOL,    /* the master sent something that is no valid event */
    STOA_IO
};

struct stoa_error {
    enum stoa_code code;
    char msg[256]; /* one line */
};

/* ---- values ------------------------------------------------------------------------------------------- */

struct stoa_bytes {
    const void *p; /* NULL: not set */
    size_t n;
};

struct stoa_label {
    const char *key;
    const char *value; /* may be NULL */
};

struct stoa_range {
    uint64_t begin, end; /* both included */
};

enum stoa_value_type { STOA_SCALAR, STOA_RANGES, STOA_SET, STOA_TEXT };

struct stoa_reservation {
    bool is_static; /* given by the agent's flags; else made by a RESERVE */
    const char *role;
    const char *principal;
    const struct stoa_label *labels;
    size_t label_count;
};

enum stoa_disk_source { STOA_DISK_ROOT, STOA_DISK_PATH, STOA_DISK_MOUNT, STOA_DISK_BLOCK, STOA_DISK_RAW };

struct stoa_resource {
    const char *name;          /* "cpus", "mem" and "disk" (MB), "gpus", "ports", or the operator's own */
    enum stoa_value_type type; /* SCALAR, RANGES or SET */
    int64_t milli;             /* SCALAR, in thousandths */
    const struct stoa_range *ranges;
    size_t range_count;
    const char *const *set;
    size_t set_count;
    const char
        *role; /* that it is reserved for (the innermost reservation's), "*" when it is not; to read only */
    const char *allocation_role; /* role that it is offered to; in what you send it may be left out */
    const struct stoa_reservation *reservations; /* outermost first; empty: not reserved */
    size_t reservation_count;
    bool revocable;
    bool shared;
    const char *provider_id;
    /* of "disk": */
    const char *persistence_id; /* set: a persistent volume */
    const char *persistence_principal;
    const char *volume_container_path; /* where a task sees the volume */
    bool volume_read_only;
    enum stoa_disk_source disk_source;
    const char *disk_root; /* of PATH and MOUNT */
    const char *disk_id;
    const char *disk_profile;
    const char *disk_vendor;
    /* The Resource message as protobuf bytes. In what you receive it is always set. In what you send it is
     * used instead of all the fields above when set: take a whole resource out of an offer by copying the
     * struct; set raw.p to NULL after changing a field. */
    struct stoa_bytes raw;
};

struct stoa_attribute {
    const char *name;
    enum stoa_value_type type;
    int64_t milli;
    const struct stoa_range *ranges;
    size_t range_count;
    const char *const *set;
    size_t set_count;
    const char *text;
};

/* ---- what the master tells ------------------------------------------------------------------------------- */

struct stoa_offer {
    const char *id;
    const char *framework_id;
    const char *agent_id;
    const char *hostname;
    const char *agent_ip; /* of the agent's own HTTP service; NULL when the master did not say */
    int agent_port;
    const char *allocation_role; /* the role that is offered to; "*" or the framework's role when the master
                                    leaves it out */
    const char *region, *zone;   /* fault domain, NULL when the agent has none */
    const struct stoa_resource *resources;
    size_t resource_count;
    const struct stoa_attribute *attributes;
    size_t attribute_count;
    const char *const *executor_ids; /* our executors on that agent */
    size_t executor_id_count;
    bool has_unavailability;            /* the agent is scheduled for maintenance */
    int64_t unavailability_start_ns;    /* since 1970 */
    int64_t unavailability_duration_ns; /* 0: for ever */
    struct stoa_bytes raw;              /* mesos.v1.Offer */
};

struct stoa_inverse_offer {
    const char *id;
    const char *agent_id; /* may be NULL */
    int64_t unavailability_start_ns;
    int64_t unavailability_duration_ns; /* 0: for ever */
    struct stoa_bytes raw;              /* mesos.v1.InverseOffer */
};

/* Values as on the wire. */
enum stoa_task_state {
    STOA_TASK_STARTING = 0,
    STOA_TASK_RUNNING = 1,
    STOA_TASK_FINISHED = 2,
    STOA_TASK_FAILED = 3,
    STOA_TASK_KILLED = 4,
    STOA_TASK_LOST = 5,
    STOA_TASK_STAGING = 6,
    STOA_TASK_ERROR = 7,
    STOA_TASK_KILLING = 8,
    STOA_TASK_DROPPED = 9,
    STOA_TASK_UNREACHABLE = 10,
    STOA_TASK_GONE = 11,
    STOA_TASK_GONE_BY_OPERATOR = 12,
    STOA_TASK_UNKNOWN = 13
};

enum stoa_source {
    STOA_SOURCE_NONE = -1,
    STOA_SOURCE_MASTER = 0,
    STOA_SOURCE_AGENT = 1,
    STOA_SOURCE_EXECUTOR = 2
};

enum stoa_check_type { STOA_CHECK_NONE, STOA_CHECK_COMMAND, STOA_CHECK_HTTP, STOA_CHECK_TCP };

struct stoa_ip_address {
    const char *ip;
    bool is_v6;
    const char *network; /* name of the container network; NULL for the host's */
};

struct stoa_status {
    const char *task_id;
    enum stoa_task_state state;
    const char *state_name; /* "TASK_RUNNING" */
    bool is_terminal; /* the task will not change any more (LOST, UNREACHABLE and UNKNOWN may come back: see
                         stoa_task_state_is_terminal) */
    const char *message; /* may be NULL */
    enum stoa_source source;
    int reason;              /* number of TaskStatus.Reason, -1 when absent */
    const char *reason_name; /* "REASON_EXECUTOR_TERMINATED", NULL when absent */
    const char *agent_id;    /* may be NULL */
    const char *executor_id; /* may be NULL */
    double timestamp;        /* seconds since 1970; 0 when absent */
    struct stoa_bytes uuid;  /* set: the update waits for an acknowledgement */
    struct stoa_bytes data;
    int healthy;                     /* 1, 0, or -1 when no health check has spoken yet */
    enum stoa_check_type check_type; /* result of a check, not of a health check */
    bool check_has_result;
    int check_result; /* exit code, HTTP status, or 1/0 for TCP */
    const char *container_id;
    const char *parent_container_id;
    int64_t executor_pid;                       /* 0 when absent */
    const struct stoa_ip_address *ip_addresses; /* of container_status, first the first */
    size_t ip_address_count;
    const struct stoa_label *labels;
    size_t label_count;
    int64_t unreachable_time_ns;            /* 0 when absent */
    const struct stoa_resource *limitation; /* the resources whose limit was hit */
    size_t limitation_count;
    struct stoa_bytes raw; /* mesos.v1.TaskStatus */
};

enum stoa_operation_state {
    STOA_OPERATION_UNSUPPORTED = 0,
    STOA_OPERATION_PENDING = 1,
    STOA_OPERATION_FINISHED = 2,
    STOA_OPERATION_FAILED = 3,
    STOA_OPERATION_ERROR = 4,
    STOA_OPERATION_DROPPED = 5,
    STOA_OPERATION_UNREACHABLE = 6,
    STOA_OPERATION_GONE_BY_OPERATOR = 7,
    STOA_OPERATION_RECOVERING = 8,
    STOA_OPERATION_UNKNOWN = 9
};

struct stoa_operation_status {
    const char *operation_id; /* may be NULL */
    enum stoa_operation_state state;
    const char *state_name; /* "OPERATION_FINISHED" */
    bool is_terminal;
    const char *message;
    const char *agent_id;
    const char *provider_id;
    struct stoa_bytes uuid; /* set: waits for an acknowledgement */
    const struct stoa_resource *converted;
    size_t converted_count;
    struct stoa_bytes raw; /* mesos.v1.OperationStatus */
};

struct stoa_subscribed {
    const char *framework_id; /* store it: with it a restarted framework finds its tasks again */
    bool again;               /* this scheduler object had been subscribed before */
    double heartbeat_interval_seconds;
    const char *master; /* "host:port" of the leading master we are connected to */
    const char *master_id;
    const char *master_hostname;
    const char *master_version;
    struct stoa_bytes raw; /* mesos.v1.scheduler.Event.Subscribed */
    const char *master_region; /* of its fault domain; NULL: it has none */
};

struct stoa_failure {
    const char *agent_id;    /* may be NULL */
    const char *executor_id; /* NULL: the whole agent is gone */
    int status;              /* the executor's wait status, -1 unknown */
};

/* Every callback may be NULL. Without `offers` all offers are declined for five minutes. */
struct stoa_callbacks {
    void (*subscribed)(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user);
    /* The connection is lost; all outstanding offers are void. The library reconnects by itself. */
    void (*disconnected)(struct stoa_scheduler *s, const char *why, void *user);
    void (*offers)(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user);
    void (*rescind)(struct stoa_scheduler *s, const char *offer_id, void *user);
    void (*inverse_offers)(struct stoa_scheduler *s, const struct stoa_inverse_offer *offers, size_t count,
                           void *user);
    void (*rescind_inverse_offer)(struct stoa_scheduler *s, const char *offer_id, void *user);
    void (*update)(struct stoa_scheduler *s, const struct stoa_status *status, void *user);
    void (*operation)(struct stoa_scheduler *s, const struct stoa_operation_status *status, void *user);
    void (*message)(struct stoa_scheduler *s, const char *agent_id, const char *executor_id,
                    struct stoa_bytes data, void *user);
    void (*failure)(struct stoa_scheduler *s, const struct stoa_failure *failure, void *user);
    /* The master refused or ended the subscription for good ("Framework failed over", "Framework has been
     * removed", an invalid FrameworkInfo). The library does not reconnect; stoa_scheduler_run returns the
     * error. */
    void (*error)(struct stoa_scheduler *s, const char *message, void *user);
    void (*heartbeat)(struct stoa_scheduler *s, void *user);
    /* Called first for every event with the bytes of the mesos.v1.scheduler.Event (made from JSON if need
     * be). */
    void (*event)(struct stoa_scheduler *s, struct stoa_bytes event, void *user);
    /* The answer to stoa_update_framework: code 0 or why it was refused. */
    void (*framework_updated)(struct stoa_scheduler *s, const struct stoa_error *result, void *user);
    /* A call was refused by the master with an HTTP error; the text names the call and the answer. */
    void (*call_failed)(struct stoa_scheduler *s, const char *call, int http_status, const char *text,
                        void *user);
    /* One line for a log: connection attempts, redirects, retries. level 0 error, 1 warning, 2 information, 3
     * debugging. */
    void (*log)(struct stoa_scheduler *s, int level, const char *line, void *user);
};

/* ---- the scheduler --------------------------------------------------------------------------------------- */

enum stoa_content { STOA_PROTOBUF, STOA_JSON };

/* Bits of stoa_options.capabilities. The bit is 1 << number of FrameworkInfo.Capability.Type. */
enum stoa_capability {
    STOA_CAP_REVOCABLE_RESOURCES = 1 << 1,
    STOA_CAP_TASK_KILLING_STATE = 1 << 2,
    STOA_CAP_GPU_RESOURCES = 1 << 3,
    STOA_CAP_SHARED_RESOURCES = 1 << 4,
    STOA_CAP_PARTITION_AWARE = 1 << 5,
    STOA_CAP_MULTI_ROLE = 1 << 6,
    STOA_CAP_RESERVATION_REFINEMENT = 1 << 7,
    STOA_CAP_REGION_AWARE = 1 << 8
};

struct stoa_options {
    /* Masters as "host:port,host:port"; a missing port is 5050. Names are resolved when the scheduler is
     * made. Or "zk://[user:password@]host:port,host:port/path": the leading master is found through ZooKeeper
     * and followed; "file://path": the file has "zk://..." or one "host:port". With "https://" in front, or
     * LIBPROCESS_SSL_ENABLED=true in the environment, the connections are TLS; LIBPROCESS_SSL_CA_FILE, _CERT_FILE and _KEY_FILE count as for the master. */
    const char *master;
    enum stoa_content content; /* of calls and events */
    struct event_base
        *event_base; /* the caller's loop; NULL: the scheduler makes its own for stoa_scheduler_run */
    bool explicit_acknowledgements; /* true: you call stoa_acknowledge for every status with a uuid */

    /* FrameworkInfo */
    const char *name;         /* required */
    const char *user;         /* account that tasks run as; NULL: the one this process runs as */
    const char *framework_id; /* of an earlier run, to take its tasks over; NULL: a new framework */
    const char *const *roles; /* none: "*" */
    size_t role_count;
    double failover_timeout_s; /* how long tasks live on after we are gone; 0: they are killed at once */
    bool checkpoint;           /* agents keep our tasks through their own restart */
    const char *hostname;
    const char *webui_url;
    const char *principal; /* with secret: HTTP basic authentication */
    const char *secret;
    unsigned capabilities; /* enum stoa_capability; MULTI_ROLE and RESERVATION_REFINEMENT are always added */
    const struct stoa_label *labels;
    size_t label_count;
    const char *framework_json; /* anything else of FrameworkInfo as v1 JSON, merged under the fields above */
    const char *offer_constraints_json;  /* mesos.v1.scheduler.OfferConstraints */
    const char *const *suppressed_roles; /* of the first subscription */
    size_t suppressed_role_count;
    /* For programs that have a mesos.v1.FrameworkInfo already: set, its bytes are sent as they are (capabilities
     * too; none is added), in place of all fields above from name to framework_json but framework_id. */
    struct stoa_bytes framework_info;
    struct stoa_bytes offer_constraints; /* as offer_constraints_json, as protobuf bytes */

    /* Zero: the value in brackets. */
    int64_t backoff_min_ms;     /* [500] first pause before connecting again; doubles, jittered by half */
    int64_t backoff_max_ms;     /* [30000] */
    int64_t connect_timeout_ms; /* [10000] from connecting to the SUBSCRIBED event */
    unsigned heartbeats_missed; /* [5] after so many intervals of silence the connection counts as dead */
    size_t event_bytes_max;     /* [64 MiB] longest event taken */
    size_t queued_bytes_max; /* [64 MiB] calls not yet written; beyond, calls are refused with STOA_LIMIT */
};

STOA_API const char *stoa_version(void);

/* Makes a scheduler and schedules its first connection attempt; nothing is sent before the event loop runs.
 * user goes to every callback. NULL with err on wrong options. */
STOA_API struct stoa_scheduler *stoa_scheduler_new(const struct stoa_options *options,
                                                   const struct stoa_callbacks *callbacks, void *user,
                                                   struct stoa_error *err);

/* Runs the loop until stoa_scheduler_stop or an ERROR event. 0 after stop. With a caller's event_base the
 * caller may run that instead. */
STOA_API int stoa_scheduler_run(struct stoa_scheduler *s, struct stoa_error *err);

/* Ends the connection and lets stoa_scheduler_run return, after calls made so far are written and answered
 * (for two seconds at most). The framework stays known to the master for failover_timeout_s: start again with
 * its id to go on. */
STOA_API void stoa_scheduler_stop(struct stoa_scheduler *s);

/* As stoa_scheduler_stop, but removes the framework: all its tasks are killed, the id becomes unusable. */
STOA_API int stoa_scheduler_teardown(struct stoa_scheduler *s, struct stoa_error *err);

/* Frees it; not from within a callback. NULL is fine. Without a stop before, the connection is simply closed.
 */
STOA_API void stoa_scheduler_free(struct stoa_scheduler *s);

/* NULL before the first subscription of a new framework. */
STOA_API const char *stoa_scheduler_framework_id(const struct stoa_scheduler *s);
STOA_API bool stoa_scheduler_is_subscribed(const struct stoa_scheduler *s);
STOA_API bool
stoa_scheduler_is_stopped(const struct stoa_scheduler *s); /* stopped, torn down, or ended by ERROR */
/* "host:port" of the master connected to, or NULL. */
STOA_API const char *stoa_scheduler_master(const struct stoa_scheduler *s);

/* Calls fn once after delay_ms, from the loop, unless the scheduler is freed before. For programs that have
 * no loop of their own. */
STOA_API int stoa_scheduler_after(struct stoa_scheduler *s, int64_t delay_ms,
                                  void (*fn)(struct stoa_scheduler *s, void *arg), void *arg,
                                  struct stoa_error *err);

/* ---- tasks ----------------------------------------------------------------------------------------------- */

struct stoa_variable {
    const char *name;
    const char *value;
    bool is_secret; /* the value goes to the task alone; no state page tells it */
};

struct stoa_uri {
    const char *value;
    bool executable;
    bool no_extract; /* archives are unpacked by default */
    bool cache;
    const char *output_file;
};

struct stoa_command {
    /* A shell line in value, or with argv set (argc > 0 or no_shell) a program in value and its arguments,
     * argv[0] included. */
    const char *value;
    bool no_shell;
    const char *const *argv;
    size_t argc;
    const struct stoa_variable *environment;
    size_t environment_count;
    const struct stoa_uri *uris;
    size_t uri_count;
    const char *user;
};

struct stoa_check {
    enum stoa_check_type type;
    struct stoa_command command; /* COMMAND */
    uint32_t port;               /* HTTP, TCP */
    const char *path;            /* HTTP */
    const char *scheme;          /* HTTP health checks: "http" (default) or "https" */
    bool ipv6;                   /* health checks: connect to the task over IPv6 */
    /* Zero: the protocol's default, in brackets; below zero: none, that is 0 on the wire. */
    double delay_s;           /* [15] */
    double interval_s;        /* [10] */
    double timeout_s;         /* [20] */
    double grace_period_s;    /* [10] health checks */
    int consecutive_failures; /* [3] health checks */
};

struct stoa_port {
    uint32_t number;
    const char *name;
    const char *protocol;
    const struct stoa_label *labels;
    size_t label_count;
};

enum stoa_visibility {
    STOA_VISIBLE_NONE,
    STOA_VISIBLE_FRAMEWORK,
    STOA_VISIBLE_CLUSTER,
    STOA_VISIBLE_EXTERNAL
};

struct stoa_discovery {
    enum stoa_visibility visibility; /* NONE: no discovery info */
    const char *name;
    const char *environment, *location, *version;
    const struct stoa_port *ports;
    size_t port_count;
};

enum stoa_executor_type { STOA_EXECUTOR_CUSTOM, STOA_EXECUTOR_DEFAULT };

struct stoa_executor {
    const char *id;
    enum stoa_executor_type type;
    const char *name;
    struct stoa_command command; /* CUSTOM */
    const struct stoa_resource *resources;
    size_t resource_count;
    const char *container_json; /* mesos.v1.ContainerInfo */
    struct stoa_bytes data;
    const struct stoa_label *labels;
    size_t label_count;
    double shutdown_grace_s; /* 0: the agent's default */
    const char *info_json;   /* anything else of ExecutorInfo, merged under the fields above */
};

struct stoa_task {
    const char *id;       /* unique within the framework */
    const char *name;     /* NULL: the id */
    const char *agent_id; /* NULL: that of the offer, where the function knows it */
    const struct stoa_resource *resources;
    size_t resource_count;
    const struct stoa_command *command;   /* either this ... */
    const struct stoa_executor *executor; /* ... or this */
    const char *container_json;           /* mesos.v1.ContainerInfo */
    const struct stoa_check *health_check;
    const struct stoa_check *check;
    const struct stoa_discovery *discovery;
    const struct stoa_label *labels;
    size_t label_count;
    struct stoa_bytes data;
    double kill_grace_s;      /* kill policy; below or equal zero: none given */
    double max_completion_s;  /* 0: no limit */
    int64_t cpus_limit_milli; /* 0: none, -1: unlimited */
    int64_t mem_limit_milli;
    const char *
        info_json; /* anything else of TaskInfo as v1 JSON, merged under the fields above; lists are joined */
};

/* ---- answering offers ------------------------------------------------------------------------------------ */

enum stoa_operation_type {
    STOA_OP_LAUNCH,
    STOA_OP_LAUNCH_GROUP,
    STOA_OP_RESERVE,
    STOA_OP_UNRESERVE,
    STOA_OP_CREATE,
    STOA_OP_DESTROY,
    STOA_OP_GROW_VOLUME,
    STOA_OP_SHRINK_VOLUME,
    STOA_OP_CREATE_DISK,
    STOA_OP_DESTROY_DISK,
    STOA_OP_RAW /* a whole mesos.v1.Offer.Operation in raw */
};

struct stoa_operation {
    enum stoa_operation_type type;
    const char *id; /* set: the outcome comes to the operation callback; not for LAUNCH and LAUNCH_GROUP */
    const struct stoa_task *tasks; /* LAUNCH, LAUNCH_GROUP */
    size_t task_count;
    const struct stoa_executor *executor; /* LAUNCH_GROUP */
    /* RESERVE, UNRESERVE: the resources; CREATE, DESTROY: the volumes; GROW: volume, then addition;
     * SHRINK: volume; CREATE_DISK, DESTROY_DISK: the source. */
    const struct stoa_resource *resources;
    size_t resource_count;
    int64_t subtract_milli;            /* SHRINK */
    enum stoa_disk_source target_type; /* CREATE_DISK: MOUNT or BLOCK */
    const char *target_profile;
    struct stoa_bytes raw;
};

#define STOA_REFUSE_DEFAULT (-1.0) /* the master's: 5 s */

/* Uses offers (all of one agent and one role) for the operations, in order; what is left goes back and is not
 * offered to us again for refuse_s seconds. */
STOA_API int stoa_accept(struct stoa_scheduler *s, const char *const *offer_ids, size_t offer_count,
                         const struct stoa_operation *operations, size_t operation_count, double refuse_s,
                         struct stoa_error *err);
/* The common case: one offer, some tasks. Tasks without agent_id get the offer's. */
STOA_API int stoa_launch(struct stoa_scheduler *s, const struct stoa_offer *offer,
                         const struct stoa_task *tasks, size_t task_count, double refuse_s,
                         struct stoa_error *err);
STOA_API int stoa_decline(struct stoa_scheduler *s, const char *const *offer_ids, size_t offer_count,
                          double refuse_s, struct stoa_error *err);
STOA_API int stoa_accept_inverse_offers(struct stoa_scheduler *s, const char *const *ids, size_t count,
                                        double refuse_s, struct stoa_error *err);
STOA_API int stoa_decline_inverse_offers(struct stoa_scheduler *s, const char *const *ids, size_t count,
                                         double refuse_s, struct stoa_error *err);
/* Stop, or ask for, offers to these roles (none: all of ours). Reviving also forgets refusals. */
STOA_API int stoa_suppress(struct stoa_scheduler *s, const char *const *roles, size_t count,
                           struct stoa_error *err);
STOA_API int stoa_revive(struct stoa_scheduler *s, const char *const *roles, size_t count,
                         struct stoa_error *err);

/* ---- tasks and executors that run
 * ----------------------------------------------------------------------------- */

/* agent_id may be NULL. grace_s below zero: the task's own kill policy. */
STOA_API int stoa_kill(struct stoa_scheduler *s, const char *task_id, const char *agent_id, double grace_s,
                       struct stoa_error *err);
STOA_API int stoa_shutdown_executor(struct stoa_scheduler *s, const char *executor_id, const char *agent_id,
                                    struct stoa_error *err);
STOA_API int stoa_send_message(struct stoa_scheduler *s, const char *agent_id, const char *executor_id,
                               struct stoa_bytes data, struct stoa_error *err);
/* Without a uuid in the status this does nothing and succeeds. With automatic acknowledgements it is refused.
 */
STOA_API int stoa_acknowledge(struct stoa_scheduler *s, const struct stoa_status *status,
                              struct stoa_error *err);
/* The same from kept copies. */
STOA_API int stoa_acknowledge_ids(struct stoa_scheduler *s, const char *agent_id, const char *task_id,
                                  struct stoa_bytes uuid, struct stoa_error *err);
STOA_API int stoa_acknowledge_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status,
                                        struct stoa_error *err);

struct stoa_task_ref {
    const char *task_id;
    const char *agent_id; /* may be NULL */
};
/* Asks for the state of these tasks, or with count 0 of all that the master knows. Answers are updates with
 * REASON_RECONCILIATION; a task for which none comes (its agent may still return) is asked for again later.
 */
STOA_API int stoa_reconcile(struct stoa_scheduler *s, const struct stoa_task_ref *tasks, size_t count,
                            struct stoa_error *err);

struct stoa_operation_ref {
    const char *operation_id;
    const char *agent_id;    /* may be NULL */
    const char *provider_id; /* may be NULL */
};
STOA_API int stoa_reconcile_operations(struct stoa_scheduler *s, const struct stoa_operation_ref *operations,
                                       size_t count, struct stoa_error *err);

struct stoa_request {
    const char *agent_id; /* may be NULL */
    const struct stoa_resource *resources;
    size_t resource_count;
};
STOA_API int stoa_request_resources(struct stoa_scheduler *s, const struct stoa_request *requests,
                                    size_t count, struct stoa_error *err);

/* Changes name, roles, failover timeout, capabilities and so on of the running framework to those in options
 * (only its FrameworkInfo part and the offer constraints are looked at; where suppressed_roles is not NULL, it
 * replaces what stoa_suppress and stoa_revive have left). The answer comes to framework_updated; later subscriptions use
 * the new values once accepted. */
STOA_API int stoa_update_framework(struct stoa_scheduler *s, const struct stoa_options *options,
                                   struct stoa_error *err);

/* Any mesos.v1.scheduler.Call, as protobuf bytes or v1 JSON. framework_id is filled in. Not SUBSCRIBE. */
STOA_API int stoa_call(struct stoa_scheduler *s, struct stoa_bytes call, struct stoa_error *err);
STOA_API int stoa_call_json(struct stoa_scheduler *s, const char *call, struct stoa_error *err);

/* ---- helpers
 * --------------------------------------------------------------------------------------------------- */

STOA_API const char *stoa_task_state_name(enum stoa_task_state state);
/* FINISHED, FAILED, KILLED, ERROR, LOST, DROPPED, GONE, GONE_BY_OPERATOR. A LOST task may still come back
 * when its agent does. */
STOA_API bool stoa_task_state_is_terminal(enum stoa_task_state state);
/* Sum of the unreserved and reserved scalar resources of this name in the offer. */
STOA_API int64_t stoa_offer_scalar_milli(const struct stoa_offer *offer, const char *name);
/* A task's view of an offer: takes milli of the scalar resource from the offer's resources, unreserved first,
 * and appends what it took to out (room for max entries, *count in use). False, and nothing appended, when
 * the offer has not enough or out has no room. */
STOA_API bool stoa_offer_take(const struct stoa_offer *offer, const char *name, int64_t milli,
                              struct stoa_resource *out, size_t *count, size_t max);
/* The same for several tasks on one offer: takes from a list of resources that is the caller's (a copy of the
 * offer's), which then has that much less. Both are unchanged when it answers false. */
STOA_API bool stoa_take(struct stoa_resource *rest, size_t rest_count, const char *name, int64_t milli,
                        struct stoa_resource *out, size_t *count, size_t max);
/* A message of the API (raw bytes of an event or offer) as v1 JSON, in memory to be freed with free(). type
 * is the full name without "mesos.v1.", e.g. "Offer", "TaskStatus", "scheduler.Event". NULL when the type is
 * unknown or memory is out. */
STOA_API char *stoa_to_json(const char *type, struct stoa_bytes bytes);
/* The other way: bytes in memory to be freed with free(). */
STOA_API int stoa_from_json(const char *type, const char *json, void **ret_bytes, size_t *ret_size,
                            struct stoa_error *err);

#ifdef __cplusplus
}
#endif

#endif
