/* SPDX-License-Identifier: Apache-2.0 */
/* /stoa/v1/apps/{id}/rollout: how far a rolling restart is, and stopping it, going on, turning round. An
 * addition of ours (core/rollout.c); docs/marathon.md describes the answer. */
#include "marathon/api/int.h"

static void rules(struct jsonw *w, const struct slot *s)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;

    if (u->pause_after.has)
        jsonw_key_i64(w, "pauseAfter", u->pause_after.v);
    if (u->rollback == NULL)
        return;
    jsonw_key_open(w, "autoRollback");
    if (u->rollback->failures_max.has)
        jsonw_key_i64(w, "maxFailures", u->rollback->failures_max.v);
    if (u->rollback->deadline_s.has)
        jsonw_key_i64(w, "deadlineSeconds", u->rollback->deadline_s.v);
    jsonw_close(w);
}

static const char *next_step(const struct slot *s, enum rollout_state state)
{
    switch (state) {
    case ROLLOUT_NONE:
        return "no rolling restart is under way";
    case ROLLOUT_RUNNING:
        return s->rollout.is_back ? "going back to the version before" : "replacing old instances by new ones";
    case ROLLOUT_PAUSED:
        return "paused by hand: resume or undo it";
    case ROLLOUT_HOLDING:
        return "the first new instances are ready: promote or undo it";
    }
    return "";
}

static void progress(struct call *c, struct jsonw *w, const struct slot *s)
{
    struct mono now = c->api->mono(c->api->ctx);

    jsonw_key_i64(w, "newReady", s->ready[0]);
    jsonw_key_i64(w, "new", s->live[0]);
    jsonw_key_i64(w, "oldReady", s->ready[1]);
    jsonw_key_i64(w, "old", s->live[1] + s->dying[1]);
    jsonw_key_i64(w, "failures", s->rollout.failures);
    if (s->rollout_timer.pos != 0 && mono_before(now, s->rollout.deadline))
        jsonw_key_i64(w, "deadlineSecondsLeft",
                      (s->rollout.deadline.ns - now.ns + NS_PER_S - 1) / NS_PER_S);
    jsonw_key_c(w, "deployment", s->deployment->id);
}

static void show(struct call *c, const struct slot *s)
{
    enum rollout_state state = rollout_state(s);
    const struct spec *before = rollout_previous(s);
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_s(&w, "app", s->id);
    jsonw_key_c(&w, "state", rollout_state_name(state));
    jsonw_key_c(&w, "text", next_step(s, state));
    jsonw_key_wall(&w, "version", s->spec->version);
    if (before != NULL)
        jsonw_key_wall(&w, "versionBefore", before->version);
    jsonw_key_i64(&w, "instances", slot_wanted(s));
    rules(&w, s);
    if (state != ROLLOUT_NONE)
        progress(c, &w, s);
    if (s->rolled_back_at.has) {
        jsonw_key_open(&w, "lastRollback");
        jsonw_key_wall(&w, "at", s->rolled_back_at.v);
        jsonw_key_c(&w, "text", s->rolled_back_why);
        jsonw_close(&w);
    }
    jsonw_close(&w);
}

static void command(struct call *c, struct str id, enum rollout_verb verb)
{
    struct marathon_event ev = { .type = EVENT_ROLLOUT, .rollout = { id, verb } };
    const struct update_result *res;
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, &res, &err) == 0)
        show(c, slot_find(c->m, id));
    else if (err.code == ERR_NOT_FOUND)
        answer_message(c, 404, "%s", err.msg);
    else if (res->problem != UPDATE_OK)
        answer_update_problem(c, res, &err);
    else
        answer_message(c, 409, "%s", err.msg);
}

bool handle_rollout(struct call *c)
{
    static const char *const verbs[] = { "pause", "resume", "promote", "undo" };
    struct str last = c->segments[c->n - 1];

    if (str_is(last, "rollout")) {
        struct str id = segments_path(c, 3, c->n - 1);
        const struct slot *s = slot_find(c->m, id);
        if (c->r->verb != HTTP_VERB_GET && c->r->verb != HTTP_VERB_HEAD)
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
        else if (s == NULL || !slot_is_app(s))
            answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
        else
            show(c, s);
        return true;
    }
    for (size_t i = 0; c->n > 5 && str_is(c->segments[c->n - 2], "rollout") && i < 4; i++)
        if (str_is(last, verbs[i])) {
            if (c->r->verb == HTTP_VERB_POST)
                command(c, segments_path(c, 3, c->n - 2), (enum rollout_verb)i);
            else
                answer_not_allowed(c, "POST, OPTIONS");
            return true;
        }
    return false;
}
