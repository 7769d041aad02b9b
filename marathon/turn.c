/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: from records to outputs. What is put out waits until the records that it rests on are durable. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "marathon/shell.h"

static struct turn *open_turn(struct shell *sh)
{
    if (sh->turn == NULL) {
        sh->turn = xcalloc(1, sizeof *sh->turn);
        sh->turn->sh = sh;
        sh->turn->last = &sh->turn->first;
        loop_defer(sh->loop, &sh->end_of_turn);
    }
    return sh->turn;
}

void marathon_shell_output(struct shell *sh, struct output *o)
{
    struct turn *t = open_turn(sh);

    o->next = NULL;
    *t->last = o;
    t->last = &o->next;
}

void marathon_shell_stop(struct shell *sh, int exit_code)
{
    if (sh->stopping)
        return;
    sh->stopping = true;
    sh->exit_code = exit_code;
    loop_stop(sh->loop);
}

/* Carries out every closed turn at the front whose records are durable. */
static void run_turns(struct shell *sh)
{
    while (sh->turns != NULL && sh->turns->commits == 0) {
        struct turn *t = sh->turns;
        sh->turns = t->next;
        if (sh->turns == NULL)
            sh->turns_last = &sh->turns;
        for (struct output *o = t->first, *next; o != NULL; o = next) {
            next = o->next;
            o->fn(sh, o, true);
        }
        free(t);
    }
}

static void committed(void *arg, const struct store_result *r)
{
    struct turn *t = arg;
    struct shell *sh = t->sh;

    if (r->err != NULL) {
        sh->commit_failed(sh, r->err);
        return;
    }
    t->commits--;
    run_turns(sh);
}

/* Deferred to the STORE phase: all steps of the turn are in. */
void marathon_shell_turn_end(void *arg)
{
    struct shell *sh = arg;
    struct turn *t = sh->turn;

    if (t == NULL)
        return;
    sh->turn = NULL;
    *sh->turns_last = t;
    sh->turns_last = &t->next;
    t->closed = true;
    if (t->batch != NULL) {
        struct store_batch *b = t->batch;
        t->batch = NULL;
        t->commits++;
        if (sh->store_error[0] == '\0')
            store_commit(sh->store, b, committed, t);
        else
            store_batch_free(b); /* what it follows is lost; its outputs are never carried out */
    }
    run_turns(sh);
}

void marathon_shell_drop_turns(struct shell *sh)
{
    if (sh->turn != NULL) {
        store_batch_free(sh->turn->batch);
        *sh->turns_last = sh->turn;
        sh->turn = NULL;
    }
    for (struct turn *t = sh->turns, *next; t != NULL; t = next) {
        next = t->next;
        for (struct output *o = t->first, *on; o != NULL; o = on) {
            on = o->next;
            o->fn(sh, o, false);
        }
        free(t);
    }
    sh->turns = NULL;
    sh->turns_last = &sh->turns;
}
