/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted protobuf bytes: the first two bytes choose the type. What wire_check lets pass must unpack, pack,
 * and be written as JSON that reads back. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/assert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT(1 << 22);
    struct sbuf again = SBUF_INIT(1 << 22), json = SBUF_INIT(1 << 24), back = SBUF_INIT(1 << 22);
    size_t count;
    const ProtobufCMessageDescriptor *const *types = wire_types(&count), *type;
    struct error err;
    ProtobufCMessage *m;

    if (size < 2)
        return 0;
    type = types[(data[0] * 256u + data[1]) % count];
    struct str bytes = str_mem(data + 2, size - 2);
    if (wire_check(type, bytes, &err) == 0 && wire_unpack(type, bytes, &arena, &m, &err) == 0) {
        ASSERT(wire_pack(&again, m));
        ASSERT(wire_check(type, sbuf_view(&again), &err) == 0);
        ASSERT(json_from_wire(&json, type, bytes));
        /* A double that is not a number is null in JSON, and null is unset. */
        ASSERT(json_to_wire(type, sbuf_view(&json), &back, &err) == 0 ||
               str_contains(sbuf_view(&json), STR(":null")));
    }
    arena_done(&arena);
    sbuf_done(&again);
    sbuf_done(&json);
    sbuf_done(&back);
    return 0;
}
