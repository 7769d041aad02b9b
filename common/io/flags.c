/* SPDX-License-Identifier: Apache-2.0 */
/* Three passes: defaults, environment, arguments; each writes the text of a flag, and the value is parsed
 * once from the text that won. So an overridden environment value need not even be valid, and /flags shows
 * what was written. */
#include "common/io/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/io/fs.h"

enum { FLAG_FILE_BYTES_MAX = 4 << 20 };

/* --- names -------------------------------------------------------------------------------------------- */
static bool next_word(struct str *rest, struct str *ret)
{
    *rest = str_trim(*rest);
    if (rest->n == 0)
        return false;
    (void)str_cut(rest, ' ', ret);
    return true;
}

static bool words_have(const char *words, struct str word)
{
    struct str rest = str_of(words), w;
    while (next_word(&rest, &w))
        if (str_eq(w, word))
            return true;
    return false;
}

static int find_flag(const struct flags_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->count; i++)
        if (str_is(name, spec->flags[i].name) || words_have(spec->flags[i].aliases, name))
            return (int)i;
    return -1;
}

/* Number of single-character changes between two names; names longer than 63 are far from everything. */
static unsigned distance(struct str a, struct str b)
{
    unsigned row[64];
    if (a.n >= 64 || b.n >= 64)
        return 1000;
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.n];
}

static const char *nearest(const struct flags_spec *spec, struct str name)
{
    const char *best = NULL;
    unsigned best_d = (unsigned)name.n / 2 + 1;
    for (size_t i = 0; i < spec->count; i++) {
        unsigned d = distance(name, str_of(spec->flags[i].name));
        if (d < best_d) {
            best_d = d;
            best = spec->flags[i].name;
        }
    }
    return best;
}

static int unknown(const struct flags_spec *spec, struct str arg, struct str name, struct error *err)
{
    const char *near = nearest(spec, name);
    for (const struct flag_removed *r = spec->removed; r != NULL && r->name != NULL; r++)
        if (str_is(name, r->name))
            return error_set(err, ERR_INVALID, "--%s was %s", r->name, r->instead);
    if (near != NULL)
        return error_set(err, ERR_INVALID, "unknown flag %.*s; did you mean --%s? (--help lists all)",
                         (int)(arg.n < 80 ? arg.n : 80), arg.p, near);
    return error_set(err, ERR_INVALID, "unknown flag %.*s (--help lists all)", (int)(arg.n < 80 ? arg.n : 80),
                     arg.p);
}

/* --- values ------------------------------------------------------------------------------------------- */
static void *member(void *target, const struct flag *fl)
{
    return (char *)target + fl->offset;
}

static int bad(const struct flag *fl, const char *text, const char *allowed, struct error *err)
{
    return error_set(err, ERR_INVALID, "--%s is \"%.80s\"; %s", fl->name, text, allowed);
}

static int check_choice(const struct flag *fl, const char *text, struct error *err)
{
    if (fl->choices == NULL || words_have(fl->choices, str_of(text)))
        return 0;
    char allowed[160];
    (void)snprintf(allowed, sizeof allowed, "use one of: %s", fl->choices);
    return bad(fl, text, allowed, err);
}

static int parse_int(const struct flag *fl, void *at, const char *text, struct error *err)
{
    bool any = fl->min == 0 && fl->max == 0;
    int64_t v, min = any ? INT64_MIN : fl->min, max = any ? INT64_MAX : fl->max;
    struct str s = str_of(text);
    if (str_i64(&s, min, max, &v) && s.n == 0) {
        memcpy(at, &v, sizeof v);
        return 0;
    }
    char allowed[100];
    if (any)
        (void)snprintf(allowed, sizeof allowed, "use a whole number");
    else
        (void)snprintf(allowed, sizeof allowed, "use a whole number from %lld to %lld", (long long)min,
                       (long long)max);
    return bad(fl, text, allowed, err);
}

static int parse_value(const struct flag *fl, void *target, const char *text, struct error *err)
{
    void *at = member(target, fl);
    struct str s = str_of(text);
    bool is_true;
    int64_t ns;
    uint64_t bytes;
    double d;
    switch (fl->type) {
    case FLAG_TYPE_BOOL:
        is_true = str_is(s, "true") || str_is(s, "1");
        if (!is_true && !str_is(s, "false") && !str_is(s, "0"))
            return bad(fl, text, "use true or false", err);
        memcpy(at, &is_true, sizeof is_true);
        return 0;
    case FLAG_TYPE_INT:
        return parse_int(fl, at, text, err);
    case FLAG_TYPE_DURATION:
        if (!duration_parse(s, &ns))
            return bad(fl, text, "use a number and a unit of ns us ms secs mins hrs days weeks, as in 15secs",
                       err);
        memcpy(at, &ns, sizeof ns);
        return 0;
    case FLAG_TYPE_BYTES:
        if (!bytes_parse(s, &bytes))
            return bad(fl, text, "use a number and a unit of B KB MB GB TB, as in 4KB", err);
        memcpy(at, &bytes, sizeof bytes);
        return 0;
    case FLAG_TYPE_DOUBLE:
        if (!str_double(&s, &d) || s.n != 0)
            return bad(fl, text, "use a number", err);
        memcpy(at, &d, sizeof d);
        return 0;
    case FLAG_TYPE_STRING:
    case FLAG_TYPE_PATH:
        break;
    }
    if (check_choice(fl, text, err) != 0)
        return -ERR_INVALID;
    char *copy = xstrdup(text);
    free(*(char **)at);
    memcpy(at, &copy, sizeof copy);
    return 0;
}

/* file:///path stands for the content of the file, less the line ends at its end; a path flag keeps the path.
 */
static int read_value(const struct flag *fl, struct str value, char **ret, struct error *err)
{
    if (!str_starts(value, STR("file://"))) {
        *ret = xstrndup(value);
        return 0;
    }
    struct str path = str_sub(value, 7, value.n);
    CLEANUP(free_p) char *name = xstrndup(path);
    if (fl->type == FLAG_TYPE_PATH) {
        *ret = TAKE(name);
        return 0;
    }
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(FLAG_FILE_BYTES_MAX);
    if (fs_read(name, &b, err) != 0)
        return error_wrap(err, "--%s", fl->name);
    struct str text = sbuf_view(&b);
    while (text.n != 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    *ret = xstrndup(text);
    return 0;
}

static int set_text(struct flags *f, size_t i, struct str value, enum flag_source source, struct error *err)
{
    const struct flag *fl = &f->spec->flags[i];
    char *text = NULL;
    int rc = read_value(fl, value, &text, err);
    if (rc != 0)
        return rc;
    if (fl->repeated && f->text[i] != NULL && f->source[i] == source) {
        struct sbuf b = SBUF_INIT(FLAG_FILE_BYTES_MAX);
        sbuf_fmt(&b, "%s,%s", f->text[i], text);
        free(text);
        if (!sbuf_ok(&b)) {
            sbuf_done(&b);
            return error_set(err, ERR_LIMIT, "--%s is longer than %d bytes", fl->name, FLAG_FILE_BYTES_MAX);
        }
        text = sbuf_steal(&b);
    }
    free(f->text[i]);
    f->text[i] = text;
    f->source[i] = source;
    f->set[i] = true;
    return 0;
}

/* Durations and fractions are shown in one way however they were written: "60secs" as "1mins", "0.80" as "0.8". */
static void normalise(struct flags *f, size_t i, const void *target)
{
    const struct flag *fl = &f->spec->flags[i];
    const void *member = (const char *)target + fl->offset;
    struct sbuf b = SBUF_INIT(64);

    if (fl->type == FLAG_TYPE_DURATION && *(const int64_t *)member == 0)
        sbuf_c(&b, "0ns");
    else if (fl->type == FLAG_TYPE_DURATION)
        duration_print(&b, *(const int64_t *)member);
    else if (fl->type == FLAG_TYPE_DOUBLE)
        sbuf_fmt(&b, "%.15g", *(const double *)member);
    if (b.n != 0) {
        free(f->text[i]);
        f->text[i] = sbuf_steal(&b);
    }
    sbuf_done(&b);
}

/* --- environment -------------------------------------------------------------------------------------- */
static const char *env_find(char *const envp[], struct str prefix, struct str name)
{
    char upper[160];
    if (prefix.n + name.n >= sizeof upper)
        return NULL;
    memcpy(upper, prefix.p, prefix.n);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        upper[prefix.n + i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c == '-' || c == '.' ? '_' : c;
    }
    size_t n = prefix.n + name.n;
    for (char *const *e = envp; *e != NULL; e++)
        if (strncmp(*e, upper, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

static const char *env_of(const struct flags_spec *spec, const struct flag *fl, char *const envp[])
{
    struct str prefixes = str_of(spec->env_prefixes), prefix, names, name;
    while (next_word(&prefixes, &prefix)) {
        const char *v = env_find(envp, prefix, str_of(fl->name));
        names = str_of(fl->aliases);
        while (v == NULL && next_word(&names, &name))
            v = env_find(envp, prefix, name);
        if (v != NULL)
            return v;
    }
    return NULL;
}

/* --- arguments ---------------------------------------------------------------------------------------- */
static bool is_handed_on(const struct flags_spec *spec, struct str name)
{
    struct str rest = str_of(spec->handed_on), prefix;
    while (next_word(&rest, &prefix))
        if (str_starts(name, prefix))
            return true;
    return false;
}

/* next: the argument after it, or NULL. *ret_taken: it was the flag's value. */
static int take_flag(struct flags *f, struct str arg, const char *next, bool *ret_taken, struct error *err)
{
    const struct flags_spec *spec = f->spec;
    struct str rest = str_sub(arg, 2, arg.n), name;
    bool has_value = str_cut(&rest, '=', &name);
    if (str_is(name, "help")) {
        f->help = !has_value || !str_is(rest, "false");
        return 0;
    }
    if (is_handed_on(spec, name)) {
        f->handed[f->handed_count++] = arg.p;
        return 0;
    }
    int i = find_flag(spec, name);
    if (i < 0 && !has_value && str_skip(&name, STR("no-"))) {
        i = find_flag(spec, name);
        if (i >= 0 && spec->flags[i].type != FLAG_TYPE_BOOL)
            return error_set(err, ERR_INVALID, "--no-%s: only flags that are true or false have this form",
                             spec->flags[i].name);
        if (i >= 0)
            return set_text(f, (size_t)i, STR("false"), FLAG_FROM_ARGS, err);
    }
    if (i < 0)
        return unknown(spec, arg, name, err);
    bool alone = !has_value && spec->flags[i].type != FLAG_TYPE_BOOL;
    if (alone && spec->value_apart && next != NULL && !str_starts(str_of(next), STR("--"))) {
        *ret_taken = true;
        return set_text(f, (size_t)i, str_of(next), FLAG_FROM_ARGS, err);
    }
    if (alone)
        return error_set(err, ERR_INVALID, "--%s needs a value: --%s=VALUE", spec->flags[i].name,
                         spec->flags[i].name);
    return set_text(f, (size_t)i, has_value ? rest : STR("true"), FLAG_FROM_ARGS, err);
}

static int take_args(struct flags *f, int argc, char *const argv[], struct error *err)
{
    bool flags_over = false;
    for (int i = 1; i < argc; i++) {
        struct str arg = str_of(argv[i]);
        if (!flags_over && str_is(arg, "--") && f->spec->positional) {
            flags_over = true;
        } else if (!flags_over && str_is(arg, "-h")) {
            f->help = true;
        } else if (!flags_over && arg.n > 2 && str_starts(arg, STR("--"))) {
            bool taken = false;
            int rc = take_flag(f, arg, i + 1 < argc ? argv[i + 1] : NULL, &taken, err);
            if (rc != 0)
                return rc;
            i += taken;
        } else if (f->spec->positional) {
            f->rest[f->rest_count++] = argv[i];
        } else {
            return error_set(err, ERR_INVALID,
                             "argument %.80s is not understood; flags are written --name=value", argv[i]);
        }
    }
    return 0;
}

/* --- public ------------------------------------------------------------------------------------------- */
static int fill(struct flags *f, void *target, int argc, char *const argv[], char *const envp[],
                struct error *err)
{
    const struct flags_spec *spec = f->spec;
    int rc;
    for (size_t i = 0; i < spec->count; i++) {
        const struct flag *fl = &spec->flags[i];
        const char *env = envp != NULL && spec->env_prefixes != NULL ? env_of(spec, fl, envp) : NULL;
        if (fl->default_value != NULL &&
            (rc = set_text(f, i, str_of(fl->default_value), FLAG_FROM_DEFAULT, err)) != 0)
            return rc;
        if (env != NULL && (rc = set_text(f, i, str_of(env), FLAG_FROM_ENV, err)) != 0)
            return error_wrap(err, "from the environment");
    }
    rc = take_args(f, argc, argv, err);
    for (size_t i = 0; i < spec->count && rc == 0; i++) {
        if (f->text[i] != NULL && (rc = parse_value(&spec->flags[i], target, f->text[i], err)) == 0)
            normalise(f, i, target);
        if (rc != 0 && f->source[i] == FLAG_FROM_ENV)
            rc = error_wrap(err, "from the environment");
        if (rc == 0 && f->text[i] == NULL && spec->flags[i].required && !f->help)
            rc = error_set(err, ERR_INVALID, "--%s is required; see --help", spec->flags[i].name);
    }
    return rc;
}

int flags_parse(struct flags *f, const struct flags_spec *spec, void *target, int argc, char *const argv[],
                char *const envp[], struct error *err)
{
    size_t args = argc > 0 ? (size_t)argc + 1 : 1;
    *f = (struct flags){ .spec = spec };
    f->source = xcalloc(spec->count + 1, sizeof *f->source);
    f->set = xcalloc(spec->count + 1, sizeof *f->set);
    f->text = xcalloc(spec->count + 1, sizeof *f->text);
    f->rest = xcalloc(args, sizeof *f->rest);
    f->handed = xcalloc(args, sizeof *f->handed);
    for (size_t i = 0; i < spec->count; i++) {
        static const size_t sizes[] = {
            sizeof(bool), sizeof(char *), 8, 8, 8, sizeof(double), sizeof(char *)
        };
        memset(member(target, &spec->flags[i]), 0, sizes[spec->flags[i].type]);
    }
    int rc = fill(f, target, argc, argv, envp, err);
    if (rc != 0)
        flags_done(f, target);
    return rc;
}

void flags_done(struct flags *f, void *target)
{
    if (f->spec == NULL)
        return;
    for (size_t i = 0; i < f->spec->count; i++) {
        const struct flag *fl = &f->spec->flags[i];
        free(f->text[i]);
        if (target != NULL && (fl->type == FLAG_TYPE_STRING || fl->type == FLAG_TYPE_PATH)) {
            char **at = member(target, fl);
            free(*at);
            *at = NULL;
        }
    }
    free(f->source);
    free(f->set);
    free(f->text);
    free(f->rest);
    free(f->handed);
    *f = (struct flags){ .spec = NULL };
}

bool flags_is_set(const struct flags *f, const char *name)
{
    int i = find_flag(f->spec, str_of(name));
    ASSERT(i >= 0);
    return f->set[i] && f->source[i] != FLAG_FROM_DEFAULT;
}

/* --- showing ------------------------------------------------------------------------------------------ */
/* Appends text broken at blanks to lines that start with indent blanks. */
static void wrap(struct sbuf *b, struct str text, unsigned indent)
{
    size_t column = 0;
    struct str word;
    while (next_word(&text, &word)) {
        if (column != 0 && column + 1 + word.n > 100) {
            sbuf_char(b, '\n');
            column = 0;
        }
        if (column == 0) {
            sbuf_fmt(b, "%*s", (int)indent, "");
            column = indent;
        } else {
            sbuf_char(b, ' ');
            column++;
        }
        sbuf_str(b, word);
        column += word.n;
    }
    if (column != 0)
        sbuf_char(b, '\n');
}

static void help_of(const struct flag *fl, struct sbuf *b)
{
    static const char *const hints[] = { "", "=TEXT", "=NUMBER", "=DURATION", "=BYTES", "=NUMBER", "=PATH" };
    if (fl->type == FLAG_TYPE_BOOL)
        sbuf_fmt(b, "  --[no-]%s", fl->name);
    else
        sbuf_fmt(b, "  --%s%s", fl->name, hints[fl->type]);
    if (fl->default_value != NULL)
        sbuf_fmt(b, "   (default: %s)", fl->default_value);
    else if (fl->required)
        sbuf_c(b, "   (required)");
    sbuf_char(b, '\n');
    if (fl->help != NULL)
        wrap(b, str_of(fl->help), 6);
    if (fl->choices != NULL)
        sbuf_fmt(b, "      One of: %s\n", fl->choices);
    if (fl->aliases != NULL)
        sbuf_fmt(b, "      Also: %s\n", fl->aliases);
}

void flags_help(const struct flags_spec *spec, struct sbuf *b)
{
    sbuf_fmt(b, "Usage: %s [--flag=value ...]%s\n", spec->program, spec->positional ? " [argument ...]" : "");
    if (spec->summary != NULL) {
        sbuf_char(b, '\n');
        wrap(b, str_of(spec->summary), 0);
    }
    sbuf_char(b, '\n');
    for (size_t i = 0; i < spec->count; i++)
        if (strcmp(spec->flags[i].name, "help") != 0)
            help_of(&spec->flags[i], b);
    sbuf_c(b, "  --help\n      Shows this text.\n\n");
    if (spec->env_prefixes != NULL) {
        struct str rest = str_of(spec->env_prefixes), prefix;
        sbuf_c(b, "Flags are also taken from the environment, in upper case after");
        while (next_word(&rest, &prefix))
            sbuf_fmt(b, " %.*s", STR_ARG(prefix));
        sbuf_c(b, ".\n");
    }
    sbuf_c(b, "A value file:///path is read from that file.\n");
}

static void json_text(struct sbuf *b, const char *text)
{
    sbuf_char(b, '"');
    for (const char *p = text; *p != 0; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            sbuf_fmt(b, "\\%c", c);
        else if (c < 32 || c == 127)
            sbuf_fmt(b, "\\u%04x", c);
        else
            sbuf_char(b, (char)c);
    }
    sbuf_char(b, '"');
}

void flags_show(struct flags *f, const char *name, const char *value)
{
    int i = find_flag(f->spec, str_of(name));

    ASSERT(i >= 0); /* of the program's own table */
    if (f->text[i] == NULL)
        f->text[i] = xstrndup(str_of(value));
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct flag *const *)a)->name, (*(const struct flag *const *)b)->name);
}

/* Whoever may read flags need not be able to write to the ZooKeeper of the cluster. */
void flags_put_shown(struct sbuf *b, const char *text)
{
    struct str rest = str_of(text);
    size_t end = str_skip(&rest, STR("zk://")) ? str_index(rest, '/') : 0, at = end;

    while (at != 0 && rest.p[at - 1] != '@') /* the last: a password may have one, too */
        at--;
    sbuf_c(b, at != 0 ? "zk://xxxxxxxx:xxxxxxxx@" : "");
    sbuf_c(b, at != 0 ? rest.p + at : text);
}

static void value_json(struct sbuf *b, const char *text)
{
    CLEANUP(sbuf_done_p) struct sbuf shown = SBUF_INIT(1 << 20);

    flags_put_shown(&shown, text);
    json_text(b, shown.p != NULL ? shown.p : "");
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

void flags_json(const struct flags *f, const char *const *hidden, struct sbuf *b)
{
    size_t count = f->spec->count;
    const struct flag **sorted = xcalloc(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &f->spec->flags[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    const char *comma = "";
    sbuf_char(b, '{');
    for (size_t i = 0; i < count; i++) {
        const char *text = f->text[sorted[i] - f->spec->flags];
        if (text == NULL)
            continue;
        sbuf_fmt(b, "%s\"%s\":", comma, sorted[i]->name);
        value_json(b, is_one_of(sorted[i]->name, hidden) ? "********" : text);
        comma = ",";
    }
    sbuf_char(b, '}');
    free(sorted);
}
