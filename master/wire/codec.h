/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes out: what the core asks the translation to encode (struct master_codec), messages to agents, events to frameworks
 * and to operators. Pure. */
#ifndef STOA_MASTER_WIRE_CODEC_H
#define STOA_MASTER_WIRE_CODEC_H

#include "common/base/sbuf.h"
#include "common/model/acl.h"
#include "master/core/state.h"

extern const struct master_codec master_codec;

/* What answers and events say of this master. */
struct master_identity {
    struct str master_info; /* packed MasterInfo */
};

/* The message of a MASTER_ACT_SEND: appends the body and returns the message's full name. */
const char *encode_send(const struct master_action *a, struct sbuf *b);

/* The packed scheduler Event of a MASTER_ACT_EVENT. */
void encode_event(const struct master *m, const struct master_identity *who, const struct master_action *a, struct sbuf *b);

/* The same for an old driver (event.to is set): appends a message's body and returns its full name; NULL when drivers have
 * no such message. */
const char *encode_driver_event(const struct master *m, const struct master_identity *who, const struct master_action *a,
                                struct sbuf *b);

/* The packed master Event of a MASTER_ACT_WATCH. */
void encode_watch(const struct master *m, const struct master_action *a, struct sbuf *b);

/* Who asks; acls NULL: sees everything. */
struct viewer {
    const struct acls *acls;
    struct str principal;
};
/* A resource is seen by who may see each role that it is reserved and allocated to. */
bool viewer_sees(const struct viewer *v, const struct resource *r);
/* Those of r that are seen; r is taken. */
struct resources viewer_seen(const struct viewer *v, struct resources r);

/* Parts that answers share; each appends as field number. */
void put_task(struct sbuf *b, uint32_t number, const struct task *t);
void put_agent(struct sbuf *b, uint32_t number, const struct agent *a, const struct viewer *who); /* GetAgents.Agent */
void put_framework(struct sbuf *b, uint32_t number, const struct master *m, const struct framework *f,
                   bool is_event); /* GetFrameworks.Framework; in events it differs a little */
void put_offer(struct sbuf *b, uint32_t number, const struct master *m, const struct offer *o);
void put_inverse_offer(struct sbuf *b, uint32_t number, const struct inverse_offer *o);
void put_time(struct sbuf *b, uint32_t number, struct wall t);                    /* TimeInfo */
void put_drain_info(struct sbuf *b, uint32_t number, const struct drain *d);
void put_operation(struct sbuf *b, uint32_t number, const struct agent_operation *o);

struct master_info_spec {
    const char *id, *hostname, *version;
    uint8_t ip[4];
    uint32_t port;
    struct str ip_text;
    struct str region, zone; /* empty: no domain */
};
void put_master_info(struct sbuf *b, const struct master_info_spec *s);

#endif
