/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded store: one SQLite database, write-ahead log, one writer. A group is one transaction and one
 * sync; each batch in it is a savepoint, so that a conflict undoes that batch alone. A failure of the
 * database itself (disk full, I/O error) fails the whole group, and nothing of it is kept.
 *
 * The transaction runs in a thread that gets the group as a value, because a sync takes up to tens of
 * milliseconds. The connection is used by that thread alone between open and close. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/store_int.h"
#include "common/io/worker.h"

/* For who opens a database whose owner died just then, beside somebody who replays its log. */
enum { BUSY_MS = 2000 };

enum statement {
    SQL_GET,
    SQL_PUT,
    SQL_DELETE,
    SQL_LIST,
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVE,
    SQL_UNDO,
    SQL_RELEASE,
    SQL_COUNT
};

static const char *const sql[SQL_COUNT] = {
    [SQL_GET] = "SELECT version, value FROM record WHERE key = ?1",
    [SQL_PUT] =
        "INSERT INTO record VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET version = ?2, value = ?3",
    [SQL_DELETE] = "DELETE FROM record WHERE key = ?1",
    [SQL_LIST] = "SELECT key, version, value FROM record WHERE key >= ?1 ORDER BY key",
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVE] = "SAVEPOINT batch",
    [SQL_UNDO] = "ROLLBACK TO batch",
    [SQL_RELEASE] = "RELEASE batch",
};

struct backend {
    struct worker_job job; /* first */
    struct store *store;
    struct worker *worker;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    int owner_fd; /* locked while the database is ours; -1: it is not */
    struct store_op *group;
    unsigned syncs;
};

/* --- statements --------------------------------------------------------------------------------------- */
static int db_error(sqlite3 *db, const char *what, struct error *err)
{
    int rc = sqlite3_extended_errcode(db) & 0xff;
    const char *text = sqlite3_errmsg(db);
    if (rc == SQLITE_FULL)
        return error_set(err, ERR_IO,
                         "store: %s: the disk (or bytes_max) is full; free space, nothing is lost: %s", what,
                         text);
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return error_set(err, ERR_CONFLICT, "store: %s: another process uses the database: %s", what, text);
    if (rc == SQLITE_NOMEM)
        return error_set(err, ERR_NOMEM, "store: %s: out of memory", what);
    return error_set(err, ERR_IO, "store: %s: %s", what, text);
}

static int run(struct backend *b, enum statement which, struct error *err)
{
    sqlite3_stmt *st = b->statements[which];
    int rc = sqlite3_step(st);
    (void)sqlite3_reset(st); /* repeats the error of the step */
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : db_error(b->db, sql[which], err);
}

static void bind_key(sqlite3_stmt *st, struct str key)
{
    (void)sqlite3_bind_text(st, 1, key.p, (int)key.n, SQLITE_STATIC);
}

static struct str column(sqlite3_stmt *st, int i)
{
    const void *p = sqlite3_column_blob(st, i);
    return str_mem(p, (size_t)sqlite3_column_bytes(st, i));
}

static int version_of(struct backend *b, struct str key, uint64_t *ret, struct error *err)
{
    sqlite3_stmt *st = b->statements[SQL_GET];
    bind_key(st, key);
    int rc = sqlite3_step(st);
    *ret = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    (void)sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_error(b->db, "reading", err);
}

/* --- operations (in the thread) ----------------------------------------------------------------------- */
static int apply_entry(struct backend *b, struct store_op *op, size_t i)
{
    const struct store_entry *e = &op->batch->entries[i];
    uint64_t found;
    int rc = version_of(b, e->key, &found, &op->err);
    if (rc != 0)
        return rc;
    if (e->expected != STORE_ANY_VERSION && e->expected != found)
        return store_op_conflict(op, e, found);
    op->versions[i] = e->is_delete ? 0 : found + 1;
    enum statement which = e->is_delete ? SQL_DELETE : SQL_PUT;
    sqlite3_stmt *st = b->statements[which];
    bind_key(st, e->key);
    if (!e->is_delete) {
        (void)sqlite3_bind_int64(st, 2, (sqlite3_int64)op->versions[i]);
        (void)sqlite3_bind_blob(st, 3, e->value.n != 0 ? e->value.p : "", (int)e->value.n, SQLITE_STATIC);
    }
    return run(b, which, &op->err);
}

/* A conflict is the batch's own matter (answer 0, op->rc set); anything else ends the group. */
static int commit(struct backend *b, struct store_op *op, struct error *err)
{
    bool is_one = op->batch->count == 1; /* a conflict is found before anything is written: nothing to undo */

    if (!is_one && run(b, SQL_SAVE, err) != 0)
        return -ERR_IO;
    for (size_t i = 0; i < op->batch->count && op->rc == 0; i++)
        op->rc = apply_entry(b, op, i);
    if (op->rc != 0 && op->rc != -ERR_CONFLICT) {
        *err = op->err;
        return op->rc;
    }
    if (is_one)
        return 0;
    if (op->rc != 0 && run(b, SQL_UNDO, err) != 0)
        return -ERR_IO;
    return run(b, SQL_RELEASE, err);
}

static int get(struct backend *b, struct store_op *op)
{
    sqlite3_stmt *st = b->statements[SQL_GET];
    bind_key(st, op->key);
    int step = sqlite3_step(st), rc = 0;
    if (step == SQLITE_ROW)
        rc = store_op_add(op, op->key, column(st, 1), (uint64_t)sqlite3_column_int64(st, 0));
    else if (step != SQLITE_DONE)
        rc = db_error(b->db, "reading", &op->err);
    (void)sqlite3_reset(st);
    return rc;
}

static int list(struct backend *b, struct store_op *op)
{
    sqlite3_stmt *st = b->statements[SQL_LIST];
    bind_key(st, op->key);
    int step, rc = 0;
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        struct str key = column(st, 0);
        if (!str_starts(key, op->key))
            break;
        rc = store_op_add(op, key, column(st, 2), (uint64_t)sqlite3_column_int64(st, 1));
    }
    if (rc == 0 && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = db_error(b->db, "reading", &op->err);
    (void)sqlite3_reset(st);
    return rc;
}

static int run_ops(struct backend *b, struct error *err)
{
    for (struct store_op *op = b->group; op != NULL; op = op->next) {
        if (op->rc != 0)
            continue;
        if (op->kind == STORE_COMMIT) {
            int rc = commit(b, op, err);
            if (rc != 0)
                return rc;
        } else {
            op->rc = op->kind == STORE_GET ? get(b, op) : list(b, op);
        }
    }
    return 0;
}

/* What was read in a transaction that came to nothing is as void as what was written. */
static void fail_group(struct backend *b, const struct error *err)
{
    for (struct store_op *op = b->group; op != NULL; op = op->next) {
        if (op->rc != 0 && op->rc != -ERR_CONFLICT)
            continue;
        op->rc = -(int)err->code;
        op->err = *err;
        op->conflict_key = (struct str){ NULL, 0 };
    }
}

static void run_group(struct worker_job *j)
{
    struct backend *b = (struct backend *)j;
    struct error err = { ERR_OK, 0, "" };
    bool writes = false;
    for (const struct store_op *op = b->group; op != NULL; op = op->next)
        writes = writes || (op->kind == STORE_COMMIT && op->rc == 0);
    b->syncs = writes ? 1 : 0;
    /* Of two who read beside each other each sees the last commit before its transaction. */
    int rc = run(b, writes ? SQL_BEGIN : SQL_BEGIN_READ, &err);
    if (rc == 0)
        rc = run_ops(b, &err);
    if (rc == 0)
        rc = run(b, SQL_COMMIT, &err);
    if (rc == 0)
        return;
    if (sqlite3_get_autocommit(b->db) == 0)
        (void)run(b, SQL_ROLLBACK, NULL);
    fail_group(b, &err);
}

/* --- the loop's side ---------------------------------------------------------------------------------- */
static void group_over(struct worker_job *j)
{
    struct backend *b = (struct backend *)j;
    struct store_op *group = b->group;
    b->group = NULL;
    store_group_done(b->store, group, b->syncs);
}

static void submit(struct store *s, void *backend, struct store_op *group)
{
    struct backend *b = backend;
    ASSERT(b->group == NULL);
    b->store = s;
    b->group = group;
    worker_submit(b->worker, &b->job);
}

static void wait_for(void *backend)
{
    worker_drain(((struct backend *)backend)->worker);
}

static void backend_close(void *backend)
{
    struct backend *b = backend;
    worker_free(b->worker);
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(b->statements[i]);
    (void)sqlite3_close(b->db);
    if (b->owner_fd >= 0)
        (void)close(b->owner_fd);
    free(b);
}

/* --- opening ------------------------------------------------------------------------------------------ */
static int pragma(struct backend *b, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int pragma(struct backend *b, struct error *err, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sqlite3_exec(b->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(b->db, text, err);
}

/* A lock of its own, so that others may read meanwhile, which SQLite's exclusive mode would keep them from. */
static int take_ownership(struct backend *b, const char *path, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf file = SBUF_INIT(8192);

    sbuf_fmt(&file, "%s-owner", path);
    b->owner_fd = open(file.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (b->owner_fd < 0)
        return error_set_errno(err, errno, "store: %s cannot be made", file.p);
    if (flock(b->owner_fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, ERR_CONFLICT, "store: another process uses the database: it has locked %s", file.p);
    return 0;
}

static int prepare_statements(struct backend *b, struct error *err)
{
    for (int i = 0; i < SQL_COUNT; i++)
        if (sqlite3_prepare_v3(b->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &b->statements[i], NULL) !=
            SQLITE_OK)
            return db_error(b->db, sql[i], err);
    return 0;
}

static int prepare_database(struct backend *b, const struct store_sqlite_options *o, struct error *err)
{
    if (pragma(b, err, "PRAGMA journal_mode = WAL") != 0 ||
        pragma(b, err, "PRAGMA synchronous = %s", o->sync_off ? "OFF" : "FULL") != 0 ||
        pragma(b, err, "PRAGMA cache_size = -%u", o->cache_kib != 0 ? o->cache_kib : 2048) != 0 ||
        pragma(b, err,
               "CREATE TABLE IF NOT EXISTS record (key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, "
               "value BLOB NOT NULL)") != 0)
        return -(int)err->code;
    if (o->bytes_max != 0 &&
        pragma(b, err, "PRAGMA max_page_count = %llu", (unsigned long long)(o->bytes_max / 4096 + 1)) != 0)
        return -(int)err->code;
    /* Writes now, so that a second process of another version, which locks the database itself, learns of the first at its start. */
    int rc = prepare_statements(b, err);
    if (rc == 0)
        rc = run(b, SQL_BEGIN, err);
    return rc == 0 ? run(b, SQL_COMMIT, err) : rc;
}

int store_open_sqlite(struct store **ret_store, struct loop *loop, const struct store_sqlite_options *options,
                      struct error *err)
{
    struct error local;
    if (err == NULL)
        err = &local;
    struct backend *b = xcalloc(1, sizeof *b);
    b->job = (struct worker_job){ .run = run_group, .done = group_over };
    b->owner_fd = -1;
    int rc = worker_new(&b->worker, loop, 1, err);
    if (rc != 0) {
        free(b);
        return rc;
    }
    bool reads_only = options->beside_owner;
    int flags = (reads_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
    rc = reads_only ? 0 : take_ownership(b, options->path, err);
    if (rc == 0 && sqlite3_open_v2(options->path, &b->db, flags, NULL) != SQLITE_OK)
        rc = db_error(b->db, "opening", err);
    if (rc == 0) {
        (void)sqlite3_busy_timeout(b->db, BUSY_MS);
        rc = reads_only ? prepare_statements(b, err) : prepare_database(b, options, err);
    }
    if (rc != 0) {
        rc = error_wrap(err, "database %.100s", options->path);
        backend_close(b);
        return rc;
    }
    static const struct store_backend backend = { submit, wait_for, backend_close };
    *ret_store = store_new(loop, &backend, b);
    return 0;
}
