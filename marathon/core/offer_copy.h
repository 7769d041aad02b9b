/* SPDX-License-Identifier: Apache-2.0 */
/* An offer as it was when an app could not use it, kept for those who ask why. One copy serves all apps that the offer
 * was shown to: it is counted. */
#ifndef STOA_MARATHON_OFFER_COPY_H
#define STOA_MARATHON_OFFER_COPY_H

#include "marathon/core/match.h"

struct offer_copy {
    unsigned refs;
    struct str id, hostname;
    /* Name, role, kind and amount of each; the first OFFER_COPY_RANGES_MAX ranges. */
    struct offer_resource *resources;
    size_t resource_count;
    struct attribute *attributes;
    size_t attribute_count;
};

enum { OFFER_COPY_RANGES_MAX = 64 };

struct offer_copy *offer_copy(const struct offer *o); /* with one reference */
struct offer_copy *offer_copy_ref(struct offer_copy *c);
void offer_copy_unref(struct offer_copy *c); /* NULL is fine */

#endif
