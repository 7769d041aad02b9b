/* SPDX-License-Identifier: Apache-2.0 */
/* /stoa/v1/deleted: apps and pods that were removed and can be brought back. docs/marathon.md describes the answers. */
#include "marathon/core/deleted.h"

#include "marathon/api/int.h"

static void render(struct call *c, struct jsonw *w, const struct deleted *d)
{
    jsonw_open(w);
    jsonw_key_s(w, "id", d->id);
    jsonw_key_c(w, "kind", d->spec->app.pod != NULL ? "pod" : "app");
    jsonw_key_wall(w, "deletedAt", d->at);
    jsonw_key_wall(w, "keptUntil", deleted_until(c->m, d));
    jsonw_key_wall(w, "version", d->spec->version);
    jsonw_key(w, "definition");
    if (d->spec->app.pod != NULL)
        render_pod_spec(w, d->spec);
    else
        render_app(c, w, d->spec, NULL, 0, true);
    jsonw_close(w);
}

static void list(struct call *c)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_array(&w, "deleted");
    for (const struct deleted *d = c->m->deleted_list != NULL ? c->m->deleted_list->prev : NULL; d != NULL;
         d = d != c->m->deleted_list ? d->prev : NULL) { /* newest first */
        render(c, &w, d);
        jsonw_spill(&w);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

static struct deleted *find(struct call *c, struct str id)
{
    struct deleted *d = deleted_find(c->m, id);

    if (d == NULL)
        answer_message(c, 404, "No deleted app '%.*s' is kept", STR_ARG(str_sub(id, 0, 1000)));
    return d;
}

static void restore(struct call *c, struct str id)
{
    const struct deleted *d = find(c, id);
    const struct slot *s = slot_find(c->m, id);
    const struct update_result *res;
    struct update_app ua;
    struct root_update u;

    if (d == NULL)
        return;
    if (s != NULL && s->spec != NULL) {
        answer_message(c, 409, "An app with id [%.*s] exists; delete or rename it first", STR_ARG(id));
        return;
    }
    ua = (struct update_app){ .id = d->id, .app = &d->spec->app };
    u = (struct root_update){ .apps = &ua,
                              .app_count = 1,
                              .force = query_flag(c, "force", false),
                              .dry_run = query_flag(c, "dryRun", false),
                              .changed_group = path_parent(d->id) };
    if (!run_update(c, &u, &res))
        return;
    if (u.dry_run)
        answer_dry_run(c, res);
    else
        answer_deployment(c, 201, res);
}

static void forget(struct call *c, struct str id)
{
    struct marathon_event ev = { .type = EVENT_DELETED_FORGET, .deleted_forget = id };
    const struct update_result *res;
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, &res, &err) < 0)
        answer_message(c, (unsigned)err_code_http_status(err.code), "%s", err.msg);
    else
        answer_text(c, 204, NULL, STR(""));
}

static void show(struct call *c, struct str id)
{
    const struct deleted *d = find(c, id);
    struct jsonw w;

    if (d == NULL)
        return;
    w = answer_json(c, 200);
    render(c, &w, d);
}

void handle_deleted(struct call *c)
{
    bool get = c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD;

    if (c->n > 4 && str_is(c->segments[c->n - 1], "restore")) {
        if (c->r->verb == HTTP_VERB_POST)
            restore(c, segments_path(c, 3, c->n - 1));
        else
            answer_not_allowed(c, "POST, OPTIONS");
    } else if (c->n == 3 && get) {
        list(c);
    } else if (c->n > 3 && get) {
        show(c, segments_path(c, 3, c->n));
    } else if (c->n > 3 && c->r->verb == HTTP_VERB_DELETE) {
        forget(c, segments_path(c, 3, c->n));
    } else {
        answer_not_allowed(c, c->n == 3 ? "GET, HEAD, OPTIONS" : "GET, HEAD, DELETE, OPTIONS");
    }
}
