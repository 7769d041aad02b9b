/* SPDX-License-Identifier: Apache-2.0 */
/* The API described by itself: one page for people (/api-console/), and RAML 1.0 below /public/api/, where clients of Marathon
 * look for it. Routes are the rows below; the types are written from the tables that decode requests (core/app.c,
 * core/pod_schema.c), so they say what is accepted and nothing else. Source: marathon-api §4. */
#include "marathon/api/int.h"
#include "marathon/core/pod.h"

static const struct {
    const char *file, *path, *methods; /* methods: lower case, a blank between them */
} rows[] = {
    { "apps", "/v2/apps", "get post put patch" },
    { "apps", "/v2/apps/{id}", "get put patch delete" },
    { "apps", "/v2/apps/{id}/restart", "post" },
    { "apps", "/v2/apps/{id}/tasks", "get delete" },
    { "apps", "/v2/apps/{id}/tasks/{task}", "delete" },
    { "apps", "/v2/apps/{id}/versions", "get" },
    { "apps", "/v2/apps/{id}/versions/{version}", "get" },
    { "groups", "/v2/groups", "get post put delete" },
    { "groups", "/v2/groups/{id}", "get post put patch delete" },
    { "groups", "/v2/groups/{id}/apps", "get" },
    { "groups", "/v2/groups/{id}/versions", "get" },
    { "groups", "/v2/groups/{id}/versions/{version}", "get" },
    { "pods", "/v2/pods", "head get post" },
    { "pods", "/v2/pods/{id}", "get put delete" },
    { "pods", "/v2/pods/::status", "get" },
    { "pods", "/v2/pods/{id}::status", "get" },
    { "pods", "/v2/pods/{id}::versions", "get" },
    { "pods", "/v2/pods/{id}::versions/{version}", "get" },
    { "pods", "/v2/pods/{id}::instances", "delete" },
    { "pods", "/v2/pods/{id}::instances/{instance}", "delete" },
    { "tasks", "/v2/tasks", "get" },
    { "tasks", "/v2/tasks/delete", "post" },
    { "queue", "/v2/queue", "get" },
    { "queue", "/v2/queue/{id}/delay", "delete" },
    { "deployments", "/v2/deployments", "get" },
    { "deployments", "/v2/deployments/{id}", "delete" },
    { "events", "/v2/events", "get" },
    { "info", "/v2/info", "get" },
    { "leader", "/v2/leader", "get delete" },
    { "plugins", "/v2/plugins", "get" },
    { "general", "/ping", "get" },
    { "general", "/metrics", "get" },
    { "general", "/metrics/prometheus", "get" },
    { "general", "/logging", "get post" },
    { "general", "/config", "get" },
};

static bool differs(size_t i) /* from the row before */
{
    return i == 0 || !str_is(str_of(rows[i].file), rows[i - 1].file);
}

/* Where the RAML of a resource is, below /public/api/. */
static const char *folder(size_t i)
{
    return str_is(str_of(rows[i].file), "general") ? "" : "v2/";
}

void describe_console(struct call *c)
{
    struct sbuf *b = &c->a->body;

    answer_text(c, 200, "text/html; charset=utf-8", STR(""));
    sbuf_c(b, "<!doctype html><meta charset=utf-8><title>REST API</title><h1>REST API</h1><pre>\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (differs(i))
            sbuf_fmt(b, "\n<a href=\"/public/api/%s%s.raml\">%s</a>\n", folder(i), rows[i].file, rows[i].file);
        sbuf_fmt(b, "  %s  <i>%s</i>\n", rows[i].path, rows[i].methods);
    }
    sbuf_c(b, "\nTypes: ");
    sbuf_c(b, "<a href=\"/public/api/v2/types/app.raml\">app</a> <a href=\"/public/api/v2/types/group.raml\">group</a> "
              "<a href=\"/public/api/v2/types/pod.raml\">pod</a>\n</pre>\n");
}

/* --- RAML ------------------------------------------------------------------------------------------------- */
static void raml(struct call *c, const char *kind, const char *title)
{
    answer_text(c, 200, "application/raml+yaml", STR(""));
    sbuf_fmt(&c->a->body, "#%%RAML 1.0%s\n", kind);
    if (title != NULL)
        sbuf_fmt(&c->a->body, "title: %s\nmediaType: application/json\n", title);
}

static void put_row(struct sbuf *b, size_t i)
{
    struct str rest = str_of(rows[i].methods), method;

    sbuf_fmt(b, "%s:\n", rows[i].path);
    for (bool more = true; more;) {
        more = str_cut(&rest, ' ', &method);
        sbuf_fmt(b, "  %.*s:\n", STR_ARG(method));
    }
}

/* False: there is no such file. */
static bool put_resource(struct call *c, struct str file)
{
    bool all = str_is(file, "api"), found = false;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!all && !str_is(file, rows[i].file))
            continue;
        if (!found)
            raml(c, "", "Marathon REST API");
        found = true;
        put_row(&c->a->body, i);
    }
    return found;
}

enum { TYPES_MAX = 64 };

struct types {
    const struct schema *v[TYPES_MAX];
    size_t n;
};

static void want(struct types *t, const struct schema *s)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i] == s)
            return;
    if (t->n < TYPES_MAX)
        t->v[t->n++] = s;
}

static const char *type_name(const struct schema_field *f)
{
    switch (f->type) {
    case ST_STR:
    case ST_ENUM:
        return "string";
    case ST_BOOL:
        return "boolean";
    case ST_I64:
        return "integer";
    case ST_F64:
        return "number";
    case ST_TIME:
        return "datetime";
    case ST_OBJ:
        return f->sub->name;
    }
    return "any";
}

static void put_bounds(struct sbuf *b, const struct schema_field *f)
{
    bool text = f->type == ST_STR, number = f->type == ST_I64 || f->type == ST_F64;

    if ((text || number) && f->min <= f->max) {
        sbuf_fmt(b, "        %s: %.15g\n", text ? "minLength" : "minimum", f->min);
        if (f->max < 1e9 || number)
            sbuf_fmt(b, "        %s: %.15g\n", text ? "maxLength" : "maximum", f->max);
    }
    if (f->type == ST_ENUM) {
        sbuf_c(b, "        enum: [");
        for (size_t i = 0; f->names[i] != NULL; i++)
            sbuf_fmt(b, "%s\"%s\"", i == 0 ? "" : ", ", f->names[i]);
        sbuf_c(b, "]\n");
    }
}

static void put_default(struct sbuf *b, const struct schema_field *f)
{
    if ((f->flags & SF_DEFAULT) == 0 || f->shape != SH_ONE)
        return;
    if (f->type == ST_STR)
        sbuf_fmt(b, "        default: \"%s\"\n", f->dflt_text != NULL ? f->dflt_text : "");
    else if (f->type == ST_ENUM)
        sbuf_fmt(b, "        default: \"%s\"\n", f->names[(size_t)f->dflt]);
    else if (f->type == ST_BOOL)
        sbuf_fmt(b, "        default: %s\n", f->dflt > 0 ? "true" : "false");
    else
        sbuf_fmt(b, "        default: %.15g\n", f->dflt);
}

static void put_field(struct sbuf *b, const struct schema_field *f, struct types *t)
{
    sbuf_fmt(b, "      %s%s:\n", f->name, (f->flags & SF_REQUIRED) != 0 ? "" : "?");
    if (f->shape == SH_LIST)
        sbuf_fmt(b, "        type: %s[]\n", type_name(f));
    else if (f->shape == SH_MAP)
        sbuf_fmt(b, "        type: object\n        properties:\n          //: %s\n", type_name(f));
    else
        sbuf_fmt(b, "        type: %s\n", type_name(f));
    if (f->shape == SH_ONE)
        put_bounds(b, f);
    put_default(b, f);
    if ((f->flags & SF_INPUT) != 0)
        sbuf_c(b, "        description: accepted, rendered in its newer form\n");
    if (f->type == ST_OBJ)
        want(t, f->sub);
}

/* What the table's members do not show: the forms in JSON. */
static const char *form(enum schema_json j)
{
    switch (j) {
    case SJ_ENV:
        return "    description: \"text, or {\\\"secret\\\": name}\"\n    type: any\n";
    case SJ_CONSTRAINT:
        return "    description: \"[field, operator] or [field, operator, value]\"\n    type: string[]\n";
    case SJ_LIMIT:
        return "    description: \"a number, or \\\"unlimited\\\"\"\n    type: number | string\n";
    case SJ_UNREACHABLE:
    case SJ_PLAIN:
    case SJ_VOLUME:
    case SJ_EXTERNAL:
    case SJ_COMMAND:
        break;
    }
    return NULL;
}

static void put_type(struct sbuf *b, const struct schema *s, struct types *t)
{
    const char *special = form(s->json);

    sbuf_fmt(b, "  %s:\n", s->name);
    if (special != NULL) {
        sbuf_c(b, special);
        return;
    }
    if (s->json == SJ_UNREACHABLE)
        sbuf_c(b, "    description: \"or the text disabled\"\n");
    sbuf_c(b, "    type: object\n    properties:\n");
    for (size_t i = 0; i < s->count; i++)
        if ((s->fields[i].flags & SF_HIDDEN) == 0)
            put_field(b, &s->fields[i], t);
}

static bool put_types(struct call *c, struct str file)
{
    struct types t = { .n = 0 };

    if (str_is(file, "app"))
        want(&t, &schema_app);
    else if (str_is(file, "group"))
        want(&t, &schema_group_update);
    else if (str_is(file, "pod"))
        want(&t, &schema_pod);
    else
        return false;
    raml(c, " Library", NULL);
    sbuf_c(&c->a->body, "types:\n");
    for (size_t i = 0; i < t.n; i++) /* grows while it is walked */
        put_type(&c->a->body, t.v[i], &t);
    return true;
}

void describe_public(struct call *c)
{
    struct str file = c->n != 0 ? c->segments[c->n - 1] : STR("");
    bool found = false;

    if (c->n == 1) { /* /public/ */
        describe_console(c);
        return;
    }
    if (str_is(c->segments[1], "api") && str_ends(file, STR(".raml"))) {
        file = str_sub(file, 0, file.n - 5);
        bool v2 = c->n > 3 && str_is(c->segments[2], "v2");
        if (c->n == 3)
            found = (str_is(file, "api") || str_is(file, "general")) && put_resource(c, file);
        else if (c->n == 4 && v2)
            found = !str_is(file, "api") && put_resource(c, file);
        else if (c->n == 5 && v2 && str_is(c->segments[3], "types"))
            found = put_types(c, file);
    }
    if (!found)
        answer_message(c, 404, "URI not found");
}
