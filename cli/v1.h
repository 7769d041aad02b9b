/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on the v1 operator APIs share: one call and its answer, an answer that streams, and finding what a
 * person means by the name of an agent, a framework or a task. */
#ifndef STOA_CLI_V1_H
#define STOA_CLI_V1_H

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "common/io/http_client.h"

enum { V1_RECORD_MAX = 64 * 1024 * 1024, V1_ADDRESS_MAX = 300 };

/* POST /api/v1. Frees call. ret may be NULL; *ret is NULL when the answer is empty, else the caller's. */
int v1_call(const char *address, cJSON *call, cJSON **ret, struct error *err);
/* {"type":TYPE} and, when key is given, {"type":TYPE,KEY:{}}; *ret_sub gets the inner object, owned by the call. */
cJSON *v1_new(const char *type, const char *key, cJSON **ret_sub);
void v1_add_id(cJSON *object, const char *key, const char *value); /* KEY:{"value":VALUE} */

/* POST /api/v1 of a call whose answer has no end of its own: every record goes to on_record until it returns false, the
 * server ends the stream (0), or something fails. Follows redirects to the leader. */
int v1_stream(const char *address, struct str body, bool is_agent, bool (*on_record)(void *arg, struct str record),
              void *arg, struct error *err);

/* The agent whose id is, ends with, or contains the text, or whose hostname or HOST:PORT is the text. Errors when none or
 * several fit. */
struct v1_agent {
    char id[V1_ADDRESS_MAX], address[V1_ADDRESS_MAX];
};
int v1_agent_find(const char *master, const char *text, struct v1_agent *ret, struct error *err);

/* The container of a task, as the newest status that names one has it, and the address of its agent. The caller owns
 * *ret_container. ERR_NOT_FOUND when there is no such task or it has no container yet. */
int v1_container_find(const char *master, const char *task, struct v1_agent *ret_agent, cJSON **ret_container,
                      struct error *err);

#endif
