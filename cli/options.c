/* SPDX-License-Identifier: Apache-2.0 */
/* Options, failures and tables of the commands. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

int cli_fail(const struct error *err)
{
    fprintf(stderr, "stoa: %s\n", err->msg);
    return err->code == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
}

static void usage_print(const char *usage, const struct cli_option *options)
{
    printf("usage: %s\n", usage);
    for (; options->name != NULL; options++) {
        char left[64];

        (void)snprintf(left, sizeof left, "--%s%s", options->name, options->is_switch ? "" : "=VALUE");
        if (options->short_name != 0)
            printf("  -%c, %-22s %s\n", options->short_name, left, options->help);
        else
            printf("  %-26s %s\n", left, options->help);
    }
}

/* The known option nearest to what was written, for the error message; NULL when none is near. */
static const char *nearest(const struct cli_option *options, struct str name)
{
    const char *best = NULL;
    size_t best_common = 1;

    for (; options->name != NULL; options++) {
        size_t common = 0;

        while (common < name.n && options->name[common] != 0 && options->name[common] == name.p[common])
            common++;
        if (common > best_common) {
            best = options->name;
            best_common = common;
        }
    }
    return best;
}

static int unknown_option(const struct cli_option *options, const char *arg, struct error *err)
{
    struct str name = str_of(arg);
    const char *near;

    while (str_skip(&name, STR("-")))
        ;
    name = str_sub(name, 0, str_index(name, '='));
    near = nearest(options, name);
    if (near != NULL)
        return error_set(err, ERR_INVALID, "unknown option %s; did you mean --%s? --help lists the options", arg, near);
    return error_set(err, ERR_INVALID, "unknown option %s; --help lists the options", arg);
}

/* Takes the option at argv[*i]; its value may be the next argument. */
static int take_option(int argc, char **argv, int *i, const struct cli_option *options, struct error *err)
{
    const char *arg = argv[*i];

    for (const struct cli_option *o = options; o->name != NULL; o++) {
        size_t n = strlen(o->name);
        bool is_long = strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, o->name, n) == 0,
             is_short = o->short_name != 0 && arg[0] == '-' && arg[1] == o->short_name && arg[2] == 0;

        if (is_long && arg[2 + n] == '=') {
            if (o->is_switch && strcmp(arg + 3 + n, "false") == 0)
                *o->value = NULL;
            else
                *o->value = arg + 3 + n;
            return 0;
        }
        if (!is_short && !(is_long && arg[2 + n] == 0))
            continue;
        if (o->is_switch) {
            *o->value = "true";
            return 0;
        }
        if (*i + 1 >= argc)
            return error_set(err, ERR_INVALID, "%s needs a value: --%s=VALUE", arg, o->name);
        *o->value = argv[++*i];
        return 0;
    }
    return unknown_option(options, arg, err);
}

static int parse(int argc, char **argv, const char *usage, const struct cli_option *options, bool first_ends, int *ret_count,
                 struct error *err)
{
    int kept = 0;

    for (int i = 1; i < argc; i++) {
        int r;

        if (strcmp(argv[i], "--help") == 0) {
            usage_print(usage, options);
            exit(CLI_OK);
        }
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[1 + kept++] = argv[i];
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            argv[1 + kept++] = argv[i];
            if (first_ends && i + 1 < argc && strcmp(argv[i + 1], "--") == 0) /* exec TASK -- COMMAND */
                i++;
            while (first_ends && ++i < argc)
                argv[1 + kept++] = argv[i];
            continue;
        }
        r = take_option(argc, argv, &i, options, err);
        if (r != 0)
            return r;
    }
    *ret_count = kept;
    return 0;
}

int cli_options(int argc, char **argv, const char *usage, const struct cli_option *options, int *ret_count,
                struct error *err)
{
    return parse(argc, argv, usage, options, false, ret_count, err);
}

int cli_options_first(int argc, char **argv, const char *usage, const struct cli_option *options, int *ret_count,
                      struct error *err)
{
    return parse(argc, argv, usage, options, true, ret_count, err);
}

int cli_end(int r, const struct error *err)
{
    return r != 0 ? cli_fail(err) : CLI_OK;
}

int cli_usage(const char *usage)
{
    struct error err;

    (void)error_set(&err, ERR_INVALID, "usage: %s", usage);
    return cli_fail(&err);
}

int cli_read_file(const char *path, struct sbuf *b, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0, is_text = path[0] == '{' || path[0] == '[';
    CLEANUP(file_close_p) FILE *f = is_stdin ? fdopen(0, "r") : is_text ? NULL : fopen(path, "re");
    char chunk[16384];
    size_t n;

    if (is_text) {
        sbuf_str(b, str_of(path));
        return sbuf_ok(b) ? 0 : error_set(err, ERR_LIMIT, "the text is larger than %zu bytes", b->max);
    }
    if (f == NULL)
        return error_set_errno(err, errno, "%s", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) != 0)
        sbuf_add(b, chunk, n);
    if (ferror(f))
        return error_set_errno(err, errno, "%s: reading", path);
    if (!sbuf_ok(b))
        return error_set(err, ERR_LIMIT, "%s: larger than %zu bytes", path, b->max);
    return 0;
}

void cli_table_add(struct cli_table *t, struct str cell)
{
    ARRAY_ROOM(t->cells, t->count, t->cap);
    t->cells[t->count++] = xstrndup(cell);
}

void cli_table_fmt(struct cli_table *t, const char *fmt, ...)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    va_list ap;

    va_start(ap, fmt);
    sbuf_vfmt(&b, fmt, ap);
    va_end(ap);
    cli_table_add(t, sbuf_view(&b));
}

void cli_table_head(struct cli_table *t, const char *const *names)
{
    for (unsigned i = 0; i < t->columns; i++)
        cli_table_add(t, str_of(names[i]));
}

void cli_table_print(const struct cli_table *t)
{
    enum { COLUMNS_MAX = 16 };
    size_t width[COLUMNS_MAX] = { 0 };

    for (size_t i = 0; i < t->count; i++) {
        size_t n = strlen(t->cells[i]), c = i % t->columns;

        if (c < COLUMNS_MAX && n > width[c])
            width[c] = n;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t c = i % t->columns;
        bool last = c == t->columns - 1;

        printf("%-*s%s", last ? 0 : (int)width[c], t->cells[i], last ? "\n" : "  ");
    }
}

void cli_table_done(struct cli_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct cli_table){ .columns = t->columns };
}
