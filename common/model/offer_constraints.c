/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/offer_constraints.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/pattern.h"

struct constraint {
    enum constraint_selector selector;
    enum constraint_predicate predicate;
    struct name *attribute;  /* SELECT_ATTRIBUTE */
    struct name *text;       /* EQUALS, NOT_EQUALS */
    struct pattern *pattern; /* MATCHES, NOT_MATCHES */
};

struct offer_constraints *offer_constraints_new(void)
{
    struct offer_constraints *c = xcalloc(1, sizeof *c);

    c->refs = 1;
    return c;
}

static void constraint_free(struct constraint *c)
{
    name_unref(c->attribute);
    name_unref(c->text);
    pattern_free(c->pattern);
    free(c);
}

static void role_constraints_done(struct role_constraints *r)
{
    name_unref(r->role);
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j < r->groups[i].n; j++)
            constraint_free(r->groups[i].v[j]);
        free(r->groups[i].v);
    }
    free(r->groups);
}

void offer_constraints_unref(struct offer_constraints *c)
{
    if (c == NULL)
        return;
    ASSERT(c->refs > 0);
    if (--c->refs > 0)
        return;
    for (size_t i = 0; i < c->n; i++)
        role_constraints_done(&c->roles[i]);
    free(c->roles);
    blob_unref(c->raw);
    free(c);
}

struct role_constraints *offer_constraints_add_role(struct offer_constraints *c, struct name *role)
{
    c->roles = xrealloc(c->roles, c->n + 1, sizeof c->roles[0]);
    c->roles[c->n] = (struct role_constraints){ .role = name_ref(role) };
    return &c->roles[c->n++];
}

struct constraint_group *role_constraints_add_group(struct role_constraints *r)
{
    r->groups = xrealloc(r->groups, r->n + 1, sizeof r->groups[0]);
    r->groups[r->n] = (struct constraint_group){ NULL, 0 };
    return &r->groups[r->n++];
}

int constraint_group_add(struct constraint_group *g, enum constraint_selector selector, struct str attribute,
                         enum constraint_predicate predicate, struct str text, struct error *err)
{
    struct pattern *pattern = NULL;

    if (g->n >= CONSTRAINTS_PER_GROUP_MAX)
        return error_set(err, ERR_LIMIT, "more than %d constraints in one group", (int)CONSTRAINTS_PER_GROUP_MAX);
    if (predicate == PREDICATE_TEXT_MATCHES || predicate == PREDICATE_TEXT_NOT_MATCHES) {
        int rc = pattern_new(text, &pattern, err);
        if (rc != 0)
            return rc;
    }

    struct constraint *c = xcalloc(1, sizeof *c);
    *c = (struct constraint){ .selector = selector, .predicate = predicate, .pattern = pattern };
    if (selector == SELECT_ATTRIBUTE)
        c->attribute = name_of(attribute);
    if (predicate == PREDICATE_TEXT_EQUALS || predicate == PREDICATE_TEXT_NOT_EQUALS)
        c->text = name_of(text);
    g->v = xrealloc(g->v, g->n + 1, sizeof(struct constraint *));
    g->v[g->n++] = c;
    return 0;
}

/* --- judging --- */

enum presence { ABSENT, TEXT, OTHER }; /* OTHER: an attribute that is no text */

static enum presence select_value(const struct constraint *c, const struct agent_info *agent, struct str *ret)
{
    const struct attribute *a;

    switch (c->selector) {
    case SELECT_HOSTNAME:
        *ret = str_of(agent->hostname);
        return TEXT;
    case SELECT_REGION:
        *ret = name_str(agent->region);
        return agent->region != NULL ? TEXT : ABSENT;
    case SELECT_ZONE:
        *ret = name_str(agent->zone);
        return agent->zone != NULL ? TEXT : ABSENT;
    case SELECT_ATTRIBUTE:
        a = attributes_find(&agent->attributes, name_str(c->attribute));
        if (a == NULL)
            return ABSENT;
        if (a->type != VALUE_TEXT)
            return OTHER;
        *ret = name_str(a->text);
        return TEXT;
    }
    return ABSENT;
}

static bool constraint_holds(const struct constraint *c, const struct agent_info *agent)
{
    struct str value = { NULL, 0 };
    enum presence p = select_value(c, agent, &value);

    switch (c->predicate) {
    case PREDICATE_EXISTS:
        return p != ABSENT;
    case PREDICATE_NOT_EXISTS:
        return p == ABSENT;
    case PREDICATE_TEXT_EQUALS:
        return p == OTHER || (p == TEXT && str_eq(value, name_str(c->text)));
    case PREDICATE_TEXT_NOT_EQUALS:
        return p != TEXT || !str_eq(value, name_str(c->text));
    case PREDICATE_TEXT_MATCHES:
        return p == OTHER || (p == TEXT && pattern_matches(c->pattern, value));
    case PREDICATE_TEXT_NOT_MATCHES:
        return p != TEXT || !pattern_matches(c->pattern, value);
    }
    return false;
}

static bool group_holds(const struct constraint_group *g, const struct agent_info *agent)
{
    for (size_t i = 0; i < g->n; i++)
        if (!constraint_holds(g->v[i], agent))
            return false;
    return true;
}

bool offer_constraints_admit(const struct offer_constraints *c, const struct name *role, const struct agent_info *agent)
{
    if (c == NULL)
        return true;
    for (size_t i = 0; i < c->n; i++) {
        if (c->roles[i].role != role)
            continue;
        for (size_t j = 0; j < c->roles[i].n; j++)
            if (group_holds(&c->roles[i].groups[j], agent))
                return true;
        return false;
    }
    return true;
}

uint64_t offer_constraints_pattern_size(const struct offer_constraints *c)
{
    uint64_t max = 0;

    for (size_t i = 0; c != NULL && i < c->n; i++)
        for (size_t j = 0; j < c->roles[i].n; j++)
            for (size_t k = 0; k < c->roles[i].groups[j].n; k++) {
                const struct constraint *x = c->roles[i].groups[j].v[k];
                if (x->pattern != NULL && pattern_size(x->pattern) > max)
                    max = pattern_size(x->pattern);
            }
    return max;
}
