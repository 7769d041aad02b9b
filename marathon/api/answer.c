/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes that all endpoints share: errors, deployment replies, query parameters. Source: marathon-api §1, §3.
 */
#include <stdarg.h>
#include <stdio.h>

#include "marathon/api/int.h"

enum { SPILL_BYTES = 256 << 10 };

void api_answer_init(struct api_answer *a)
{
    *a = (struct api_answer){ .status = 200 };
    sbuf_init(&a->body, API_BODY_BYTES_MAX);
    sbuf_init(&a->location, 16 * 1024);
}

void api_answer_done(struct api_answer *a)
{
    sbuf_done(&a->body);
    sbuf_done(&a->location);
}

struct jsonw answer_json(struct call *c, unsigned status)
{
    c->a->status = status;
    c->a->content_type = "application/json";
    sbuf_clear(&c->a->body);
    return (struct jsonw){ .b = &c->a->body, .spill = c->a->spill, .spill_arg = c->a, .spill_bytes = SPILL_BYTES };
}

void answer_text(struct call *c, unsigned status, const char *content_type, struct str body)
{
    c->a->status = status;
    c->a->content_type = content_type;
    sbuf_clear(&c->a->body);
    sbuf_str(&c->a->body, body);
}

void answer_message(struct call *c, unsigned status, const char *fmt, ...)
{
    struct jsonw w = answer_json(c, status);
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* cut when longer */
    va_end(ap);
    jsonw_open(&w);
    jsonw_key_c(&w, "message", text);
    jsonw_close(&w);
}

/* Grouped by path, in the order of the first text of each path. */
void answer_issues(struct call *c, const char *message)
{
    struct jsonw w = answer_json(c, 422);
    const struct issues *is = &c->issues;

    jsonw_open(&w);
    jsonw_key_c(&w, "message", message);
    jsonw_key_array(&w, "details");
    for (size_t i = 0; i < is->n; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !str_eq(is->v[k].path, is->v[i].path);
        if (!first)
            continue;
        jsonw_open(&w);
        jsonw_key_s(&w, "path", is->v[i].path);
        jsonw_key_array(&w, "errors");
        for (size_t k = i; k < is->n; k++)
            if (str_eq(is->v[k].path, is->v[i].path))
                jsonw_str(&w, is->v[k].text);
        jsonw_array_close(&w);
        jsonw_close(&w);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

bool answer_bad(struct call *c, const char *message)
{
    if (c->issues.n == 0)
        return false;
    answer_issues(c, message);
    return true;
}

void answer_not_allowed(struct call *c, const char *allow)
{
    answer_message(c, 405, "Method Not Allowed");
    c->a->allow = allow;
}

void answer_deployment(struct call *c, unsigned status, const struct update_result *res)
{
    struct jsonw w = answer_json(c, status);

    jsonw_open(&w);
    jsonw_key_wall(&w, "version", res->version);
    jsonw_key_c(&w, "deploymentId", res->deployment_id);
    jsonw_close(&w);
    memcpy(c->a->deployment_id, res->deployment_id, sizeof c->a->deployment_id);
}

static void etag_text(struct sbuf *b, struct wall version)
{
    sbuf_char(b, '"');
    wall_print(b, version);
    sbuf_char(b, '"');
}

void answer_etag(struct call *c, struct wall version)
{
    struct sbuf b = SBUF_INIT(64);

    etag_text(&b, version);
    (void)snprintf(c->a->etag, sizeof c->a->etag, "%.*s", STR_ARG(sbuf_view(&b)));
    sbuf_done(&b);
}

bool precondition_holds(struct call *c, const struct spec *s)
{
    return precondition_on(c, s != NULL ? &s->version : NULL);
}

bool precondition_on(struct call *c, const struct wall *version)
{
    struct str rest = c->r->if_match, one;
    struct sbuf b = SBUF_INIT(64);
    bool good = rest.n == 0 || (version != NULL && str_is(str_trim(rest), "*"));

    if (version != NULL)
        etag_text(&b, *version);
    for (bool more = !good && version != NULL; more && !good;) {
        more = str_cut(&rest, ',', &one);
        good = str_eq(str_trim(one), sbuf_view(&b));
    }
    if (!good)
        answer_message(c, 412, "If-Match asks for version %.*s, and the present one is %.*s",
                       STR_ARG(str_sub(c->r->if_match, 0, 200)),
                       STR_ARG(b.n != 0 ? sbuf_view(&b) : STR("none")));
    sbuf_done(&b);
    return good;
}

void answer_location(struct call *c, struct str id)
{
    struct sbuf *b = &c->a->location;

    sbuf_c(b, "http://");
    sbuf_str(b, c->r->host.n != 0 ? c->r->host : c->api->leader);
    sbuf_str(b, id);
}

void jsonw_key_deployments(struct jsonw *w, const char (*ids)[UUID_TEXT_SIZE], size_t n)
{
    jsonw_key_array(w, "deployments");
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w);
        jsonw_key_c(w, "id", ids[i]);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

void answer_update_problem(struct call *c, const struct update_result *res, const struct error *err)
{
    struct jsonw w;

    switch (res->problem) {
    case UPDATE_LOCKED:
        w = answer_json(c, 409);
        jsonw_open(&w);
        jsonw_key_c(&w, "message",
                    "App is locked by one or more deployments. Override with the option '?force=true'. View "
                    "details at '/v2/deployments/<DEPLOYMENT_ID>'.");
        jsonw_key_deployments(&w, res->conflicts, res->conflict_count);
        jsonw_close(&w);
        return;
    case UPDATE_TOO_MANY:
        answer_message(c, 403, "%s", err->msg);
        return;
    case UPDATE_CYCLE:
    case UPDATE_CLASH:
        issue_at(&c->issues, NULL, "%s", err->msg);
        answer_issues(c, "Object is not valid");
        return;
    case UPDATE_ROLES: {
        struct place p = PLACE_FIELD(NULL, "enforceRole");
        issue_at(&c->issues, &p, "%s", err->msg);
        answer_issues(c, "Object is not valid");
        return;
    }
    case UPDATE_PORTS:
        answer_message(c, 500, "%s", err->msg);
        return;
    case UPDATE_OK:
        break;
    }
    answer_message(c, (unsigned)err_code_http_status(err->code), "%s", err->msg);
}

/* --- query -------------------------------------------------------------------------------------------------
 */
void query_each(struct call *c, const char *name, void (*fn)(void *arg, struct str value), void *arg)
{
    struct str rest = c->r->query, k, v;

    while (http_query_next(&rest, &k, &v)) {
        struct sbuf kb = SBUF_INIT(1024), vb = SBUF_INIT(64 * 1024);
        if (http_form_decode(&kb, k) && str_is(sbuf_view(&kb), name) && http_form_decode(&vb, v))
            fn(arg, arena_str(&c->arena, sbuf_view(&vb)));
        sbuf_done(&kb);
        sbuf_done(&vb);
    }
}

static void take_first(void *arg, struct str value)
{
    struct str *s = arg;
    if (s->p == NULL)
        *s = value;
}

struct str query_text(struct call *c, const char *name)
{
    struct str s = { NULL, 0 };

    if (c->r->query.n != 0)
        query_each(c, name, take_first, &s);
    return s;
}

bool query_flag(const struct call *c, const char *name, bool dflt)
{
    struct sbuf b = SBUF_INIT(1024);
    bool found = http_query_get(c->r->query, name, &b), v = str_eq_nocase(sbuf_view(&b), STR("true"));

    sbuf_done(&b);
    return found ? v : dflt;
}

static void add_embed(void *arg, struct str v)
{
    static const struct {
        const char *name;
        unsigned bits;
    } names[] = { { "tasks", EMBED_TASKS | EMBED_DEPLOYMENTS },
                  { "counts", EMBED_COUNTS },
                  { "deployments", EMBED_DEPLOYMENTS },
                  { "readiness", EMBED_READINESS },
                  { "lastTaskFailure", EMBED_FAILURE },
                  { "failures", EMBED_TASKS | EMBED_FAILURE | EMBED_DEPLOYMENTS },
                  { "taskStats", EMBED_STATS } };
    unsigned *bits = arg;

    if (str_is(v, "group.groups")) {
        *bits |= EMBED_GROUPS;
        return;
    }
    if (str_is(v, "group.apps")) {
        *bits |= EMBED_APPS;
        return;
    }
    if (str_is(v, "group.pods")) {
        *bits |= EMBED_PODS;
        return;
    }
    if (!str_skip(&v, STR("group.apps.")) && !str_skip(&v, STR("apps.")))
        (void)str_skip(&v, STR("app."));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(v, names[i].name))
            *bits |= names[i].bits;
}

unsigned embeds(struct call *c)
{
    unsigned bits = 0;

    query_each(c, "embed", add_embed, &bits);
    return bits;
}

struct str segments_path(struct call *c, size_t from, size_t to)
{
    struct sbuf b = SBUF_INIT(64 * 1024);
    struct str s;

    for (size_t i = from; i < to; i++) {
        sbuf_char(&b, '/');
        sbuf_str(&b, c->segments[i]);
    }
    s = b.n != 0 ? arena_str(&c->arena, sbuf_view(&b)) : STR("/");
    sbuf_done(&b);
    return s.p != NULL ? path_resolve(&c->arena, STR("/"), s) : STR("/");
}

/* Without parameters. */
static struct str media_of(struct str type)
{
    struct str media;

    (void)str_cut(&type, ';', &media);
    return str_trim(media);
}

/* application/json, text/json, application/merge-patch+json, in any case. */
static bool says_json(struct str type)
{
    struct str media = media_of(type);

    return media.n >= 4 && str_eq_nocase(str_sub(media, media.n - 4, 4), STR("json"));
}

bool body_is_merge_patch(const struct call *c)
{
    return str_eq_nocase(media_of(c->r->content_type), STR("application/merge-patch+json"));
}

cJSON *body_json(struct call *c)
{
    char text[200];
    cJSON *j;
    struct jsonw w;
    const char *message = "Invalid JSON";

    if (c->r->content_type.n != 0 && !says_json(c->r->content_type)) {
        answer_message(c, 415, "Unsupported Media Type");
        return NULL;
    }
    if (str_trim(c->r->body).n == 0) {
        message = "Please specify data in JSON format";
        (void)snprintf(text, sizeof text, "No content to map due to end-of-input");
        j = NULL;
    } else {
        j = body_parse(c->r->body, text, sizeof text);
    }
    if (j != NULL)
        return j;
    w = answer_json(c, 400);
    jsonw_open(&w);
    jsonw_key_c(&w, "message", message);
    jsonw_key_c(&w, "details", text);
    jsonw_close(&w);
    return NULL;
}

bool parse_version(struct call *c, struct str text, struct wall *ret)
{
    if (wall_parse(text, ret))
        return true;
    answer_message(c, 422, "Invalid timestamp provided '%.*s'. Expecting ISO-8601 datetime string.",
                   STR_ARG(str_sub(text, 0, 100)));
    return false;
}
