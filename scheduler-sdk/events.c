/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the event stream to callbacks. */
#include <stdio.h>

#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

/* What is declined for a framework that takes no offers is not offered again for so long. */
#define UNWANTED_REFUSE_S 300.0

static void on_subscribed(struct stoa_scheduler *s, struct stoa_subscribed *e)
{
    struct session_event ev = { .type = SESSION_EV_SUBSCRIBED, .attempt = s->stream_attempt };

    if (s->session.state != SESSION_CONNECTING)
        return;
    (void)snprintf(s->framework_id, sizeof s->framework_id, "%s", e->framework_id);
    e->again = s->session.was_subscribed;
    e->master = s->session.address;
    if (!seconds_to_ns(e->heartbeat_interval_seconds, &ev.heartbeat_ns))
        ev.heartbeat_ns = 0;
    s->subscribed_now = e;
    sdk_step(s, ev);
    s->subscribed_now = NULL;
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *list, size_t count)
{
    if (s->session.state != SESSION_SUBSCRIBED || count == 0)
        return;
    if (s->cb.offers != NULL) {
        s->cb.offers(s, list, count, s->user);
        return;
    }
    for (size_t i = 0; i < count;
         i++) /* a failure here means that the connection is going, and the offers with it */
        (void)stoa_decline(s, &list[i].id, 1, UNWANTED_REFUSE_S, NULL);
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *status)
{
    if (s->cb.update != NULL)
        s->cb.update(s, status, s->user);
    /* Acknowledged after the callback has seen it. When that fails the agent sends the update again. */
    if (!s->explicit_acks && status->uuid.p != NULL && status->agent_id != NULL)
        (void)sdk_acknowledge(s, status->agent_id, status->task_id, status->uuid, NULL);
}

static void on_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status)
{
    if (s->cb.operation != NULL)
        s->cb.operation(s, status, s->user);
    if (!s->explicit_acks && status->uuid.p != NULL && status->operation_id != NULL)
        (void)sdk_acknowledge_operation(s, status, NULL);
}

static void deliver(struct stoa_scheduler *s, struct sdk_event *e)
{
    switch (e->type) {
    case SDK_EVENT_SUBSCRIBED:
        on_subscribed(s, &e->subscribed);
        break;
    case SDK_EVENT_OFFERS:
        on_offers(s, e->offers.list, e->offers.count);
        break;
    case SDK_EVENT_RESCIND:
        if (s->cb.rescind != NULL)
            s->cb.rescind(s, e->offer_id, s->user);
        break;
    case SDK_EVENT_INVERSE_OFFERS:
        if (s->cb.inverse_offers != NULL)
            s->cb.inverse_offers(s, e->inverse_offers.list, e->inverse_offers.count, s->user);
        break;
    case SDK_EVENT_RESCIND_INVERSE_OFFER:
        if (s->cb.rescind_inverse_offer != NULL)
            s->cb.rescind_inverse_offer(s, e->offer_id, s->user);
        break;
    case SDK_EVENT_UPDATE:
        on_update(s, &e->status);
        break;
    case SDK_EVENT_OPERATION:
        on_operation(s, &e->operation);
        break;
    case SDK_EVENT_MESSAGE:
        if (s->cb.message != NULL)
            s->cb.message(s, e->message.agent_id, e->message.executor_id, e->message.data, s->user);
        break;
    case SDK_EVENT_FAILURE:
        if (s->cb.failure != NULL)
            s->cb.failure(s, &e->failure, s->user);
        break;
    case SDK_EVENT_ERROR:
        sdk_step(s, (struct session_event){
                        .type = SESSION_EV_ERROR, .attempt = s->stream_attempt, .text = str_of(e->error) });
        break;
    case SDK_EVENT_HEARTBEAT:
        if (s->cb.heartbeat != NULL)
            s->cb.heartbeat(s, s->user);
        break;
    case SDK_EVENT_UNKNOWN:
        sdk_log(s, 1, "ignoring an event of a kind that is not known here");
        break;
    }
}

static void broken(struct stoa_scheduler *s, const struct error *err)
{
    char why[300];

    (void)snprintf(why, sizeof why, "it sent no valid event: %s", err->msg);
    sdk_drop_stream(s);
    sdk_step(s, (struct session_event){
                    .type = SESSION_EV_CLOSED, .attempt = s->stream_attempt, .text = str_of(why) });
}

/* An empty record says nothing but that the master is alive. */
void sdk_record(struct stoa_scheduler *s, struct str record)
{
    struct str bytes = record;
    struct sdk_event e;
    struct error err;
    int rc = 0;

    sdk_step(s, (struct session_event){ .type = SESSION_EV_HEARD, .attempt = s->stream_attempt });
    if (record.n == 0)
        return;
    if (s->content == STOA_JSON) {
        sbuf_clear(&s->event_bytes);
        rc = json_to_wire(&mesos__v1__scheduler__event__descriptor, record, &s->event_bytes, &err);
        bytes = sbuf_view(&s->event_bytes);
    }
    if (rc == 0)
        rc = sdk_decode(bytes, &s->arena, &e, &err);
    if (rc != 0) {
        arena_clear(&s->arena);
        broken(s, &err);
        return;
    }
    if (s->cb.event != NULL)
        s->cb.event(s, (struct stoa_bytes){ bytes.p, bytes.n }, s->user);
    if (s->stream != NULL) /* the callback may have ended it */
        deliver(s, &e);
    arena_clear(&s->arena);
}
