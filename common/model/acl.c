/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/acl.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

static const struct {
    const char *name, *object;
} actions[ACL_ACTION_COUNT] = {
#define X(id_, name_, object_) { name_, object_ },
    ACL_ACTIONS(X)
#undef X
};

const char *acl_action_name(enum acl_action a)
{
    return actions[a].name;
}

const char *acl_action_object(enum acl_action a)
{
    return actions[a].object;
}

struct acls *acls_new(void)
{
    struct acls *a = xcalloc(1, sizeof *a);

    a->permissive = true;
    return a;
}

static void entity_done(struct acl_entity *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->values[i]);
    free(e->values);
}

void acls_free(struct acls *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->count; i++) {
        entity_done(&a->rules[i].principals);
        entity_done(&a->rules[i].objects);
    }
    free(a->rules);
    free(a);
}

struct acl_rule *acls_add(struct acls *a, enum acl_action action)
{
    if (a->count >= ACL_RULES_MAX)
        return NULL;
    ARRAY_ROOM(a->rules, a->count, a->cap);
    struct acl_rule *r = &a->rules[a->count++];
    *r = (struct acl_rule){ .action = action };
    return r;
}

void acl_entity_add(struct acl_entity *e, struct str value)
{
    char **v = realloc(e->values, (e->count + 1) * sizeof *v);

    if (v == NULL)
        return;
    e->values = v;
    v[e->count++] = xstrndup(value);
}

bool acls_has(const struct acls *a, enum acl_action action)
{
    for (size_t i = 0; a != NULL && i < a->count; i++)
        if (a->rules[i].action == action)
            return true;
    return false;
}

static bool value_matches(const char *listed, struct str value, bool roles)
{
    struct str l = str_of(listed);

    if (roles && l.n >= 2 && l.p[l.n - 1] == '%' && l.p[l.n - 2] == '/') /* "a/%": "a/" and more */
        return value.n > l.n - 1 && memcmp(value.p, l.p, l.n - 1) == 0;
    return str_eq(l, value);
}

static bool matches(const struct acl_entity *e, struct str value, bool roles)
{
    if (e->type != ACL_SOME)
        return true;
    for (size_t i = 0; value.n != 0 && i < e->count; i++)
        if (value_matches(e->values[i], value, roles))
            return true;
    return false;
}

bool acls_allow(const struct acls *a, enum acl_action action, struct str principal, struct str object)
{
    if (a == NULL)
        return true;
    bool roles = strcmp(actions[action].object, "roles") == 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct acl_rule *r = &a->rules[i];
        if (r->action == action && matches(&r->principals, principal, false) && matches(&r->objects, object, roles))
            return r->principals.type != ACL_NONE && r->objects.type != ACL_NONE;
    }
    return a->permissive;
}

bool acl_endpoint_is_known(struct str path)
{
    static const char *const known[] = { "/containerizer/debug", "/containers", "/files/debug", "/logging/toggle",
                                         "/metrics/snapshot", "/monitor/statistics" };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_is(path, known[i]))
            return true;
    return false;
}
