/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/spec.h"

const char *spec_text(struct arena *arena, struct str s)
{
    const char *p = arena_str(arena, s).p;

    return p != NULL ? p : "";
}

void spec_env_put(struct spec_env *l, const char *name, const char *value)
{
    if (l->n < l->cap && name != NULL && value != NULL)
        l->v[l->n++] = (struct container_env){ name, value };
}

int spec_secret(const Mesos__V1__Secret *s, const char *kind, const char *name, struct str *ret, struct error *err)
{
    if (s != NULL && s->reference != NULL)
        return error_set(err, ERR_INVALID, "%s %s refers to the secret '%s'; this agent resolves no references: send the secret "
                         "by value", kind, name, s->reference->name);
    if (s == NULL || s->value == NULL)
        return error_set(err, ERR_INVALID, "%s %s is a secret without a value", kind, name);
    *ret = str_mem(s->value->data.data, s->value->data.len);
    return 0;
}
