/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the registry as keys and values of the store, and back. Pure. A value is the message of the original's registry
 * for that thing (mesos.internal.Registry.*, QuotaConfig, WeightInfo, ...), so that it can be read with any protobuf tool;
 * field 100 of an agent is ours (start of its drain, ms). */
#ifndef STOA_MASTER_WIRE_REGISTRY_H
#define STOA_MASTER_WIRE_REGISTRY_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "master/core/master.h"

#define REGISTRY_PREFIX "master/"

/* Of what comes from outside and becomes one record: below the store's limit, with room for what we add. A change that the store
 * refuses ends the master, so what would be too large is refused when it is read. */
enum { RECORD_BYTES_MAX = 900 * 1000 };

/* "master/agent/<id>" and so on. */
void record_key(const struct registry_record *r, struct sbuf *b);
void record_value(const struct registry_record *r, struct sbuf *b);

/* What was read at the start. */
struct registry_load {
    struct arena arena;
    struct registry_record *records;
    size_t count, cap;
};
void registry_load_init(struct registry_load *l);
void registry_load_done(struct registry_load *l);
/* ERR_INVALID names the key of a record that cannot be read. */
int registry_load_add(struct registry_load *l, struct str key, struct str value, struct error *err);

/* Schedule as a packed mesos.v1.maintenance.Schedule, and from one. */
void put_schedule(struct sbuf *b, const struct maintenance_window *v, size_t n);
int windows_of_schedule(struct str schedule, struct arena *arena, const struct maintenance_window **ret, size_t *ret_n,
                        struct error *err);
void put_quota_config(struct sbuf *b, const struct quota_value *q);
int quota_of_config(struct str config, struct arena *arena, struct quota_value *ret, struct error *err);

#endif
