/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/scheduler and /api/v1. */
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

static const char *media_type(bool json)
{
    return json ? "application/json" : "application/x-protobuf";
}

/* The original parses the body before it looks at the media type; for other types there is nothing to parse. */
static bool body_bytes(struct http_req *r, const ProtobufCMessageDescriptor *type, bool json, struct decoded *d,
                       struct str *ret)
{
    struct error err;

    if (decode_body(type, http_req_body(r), json, d, ret, &err) == 0)
        return true;
    http_reply_text(r, 400, "%s", err.msg);
    return false;
}

/* --- frameworks --- */

static void subscribe(struct shell *sh, struct http_req *r, struct decoded *d)
{
    bool json;

    if (!api_accept(r, &json))
        return;
    if (http_req_header(r, "Mesos-Stream-Id").p != NULL) {
        http_reply_text(r, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
        return;
    }
    struct stream *s = stream_new(sh, r, json, false);
    d->ev.subscribe.stream.n = s->n;
    mshell_step(sh, &d->ev);
}

static void scheduler_call(struct shell *sh, struct http_req *r, struct str principal, struct decoded *d, bool json_body)
{
    struct str bytes;
    struct error err;
    bool json;

    if (!body_bytes(r, &mesos__v1__scheduler__call__descriptor, json_body, d, &bytes))
        return;
    if (decode_scheduler_call(sh->m, bytes, principal, d, &err) != 0) {
        http_reply_text(r, 400, "%s", err.msg);
        return;
    }
    if (d->ev.type == MASTER_EV_SUBSCRIBE) {
        subscribe(sh, r, d);
        return;
    }
    if (d->call.type == CALL_RECONCILE_OPERATIONS && !api_accept(r, &json))
        return;
    struct str id = http_req_header(r, "Mesos-Stream-Id");
    d->call.has_stream_id = id.p != NULL;
    d->call.stream_id = id;
    mshell_step_request(sh, &d->ev, r);
}

static bool recovered(struct shell *sh, struct http_req *r)
{
    if (master_is_recovered(sh->m))
        return true;
    http_reply_text(r, 503, "Master has not finished recovery");
    return false;
}

void api_scheduler(struct shell *sh, struct http_req *r, struct str principal)
{
    struct decoded d;
    bool json;

    if (!recovered(sh, r) || !api_begin(r, &json))
        return;
    decoded_init(&d);
    scheduler_call(sh, r, principal, &d, json);
    decoded_done(&d);
}

/* --- operators --- */

static void answer_small(struct shell *sh, struct http_req *r, bool json, uint32_t type, uint32_t field, struct str body)
{
    sbuf_clear(&sh->out);
    wire_put_u64(&sh->out, 1, type);
    wire_put_bytes(&sh->out, field, body);
    if (!json) {
        http_reply(r, 200, media_type(false), sbuf_view(&sh->out));
        return;
    }
    sbuf_clear(&sh->text);
    (void)json_from_wire(&sh->text, &mesos__v1__master__response__descriptor, sbuf_view(&sh->out));
    http_reply(r, 200, media_type(true), sbuf_view(&sh->text));
}

static void get_flags(struct shell *sh, struct http_req *r, bool json)
{
    struct sbuf b = SBUF_INIT(1 << 20), shown = SBUF_INIT(1 << 20);

    for (size_t i = 0; i < sh->parsed.spec->count; i++) {
        if (sh->parsed.text[i] == NULL)
            continue;
        size_t mark = wire_open(&b, 1);
        wire_put_bytes(&b, 1, str_of(sh->parsed.spec->flags[i].name));
        sbuf_clear(&shown);
        flags_put_shown(&shown, sh->parsed.text[i]);
        wire_put_bytes(&b, 2, sbuf_view(&shown));
        wire_close(&b, mark);
    }
    answer_small(sh, r, json, 2, 3, sbuf_view(&b));
    sbuf_done(&shown);
    sbuf_done(&b);
}

static void question(struct shell *sh, struct http_req *r, struct str principal, int type, struct str bytes, bool json)
{
    if (view_v1_has(type)) {
        render_answer(sh, r, &(struct render_doc){ .what = RENDER_V1, .principal = principal, .call_type = type, .json = json });
        return;
    }
    switch (type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_FLAGS:
        if (auth_allows(sh, r, ACL_VIEW_FLAGS, principal))
            get_flags(sh, r, json);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_METRICS:
        api_metrics(sh, r, json);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_LOGGING_LEVEL:
        api_files(sh, r, type, bytes, json);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__SET_LOGGING_LEVEL:
        if (auth_allows(sh, r, ACL_SET_LOG_LEVEL, principal))
            api_files(sh, r, type, bytes, json);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__LIST_FILES:
    case MESOS__V1__MASTER__CALL__TYPE__READ_FILE:
        if (auth_allows(sh, r, ACL_ACCESS_MESOS_LOGS, principal)) /* all that there is are logs */
            api_files(sh, r, type, bytes, json);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__SUBSCRIBE:
        watcher_add(sh, r, json, principal);
        mshell_step(sh, &(struct master_event){ .type = MASTER_EV_WATCHED, .watched = { true } });
        break;
    default: /* UNKNOWN: a number of the wire, so a default */
        http_reply_text(r, 501, "501 Not Implemented.");
        break;
    }
}

static void operator_call(struct shell *sh, struct http_req *r, struct str principal, struct decoded *d, bool json_body)
{
    struct str bytes;
    struct error err;
    bool json;

    if (!body_bytes(r, &mesos__v1__master__call__descriptor, json_body, d, &bytes))
        return;
    int rc = decode_operator_call(sh->m, bytes, principal, d, &err);
    if (rc < 0) {
        http_reply_text(r, 400, "%s", err.msg);
        return;
    }
    if (!api_accept(r, &json))
        return;
    if (rc == 0)
        mshell_step_request(sh, &d->ev, r);
    else
        question(sh, r, principal, (int)wire_field_u64(bytes, 1, 0), bytes, json);
}

void api_operator(struct shell *sh, struct http_req *r, struct str principal)
{
    struct decoded d;
    bool json;

    if (!recovered(sh, r) || !api_begin(r, &json))
        return;
    decoded_init(&d);
    operator_call(sh, r, principal, &d, json);
    decoded_done(&d);
}
