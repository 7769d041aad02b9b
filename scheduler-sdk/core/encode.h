/* SPDX-License-Identifier: Apache-2.0 */
/* The structs of the public header to protobuf bytes. Pure. Functions append one field of the given number to
 * the buffer, or fail with an error that names the task, the resource or the field. On failure the buffer's
 * content is of no use. */
#ifndef STOA_SDK_CORE_ENCODE_H
#define STOA_SDK_CORE_ENCODE_H

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

/* Most bytes of one call; masters take far less. */
#define SDK_CALL_BYTES_MAX ((size_t)256 << 20)

int sdk_put_resource(struct sbuf *b, uint32_t number, const struct stoa_resource *r, struct error *err);
int sdk_put_executor(struct sbuf *b, uint32_t number, const struct stoa_executor *e, struct str framework_id,
                     struct error *err);
/* agent_id: for a task that has none; NULL: it must have one. */
int sdk_put_task(struct sbuf *b, uint32_t number, const struct stoa_task *t, const char *agent_id,
                 struct str framework_id, struct error *err);
int sdk_put_operation(struct sbuf *b, uint32_t number, const struct stoa_operation *o, const char *agent_id,
                      struct str framework_id, struct error *err);

/* The FrameworkInfo of the options as a whole message, without id: that is the session's to know. user: for
 * options without. */
int sdk_framework_info(struct sbuf *b, const struct stoa_options *o, const char *user, struct error *err);

/* Bytes as a message of the type when they are one, for what callers hand in. */
int sdk_put_raw(struct sbuf *b, uint32_t number, const char *type, struct stoa_bytes raw, struct error *err);

#endif
