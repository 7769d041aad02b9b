/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the REST API, several in a row against one small cluster. The input is cut at bytes 0xff; a
 * piece is a verb (first byte), a target up to the line feed, and a body. Between requests the cluster moves
 * on. Sanitizers and the core's assertions are the oracle; counters are recounted at the end. */
#include <stdarg.h>

#include "tests/unit/marathon/apiworld.h"

void test_fail(const char *file, int line, const char *fmt, ...)
{
    (void)file;
    (void)line;
    (void)fmt;
    abort();
}

static struct apiworld aw;

static void request(struct str piece)
{
    static const char *const verbs[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    struct str target;
    char *t, *b;
    unsigned verb;

    if (piece.n < 2)
        return;
    verb = (unsigned char)piece.p[0] % 7;
    piece = str_sub(piece, 1, piece.n);
    bool has_body = str_cut(&piece, '\n', &target);
    t = xstrndup(target);
    b = xstrndup(piece);
    (void)call(&aw, verbs[verb], t, has_body ? b : NULL);
    if (aw.answer.status < 200 || aw.answer.status > 599 || aw.answer.body.failed)
        abort();
    free(t);
    free(b);
}

static void recount(void)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, aw.w.m->slots, s, tmp)
    {
        int64_t live = 0;
        for (const struct instance *i = s->instances; i != NULL; i = i->next)
            live += i->goal == GOAL_RUNNING && i->state != INSTANCE_INACTIVE;
        if (live != s->live[0] + s->live[1])
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_mem(data, size > 4096 ? 4096 : size), piece;
    int requests = 0;

    apiworld_init(&aw, 2);
    aw.w.check = NULL; /* no records: this is about requests */
    for (bool more = rest.n != 0; more && requests++ < 16;) {
        more = str_cut(&rest, '\xff', &piece);
        request(piece);
        /* A giant number of instances is a matter of memory, not of this test. */
        if (HASH_COUNT(aw.w.m->instances) > 300)
            break;
        for (int k = 0; k < 8 && world_act(&aw.w); k++)
            ;
        world_tick(&aw.w, 700);
    }
    recount();
    apiworld_done(&aw);
    return 0;
}
