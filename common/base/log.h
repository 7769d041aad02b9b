/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a process: one line per event on standard error, `level=info event=offer_sent agent=a7 ...`.
 * Only shells log; libraries and cores return errors or actions. Outside text must be quoted with
 * LOG_Q: log_info("offer_sent", "framework=" LOG_Q, LOG_QARG(name)). A line is one write(2). */
#ifndef STOA_BASE_LOG_H
#define STOA_BASE_LOG_H

#include <stdbool.h>

#include "common/base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* The stamp in front of each line; the shell gives the function that reads the wall clock. NULL: no stamp. */
void log_set_clock(int64_t (*now_ms)(void));
/* Standard error unless set. */
void log_set_fd(int fd);
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_event(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_event(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)

/* Quotes outside text for a log value: escapes quotes, backslashes and control bytes, cuts at 200 bytes.
 * The answer is valid until the fourth next call (a ring of four buffers; one thread only). */
const char *log_quote(struct str s);
#define LOG_Q       "%s"
#define LOG_QARG(s) log_quote(s)

#endif
