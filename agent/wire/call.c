/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/call.h"

#include <string.h>

#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

int agent_decode_call(const ProtobufCMessageDescriptor *type, bool json, struct str body, struct arena *arena,
                      ProtobufCMessage **ret, struct error *err)
{
    CLEANUP(json_free_p) struct cJSON *tree = NULL;
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(256 << 20);
    int rc;

    if (!json) {
        rc = wire_unpack(type, body, arena, ret, err);
        return rc == 0 ? 0 : error_set(err, ERR_INVALID, "Failed to parse body into Call protobuf");
    }
    if (json_parse(body, &tree, err) != 0) {
        (void)json_syntax_near(body, err);
        return error_wrap(err, "Failed to parse body into JSON");
    }
    rc = json_to_wire(type, body, &bytes, err); /* from the text: integers stay exact */
    struct str copy = rc == 0 ? arena_str(arena, sbuf_view(&bytes)) : (struct str){ NULL, 0 };
    if (rc == 0)
        rc = wire_unpack(type, copy, arena, ret, err);
    if (rc == 0)
        return 0;
    static const char missing[] = "missing required fields: ";
    const char *at = strstr(err->msg, missing);
    if (at != NULL) {
        struct error inner = *err;
        return error_set(err, ERR_INVALID, "Failed to convert JSON into Call protobuf: Missing required fields: %s",
                         inner.msg + (at - err->msg) + sizeof missing - 1);
    }
    return error_wrap(err, "Failed to convert JSON into Call protobuf");
}
