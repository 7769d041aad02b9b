/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa store export|import|check`: the state of a master or a marathon, out of and into its store, wherever
 * that is. */
#include "cli/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/store_dump.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"

static const struct state_kind *const kinds[2] = { &state_of_master, &state_of_marathon };

enum { DUMP_BYTES_MAX = 2000 << 20 };

static const char usage[] = "stoa store export|import|check --master=WHERE|--marathon=WHERE [FILE]; WHERE is "
                            "the work_dir, store_dir or zk "
                            "of the program, which must not run (but for an export)";

/* --- export --------------------------------------------------------------------------------------------- */

static void write_dump(const struct state_kind *kind, const struct store_record *records, size_t count,
                       struct sbuf *b)
{
    struct sbuf shows = SBUF_INIT(DUMP_LINE_BYTES_MAX);

    dump_head(b, kind->name, count);
    for (size_t i = 0; i < count; i++) {
        sbuf_clear(&shows);
        kind->show(records[i].key, records[i].value, &shows);
        dump_record(b, &records[i], sbuf_ok(&shows) ? sbuf_view(&shows) : STR(""));
    }
    sbuf_done(&shows);
}

static int save_dump(const struct sbuf *b, const char *file, struct error *err)
{
    if (!sbuf_ok(b))
        return error_set(err, ERR_LIMIT, "the dump has more than %d bytes", DUMP_BYTES_MAX);
    if (file != NULL && strcmp(file, "-") != 0)
        return fs_write(file, sbuf_view(b), 0600, FS_SYNC, err);
    return fwrite(b->p, 1, b->n, stdout) == b->n && fflush(stdout) == 0
               ? 0
               : error_set(err, ERR_IO, "standard output cannot be written");
}

static int export_records(struct store_session *s, const char *file, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(DUMP_BYTES_MAX);
    const struct store_record *records;
    size_t count;
    int rc = store_session_list(s, &records, &count, err);

    if (rc != 0)
        return rc;
    write_dump(s->kind, records, count, &b);
    rc = save_dump(&b, file, err);
    if (rc == 0)
        fprintf(stderr, "%zu records of %s exported\n", count, s->place);
    return rc;
}

/* --- import --------------------------------------------------------------------------------------------- */

enum how { IMPORT_INTO_EMPTY, IMPORT_REPLACE, IMPORT_ADD };

static void delete_others(struct store_batch *b, const struct store_record *there, size_t there_count,
                          const struct dump *d)
{
    for (size_t i = 0, k = 0; i < there_count; i++) { /* both are sorted */
        while (k < d->count && str_cmp(d->records[k].key, there[i].key) < 0)
            k++;
        if (k == d->count || !str_eq(d->records[k].key, there[i].key))
            store_batch_delete(b, there[i].key, STORE_ANY_VERSION);
    }
}

static int import_dump(struct store_session *s, const struct dump *d, enum how how, struct error *err)
{
    const struct store_record *there;
    size_t there_count;
    struct store_batch *b;
    int rc = store_session_list(s, &there, &there_count, err);

    if (rc == 0 && there_count != 0 && how == IMPORT_INTO_EMPTY)
        rc = error_set(err, ERR_CONFLICT,
                       "there are %zu records at %.300s already; --replace takes them out, --add leaves them",
                       there_count, s->place);
    if (rc != 0)
        return rc;
    b = store_batch_new();
    if (how == IMPORT_REPLACE)
        delete_others(b, there, there_count, d);
    for (size_t i = 0; i < d->count; i++)
        store_batch_put(b, d->records[i].key, d->records[i].value,
                        how == IMPORT_REPLACE ? STORE_ANY_VERSION : STORE_ABSENT);
    rc = store_session_commit(s, b, err);
    if (rc == 0)
        printf("%zu records imported into %s\n", d->count, s->place);
    return rc;
}

static int import_records(const struct state_kind *kind, const char *where, const char *file, enum how how,
                          struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(DUMP_BYTES_MAX);
    struct store_session s = { .kind = kind };
    struct dump d = { .count = 0 };
    int rc = cli_read_file(file, &text, err);

    if (rc == 0)
        rc = dump_parse(&d, sbuf_view(&text), kind->name, err);
    if (rc != 0)
        (void)error_wrap(err, "%.200s", file);
    char path[STORE_PLACE_BYTES];
    if (rc == 0 && store_database_path(kind, where, path, sizeof path) != NULL &&
        !str_ends(str_of(where), STR(".db")))
        rc = fs_mkdirs(where, 0700, err);
    if (rc == 0)
        rc = store_session_open(&s, kind, where, STORE_SESSION_MAKE, err);
    if (rc == 0)
        rc = import_dump(&s, &d, how, err);
    dump_done(&d);
    store_session_close(&s);
    return rc;
}

/* --- check ---------------------------------------------------------------------------------------------- */

struct check {
    bool repair;
    int wrong; /* what stays so */
    struct store_batch *taken_out;
    struct store_record *removed;
    size_t removed_count, removed_cap;
    const struct store_record *records;
    size_t count;
};

static void take_out(struct check *c, struct str key)
{
    for (size_t i = 0; i < c->removed_count; i++)
        if (str_eq(c->removed[i].key, key))
            return;
    for (size_t i = 0; i < c->count; i++) {
        if (!str_eq(c->records[i].key, key))
            continue;
        ARRAY_ROOM(c->removed, c->removed_count, c->removed_cap);
        c->removed[c->removed_count++] = c->records[i];
        store_batch_delete(c->taken_out, key, STORE_ANY_VERSION);
    }
}

static void on_problem(void *ctx, struct str key, const char *what, bool repair)
{
    struct check *c = ctx;

    printf("record %.*s: %s\n", STR_ARG(key), what);
    if (repair && c->repair)
        take_out(c, key);
    else
        c->wrong += repair;
}

/* What is taken out is saved first. */
static int repair_records(struct store_session *s, struct check *c, const char *removed, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(DUMP_BYTES_MAX);
    struct store_batch *batch = c->taken_out;
    struct stat st;
    int rc;

    c->taken_out = NULL;
    if (stat(removed, &st) == 0) {
        store_batch_free(batch);
        return error_set(err, ERR_CONFLICT, "%.300s is there already: give another file with --removed=FILE",
                         removed);
    }
    write_dump(s->kind, c->removed, c->removed_count, &b);
    rc = save_dump(&b, removed, err);
    if (rc != 0) {
        store_batch_free(batch);
        return rc;
    }
    rc = store_session_commit(s, batch, err);
    if (rc == 0)
        printf("%zu records are taken out and kept in %s; edit that file and `stoa store import --add` it to "
               "bring them back\n",
               c->removed_count, removed);
    return rc;
}

static int check_records(struct store_session *s, bool repair, const char *removed, struct error *err)
{
    struct check c = { .repair = repair, .taken_out = store_batch_new() };
    int rc = store_session_list(s, &c.records, &c.count, err), wrong = 0;

    if (rc == 0 && s->in_zookeeper) {
        wrong = store_check_nodes(s, c.records, c.count, repair, err);
        rc = wrong < 0 ? wrong : 0;
    }
    if (rc == 0) {
        s->kind->check(c.records, c.count, on_problem, &c);
        if (c.removed_count != 0)
            rc = repair_records(s, &c, removed, err);
    }
    store_batch_free(c.taken_out);
    free(c.removed);
    if (rc == 0)
        printf("%s: %zu records, %d problem%s\n", s->place, c.count - c.removed_count, wrong + c.wrong,
               wrong + c.wrong == 1 ? "" : "s");
    return rc != 0 ? rc : wrong + c.wrong;
}

/* The number of problems that stay, or a negative code. */
static int check(const struct state_kind *kind, const char *where, bool repair, const char *removed,
                 struct error *err)
{
    struct store_session s = { .kind = kind };
    char path[STORE_PLACE_BYTES];
    int rc = 0;

    if (store_database_path(kind, where, path, sizeof path) != NULL)
        rc = store_check_database(path, repair, err);
    if (rc == 0)
        rc = store_session_open(&s, kind, where, STORE_SESSION_CHANGE, err);
    if (rc == 0)
        rc = check_records(&s, repair, removed, err);
    store_session_close(&s);
    return rc;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static int export_main(const struct state_kind *kind, const char *where, const char *file, struct error *err)
{
    struct store_session s = { .kind = kind };
    int rc = store_session_open(&s, kind, where, STORE_SESSION_READ, err);

    if (rc == 0)
        rc = export_records(&s, file, err);
    store_session_close(&s);
    return rc;
}

static int check_main(const struct state_kind *kind, const char *where, bool repair, const char *removed,
                      struct error *err)
{
    int rc = check(kind, where, repair, removed, err);

    if (rc > 0 && !repair)
        fprintf(stderr, "stoa: `stoa store check --repair` puts right what can be\n");
    return rc > 0 ? CLI_FAILED : cli_end(rc, err);
}

int store_main(int argc, char **argv)
{
    const char *where[2] = { NULL, NULL }, *replace = NULL, *add = NULL, *repair = NULL,
               *removed = "removed-records.jsonl";
    const struct cli_option options[] = {
        { "master", 0, &where[0], false,
          "state of a master: its --work_dir, or its --zk (zk://..., file://...)" },
        { "marathon", 0, &where[1], false, "state of a marathon: its --store_dir, or its --zk" },
        { "replace", 0, &replace, true, "import: take out what is there" },
        { "add", 0, &add, true, "import: leave what is there; a record that is there already is an error" },
        { "repair", 0, &repair, true, "check: put right what can be" },
        { "removed", 0, &removed, false,
          "check: where records that are taken out are kept (removed-records.jsonl)" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    const struct state_kind *kind = kinds[where[1] != NULL];
    const char *at = where[1] != NULL ? where[1] : where[0];
    if (count == 0 || at == NULL || (where[0] != NULL && where[1] != NULL) ||
        (replace != NULL && add != NULL))
        return cli_usage(usage);
    struct str verb = str_of(argv[1]);
    if (str_is(verb, "export") && count <= 2)
        return cli_end(export_main(kind, at, count == 2 ? argv[2] : NULL, &err), &err);
    if (str_is(verb, "import") && count == 2) {
        enum how how = replace != NULL ? IMPORT_REPLACE : add != NULL ? IMPORT_ADD : IMPORT_INTO_EMPTY;
        return cli_end(import_records(kind, at, argv[2], how, &err), &err);
    }
    if (str_is(verb, "check") && count == 1)
        return check_main(kind, at, repair != NULL, removed, &err);
    return cli_usage(usage);
}
