/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks, agents, offer constraints. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/time.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/validate.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { INFO_SIZE_MAX = 64 << 20 }; /* bytes of one packed info; requests are bounded far below */

static char *dup_c(const char *c) /* NULL stays NULL */
{
    return c != NULL ? xstrdup(c) : NULL;
}

static struct blob *pack(const ProtobufCMessage *m)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(INFO_SIZE_MAX);

    ASSERT(wire_pack(&b, m));
    return blob_new(sbuf_view(&b));
}

/* The message with an id as field number, in the place that the order of numbers gives it. */
static struct blob *with_id(struct str message, uint32_t number, struct str id)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(INFO_SIZE_MAX);
    struct wire_field f;
    bool put = false;

    while (wire_field_next(&message, &f) > 0) {
        if (f.number == number)
            continue;
        if (f.number > number && !put) {
            wire_put_id(&b, number, id);
            put = true;
        }
        sbuf_str(&b, f.raw);
    }
    if (!put)
        wire_put_id(&b, number, id);
    ASSERT(sbuf_ok(&b));
    return blob_new(sbuf_view(&b));
}

/* --- frameworks --- */

uint32_t convert_framework_capabilities(Mesos__V1__FrameworkInfo__Capability *const *v, size_t n)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++)
        if (v[i]->has_type && v[i]->type > 0 && v[i]->type < 32)
            bits |= 1u << v[i]->type;
    return bits;
}

static void roles_in(const Mesos__V1__FrameworkInfo *m, struct framework_info *f)
{
    if (!framework_info_can(f, FRAMEWORK_CAP_MULTI_ROLE)) {
        f->roles = xmalloc(sizeof(struct name *));
        f->roles[0] = name_of(str_of(m->role != NULL ? m->role : "*"));
        f->role_count = 1;
        return;
    }
    f->roles = xmalloc((m->n_roles + 1) * sizeof(struct name *));
    for (size_t i = 0; i < m->n_roles; i++)
        f->roles[i] = name_of(str_of(m->roles[i]));
    f->role_count = m->n_roles;
}

static int quantities_in(const Mesos__V1__OfferFilters__ResourceQuantities *m, struct quantities *q, struct error *err)
{
    for (size_t i = 0; i < m->n_quantities; i++) {
        int64_t milli;
        struct name *name;

        if (m->quantities[i]->value == NULL || !milli_of_double(m->quantities[i]->value->value, &milli))
            return error_set(err, ERR_INVALID, "offer filter: the quantity of '%s' is not valid", m->quantities[i]->key);
        name = name_of(str_of(m->quantities[i]->key));
        quantities_set(q, name, milli);
        name_unref(name);
    }
    return 0;
}

static int filters_in(const Mesos__V1__FrameworkInfo *m, struct framework_info *f, struct error *err)
{
    f->offer_filters = xcalloc(m->n_offer_filters + 1, sizeof f->offer_filters[0]);
    for (size_t i = 0; i < m->n_offer_filters; i++) {
        const Mesos__V1__OfferFilters *x = m->offer_filters[i]->value;
        struct role_offer_filter *to;

        if (x == NULL || x->min_allocatable_resources == NULL)
            continue;
        if (x->min_allocatable_resources->n_quantities > OFFER_FILTER_ALTERNATIVES_MAX)
            return error_set(err, ERR_LIMIT, "offer filter of role '%s' has %zu alternatives; up to %d are taken",
                             m->offer_filters[i]->key, x->min_allocatable_resources->n_quantities,
                             (int)OFFER_FILTER_ALTERNATIVES_MAX);
        to = &f->offer_filters[f->offer_filter_count++];
        to->role = name_of(str_of(m->offer_filters[i]->key));
        to->count = x->min_allocatable_resources->n_quantities;
        to->alternatives = xcalloc(to->count + 1, sizeof to->alternatives[0]);
        for (size_t j = 0; j < to->count; j++) {
            int rc = quantities_in(x->min_allocatable_resources->quantities[j], &to->alternatives[j], err);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

int convert_framework_info(const Mesos__V1__FrameworkInfo *m, struct framework_info **ret, struct error *err)
{
    int rc = validate_framework_info(m, err);
    if (rc != 0)
        return rc;

    struct framework_info *f = framework_info_new();
    if (m->id != NULL && m->id->value[0] != '\0')
        f->id = framework_id_copy(framework_id(str_of(m->id->value)));
    f->name = xstrdup(m->name);
    f->user = xstrdup(m->user);
    f->principal = dup_c(m->principal);
    f->hostname = dup_c(m->hostname);
    f->webui_url = dup_c(m->webui_url);
    f->capabilities = convert_framework_capabilities(m->capabilities, m->n_capabilities);
    f->checkpoint = m->has_checkpoint && m->checkpoint;
    if (!seconds_to_ns(m->has_failover_timeout ? m->failover_timeout : 0, &f->failover_timeout_ns))
        f->failover_timeout_ns = INT64_MAX;
    roles_in(m, f);
    rc = filters_in(m, f, err);
    if (rc != 0) {
        framework_info_unref(f);
        return rc;
    }
    f->raw = pack(&m->base);
    *ret = f;
    return 0;
}

struct framework_info *framework_info_with_id(const struct framework_info *f, struct framework_id id)
{
    struct framework_info *c = framework_info_new();

    c->id = framework_id_copy(id);
    c->name = dup_c(f->name);
    c->user = dup_c(f->user);
    c->principal = dup_c(f->principal);
    c->hostname = dup_c(f->hostname);
    c->webui_url = dup_c(f->webui_url);
    c->capabilities = f->capabilities;
    c->failover_timeout_ns = f->failover_timeout_ns;
    c->checkpoint = f->checkpoint;
    c->roles = xmalloc((f->role_count + 1) * sizeof(struct name *));
    for (size_t i = 0; i < f->role_count; i++)
        c->roles[i] = name_ref(f->roles[i]);
    c->role_count = f->role_count;
    c->offer_filters = xcalloc(f->offer_filter_count + 1, sizeof c->offer_filters[0]);
    for (size_t i = 0; i < f->offer_filter_count; i++) {
        const struct role_offer_filter *from = &f->offer_filters[i];
        struct role_offer_filter *to = &c->offer_filters[i];

        to->role = name_ref(from->role);
        to->count = from->count;
        to->alternatives = xcalloc(from->count + 1, sizeof to->alternatives[0]);
        for (size_t j = 0; j < from->count; j++)
            to->alternatives[j] = quantities_copy(&from->alternatives[j]);
    }
    c->offer_filter_count = f->offer_filter_count;
    c->raw = with_id(blob_str(f->raw), 3, id.s);
    return c;
}

/* --- agents --- */

uint32_t convert_agent_capabilities(Mesos__V1__AgentInfo__Capability *const *v, size_t n)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++)
        if (v[i]->has_type && v[i]->type > 0 && v[i]->type < 32)
            bits |= 1u << v[i]->type;
    return bits;
}

void wire_put_agent_capabilities(struct sbuf *b, uint32_t number, uint32_t capabilities)
{
    for (uint32_t i = 1; i < 32; i++) {
        if ((capabilities >> i & 1) == 0)
            continue;
        size_t mark = wire_open(b, number);
        wire_put_u64(b, 1, i);
        wire_close(b, mark);
    }
}

int convert_agent_info(const Mesos__V1__AgentInfo *m, struct agent_info **ret, struct error *err)
{
    struct agent_info *a = agent_info_new();
    int rc = convert_resources(m->resources, m->n_resources, &a->resources, err);

    if (rc == 0)
        rc = convert_attributes(m->attributes, m->n_attributes, &a->attributes, err);
    if (rc == 0 && m->id != NULL)
        rc = id_check(str_of(m->id->value), err);
    if (rc != 0) {
        agent_info_unref(a);
        return rc;
    }
    if (m->id != NULL)
        a->id = agent_id_copy(agent_id(str_of(m->id->value)));
    a->hostname = xstrdup(m->hostname);
    a->port = m->port;
    if (m->domain != NULL && m->domain->fault_domain != NULL) {
        a->region = name_of(str_of(m->domain->fault_domain->region->name));
        a->zone = name_of(str_of(m->domain->fault_domain->zone->name));
    }
    a->raw = pack(&m->base);
    *ret = a;
    return 0;
}

struct agent_info *agent_info_with_id(const struct agent_info *a, struct agent_id id)
{
    struct agent_info *c = agent_info_new();

    c->id = agent_id_copy(id);
    c->hostname = dup_c(a->hostname);
    c->port = a->port;
    c->resources = resources_copy(&a->resources);
    c->attributes = attributes_copy(&a->attributes);
    c->region = name_ref(a->region);
    c->zone = name_ref(a->zone);
    c->capabilities = a->capabilities;
    c->raw = with_id(blob_str(a->raw), 6, id.s);
    return c;
}

/* --- offer constraints and filters --- */

typedef Mesos__V1__Scheduler__AttributeConstraint constraint_msg;

static int selector_in(const constraint_msg *m, enum constraint_selector *ret, struct str *ret_name, struct error *err)
{
    *ret_name = (struct str){ NULL, 0 };
    switch (m->selector->selector_case) {
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__SELECTOR__SELECTOR_ATTRIBUTE_NAME:
        *ret = SELECT_ATTRIBUTE;
        *ret_name = str_of(m->selector->attribute_name);
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__SELECTOR__SELECTOR_PSEUDOATTRIBUTE_TYPE:
        if (m->selector->pseudoattribute_type < 1 || m->selector->pseudoattribute_type > 3)
            return error_set(err, ERR_INVALID, "Unknown pseudoattribute type");
        *ret = (enum constraint_selector)m->selector->pseudoattribute_type; /* the same order */
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__SELECTOR__SELECTOR__NOT_SET:
    case _MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__SELECTOR__SELECTOR__CASE_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERR_INVALID, "Exactly one of 'AttributeConstraint::Selector::name' or "
                                       "'AttributeConstraint::Selector::pseudoattribute_type' must be set");
}

_Static_assert(SELECT_HOSTNAME == 1 && SELECT_REGION == 2 && SELECT_ZONE == 3, "selectors have the wire's numbers");

static int predicate_in(const constraint_msg *m, enum constraint_predicate *ret, struct str *ret_text, struct error *err)
{
    const Mesos__V1__Scheduler__AttributeConstraint__Predicate *p = m->predicate;

    *ret_text = (struct str){ NULL, 0 };
    switch (p->predicate_case) {
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_EXISTS:
        *ret = PREDICATE_EXISTS;
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_NOT_EXISTS:
        *ret = PREDICATE_NOT_EXISTS;
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_TEXT_EQUALS:
        *ret = PREDICATE_TEXT_EQUALS;
        *ret_text = str_of(p->text_equals->value);
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_TEXT_NOT_EQUALS:
        *ret = PREDICATE_TEXT_NOT_EQUALS;
        *ret_text = str_of(p->text_not_equals->value);
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_TEXT_MATCHES:
        *ret = PREDICATE_TEXT_MATCHES;
        *ret_text = str_of(p->text_matches->regex);
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE_TEXT_NOT_MATCHES:
        *ret = PREDICATE_TEXT_NOT_MATCHES;
        *ret_text = str_of(p->text_not_matches->regex);
        return 0;
    case MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE__NOT_SET:
    case _MESOS__V1__SCHEDULER__ATTRIBUTE_CONSTRAINT__PREDICATE__PREDICATE__CASE_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERR_INVALID, "Unknown predicate type");
}

static int constraint_in(const constraint_msg *m, struct constraint_group *g, struct error *err)
{
    enum constraint_selector selector = SELECT_ATTRIBUTE;
    enum constraint_predicate predicate = PREDICATE_EXISTS;
    struct str name, text;
    int rc = selector_in(m, &selector, &name, err);

    if (rc == 0)
        rc = predicate_in(m, &predicate, &text, err);
    return rc != 0 ? rc : constraint_group_add(g, selector, name, predicate, text, err);
}

/* Texts as the original writes them, with the missing blanks. */
static int role_in(const char *role, const Mesos__V1__Scheduler__OfferConstraints__RoleConstraints *m,
                   struct role_constraints *r, struct error *err)
{
    if (m == NULL || m->n_groups == 0)
        return error_set(err, ERR_INVALID, "'OfferConstraints::role_constraints' has an empty 'RoleConstraints' for role %s",
                         role);
    if (m->n_groups > CONSTRAINT_GROUPS_MAX)
        return error_set(err, ERR_LIMIT, "role %s has %zu groups of constraints; up to %d are taken", role, m->n_groups,
                         (int)CONSTRAINT_GROUPS_MAX);
    for (size_t i = 0; i < m->n_groups; i++) {
        struct constraint_group *g = role_constraints_add_group(r);

        if (m->groups[i]->n_attribute_constraints == 0)
            return error_set(err, ERR_INVALID,
                             "'OfferConstraints::RoleConstraints::groups' for role %scontains an empty RoleConstraints::Group",
                             role);
        for (size_t j = 0; j < m->groups[i]->n_attribute_constraints; j++) {
            int rc = constraint_in(m->groups[i]->attribute_constraints[j], g, err);
            if (rc != 0)
                return error_wrap(err, "A role %s has an invalid 'AttributeConstraint'", role);
        }
    }
    return 0;
}

static bool has_role(const struct offer_constraints *c, const struct name *role)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->roles[i].role == role)
            return true;
    return false;
}

int convert_offer_constraints(const Mesos__V1__Scheduler__OfferConstraints *m, struct offer_constraints **ret,
                              struct error *err)
{
    struct offer_constraints *c = offer_constraints_new();
    int rc = 0;

    if (m->n_role_constraints > CONSTRAINT_ROLES_MAX)
        rc = error_set(err, ERR_LIMIT, "constraints of %zu roles; up to %d are taken", m->n_role_constraints,
                       (int)CONSTRAINT_ROLES_MAX);
    for (size_t i = m->n_role_constraints; i > 0 && rc == 0; i--) { /* of a doubled key the last entry counts */
        const Mesos__V1__Scheduler__OfferConstraints__RoleConstraintsEntry *e = m->role_constraints[i - 1];
        struct name *role = name_of(str_of(e->key));

        if (!has_role(c, role))
            rc = role_in(e->key, e->value, offer_constraints_add_role(c, role), err);
        name_unref(role);
    }
    if (rc != 0) {
        offer_constraints_unref(c);
        return error_wrap(err, "Offer constraints are not valid");
    }
    c->raw = pack(&m->base);
    *ret = c;
    return 0;
}

int64_t convert_filters_ns(const Mesos__V1__Filters *f)
{
    return filter_refuse_ns(f != NULL && f->has_refuse_seconds, f != NULL ? f->refuse_seconds : 0);
}
