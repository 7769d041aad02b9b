/* SPDX-License-Identifier: Apache-2.0 */
/* Runs skopeo. It verifies every digest, chooses the platform from an index, and turns every kind of manifest into OCI's.
 * Credentials go into a file that only root reads and that is removed with the staging folder: not into arguments. */
#include "agent/images/helper/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/wire/json.h"
#include "common/wire/jsonw.h"

enum { SAID_MAX = 65536, ARGS_MAX = 32, LOOK_MS = 20 };

/* A name and a password, for the registry of this image. */
static void put_login(struct jsonw *w, const char *registry, const char *user, const char *password)
{
    CLEANUP(sbuf_done_p) struct sbuf login = SBUF_INIT(65536);
    CLEANUP(sbuf_done_p) struct sbuf code = SBUF_INIT(131072);
    sbuf_fmt(&login, "%s:%s", user, password);
    base64_encode(&code, sbuf_view(&login));
    jsonw_open(w);
    jsonw_key(w, "auths");
    jsonw_open(w);
    jsonw_key_str(w, str_of(registry));
    jsonw_open(w);
    jsonw_key_s(w, "auth", sbuf_view(&code));
    jsonw_close(w);
    jsonw_close(w);
    jsonw_close(w);
}

/* The format of ~/.docker/config.json; of an old ~/.dockercfg, with what is missing around it; or {"username", "password"}. */
static int write_credentials(const struct pull_input *in, const char *path, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(2 << 20);
    struct jsonw w = JSONW(&b);
    if (in->config == NULL)
        return fs_write(path, STR("{\"auths\":{}}"), 0600, 0, err); /* not those that root may have at home */
    if (json_parse(str_of(in->config), &tree, err) != 0)
        return error_wrap(err, "the credentials for registries are no JSON");
    const char *user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "username"));
    const char *password = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "password"));
    bool whole = cJSON_GetObjectItemCaseSensitive(tree, "auths") != NULL;
    if (user != NULL && password != NULL) {
        put_login(&w, in->registry, user, password);
    } else {
        sbuf_c(&b, whole ? "" : "{\"auths\":");
        sbuf_c(&b, in->config);
        sbuf_c(&b, whole ? "" : "}");
    }
    return fs_write(path, sbuf_view(&b), 0600, 0, err);
}

/* skopeo says why in its last line, as logrus writes it: time="..." level=fatal msg="..." */
static void explain(const struct pull_input *in, char *said, size_t n, struct error *err)
{
    said[n] = 0;
    while (n > 0 && (said[n - 1] == '\n' || said[n - 1] == ' '))
        said[--n] = 0;
    char *line = strrchr(said, '\n');
    line = line != NULL ? line + 1 : said;
    char *msg = strstr(line, "msg=\"");
    if (msg != NULL) {
        line = msg + 5;
        size_t end = strlen(line);
        if (end > 0 && line[end - 1] == '"')
            line[end - 1] = 0;
    }
    size_t to = 0;
    for (size_t i = 0; line[i] != 0; i++) {
        if (line[i] == '\\' && line[i + 1] == '"')
            continue;
        unsigned char c = (unsigned char)line[i];
        line[to++] = line[i];
        if (c < ' ' || c == 127)
            line[to - 1] = ' ';
    }
    line[to] = 0;
    /* "initializing source docker://NAME: why" and the like: the name is told already, and the end tells the cause. */
    const char *cause = strstr(line, in->name);
    cause = in->archive == NULL && cause != NULL && strncmp(cause + strlen(in->name), ": ", 2) == 0 ? cause + strlen(in->name) + 2 : line;
    size_t n_cause = strlen(cause);
    const char *tail = n_cause > 120 ? cause + n_cause - 120 : cause;
    (void)error_set(err, ERR_IO, "%s%.40s: %s%.120s", in->archive != NULL ? "" : "registry ", in->archive != NULL ? in->archive : in->registry,
                    n_cause > 120 ? "..." : "", n_cause != 0 ? tail : "skopeo failed without a word");
}

_Noreturn static void become_skopeo(const struct pull_input *in, char *const *argv, int out, const char *dir)
{
    char tmp[4096 + 8];
    int null = open("/dev/null", O_RDWR);
    die_with_parent();
    (void)umask(022);
    (void)snprintf(tmp, sizeof tmp, "TMPDIR=%s", dir);
    const char *path = getenv("PATH"), *proxies[] = { "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
                                                      "SSL_CERT_FILE", "SSL_CERT_DIR" };
    static char kept[8][4096];
    char path_text[4096], home[] = "HOME=/nonexistent";
    char *envp[12];
    size_t n = 0;
    (void)snprintf(path_text, sizeof path_text, "PATH=%s", path != NULL ? path : "/usr/bin:/bin");
    envp[n++] = path_text;
    envp[n++] = home;
    envp[n++] = tmp;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        const char *v = getenv(proxies[i]);
        if (v != NULL && snprintf(kept[i], sizeof kept[i], "%s=%s", proxies[i], v) < (int)sizeof kept[i])
            envp[n++] = kept[i];
    }
    envp[n] = NULL;
    if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
        (void)execve(in->skopeo, argv, envp);
    (void)dprintf(2, "%s: %s\n", in->skopeo, strerror(errno));
    _exit(127);
}

/* What it writes, kept in `said` (the end of it, when it is much); meanwhile u goes on. */
static size_t listen(int fd, char *said, struct unpacker *u)
{
    size_t n = 0;
    for (;;) {
        struct pollfd w = { .fd = fd, .events = POLLIN };
        if (u != NULL)
            unpacker_look(u);
        if (poll(&w, 1, u != NULL ? LOOK_MS : -1) == 0)
            continue;
        if (n == SAID_MAX) {
            memmove(said, said + SAID_MAX / 2, SAID_MAX / 2);
            n = SAID_MAX / 2;
        }
        ssize_t r = read(fd, said + n, SAID_MAX - n);
        if (r <= 0)
            return n;
        n += (size_t)r;
    }
}

static int run(const struct pull_input *in, char *const *argv, const char *dir, struct unpacker *u, struct sbuf *ret_said,
               struct error *err)
{
    static char said[SAID_MAX + 1];
    int pipe_fd[2], status = -1;
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "pipe of skopeo");
    pid_t pid = fork();
    if (pid == 0)
        become_skopeo(in, argv, pipe_fd[1], dir);
    (void)close(pipe_fd[1]);
    size_t n = pid > 0 ? listen(pipe_fd[0], said, u) : 0;
    (void)close(pipe_fd[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return error_set_errno(err, errno, "skopeo");
    if (ret_said != NULL)
        sbuf_add(ret_said, said, n);
    if (status == 0)
        return 0;
    explain(in, said, n, err);
    return -(int)err->code;
}

/* Files in the layout by the names of layers that the store has: skopeo takes them for fetched. An image that shares its base with
 * others, or is a new version of one, costs what is new. What goes wrong here costs a download. */
static void hold_places(const struct pull_input *in, const char *dir, const char *auth)
{
    CLEANUP(sbuf_done_p) struct sbuf said = SBUF_INIT(SAID_MAX);
    CLEANUP(json_free_p) cJSON *tree = NULL;
    const cJSON *layer;
    struct error ignored;
    char path[4200], hex[IMAGE_DIGEST_SIZE];
    const char *v[] = { "skopeo", "inspect", "--no-tags", "--authfile", auth, in->source, in->plain ? "--tls-verify=false" : NULL, NULL };
    if (run(in, (char *const *)(uintptr_t)v, dir, NULL, &said, &ignored) != 0 || json_parse(sbuf_view(&said), &tree, &ignored) != 0)
        return;
    cJSON_ArrayForEach(layer, cJSON_GetObjectItemCaseSensitive(tree, "Layers")) {
        const char *digest = cJSON_GetStringValue(layer);
        struct stat st;
        if (digest == NULL || !image_digest_hex(str_of(digest), hex))
            continue;
        (void)snprintf(path, sizeof path, "%s/layers/%s", in->store, hex);
        if (lstat(path, &st) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/oci/blobs/sha256", dir);
        if (fs_mkdirs(path, 0700, &ignored) != 0)
            return;
        (void)snprintf(path, sizeof path, "%s/oci/blobs/sha256/%s", dir, hex);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)close(fd);
    }
}

static bool has_layers(const char *store)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/layers", store);
    DIR *d = opendir(path);
    bool any = false;
    for (struct dirent *e; d != NULL && !any && (e = readdir(d)) != NULL;)
        any = e->d_name[0] != '.';
    if (d != NULL)
        (void)closedir(d);
    return any;
}

int skopeo_fetch(const struct pull_input *in, const char *dir, struct unpacker *u, struct error *err)
{
    char auth[4096], source[4200], to[4096 + 16];
    const char *v[ARGS_MAX];
    size_t n = 0;
    (void)snprintf(auth, sizeof auth, "%s/auth.json", dir);
    (void)snprintf(to, sizeof to, "oci:%s/oci:image", dir);
    if (write_credentials(in, auth, err) != 0)
        return -(int)err->code;
    if (in->archive != NULL) { /* by a name without a colon, which skopeo would cut the path at */
        char link[4096];
        (void)snprintf(link, sizeof link, "%s/archive", dir);
        (void)snprintf(source, sizeof source, "docker-archive:%s", link);
        if (symlink(in->archive, link) != 0)
            return error_set_errno(err, errno, "%s", link);
    } else if (has_layers(in->store)) {
        hold_places(in, dir, auth);
    }
    v[n++] = "skopeo";
    /* An operator's policy of signatures counts where there is one. */
    if (access("/etc/containers/policy.json", R_OK) != 0)
        v[n++] = "--insecure-policy";
    v[n++] = "copy";
    v[n++] = "--quiet";
    v[n++] = "--src-authfile";
    v[n++] = auth;
    if (in->plain)
        v[n++] = "--src-tls-verify=false";
    v[n++] = in->archive != NULL ? source : in->source;
    v[n++] = to;
    v[n] = NULL;
    int r = run(in, (char *const *)(uintptr_t)v, dir, u, NULL, err);
    (void)unlink(auth);
    return r;
}
