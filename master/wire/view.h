/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to questions, written straight from the books: the v1 operator calls (JSON and protobuf) and the unversioned JSON
 * endpoints. Pure; nothing is changed. */
#ifndef STOA_MASTER_WIRE_VIEW_H
#define STOA_MASTER_WIRE_VIEW_H

#include "common/base/sbuf.h"
#include "common/model/acl.h"
#include "common/wire/jsonw.h"
#include "master/wire/codec.h"

struct view {
    const struct master *m;
    struct master_identity who;
    const char *version;         /* of this program, "1.12.0" */
    const char *build_date, *build_user;
    double build_time;
    double start_time, elected_time; /* seconds since 1970 */
    const char *hostname, *pid;  /* "master@ip:port" */
    int port;
    const char *cluster, *log_dir, *external_log_file; /* NULL: unset */
    struct str region, zone;
    struct str flags_json;       /* {"name":"value",...} */
    const struct acls *acls; /* with who asks: what may not be seen is left out. NULL: everything */
    struct str principal;    /* empty: not known */
    /* Set: long answers in JSON are given away in pieces of about spill_bytes (struct jsonw); the last one is in the buffer. */
    void (*spill)(void *arg, struct sbuf *b);
    void *spill_arg;
    size_t spill_bytes;
    struct json_memo *memo;  /* of long answers in JSON, else NULL */
};

/* Whether the asker may see it: of a task, executor or framework its user, or a role; empty: what has no name. */
static inline bool view_may(const struct view *v, enum acl_action action, struct str object)
{
    return acls_allow(v->acls, action, v->principal, object);
}
struct str view_task_user(const struct task *t);
static inline bool view_may_see_task(const struct view *v, const struct task *t)
{
    return v->acls == NULL || view_may(v, ACL_VIEW_TASKS, view_task_user(t));
}
struct str view_executor_user(const struct executor *e);

static inline struct jsonw view_jsonw(const struct view *v, struct sbuf *b)
{
    return (struct jsonw){ .b = b, .spill = v->spill, .spill_arg = v->spill_arg, .spill_bytes = v->spill_bytes, .memo = v->memo };
}

/* The whole Response to a GET_* call of the state (type is mesos.v1.master.Call.Type). False: not one of these. */
bool view_v1(const struct view *v, int call_type, bool json, struct sbuf *b);
bool view_v1_has(int call_type);
/* The SUBSCRIBED event of the operator stream. */
void view_subscribed(const struct view *v, bool json, struct sbuf *b);

struct view_query { /* of the unversioned endpoints; empty: not given */
    struct str slave_id, framework_id, task_id;
    int64_t limit, offset; /* limit negative: all */
    bool ascending;
};

void view_version(const struct view *v, struct sbuf *b);
void view_state(const struct view *v, struct sbuf *b);
void view_state_summary(const struct view *v, struct sbuf *b);
void view_slaves(const struct view *v, const struct view_query *q, struct sbuf *b);
void view_frameworks(const struct view *v, const struct view_query *q, struct sbuf *b);
void view_tasks(const struct view *v, const struct view_query *q, struct sbuf *b);
/* --roles and the default role, else those that the allocator knows; by name. Given back with view_known_roles_done. */
size_t view_known_roles(const struct view *v, struct name ***ret);
void view_known_roles_done(struct name **roles, size_t n);
void view_roles(const struct view *v, struct sbuf *b);
void view_weights(const struct view *v, struct sbuf *b);
void view_quota(const struct view *v, struct sbuf *b);
void view_maintenance_status(const struct view *v, struct sbuf *b);
void view_maintenance_schedule(const struct view *v, struct sbuf *b);
void view_registry(const struct view *v, struct sbuf *b);
void view_constraints_debug(const struct view *v, struct sbuf *b);

struct view_now {
    struct mono mono;
    struct wall wall;
};
/* The decision log from entry offset on (else the last limit ones), of one framework or of all; "next" is where to go on. */
void view_decisions(const struct view *v, const struct view_now *now, const struct view_query *q, struct sbuf *b);
/* Why each agent would, or would not, be offered to the framework (all frameworks when not given) right now. */
void view_why(const struct view *v, const struct view_now *now, const struct view_query *q, struct sbuf *b);

/* view_cluster.c: packed messages that both kinds of answers need. */
void put_schedule_now(struct sbuf *b, const struct view *v);
void put_cluster_status(struct sbuf *b, const struct view *v);
void put_quota_status(struct sbuf *b, const struct view *v);

#endif
