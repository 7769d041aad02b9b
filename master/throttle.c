/* SPDX-License-Identifier: Apache-2.0 */
/* --rate_limits: messages of old drivers wait for their turn, by the principal of the framework.
 *
 * A principal that is listed has a limiter of its own; one that is listed without qps is never held up; all others share the
 * aggregate's, if there is one. What waits is a copy of the message; a broken link waits behind the messages that came before
 * it. A message over the capacity is dropped and the driver told, which makes it abort. HTTP frameworks are not concerned.
 *
 * Source: wire protocol, section 18. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/core/limiter.h"
#include "master/core/state.h"
#include "master/shell.h"

/* Of one limiter; what comes then is treated as over its capacity. */
#define WAITING_BYTES_MAX ((size_t)256 << 20)

struct waiting {
    struct msg_pid from;
    char *name;                  /* NULL: the link to from broke */
    struct str body;             /* owned */
    struct waiting *prev, *next;
};

struct throttled { /* a principal of --rate_limits, or the aggregate */
    char *principal;             /* NULL: the aggregate */
    struct limiter limiter;
    struct waiting *queue;
    size_t bytes;
};

struct throttle {
    const struct throttle_next *next;
    struct throttled *v;
    size_t count;
    struct throttled *aggregate; /* NULL: the others are not held up */
    struct loop_timer timer;
};

/* --- the flag --- */

static int read_limit(const struct cJSON *qps, const struct cJSON *capacity, const char *whose, struct limiter *ret,
                      struct error *err)
{
    if (qps != NULL && (!cJSON_IsNumber(qps) || !(qps->valuedouble > 0)))
        return error_set(err, ERR_INVALID, "--rate_limits: qps of %.80s is no number greater than 0", whose);
    if (capacity != NULL && (!cJSON_IsNumber(capacity) || !(capacity->valuedouble >= 0) || capacity->valuedouble > 1e15))
        return error_set(err, ERR_INVALID, "--rate_limits: capacity of %.80s is no number of 0 or more", whose);
    *ret = (struct limiter){ 0 };
    if (qps != NULL)
        ret->interval_ns = (int64_t)fmax(1, fmin((double)NS_PER_S / qps->valuedouble, 1e18));
    ret->bounded = capacity != NULL;
    ret->capacity = capacity != NULL ? (uint64_t)capacity->valuedouble : 0;
    return 0;
}

static struct throttled *throttled_of(struct throttle *t, struct str principal)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->v[i].principal != NULL && str_is(principal, t->v[i].principal))
            return &t->v[i];
    return NULL;
}

static int read_limits(struct throttle *t, const struct cJSON *tree, struct error *err)
{
    const struct cJSON *one, *list = cJSON_GetObjectItemCaseSensitive(tree, "limits");
    const struct cJSON *qps = cJSON_GetObjectItemCaseSensitive(tree, "aggregate_default_qps");
    const struct cJSON *capacity = cJSON_GetObjectItemCaseSensitive(tree, "aggregate_default_capacity");

    t->v = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *t->v);
    cJSON_ArrayForEach(one, list) {
        const char *principal = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "principal"));
        if (principal == NULL)
            return error_set(err, ERR_INVALID, "--rate_limits: an entry of limits lacks 'principal'");
        if (throttled_of(t, str_of(principal)) != NULL)
            return error_set(err, ERR_INVALID, "--rate_limits: principal %.80s is listed twice", principal);
        int rc = read_limit(cJSON_GetObjectItemCaseSensitive(one, "qps"), cJSON_GetObjectItemCaseSensitive(one, "capacity"),
                            principal, &t->v[t->count].limiter, err);
        if (rc != 0)
            return rc;
        t->v[t->count++].principal = xstrdup(principal);
    }
    if (qps == NULL)
        return capacity != NULL ? error_set(err, ERR_INVALID, "--rate_limits: aggregate_default_capacity is set, but "
                                                              "aggregate_default_qps is not")
                                : 0;
    t->aggregate = &t->v[t->count++];
    return read_limit(qps, capacity, "aggregate_default", &t->aggregate->limiter, err);
}

/* --- the queues --- */

static void waiting_free(struct throttled *w, struct waiting *q)
{
    DL_DELETE(w->queue, q);
    w->bytes -= q->body.n;
    free(q->name);
    free((void *)(uintptr_t)q->body.p);
    free(q);
}

static void wake(struct throttle *t)
{
    struct mono due = MONO_NEVER;

    for (size_t i = 0; i < t->count; i++) {
        struct mono at = limiter_due(&t->v[i].limiter);
        if (at.ns < due.ns)
            due = at;
    }
    loop_timer_at(&t->timer, due);
}

static void let_through(struct shell *sh, struct throttled *w)
{
    struct waiting *q = w->queue;

    if (q->name != NULL)
        sh->throttle->next->message(sh, &(struct msg_in){ .from = q->from, .to = STR("master"), .name = str_of(q->name), .body = q->body });
    else
        sh->throttle->next->exited(sh, &q->from);
    waiting_free(w, q);
}

static void on_due(void *arg)
{
    struct shell *sh = arg;
    struct throttle *t = sh->throttle;

    for (size_t i = 0; i < t->count && !sh->stopping; i++)
        while (!sh->stopping && limiter_release(&t->v[i].limiter, loop_now(sh->loop)))
            let_through(sh, &t->v[i]);
    wake(t);
}

static void append(struct throttled *w, const struct msg_pid *from, struct str name, struct str body)
{
    struct waiting *q = xcalloc(1, sizeof *q);

    q->from = *from;
    q->name = name.p != NULL ? xstrndup(name) : NULL;
    q->body = str_mem(xmemdup(body.p, body.n), body.n);
    w->bytes += body.n;
    DL_APPEND(w->queue, q);
}

/* --- what comes --- */

static struct throttled *of_pid(const struct shell *sh, const struct msg_pid *from)
{
    char pid[MSG_PID_TEXT_SIZE];

    if (sh->throttle == NULL)
        return NULL;
    msg_pid_text(from, pid);
    const struct framework *f = framework_of_pid(sh->m, str_of(pid));
    if (f == NULL)
        return NULL; /* what it says first makes it a framework */
    struct throttled *own = f->info->principal != NULL ? throttled_of(sh->throttle, str_of(f->info->principal)) : NULL;
    return own != NULL ? own : sh->throttle->aggregate;
}

/* Makes the driver abort: something of what it said is lost. */
static void tell_dropped(struct shell *sh, const struct throttled *w, const struct msg_in *in)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1024);

    sbuf_fmt(&text, "Message %.*s dropped: capacity(%llu) exceeded", STR_ARG(in->name), (unsigned long long)w->limiter.capacity);
    log_warn("message_dropped", "id=" LOG_Q " message=" LOG_Q " reason=\"capacity of --rate_limits\" principal=" LOG_Q,
             LOG_QARG(str_of(in->from.id)), LOG_QARG(in->name), LOG_QARG(str_of(w->principal)));
    sbuf_clear(&sh->out);
    wire_put_bytes(&sh->out, 2, sbuf_view(&text));
    (void)msg_send(sh->msg, &sh->self, &in->from, STR("mesos.internal.FrameworkErrorMessage"), sbuf_view(&sh->out));
}

bool throttle_holds(struct shell *sh, const struct msg_in *in)
{
    struct throttled *w = of_pid(sh, &in->from);

    if (w == NULL)
        return false;
    switch (limiter_admit(&w->limiter, loop_now(sh->loop))) {
    case LIMITER_PASS:
        return false;
    case LIMITER_WAIT:
        if (w->bytes + in->body.n <= WAITING_BYTES_MAX) {
            append(w, &in->from, in->name, in->body);
            wake(sh->throttle);
            return true;
        }
        w->limiter.waiting--;
        w->limiter.dropped++;
        break;
    case LIMITER_OVER:
        break;
    }
    tell_dropped(sh, w, in);
    return true;
}

bool throttle_holds_exit(struct shell *sh, const struct msg_pid *pid)
{
    struct throttled *w = of_pid(sh, pid);

    if (w == NULL || !limiter_follow(&w->limiter))
        return false;
    append(w, pid, (struct str){ NULL, 0 }, (struct str){ NULL, 0 });
    return true;
}

uint64_t throttle_unhandled(const struct shell *sh, const char *principal)
{
    const struct throttled *w = sh->throttle != NULL ? throttled_of(sh->throttle, str_of(principal)) : NULL;

    return w != NULL ? w->limiter.waiting + w->limiter.dropped : 0;
}

/* --- life --- */

int throttle_load(struct shell *sh, const struct throttle_next *next, struct error *err)
{
    struct cJSON *tree = NULL;
    int rc = flag_json("rate_limits", sh->flags.rate_limits, &tree, err);

    if (rc != 0)
        return rc;
    sh->throttle = xcalloc(1, sizeof *sh->throttle);
    sh->throttle->next = next;
    loop_timer_init(&sh->throttle->timer, sh->loop, on_due, sh);
    rc = read_limits(sh->throttle, tree, err);
    json_free(tree);
    return rc;
}

void throttle_free(struct shell *sh)
{
    struct throttle *t = sh->throttle;

    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++) {
        while (t->v[i].queue != NULL)
            waiting_free(&t->v[i], t->v[i].queue);
        free(t->v[i].principal);
    }
    loop_timer_done(&t->timer);
    free(t->v);
    free(t);
    sh->throttle = NULL;
}
