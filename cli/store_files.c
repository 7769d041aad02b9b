/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong below the records: a damaged database file, nodes in ZooKeeper that are no records. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "cli/store.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/io/store_zk_frame.h"

/* --- a database ----------------------------------------------------------------------------------------- */

enum { COMPLAINTS_SHOWN_MAX = 5 };

static int db_fails(sqlite3 *db, const char *path, struct error *err)
{
    int rc = sqlite3_errcode(db);

    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return error_set(err, ERR_CONFLICT, "another process uses %.300s: stop it first", path);
    return error_set(err, ERR_IO, "%.300s: %.150s", path, sqlite3_errmsg(db));
}

/* 0: whole; 1: damaged; negative: cannot be looked at. */
static int integrity(sqlite3 *db, const char *path, struct error *err)
{
    sqlite3_stmt *st = NULL;
    int shown = 0, rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(5)", -1, &st, NULL);

    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        rc = SQLITE_OK;
        if (text != NULL && strcmp(text, "ok") != 0 && shown++ < COMPLAINTS_SHOWN_MAX)
            printf("%s is damaged: %s\n", path, text);
    }
    (void)sqlite3_finalize(st);
    if (rc == SQLITE_DONE)
        return shown != 0;
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) {
        printf("%s is damaged: %s\n", path, sqlite3_errmsg(db));
        return 1;
    }
    return db_fails(db, path, err);
}

/* Rows in the order of the table, up to the first that cannot be read, then from the other end. */
static size_t copy_rows(sqlite3 *from, sqlite3 *to, bool backwards, bool *ret_all)
{
    sqlite3_stmt *in = NULL, *out = NULL;
    size_t n = 0;
    int rc = sqlite3_prepare_v2(from,
                                backwards
                                    ? "SELECT key, version, value FROM record NOT INDEXED ORDER BY rowid DESC"
                                    : "SELECT key, version, value FROM record NOT INDEXED ORDER BY rowid",
                                -1, &in, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(to, "INSERT OR IGNORE INTO record VALUES (?1, ?2, ?3)", -1, &out, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(in)) == SQLITE_ROW) {
        for (int i = 0; i < 3; i++)
            (void)sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
        rc = sqlite3_step(out) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        n += (size_t)sqlite3_changes(to);
        (void)sqlite3_reset(out);
    }
    *ret_all = rc == SQLITE_DONE;
    (void)sqlite3_finalize(in);
    (void)sqlite3_finalize(out);
    return n;
}

static int rebuild_into(sqlite3 *db, const char *fresh, size_t *ret_rows, bool *ret_all, struct error *err)
{
    sqlite3 *to = NULL;
    bool all;
    int rc = 0;

    (void)unlink(fresh);
    if (sqlite3_open(fresh, &to) != SQLITE_OK ||
        sqlite3_exec(to,
                     "CREATE TABLE record (key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, value "
                     "BLOB NOT NULL); BEGIN",
                     NULL, NULL, NULL) != SQLITE_OK)
        rc = db_fails(to, fresh, err);
    if (rc == 0) {
        *ret_rows = copy_rows(db, to, false, ret_all);
        if (!*ret_all)
            *ret_rows += copy_rows(db, to, true, &all);
        if (sqlite3_exec(to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            rc = db_fails(to, fresh, err);
    }
    (void)sqlite3_close(to);
    return rc;
}

static int rebuild(sqlite3 *db, const char *path, struct error *err)
{
    char fresh[STORE_PLACE_BYTES + 20], old[STORE_PLACE_BYTES + 20];
    size_t rows = 0;
    bool all = false;
    int rc;

    (void)snprintf(fresh, sizeof fresh, "%s.rebuilt", path);
    (void)snprintf(old, sizeof old, "%s.damaged", path);
    if (access(old, F_OK) == 0)
        return error_set(err, ERR_CONFLICT, "%.300s is there from an earlier repair: move it away first",
                         old);
    rc = rebuild_into(db, fresh, &rows, &all, err);
    if (rc != 0)
        return rc;
    if (rename(path, old) != 0 || rename(fresh, path) != 0)
        return error_set_errno(err, errno, "moving the rebuilt database to %.300s", path);
    printf("%s is rebuilt from %zu records that could be read%s; the old file is kept as %s\n", path, rows,
           all ? "" : " (others could not: check what is missing)", old);
    return 0;
}

int store_check_database(const char *path, bool repair, struct error *err)
{
    sqlite3 *db = NULL;
    int rc;

    if (access(path, F_OK) != 0)
        return error_set(err, ERR_NOT_FOUND, "there is no database %.400s", path);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        rc = db_fails(db, path, err);
    else
        rc = integrity(db, path, err);
    if (rc == 1 && repair)
        rc = rebuild(db, path, err);
    (void)sqlite3_close(db);
    return rc;
}

/* --- nodes ---------------------------------------------------------------------------------------------- */

struct nodes {
    struct store_session *s;
    const struct store_record *records; /* sorted */
    size_t count;
    bool repair;
    int wrong;
};

static const struct store_record *find(const struct nodes *n, struct str key)
{
    size_t lo = 0, hi = n->count;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = str_cmp(n->records[mid].key, key);
        if (c == 0)
            return &n->records[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* NULL: the node is what it should be. */
static const char *judge(const struct nodes *n, const char *bucket, const char *name)
{
    CLEANUP(sbuf_done_p) struct sbuf key = SBUF_INIT(STORE_KEY_BYTES_MAX);
    CLEANUP(arena_done_p) struct arena a = { 0 };
    struct str base = str_of(name);
    bool extra = str_ends(base, STR("%+"));
    char path[ZK_PATH_BYTES_MAX];
    const struct store_record *r;

    arena_init(&a, 8192);
    if (extra)
        base.n -= 2;
    if (!szk_unescape(base, &key) || !sbuf_ok(&key))
        return "it is no name of a record";
    (void)snprintf(path, sizeof path, "%s/r/%s/%s", n->s->place, bucket, name);
    if (strcmp(szk_path(&a, n->s->place, sbuf_view(&key), extra), path) != 0)
        return "a record of that name belongs elsewhere";
    r = find(n, sbuf_view(&key));
    if (extra && (r == NULL || r->value.n < SZK_SPLIT_BYTES))
        return "it is the rest of a record that has none";
    return NULL;
}

static int check_bucket(struct nodes *n, const char *bucket, struct error *err)
{
    char path[ZK_PATH_BYTES_MAX];
    struct store_answer a;
    int rc;

    (void)snprintf(path, sizeof path, "%s/r/%s", n->s->place, bucket);
    rc = store_session_children(n->s, path, &a, err);
    for (size_t i = 0; i < a.child_count && rc == 0; i++) {
        const char *what = judge(n, bucket, a.children[i]);
        if (what == NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/r/%s/%s", n->s->place, bucket, a.children[i]);
        if (n->repair)
            rc = store_session_delete_node(n->s, path, err);
        else
            n->wrong++;
        printf("node %s: %s%s\n", path, what, n->repair && rc == 0 ? "; it is removed" : "");
    }
    store_answer_done(&a);
    return rc;
}

int store_check_nodes(struct store_session *s, const struct store_record *records, size_t count, bool repair,
                      struct error *err)
{
    struct nodes n = { .s = s, .records = records, .count = count, .repair = repair };
    int rc = 0;

    if (s->unfinished != 0)
        printf("a change was left unfinished by a process that ended (%zu nodes); it is finished, or dropped "
               "if it was not decided\n",
               s->unfinished);
    for (unsigned i = 0; i < SZK_BUCKETS && rc == 0; i++) {
        char bucket[8];
        (void)snprintf(bucket, sizeof bucket, "%02x", i);
        rc = check_bucket(&n, bucket, err);
    }
    return rc != 0 ? rc : n.wrong;
}
