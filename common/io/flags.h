/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line flags by table, in the manner of the original programs: --name=value, --name and --no-name for
 * booleans, values from files (file:///path), from environment variables, aliases for old names. The command
 * line wins over the environment, the environment over the default. A program fills a struct:
 *
 *     struct master_flags { int64_t port; char *work_dir; int64_t offer_timeout_ns; };
 *     static const struct flag flags[] = {
 *         FLAG_INT(struct master_flags, port, "port", "5050", 0, 65535, "Port to listen on."),
 *         FLAG_STRING(struct master_flags, work_dir, "work_dir", NULL, "Where the state is kept."),
 *         FLAG_DURATION(struct master_flags, offer_timeout_ns, "offer_timeout", NULL, "..."),
 *     };
 *
 * An unset flag without a default leaves its member 0 or NULL; flags_is_set tells. Pure but for reading
 * file:// values. */
#ifndef STOA_IO_FLAGS_H
#define STOA_IO_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"

enum flag_type {
    FLAG_TYPE_BOOL,     /* bool */
    FLAG_TYPE_STRING,   /* char *, owned by the struct (flags_done) */
    FLAG_TYPE_INT,      /* int64_t within min..max */
    FLAG_TYPE_DURATION, /* int64_t ns: "15secs" */
    FLAG_TYPE_BYTES,    /* uint64_t: "4KB" */
    FLAG_TYPE_DOUBLE,   /* double */
    FLAG_TYPE_PATH,     /* char *: a path or inline text; file:///p is kept as "/p", not read */
};

struct flag {
    const char *name; /* "offer_timeout" */
    enum flag_type type;
    size_t offset;             /* of the member */
    const char *default_value; /* as text; NULL: unset */
    const char *aliases;       /* old names, blank-separated; NULL: none */
    const char *choices;       /* allowed values, blank-separated; NULL: any */
    int64_t min, max;          /* INT only; both 0: any */
    bool required;
    bool repeated;    /* STRING only: further values are appended with a comma */
    const char *help; /* sentences */
};

#define FLAG_BOOL(T, member, name_, default_, help_)                                                         \
    {                                                                                                        \
        .name = (name_), .type = FLAG_TYPE_BOOL, .offset = offsetof(T, member), .default_value = (default_), \
        .help = (help_)                                                                                      \
    }
#define FLAG_STRING(T, member, name_, default_, help_)                            \
    {                                                                             \
        .name = (name_), .type = FLAG_TYPE_STRING, .offset = offsetof(T, member), \
        .default_value = (default_), .help = (help_)                              \
    }
#define FLAG_PATH(T, member, name_, default_, help_)                                                         \
    {                                                                                                        \
        .name = (name_), .type = FLAG_TYPE_PATH, .offset = offsetof(T, member), .default_value = (default_), \
        .help = (help_)                                                                                      \
    }
#define FLAG_INT(T, member, name_, default_, min_, max_, help_)                                             \
    {                                                                                                       \
        .name = (name_), .type = FLAG_TYPE_INT, .offset = offsetof(T, member), .default_value = (default_), \
        .min = (min_), .max = (max_), .help = (help_)                                                       \
    }
#define FLAG_DURATION(T, member, name_, default_, help_)                            \
    {                                                                               \
        .name = (name_), .type = FLAG_TYPE_DURATION, .offset = offsetof(T, member), \
        .default_value = (default_), .help = (help_)                                \
    }
#define FLAG_BYTES(T, member, name_, default_, help_)                            \
    {                                                                            \
        .name = (name_), .type = FLAG_TYPE_BYTES, .offset = offsetof(T, member), \
        .default_value = (default_), .help = (help_)                             \
    }
#define FLAG_DOUBLE(T, member, name_, default_, help_)                            \
    {                                                                             \
        .name = (name_), .type = FLAG_TYPE_DOUBLE, .offset = offsetof(T, member), \
        .default_value = (default_), .help = (help_)                              \
    }

/* A flag of old that is none any more. */
struct flag_removed {
    const char *name, *instead; /* "removed in 1.8: use ..." */
};

struct flags_spec {
    const char *program; /* "stoa master": for the help text */
    const char *summary; /* one or two sentences */
    const struct flag *flags;
    size_t count;
    const struct flag_removed *removed; /* refused with what to do instead; ended by a NULL name. NULL: none */
    const char *env_prefixes; /* blank-separated, the first found wins: "STOA_MASTER_ STOA_ MESOS_" */
    const char *handed_on;    /* blank-separated prefixes of flags that are collected, not parsed ("master.
                                 agent."); NULL */
    bool positional;          /* other arguments are collected instead of refused; "--" ends the flags */
    bool value_apart;         /* "--name value" is as good as "--name=value"; booleans never take the next argument */
};

enum flag_source { FLAG_FROM_DEFAULT, FLAG_FROM_ENV, FLAG_FROM_ARGS };

/* What was found beside the values. flags_done frees it. */
struct flags {
    const struct flags_spec *spec;
    enum flag_source *source; /* per flag of the table */
    bool *set;                /* per flag: a value is there (default included) */
    char **text;              /* per flag: the value as written, durations and fractions normalised; NULL when unset */
    bool help;                /* --help (or -h) was given: nothing is checked for required */
    const char **rest;        /* positional arguments, borrowed from argv; NULL-terminated */
    size_t rest_count;
    const char **handed; /* handed-on arguments as written, borrowed; NULL-terminated */
    size_t handed_count;
};

/* Parses argv[1..argc) and envp (NULL: no environment) into target, which is zeroed first. On an error, which
 * names flag, value, what is allowed, and for an unknown flag the nearest known one, all is freed again. */
int flags_parse(struct flags *f, const struct flags_spec *spec, void *target, int argc, char *const argv[],
                char *const envp[], struct error *err);
void flags_done(struct flags *f, void *target); /* target may be NULL: its strings are left alone */

/* Whether a value was given by argument or environment. */
bool flags_is_set(const struct flags *f, const char *name);
/* Shows a value that the program found for itself, in place of a flag that is not set; the target stays as it is. */
void flags_show(struct flags *f, const char *name, const char *value);
/* The generated help: usage, then each flag with type, default, aliases, choices. */
void flags_help(const struct flags_spec *spec, struct sbuf *b);
/* {"name":"value",...} with the values as written, sorted by name, unset ones left out, as /flags shows them.
 * hidden: names of flags, ended by NULL, whose value is not to be seen and is shown as stars; NULL: none. */
void flags_json(const struct flags *f, const char *const *hidden, struct sbuf *b);
/* Appends a flag's text as others may see it: user and password of zk://user:password@host are hidden. */
void flags_put_shown(struct sbuf *b, const char *text);

#endif
