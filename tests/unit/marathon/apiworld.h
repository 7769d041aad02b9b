/* SPDX-License-Identifier: Apache-2.0 */
/* world.h with the REST API in front and a table of records behind. */
#ifndef STOA_TESTS_MARATHON_APIWORLD_H
#define STOA_TESTS_MARATHON_APIWORLD_H

#include <cjson/cJSON.h>

#include "marathon/api/api.h"
#include "marathon/api/records.h"
#include "marathon/flags.h"
#include "tests/unit/marathon/world.h"

enum { RECORDS_MAX = 2000 };

struct apiworld {
    struct world w;
    struct api api;
    struct flags flag_set;
    struct marathon_flags flags;
    struct {
        char *key, *value;
    } records[RECORDS_MAX];
    size_t record_count;
    struct api_answer answer;
    unsigned published;
    struct str if_match; /* of the next calls */
    const char *content_type; /* of the next bodies; NULL: application/json */
};

static void apiworld_store(struct apiworld *aw)
{
    struct sbuf key = SBUF_INIT(8192), value = SBUF_INIT(1 << 24);

    for (size_t i = 0; i < aw->w.actions.store_count; i++) {
        bool gone;
        size_t k = 0;
        record_encode(&aw->w.actions.stores[i], &key, &value, &gone);
        while (k < aw->record_count && !str_is(sbuf_view(&key), aw->records[k].key))
            k++;
        if (gone) {
            if (k == aw->record_count)
                continue;
            free(aw->records[k].key);
            free(aw->records[k].value);
            aw->records[k] = aw->records[--aw->record_count];
            continue;
        }
        if (k == aw->record_count) {
            if (k == RECORDS_MAX)
                abort();
            aw->records[aw->record_count++].key = xstrndup(sbuf_view(&key));
        } else {
            free(aw->records[k].value);
        }
        aw->records[k].value = xstrndup(sbuf_view(&value));
    }
    sbuf_done(&key);
    sbuf_done(&value);
}

static void apiworld_check(struct world *w)
{
    apiworld_store((struct apiworld *)(void *)w);
}

static int apiworld_step(void *ctx, const struct marathon_event *ev, const struct update_result **ret,
                         struct error *err)
{
    struct apiworld *aw = ctx;
    int rc = world_step(&aw->w, *ev, err);

    *ret = &aw->w.actions.result;
    return rc;
}

static void apiworld_publish(void *ctx, const struct bus_event *e)
{
    (void)e;
    ((struct apiworld *)ctx)->published++;
}

static struct wall apiworld_wall(void *ctx)
{
    return ((struct apiworld *)ctx)->w.wall;
}

static struct mono apiworld_mono(void *ctx)
{
    return ((struct apiworld *)ctx)->w.now;
}

static void apiworld_attach(struct apiworld *aw)
{
    aw->api = (struct api){ .m = aw->w.m,
                            .flags = &aw->flags,
                            .version = STR("1.11.24"),
                            .buildref = STR("stoa"),
                            .leader = STR("127.0.0.1:8080"),
                            .step = apiworld_step,
                            .publish = apiworld_publish,
                            .wall = apiworld_wall,
                            .mono = apiworld_mono,
                            .ctx = aw };
}

/* role: of the framework. */
static void apiworld_init_as(struct apiworld *aw, int agents, struct str role)
{
    static char *argv[] = { "marathon", "--hostname=127.0.0.1", "--mesos_user=root", NULL };
    struct error err;
    bool help;

    memset(aw, 0, sizeof *aw);
    world_init(&aw->w, agents, 4000, 1);
    if (marathon_flags_parse(&aw->flag_set, &aw->flags, 3, argv, NULL, &help, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    aw->w.check = apiworld_check;
    aw->w.config.role = role;
    world_start(&aw->w);
    apiworld_attach(aw);
    api_answer_init(&aw->answer);
}

static inline void apiworld_init(struct apiworld *aw, int agents)
{
    apiworld_init_as(aw, agents, STR("*"));
}

static inline void apiworld_on_report(void *ctx, struct str key, const char *what)
{
    (void)ctx;
    test_fail(__FILE__, __LINE__, "record %.*s: %s", STR_ARG(key), what);
}

/* A new core from the records of the old one. */
static inline void apiworld_restart(struct apiworld *aw)
{
    static struct record v[RECORDS_MAX];

    marathon_free(aw->w.m);
    aw->w.m = marathon_new(&aw->w.config);
    for (size_t i = 0; i < aw->record_count; i++)
        v[i] = (struct record){ str_of(aw->records[i].key), str_of(aw->records[i].value) };
    records_load(aw->w.m, v, aw->record_count, aw->w.now, apiworld_on_report, NULL);
    apiworld_attach(aw);
    world_start(&aw->w);
}

static void apiworld_done(struct apiworld *aw)
{
    api_answer_done(&aw->answer);
    world_done(&aw->w);
    flags_done(&aw->flag_set, &aw->flags);
    for (size_t i = 0; i < aw->record_count; i++) {
        free(aw->records[i].key);
        free(aw->records[i].value);
    }
}

/* Answers the status; the body is in aw->answer. */
static unsigned call_as(struct apiworld *aw, const char *method, const char *target, const char *body,
                        const char *accept)
{
    static const char *const verbs[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    struct str path = str_of(target), query = { NULL, 0 }, rest = path;
    struct api_request r = { .verb = HTTP_VERB_OTHER,
                             .body = str_of(body),
                             .accept = str_of(accept),
                             .host = STR("h:8080"),
                             .client = STR("127.0.0.1"),
                             .if_match = aw->if_match };

    if (str_cut(&rest, '?', &path))
        query = rest;
    for (int i = 0; i < 7; i++)
        if (str_is(str_of(method), verbs[i]))
            r.verb = (enum http_verb)i;
    r.path = path;
    r.query = query;
    r.target = str_of(target);
    if (body != NULL)
        r.content_type = aw->content_type != NULL ? str_of(aw->content_type) : STR("application/json");
    api_answer_done(&aw->answer);
    api_answer_init(&aw->answer);
    api_handle(&aw->api, &r, &aw->answer);
    return aw->answer.status;
}

static inline unsigned call(struct apiworld *aw, const char *method, const char *target, const char *body)
{
    return call_as(aw, method, target, body, NULL);
}

static inline struct str body_of(const struct apiworld *aw)
{
    return sbuf_view(&aw->answer.body);
}

/* The value at a path like "app/tasks/0/id" of the answer as JSON text without spaces; "" when it is not
 * there. */
static inline const char *at(struct apiworld *aw, const char *path)
{
    static char text[4][4096];
    static unsigned next;
    char *out = text[next++ % 4];
    cJSON *root = cJSON_ParseWithLength(aw->answer.body.p, aw->answer.body.n);
    const cJSON *v = root;
    struct str rest = str_of(path), step;

    for (bool more = rest.n != 0; more && v != NULL;) {
        uint64_t n;
        char key[128];
        more = str_cut(&rest, '/', &step);
        struct str digits = step;
        (void)snprintf(key, sizeof key, "%.*s", STR_ARG(step));
        if (cJSON_IsArray(v) && str_u64(&digits, 100000, &n) && digits.n == 0)
            v = cJSON_GetArrayItem(v, (int)n);
        else
            v = cJSON_GetObjectItemCaseSensitive(v, key);
    }
    out[0] = '\0';
    if (v != NULL) {
        char *s = cJSON_PrintUnformatted(v);
        (void)snprintf(out, 4096, "%s", s);
        cJSON_free(s);
    }
    cJSON_Delete(root);
    return out;
}

#endif
