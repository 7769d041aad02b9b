/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the event stream to callbacks. */
#include <stdio.h>

#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

/* What is declined for a framework that takes no offers is not offered again for so long. */
#define UNWANTED_REFUSE_S 300.0

/* True: *ret is for the session. */
static bool on_subscribed(struct stoa_scheduler *s, struct stoa_subscribed *e, struct session_event *ret)
{
    if (s->session.state != SESSION_CONNECTING)
        return false;
    *ret = (struct session_event){ .type = SESSION_EV_SUBSCRIBED, .attempt = s->stream_attempt };
    (void)snprintf(s->framework_id, sizeof s->framework_id, "%s", e->framework_id);
    e->again = s->session.was_subscribed;
    e->master = s->session.address;
    if (!seconds_to_ns(e->heartbeat_interval_seconds, &ret->heartbeat_ns))
        ret->heartbeat_ns = 0;
    s->subscribed = *e; /* the event is gone when the session has decided */
    s->subscribed_now = &s->subscribed;
    return true;
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

static bool deliver(struct stoa_scheduler *s, struct sdk_event *e, struct session_event *ret)
{
    switch (e->type) {
    case SDK_EVENT_SUBSCRIBED:
        return on_subscribed(s, &e->subscribed, ret);
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
        *ret = (struct session_event){ .type = SESSION_EV_ERROR,
                                       .attempt = s->stream_attempt,
                                       .text = str_of(e->error) };
        return true;
    case SDK_EVENT_HEARTBEAT:
        if (s->cb.heartbeat != NULL)
            s->cb.heartbeat(s, s->user);
        break;
    case SDK_EVENT_UNKNOWN:
        sdk_log(s, 1, "ignoring an event of a kind that is not known here");
        break;
    }
    return false;
}

static int decode(struct stoa_scheduler *s, struct str record, struct str *ret_bytes, struct sdk_event *ret,
                  struct error *err)
{
    int rc = 0;

    *ret_bytes = record;
    if (s->content == STOA_JSON) {
        sbuf_clear(&s->event_bytes);
        rc = json_to_wire(&mesos__v1__scheduler__event__descriptor, record, &s->event_bytes, err);
        *ret_bytes = sbuf_view(&s->event_bytes);
    }
    return rc != 0 ? rc : sdk_decode(*ret_bytes, &s->arena, ret, err);
}

bool sdk_record(struct stoa_scheduler *s, struct str record, struct session_event *ret)
{
    struct str bytes;
    struct sdk_event e;
    struct error err;

    if (decode(s, record, &bytes, &e, &err) != 0) {
        (void)snprintf(s->record_text, sizeof s->record_text, "it sent no valid event: %s", err.msg);
        *ret = (struct session_event){ .type = SESSION_EV_CLOSED,
                                       .attempt = s->stream_attempt,
                                       .text = str_of(s->record_text) };
        sdk_drop_stream(s);
        return true;
    }
    if (s->cb.event != NULL)
        s->cb.event(s, (struct stoa_bytes){ bytes.p, bytes.n }, s->user);
    return s->stream != NULL && deliver(s, &e, ret); /* the callback may have ended it */
}
