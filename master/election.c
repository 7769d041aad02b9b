/* SPDX-License-Identifier: Apache-2.0 */
#include "master/election.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/io/leader.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/master_info.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"

enum { HELD_MAX = 10000, URL_FILE_BYTES_MAX = 65536 };

struct held {
    struct election *e;
    struct http_req *r;
    election_again_fn *again;
    struct held *next, *prev;
};

struct election {
    struct shell *sh;
    void (*lead)(struct shell *sh);
    struct zk *zk; /* NULL: alone */
    struct leader *leader;
    struct zk_url url;
    struct sbuf info; /* our MasterInfo as JSON */
    struct leadership l;
    bool has_other;
    struct master_addr other; /* who leads, when it is another */
    struct held *held;        /* oldest first */
    unsigned held_count;
    struct loop_work replay_work;
};

/* --- state -------------------------------------------------------------------------------------------- */
bool election_leads(const struct shell *sh)
{
    return sh->election != NULL && sh->election->l.leads;
}

bool election_is_sure(const struct shell *sh)
{
    const struct election *e = sh->election;

    return election_leads(sh) && !e->l.unsure && (e->zk == NULL || zk_is_fresh(e->zk));
}

void election_replay(struct shell *sh)
{
    if (sh->election->held != NULL)
        loop_defer(sh->loop, &sh->election->replay_work);
}

bool election_with_zk(const struct shell *sh)
{
    return sh->election != NULL && sh->election->zk != NULL;
}

/* --- changes ------------------------------------------------------------------------------------------ */
static void step_down(struct election *e, const char *why)
{
    log_warn("leadership_lost", "because=\"%s\" then=\"beginning again as a follower\"", why);
    e->l.leads = false;
    e->sh->restart = true;
    e->sh->stopping = true;
    loop_stop(e->sh->loop);
}

void election_step_down(struct shell *sh, const char *why)
{
    step_down(sh->election, why);
}

static void become_sure(struct election *e)
{
    log_info("leadership_sure", "then=\"deciding again\" waiting_requests=%u", e->held_count);
    loop_defer(e->sh->loop, &e->replay_work);
    mshell_wake(e->sh);
}

static void become_leader(struct election *e)
{
    e->has_other = false;
    log_info("elected", "pid=%s", e->sh->pid);
    e->lead(e->sh);
}

/* Masters of one cluster are in one region: where both say one. */
static bool region_fits(struct election *e)
{
    struct str ours = e->sh->view.region, theirs = str_of(e->other.region);

    if (ours.n == 0 || theirs.n == 0 || str_eq(ours, theirs))
        return true;
    mshell_fail(e->sh, "region_differs", "the leading master has another region; all masters must be in one");
    return false;
}

static void other_leads(struct election *e, const struct leader_view *v)
{
    struct error err;
    bool had = e->has_other;
    struct master_addr before = e->other;

    e->has_other = master_info_read(v->label, v->data, &e->other, &err) == 0;
    if (!e->has_other)
        log_warn("leader_unreadable", "reason=" LOG_Q, LOG_QARG(str_of(err.msg)));
    else if (region_fits(e) && (!had || strcmp(before.id, e->other.id) != 0))
        log_info("leader", "pid=%s id=" LOG_Q, e->other.pid, LOG_QARG(str_of(e->other.id)));
}

static void on_leader(void *arg, const struct leader_view *v)
{
    struct election *e = arg;

    if (e->sh->stopping)
        return;
    switch (leadership_step(&e->l, v->who, v->unsure)) {
    case LEADERSHIP_SAME:
        break;
    case LEADERSHIP_WON:
        become_leader(e);
        break;
    case LEADERSHIP_SURE:
        become_sure(e);
        break;
    case LEADERSHIP_UNSURE:
        log_warn("leadership_unsure",
                 "because=\"ZooKeeper is out of reach\" then=\"no decisions until it is back\"");
        break;
    case LEADERSHIP_LOST:
        step_down(e, v->who == LEADER_OTHER ? "another master leads"
                                            : "the session expired or the candidate node is gone");
        break;
    case LEADERSHIP_OTHER:
        other_leads(e, v);
        break;
    case LEADERSHIP_NOBODY:
        e->has_other = false;
        break;
    }
}

/* --- requests ----------------------------------------------------------------------------------------- */
void election_redirect(struct shell *sh, struct http_req *r, struct str path)
{
    const struct election *e = sh->election;
    struct sbuf b = SBUF_INIT(16384);
    struct str query = http_req_query(r);

    if (e == NULL || (!e->l.leads && !e->has_other)) {
        http_reply_text(r, 503, "No leader elected");
        return;
    }
    if (e->l.leads)
        sbuf_fmt(&b, "//%s:%u", sh->hostname, sh->addr.port);
    else
        sbuf_fmt(&b, "//%s", e->other.address);
    if (path.n != 0)
        sbuf_fmt(&b, "/master%.*s", STR_ARG(path));
    if (path.n != 0 && query.n != 0)
        sbuf_fmt(&b, "?%.*s", STR_ARG(query));
    http_reply_header(r, "Location", sbuf_view(&b));
    reply_empty(r, 307);
    sbuf_done(&b);
}

static void held_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct held *h = arg;

    (void)r;
    (void)why;
    DL_DELETE(h->e->held, h);
    h->e->held_count--;
    free(h);
}

/* By its type alone, in either content type; what it is beyond that is checked when it is carried out. */
static bool call_only_reads(struct http_req *r)
{
    static const char *const others[] = { "SUBSCRIBE", "LIST_FILES", "READ_FILE" };
    CLEANUP(json_free_p) struct cJSON *j = NULL;
    const char *name = NULL;

    if (!str_is(http_req_header(r, "Content-Type"), "application/json")) {
        int type = (int)wire_field_u64(http_req_body(r), 1, 0);
        const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(&mesos__v1__master__call__type__descriptor, type);
        name = v != NULL ? v->name : NULL;
    } else if (json_parse(http_req_body(r), &j, NULL) == 0) {
        name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "type"));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0] && name != NULL; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return name != NULL && strncmp(name, "GET_", 4) == 0;
}

/* Decisions: calls of frameworks, and what is sent with a body but does not say that it only reads. */
static bool is_decision(struct http_req *r, struct str path)
{
    enum http_verb verb = http_req_verb(r);

    if (verb == HTTP_VERB_GET || verb == HTTP_VERB_HEAD || verb == HTTP_VERB_OPTIONS)
        return false;
    return !str_is(path, "/api/v1") || !call_only_reads(r);
}

bool election_holds(struct shell *sh, struct http_req *r, struct str path, election_again_fn *again)
{
    struct election *e = sh->election;

    if (e == NULL || !e->l.leads || election_is_sure(sh) || !is_decision(r, path))
        return false;
    if (e->held_count >= HELD_MAX) {
        http_reply_text(r, 503, "ZooKeeper is out of reach, and %d requests wait for it already", HELD_MAX);
        return true;
    }
    struct held *h = xcalloc(1, sizeof *h);
    *h = (struct held){ .e = e, .r = r, .again = again };
    DL_APPEND(e->held, h);
    e->held_count++;
    http_req_on_gone(r, held_gone, h);
    mshell_wake(sh); /* which looks again until it is sure */
    return true;
}

static void replay(void *arg)
{
    struct election *e = arg;
    struct held *h;

    while ((h = e->held) != NULL && election_is_sure(e->sh)) {
        DL_DELETE(e->held, h);
        e->held_count--;
        http_req_on_gone(h->r, NULL, NULL);
        h->again(e->sh, h->r);
        free(h);
    }
}

/* --- life --------------------------------------------------------------------------------------------- */
static void on_log(void *arg, enum zk_log_level level, const char *event, const char *text)
{
    (void)arg;
    log_event(level == ZK_LOG_WARN ? LOG_WARN : LOG_INFO, event, "%s", text);
}

static int url_of(const char *flag, struct zk_url *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(URL_FILE_BYTES_MAX);
    struct str text = str_of(flag), path = text;

    if (str_skip(&path, STR("file://"))) {
        if (fs_read(path.p, &b, err) < 0)
            return error_wrap(err, "--zk=%s", flag);
        text = str_trim(sbuf_view(&b));
    }
    int rc = zk_url_parse(ret, text, false, err);
    return rc != 0 ? error_wrap(err, "--zk") : 0;
}

int election_check_flag(const char *zk, struct error *err)
{
    struct zk_url url = { NULL, NULL, NULL };
    int rc = url_of(zk, &url, err);

    zk_url_done(&url);
    return rc;
}

int election_open(struct shell *sh, void (*lead)(struct shell *sh), struct error *err)
{
    struct election *e = xcalloc(1, sizeof *e);
    int rc;

    *e = (struct election){ .sh = sh, .lead = lead, .info = SBUF_INIT(65536) };
    e->replay_work = LOOP_WORK(LOOP_STEP, replay, e);
    sh->election = e;
    if (sh->flags.zk == NULL) {
        (void)leadership_step(&e->l, LEADER_SELF, false);
        become_leader(e);
        return 0;
    }
    rc = url_of(sh->flags.zk, &e->url, err);
    struct zk_options zo = { .url = &e->url,
                             .session_timeout_ns = sh->flags.zk_session_timeout,
                             .log = on_log };
    if (rc == 0)
        rc = zk_new(&e->zk, sh->loop, &zo, err);
    if (rc != 0)
        return rc;
    master_info_put_json(&e->info, sbuf_view(&sh->master_info));
    struct leader_options lo = { .zk = e->zk,
                                 .path = e->url.path,
                                 .rule = ELECTION_MASTER,
                                 .data = sbuf_view(&e->info),
                                 .prefix = "json.info_",
                                 .acl = ZK_ACL_WORLD_READ,
                                 .log = on_log };
    leader_new(&e->leader, sh->loop, &lo, on_leader, e);
    return 0;
}

/* Not below the election path: clients take every child there for a candidate. */
int election_open_store(struct shell *sh, struct error *err)
{
    struct election *e = sh->election;
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(4096);

    sbuf_fmt(&path, "%s.stoa/registry", e->url.path);
    struct store_zk_options o = { .zk = e->zk, .path = path.p, .owner = sh->m->id };
    return store_open_zk(&sh->store, sh->loop, &o, err);
}

/* After the HTTP server and the store. */
void election_close(struct shell *sh)
{
    struct election *e = sh->election;

    if (e == NULL)
        return;
    leader_free(e->leader);
    zk_free(e->zk); /* ends the session, so that the next leader need not wait for it */
    loop_undefer(sh->loop, &e->replay_work);
    while (e->held != NULL) {
        struct held *h = e->held;
        DL_DELETE(e->held, h);
        free(h);
    }
    zk_url_done(&e->url);
    sbuf_done(&e->info);
    free(e);
    sh->election = NULL;
}
