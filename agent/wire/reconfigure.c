/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/reconfigure.h"

#include "common/wire/guard.h"

int agent_env_info(const struct agent_env *env, struct str id, struct agent_info **ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(64 << 20);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);
    Mesos__V1__AgentInfo *m = NULL;

    wire_put_agent_info(&b, 0, env, id, true);
    int rc = WIRE_UNPACK(mesos__v1__agent_info, sbuf_view(&b), &arena, &m, err);
    return rc == 0 ? convert_agent_info(m, ret, err) : rc;
}

static int differs(struct error *err, const char *what, struct str before, struct str now)
{
    return error_set(err, ERR_CONFLICT, "%s was '%.*s' and is '%.*s' now", what, STR_ARG(before), STR_ARG(now));
}

static int check_resources(const struct agent_info *before, const struct agent_info *now, bool additive,
                           struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf a = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    if (additive ? resources_contains(&now->resources, &before->resources)
                 : resources_eq(&now->resources, &before->resources))
        return 0;
    resources_print(&a, &before->resources);
    resources_print(&b, &now->resources);
    return differs(err, "resources", sbuf_view(&a), sbuf_view(&b));
}

static bool attribute_grew(const struct attribute *before, const struct attribute *now)
{
    if (before->type != now->type)
        return false;
    switch (before->type) {
    case VALUE_SCALAR: return before->milli == now->milli;
    case VALUE_RANGES: return ranges_contains(now->ranges, before->ranges);
    case VALUE_SET: return set_contains(now->set, before->set);
    case VALUE_TEXT: return before->text == now->text;
    }
    return false;
}

static int check_attributes(const struct agent_info *before, const struct agent_info *now, bool additive,
                            struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf a = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    bool ok = additive || attributes_eq(&before->attributes, &now->attributes);

    for (uint32_t i = 0; additive && i < before->attributes.n && ok; i++) {
        const struct attribute *x = attributes_find(&now->attributes, name_str(before->attributes.v[i].name));
        ok = x != NULL && attribute_grew(&before->attributes.v[i], x);
    }
    if (ok)
        return 0;
    attributes_print(&a, &before->attributes);
    attributes_print(&b, &now->attributes);
    return differs(err, "attributes", sbuf_view(&a), sbuf_view(&b));
}

int agent_info_compatible(const struct agent_info *before, const struct agent_info *now, bool additive,
                          struct error *err)
{
    if (!str_is(str_of(before->hostname), now->hostname))
        return differs(err, "hostname", str_of(before->hostname), str_of(now->hostname));
    if (before->port != now->port)
        return error_set(err, ERR_CONFLICT, "port was %d and is %d now", before->port, now->port);
    bool new_domain = before->region == NULL && before->zone == NULL && additive;
    if (!new_domain && (before->region != now->region || before->zone != now->zone))
        return differs(err, "domain", name_str(before->zone), name_str(now->zone));
    int rc = check_resources(before, now, additive, err);
    return rc == 0 ? check_attributes(before, now, additive, err) : rc;
}
