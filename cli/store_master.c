/* SPDX-License-Identifier: Apache-2.0 */
/* What `stoa store` knows of the registry of masters. */
#include "cli/store.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/registry.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_maintenance.pb-c.h"
#include "proto/mesos_v1_quota.pb-c.h"

static void show(struct str key, struct str value, struct sbuf *b)
{
    static const struct {
        const char *kind;
        uint32_t field; /* 0: the value itself */
        const ProtobufCMessageDescriptor *type;
    } shown[] = {
        { "agent/", 1, &mesos__v1__agent_info__descriptor },
        { "quota/", 0, &mesos__v1__quota__quota_config__descriptor },
        { "weight/", 0, &mesos__v1__weight_info__descriptor },
        { "schedule/", 0, &mesos__v1__maintenance__schedule__descriptor },
    };
    struct str rest = key;

    if (!str_skip(&rest, STR(REGISTRY_PREFIX)))
        return;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        struct str bytes = shown[i].field != 0 ? wire_field_bytes(value, shown[i].field) : value;
        if (str_starts(rest, str_of(shown[i].kind)) && bytes.p != NULL &&
            wire_check(shown[i].type, bytes, NULL) == 0)
            (void)json_from_wire(b, shown[i].type, bytes);
    }
}

static bool agent_is_in(const struct store_record *records, size_t count, const char *list, struct str id)
{
    for (size_t i = 0; i < count; i++) {
        struct str rest = records[i].key;
        if (str_skip(&rest, STR(REGISTRY_PREFIX)) && str_skip(&rest, str_of(list)) && str_eq(rest, id))
            return true;
    }
    return false;
}

static void check(const struct store_record *records, size_t count, store_problem_fn *problem, void *ctx)
{
    struct registry_load l;
    struct error err;

    registry_load_init(&l);
    for (size_t i = 0; i < count; i++) {
        struct str id = records[i].key;
        size_t before = l.count;
        if (registry_load_add(&l, records[i].key, records[i].value, &err) != 0)
            problem(ctx, records[i].key, err.msg, true);
        else if (l.count == before)
            problem(ctx, records[i].key, "a kind that this version does not know; it is left alone", false);
        else if (str_skip(&id, STR(REGISTRY_PREFIX "unreachable/")) &&
                 agent_is_in(records, count, "agent/", id))
            problem(ctx, records[i].key, "the agent is admitted, too", true);
        else if (str_skip(&id, STR(REGISTRY_PREFIX "agent/")) && agent_is_in(records, count, "gone/", id))
            problem(ctx, records[i].key, "the agent is marked gone, too", true);
    }
    registry_load_done(&l);
}

const struct state_kind state_of_master = { "master", "registry.db", ".stoa/registry", "", ELECTION_MASTER,
                                            show,     check };
