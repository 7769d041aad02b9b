/* SPDX-License-Identifier: Apache-2.0 */
/* Records to and from the store. A record larger than the store takes (the plan of a very large deployment)
 * is cut into pieces "key", "key#001", ...; which keys have how many is remembered, so that the pieces go
 * with their record. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "marathon/api/records.h"
#include "marathon/degraded.h"
#include "marathon/election.h"
#include "marathon/shell.h"

enum { PIECE_BYTES = 900 * 1000, PIECES_MAX = 999 };

struct chunked {
    char *key;
    unsigned pieces; /* besides the first */
    UT_hash_handle hh;
};

static unsigned pieces_of(const struct shell *sh, struct str key)
{
    struct chunked *c;

    HASH_FIND(hh, sh->chunked, key.p, key.n, c);
    return c != NULL ? c->pieces : 0;
}

static void set_pieces(struct shell *sh, struct str key, unsigned n)
{
    struct chunked *c;

    HASH_FIND(hh, sh->chunked, key.p, key.n, c);
    if (c == NULL && n != 0) {
        c = xcalloc(1, sizeof *c);
        c->key = xstrndup(key);
        HASH_ADD_KEYPTR(hh, sh->chunked, c->key, key.n, c);
    }
    if (c != NULL && n == 0) {
        HASH_DEL(sh->chunked, c);
        free(c->key);
        free(c);
    } else if (c != NULL) {
        c->pieces = n;
    }
}

static struct str piece_key(struct sbuf *b, struct str key, unsigned k)
{
    sbuf_clear(b);
    sbuf_str(b, key);
    sbuf_fmt(b, "#%03u", k);
    return sbuf_view(b);
}

static struct store_batch *batch(struct shell *sh)
{
    struct turn *t = sh->turn;

    if (t->batch != NULL && store_batch_count(t->batch) >= STORE_BATCH_ENTRIES_MAX - 8) {
        /* More than the store takes at once, which no update of a root within the limits is. Definitions come first in a step, and a definition that nothing
         * refers to is dropped at the next start: a crash in between loses the request, not the state. */
        struct store_batch *full = t->batch;
        t->batch = NULL;
        store_commit(sh->store, full, NULL, NULL);
    }
    if (t->batch == NULL)
        t->batch = store_batch_new();
    return t->batch;
}

static void put(struct shell *sh, struct str key, struct str value)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(STORE_KEY_BYTES_MAX + 16);
    unsigned old = pieces_of(sh, key), n = 0;

    store_batch_put(batch(sh), key, str_sub(value, 0, PIECE_BYTES), STORE_ANY_VERSION);
    for (size_t at = PIECE_BYTES; at < value.n && n < PIECES_MAX; at += PIECE_BYTES)
        store_batch_put(batch(sh), piece_key(&b, key, ++n), str_sub(value, at, PIECE_BYTES),
                        STORE_ANY_VERSION);
    for (unsigned k = n + 1; k <= old; k++)
        store_batch_delete(batch(sh), piece_key(&b, key, k), STORE_ANY_VERSION);
    if (n != old)
        set_pieces(sh, key, n);
}

static void delete (struct shell *sh, struct str key)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(STORE_KEY_BYTES_MAX + 16);
    unsigned old = pieces_of(sh, key);

    store_batch_delete(batch(sh), key, STORE_ANY_VERSION);
    for (unsigned k = 1; k <= old; k++)
        store_batch_delete(batch(sh), piece_key(&b, key, k), STORE_ANY_VERSION);
    set_pieces(sh, key, 0);
}

static void nothing(struct shell *sh, struct output *o, bool run)
{
    (void)sh;
    (void)run;
    free(o);
}

static void write_ops(struct shell *sh, bool specs)
{
    for (size_t i = 0; i < sh->actions.store_count; i++) {
        const struct store_op *op = &sh->actions.stores[i];
        bool gone;
        if ((op->kind == STORE_SPEC) != specs)
            continue;
        record_encode(op, &sh->key, &sh->value, &gone);
        if (gone)
            delete (sh, sbuf_view(&sh->key));
        else
            put(sh, sbuf_view(&sh->key), sbuf_view(&sh->value));
    }
}

void persist_ops(struct shell *sh)
{
    struct output *o;

    if (sh->actions.store_count == 0)
        return;
    if (sh->turn == NULL) { /* an output opens the turn */
        o = xcalloc(1, sizeof *o);
        o->fn = nothing;
        marathon_shell_output(sh, o);
    }
    write_ops(sh, true);
    write_ops(sh, false);
}

/* --- opening and loading ------------------------------------------------------------------------------- */
static int store_path(const struct shell *sh, struct sbuf *b, struct error *err)
{
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (sh->flags.store_dir != NULL)
        sbuf_c(b, sh->flags.store_dir);
    else if (state != NULL)
        sbuf_fmt(b, "%s/stoa/marathon", state);
    else if (xdg != NULL)
        sbuf_fmt(b, "%s/stoa/marathon", xdg);
    else if (home != NULL)
        sbuf_fmt(b, "%s/.local/state/stoa/marathon", home);
    else
        return error_set(err, ERR_INVALID, "no place for the store: give --store_dir");
    return 0;
}

int persist_open(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    struct store_sqlite_options o = { 0 };
    int rc;

    sbuf_init(&sh->key, STORE_KEY_BYTES_MAX + 4096);
    sbuf_init(&sh->value, 1 << 30);
    if (str_is(str_of(sh->flags.internal_store_backend), "mem"))
        return store_open_memory(&sh->store, sh->loop, err);
    if (sh->flags.zk != NULL)
        return marathon_election_open_store(sh, err);
    rc = store_path(sh, &b, err);
    if (rc == 0)
        rc = fs_mkdirs(b.p, 0700, err);
    if (rc < 0)
        return error_wrap(err, "--store_dir");
    sbuf_c(&b, "/marathon.db");
    o.path = b.p;
    rc = store_open_sqlite(&sh->store, sh->loop, &o, err);
    return rc < 0 ? error_wrap(err, "--store_dir: %s", b.p) : 0;
}

static void report(void *ctx, struct str key, const char *what)
{
    (void)ctx;
    log_warn("record_ignored", "key=" LOG_Q " because=" LOG_Q, LOG_QARG(key), LOG_QARG(str_of(what)));
}

static bool is_piece(struct str key, struct str of)
{
    return key.n == of.n + 4 && str_starts(key, of) && key.p[of.n] == '#';
}

static void loaded(void *arg, const struct store_record *records, size_t count, const struct error *err)
{
    struct shell *sh = arg;
    struct record *v;
    size_t n = 0;

    if (err != NULL) {
        log_error("store_unreadable", "error=" LOG_Q, LOG_QARG(str_of(err->msg)));
        marathon_shell_stop(sh, 1);
        return;
    }
    v = xcalloc(count + 1, sizeof *v);
    /* Pieces follow their record, which sorts before them; copies, since joining needs one piece of memory.
     */
    for (size_t i = 0, k; i < count; i = k) {
        unsigned pieces = 0;
        if (str_is(records[i].key, DEGRADED_CHECK_KEY)) {
            k = i + 1;
            continue;
        }
        for (k = i + 1; k < count && is_piece(records[k].key, records[i].key); k++)
            pieces++;
        v[n].key = records[i].key;
        v[n].value = records[i].value;
        if (pieces != 0) {
            struct sbuf all = SBUF_INIT((size_t)1 << 30);
            for (size_t j = i; j < k; j++)
                sbuf_str(&all, records[j].value);
            v[n].value = str_mem(all.p, all.n); /* freed below */
            set_pieces(sh, records[i].key, pieces);
        }
        n++;
    }
    records_load(sh->m, v, n, loop_now(sh->loop), report, sh);
    for (size_t i = 0; i < n; i++)
        if (pieces_of(sh, v[i].key) != 0)
            free((void *)(uintptr_t)v[i].value.p);
    free(v);
    log_info("state_loaded", "records=%zu apps=%zu instances=%u deployments=%zu", count, sh->m->app_count,
             HASH_COUNT(sh->m->instances), sh->m->deployment_count);
    sh->loaded(sh);
}

void persist_load(struct shell *sh, void (*done)(struct shell *sh))
{
    sh->loaded = done;
    store_list(sh->store, STR(""), loaded, sh);
}

void persist_close(struct shell *sh)
{
    store_close(sh->store);
    sh->store = NULL;
    for (struct chunked *c = sh->chunked, *next; c != NULL; c = next) {
        next = c->hh.next;
        HASH_DEL(sh->chunked, c);
        free(c->key);
        free(c);
    }
    sbuf_done(&sh->key);
    sbuf_done(&sh->value);
}
