/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic checks of one constraint. Its regular expression is compiled once here; matching trusts it. */
#include "marathon/core/normalise.h"
#include "marathon/core/regex.h"

void constraint_validate(const struct constraint *c, const struct place *p, struct issues *is)
{
    uint64_t n;
    struct str rest = c->value;

    if (c->parts.v < 2 || c->parts.v > 3) {
        issue_at(is, p, "Each constraint must have either 2 or 3 fields");
        return;
    }
    if (c->field.n == 0)
        issue_at(is, p, "missing field for constraint declaration");
    switch ((enum constraint_op)c->op.v) {
    case OP_UNIQUE:
        if (c->value.p != NULL)
            issue_at(is, p, "UNIQUE does not accept a value");
        break;
    case OP_CLUSTER:
        break;
    case OP_GROUP_BY:
        if (c->value.p != NULL && (!str_u64(&rest, INT32_MAX, &n) || rest.n != 0))
            issue_at(is, p, "GROUP BY must define an integer value or else no value at all");
        break;
    case OP_LIKE:
    case OP_UNLIKE:
        if (c->value.n == 0)
            issue_at(is, p, "LIKE and UNLIKE require a non-empty, regular expression value");
        else if (!regex_is_valid(c->value))
            issue_at(is, p, "is not a valid regular expression");
        break;
    case OP_MAX_PER:
        if (!str_u64(&rest, INT32_MAX, &n) || rest.n != 0)
            issue_at(is, p, "MAX_PER requires an integer value");
        break;
    case OP_IS:
        if (c->value.p == NULL || (c->value.n != 0 && (c->value.p[0] == '[' || c->value.p[0] == '{')))
            issue_at(is, p,
                     "IS only supports Mesos text and float values (sets and ranges are not supported)");
        break;
    case OP_EVERY:
        if (!str_is(c->field, "hostname") && !str_is(c->field, "@hostname"))
            issue_at(is, p, "EVERY means every agent: its field is hostname, got %.*s", STR_ARG(str_sub(c->field, 0, 100)));
        if (c->value.p != NULL)
            issue_at(is, p, "EVERY does not accept a value; other constraints say which agents are meant");
        break;
    case OP_UNKNOWN:
        issue_at(
            is, p,
            "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS");
        break;
    }
}

void app_validate_constraint(const struct constraint *c, const struct place *at, struct issues *is)
{
    if (c->op.v == OP_EVERY)
        issue_at(is, at, "EVERY is for apps alone");
    constraint_validate(c, at, is);
}
