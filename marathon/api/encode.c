/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/api/encode.h"

#include "marathon/core/app.h"

void jsonw_wall(struct jsonw *w, struct wall t)
{
    jsonw_raw(w, STR("\""));
    wall_print(w->b, t);
    sbuf_char(w->b, '"');
}

void jsonw_key_wall(struct jsonw *w, const char *key, struct wall t)
{
    jsonw_key(w, key);
    jsonw_wall(w, t);
}

void jsonw_key_opt_wall(struct jsonw *w, const char *key, struct opt_time t)
{
    if (t.has)
        jsonw_key_wall(w, key, t.v);
}

void jsonw_key_text(struct jsonw *w, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        jsonw_key_c(w, key, text);
}

static void constraint(const struct constraint *c, struct jsonw *w)
{
    jsonw_array(w);
    jsonw_str(w, c->field);
    jsonw_str(w, c->op_text);
    if (c->value.p != NULL)
        jsonw_str(w, c->value);
    jsonw_array_close(w);
}

static void env_value(const struct env_value *e, struct jsonw *w)
{
    if (e->secret.p == NULL) {
        jsonw_str(w, e->value);
        return;
    }
    jsonw_open(w);
    jsonw_key_s(w, "secret", e->secret);
    jsonw_close(w);
}

static void limit(const struct resource_limit *l, struct jsonw *w)
{
    if (l->value.has)
        jsonw_double(w, l->value.v);
    else
        jsonw_c(w, "unlimited");
}

static void value_object(const struct schema *s, const void *obj, struct jsonw *w)
{
    switch (s->json) {
    case SJ_ENV:
        env_value(obj, w);
        return;
    case SJ_CONSTRAINT:
        constraint(obj, w);
        return;
    case SJ_LIMIT:
        limit(obj, w);
        return;
    case SJ_UNREACHABLE:
        if (((const struct unreachable_strategy *)obj)->disabled.v) {
            jsonw_c(w, "disabled");
            return;
        }
        break;
    case SJ_EXTERNAL:
        if (((const struct external_info *)obj)->csi != NULL)
            s = &schema_external_csi;
        break;
    case SJ_PLAIN:
    case SJ_VOLUME:
    case SJ_COMMAND:
        break;
    }
    value_encode(s, obj, w);
}

/* Writes key and value; nothing for an absent one. */
static void one(const struct schema_field *f, const void *p, struct jsonw *w)
{
    switch (f->type) {
    case ST_STR:
        if (((const struct str *)p)->p != NULL)
            jsonw_key_s(w, f->name, *(const struct str *)p);
        return;
    case ST_BOOL:
        if (((const struct opt_bool *)p)->has)
            jsonw_key_bool(w, f->name, ((const struct opt_bool *)p)->v);
        return;
    case ST_I64:
        if (((const struct opt_i64 *)p)->has)
            jsonw_key_i64(w, f->name, ((const struct opt_i64 *)p)->v);
        return;
    case ST_ENUM:
        if (((const struct opt_i64 *)p)->has)
            jsonw_key_c(w, f->name, f->names[((const struct opt_i64 *)p)->v]);
        return;
    case ST_F64:
        if (((const struct opt_f64 *)p)->has)
            jsonw_key_double(w, f->name, ((const struct opt_f64 *)p)->v);
        return;
    case ST_TIME:
        if (((const struct opt_time *)p)->has)
            jsonw_key_wall(w, f->name, ((const struct opt_time *)p)->v);
        return;
    case ST_OBJ:
        if (*(void *const *)p != NULL) {
            jsonw_key(w, f->name);
            value_object(f->sub, *(void *const *)p, w);
        }
        return;
    }
}

static bool shown(const struct schema_field *f, const struct list *l)
{
    return l->n != 0 || (l->has && (f->flags & SF_NONEMPTY) == 0);
}

static void list_of(const struct schema_field *f, const struct list *l, struct jsonw *w)
{
    size_t size = schema_element_size(f);

    jsonw_key_array(w, f->name);
    for (size_t i = 0; i < l->n; i++) {
        const char *e = (const char *)l->p + i * size;
        if (f->type == ST_OBJ)
            value_object(f->sub, e, w);
        else if (f->type == ST_STR)
            jsonw_str(w, *LIST_AT(*l, struct str, i));
        else
            jsonw_i64(w, *LIST_AT(*l, int64_t, i));
    }
    jsonw_array_close(w);
}

static void map_of(const struct schema_field *f, const struct list *l, struct jsonw *w)
{
    size_t size = schema_element_size(f);

    jsonw_key_open(w, f->name);
    for (size_t i = 0; i < l->n; i++) {
        const char *e = (const char *)l->p + i * size;
        if (f->type == ST_OBJ) {
            jsonw_key_str(w, *(const struct str *)(const void *)e);
            value_object(f->sub, e, w);
        } else {
            jsonw_key_str(w, LIST_AT(*l, struct kv, i)->k);
            jsonw_str(w, LIST_AT(*l, struct kv, i)->v);
        }
    }
    jsonw_close(w);
}

void value_encode_members(const struct schema *s, const void *obj, struct jsonw *w)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        const void *p = (const char *)obj + f->offset;

        if ((f->flags & (SF_INPUT | SF_HIDDEN)) != 0)
            continue;
        if (f->shape == SH_ONE) {
            one(f, p, w);
            continue;
        }
        const struct list *l = p;
        if (!shown(f, l))
            continue;
        if (f->shape == SH_MAP)
            map_of(f, l, w);
        else
            list_of(f, l, w);
    }
}

void value_encode(const struct schema *s, const void *obj, struct jsonw *w)
{
    jsonw_open(w);
    value_encode_members(s, obj, w);
    jsonw_close(w);
}
