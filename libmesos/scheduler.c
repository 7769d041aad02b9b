/* SPDX-License-Identifier: Apache-2.0 */
#include "libmesos/scheduler.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/wire/field.h"
#include "libmesos/wire/v0.h"

enum { ROLES_MAX = 1024, TEARDOWN_WAIT_MS = 2000 };

/* --- jobs ---------------------------------------------------------------------------------------------- */

static void tell_lost(void *arg, struct str status)
{
    scheduler_tell_update(arg, status);
}

/* A call that could not be sent is dropped, as the drivers always did: what must not be lost the scheduler repeats when it
 * is registered again. A launch is answered, as nobody else would. */
static void refused(struct scheduler *s, struct str call, const struct stoa_error *err)
{
    struct timespec now;

    runner_log(err->code == STOA_UNAVAILABLE ? 2 : 1, "%s", err->msg);
    if (lm_call_type(call) != LM_ACCEPT)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    lm_each_lost(call, err->code == STOA_UNAVAILABLE ? "Master disconnected" : err->msg,
                 (double)now.tv_sec + (double)now.tv_nsec / 1e9, tell_lost, s);
}

/* The strings in fields of this number, as the SDK takes lists: the array and each text are freed by free_roles. */
static const char **roles_of(struct str bytes, uint32_t number, size_t *ret_count)
{
    const char **roles = calloc(ROLES_MAX, sizeof *roles);
    struct wire_field f;
    size_t n = 0;

    while (roles != NULL && n < ROLES_MAX && wire_field_next(&bytes, &f) == 1)
        if (f.number == number && f.type == WIRE_BYTES && (roles[n] = str_dup(f.bytes)) != NULL)
            n++;
    *ret_count = n;
    return roles;
}

static void free_roles(const char **roles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)roles[i]);
    free(roles);
}

static int change_roles(struct scheduler *s, bool suppress, struct str bytes, struct stoa_error *err)
{
    size_t count;
    const char **roles = roles_of(bytes, 1, &count);
    int rc = suppress ? stoa_suppress(s->sdk, roles, count, err) : stoa_revive(s->sdk, roles, count, err);

    free_roles(roles, count);
    return rc;
}

static int update_framework(struct scheduler *s, struct str update, struct stoa_error *err)
{
    struct str info = wire_field_bytes(update, 1), constraints = wire_field_bytes(update, 3);
    size_t count;
    const char **roles = roles_of(update, 2, &count);
    struct stoa_options o = { .framework_info = { info.p, info.n },
                              .offer_constraints = { constraints.p, constraints.n },
                              .suppressed_roles = roles,
                              .suppressed_role_count = count };
    int rc = stoa_update_framework(s->sdk, &o, err);

    free_roles(roles, count);
    return rc;
}

static void end(struct scheduler *s, bool teardown)
{
    struct stoa_error err;

    s->late = s->stopping && teardown;
    if (s->stopping)
        return;
    s->stopping = true;
    if (teardown && stoa_scheduler_teardown(s->sdk, &err) == 0)
        return;
    if (teardown)
        runner_log(1, "%s", err.msg);
    stoa_scheduler_stop(s->sdk);
}

static void run_job(struct scheduler *s, const struct runner_job *j)
{
    struct stoa_error err;
    struct str bytes = str_mem(j->bytes, j->n);

    switch ((enum scheduler_job)j->kind) {
    case SCHEDULER_CALL:
        if (stoa_call(s->sdk, (struct stoa_bytes){ bytes.p, bytes.n }, &err) != 0)
            refused(s, bytes, &err);
        break;
    case SCHEDULER_SUPPRESS:
    case SCHEDULER_REVIVE:
        if (change_roles(s, j->kind == SCHEDULER_SUPPRESS, bytes, &err) != 0)
            runner_log(1, "%s", err.msg);
        break;
    case SCHEDULER_UPDATE:
        if (update_framework(s, bytes, &err) != 0)
            runner_log(1, "%s", err.msg);
        break;
    case SCHEDULER_STOP:
    case SCHEDULER_TEARDOWN:
        end(s, j->kind == SCHEDULER_TEARDOWN);
        break;
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *s = arg;
    struct runner_job *j = runner_take(&s->r), *next;

    (void)fd;
    (void)what;
    for (; j != NULL; j = next) {
        next = j->next;
        run_job(s, j);
        free(j);
    }
    runner_taken(&s->r);
    if (runner_status(&s->r) == RUNNER_ABORTED)
        end(s, false); /* without a connection the framework is inactive: no offers, its tasks go on */
}

/* --- life ---------------------------------------------------------------------------------------------- */

static void scheduler_close(struct scheduler *s)
{
    stoa_scheduler_free(s->sdk);
    if (s->wake != NULL)
        event_free(s->wake);
    if (s->base != NULL)
        event_base_free(s->base);
    s->sdk = NULL;
    s->wake = NULL;
    s->base = NULL;
}

static bool open_with(struct scheduler *s, const struct stoa_callbacks *callbacks, struct stoa_error *why)
{
    size_t count;
    const char **suppressed = roles_of(sbuf_view(&s->suppressed), 1, &count);
    struct stoa_options o = {
        .master = s->master,
        .explicit_acknowledgements = true, /* those that are implicit for Java are ours to send: scheduler_events.c */
        .framework_id = s->framework_id[0] != 0 ? s->framework_id : NULL,
        .principal = s->principal,
        .secret = s->secret,
        .suppressed_roles = suppressed,
        .suppressed_role_count = count,
        .framework_info = { s->framework.p, s->framework.n },
    };

    o.event_base = s->base = event_base_new();
    s->wake = s->base != NULL ? event_new(s->base, s->r.wake_fd, EV_READ | EV_PERSIST, on_wake, s) : NULL;
    if (s->wake != NULL && event_add(s->wake, NULL) == 0)
        s->sdk = stoa_scheduler_new(&o, callbacks, s, why);
    else
        *why = (struct stoa_error){ .code = STOA_NOMEM, .msg = "no event loop" };
    free_roles(suppressed, count);
    s->stopping = false;
    if (s->sdk == NULL)
        scheduler_close(s);
    return s->sdk != NULL;
}

bool scheduler_open(struct scheduler *s, struct stoa_error *why)
{
    struct str master = str_of(s->master);

    if (str_eq(master, STR("local")) || str_starts(master, STR("local://")) || str_eq(master, STR("localquiet"))) {
        *why = (struct stoa_error){
            .code = STOA_INVALID,
            .msg = "master 'local' (a cluster inside this process) is not offered; start `stoa dev` and use its "
                   "address, 127.0.0.1:5050"
        };
        return false;
    }
    return open_with(s, &scheduler_callbacks, why);
}

/* The TEARDOWN of a driver that was aborted before it was stopped: for it the framework subscribes once more. */
static void late_subscribed(struct stoa_scheduler *sdk, const struct stoa_subscribed *e, void *user)
{
    (void)sdk;
    (void)e;
    end(user, true);
}

static void late_timeout(struct stoa_scheduler *sdk, void *arg)
{
    (void)sdk;
    end(arg, false);
}

static void tear_down_late(struct scheduler *s)
{
    static const struct stoa_callbacks callbacks = { .subscribed = late_subscribed };
    struct stoa_error err;

    if (s->framework_id[0] == 0 || s->refused || !open_with(s, &callbacks, &err))
        return;
    (void)stoa_scheduler_after(s->sdk, TEARDOWN_WAIT_MS, late_timeout, s, NULL);
    (void)stoa_scheduler_run(s->sdk, NULL);
    scheduler_close(s);
}

static void run(struct scheduler *s)
{
    const char *id;

    (void)stoa_scheduler_run(s->sdk, NULL); /* why it ended was told by the error callback */
    id = stoa_scheduler_framework_id(s->sdk);
    (void)snprintf(s->framework_id, sizeof s->framework_id, "%s", id != NULL ? id : "");
    scheduler_close(s);
}

static void scheduler_loop(struct runner *r)
{
    struct scheduler *s = (struct scheduler *)r;
    struct runner_job *j, *next;

    if (s->sdk != NULL)
        run(s);
    for (j = runner_take(r); j != NULL; j = next) { /* what came when that was over */
        next = j->next;
        s->late = s->late || j->kind == SCHEDULER_TEARDOWN;
        free(j);
    }
    if (s->late)
        tear_down_late(s);
    s->late = false;
    runner_taken(r);
}

static void scheduler_free(struct runner *r, JNIEnv *env)
{
    struct scheduler *s = (struct scheduler *)r;

    scheduler_close(s);
    scheduler_java_done(&s->java, env);
    free(s->master);
    free(s->principal);
    free(s->secret);
    sbuf_done(&s->framework);
    sbuf_done(&s->suppressed);
    free(s);
}

struct scheduler *scheduler_new(void)
{
    static const struct runner_kind kind = { "mesos-scheduler-driver", scheduler_loop, scheduler_free };
    struct scheduler *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    sbuf_init(&s->framework, JVM_MESSAGE_MAX);
    sbuf_init(&s->suppressed, JVM_MESSAGE_MAX);
    if (runner_init(&s->r, &kind))
        return s;
    free(s);
    return NULL;
}
