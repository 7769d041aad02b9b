/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when the store takes no more records (a full disk).
 *
 * A failed commit: whoever waits for it is answered 503 with the cause, and the program begins again from
 * what is durable: nothing that rests on the lost records has left. The new start reads the state and serves
 * it, but neither subscribes with the master nor takes changes until a record of CHECK_BYTES could be
 * written; it tries again in growing pauses. Tasks go on meanwhile. */
#include "marathon/degraded.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/restart.h"
#include "marathon/election.h"

/* Told to the new start by the environment. */
#define FAILED_VARIABLE "STOA_STORE_FAILED"
#define FIRST_PAUSE_NS NS_PER_S
#define LAST_PAUSE_NS (10 * NS_PER_S)
#define FAREWELL_NS (200 * NS_PER_MS) /* for the answers to be written */

enum { CHECK_BYTES = 128 * 1024 };

static void leave(void *arg)
{
    struct shell *sh = arg;

    sh->restart = true;
    marathon_shell_stop(sh, 1);
}

void degraded_commit_failed(struct shell *sh, const struct error *err)
{
    if (err->code == ERR_CONFLICT && sh->flags.zk != NULL) {
        marathon_election_step_down(sh, "another instance has taken the state over");
        return;
    }
    if (sh->store_error[0] != '\0')
        return;
    (void)snprintf(sh->store_error, sizeof sh->store_error, "%s", err->msg);
    log_error("store_failed",
              "error=" LOG_Q " then=\"refusing changes, beginning again from what is durable\"",
              LOG_QARG(str_of(err->msg)));
    restart_note(FAILED_VARIABLE, sh->store_error);
    loop_timer_init(&sh->degraded, sh->loop, leave, sh);
    loop_timer_in(&sh->degraded, FAREWELL_NS);
    if (sh->refuse_waiting != NULL)
        sh->refuse_waiting(sh);
}

bool degraded_refuses(const struct shell *sh, struct http_req *r)
{
    if (sh->store_error[0] == '\0')
        return false;
    return !sh->read_only || (http_req_verb(r) > HTTP_VERB_HEAD && http_req_verb(r) != HTTP_VERB_OPTIONS);
}

void degraded_text(const struct shell *sh, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    char text[400];

    (void)snprintf(
        text, sizeof text,
        "The store takes no records (%s), so nothing can be changed; it is tried again until it does",
        sh->store_error);
    jsonw_open(&w);
    jsonw_key_c(&w, "message", text);
    jsonw_close(&w);
}

/* --- the new start ------------------------------------------------------------------------------------- */
static void checked(void *arg, const struct store_result *r)
{
    struct shell *sh = arg;
    struct store_batch *b;

    if (r->err != NULL) {
        (void)snprintf(sh->store_error, sizeof sh->store_error, "%s", r->err->msg);
        sh->check_pause_ns = sh->check_pause_ns * 2 < LAST_PAUSE_NS ? sh->check_pause_ns * 2 : LAST_PAUSE_NS;
        log_debug("store_still_fails", "error=" LOG_Q, LOG_QARG(str_of(r->err->msg)));
        loop_timer_in(&sh->degraded, sh->check_pause_ns);
        return;
    }
    log_info("store_works_again", "then=\"taking changes\"");
    b = store_batch_new();
    store_batch_delete(b, str_of(DEGRADED_CHECK_KEY), STORE_ANY_VERSION);
    store_commit(sh->store, b, NULL, NULL);
    sh->store_error[0] = '\0';
    sh->read_only = false;
    restart_note(FAILED_VARIABLE, NULL);
    sh->store_works(sh);
}

static void check(void *arg)
{
    struct shell *sh = arg;
    struct store_batch *b = store_batch_new();
    char *zeros = xcalloc(1, CHECK_BYTES);

    memset(zeros, '0', CHECK_BYTES);
    store_batch_put(b, str_of(DEGRADED_CHECK_KEY), str_mem(zeros, CHECK_BYTES), STORE_ANY_VERSION);
    free(zeros);
    store_commit(sh->store, b, checked, sh);
}

bool degraded_start(struct shell *sh, void (*works)(struct shell *sh))
{
    const char *failed = restart_noted(FAILED_VARIABLE);

    if (failed == NULL)
        return false;
    (void)snprintf(sh->store_error, sizeof sh->store_error, "%s", failed);
    sh->read_only = true;
    sh->store_works = works;
    sh->check_pause_ns = FIRST_PAUSE_NS;
    log_warn("read_only", "because=" LOG_Q " then=\"serving reads until the store takes records\"",
             LOG_QARG(str_of(failed)));
    loop_timer_init(&sh->degraded, sh->loop, check, sh);
    loop_timer_in(&sh->degraded, 0);
    return true;
}

bool degraded_reopen(struct shell *sh, void (*again)(void *arg), const struct error *err)
{
    if (restart_noted(FAILED_VARIABLE) == NULL)
        return false;
    log_warn("store_not_opened", "error=" LOG_Q " then=\"trying again\"", LOG_QARG(str_of(err->msg)));
    loop_timer_init(&sh->degraded, sh->loop, again, sh);
    loop_timer_in(&sh->degraded, FIRST_PAUSE_NS);
    return true;
}
