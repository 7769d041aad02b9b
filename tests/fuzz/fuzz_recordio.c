/* SPDX-License-Identifier: Apache-2.0 */
/* A record stream in pieces: the first byte is their size. The records must be the same as in one piece. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/assert.h"
#include "common/wire/recordio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_all(struct str in, size_t piece, struct sbuf *out)
{
    struct recordio r;
    struct str record;
    int rc = 0;

    recordio_init(&r, 1000);
    while (rc >= 0 && in.n != 0) {
        struct str part = str_sub(in, 0, piece);

        in = str_sub(in, piece, in.n);
        while ((rc = recordio_next(&r, &part, &record, NULL)) == 1)
            recordio_put(out, record);
    }
    recordio_done(&r);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf whole = SBUF_INIT(1 << 22), pieces = SBUF_INIT(1 << 22);

    if (size == 0)
        return 0;
    struct str in = str_mem(data + 1, size - 1);
    int rc = read_all(in, in.n != 0 ? in.n : 1, &whole);
    ASSERT(read_all(in, (size_t)data[0] + 1, &pieces) == rc);
    ASSERT(str_eq(sbuf_view(&whole), sbuf_view(&pieces)));
    sbuf_done(&whole);
    sbuf_done(&pieces);
    return 0;
}
