/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/logger.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/flags.h"
#include "agent/modules.h"
#include "common/base/cleanup.h"
#include "common/base/time.h"

enum { KEEP_MAX = 1000 };

static const uint64_t size_default = UINT64_C(10) << 20, size_min = 4096;

/* One line of what logrotate would read. */
static int take_option(struct container_log *log, const char *what, struct str line, struct error *err)
{
    static const char *const harmless[] = { "missingok", "nomissingok", "ifempty", "notifempty", "copytruncate", "nocopytruncate",
                                            "create", "nocreate", "nocompress", "nodelaycompress", "delaycompress", "nodateext",
                                            "nomail", "noolddir", "nosharedscripts", "size", "start" };
    struct str word, rest = str_trim(line);
    uint64_t n;

    if (rest.n == 0 || rest.p[0] == '#')
        return 0;
    struct str value = rest;
    (void)str_cut(&value, ' ', &word); /* without a blank the value is empty */
    value = str_trim(value);
    if (str_is(word, "rotate")) {
        if (!str_u64(&value, KEEP_MAX, &n) || value.n != 0)
            return error_set(err, ERR_INVALID, "%s: '%.*s': rotate takes a number from 0 to %d", what, STR_ARG(rest), KEEP_MAX);
        log->keep = (unsigned)n;
        return 0;
    }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (str_is(word, harmless[i]))
            return 0;
    return error_set(err, ERR_INVALID, "%s: logrotate's option '%.*s' is not built in this version; 'rotate N' is, and what needs "
                                       "no other program", what, STR_ARG(word));
}

static int take_options(struct container_log *log, const char *what, const char *text, struct error *err)
{
    struct str rest = str_of(text), line;
    int rc = 0;

    for (bool more = true; more && rc == 0;) {
        more = str_cut(&rest, '\n', &line);
        rc = take_option(log, what, line, err);
    }
    return rc;
}

static int take_size(struct container_log *log, const char *what, const char *text, struct error *err)
{
    if (!bytes_parse(str_of(text), &log->size_max))
        return error_set(err, ERR_INVALID, "%s is '%s'; give a number and a unit, like 10MB", what, text);
    if (log->size_max < size_min)
        return error_set(err, ERR_INVALID, "%s is '%s'; at least 4KB", what, text);
    return 0;
}

/* A parameter of the module, or a variable without its prefix. *ret_known: it is one of ours. */
static int take(struct logger *l, const char *what, const char *name, const char *value, bool *ret_known, struct error *err)
{
    *ret_known = true;
    if (strcasecmp(name, "max_stdout_size") == 0)
        return take_size(&l->logs[0], what, value, err);
    if (strcasecmp(name, "max_stderr_size") == 0)
        return take_size(&l->logs[1], what, value, err);
    if (strcasecmp(name, "logrotate_stdout_options") == 0)
        return take_options(&l->logs[0], what, value, err);
    if (strcasecmp(name, "logrotate_stderr_options") == 0)
        return take_options(&l->logs[1], what, value, err);
    *ret_known = false;
    return 0;
}

static int take_parameter(void *to, const char *key, const char *value, struct error *err)
{
    /* Of the original's helper program, which is none here. */
    static const char *const unused[] = { "launcher_dir", "logrotate_path", "libprocess_num_worker_threads" };
    struct logger *l = to;
    char what[96];
    bool known;

    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
        if (strcmp(key, unused[i]) == 0)
            return 0;
    if (strcmp(key, "environment_variable_prefix") == 0) {
        if (strlen(value) >= sizeof l->prefix)
            return error_set(err, ERR_LIMIT, "--modules: environment_variable_prefix is over %zu bytes", sizeof l->prefix - 1);
        (void)snprintf(l->prefix, sizeof l->prefix, "%s", value);
        return 0;
    }
    (void)snprintf(what, sizeof what, "--modules: parameter %.60s", key);
    int rc = take(l, what, key, value, &known, err);
    return rc == 0 && !known ? error_set(err, ERR_INVALID, "%s of " MODULE_LOGGER " is unknown", what) : rc;
}

int logger_init(struct logger *l, const struct agent_flags *f, struct error *err)
{
    *l = (struct logger){ .logs = { { .size_max = size_default }, { .size_max = size_default } }, .prefix = "CONTAINER_LOGGER_" };
    int rc = modules_parameters(f->modules, MODULE_LOGGER, take_parameter, l, err);
    if (rc != 0)
        return rc;
    if (f->container_logger == NULL || strcmp(f->container_logger, "org_apache_mesos_SandboxContainerLogger") == 0)
        return 0;
    if (strcmp(f->container_logger, MODULE_LOGGER) != 0)
        return error_set(err, ERR_INVALID, "--container_logger=%s: only " MODULE_LOGGER " is built", f->container_logger);
    l->on = true;
    return 0;
}

int logger_of(const struct logger *l, const struct container_env *env, size_t count, struct container_log ret[2], struct error *err)
{
    struct logger own = *l;
    size_t n = strlen(l->prefix);
    bool known;

    if (!l->on)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(env[i].name, l->prefix, n) != 0 || env[i].value == NULL)
            continue;
        int rc = take(&own, env[i].name, env[i].name + n, env[i].value, &known, err);
        if (rc != 0)
            return error_wrap(err, "container logger");
    }
    ret[0] = own.logs[0];
    ret[1] = own.logs[1];
    return 0;
}
