/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/election.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/uuid.h"
#include "common/io/leader.h"
#include "marathon/shell.h"

struct marathon_election {
    struct shell *sh;
    void (*lead)(struct shell *sh);
    struct zk *zk; /* NULL: alone */
    struct leader *leader;
    struct zk_url url;
    struct leadership l;
    char other[300];
};

bool marathon_election_leads(const struct shell *sh)
{
    return sh->election != NULL && sh->election->l.leads;
}

bool marathon_election_is_sure(const struct shell *sh)
{
    const struct marathon_election *e = sh->election;

    return marathon_election_leads(sh) && !e->l.unsure && (e->zk == NULL || zk_is_fresh(e->zk));
}

const char *marathon_election_other(const struct shell *sh)
{
    return sh->election != NULL && sh->election->other[0] != '\0' ? sh->election->other : NULL;
}

void marathon_election_step_down(struct shell *sh, const char *why)
{
    log_warn("leadership_lost", "because=\"%s\" then=\"beginning again as a standby\"", why);
    sh->election->l.leads = false;
    sh->restart = true;
    marathon_shell_stop(sh, 103);
}

static void become_leader(struct marathon_election *e)
{
    e->other[0] = '\0';
    log_info("elected", "as=%s", e->sh->leader);
    e->lead(e->sh);
}

static void on_leader(void *arg, const struct leader_view *v)
{
    struct marathon_election *e = arg;

    if (e->sh->stopping)
        return;
    switch (leadership_step(&e->l, v->who, v->unsure)) {
    case LEADERSHIP_SAME:
        break;
    case LEADERSHIP_WON:
        become_leader(e);
        break;
    case LEADERSHIP_SURE:
        log_info("leadership_sure", "then=\"going on\"");
        break;
    case LEADERSHIP_UNSURE:
        log_warn("leadership_unsure", "because=\"ZooKeeper is out of reach\" then=\"nothing is launched or killed "
                                      "until it is back\"");
        break;
    case LEADERSHIP_LOST:
        marathon_election_step_down(e->sh, v->who == LEADER_OTHER ? "another instance leads" : "the session expired");
        break;
    case LEADERSHIP_OTHER:
        (void)snprintf(e->other, sizeof e->other, "%.*s", STR_ARG(v->data));
        log_info("leader", "at=" LOG_Q, LOG_QARG(v->data));
        break;
    case LEADERSHIP_NOBODY:
        e->other[0] = '\0';
        break;
    }
}

static void on_log(void *arg, enum zk_log_level level, const char *event, const char *text)
{
    (void)arg;
    log_event(level == ZK_LOG_WARN ? LOG_WARN : LOG_INFO, event, "%s", text);
}

static void contend(struct marathon_election *e)
{
    struct sbuf path = SBUF_INIT(4096);
    struct uuid u = uuid_make(&e->sh->rng);
    char id[UUID_TEXT_SIZE], prefix[80];

    uuid_text(&u, id);
    (void)snprintf(prefix, sizeof prefix, "_c_%s-latch-", id);
    sbuf_fmt(&path, "%s/leader-curator", e->url.path);
    struct leader_options lo = { .zk = e->zk,
                                 .path = path.p,
                                 .rule = ELECTION_LATCH,
                                 .data = str_of(e->sh->leader),
                                 .prefix = prefix,
                                 .acl = ZK_ACL_PRIVATE,
                                 .log = on_log };
    leader_new(&e->leader, e->sh->loop, &lo, on_leader, e);
    sbuf_done(&path);
}

int marathon_election_open(struct shell *sh, void (*lead)(struct shell *sh), struct error *err)
{
    struct marathon_election *e = xcalloc(1, sizeof *e);
    int rc;

    *e = (struct marathon_election){ .sh = sh, .lead = lead };
    sh->election = e;
    if (sh->flags.zk == NULL) {
        (void)leadership_step(&e->l, LEADER_SELF, false);
        become_leader(e);
        return 0;
    }
    rc = zk_url_parse(&e->url, str_of(sh->flags.zk), false, err);
    struct zk_options zo = { .url = &e->url,
                             .session_timeout_ns = sh->flags.zk_session_timeout * NS_PER_MS,
                             .log = on_log };
    if (rc == 0)
        rc = zk_new(&e->zk, sh->loop, &zo, err);
    if (rc != 0)
        return error_wrap(err, "--zk");
    contend(e);
    return 0;
}

int marathon_election_open_store(struct shell *sh, struct error *err)
{
    struct marathon_election *e = sh->election;
    struct sbuf path = SBUF_INIT(4096);

    sbuf_fmt(&path, "%s/stoa", e->url.path);
    struct store_zk_options o = { .zk = e->zk, .path = path.p, .owner = sh->leader };
    int rc = store_open_zk(&sh->store, sh->loop, &o, err);
    sbuf_done(&path);
    return rc;
}

void marathon_election_close(struct shell *sh)
{
    struct marathon_election *e = sh->election;

    if (e == NULL)
        return;
    leader_free(e->leader);
    zk_free(e->zk);
    zk_url_done(&e->url);
    free(e);
    sh->election = NULL;
}
