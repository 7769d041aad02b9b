/* SPDX-License-Identifier: Apache-2.0 */
/* Where content comes from: a local path, or the network by libcurl. */
#include "agent/fetcher/fetcher.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"

int copy_fd(int from, int to, struct error *err)
{
    char buf[65536];
    if (lseek(from, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "source");
    for (;;) {
        ssize_t n = read(from, buf, sizeof buf);
        if (n == 0)
            return 0;
        if (n < 0)
            return error_set_errno(err, errno, "source");
        if (room_take((size_t)n, err) != 0)
            return -(int)err->code;
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(to, buf + done, (size_t)(n - done));
            if (w < 0)
                return error_set_errno(err, errno, "writing");
        }
    }
}

static int read_local(const char *path, int fd, struct error *err)
{
    struct stat st;
    CLEANUP(fd_close_p) int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return error_set_errno(err, errno, "%s", path);
    if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode))
        return error_set(err, ERR_INVALID, "%s is no regular file", path);
    return copy_fd(from, fd, err);
}

struct sink {
    int fd;
    struct error err; /* code 0: none of ours */
};

static size_t on_bytes(char *p, size_t size, size_t count, void *arg)
{
    struct sink *s = arg;
    int fd = s->fd;
    size_t n = size * count;
    if (room_take(n, &s->err) != 0)
        return 0;
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, p + done, n - done);
        if (w < 0)
            return 0; /* curl stops with CURLE_WRITE_ERROR */
        done += (size_t)w;
    }
    return n;
}

static int read_net(const struct fetch *f, const char *uri, int fd, struct error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct sink sink = { .fd = fd };
    CURL *c = curl_easy_init();
    if (c == NULL)
        return error_set(err, ERR_NOMEM, "libcurl does not start");
    long code = 0;
    (void)curl_easy_setopt(c, CURLOPT_URL, uri);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
    (void)curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(c, CURLOPT_MAXREDIRS, 20L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, f->stall_secs > 0 ? f->stall_secs : 60L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L); /* a second without a byte counts as stalled */
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, f->stall_secs > 0 ? f->stall_secs : 60L);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "stoa-fetcher");
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, &sink);
    CURLcode r = curl_easy_perform(c);
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(c);
    if (r == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, ERR_TIMEOUT, "no bytes for %ld s (--fetcher_stall_timeout): %s", f->stall_secs, text);
    if (sink.err.code != 0)
        return error_set(err, sink.err.code, "%s", sink.err.msg);
    if (r != CURLE_OK)
        return error_set(err, ERR_IO, "%s", text[0] != 0 ? text : curl_easy_strerror(r));
    bool http = strncasecmp(uri, "http", 4) == 0;
    if (code != (http ? 200 : 226))
        return error_set(err, ERR_IO, "Unexpected %s response code: %ld", http ? "HTTP" : "FTP", code);
    return 0;
}

int source_read(const struct fetch *f, const char *uri, int fd, struct error *err)
{
    static const char *const net[] = { "http://", "https://", "ftp://", "ftps://" };
    char path[FETCH_PATH_MAX];
    for (size_t i = 0; i < sizeof net / sizeof net[0]; i++) {
        if (strncasecmp(uri, net[i], strlen(net[i])) == 0)
            return read_net(f, uri, fd, err);
    }
    if (strncmp(uri, "file://localhost/", 17) == 0)
        return read_local(uri + 16, fd, err);
    if (strncmp(uri, "file://", 7) == 0)
        return read_local(uri + 7, fd, err);
    if (uri[0] == '/')
        return read_local(uri, fd, err);
    if (strstr(uri, "://") != NULL)
        return error_set(err, ERR_INVALID, "the scheme of this URI is not supported; use a path, file, http(s) or ftp(s)");
    if (f->frameworks_home == NULL)
        return error_set(err, ERR_INVALID, "a relative path needs the agent's flag --frameworks_home");
    (void)snprintf(path, sizeof path, "%s/%s", f->frameworks_home, uri);
    return read_local(path, fd, err);
}
