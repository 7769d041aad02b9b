/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the public header that need no scheduler. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"
#include "scheduler-sdk/core/errors.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

const char *stoa_task_state_name(enum stoa_task_state state)
{
    switch (state) {
    case STOA_TASK_STARTING:
        return "TASK_STARTING";
    case STOA_TASK_RUNNING:
        return "TASK_RUNNING";
    case STOA_TASK_FINISHED:
        return "TASK_FINISHED";
    case STOA_TASK_FAILED:
        return "TASK_FAILED";
    case STOA_TASK_KILLED:
        return "TASK_KILLED";
    case STOA_TASK_LOST:
        return "TASK_LOST";
    case STOA_TASK_STAGING:
        return "TASK_STAGING";
    case STOA_TASK_ERROR:
        return "TASK_ERROR";
    case STOA_TASK_KILLING:
        return "TASK_KILLING";
    case STOA_TASK_DROPPED:
        return "TASK_DROPPED";
    case STOA_TASK_UNREACHABLE:
        return "TASK_UNREACHABLE";
    case STOA_TASK_GONE:
        return "TASK_GONE";
    case STOA_TASK_GONE_BY_OPERATOR:
        return "TASK_GONE_BY_OPERATOR";
    case STOA_TASK_UNKNOWN:
        return "TASK_UNKNOWN";
    }
    return "TASK_UNKNOWN";
}

bool stoa_task_state_is_terminal(enum stoa_task_state state)
{
    switch (state) {
    case STOA_TASK_FINISHED:
    case STOA_TASK_FAILED:
    case STOA_TASK_KILLED:
    case STOA_TASK_LOST:
    case STOA_TASK_ERROR:
    case STOA_TASK_DROPPED:
    case STOA_TASK_GONE:
    case STOA_TASK_GONE_BY_OPERATOR:
        return true;
    case STOA_TASK_STARTING:
    case STOA_TASK_RUNNING:
    case STOA_TASK_STAGING:
    case STOA_TASK_KILLING:
    case STOA_TASK_UNREACHABLE:
    case STOA_TASK_UNKNOWN:
        break;
    }
    return false;
}

int64_t stoa_offer_scalar_milli(const struct stoa_offer *offer, const char *name)
{
    int64_t sum = 0;

    for (size_t i = 0; i < offer->resource_count; i++)
        if (offer->resources[i].type == STOA_SCALAR && strcmp(offer->resources[i].name, name) == 0)
            sum += offer->resources[i].milli;
    return sum;
}

/* Volumes and disks that are taken whole or not at all stay out of sums. */
static bool is_divisible(const struct stoa_resource *r, const char *name)
{
    return r->type == STOA_SCALAR && strcmp(r->name, name) == 0 && r->persistence_id == NULL &&
           (r->disk_source == STOA_DISK_ROOT || r->disk_source == STOA_DISK_PATH);
}

/* Goes over the list twice, unreserved first; rest NULL: only looks. */
static bool take(const struct stoa_resource *list, size_t list_count, struct stoa_resource *rest,
                 const char *name, int64_t milli, struct stoa_resource *out, size_t *count, size_t max)
{
    size_t n = *count;

    for (int reserved = 0; reserved <= 1 && milli > 0; reserved++) {
        for (size_t i = 0; i < list_count && milli > 0; i++) {
            const struct stoa_resource *r = &list[i];

            if (!is_divisible(r, name) || (r->reservation_count != 0) != (reserved != 0) || r->milli <= 0)
                continue;
            if (n == max)
                return false;
            out[n] = *r;
            if (milli < r->milli) {
                out[n].milli = milli;
                out[n].raw = (struct stoa_bytes){ NULL, 0 };
            }
            milli -= out[n].milli;
            if (rest != NULL) {
                rest[i].milli -= out[n].milli;
                rest[i].raw = (struct stoa_bytes){ NULL, 0 };
            }
            n++;
        }
    }
    if (milli > 0)
        return false;
    *count = n;
    return true;
}

bool stoa_offer_take(const struct stoa_offer *offer, const char *name, int64_t milli,
                     struct stoa_resource *out, size_t *count, size_t max)
{
    return take(offer->resources, offer->resource_count, NULL, name, milli, out, count, max);
}

bool stoa_take(struct stoa_resource *rest, size_t rest_count, const char *name, int64_t milli,
               struct stoa_resource *out, size_t *count, size_t max)
{
    size_t n = *count;

    /* Looked at first, so that what is not enough stays whole. */
    return take(rest, rest_count, NULL, name, milli, out, &n, max) &&
           take(rest, rest_count, rest, name, milli, out, count, max);
}

static const ProtobufCMessageDescriptor *type_of(const char *type)
{
    char name[200];

    (void)snprintf(name, sizeof name, "mesos.v1.%s", type);
    return wire_type(str_of(name));
}

char *stoa_to_json(const char *type, struct stoa_bytes bytes)
{
    const ProtobufCMessageDescriptor *d = type_of(type);
    struct sbuf b = SBUF_INIT(SIZE_MAX / 2);
    char *text = NULL;

    if (d != NULL && json_from_wire(&b, d, str_mem(bytes.p, bytes.n)))
        text = sbuf_steal(&b);
    sbuf_done(&b);
    return text;
}

int stoa_from_json(const char *type, const char *json, void **ret_bytes, size_t *ret_size,
                   struct stoa_error *err)
{
    const ProtobufCMessageDescriptor *d = type_of(type);
    struct sbuf b = SBUF_INIT(SIZE_MAX / 2);
    struct error e;
    int rc;

    if (d == NULL)
        return sdk_error_from(err, error_set(&e, ERR_NOT_FOUND, "there is no message mesos.v1.%s", type), &e);
    rc = json_to_wire(d, str_of(json), &b, &e);
    if (rc == 0) {
        *ret_size = b.n;
        *ret_bytes = sbuf_steal(&b);
        if (*ret_bytes == NULL)
            rc = error_set(&e, ERR_NOMEM, "out of memory");
    }
    sbuf_done(&b);
    return sdk_error_from(err, rc, &e);
}
