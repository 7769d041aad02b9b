/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/api/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/json.h"
#include "marathon/core/app.h"
#include "marathon/core/pathid.h"

enum { UNDEFINED_TEXT_MAX = 200 };

cJSON *body_parse(struct str body, char *text, size_t text_size)
{
    struct error err;
    cJSON *j = NULL;

    if (json_parse_deep(body, &j, &err) != 0) {
        (void)snprintf(text, text_size, "%s", err.msg);
        return NULL;
    }
    return j;
}

const cJSON *body_get(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

    return v != NULL && !cJSON_IsNull(v) ? v : NULL;
}

struct str body_str(const cJSON *o, const char *key)
{
    const cJSON *v = body_get(o, key);

    return cJSON_IsString(v) ? str_of(v->valuestring) : (struct str){ NULL, 0 };
}

struct opt_time body_time(const cJSON *o, const char *key)
{
    struct opt_time t = { 0 };

    t.has = wall_parse(body_str(o, key), &t.v);
    return t;
}

struct walk {
    struct arena *a;
    struct issues *is;
};

static void object(struct walk *w, const struct schema *s, const cJSON *json, void *ret, bool defaults,
                   const struct place *at);

static bool pattern_holds(enum schema_pattern p, struct str s)
{
    switch (p) {
    case SP_NONE:
    case SP_TIME:
        return true;
    case SP_PATH_ID:
        return path_matches_pattern(s);
    case SP_NAME:
    case SP_LEGACY_NAME:
        return name_matches(s, false);
    case SP_NETWORK_NAME:
        return name_matches(s, true);
    case SP_EXECUTOR:
        return s.n == 0 || str_is(s, "//cmd") || (!str_contains(s, STR("//")) && !str_ends(s, STR("/")));
    }
    return true;
}

static bool text(struct walk *w, const struct schema_field *f, const cJSON *v, struct str *ret,
                 const struct place *at)
{
    struct str s;

    if (!cJSON_IsString(v)) {
        issue_at(w->is, at, "error.expected.jsstring");
        return false;
    }
    s = str_of(v->valuestring);
    if (f->min <= f->max && (double)s.n < f->min)
        issue_at(w->is, at, "error.minLength");
    else if (f->min <= f->max && (double)s.n > f->max)
        issue_at(w->is, at, "error.maxLength");
    else if (!pattern_holds(f->pattern, s))
        issue_at(w->is, at, "error.pattern");
    *ret = s;
    return true;
}

static bool is_integer(double d, bool int32)
{
    double most = int32 ? 2147483647.0 : 9007199254740991.0; /* a double holds each integer up to 2^53 - 1 */

    return !isnan(d) && d >= -most - 1 && d <= most && !(trunc(d) < d || trunc(d) > d);
}

static bool integer(struct walk *w, const struct schema_field *f, const cJSON *v, int64_t *ret,
                    const struct place *at)
{
    double d = v->valuedouble;

    if (!cJSON_IsNumber(v)) {
        issue_at(w->is, at, "error.expected.jsnumber");
        return false;
    }
    if (!is_integer(d, (f->flags & SF_INT32) != 0)) {
        issue_at(w->is, at, "error.expected.int");
        return false;
    }
    if (d < f->min)
        issue_at(w->is, at, "error.min");
    else if (d > f->max)
        issue_at(w->is, at, "error.max");
    *ret = (int64_t)d;
    return true;
}

static bool enumeration(struct walk *w, const struct schema_field *f, const cJSON *v, int64_t *ret,
                        const struct place *at)
{
    if (!cJSON_IsString(v)) {
        issue_at(w->is, at, "error.expected.jsstring");
        return false;
    }
    for (int64_t i = 0; f->names[i] != NULL; i++)
        if (str_eq_nocase(str_of(v->valuestring), str_of(f->names[i]))) {
            *ret = i;
            return true;
        }
    if (f->names == protocol_names && str_eq_nocase(str_of(v->valuestring), STR("tcp,udp"))) {
        *ret = PROTO_BOTH;
        return true;
    }
    issue_at(w->is, at, "error.unknown.enum.literal");
    return false;
}

static void number(struct walk *w, const struct schema_field *f, const cJSON *v, struct opt_f64 *ret,
                   const struct place *at)
{
    if (!cJSON_IsNumber(v) || isnan(v->valuedouble)) {
        issue_at(w->is, at, "error.expected.jsnumber");
        return;
    }
    if (v->valuedouble < f->min)
        issue_at(w->is, at, "error.min");
    else if (v->valuedouble > f->max)
        issue_at(w->is, at, "error.max");
    *ret = (struct opt_f64){ true, v->valuedouble };
}

/* --- the special forms ------------------------------------------------------------------------------------
 */
static void missing(struct walk *w, const char *name, const cJSON *json, const struct place *up)
{
    struct place p = PLACE_FIELD(up, name);
    char *shown = cJSON_PrintUnformatted(json);

    issue_at(w->is, &p, "'%s' is undefined on object: %.*s", name,
             STR_ARG(str_sub(str_of(shown != NULL ? shown : "{}"), 0, UNDEFINED_TEXT_MAX)));
    cJSON_free(shown);
}

static void env_value(struct walk *w, const cJSON *v, struct env_value *ret, const struct place *at)
{
    const cJSON *secret = cJSON_IsObject(v) ? body_get(v, "secret") : NULL;

    if (cJSON_IsString(v)) {
        ret->value = str_of(v->valuestring);
    } else if (cJSON_IsString(secret)) {
        ret->secret = str_of(secret->valuestring);
    } else if (secret != NULL) {
        struct place p = PLACE_FIELD(at, "secret");
        issue_at(w->is, &p, "error.expected.jsstring");
    } else if (cJSON_IsObject(v)) {
        missing(w, "secret", v, at);
    } else {
        issue_at(w->is, at, "error.expected.jsstring");
    }
}

static void constraint(struct walk *w, const cJSON *v, struct constraint *ret, const struct place *at)
{
    struct str parts[3] = { { NULL, 0 } };
    const cJSON *e;
    int n = 0;

    if (!cJSON_IsArray(v)) {
        issue_at(w->is, at, "error.expected.jsarray");
        return;
    }
    cJSON_ArrayForEach(e, v)
    {
        if (!cJSON_IsString(e)) {
            struct place element = PLACE_ELEMENT(at, n);
            issue_at(w->is, &element, "error.expected.jsstring");
            return;
        }
        if (n < 3)
            parts[n] = str_of(e->valuestring);
        n++;
    }
    *ret = (struct constraint){ .field = parts[0],
                                .op_text = parts[1],
                                .value = parts[2],
                                .op = { true, OP_UNKNOWN },
                                .parts = { true, n } };
    for (int64_t i = 0; constraint_op_names[i] != NULL; i++)
        if (str_eq_nocase(parts[1], str_of(constraint_op_names[i]))) {
            ret->op.v = i;
            ret->op_text = str_of(constraint_op_names[i]);
        }
}

static void disabled(struct walk *w, const cJSON *v, struct unreachable_strategy *ret, const struct place *at)
{
    if (!str_eq_nocase(str_of(v->valuestring), STR("disabled")))
        issue_at(w->is, at, "error.expected.jsobject");
    *ret = (struct unreachable_strategy){ .disabled = { true, true },
                                          .inactive_s = { true, 0 },
                                          .expunge_s = { true, 0 } };
}

static void limit(struct walk *w, const cJSON *v, struct resource_limit *ret, const struct place *at)
{
    if (cJSON_IsNumber(v))
        ret->value = (struct opt_f64){ true, v->valuedouble };
    else if (cJSON_IsString(v) && str_eq_nocase(str_of(v->valuestring), STR("unlimited")))
        ret->unlimited = (struct opt_bool){ true, true };
    else if (cJSON_IsString(v))
        ret->bad = str_of(v->valuestring);
    else
        issue_at(w->is, at, "error.expected.jsnumber");
}

/* bad: something in it is wrong already. Then the original reads it as what it tries last, a volume of the host; that its
 * path is missing is said beside what is wrong. */
static void volume_kind(struct walk *w, const cJSON *json, const struct volume *v, bool bad, const struct place *at)
{
    bool other = !bad && (v->persistent != NULL || v->external != NULL || v->secret.p != NULL);

    if (!other && body_get(json, "hostPath") == NULL)
        missing(w, "hostPath", json, at);
    if (v->secret.p == NULL && body_get(json, "mode") == NULL)
        missing(w, "mode", json, at);
}

/* --- by table ----------------------------------------------------------------------------------------------
 */
static void value_object(struct walk *w, const struct schema *s, const cJSON *v, void *ret,
                         const struct place *at)
{
    size_t before = w->is->n;

    switch (s->json) {
    case SJ_ENV:
        env_value(w, v, ret, at);
        return;
    case SJ_CONSTRAINT:
        constraint(w, v, ret, at);
        return;
    case SJ_UNREACHABLE:
        if (cJSON_IsString(v))
            disabled(w, v, ret, at);
        else
            object(w, s, v, ret, true, at);
        return;
    case SJ_LIMIT:
        limit(w, v, ret, at);
        return;
    case SJ_EXTERNAL:
        object(w, str_is(body_str(v, "provider"), "csi") ? &schema_external_csi : s, v, ret, true, at);
        return;
    case SJ_PLAIN:
    case SJ_VOLUME:
    case SJ_COMMAND:
        object(w, s, v, ret, true, at);
        if (s->json == SJ_VOLUME && cJSON_IsObject(v))
            volume_kind(w, v, ret, w->is->n != before, at);
        if (s->json == SJ_COMMAND && cJSON_IsObject(v) && body_get(v, "shell") == NULL &&
            body_get(v, "argv") == NULL)
            missing(w, "argv", v, at);
        return;
    }
}

static void one(struct walk *w, const struct schema_field *f, const cJSON *v, void *p, const struct place *at)
{
    switch (f->type) {
    case ST_STR:
        (void)text(w, f, v, p, at);
        return;
    case ST_BOOL:
        if (cJSON_IsBool(v))
            *(struct opt_bool *)p = (struct opt_bool){ true, cJSON_IsTrue(v) };
        else
            issue_at(w->is, at, "error.expected.jsboolean");
        return;
    case ST_I64: {
        struct opt_i64 *i = p;
        i->has = integer(w, f, v, &i->v, at);
        return;
    }
    case ST_ENUM: {
        struct opt_i64 *i = p;
        i->has = enumeration(w, f, v, &i->v, at);
        return;
    }
    case ST_F64:
        number(w, f, v, p, at);
        return;
    case ST_TIME: {
        struct opt_time *t = p;
        struct str s;
        if (!text(w, f, v, &s, at))
            return;
        t->has = wall_parse(s, &t->v);
        if (!t->has)
            issue_at(w->is, at, "Invalid timestamp provided '%.*s'. Expecting ISO-8601 datetime string.",
                     STR_ARG(str_sub(s, 0, 60)));
        return;
    }
    case ST_OBJ: {
        void *sub = arena_alloc(w->a, f->sub->size);
        if (sub == NULL) {
            issue_at(w->is, at, "the request is too large");
            return;
        }
        value_object(w, f->sub, v, sub, at);
        *(void **)p = sub;
        return;
    }
    }
}

static bool same_element(const struct schema_field *f, const void *x, const void *y)
{
    if (f->type == ST_OBJ)
        return schema_equal(f->sub, x, y);
    if (f->type == ST_STR)
        return str_eq(*(const struct str *)x, *(const struct str *)y);
    return *(const int64_t *)x == *(const int64_t *)y;
}

/* Lists with unique elements are sets in the original: a second one is dropped. */
static bool is_double(const struct schema_field *f, const struct list *l, size_t size)
{
    const char *last = (const char *)l->p + l->n * size;

    if ((f->flags & SF_UNIQUE) == 0 || l->n > 1000)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (same_element(f, (const char *)l->p + i * size, last))
            return true;
    return false;
}

static void list_of(struct walk *w, const struct schema_field *f, const cJSON *v, struct list *l,
                    const struct place *up)
{
    size_t size = schema_element_size(f), n = 0;
    struct place whole = PLACE_FIELD(up, f->name);
    const cJSON *e;

    if (!cJSON_IsArray(v)) {
        issue_at(w->is, &whole, "error.expected.jsarray");
        return;
    }
    l->has = true;
    cJSON_ArrayForEach(e, v) n++;
    if (n == 0 && (f->flags & SF_FILLED) != 0)
        issue_at(w->is, &whole, "error.minLength");
    l->p = arena_array(w->a, n + 1, size);
    if (l->p == NULL) {
        issue_at(w->is, &whole, "the request is too large");
        return;
    }
    n = 0;
    cJSON_ArrayForEach(e, v)
    {
        struct place at = PLACE_INDEX(up, f->name, n++);
        void *to = (char *)l->p + l->n * size;
        memset(to, 0, size);
        if (f->type == ST_OBJ)
            value_object(w, f->sub, e, to, &at);
        else if (f->type == ST_STR)
            (void)text(w, f, e, to, &at);
        else
            (void)integer(w, f, e, to, &at);
        if (!is_double(f, l, size))
            l->n++;
    }
}

static void map_of(struct walk *w, const struct schema_field *f, const cJSON *v, struct list *l,
                   const struct place *up)
{
    size_t size = schema_element_size(f), n = 0;
    struct place whole = PLACE_FIELD(up, f->name);
    const cJSON *e;

    if (!cJSON_IsObject(v)) {
        issue_at(w->is, &whole, "error.expected.jsobject");
        return;
    }
    l->has = true;
    cJSON_ArrayForEach(e, v) n++;
    l->p = arena_array(w->a, n + 1, size);
    if (l->p == NULL) {
        issue_at(w->is, &whole, "the request is too large");
        return;
    }
    cJSON_ArrayForEach(e, v)
    {
        struct place at = PLACE_KEY(&whole, str_of(e->string));
        void *to = (char *)l->p + l->n * size;
        if (cJSON_IsNull(e))
            continue;
        if (f->type == ST_OBJ) {
            value_object(w, f->sub, e, to, &at);
            *(struct str *)to = str_of(e->string);
        } else {
            struct kv *kv = to;
            if (!text(w, f, e, &kv->v, &at))
                continue;
            kv->k = str_of(e->string);
        }
        l->n++;
    }
}

static void object(struct walk *w, const struct schema *s, const cJSON *json, void *ret, bool defaults,
                   const struct place *at)
{
    if (!cJSON_IsObject(json)) {
        if (!s->lax)
            issue_at(w->is, at, "error.expected.jsobject");
        if (defaults)
            schema_defaults(s, ret);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        const cJSON *v = (f->flags & SF_HIDDEN) == 0 || s == &schema_app ? body_get(json, f->name) : NULL;
        void *p = (char *)ret + f->offset;
        if (v == NULL) {
            if ((f->flags & SF_REQUIRED) != 0 && defaults)
                missing(w, f->name, json, at);
            continue;
        }
        if (f->shape == SH_LIST) {
            list_of(w, f, v, p, at);
        } else if (f->shape == SH_MAP) {
            map_of(w, f, v, p, at);
        } else {
            struct place fp = PLACE_FIELD(at, f->name);
            one(w, f, v, p, &fp);
        }
    }
    if (defaults)
        schema_defaults(s, ret);
}

void value_decode(const struct schema *s, const cJSON *json, void *ret, bool defaults, struct arena *a,
                  struct issues *is, const struct place *at)
{
    struct walk w = { .a = a, .is = is };

    object(&w, s, json, ret, defaults, at);
}
