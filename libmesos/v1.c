/* SPDX-License-Identifier: Apache-2.0 */
#include "libmesos/v1.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/wire/field.h"
#include "libmesos/wire/v0.h"

enum { REFERENCES = 16, ROLES_MAX = 1024, EVENT_ERROR = 7, EVENT_BODY_ERROR = 8 };

/* --- into Java ----------------------------------------------------------------------------------------- */

bool v1_java_init(struct v1_java *j, JNIEnv *env, jobject mesos)
{
    jclass class = (*env)->GetObjectClass(env, mesos);

    j->scheduler = (*env)->GetFieldID(env, class, "scheduler", "Lorg/apache/mesos/v1/scheduler/Scheduler;");
    (*env)->DeleteLocalRef(env, class);
    if (j->scheduler == NULL)
        return false;
    j->interface = jvm_class(env, "org/apache/mesos/v1/scheduler/Scheduler");
    if (j->interface == NULL)
        return false;
    j->connected = (*env)->GetMethodID(env, j->interface, "connected", "(Lorg/apache/mesos/v1/scheduler/Mesos;)V");
    if (j->connected == NULL)
        return false;
    j->disconnected = (*env)->GetMethodID(env, j->interface, "disconnected", "(Lorg/apache/mesos/v1/scheduler/Mesos;)V");
    if (j->disconnected == NULL)
        return false;
    j->received = (*env)->GetMethodID(env, j->interface, "received",
                                      "(Lorg/apache/mesos/v1/scheduler/Mesos;Lorg/apache/mesos/v1/scheduler/Protos$Event;)V");
    return j->received != NULL && jvm_message_class(env, "org/apache/mesos/v1/scheduler/Protos$Event", &j->event);
}

static void tell(struct v1 *m, jmethodID method, struct str event)
{
    JNIEnv *env = m->r.env;
    jobject scheduler, message = NULL;

    if (!runner_enter(&m->r, REFERENCES))
        return;
    scheduler = (*env)->GetObjectField(env, m->r.self, m->java.scheduler);
    if (event.p == NULL)
        (*env)->CallVoidMethod(env, scheduler, method, m->r.self);
    else if ((message = jvm_parse(env, &m->java.event, event)) != NULL)
        (*env)->CallVoidMethod(env, scheduler, method, m->r.self, message);
    (void)runner_leave(&m->r);
}

static const struct str no_event = { NULL, 0 };

/* --- from the SDK -------------------------------------------------------------------------------------- */

static void on_event(struct stoa_scheduler *sdk, struct stoa_bytes event, void *user)
{
    struct v1 *m = user;
    struct str bytes = str_mem(event.p, event.n);

    (void)sdk;
    if (m->lost)
        return;
    m->error_told = m->error_told || wire_field_u64(bytes, 1, 0) == EVENT_ERROR;
    tell(m, m->java.received, bytes);
}

static void on_disconnected(struct stoa_scheduler *sdk, const char *why, void *user)
{
    (void)sdk;
    (void)why;
    ((struct v1 *)user)->lost = true;
}

/* A subscription that is refused before there are events is told as an event all the same. */
static void on_error(struct stoa_scheduler *sdk, const char *message, void *user)
{
    struct v1 *m = user;
    struct sbuf b = SBUF_INIT(1 << 16);
    size_t mark;

    (void)sdk;
    m->lost = true;
    if (m->error_told)
        return;
    wire_put_u64(&b, 1, EVENT_ERROR);
    mark = wire_open(&b, EVENT_BODY_ERROR);
    wire_put_bytes(&b, 1, str_of(message));
    wire_close(&b, mark);
    tell(m, m->java.received, sbuf_view(&b));
    sbuf_done(&b);
}

static void on_log(struct stoa_scheduler *sdk, int level, const char *line, void *user)
{
    (void)sdk;
    (void)user;
    runner_log(level, "%s", line);
}

/* Nothing: the program has the event. Without this callback the SDK would decline. */
static void ignore_offers(struct stoa_scheduler *sdk, const struct stoa_offer *offers, size_t count, void *user)
{
    (void)sdk;
    (void)offers;
    (void)count;
    (void)user;
}

static const struct stoa_callbacks callbacks = {
    .event = on_event,
    .offers = ignore_offers,
    .disconnected = on_disconnected,
    .error = on_error,
    .log = on_log,
};

/* --- the program's calls ------------------------------------------------------------------------------- */

/* The options that a Call.Subscribe or Call.UpdateFramework has; roles: room for ROLES_MAX, each to be freed. */
static struct stoa_options framework_of(struct str body, const char **roles)
{
    struct str info = wire_field_bytes(body, 1), constraints = wire_field_bytes(body, 3);
    struct stoa_options o = { .framework_info = { info.p, info.n },
                              .offer_constraints = { constraints.p, constraints.n },
                              .suppressed_roles = roles };
    struct wire_field f;

    while (o.suppressed_role_count < ROLES_MAX && wire_field_next(&body, &f) == 1)
        if (f.number == 2 && f.type == WIRE_BYTES && (roles[o.suppressed_role_count] = str_dup(f.bytes)) != NULL)
            o.suppressed_role_count++;
    return o;
}

static void free_roles(const struct stoa_options *o)
{
    for (size_t i = 0; i < o->suppressed_role_count; i++)
        free((char *)(uintptr_t)o->suppressed_roles[i]);
}

static void subscribe(struct v1 *m, struct str call)
{
    const char *roles[ROLES_MAX];
    struct str body = wire_field_bytes(call, LM_BODY_SUBSCRIBE), id = wire_path(call, 1, 1, 0);
    struct stoa_options o;
    struct stoa_error err;
    char *text;

    if (m->sdk != NULL) {
        runner_log(1, "SUBSCRIBE: it is subscribed, or subscribing, already");
        return;
    }
    if (id.n == 0)
        id = wire_path(wire_field_bytes(body, 1), 3, 1, 0);
    text = id.n != 0 ? str_dup(id) : NULL;
    o = framework_of(body, roles);
    o.master = m->master;
    o.principal = m->principal;
    o.secret = m->secret;
    o.explicit_acknowledgements = true;
    o.framework_id = text;
    o.event_base = m->base;
    m->lost = m->error_told = false;
    m->sdk = stoa_scheduler_new(&o, &callbacks, m, &err);
    free_roles(&o);
    free(text);
    if (m->sdk == NULL)
        on_error(NULL, err.msg, m);
}

static int other_call(struct v1 *m, enum lm_call type, struct str call, struct stoa_error *err)
{
    const char *roles[ROLES_MAX];
    struct stoa_options o;
    int rc;

    if (type == LM_TEARDOWN) {
        rc = stoa_scheduler_teardown(m->sdk, err);
        m->ended = rc == 0;
        if (m->ended)
            (void)runner_abort(&m->r); /* nothing is told any more */
        return rc;
    }
    if (type != LM_UPDATE_FRAMEWORK)
        return stoa_call(m->sdk, (struct stoa_bytes){ call.p, call.n }, err);
    o = framework_of(wire_field_bytes(call, LM_BODY_UPDATE_FRAMEWORK), roles);
    rc = stoa_update_framework(m->sdk, &o, err);
    free_roles(&o);
    return rc;
}

static void run_call(struct v1 *m, struct str call)
{
    enum lm_call type = lm_call_type(call);
    struct stoa_error err = { .msg = "a call without a connection is dropped" };

    if (m->ended)
        return;
    if (type == LM_SUBSCRIBE)
        subscribe(m, call);
    else if (m->sdk == NULL || m->lost || other_call(m, type, call, &err) != 0)
        runner_log(1, "%s", err.msg);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct v1 *m = arg;
    struct runner_job *j = runner_take(&m->r), *next;

    (void)fd;
    (void)what;
    for (; j != NULL; j = next) {
        next = j->next;
        if (j->kind == V1_CALL)
            run_call(m, str_mem(j->bytes, j->n));
        else
            m->lost = m->lost || m->sdk != NULL;
        free(j);
    }
    runner_taken(&m->r);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct v1 *m = arg;

    (void)fd;
    (void)what;
    if (m->sdk == NULL && !m->ended)
        tell(m, m->java.connected, no_event);
}

/* Between two turns of the loop, where no callback of the SDK is at work. */
static void settle(struct v1 *m)
{
    static const struct timeval pause = { 1, 0 };

    if (!m->lost || m->ended)
        return;
    stoa_scheduler_free(m->sdk);
    m->sdk = NULL;
    m->lost = false;
    tell(m, m->java.disconnected, no_event);
    (void)event_add(m->again, &pause);
}

static void v1_loop(struct runner *r)
{
    struct v1 *m = (struct v1 *)r;

    tell(m, m->java.connected, no_event);
    while (runner_status(r) == RUNNER_RUNNING && !m->ended && event_base_loop(m->base, EVLOOP_ONCE) == 0)
        settle(m);
    if (m->ended)
        (void)stoa_scheduler_run(m->sdk, NULL); /* until the TEARDOWN is answered */
    stoa_scheduler_free(m->sdk);
    m->sdk = NULL;
    for (struct runner_job *j = runner_take(r), *next; j != NULL; j = next) {
        next = j->next;
        free(j);
    }
    runner_taken(r);
}

static void v1_free(struct runner *r, JNIEnv *env)
{
    struct v1 *m = (struct v1 *)r;

    if (m->again != NULL)
        event_free(m->again);
    if (m->wake != NULL)
        event_free(m->wake);
    if (m->base != NULL)
        event_base_free(m->base);
    jvm_message_done(env, &m->java.event);
    if (m->java.interface != NULL)
        (*env)->DeleteGlobalRef(env, m->java.interface);
    free(m->master);
    free(m->principal);
    free(m->secret);
    free(m);
}

struct v1 *v1_new(void)
{
    static const struct runner_kind kind = { "mesos-v1-scheduler", v1_loop, v1_free };
    struct v1 *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    if (!runner_init(&m->r, &kind)) {
        free(m);
        return NULL;
    }
    m->base = event_base_new();
    m->wake = m->base != NULL ? event_new(m->base, m->r.wake_fd, EV_READ | EV_PERSIST, on_wake, m) : NULL;
    m->again = m->base != NULL ? event_new(m->base, -1, 0, on_again, m) : NULL;
    if (m->wake != NULL && m->again != NULL && event_add(m->wake, NULL) == 0)
        return m;
    runner_log(0, "no event loop for V1Mesos"); /* as good as never; what was made stays */
    return NULL;
}
