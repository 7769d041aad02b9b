/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values: a code, the errno where one was involved, and a message for people.
 * A struct error lives on the caller's stack and never allocates, so the error path cannot fail. */
#ifndef STOA_BASE_ERROR_H
#define STOA_BASE_ERROR_H

#include <stddef.h>

enum err_code {
    ERR_OK = 0,
    ERR_NOMEM,       /* out of memory, or over a memory budget */
    ERR_INVALID,     /* the input is wrong */
    ERR_NOT_FOUND,   /* the named thing does not exist */
    ERR_CONFLICT,    /* the named thing is in another state than the request assumes */
    ERR_DENIED,      /* not allowed for this caller */
    ERR_LIMIT,       /* a named cap was reached */
    ERR_TIMEOUT,     /* a named timeout passed */
    ERR_UNAVAILABLE, /* cannot be served now; trying again later may work */
    ERR_PROTOCOL,    /* the peer broke the protocol */
    ERR_IO,          /* the operating system said no; sys_errno tells why */
    ERR_CODE_COUNT
};

struct error {
    enum err_code code;
    int sys_errno; /* 0 when no system call was involved */
    char msg[256]; /* one line, without a full stop; cut when longer */
};

/* Each returns -(int)code, so that failing is one line: return error_set(err, ERR_INVALID, ...).
 * err may be NULL: then only the code is returned. */
int error_set(struct error *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set with ERR_IO (ERR_NOMEM for ENOMEM, ERR_NOT_FOUND for ENOENT, ERR_DENIED for EACCES
 * and EPERM); ": <errno text>" is appended to the message. */
int error_set_errno(struct error *err, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message of err; keeps its code and returns it negated. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "NOT_FOUND" and so on; never NULL. */
const char *err_code_name(enum err_code code);

/* The HTTP status that answers a request failing with this code. */
int err_code_http_status(enum err_code code);

#endif
