/* SPDX-License-Identifier: Apache-2.0 */
/* From the SDK's callbacks to those of org.apache.mesos.Scheduler. All run on the driver's thread, between runner_enter and
 * runner_leave: after stop() and abort() nothing is told any more, and an exception aborts. A message that Java cannot
 * parse is an exception too. */
#include "common/wire/field.h"
#include "libmesos/scheduler.h"
#include "libmesos/wire/v0.h"

enum { REFERENCES = 16 };

/* --- classes ------------------------------------------------------------------------------------------- */

#define DRIVER "Lorg/apache/mesos/SchedulerDriver;"
#define PROTO(name) "Lorg/apache/mesos/Protos$" name ";"

static bool find_messages(struct scheduler_java *j, JNIEnv *env)
{
    return jvm_message_class(env, "org/apache/mesos/Protos$FrameworkID", &j->framework_id) &&
           jvm_message_class(env, "org/apache/mesos/Protos$MasterInfo", &j->master_info) &&
           jvm_message_class(env, "org/apache/mesos/Protos$Offer", &j->offer) &&
           jvm_message_class(env, "org/apache/mesos/Protos$OfferID", &j->offer_id) &&
           jvm_message_class(env, "org/apache/mesos/Protos$TaskStatus", &j->task_status) &&
           jvm_message_class(env, "org/apache/mesos/Protos$ExecutorID", &j->executor_id) &&
           jvm_message_class(env, "org/apache/mesos/Protos$SlaveID", &j->slave_id);
}

static bool find_callbacks(struct scheduler_java *j, JNIEnv *env)
{
    const struct {
        jmethodID *method;
        const char *name, *signature;
    } list[] = {
        { &j->registered, "registered", "(" DRIVER PROTO("FrameworkID") PROTO("MasterInfo") ")V" },
        { &j->reregistered, "reregistered", "(" DRIVER PROTO("MasterInfo") ")V" },
        { &j->offers, "resourceOffers", "(" DRIVER "Ljava/util/List;)V" },
        { &j->rescinded, "offerRescinded", "(" DRIVER PROTO("OfferID") ")V" },
        { &j->update, "statusUpdate", "(" DRIVER PROTO("TaskStatus") ")V" },
        { &j->message, "frameworkMessage", "(" DRIVER PROTO("ExecutorID") PROTO("SlaveID") "[B)V" },
        { &j->disconnected, "disconnected", "(" DRIVER ")V" },
        { &j->slave_lost, "slaveLost", "(" DRIVER PROTO("SlaveID") ")V" },
        { &j->executor_lost, "executorLost", "(" DRIVER PROTO("ExecutorID") PROTO("SlaveID") "I)V" },
        { &j->error, "error", "(" DRIVER "Ljava/lang/String;)V" },
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        *list[i].method = (*env)->GetMethodID(env, j->interface, list[i].name, list[i].signature);
        if (*list[i].method == NULL)
            return false;
    }
    return true;
}

bool scheduler_java_init(struct scheduler_java *j, JNIEnv *env, jobject driver)
{
    jclass class = (*env)->GetObjectClass(env, driver);

    j->scheduler = (*env)->GetFieldID(env, class, "scheduler", "Lorg/apache/mesos/Scheduler;");
    (*env)->DeleteLocalRef(env, class);
    if (j->scheduler == NULL)
        return false;
    j->interface = jvm_class(env, "org/apache/mesos/Scheduler");
    if (j->interface == NULL || !find_callbacks(j, env) || !find_messages(j, env))
        return false;
    j->list = jvm_class(env, "java/util/ArrayList");
    if (j->list == NULL)
        return false;
    j->list_new = (*env)->GetMethodID(env, j->list, "<init>", "()V");
    if (j->list_new == NULL)
        return false;
    j->list_add = (*env)->GetMethodID(env, j->list, "add", "(Ljava/lang/Object;)Z");
    return j->list_add != NULL;
}

void scheduler_java_done(struct scheduler_java *j, JNIEnv *env)
{
    struct jvm_message *messages[] = { &j->framework_id, &j->master_info, &j->offer,   &j->offer_id,
                                       &j->task_status,  &j->executor_id, &j->slave_id };

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        jvm_message_done(env, messages[i]);
    if (j->interface != NULL)
        (*env)->DeleteGlobalRef(env, j->interface);
    if (j->list != NULL)
        (*env)->DeleteGlobalRef(env, j->list);
}

/* --- callbacks ----------------------------------------------------------------------------------------- */

static jobject target(struct scheduler *s)
{
    return (*s->r.env)->GetObjectField(s->r.env, s->r.self, s->java.scheduler);
}

static void tell_master(struct scheduler *s, const struct stoa_subscribed *e, struct str info)
{
    JNIEnv *env = s->r.env;
    jobject master = jvm_parse(env, &s->java.master_info, info);
    jobject id;

    if (master == NULL)
        return;
    if (e->again) {
        (*env)->CallVoidMethod(env, target(s), s->java.reregistered, s->r.self, master);
        return;
    }
    id = jvm_parse_id(env, &s->java.framework_id, str_of(e->framework_id));
    if (id != NULL)
        (*env)->CallVoidMethod(env, target(s), s->java.registered, s->r.self, id, master);
}

static void on_subscribed(struct stoa_scheduler *sdk, const struct stoa_subscribed *e, void *user)
{
    struct scheduler *s = user;
    struct sbuf b = SBUF_INIT(4096);
    struct str info = wire_field_bytes(str_mem(e->raw.p, e->raw.n), 3);

    (void)sdk;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    if (info.p == NULL) {
        lm_put_master(&b, str_of(e->master));
        info = sbuf_view(&b);
    }
    tell_master(s, e, info);
    sbuf_done(&b);
    (void)runner_leave(&s->r);
}

static void on_disconnected(struct stoa_scheduler *sdk, const char *why, void *user)
{
    struct scheduler *s = user;

    (void)sdk;
    (void)why;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    (*s->r.env)->CallVoidMethod(s->r.env, target(s), s->java.disconnected, s->r.self);
    (void)runner_leave(&s->r);
}

static jobject offer_list(struct scheduler *s, const struct stoa_offer *offers, size_t count)
{
    JNIEnv *env = s->r.env;
    jobject list = (*env)->NewObject(env, s->java.list, s->java.list_new);

    for (size_t i = 0; list != NULL && !(*env)->ExceptionCheck(env) && i < count; i++) {
        jobject offer = jvm_parse(env, &s->java.offer, str_mem(offers[i].raw.p, offers[i].raw.n));

        if (offer == NULL)
            return NULL;
        (void)(*env)->CallBooleanMethod(env, list, s->java.list_add, offer);
        (*env)->DeleteLocalRef(env, offer);
    }
    return (*env)->ExceptionCheck(env) ? NULL : list;
}

static void on_offers(struct stoa_scheduler *sdk, const struct stoa_offer *offers, size_t count, void *user)
{
    struct scheduler *s = user;
    jobject list;

    (void)sdk;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    list = offer_list(s, offers, count);
    if (list != NULL)
        (*s->r.env)->CallVoidMethod(s->r.env, target(s), s->java.offers, s->r.self, list);
    (void)runner_leave(&s->r);
}

static void on_rescind(struct stoa_scheduler *sdk, const char *offer_id, void *user)
{
    struct scheduler *s = user;
    jobject id;

    (void)sdk;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    id = jvm_parse_id(s->r.env, &s->java.offer_id, str_of(offer_id));
    if (id != NULL)
        (*s->r.env)->CallVoidMethod(s->r.env, target(s), s->java.rescinded, s->r.self, id);
    (void)runner_leave(&s->r);
}

static void acknowledge(struct scheduler *s, struct str status)
{
    struct sbuf b = SBUF_INIT(1 << 20);
    struct stoa_error err;

    if (lm_put_acknowledge(&b, status) &&
        stoa_call(s->sdk, (struct stoa_bytes){ b.p, b.n }, &err) != 0)
        runner_log(1, "%s", err.msg); /* the agent sends the update again */
    sbuf_done(&b);
}

void scheduler_tell_update(struct scheduler *s, struct str status)
{
    JNIEnv *env = s->r.env;
    jobject message;

    if (!runner_enter(&s->r, REFERENCES))
        return;
    message = jvm_parse(env, &s->java.task_status, status);
    if (message != NULL)
        (*env)->CallVoidMethod(env, target(s), s->java.update, s->r.self, message);
    /* One that the callback has failed on, or has stopped the driver in, stays unacknowledged: whoever takes over is told it
     * again. */
    if (runner_leave(&s->r) && s->implicit && runner_status(&s->r) == RUNNER_RUNNING)
        acknowledge(s, status);
}

static void on_update(struct stoa_scheduler *sdk, const struct stoa_status *status, void *user)
{
    (void)sdk;
    scheduler_tell_update(user, str_mem(status->raw.p, status->raw.n));
}

static void on_message(struct stoa_scheduler *sdk, const char *agent_id, const char *executor_id,
                       struct stoa_bytes data, void *user)
{
    struct scheduler *s = user;
    JNIEnv *env = s->r.env;
    jobject agent, executor;
    jbyteArray bytes;

    (void)sdk;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    agent = jvm_parse_id(env, &s->java.slave_id, str_of(agent_id));
    executor = agent != NULL ? jvm_parse_id(env, &s->java.executor_id, str_of(executor_id)) : NULL;
    bytes = executor != NULL ? jvm_bytes(env, str_mem(data.p, data.n)) : NULL;
    if (bytes != NULL)
        (*env)->CallVoidMethod(env, target(s), s->java.message, s->r.self, executor, agent, bytes);
    (void)runner_leave(&s->r);
}

static void on_failure(struct stoa_scheduler *sdk, const struct stoa_failure *failure, void *user)
{
    struct scheduler *s = user;
    JNIEnv *env = s->r.env;
    jobject agent, executor;

    (void)sdk;
    if (!runner_enter(&s->r, REFERENCES))
        return;
    agent = jvm_parse_id(env, &s->java.slave_id, str_of(failure->agent_id != NULL ? failure->agent_id : ""));
    if (agent != NULL && failure->executor_id == NULL) {
        (*env)->CallVoidMethod(env, target(s), s->java.slave_lost, s->r.self, agent);
    } else if (agent != NULL) {
        executor = jvm_parse_id(env, &s->java.executor_id, str_of(failure->executor_id));
        if (executor != NULL)
            (*env)->CallVoidMethod(env, target(s), s->java.executor_lost, s->r.self, executor, agent,
                                   (jint)failure->status);
    }
    (void)runner_leave(&s->r);
}

/* Java hears of it when the driver is aborted already, so it is no callback of a running one. */
void scheduler_tell_error(struct scheduler *s, JNIEnv *env, jobject driver, const char *message)
{
    jobject scheduler = (*env)->GetObjectField(env, driver, s->java.scheduler);
    jstring text = jvm_string(env, message);

    if (text != NULL)
        (*env)->CallVoidMethod(env, scheduler, s->java.error, driver, text);
    (*env)->DeleteLocalRef(env, text);
    (*env)->DeleteLocalRef(env, scheduler);
}

static void fail(struct scheduler *s, const char *message)
{
    runner_log(0, "%s", message);
    if (!runner_enter(&s->r, REFERENCES))
        return;
    (void)runner_abort(&s->r);
    scheduler_tell_error(s, s->r.env, s->r.self, message);
    (void)runner_leave(&s->r);
}

static void on_error(struct stoa_scheduler *sdk, const char *message, void *user)
{
    struct scheduler *s = user;

    (void)sdk;
    s->refused = true;
    fail(s, message);
}

/* An update that the master refuses is an error for these drivers; one that was lost with the connection is not. */
static void on_framework_updated(struct stoa_scheduler *sdk, const struct stoa_error *result, void *user)
{
    (void)sdk;
    if (result->code == STOA_INVALID || result->code == STOA_DENIED)
        fail(user, result->msg);
}

/* Java has no callback for it, and asks for none: operations of these drivers have no ids. */
static void on_operation(struct stoa_scheduler *sdk, const struct stoa_operation_status *status, void *user)
{
    (void)user;
    (void)stoa_acknowledge_operation(sdk, status, NULL);
}

static void on_log(struct stoa_scheduler *sdk, int level, const char *line, void *user)
{
    (void)sdk;
    (void)user;
    runner_log(level, "%s", line);
}

const struct stoa_callbacks scheduler_callbacks = {
    .subscribed = on_subscribed,
    .disconnected = on_disconnected,
    .offers = on_offers,
    .rescind = on_rescind,
    .update = on_update,
    .message = on_message,
    .failure = on_failure,
    .error = on_error,
    .operation = on_operation,
    .framework_updated = on_framework_updated,
    .log = on_log,
};
