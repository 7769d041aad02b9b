/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa cp TASK:PATH LOCAL`: files and directories out of a task's sandbox, by the agent's /files/browse and
 * /files/download. The names in an answer come from the task, so each is checked before it becomes a local path. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/json.h"
#include "cli/sandbox.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"

enum { PATH_BYTES_MAX = 8192, DEPTH_MAX = 64 };

static const char usage[] = "stoa cp TASK:PATH LOCAL   (PATH is inside the sandbox; empty: all of it)";

struct copy {
    const char *agent;
    unsigned files, skipped;
};

static int url(struct sbuf *b, const char *endpoint, const char *path, struct error *err)
{
    sbuf_fmt(b, "/files/%s?path=", endpoint);
    query_encode(b, path);
    return sbuf_ok(b) ? 0 : error_set(err, ERR_LIMIT, "the path %.100s... is too long", path);
}

static int browse(const struct copy *c, const char *path, cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf u = SBUF_INIT(PATH_BYTES_MAX * 3);
    struct cli_response r = { 0 };
    int rc = url(&u, "browse", path, err);

    if (rc == 0)
        rc = cli_http("GET", c->agent, u.p, (struct str){ 0 }, NULL, 30000, &r, err);
    if (rc == 0 && r.status != 200)
        rc = error_set(err, ERR_NOT_FOUND, "there is no %s on agent %s (status %d)", path, c->agent, r.status);
    if (rc == 0) {
        *ret = r.body.n != 0 ? cJSON_ParseWithLength(r.body.p, r.body.n) : NULL;
        if (!cJSON_IsArray(*ret))
            rc = error_set(err, ERR_PROTOCOL, "%s: the answer to /files/browse is no list", c->agent);
    }
    cli_response_done(&r);
    return rc;
}

static int copy_file(struct copy *c, const char *path, const char *local, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf u = SBUF_INIT(PATH_BYTES_MAX * 3);
    CLEANUP(file_close_p) FILE *f = strcmp(local, "-") == 0 ? stdout : fopen(local, "we");
    int r = url(&u, "download", path, err);

    if (f == NULL)
        return error_set_errno(err, errno, "%s", local);
    if (r == 0)
        r = cli_download(c->agent, u.p, f, err);
    if (f == stdout)
        f = NULL;
    c->files++;
    return r;
}

/* The last part of an entry's path, if it is a plain name. */
static const char *entry_name(const cJSON *entry)
{
    const char *slash = strrchr(json_text(entry, "path"), '/'), *name = slash != NULL ? slash + 1 : "";

    return strcmp(name, "..") == 0 || strcmp(name, ".") == 0 ? "" : name;
}

static int copy_directory(struct copy *c, const char *path, const char *local, unsigned depth, struct error *err)
{
    CLEANUP(json_free_p) cJSON *entries = NULL;
    const cJSON *entry;
    int r = browse(c, path, &entries, err);

    if (r == 0 && depth > DEPTH_MAX)
        r = error_set(err, ERR_LIMIT, "%s: directories are nested deeper than %d", path, DEPTH_MAX);
    if (r == 0 && mkdir(local, 0777) != 0 && errno != EEXIST)
        r = error_set_errno(err, errno, "%s", local);
    cJSON_ArrayForEach(entry, entries)
    {
        const char *name = entry_name(entry), *mode = json_text(entry, "mode");
        char from[PATH_BYTES_MAX], to[PATH_BYTES_MAX];
        int n = snprintf(from, sizeof from, "%s/%s", path, name), m = snprintf(to, sizeof to, "%s/%s", local, name);

        if (r != 0)
            break;
        if (name[0] == 0 || n >= (int)sizeof from || m >= (int)sizeof to || (mode[0] != '-' && mode[0] != 'd')) {
            fprintf(stderr, "stoa: leaving out %s (%s)\n", json_text(entry, "path"), mode);
            c->skipped++;
        } else if (mode[0] == 'd') {
            r = copy_directory(c, from, to, depth + 1, err);
        } else {
            r = copy_file(c, from, to, err);
        }
    }
    return r;
}

/* Whether the path is a directory, as the listing of the one above says. */
static int is_directory(const struct copy *c, const char *path, bool *ret, struct error *err)
{
    CLEANUP(json_free_p) cJSON *entries = NULL;
    char parent[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    const cJSON *entry;
    int r;

    (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    r = browse(c, parent, &entries, err);
    if (r != 0)
        return r;
    cJSON_ArrayForEach(entry, entries)
    {
        if (strcmp(entry_name(entry), slash + 1) != 0)
            continue;
        *ret = json_text(entry, "mode")[0] == 'd';
        return 0;
    }
    return error_set(err, ERR_NOT_FOUND, "there is no \"%s\" in %s", slash + 1, parent);
}

/* A file into an existing directory keeps its name. */
static void local_of(const char *given, const char *path, char out[PATH_BYTES_MAX])
{
    struct stat st;

    if (strcmp(given, "-") != 0 && stat(given, &st) == 0 && S_ISDIR(st.st_mode))
        (void)snprintf(out, PATH_BYTES_MAX, "%s/%s", given, strrchr(path, '/') + 1);
    else
        (void)snprintf(out, PATH_BYTES_MAX, "%s", given);
}

static int copy_path(const struct sandbox *s, const char *inside, const char *local, struct error *err)
{
    struct copy c = { .agent = s->agent };
    char path[PATH_BYTES_MAX], to[PATH_BYTES_MAX];
    struct str rest = str_of(inside);
    bool is_dir = true;
    int r = 0;

    while (str_skip(&rest, STR("./")) || str_skip(&rest, STR("/")))
        ;
    while (rest.n != 0 && rest.p[rest.n - 1] == '/')
        rest.n--;
    if (str_is(rest, "."))
        rest.n = 0;
    if (snprintf(path, sizeof path, "%s%s%.*s", s->path, rest.n != 0 ? "/" : "", STR_ARG(rest)) >= (int)sizeof path)
        return error_set(err, ERR_INVALID, "the path is longer than %d bytes", PATH_BYTES_MAX);
    if (rest.n != 0)
        r = is_directory(&c, path, &is_dir, err);
    if (r != 0)
        return r;
    if (is_dir && strcmp(local, "-") == 0)
        return error_set(err, ERR_INVALID, "\"%s\" is a directory; it cannot be copied to standard output", inside);
    if (rest.n != 0)
        local_of(local, path, to);
    else
        (void)snprintf(to, sizeof to, "%s", local);
    r = is_dir ? copy_directory(&c, path, to, 0, err) : copy_file(&c, path, to, err);
    if (r == 0 && strcmp(local, "-") != 0)
        printf("%u file%s copied to %s\n", c.files, c.files == 1 ? "" : "s", to);
    return r;
}

int cp_main(int argc, char **argv)
{
    const char *master = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    struct sandbox s;
    char *colon;
    int count;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 2)
        return cli_usage(usage);
    colon = strrchr(argv[1], ':'); /* the last one: ids have colons more often than paths do */
    if (colon == NULL || colon == argv[1]) {
        (void)error_set(&err, ERR_INVALID, "\"%s\" names no task; use TASK:PATH (files go out of a sandbox, never in)", argv[1]);
        return cli_fail(&err);
    }
    *colon = 0;
    if (sandbox_find(cli_master_address(master), argv[1], &s, &err) != 0)
        return cli_fail(&err);
    return cli_end(copy_path(&s, colon + 1, argv[2], &err), &err);
}
