/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted JSON: the first two bytes choose the message type. What reads must make a message that the guard
 * accepts, and its JSON must mean the same. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/assert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf bytes = SBUF_INIT(1 << 22), json = SBUF_INIT(1 << 24), again = SBUF_INIT(1 << 22),
                json2 = SBUF_INIT(1 << 24);
    size_t count;
    const ProtobufCMessageDescriptor *const *types = wire_types(&count), *type;
    struct error err;
    struct cJSON *tree;

    if (size < 2)
        return 0;
    type = types[(data[0] * 256u + data[1]) % count];
    struct str text = str_mem(data + 2, size - 2);
    if (json_parse(text, &tree, &err) == 0)
        json_free(tree);
    if (json_to_wire(type, text, &bytes, &err) == 0) {
        ASSERT(wire_check(type, sbuf_view(&bytes), &err) == 0);
        ASSERT(json_from_wire(&json, type, sbuf_view(&bytes)));
        ASSERT(json_to_wire(type, sbuf_view(&json), &again, &err) == 0);
        ASSERT(json_from_wire(&json2, type, sbuf_view(&again)));
        ASSERT(str_eq(sbuf_view(&json), sbuf_view(&json2)));
    }
    sbuf_done(&bytes);
    sbuf_done(&json);
    sbuf_done(&again);
    sbuf_done(&json2);
    return 0;
}
