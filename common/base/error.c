/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http_status;
} codes[] = {
    [ERR_OK] = { "OK", 200 },
    [ERR_NOMEM] = { "NOMEM", 503 },
    [ERR_INVALID] = { "INVALID", 400 },
    [ERR_NOT_FOUND] = { "NOT_FOUND", 404 },
    [ERR_CONFLICT] = { "CONFLICT", 409 },
    [ERR_DENIED] = { "DENIED", 403 },
    [ERR_LIMIT] = { "LIMIT", 429 },
    [ERR_TIMEOUT] = { "TIMEOUT", 504 },
    [ERR_UNAVAILABLE] = { "UNAVAILABLE", 503 },
    [ERR_PROTOCOL] = { "PROTOCOL", 400 },
    [ERR_IO] = { "IO", 500 },
};
_Static_assert(sizeof codes / sizeof codes[0] == ERR_CODE_COUNT, "one row per code");

int error_set(struct error *err, enum err_code code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;

        err->code = code;
        err->sys_errno = 0;
        va_start(ap, fmt);
        (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap); /* cut on purpose */
        va_end(ap);
    }
    return -(int)code;
}

static enum err_code code_of_errno(int e)
{
    switch (e) {
    case ENOMEM:
        return ERR_NOMEM;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

/* msg, ": ", reason. What is too long loses its middle: the end says why. */
static void add_reason(struct error *err, const char *reason)
{
    enum { END = 100 };
    char all[2 * sizeof err->msg + 128];
    size_t n = (size_t)snprintf(all, sizeof all, "%s: %s", err->msg, reason);

    if (n >= sizeof all)
        n = sizeof all - 1;
    if (n >= sizeof err->msg) {
        size_t begin = sizeof err->msg - END - 4;
        memmove(all + begin + 3, all + n - END, END + 1);
        memcpy(all + begin, "...", 3);
        n = begin + 3 + END;
    }
    memcpy(err->msg, all, n + 1);
}

int error_set_errno(struct error *err, int sys_errno, const char *fmt, ...)
{
    enum err_code code = code_of_errno(sys_errno);

    if (err != NULL) {
        va_list ap;

        err->code = code;
        err->sys_errno = sys_errno;
        va_start(ap, fmt);
        (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        add_reason(err, strerror(sys_errno));
    }
    return -(int)code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
    char old[sizeof err->msg];
    va_list ap;

    if (err == NULL)
        return -(int)ERR_INVALID;
    memcpy(old, err->msg, sizeof old);
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    add_reason(err, old);
    return -(int)err->code;
}

const char *err_code_name(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? codes[code].name : "UNKNOWN";
}

int err_code_http_status(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? codes[code].http_status : 500;
}
