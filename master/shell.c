/* SPDX-License-Identifier: Apache-2.0 */
/* Stepping, carrying out actions, messages of agents, the store. */
#include "master/shell.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "master/wire/registry.h"

/* While it is not sure that it leads, a master looks again after this. */
#define UNSURE_NS (100 * NS_PER_MS)

/* --- the store --- */

struct stored {
    struct shell *sh;
    uint64_t version;
    struct mono asked;
};

static void on_stored(void *arg, const struct store_result *r)
{
    struct stored *s = arg;
    struct shell *sh = s->sh;
    struct master_event ev = { .type = MASTER_EV_STORED, .stored = { s->version } };

    if (sh->store_timer != NULL)
        metric_observe(sh->store_timer, mono_diff(loop_clock(), s->asked));
    free(s);
    if (sh->stopping)
        return;
    if (r->err != NULL && r->err->code == ERR_CONFLICT && election_with_zk(sh))
        election_step_down(sh, "another master has taken the registry over");
    else if (r->err != NULL) /* what others would see must not run ahead of what is kept */
        mshell_fail(sh, "registry_store_failed", r->err->msg);
    else
        mshell_step(sh, &ev);
}

static void do_store(struct shell *sh, const struct master_action *a)
{
    struct store_batch *b = store_batch_new();
    CLEANUP(sbuf_done_p) struct sbuf key = SBUF_INIT(STORE_KEY_BYTES_MAX);
    struct stored *s = xcalloc(1, sizeof *s);

    for (size_t i = 0; i < a->store.count; i++) {
        const struct registry_record *r = &a->store.records[i];
        sbuf_clear(&key);
        record_key(r, &key);
        if (r->deleted) {
            store_batch_delete(b, sbuf_view(&key), STORE_ANY_VERSION);
            continue;
        }
        sbuf_clear(&sh->out);
        record_value(r, &sh->out);
        store_batch_put(b, sbuf_view(&key), sbuf_view(&sh->out), STORE_ANY_VERSION);
    }
    *s = (struct stored){ sh, a->store.version, loop_clock() };
    store_commit(sh->store, b, on_stored, s);
}

/* --- actions --- */

static void do_send(struct shell *sh, const struct master_action *a)
{
    struct msg_pid to, from = sh->self;
    char id[40];

    if (!msg_pid_parse(a->send.to, &to)) {
        log_warn("message_dropped", "pid=" LOG_Q " reason=\"not a pid\"", LOG_QARG(a->send.to));
        return;
    }
    if (a->send.observer != 0) {
        (void)snprintf(id, sizeof id, "slave-observer(%llu)", (unsigned long long)a->send.observer);
        (void)msg_pid_make(str_of(id), &sh->addr, &from);
    }
    sbuf_clear(&sh->out);
    const char *name = encode_send(a, &sh->out);
    if (name == NULL || !sbuf_ok(&sh->out))
        return;
    /* Nothing at an agent waits for the acknowledgement of an end: with a thousand busy agents it is worth a write less. */
    bool later = a->send.kind == MSG_ACKNOWLEDGE && a->send.flag && loop_is_busy(sh->loop);
    if ((later ? msg_send_later : msg_send)(sh->msg, &from, &to, str_of(name), sbuf_view(&sh->out)) != 0)
        log_warn("message_dropped", "pid=" LOG_Q " message=%s reason=\"over a limit\"", LOG_QARG(a->send.to), name);
}

static void do_driver_event(struct shell *sh, const struct master_action *a)
{
    struct msg_pid to;

    sbuf_clear(&sh->out);
    const char *name = encode_driver_event(sh->m, &sh->view.who, a, &sh->out);
    if (name == NULL)
        return; /* drivers know nothing of it */
    if (!msg_pid_parse(a->event.to, &to) || !sbuf_ok(&sh->out) ||
        msg_send(sh->msg, &sh->self, &to, str_of(name), sbuf_view(&sh->out)) != 0)
        log_warn("message_dropped", "pid=" LOG_Q " message=%s reason=\"over a limit\"", LOG_QARG(a->event.to), name);
}

static void do_link(struct shell *sh, const struct master_action *a)
{
    struct msg_pid pid;

    if (!msg_pid_parse(a->send.to, &pid))
        return;
    if (a->type == MASTER_ACT_LINK)
        (void)msg_link(sh->msg, &pid); /* over a limit: pings find out */
    else
        msg_unlink(sh->msg, &pid);
}

static void answer(struct http_req *r, const struct master_action *a)
{
    if (a->answer.text.n == 0)
        reply_empty(r, a->answer.status);
    else
        http_reply_text(r, a->answer.status, "%.*s", STR_ARG(a->answer.text));
}

static void do_answer(struct shell *sh, const struct master_action *a)
{
    struct parked *p;

    if (a->answer.request.n == sh->current_n && sh->current != NULL) {
        answer(sh->current, a);
        sh->current = NULL;
        sh->current_answered = true;
        return;
    }
    HASH_FIND(hh, sh->parked, &a->answer.request.n, sizeof a->answer.request.n, p);
    if (p == NULL)
        return; /* the client left */
    HASH_DELETE(hh, sh->parked, p);
    answer(p->r, a);
    free(p);
}

static void carry_out(struct shell *sh, const struct master_action *a)
{
    switch (a->type) {
    case MASTER_ACT_STORE:
        do_store(sh, a);
        break;
    case MASTER_ACT_LINK:
    case MASTER_ACT_UNLINK:
        do_link(sh, a);
        break;
    case MASTER_ACT_SEND:
        do_send(sh, a);
        break;
    case MASTER_ACT_STREAM_OPEN:
        stream_open(sh, a);
        break;
    case MASTER_ACT_EVENT:
        if (a->event.to.n != 0)
            do_driver_event(sh, a);
        else
            stream_event(sh, a);
        break;
    case MASTER_ACT_STREAM_CLOSE:
        stream_close(sh, a->event.stream.n);
        break;
    case MASTER_ACT_ANSWER:
        do_answer(sh, a);
        break;
    case MASTER_ACT_WATCH:
        streams_watch(sh, a);
        break;
    case MASTER_ACT_NOTE:
        log_event((enum log_level)a->note.level, a->note.event, "%.*s", STR_ARG(a->note.text));
        break;
    case MASTER_ACT_ABORT:
        mshell_fail(sh, a->note.event, a->note.text.p);
        break;
    }
}

void mshell_step(struct shell *sh, struct master_event *ev)
{
    struct master_actions actions;

    ev->now = loop_now(sh->loop);
    ev->wall = loop_wall(sh->loop);
    master_step(sh->m, ev, &actions);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(sh, &actions.v[i]);
    sh->wake_at = actions.wake_at;
    mshell_wake(sh);
}

static void parked_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct shell *sh = arg;
    struct parked *p = http_req_data(r);

    (void)why;
    HASH_DELETE(hh, sh->parked, p);
    free(p);
}

void mshell_step_request(struct shell *sh, struct master_event *ev, struct http_req *r)
{
    uint64_t n = ++sh->next_handle;

    ev->request.n = n;
    sh->current = r;
    sh->current_n = n;
    sh->current_answered = false;
    mshell_step(sh, ev);
    if (sh->current_answered)
        return;
    sh->current = NULL; /* the answer comes when the registry has stored the change */
    struct parked *p = xcalloc(1, sizeof *p);
    p->n = n;
    p->r = r;
    HASH_ADD(hh, sh->parked, n, sizeof p->n, p);
    http_req_set_data(r, p);
    http_req_on_gone(r, parked_gone, sh);
}

/* --- time --- */

/* End of a turn: streams that ended, then a tick when one is due. */
static void run_step(void *arg)
{
    struct shell *sh = arg;
    struct master_event ev = { .type = MASTER_EV_TICK };

    if (sh->stopping)
        return;
    for (struct master_event closed; streams_next_closed(sh, &closed);)
        mshell_step(sh, &closed);
    if (!election_is_sure(sh)) {
        loop_timer_in(&sh->timer, UNSURE_NS);
        return;
    }
    election_replay(sh); /* a master that had been stopped may have been unsure without anybody telling it */
    if (sh->wake_at.ns <= loop_now(sh->loop).ns) {
        struct mono before = loop_clock();
        int64_t late = loop_now(sh->loop).ns - sh->wake_at.ns;
        mshell_step(sh, &ev);
        uint64_t runs = allocator_stats(sh->m->allocator).runs;
        if (runs != sh->alloc_runs) {
            metric_observe(sh->run_timer, mono_diff(loop_clock(), before));
            metric_observe(sh->run_latency, late > 0 && late < NS_PER_S * 3600 ? late : 0);
            sh->alloc_runs = runs;
        }
    }
    loop_timer_at(&sh->timer, sh->wake_at);
}

static void on_timer(void *arg)
{
    mshell_wake(arg);
}

/* --- messages --- */

static void take_message(struct shell *sh, const struct msg_in *in)
{
    bool observer = !str_is(in->to, "master");
    char pid[MSG_PID_TEXT_SIZE];
    struct decoded d;
    struct error err;

    pid[0] = '\0';
    if (!str_is(in->name, "mesos.internal.StatusUpdateMessage")) /* the frequent one names its agent itself */
        msg_pid_text(&in->from, pid);
    decoded_init(&d);
    int rc = decode_message(sh->m, in->to, in->name, str_of(pid), in->body, &d, &err);
    if (rc == -(int)ERR_NOT_FOUND && !observer)
        rc = decode_driver_message(sh->m, in->name, str_of(pid), sasl_principal(sh, str_of(pid)), in->body, &d, &err);
    if (rc == 0 && sasl_required(sh, &d, str_of(pid))) {
        mshell_step(sh, &d.ev);
    } else if (rc != 0) {
        sh->dropped++;
        log_warn("message_dropped", "pid=" LOG_Q " message=" LOG_Q " reason=" LOG_Q, LOG_QARG(str_of(pid)),
                 LOG_QARG(in->name), LOG_QARG(str_of(err.msg)));
    }
    decoded_done(&d);
}

static bool on_message(void *ctx, const struct msg_in *in)
{
    struct shell *sh = ctx;

    bool observer = str_starts(in->to, STR("slave-observer("));
    if (!str_is(in->to, "master") && !observer)
        return sasl_message(sh, in);
    if (!master_is_recovered(sh->m) || !msg_pid_is_set(&in->from))
        sh->dropped++;
    else if (observer || (!sasl_begin(sh, in) && !throttle_holds(sh, in)))
        take_message(sh, in);
    return true;
}

static void take_exit(struct shell *sh, const struct msg_pid *pid)
{
    char text[MSG_PID_TEXT_SIZE];

    msg_pid_text(pid, text);
    struct master_event ev = { .type = MASTER_EV_AGENT_EXITED, .pid = str_of(text) };
    sasl_forget(sh, str_of(text));
    if (!sh->stopping)
        mshell_step(sh, &ev);
}

const struct throttle_next mshell_throttle_next = { .message = take_message, .exited = take_exit };

static void on_exited(void *ctx, const struct msg_pid *pid)
{
    struct shell *sh = ctx;

    if (!throttle_holds_exit(sh, pid))
        take_exit(sh, pid);
}

const struct msg_handler mshell_msg_handler = { .on_message = on_message, .on_exited = on_exited };

void mshell_timers_init(struct shell *sh)
{
    sh->step_work = LOOP_WORK(LOOP_STEP, run_step, sh);
    loop_timer_init(&sh->timer, sh->loop, on_timer, sh);
    sh->wake_at = MONO_NEVER;
}
