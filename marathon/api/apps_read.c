/* SPDX-License-Identifier: Apache-2.0 */
/* Reading apps: lists with filters, one app, the apps below a group, versions. Source: marathon-api §5. */
#include "marathon/api/int.h"

struct filter {
    struct str cmd, id;
    struct selector *label;
};

/* ASCII, any case. */
static bool contains_nocase(struct str s, struct str part)
{
    for (size_t i = 0; part.n <= s.n && i <= s.n - part.n; i++)
        if (str_eq_nocase(str_sub(s, i, part.n), part))
            return true;
    return false;
}

static bool passes(const struct filter *f, const struct slot *s)
{
    const struct app *a = &s->spec->app;

    return (f->cmd.p == NULL || (a->cmd.p != NULL && contains_nocase(a->cmd, f->cmd))) &&
           (f->id.p == NULL || contains_nocase(s->id, f->id)) &&
           (f->label == NULL || selector_matches(f->label, a));
}

void apps_list(struct call *c)
{
    struct filter f = { .cmd = query_text(c, "cmd"), .id = query_text(c, "id") };
    struct str label = query_text(c, "label");
    unsigned embed = embeds(c) | EMBED_COUNTS | EMBED_DEPLOYMENTS;
    struct slot *s, *tmp;
    struct jsonw w;

    if (label.n != 0 && (f.label = selector_parse(label, &c->arena)) == NULL) {
        answer_message(c, 422, "Can not parse label selector '%.*s'", STR_ARG(str_sub(label, 0, 200)));
        return;
    }
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "apps");
    HASH_ITER(hh, c->m->slots, s, tmp)
    if (slot_is_app(s) && passes(&f, s)) {
        render_app(c, &w, s->spec, s, embed, true);
        jsonw_spill(&w);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

static struct slot *find(struct call *c, struct str id)
{
    struct slot *s = slot_find(c->m, id);

    if (s != NULL && slot_is_app(s))
        return s;
    answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    return NULL;
}

enum { EMBED_ONE = EMBED_COUNTS | EMBED_DEPLOYMENTS | EMBED_TASKS | EMBED_FAILURE };

void app_show(struct call *c, struct str id)
{
    struct slot *s = find(c, id);
    struct jsonw w;

    if (s == NULL)
        return;
    answer_etag(c, s->spec->version);
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key(&w, "app");
    render_app(c, &w, s->spec, s, embeds(c) | EMBED_ONE, true);
    jsonw_close(&w);
}

void apps_below(struct call *c, struct str group)
{
    unsigned embed = embeds(c) | EMBED_ONE;
    struct jsonw w = answer_json(c, 200);
    struct slot *s, *tmp;

    jsonw_open(&w);
    jsonw_key_array(&w, "*");
    HASH_ITER(hh, c->m->slots, s, tmp)
    if (slot_is_app(s) && path_is_within(s->id, group))
        render_app(c, &w, s->spec, s, embed, true);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

void app_versions(struct call *c, struct str id)
{
    struct slot *s = find(c, id);
    struct jsonw w;

    if (s == NULL)
        return;
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "versions");
    for (size_t i = s->version_count; i-- > 0;)
        jsonw_wall(&w, s->versions[i]->version);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

void app_version(struct call *c, struct str id, struct str version)
{
    struct slot *s = find(c, id);
    struct spec *spec;
    struct wall v;
    struct jsonw w;

    if (s == NULL || !parse_version(c, version, &v))
        return;
    spec = slot_version(s, v);
    if (spec == NULL) {
        answer_message(c, 404, "App '%.*s' does not exist in version %.*s", STR_ARG(str_sub(id, 0, 1000)),
                       STR_ARG(version));
        return;
    }
    w = answer_json(c, 200);
    render_app(c, &w, spec, NULL, 0, true);
}
