/* SPDX-License-Identifier: Apache-2.0 */
/* Between our errors and those of the public header, which has the same codes under other names. */
#ifndef STOA_SDK_CORE_ERRORS_H
#define STOA_SDK_CORE_ERRORS_H

#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

_Static_assert((int)STOA_NOMEM == (int)ERR_NOMEM && (int)STOA_INVALID == (int)ERR_INVALID, "same codes");
_Static_assert((int)STOA_UNAVAILABLE == (int)ERR_UNAVAILABLE && (int)STOA_IO == (int)ERR_IO, "same codes");

/* Copies the error out when rc says that there is one; returns rc. */
static inline int sdk_error_from(struct stoa_error *out, int rc, const struct error *err)
{
    if (rc != 0 && out != NULL) {
        out->code = (enum stoa_code)err->code;
        (void)snprintf(out->msg, sizeof out->msg, "%s", err->msg);
    }
    return rc;
}

#endif
