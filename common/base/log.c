/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "common/base/sbuf.h"
#include "common/base/time.h"

enum { LINE_MAX_BYTES = 4096, QUOTE_MAX_BYTES = 256 /* a struct error whole */, QUOTE_RING = 4 };

/* The log is the one piece of process-wide state: there is one standard error. */
static enum log_level max_level = LOG_INFO;
static int64_t (*clock_ms)(void);
static int log_fd = STDERR_FILENO;

void log_set_level(enum log_level level)
{
    max_level = level;
}

enum log_level log_get_level(void)
{
    return max_level;
}

void log_set_clock(int64_t (*now_ms)(void))
{
    clock_ms = now_ms;
}

void log_set_fd(int fd)
{
    log_fd = fd;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    struct sbuf b = SBUF_INIT(LINE_MAX_BYTES);
    va_list ap;

    if (level > max_level)
        return;
    if (clock_ms != NULL) {
        wall_print(&b, (struct wall){ clock_ms() });
        sbuf_char(&b, ' ');
    }
    sbuf_fmt(&b, "level=%s event=%s ", names[level], event);
    va_start(ap, fmt);
    sbuf_vfmt(&b, fmt, ap);
    va_end(ap);
    if (!sbuf_ok(&b)) { /* over the maximum: say what happened, without the details */
        b.failed = false;
        sbuf_c(&b, "(cut)");
        b.failed = false;
    }
    if (b.n + 1 < b.cap) {
        b.p[b.n] = '\n';
        (void)!write(log_fd, b.p, b.n + 1); /* a log that cannot be written must not stop the work */
    }
    sbuf_done(&b);
}

const char *log_quote(struct str s)
{
    static char ring[QUOTE_RING][QUOTE_MAX_BYTES * 4 + 8];
    static unsigned turn;
    char *out = ring[turn++ % QUOTE_RING], *p = out;
    size_t n = s.n < QUOTE_MAX_BYTES ? s.n : QUOTE_MAX_BYTES;

    *p++ = '"';
    for (size_t i = 0; i < n; i++) {
        static const char hex[] = "0123456789abcdef";
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            *p++ = '\\';
            *p++ = 'x';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        } else {
            *p++ = (char)c;
        }
    }
    if (n < s.n) {
        *p++ = '.';
        *p++ = '.';
        *p++ = '.';
    }
    *p++ = '"';
    *p = 0;
    return out;
}
