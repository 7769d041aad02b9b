/* SPDX-License-Identifier: Apache-2.0 */
#include "libmesos/wire/v0.h"

#include "common/wire/field.h"

enum { STATE_LOST = 5, SOURCE_MASTER = 0, REASON_MASTER_DISCONNECTED = 7, PORT_DEFAULT = 5050 };

size_t lm_open(struct sbuf *b, enum lm_call type, uint32_t body)
{
    wire_put_u64(b, 2, (uint64_t)type);
    return wire_open(b, body);
}

enum lm_call lm_call_type(struct str call)
{
    return (enum lm_call)wire_field_u64(call, 2, 0);
}

bool lm_put_acknowledge(struct sbuf *b, struct str status)
{
    struct str uuid = wire_field_bytes(status, 11), agent = wire_field_bytes(status, 5);
    size_t mark;

    if (uuid.n == 0 || agent.n == 0)
        return false;
    mark = lm_open(b, LM_ACKNOWLEDGE, LM_BODY_ACKNOWLEDGE);
    wire_put_bytes(b, 1, agent);
    wire_put_bytes(b, 2, wire_field_bytes(status, 1));
    wire_put_bytes(b, 3, uuid);
    wire_close(b, mark);
    return true;
}

void lm_put_reconcile(struct sbuf *b, uint32_t number, struct str status)
{
    struct str agent = wire_field_bytes(status, 5);
    size_t mark = wire_open(b, number);

    wire_put_bytes(b, 1, wire_field_bytes(status, 1));
    if (agent.p != NULL)
        wire_put_bytes(b, 2, agent);
    wire_close(b, mark);
}

void lm_put_framework(struct sbuf *b, struct str info, const char *user, const char *hostname)
{
    struct str hers = wire_field_bytes(info, 7);

    if (wire_field_bytes(info, 1).n == 0) {
        (void)wire_copy_without(b, info, 1); /* Java has made it: it is well formed */
        wire_put_bytes(b, 1, str_of(user));
    } else {
        sbuf_str(b, info);
    }
    if (hers.p == NULL)
        wire_put_bytes(b, 7, str_of(hostname));
}

void lm_put_master(struct sbuf *b, struct str address)
{
    struct str host, rest = address;
    uint64_t port = PORT_DEFAULT;

    (void)str_cut(&rest, ':', &host);
    (void)str_u64(&rest, 65535, &port);
    wire_put_bytes(b, 1, address);
    wire_put_u64(b, 2, 0);
    wire_put_u64(b, 3, port);
    wire_put_bytes(b, 5, host);
}

/* --- launches that were not sent ---------------------------------------------------------------------------- */

struct lost {
    const char *message;
    double timestamp;
    void (*tell)(void *arg, struct str status);
    void *arg;
};

static void lost_task(const struct lost *l, struct str task, struct str executor)
{
    struct sbuf b = SBUF_INIT(1 << 20);
    struct str agent = wire_field_bytes(task, 3);

    if (executor.p == NULL)
        executor = wire_field_bytes(task, 5);
    wire_put_bytes(&b, 1, wire_field_bytes(task, 2));
    wire_put_u64(&b, 2, STATE_LOST);
    wire_put_bytes(&b, 4, str_of(l->message));
    if (agent.p != NULL)
        wire_put_bytes(&b, 5, agent);
    wire_put_double(&b, 6, l->timestamp);
    if (executor.p != NULL)
        wire_put_bytes(&b, 7, wire_field_bytes(executor, 1));
    wire_put_u64(&b, 9, SOURCE_MASTER);
    wire_put_u64(&b, 10, REASON_MASTER_DISCONNECTED);
    if (sbuf_ok(&b))
        l->tell(l->arg, sbuf_view(&b));
    sbuf_done(&b);
}

static void lost_tasks(const struct lost *l, struct str launch, struct str executor)
{
    struct wire_field f;

    while (wire_field_next(&launch, &f) == 1)
        if (f.number == 1 && f.type == WIRE_BYTES)
            lost_task(l, f.bytes, executor);
}

void lm_each_lost(struct str call, const char *message, double timestamp, void (*tell)(void *arg, struct str status),
                  void *arg)
{
    struct lost l = { .message = message, .timestamp = timestamp, .tell = tell, .arg = arg };
    struct str accept = wire_field_bytes(call, LM_BODY_ACCEPT);
    struct wire_field f;

    while (wire_field_next(&accept, &f) == 1) {
        struct str group;

        if (f.number != 2 || f.type != WIRE_BYTES)
            continue;
        lost_tasks(&l, wire_field_bytes(f.bytes, 2), (struct str){ NULL, 0 });
        group = wire_field_bytes(f.bytes, 7);
        lost_tasks(&l, wire_field_bytes(group, 2), wire_field_bytes(group, 1));
    }
}
