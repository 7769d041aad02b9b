/* SPDX-License-Identifier: Apache-2.0 */
/* The natives of org.apache.mesos.MesosSchedulerDriver. Each builds a call of the scheduler API from the bytes of its
 * arguments, in the thread that calls, and hands it over. Without a running driver a call does nothing and returns the
 * status. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/wire/field.h"
#include "libmesos/native.h"
#include "libmesos/scheduler.h"
#include "libmesos/wire/v0.h"

static const char field[] = "__driver";

#define DRIVER_NATIVE(ret, name, args) NATIVE(ret, MesosSchedulerDriver, name, args)
#define STATUS_OF(env, n) jvm_status(env, (int)(n))

/* --- making -------------------------------------------------------------------------------------------- */

/* Appends Java's FrameworkInfo with what it leaves to the driver. */
static bool add_framework(JNIEnv *env, struct sbuf *b, jobject info)
{
    struct sbuf given = SBUF_INIT(JVM_MESSAGE_MAX);
    struct passwd pw, *found = NULL;
    char buf[1024], hostname[256] = "";
    bool ok = jvm_add_message(env, &given, info, "framework");

    if (getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) != 0)
        found = NULL;
    (void)gethostname(hostname, sizeof hostname - 1);
    if (ok)
        lm_put_framework(b, sbuf_view(&given), found != NULL ? found->pw_name : "nobody", hostname);
    sbuf_done(&given);
    return ok;
}

static bool take_framework(struct scheduler *s, JNIEnv *env, jobject driver)
{
    struct str id;
    jobject info;
    bool ok = jvm_field(env, driver, "framework", "Lorg/apache/mesos/Protos$FrameworkInfo;", &info) &&
              add_framework(env, &s->framework, info);

    (*env)->DeleteLocalRef(env, info);
    id = wire_path(sbuf_view(&s->framework), 3, 1, 0);
    (void)snprintf(s->framework_id, sizeof s->framework_id, "%.*s", STR_ARG(id));
    return ok;
}

static bool take_rest(struct scheduler *s, JNIEnv *env, jobject driver)
{
    jclass class = (*env)->GetObjectClass(env, driver);
    jfieldID implicit = (*env)->GetFieldID(env, class, "implicitAcknowledgements", "Z");
    jobject roles;
    bool ok = true;

    (*env)->DeleteLocalRef(env, class);
    if (implicit == NULL)
        (*env)->ExceptionClear(env);
    s->implicit = implicit == NULL || (*env)->GetBooleanField(env, driver, implicit);
    if (!jvm_field(env, driver, "suppressedRoles", "Ljava/util/Collection;", &roles))
        return false;
    if (roles != NULL)
        ok = jvm_put_strings(env, &s->suppressed, 1, roles, "suppressedRoles");
    (*env)->DeleteLocalRef(env, roles);
    return ok;
}

DRIVER_NATIVE(void, initialize, )(JNIEnv *env, jobject self)
{
    struct scheduler *s = scheduler_new();

    if (s == NULL) {
        jvm_throw(env, "java/lang/OutOfMemoryError", "no memory or no descriptor for the driver");
        return;
    }
    if (!scheduler_java_init(&s->java, env, self) || !take_framework(s, env, self) || !take_rest(s, env, self) ||
        !native_master(env, self, "Lorg/apache/mesos/Protos$Credential;", &s->master, &s->principal, &s->secret)) {
        jthrowable why = (*env)->ExceptionOccurred(env);

        (*env)->ExceptionClear(env);
        runner_finalize(&s->r, env);
        if (why != NULL)
            (void)(*env)->Throw(env, why);
        return;
    }
    native_set(env, self, field, s);
}

/* The driver's thread holds a reference to Java's object: when it is finalized there is no thread. */
DRIVER_NATIVE(void, finalize, )(JNIEnv *env, jobject self)
{
    struct scheduler *s = native_peek(env, self, field);

    if (s == NULL)
        return;
    native_set(env, self, field, NULL);
    runner_finalize(&s->r, env);
}

/* --- life ---------------------------------------------------------------------------------------------- */

DRIVER_NATIVE(jobject, start, )(JNIEnv *env, jobject self)
{
    struct scheduler *s = native_get(env, self, field);
    struct stoa_error why;

    if (s == NULL)
        return NULL;
    if (runner_status(&s->r) != RUNNER_NOT_STARTED)
        return STATUS_OF(env, runner_status(&s->r));
    if (scheduler_open(s, &why)) {
        (void)runner_start(&s->r, env, self);
    } else {
        runner_failed(&s->r);
        runner_log(0, "%s", why.msg);
        scheduler_tell_error(s, env, self, why.msg);
    }
    return STATUS_OF(env, runner_status(&s->r));
}

DRIVER_NATIVE(jobject, stop, Z)(JNIEnv *env, jobject self, jboolean failover)
{
    struct scheduler *s = native_get(env, self, field);
    enum runner_status was, status;

    if (s == NULL)
        return NULL;
    status = runner_stop(&s->r, failover ? SCHEDULER_STOP : SCHEDULER_TEARDOWN, &was);
    if (was == RUNNER_ABORTED && !failover)
        runner_again(&s->r, env, self);
    return STATUS_OF(env, status);
}

DRIVER_NATIVE(jobject, abort, )(JNIEnv *env, jobject self)
{
    struct scheduler *s = native_get(env, self, field);

    return s != NULL ? STATUS_OF(env, runner_abort(&s->r)) : NULL;
}

DRIVER_NATIVE(jobject, join, )(JNIEnv *env, jobject self)
{
    struct scheduler *s = native_get(env, self, field);

    return s != NULL ? STATUS_OF(env, runner_join(&s->r)) : NULL;
}

/* --- calls --------------------------------------------------------------------------------------------- */

/* A call being built: ok is false when a Java exception is pending. */
struct call {
    struct scheduler *s;
    struct sbuf b;
    size_t mark;
    bool ok;
};

static struct call begin(JNIEnv *env, jobject self, enum lm_call type, uint32_t body)
{
    struct call c = { .s = native_get(env, self, field), .b = SBUF_INIT(JVM_MESSAGE_MAX) };

    c.ok = c.s != NULL;
    c.mark = lm_open(&c.b, type, body);
    return c;
}

/* Hands it over as a job of this kind (the whole call, or its body alone). */
static jobject end_as(JNIEnv *env, struct call *c, enum scheduler_job kind, uint32_t body)
{
    enum runner_status status = RUNNER_NOT_STARTED;

    wire_close(&c->b, c->mark);
    if (c->ok && !sbuf_ok(&c->b))
        jvm_throw(env, "java/lang/IllegalArgumentException", "the messages of one call are over 64 MiB");
    else if (c->ok)
        status = runner_post(&c->s->r, (int)kind,
                             body != 0 ? wire_field_bytes(sbuf_view(&c->b), body) : sbuf_view(&c->b));
    sbuf_done(&c->b);
    return c->ok ? STATUS_OF(env, status) : NULL;
}

static jobject end(JNIEnv *env, struct call *c)
{
    return end_as(env, c, SCHEDULER_CALL, 0);
}

static void put_filters(JNIEnv *env, struct call *c, uint32_t number, jobject filters)
{
    if (filters != NULL)
        c->ok = c->ok && jvm_put_message(env, &c->b, number, filters, "filters");
}

DRIVER_NATIVE(jobject, requestResources, Ljava_util_Collection_2)(JNIEnv *env, jobject self, jobject requests)
{
    struct call c = begin(env, self, LM_REQUEST, LM_BODY_REQUEST);

    c.ok = c.ok && jvm_put_messages(env, &c.b, 1, requests, "requests");
    return end(env, &c);
}

/* The offers are in the call already. Without tasks the master takes it for a decline. */
static jobject launch(JNIEnv *env, struct call *c, jobject tasks, jobject filters)
{
    size_t operation = wire_open(&c->b, 2);
    size_t launch;

    wire_put_u64(&c->b, 1, 1); /* LAUNCH */
    launch = wire_open(&c->b, 2);
    c->ok = c->ok && jvm_put_messages(env, &c->b, 1, tasks, "tasks");
    wire_close(&c->b, launch);
    wire_close(&c->b, operation);
    put_filters(env, c, 3, filters);
    return end(env, c);
}

DRIVER_NATIVE(jobject, launchTasks,
              Lorg_apache_mesos_Protos_00024OfferID_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2)
(JNIEnv *env, jobject self, jobject offer, jobject tasks, jobject filters)
{
    struct call c = begin(env, self, LM_ACCEPT, LM_BODY_ACCEPT);

    c.ok = c.ok && jvm_put_message(env, &c.b, 1, offer, "offerId");
    return launch(env, &c, tasks, filters);
}

DRIVER_NATIVE(jobject, launchTasks,
              Ljava_util_Collection_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2)
(JNIEnv *env, jobject self, jobject offers, jobject tasks, jobject filters)
{
    struct call c = begin(env, self, LM_ACCEPT, LM_BODY_ACCEPT);

    c.ok = c.ok && jvm_put_messages(env, &c.b, 1, offers, "offerIds");
    return launch(env, &c, tasks, filters);
}

DRIVER_NATIVE(jobject, acceptOffers,
              Ljava_util_Collection_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2)
(JNIEnv *env, jobject self, jobject offers, jobject operations, jobject filters)
{
    struct call c = begin(env, self, LM_ACCEPT, LM_BODY_ACCEPT);

    c.ok = c.ok && jvm_put_messages(env, &c.b, 1, offers, "offerIds") &&
           jvm_put_messages(env, &c.b, 2, operations, "operations");
    put_filters(env, &c, 3, filters);
    return end(env, &c);
}

DRIVER_NATIVE(jobject, declineOffer, Lorg_apache_mesos_Protos_00024OfferID_2Lorg_apache_mesos_Protos_00024Filters_2)
(JNIEnv *env, jobject self, jobject offer, jobject filters)
{
    struct call c = begin(env, self, LM_DECLINE, LM_BODY_DECLINE);

    c.ok = c.ok && jvm_put_message(env, &c.b, 1, offer, "offerId");
    put_filters(env, &c, 2, filters);
    return end(env, &c);
}

DRIVER_NATIVE(jobject, killTask, Lorg_apache_mesos_Protos_00024TaskID_2)(JNIEnv *env, jobject self, jobject task)
{
    struct call c = begin(env, self, LM_KILL, LM_BODY_KILL);

    c.ok = c.ok && jvm_put_message(env, &c.b, 1, task, "taskId");
    return end(env, &c);
}

/* roles NULL: all. */
static jobject roles_call(JNIEnv *env, jobject self, bool suppress, jobject roles)
{
    uint32_t body = suppress ? LM_BODY_SUPPRESS : LM_BODY_REVIVE;
    struct call c = begin(env, self, suppress ? LM_SUPPRESS : LM_REVIVE, body);

    if (roles != NULL)
        c.ok = c.ok && jvm_put_strings(env, &c.b, 1, roles, "roles");
    return end_as(env, &c, suppress ? SCHEDULER_SUPPRESS : SCHEDULER_REVIVE, body);
}

DRIVER_NATIVE(jobject, reviveOffers, )(JNIEnv *env, jobject self)
{
    return roles_call(env, self, false, NULL);
}

DRIVER_NATIVE(jobject, reviveOffers, Ljava_util_Collection_2)(JNIEnv *env, jobject self, jobject roles)
{
    return roles_call(env, self, false, roles);
}

DRIVER_NATIVE(jobject, suppressOffers, )(JNIEnv *env, jobject self)
{
    return roles_call(env, self, true, NULL);
}

DRIVER_NATIVE(jobject, suppressOffers, Ljava_util_Collection_2)(JNIEnv *env, jobject self, jobject roles)
{
    return roles_call(env, self, true, roles);
}

DRIVER_NATIVE(jobject, acknowledgeStatusUpdate, Lorg_apache_mesos_Protos_00024TaskStatus_2)
(JNIEnv *env, jobject self, jobject status)
{
    struct scheduler *s = native_get(env, self, field);
    struct sbuf given = SBUF_INIT(JVM_MESSAGE_MAX), call = SBUF_INIT(JVM_MESSAGE_MAX);
    jobject result = NULL;

    if (s == NULL)
        return NULL;
    if (s->implicit) {
        jvm_throw(env, "java/lang/IllegalStateException",
                  "acknowledgeStatusUpdate: this driver acknowledges by itself; make it with implicitAcknowledgements "
                  "false");
        return NULL;
    }
    if (jvm_add_message(env, &given, status, "status"))
        result = STATUS_OF(env, lm_put_acknowledge(&call, sbuf_view(&given))
                                    ? runner_post(&s->r, SCHEDULER_CALL, sbuf_view(&call))
                                    : runner_status(&s->r));
    sbuf_done(&call);
    sbuf_done(&given);
    return result;
}

DRIVER_NATIVE(jobject, sendFrameworkMessage,
              Lorg_apache_mesos_Protos_00024ExecutorID_2Lorg_apache_mesos_Protos_00024SlaveID_2_3B)
(JNIEnv *env, jobject self, jobject executor, jobject slave, jbyteArray data)
{
    struct call c = begin(env, self, LM_MESSAGE, LM_BODY_MESSAGE);

    c.ok = c.ok && jvm_put_message(env, &c.b, 1, slave, "slaveId") &&
           jvm_put_message(env, &c.b, 2, executor, "executorId") && jvm_put_bytes(env, &c.b, 3, data, "data");
    return end(env, &c);
}

DRIVER_NATIVE(jobject, reconcileTasks, Ljava_util_Collection_2)(JNIEnv *env, jobject self, jobject statuses)
{
    struct call c = begin(env, self, LM_RECONCILE, LM_BODY_RECONCILE);
    struct sbuf list = SBUF_INIT(JVM_MESSAGE_MAX);
    struct wire_field f;
    struct str rest;

    c.ok = c.ok && jvm_put_messages(env, &list, 1, statuses, "statuses");
    rest = sbuf_view(&list);
    while (c.ok && wire_field_next(&rest, &f) == 1)
        lm_put_reconcile(&c.b, 1, f.bytes);
    sbuf_done(&list);
    return end(env, &c);
}

static jobject update_framework(JNIEnv *env, jobject self, jobject info, jobject suppressed, jobject constraints)
{
    struct call c = begin(env, self, LM_UPDATE_FRAMEWORK, LM_BODY_UPDATE_FRAMEWORK);
    size_t mark = wire_open(&c.b, 1);

    c.ok = c.ok && add_framework(env, &c.b, info);
    wire_close(&c.b, mark);
    c.ok = c.ok && jvm_put_strings(env, &c.b, 2, suppressed, "suppressedRoles");
    if (constraints != NULL)
        c.ok = c.ok && jvm_put_message(env, &c.b, 3, constraints, "offerConstraints");
    return end_as(env, &c, SCHEDULER_UPDATE, LM_BODY_UPDATE_FRAMEWORK);
}

DRIVER_NATIVE(jobject, updateFramework, Lorg_apache_mesos_Protos_00024FrameworkInfo_2Ljava_util_Collection_2)
(JNIEnv *env, jobject self, jobject info, jobject suppressed)
{
    return update_framework(env, self, info, suppressed, NULL);
}

DRIVER_NATIVE(jobject, updateFrameworkWithConstraints,
              Lorg_apache_mesos_Protos_00024FrameworkInfo_2Ljava_util_Collection_2Lorg_apache_mesos_scheduler_Protos_00024OfferConstraints_2)
(JNIEnv *env, jobject self, jobject info, jobject suppressed, jobject constraints)
{
    return update_framework(env, self, info, suppressed, constraints);
}
