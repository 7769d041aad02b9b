/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of master/wire share; nobody else includes this. */
#ifndef STOA_MASTER_WIRE_DECODE_INTERNAL_H
#define STOA_MASTER_WIRE_DECODE_INTERNAL_H

#include "master/wire/decode.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

struct subscription {
    Mesos__V1__FrameworkInfo *info;
    char **suppressed;
    size_t n_suppressed;
    const Mesos__V1__Scheduler__OfferConstraints *constraints; /* NULL: none */
    bool update;                                               /* UPDATE_FRAMEWORK, not SUBSCRIBE */
};

/* Fills d->subscribe. What breaks a rule becomes d->subscribe.invalid; an error is for a 400. */
int decode_subscription(const struct master *m, const struct subscription *s, struct str principal, struct decoded *d,
                        struct error *err);

#endif
