/* SPDX-License-Identifier: Apache-2.0 */
/* Events for old drivers: one message for each, with the field numbers of mesos.internal. Source: wire protocol,
 * sections 13 and 19. */
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/wire/codec.h"

static void put_pids(struct sbuf *b, struct str agent_pid)
{
    wire_put_bytes(b, 2, agent_pid);
}

static const char *put_offers(const struct master *m, const struct master_action *a, struct sbuf *b)
{
    for (size_t i = 0; i < a->event.count; i++)
        put_offer(b, 1, m, a->event.offers[i]);
    for (size_t i = 0; i < a->event.count; i++)
        put_pids(b, str_of(a->event.offers[i]->agent->pid));
    return "mesos.internal.ResourceOffersMessage";
}

static const char *put_inverse_offers(const struct master_action *a, struct sbuf *b)
{
    for (size_t i = 0; i < a->event.count; i++)
        put_inverse_offer(b, 1, a->event.inverse_offers[i]);
    for (size_t i = 0; i < a->event.count; i++)
        put_pids(b, str_of(a->event.inverse_offers[i]->agent->pid));
    return "mesos.internal.InverseOffersMessage";
}

static void put_id_bytes(struct sbuf *b, uint32_t number, struct str id_message)
{
    if (id_message.p != NULL)
        wire_put_bytes(b, number, id_message);
}

/* An update of an agent goes on as it came; the master's own has neither uuid nor pid: nothing is to be acknowledged. */
static const char *put_update(const struct master_action *a, struct sbuf *b)
{
    struct str s = a->event.bytes;

    if (a->event.message.n != 0) {
        sbuf_str(b, a->event.message);
        return "mesos.internal.StatusUpdateMessage";
    }
    size_t mark = wire_open(b, 1);
    wire_put_id(b, 1, a->event.framework->id.s);
    put_id_bytes(b, 2, wire_field_bytes(s, 7)); /* TaskStatus.executor_id */
    put_id_bytes(b, 3, wire_field_bytes(s, 5)); /* TaskStatus.agent_id */
    wire_put_bytes(b, 4, s);
    wire_put_double(b, 5, wire_field_double(s, 6, 0));
    wire_close(b, mark);
    return "mesos.internal.StatusUpdateMessage";
}

static const char *put_failure(const struct master_action *a, struct sbuf *b)
{
    wire_put_id(b, 1, a->event.agent_id);
    if (!a->event.has_executor)
        return "mesos.internal.LostSlaveMessage";
    wire_put_id(b, 2, a->event.framework->id.s);
    wire_put_id(b, 3, a->event.executor_id);
    wire_put_i64(b, 4, a->event.status);
    return "mesos.internal.ExitedExecutorMessage";
}

const char *encode_driver_event(const struct master *m, const struct master_identity *who, const struct master_action *a,
                                struct sbuf *b)
{
    switch (a->event.kind) {
    case EVENT_SUBSCRIBED:
        wire_put_id(b, 1, a->event.framework->id.s);
        wire_put_bytes(b, 2, who->master_info);
        return a->event.again ? "mesos.internal.FrameworkReregisteredMessage" : "mesos.internal.FrameworkRegisteredMessage";
    case EVENT_OFFERS:
        return put_offers(m, a, b);
    case EVENT_INVERSE_OFFERS:
        return put_inverse_offers(a, b);
    case EVENT_RESCIND:
        wire_put_id(b, 1, a->event.id);
        return "mesos.internal.RescindResourceOfferMessage";
    case EVENT_RESCIND_INVERSE_OFFER:
        wire_put_id(b, 1, a->event.id);
        return "mesos.internal.RescindInverseOfferMessage";
    case EVENT_UPDATE:
        return put_update(a, b);
    case EVENT_MESSAGE:
        wire_put_id(b, 1, a->event.agent_id);
        wire_put_id(b, 2, a->event.framework->id.s);
        wire_put_id(b, 3, a->event.executor_id);
        wire_put_bytes(b, 4, a->event.bytes);
        return "mesos.internal.ExecutorToFrameworkMessage";
    case EVENT_FAILURE:
        return put_failure(a, b);
    case EVENT_ERROR:
        wire_put_bytes(b, 2, a->event.bytes);
        return "mesos.internal.FrameworkErrorMessage";
    case EVENT_UPDATE_OPERATION_STATUS:
    case EVENT_HEARTBEAT:
    case EVENT_TYPE_COUNT:
        break;
    }
    return NULL;
}
