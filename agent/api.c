/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1: the pipeline of checks, and the calls that only look. Texts are the original's (golden exchanges
 * 300-351, 372-378). Source: reference of the operator API, §6. */
#include "agent/api.h"

#include <stdlib.h>
#include <string.h>

#include "agent/domain_socket.h"
#include "agent/files.h"
#include "agent/image_gc.h"
#include "agent/wire/call.h"
#include "agent/wire/encode.h"
#include "agent/wire/state_json.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

#define T(x) MESOS__V1__AGENT__CALL__TYPE__##x
#define R(x) MESOS__V1__AGENT__RESPONSE__TYPE__##x

/* --- answers --- */

static void reply(struct api_call *c, struct sbuf *b)
{
    if (!sbuf_ok(b))
        http_reply_text(c->req, 500, "The answer is over %zu bytes", b->max);
    else
        api_reply(c->req, c->json_out, sbuf_view(b));
}

/* --- lists, written with their empty members as the original does --- */

struct list_field {
    uint32_t number;
    const char *key;
    const ProtobufCMessageDescriptor *type;
};

static const struct list_field task_lists[] = {
    { 1, "pending_tasks", &mesos__v1__task__descriptor },    { 2, "queued_tasks", &mesos__v1__task__descriptor },
    { 3, "launched_tasks", &mesos__v1__task__descriptor },   { 4, "terminated_tasks", &mesos__v1__task__descriptor },
    { 5, "completed_tasks", &mesos__v1__task__descriptor },
};
static const struct list_field executor_lists[] = {
    { 1, "executors", &mesos__v1__agent__response__get_executors__executor__descriptor },
    { 2, "completed_executors", &mesos__v1__agent__response__get_executors__executor__descriptor },
};
static const struct list_field framework_lists[] = {
    { 1, "frameworks", &mesos__v1__agent__response__get_frameworks__framework__descriptor },
    { 2, "completed_frameworks", &mesos__v1__agent__response__get_frameworks__framework__descriptor },
};

static void put_lists(struct jsonw *w, struct str m, const struct list_field *lists, size_t count)
{
    struct wire_field f;

    jsonw_open(w);
    for (size_t i = 0; i < count; i++) {
        struct str rest = m;
        jsonw_key_array(w, lists[i].key);
        while (wire_field_next(&rest, &f) == 1)
            if (f.number == lists[i].number)
                (void)json_write_wire(w, lists[i].type, f.bytes, NULL);
        jsonw_array_close(w);
    }
    jsonw_close(w);
}

static void reply_lists(struct api_call *c, const char *type, const char *key, Mesos__V1__Agent__Response__Type number,
                        uint32_t field, struct str m, const struct list_field *lists, size_t count)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);

    if (!c->json_out) {
        wire_put_u64(&b, 1, number);
        wire_put_bytes(&b, field, m);
        reply(c, &b);
        return;
    }
    jsonw_open(&w);
    jsonw_key_c(&w, "type", type);
    jsonw_key(&w, key);
    put_lists(&w, m, lists, count);
    jsonw_close(&w);
    http_reply_sbuf(c->req, 200, "application/json", &b);
}

static void put_task(struct sbuf *b, const struct agent_task *t, bool completed)
{
    static const uint32_t numbers[] = { [AGENT_TASK_QUEUED] = 2, [AGENT_TASK_LAUNCHED] = 3,
                                        [AGENT_TASK_TERMINATED] = 4, [AGENT_TASK_COMPLETED] = 5 };

    if ((t->place == AGENT_TASK_COMPLETED) == completed)
        wire_put_agent_task(b, numbers[t->place], t, RESOURCE_POST);
}

static void put_executor_tasks(struct sbuf *b, const struct agent_views *v, const struct agent_executor *e)
{
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        if (agent_views_task(v, t))
            put_task(b, t, false);
    for (const struct agent_task *t = e->completed; t != NULL; t = t->next)
        if (agent_views_task(v, t))
            put_task(b, t, true);
}

static void put_framework_tasks(struct sbuf *b, const struct agent_views *v, const struct agent_framework *f)
{
    for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
        put_executor_tasks(b, v, e);
    for (const struct agent_executor *e = f->completed; e != NULL; e = e->next)
        put_executor_tasks(b, v, e);
}

static void put_tasks(struct sbuf *b, const struct shell *s)
{
    struct agent_views v = access_views(s);

    for (const struct agent_framework *f = s->core->frameworks; f != NULL; f = f->hh.next)
        put_framework_tasks(b, &v, f);
    for (const struct agent_framework *f = s->core->completed; f != NULL; f = f->next)
        put_framework_tasks(b, &v, f);
}

static void put_info(struct sbuf *b, uint32_t number, struct str info)
{
    size_t mark = wire_open(b, number);
    wire_put_bytes(b, 1, info);
    wire_close(b, mark);
}

static void put_executor(struct sbuf *b, const struct agent_views *v, uint32_t number, const struct agent_executor *e)
{
    if (agent_views_executor(v, e))
        put_info(b, number, blob_str(e->info->raw));
}

static void put_executors(struct sbuf *b, const struct shell *s)
{
    const struct agent *a = s->core;
    struct agent_views v = access_views(s);

    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            put_executor(b, &v, 1, e);
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->completed; e != NULL; e = e->next)
            put_executor(b, &v, 2, e);
    for (const struct agent_framework *f = a->completed; f != NULL; f = f->next)
        for (const struct agent_executor *e = f->completed; e != NULL; e = e->next)
            put_executor(b, &v, 2, e);
}

static void put_frameworks(struct sbuf *b, const struct shell *s)
{
    struct agent_views v = access_views(s);

    for (const struct agent_framework *f = s->core->frameworks; f != NULL; f = f->hh.next)
        if (agent_views_framework(&v, f))
            put_info(b, 1, blob_str(f->info->raw));
    for (const struct agent_framework *f = s->core->completed; f != NULL; f = f->next)
        if (agent_views_framework(&v, f))
            put_info(b, 2, blob_str(f->info->raw));
}

static void get_tasks(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf m = SBUF_INIT(API_ANSWER_BYTES_MAX);

    put_tasks(&m, c->shell);
    reply_lists(c, "GET_TASKS", "get_tasks", R(GET_TASKS), 13, sbuf_view(&m), task_lists, 5);
}

static void get_executors(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf m = SBUF_INIT(API_ANSWER_BYTES_MAX);

    put_executors(&m, c->shell);
    reply_lists(c, "GET_EXECUTORS", "get_executors", R(GET_EXECUTORS), 12, sbuf_view(&m), executor_lists, 2);
}

static void get_frameworks(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf m = SBUF_INIT(API_ANSWER_BYTES_MAX);

    put_frameworks(&m, c->shell);
    reply_lists(c, "GET_FRAMEWORKS", "get_frameworks", R(GET_FRAMEWORKS), 11, sbuf_view(&m), framework_lists, 2);
}

static void get_state(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf tasks = SBUF_INIT(API_ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf executors = SBUF_INIT(API_ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf frameworks = SBUF_INIT(API_ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);

    put_tasks(&tasks, c->shell);
    put_executors(&executors, c->shell);
    put_frameworks(&frameworks, c->shell);
    if (!c->json_out) {
        wire_put_u64(&b, 1, R(GET_STATE));
        size_t mark = wire_open(&b, 9);
        wire_put_bytes(&b, 1, sbuf_view(&tasks));
        wire_put_bytes(&b, 2, sbuf_view(&executors));
        wire_put_bytes(&b, 3, sbuf_view(&frameworks));
        wire_close(&b, mark);
        reply(c, &b);
        return;
    }
    jsonw_open(&w);
    jsonw_key_c(&w, "type", "GET_STATE");
    jsonw_key_open(&w, "get_state");
    jsonw_key(&w, "get_tasks");
    put_lists(&w, sbuf_view(&tasks), task_lists, 5);
    jsonw_key(&w, "get_executors");
    put_lists(&w, sbuf_view(&executors), executor_lists, 2);
    jsonw_key(&w, "get_frameworks");
    put_lists(&w, sbuf_view(&frameworks), framework_lists, 2);
    jsonw_close(&w);
    jsonw_close(&w);
    http_reply_sbuf(c->req, 200, "application/json", &b);
}

/* --- single values --- */

static void get_health(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    wire_put_u64(&b, 1, R(GET_HEALTH));
    size_t mark = wire_open(&b, 2);
    wire_put_u64(&b, 1, 1);
    wire_close(&b, mark);
    reply(c, &b);
}

static void get_version(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1024);

    wire_put_u64(&b, 1, R(GET_VERSION));
    size_t mark = wire_open(&b, 4);
    size_t info = wire_open(&b, 1);
    wire_put_bytes(&b, 1, STR(AGENT_VERSION));
    wire_put_bytes(&b, 2, STR(AGENT_BUILD_DATE));
    wire_put_double(&b, 3, AGENT_BUILD_TIME);
    wire_put_bytes(&b, 4, STR(AGENT_BUILD_USER));
    wire_close(&b, info);
    wire_close(&b, mark);
    reply(c, &b);
}

static int flag_by_name(const void *a, const void *b, void *spec)
{
    const struct flag *flags = ((const struct flags_spec *)spec)->flags;

    return strcmp(flags[*(const size_t *)a].name, flags[*(const size_t *)b].name);
}

static void get_flags(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20), shown = SBUF_INIT(1 << 20);
    const struct flags *f = &c->shell->parsed;
    size_t *order = arena_array(&c->arena, f->spec->count, sizeof *order);

    ASSERT(order != NULL); /* a few hundred */
    for (size_t i = 0; i < f->spec->count; i++)
        order[i] = i;
    qsort_r(order, f->spec->count, sizeof order[0], flag_by_name, (void *)(uintptr_t)f->spec);
    wire_put_u64(&b, 1, R(GET_FLAGS));
    size_t mark = wire_open(&b, 3);
    for (size_t k = 0; k < f->spec->count; k++) {
        size_t i = order[k];
        if (f->text[i] == NULL)
            continue;
        size_t flag = wire_open(&b, 1);
        wire_put_bytes(&b, 1, str_of(f->spec->flags[i].name));
        sbuf_clear(&shown);
        flags_put_shown(&shown, f->text[i]);
        wire_put_bytes(&b, 2, sbuf_view(&shown));
        wire_close(&b, flag);
    }
    wire_close(&b, mark);
    reply(c, &b);
}

static void put_metric(void *arg, struct str key, double value)
{
    struct sbuf *b = arg;
    size_t mark = wire_open(b, 1);

    wire_put_bytes(b, 1, key);
    wire_put_double(b, 2, value);
    wire_close(b, mark);
}

static void get_metrics(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);

    wire_put_u64(&b, 1, R(GET_METRICS));
    size_t mark = wire_open(&b, 5);
    metrics_each(c->shell->metrics, put_metric, &b);
    wire_close(&b, mark);
    reply(c, &b);
}

static void get_logging_level(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    wire_put_u64(&b, 1, R(GET_LOGGING_LEVEL));
    size_t mark = wire_open(&b, 6);
    wire_put_u64(&b, 1, log_get_level() >= LOG_DEBUG ? 1 : 0);
    wire_close(&b, mark);
    reply(c, &b);
}

static void set_logging_level(struct api_call *c)
{
    const Mesos__V1__Agent__Call__SetLoggingLevel *m = c->msg->set_logging_level;

    endpoint_set_logging(c->shell, m->level, m->duration->nanoseconds);
    api_reply_empty(c->req, 200);
}

static void get_agent(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);
    const struct agent *a = c->shell->core;

    wire_put_u64(&b, 1, R(GET_AGENT));
    size_t mark = wire_open(&b, 15);
    wire_put_agent_info(&b, 1, &c->shell->env, str_of(a->id), false);
    if (a->draining) {
        wire_put_bytes(&b, 2, blob_str(a->drain_config));
        size_t time = wire_open(&b, 3);
        wire_put_i64(&b, 1, a->drain_start.ms * NS_PER_MS);
        wire_close(&b, time);
    }
    wire_close(&b, mark);
    reply(c, &b);
}

static void get_operations(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);

    wire_put_u64(&b, 1, R(GET_OPERATIONS));
    size_t mark = wire_open(&b, 18);
    for (const struct agent_operation *o = c->shell->core->operations; o != NULL; o = o->hh.next)
        if (o->info->n != 0)
            wire_put_agent_operation(&b, 1, c->shell->core, o);
    wire_close(&b, mark);
    reply(c, &b);
}

static void get_resource_providers(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    wire_put_u64(&b, 1, R(GET_RESOURCE_PROVIDERS));
    wire_put_bytes(&b, 17, (struct str){ NULL, 0 });
    reply(c, &b);
}

/* --- files --- */

static void put_file(void *arg, const char *path, const struct stat *st)
{
    struct sbuf *b = arg;
    char name[64];
    size_t mark = wire_open(b, 1);

    wire_put_bytes(b, 1, str_of(path));
    wire_put_i64(b, 2, (int64_t)st->st_nlink);
    wire_put_u64(b, 3, (uint64_t)st->st_size);
    size_t time = wire_open(b, 4);
    wire_put_i64(b, 1, (int64_t)st->st_mtim.tv_sec * NS_PER_S);
    wire_close(b, time);
    wire_put_u64(b, 5, st->st_mode);
    files_user_name(st->st_uid, name, sizeof name);
    wire_put_bytes(b, 6, str_of(name));
    files_group_name(st->st_gid, name, sizeof name);
    wire_put_bytes(b, 7, str_of(name));
    wire_close(b, mark);
}

static void list_files(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    struct error err = { 0 };

    wire_put_u64(&b, 1, R(LIST_FILES));
    size_t mark = wire_open(&b, 7);
    if (files_list(c->shell->files, str_of(c->msg->list_files->path), put_file, &b, &err) != 0) {
        http_reply_error(c->req, &err);
        return;
    }
    wire_close(&b, mark);
    reply(c, &b);
}

static void read_file(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    CLEANUP(fd_close_p) int fd = -1;
    const Mesos__V1__Agent__Call__ReadFile *m = c->msg->read_file;
    char *data = arena_alloc(&c->arena, FILES_READ_MAX);
    struct error err = { 0 };
    struct stat st;

    if (files_open(c->shell->files, str_of(m->path), &fd, &st, &err) != 0) {
        http_reply_error(c->req, &err);
        return;
    }
    if (!S_ISREG(st.st_mode) || data == NULL || m->offset > INT64_MAX) {
        http_reply_text(c->req, 400, S_ISDIR(st.st_mode) ? "Cannot read a directory." : "Cannot read this file.");
        return;
    }
    size_t want = m->has_length && m->length < FILES_READ_MAX ? (size_t)m->length : FILES_READ_MAX;
    ssize_t n = pread(fd, data, want, (off_t)m->offset);
    wire_put_u64(&b, 1, R(READ_FILE));
    size_t mark = wire_open(&b, 8);
    wire_put_u64(&b, 1, (uint64_t)st.st_size);
    wire_put_bytes(&b, 2, str_mem(data, n > 0 ? (size_t)n : 0));
    wire_close(&b, mark);
    reply(c, &b);
}

/* --- the pipeline --- */

static bool parse(struct api_call *c)
{
    struct str type = http_req_header(c->req, "Content-Type");
    struct str message_type = http_req_header(c->req, "Message-Content-Type");
    struct str body = http_req_body(c->req);
    struct error err = { 0 };

    if (type.p == NULL) {
        http_reply_text(c->req, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    bool json = str_is(type, "application/json"), pb = str_is(type, "application/x-protobuf");
    if (str_is(type, "application/recordio")) {
        if (message_type.p == NULL)
            http_reply_text(c->req, 400, "Expecting 'Message-Content-Type' to be set for streaming requests");
        else /* others were taken as streams (input.c) */
            http_reply_text(c->req, 415, "Expecting 'Message-Content-Type' of application/json or application/x-protobuf");
        return false;
    }
    if (!json && !pb) {
        http_reply_text(c->req, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf or "
                                     "application/recordio");
        return false;
    }
    if (message_type.p != NULL) {
        http_reply_text(c->req, 415, "Expecting 'Message-Content-Type' to be not set for non-streaming requests");
        return false;
    }
    ProtobufCMessage *m = NULL;
    if (agent_decode_call(&mesos__v1__agent__call__descriptor, json, body, &c->arena, &m, &err) != 0) {
        http_reply_text(c->req, 400, "%s", err.msg);
        return false;
    }
    c->msg = (Mesos__V1__Agent__Call *)m;
    return true;
}

static bool negotiate(struct api_call *c)
{
    struct str accept = http_req_header(c->req, "Accept");
    struct str message_accept = http_req_header(c->req, "Message-Accept");

    if (http_accepts_type(accept, "application/json")) {
        c->json_out = true;
    } else if (http_accepts_type(accept, "application/x-protobuf")) {
        c->json_out = false;
    } else if (http_accepts_type(accept, "application/recordio")) {
        c->recordio_out = true;
        c->json_out = http_accepts_type(message_accept, "application/json");
        if (!c->json_out && !http_accepts_type(message_accept, "application/x-protobuf")) {
            http_reply_text(c->req, 406, "Expecting 'Message-Accept' to allow application/json or "
                                         "application/x-protobuf");
            return false;
        }
    } else {
        http_reply_text(c->req, 406, "Expecting 'Accept' to allow application/json or application/x-protobuf or "
                                     "application/recordio");
        return false;
    }
    return true;
}

struct call_entry {
    Mesos__V1__Agent__Call__Type type;
    const char *name, *sub;     /* sub: the member that must be there; NULL: none */
    size_t offset;
    void (*handle)(struct api_call *c);
    bool streams;
    int guard;                  /* 1 + the action that the caller must be allowed, whatever it concerns; 0: none, or the handler looks */
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* default executors and scripts still use the old names */
static void launch_nested(struct api_call *c)
{
    const Mesos__V1__Agent__Call__LaunchNestedContainer *m = c->msg->launch_nested_container;

    if (m->container_id->parent == NULL)
        http_reply_text(c->req, 400, "Failed to validate agent::Call: Expecting 'launch_nested_container.container_id."
                                     "parent' to be present");
    else
        api_launch(c, m->container_id, m->command, m->container, NULL);
}

static void wait_nested(struct api_call *c)
{
    api_wait(c, c->msg->wait_nested_container->container_id, true);
}

static void kill_nested(struct api_call *c)
{
    const Mesos__V1__Agent__Call__KillNestedContainer *m = c->msg->kill_nested_container;

    api_kill(c, m->container_id, m->has_signal, m->signal);
}

static void remove_nested(struct api_call *c)
{
    api_remove(c, c->msg->remove_nested_container->container_id);
}
#define SUB(member) #member, offsetof(Mesos__V1__Agent__Call, member)

static void launch_container(struct api_call *c)
{
    const Mesos__V1__Agent__Call__LaunchContainer *m = c->msg->launch_container;

    api_launch(c, m->container_id, m->command, m->container, m);
}

static void wait_container(struct api_call *c)
{
    api_wait(c, c->msg->wait_container->container_id, false);
}

static void kill_container(struct api_call *c)
{
    const Mesos__V1__Agent__Call__KillContainer *m = c->msg->kill_container;

    api_kill(c, m->container_id, m->has_signal, m->signal);
}

static void remove_container(struct api_call *c)
{
    api_remove(c, c->msg->remove_container->container_id);
}

static void attach_input(struct api_call *c)
{
    http_reply_text(c->req, 415, "Expecting 'Content-Type' of application/recordio for ATTACH_CONTAINER_INPUT call");
}

static void provider_config(struct api_call *c)
{
    const Mesos__V1__Agent__Call__AddResourceProviderConfig *add = c->msg->add_resource_provider_config;
    const Mesos__V1__ResourceProviderInfo *i = add != NULL ? add->info : c->msg->update_resource_provider_config->info;

    http_reply_text(c->req, 400, "Failed to validate resource provider config with type '%s' and name '%s': "
                                 "Unknown local resource provider type '%s'", i->type, i->name, i->type);
}

static void provider_remove(struct api_call *c)
{
    http_reply_text(c->req, 500, "Missing required flag --resource_provider_config_dir");
}

static void nothing_to_do(struct api_call *c)
{
    api_reply_empty(c->req, 200); /* no such provider */
}

static void prune_images(struct api_call *c)
{
    const Mesos__V1__Agent__Call__PruneImages *m = c->msg->prune_images;
    size_t n = m != NULL ? m->n_excluded_images : 0, named = 0;
    const char **names = arena_array(&c->arena, n + 1, sizeof *names);
    struct error err;

    for (size_t i = 0; i < n && names != NULL; i++)
        if (m->excluded_images[i]->docker != NULL)
            names[named++] = m->excluded_images[i]->docker->name;
    if (names == NULL || image_gc_prune(c->shell->image_gc, names, named, &err) != 0)
        http_reply_text(c->req, names == NULL ? 500u : (unsigned)err_code_http_status(err.code), "%s", names == NULL ? "out of memory" : err.msg);
    else
        api_reply_empty(c->req, 200);
}

static const struct call_entry calls[] = {
    { T(GET_HEALTH), "GET_HEALTH", NULL, 0, get_health, false, 0 },
    { T(GET_FLAGS), "GET_FLAGS", NULL, 0, get_flags, false, 1 + ACL_VIEW_FLAGS },
    { T(GET_VERSION), "GET_VERSION", NULL, 0, get_version, false, 0 },
    { T(GET_METRICS), "GET_METRICS", NULL, 0, get_metrics, false, 0 },
    { T(GET_LOGGING_LEVEL), "GET_LOGGING_LEVEL", NULL, 0, get_logging_level, false, 0 },
    { T(SET_LOGGING_LEVEL), "SET_LOGGING_LEVEL", SUB(set_logging_level), set_logging_level, false, 1 + ACL_SET_LOG_LEVEL },
    { T(LIST_FILES), "LIST_FILES", SUB(list_files), list_files, false, 0 },
    { T(READ_FILE), "READ_FILE", SUB(read_file), read_file, false, 0 },
    { T(GET_STATE), "GET_STATE", NULL, 0, get_state, false, 0 },
    { T(GET_CONTAINERS), "GET_CONTAINERS", NULL, 0, api_get_containers, false, 0 },
    { T(GET_FRAMEWORKS), "GET_FRAMEWORKS", NULL, 0, get_frameworks, false, 0 },
    { T(GET_EXECUTORS), "GET_EXECUTORS", NULL, 0, get_executors, false, 0 },
    { T(GET_OPERATIONS), "GET_OPERATIONS", NULL, 0, get_operations, false, 0 },
    { T(GET_TASKS), "GET_TASKS", NULL, 0, get_tasks, false, 0 },
    { T(GET_AGENT), "GET_AGENT", NULL, 0, get_agent, false, 0 },
    { T(GET_RESOURCE_PROVIDERS), "GET_RESOURCE_PROVIDERS", NULL, 0, get_resource_providers, false, 0 },
    { T(LAUNCH_NESTED_CONTAINER), "LAUNCH_NESTED_CONTAINER", SUB(launch_nested_container), launch_nested, false, 0 },
    { T(WAIT_NESTED_CONTAINER), "WAIT_NESTED_CONTAINER", SUB(wait_nested_container), wait_nested, false, 0 },
    { T(KILL_NESTED_CONTAINER), "KILL_NESTED_CONTAINER", SUB(kill_nested_container), kill_nested, false, 0 },
    { T(REMOVE_NESTED_CONTAINER), "REMOVE_NESTED_CONTAINER", SUB(remove_nested_container), remove_nested, false, 0 },
    { T(LAUNCH_NESTED_CONTAINER_SESSION), "LAUNCH_NESTED_CONTAINER_SESSION", SUB(launch_nested_container_session),
      session_start, true, 0 },
    { T(ATTACH_CONTAINER_INPUT), "ATTACH_CONTAINER_INPUT", SUB(attach_container_input), attach_input, false, 0 },
    { T(ATTACH_CONTAINER_OUTPUT), "ATTACH_CONTAINER_OUTPUT", SUB(attach_container_output), api_attach_output, true, 0 },
    { T(LAUNCH_CONTAINER), "LAUNCH_CONTAINER", SUB(launch_container), launch_container, false, 0 },
    { T(WAIT_CONTAINER), "WAIT_CONTAINER", SUB(wait_container), wait_container, false, 0 },
    { T(KILL_CONTAINER), "KILL_CONTAINER", SUB(kill_container), kill_container, false, 0 },
    { T(REMOVE_CONTAINER), "REMOVE_CONTAINER", SUB(remove_container), remove_container, false, 0 },
    { T(ADD_RESOURCE_PROVIDER_CONFIG), "ADD_RESOURCE_PROVIDER_CONFIG", SUB(add_resource_provider_config),
      provider_config, false, 1 + ACL_MODIFY_PROVIDERS },
    { T(UPDATE_RESOURCE_PROVIDER_CONFIG), "UPDATE_RESOURCE_PROVIDER_CONFIG", SUB(update_resource_provider_config),
      provider_config, false, 1 + ACL_MODIFY_PROVIDERS },
    { T(REMOVE_RESOURCE_PROVIDER_CONFIG), "REMOVE_RESOURCE_PROVIDER_CONFIG", SUB(remove_resource_provider_config),
      provider_remove, false, 1 + ACL_MODIFY_PROVIDERS },
    { T(MARK_RESOURCE_PROVIDER_GONE), "MARK_RESOURCE_PROVIDER_GONE", SUB(mark_resource_provider_gone), nothing_to_do,
      false, 1 + ACL_PROVIDERS_GONE },
    { T(PRUNE_IMAGES), "PRUNE_IMAGES", NULL, 0, prune_images, false, 1 + ACL_PRUNE_IMAGES },
};
#pragma GCC diagnostic pop

static const struct call_entry *find(Mesos__V1__Agent__Call__Type type)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].type == type)
            return &calls[i];
    return NULL;
}

static void dispatch(struct api_call *c)
{
    if (!c->msg->has_type) {
        http_reply_text(c->req, 400, "Failed to validate agent::Call: Expecting 'type' to be present");
        return;
    }
    const struct call_entry *e = find(c->msg->type);
    if (e != NULL && e->sub != NULL && *(void **)(void *)((char *)c->msg + e->offset) == NULL) {
        http_reply_text(c->req, 400, "Failed to validate agent::Call: Expecting '%s' to be present", e->sub);
        return;
    }
    if (!negotiate(c))
        return;
    if (e == NULL)
        http_reply_text(c->req, 501, "501 Not Implemented.");
    else if (c->shell->access.who.is_on_socket && !domain_socket_takes(e->type))
        http_reply_text(c->req, 403, "403 Forbidden. %s is no call of executors, and others are not taken on their domain socket", e->name);
    else if (e->guard != 0 && !access_may(c->shell, (enum acl_action)(e->guard - 1), (struct str){ NULL, 0 }))
        api_reply_forbidden(c->req);
    else if (c->recordio_out && !e->streams)
        http_reply_text(c->req, 406, "Streaming response is not supported for %s call", e->name);
    else
        e->handle(c);
}

void api_request(struct shell *s, struct http_req *r)
{
    struct api_call c = { .shell = s, .req = r, .arena = ARENA_INIT(API_ARENA_BYTES) };

    if (api_may_begin(r, s->core->state == AGENT_RECOVERING) && parse(&c))
        dispatch(&c);
    arena_done(&c.arena);
}
