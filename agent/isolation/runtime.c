/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime directory: one directory per container, nested ones inside their parent's, made before anything else of
 * the container and removed last. It survives the agent, not a reboot. Files: pid (supervisor), status (wait status,
 * empty while it runs), config (class, sandbox and so on: lines "name value"), io (socket, see launcher/io.c). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

int container_path(const char *base, const char *id, const char *file, char *ret, size_t size, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(size - 1);
    sbuf_c(&b, base);
    struct str rest = str_of(id), part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '.', &part);
        sbuf_c(&b, "/containers/");
        sbuf_str(&b, part);
    }
    if (file != NULL) {
        sbuf_char(&b, '/');
        sbuf_c(&b, file);
    }
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "the path of container %.40s... below %.60s is over %zu bytes; use a shorter directory",
                         id, base, size - 1);
    memcpy(ret, b.p, b.n + 1);
    return 0;
}

int runtime_path(const struct isolation *iso, const char *id, const char *file, char *ret, size_t size, struct error *err)
{
    return container_path(iso->o.runtime_dir, id, file, ret, size, err) == 0 ? 0 : error_wrap(err, "--runtime_dir");
}

static const char *const io_names[] = { [CONTAINER_IO_NULL] = "none", [CONTAINER_IO_PIPE] = "pipe",
                                        [CONTAINER_IO_TERMINAL] = "terminal" };

int runtime_make(struct container *c, struct error *err)
{
    char path[4096];
    if (runtime_path(c->iso, c->id, NULL, path, sizeof path, err) != 0)
        return -(int)err->code;
    for (char *q = path + strlen(c->iso->o.runtime_dir) + 1; (q = strchr(q, '/')) != NULL; *q++ = '/') {
        *q = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "%s", path);
    }
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set_errno(err, errno, "%s", path);
    size_t n = strlen(path);
    (void)snprintf(path + n, sizeof path - n, "/config");
    CLEANUP(file_close_p) FILE *f = fopen(path, "we");
    if (f == NULL)
        return error_set_errno(err, errno, "%s", path);
    (void)fprintf(f, "class %s\ncgroups %s\nio %s\nstandalone %s\nsandbox %s\n",
                  c->class == CONTAINER_CLASS_DEBUG ? "debug" : "default", c->group.controllers != 0 ? "own" : "parent",
                  io_names[c->io], c->standalone ? "yes" : "no", c->sandbox);
    (void)fprintf(f, "resources %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
                  c->res.cpus_milli, c->res.cpus_limit_milli, c->res.mem_bytes, c->res.mem_limit_bytes, c->res.disk_bytes,
                  c->res.pids_max, c->res.cpus_revocable);
    if (c->root_workdir != NULL)
        (void)fprintf(f, "root %s\n", c->root_workdir);
    if (fflush(f) != 0)
        return error_set_errno(err, errno, "%s", path);
    return 0;
}

static void remove_dir(const char *path, unsigned depth)
{
    DIR *d = opendir(path);
    if (d == NULL || depth > 2 * CONTAINER_NESTING_MAX + 4) {
        if (d != NULL)
            (void)closedir(d);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char sub[4096];
        if (snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) >= (int)sizeof sub)
            continue;
        if (e->d_type == DT_DIR)
            remove_dir(sub, depth + 1);
        else
            (void)unlink(sub);
    }
    (void)closedir(d);
    (void)rmdir(path);
}

void runtime_remove(const struct isolation *iso, const char *id)
{
    char path[4096];
    struct error err;
    if (runtime_path(iso, id, NULL, path, sizeof path, &err) == 0)
        remove_dir(path, 0);
}

static bool read_number(const struct isolation *iso, const char *id, const char *file, uint64_t *ret)
{
    char path[4096], text[32];
    struct error err;
    if (runtime_path(iso, id, file, path, sizeof path, &err) != 0)
        return false;
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    struct str s = str_mem(text, n > 0 ? (size_t)n : 0);
    return str_u64(&s, INT32_MAX, ret);
}

pid_t runtime_pid(const struct isolation *iso, const char *id)
{
    uint64_t v;
    return read_number(iso, id, "pid", &v) ? (pid_t)v : 0;
}

bool runtime_status(const struct isolation *iso, const char *id, int *ret)
{
    uint64_t v;
    if (!read_number(iso, id, "status", &v))
        return false;
    *ret = (int)v;
    return true;
}

static void parse_resources(struct str line, struct container_resources *ret)
{
    int64_t *fields[] = { &ret->cpus_milli, &ret->cpus_limit_milli, &ret->mem_bytes, &ret->mem_limit_bytes, &ret->disk_bytes,
                          &ret->pids_max };
    uint64_t v;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bool negative = str_skip(&line, STR("-"));
        if (!str_u64(&line, INT64_MAX, &v))
            return;
        *fields[i] = negative ? -(int64_t)v : (int64_t)v;
        (void)str_skip(&line, STR(" "));
    }
    ret->cpus_revocable = str_is(line, "1");
}

bool runtime_config(const struct isolation *iso, const char *id, struct runtime_config *ret)
{
    char path[4096];
    struct error err;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    *ret = (struct runtime_config){ .own_cgroups = true, .res = { 0, CONTAINER_NONE, 0, CONTAINER_NONE, CONTAINER_NONE,
                                                                  CONTAINER_NONE, false } };
    if (runtime_path(iso, id, "config", path, sizeof path, &err) != 0 || file_read(path, &b, &err) != 0)
        return false;
    struct str rest = sbuf_view(&b), line, word;
    for (bool more = b.n != 0; more;) {
        more = str_cut(&rest, '\n', &line);
        if (!str_cut(&line, ' ', &word))
            continue;
        if (str_is(word, "class") && str_is(line, "debug"))
            ret->class = CONTAINER_CLASS_DEBUG;
        else if (str_is(word, "cgroups") && str_is(line, "parent"))
            ret->own_cgroups = false;
        else if (str_is(word, "io") && str_is(line, "pipe"))
            ret->io = CONTAINER_IO_PIPE;
        else if (str_is(word, "io") && str_is(line, "terminal"))
            ret->io = CONTAINER_IO_TERMINAL;
        else if (str_is(word, "standalone"))
            ret->standalone = str_is(line, "yes");
        else if (str_is(word, "resources"))
            parse_resources(line, &ret->res);
        else if (str_is(word, "root") && ret->root_workdir == NULL)
            ret->root_workdir = xstrndup(line);
        else if (str_is(word, "sandbox") && ret->sandbox == NULL)
            ret->sandbox = xstrndup(line);
    }
    return ret->sandbox != NULL;
}

static void each_below(const char *dir, const char *prefix, unsigned depth, void (*f)(void *arg, const char *id), void *arg)
{
    DIR *d = depth > CONTAINER_NESTING_MAX ? NULL : opendir(dir);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char id[CONTAINER_ID_MAX + 1], sub[4096];
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        if (snprintf(id, sizeof id, "%s%s%s", prefix, prefix[0] != 0 ? "." : "", e->d_name) >= (int)sizeof id ||
            snprintf(sub, sizeof sub, "%s/%s/containers", dir, e->d_name) >= (int)sizeof sub)
            continue;
        f(arg, id);
        each_below(sub, id, depth + 1, f, arg);
    }
    (void)closedir(d);
}

void container_path_each(const char *base, void (*f)(void *arg, const char *id), void *arg)
{
    char dir[4096];
    if (snprintf(dir, sizeof dir, "%s/containers", base) < (int)sizeof dir)
        each_below(dir, "", 0, f, arg);
}

void runtime_each(const struct isolation *iso, void (*f)(void *arg, const char *id), void *arg)
{
    container_path_each(iso->o.runtime_dir, f, arg);
}
