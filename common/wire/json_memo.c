/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/json_memo.h"

#include <stdlib.h>

#include "common/base/alloc.h"

enum { TRIAL = 4096 }; /* questions after which it must have been of use for one in four */

struct json_memo_slot {
    const void *kind; /* NULL: empty */
    uint64_t hash;
    bool used; /* since somebody last wanted its place */
    struct sbuf bytes, text;
};

struct json_memo {
    uint64_t asked, known;
    struct json_memo_slot slots[MEMO_SLOTS];
};

struct json_memo *json_memo_new(void)
{
    struct json_memo *m = xcalloc(1, sizeof *m);

    for (size_t i = 0; i < MEMO_SLOTS; i++) {
        sbuf_init(&m->slots[i].bytes, MEMO_BYTES_MAX);
        sbuf_init(&m->slots[i].text, SIZE_MAX / 4);
    }
    return m;
}

void json_memo_free(struct json_memo *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < MEMO_SLOTS; i++) {
        sbuf_done(&m->slots[i].bytes);
        sbuf_done(&m->slots[i].text);
    }
    free(m);
}

/* Eight bytes at a time: a hash by the byte would cost as much as writing the text. */
static uint64_t hash_of(const void *kind, struct str s)
{
    const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = (uint64_t)(uintptr_t)kind ^ s.n * k, v;
    size_t i = 0;

    for (; i + sizeof v <= s.n; i += sizeof v) {
        memcpy(&v, s.p + i, sizeof v);
        h = (h ^ v) * k;
        h ^= h >> 29;
    }
    memcpy(&v, s.p + s.n - sizeof v, sizeof v); /* there are at least MEMO_BYTES_MIN */
    h = (h ^ v) * k;
    return h ^ h >> 32;
}

bool json_memo_begin(struct jsonw *w, const void *kind, struct str bytes, struct json_memo_mark *mark)
{
    struct json_memo *m = w->memo;

    mark->slot = NULL;
    if (m == NULL || bytes.n < MEMO_BYTES_MIN || bytes.n > MEMO_BYTES_MAX || (m->asked >= TRIAL && m->known < m->asked / 4))
        return false;
    uint64_t hash = hash_of(kind, bytes);
    struct json_memo_slot *slot = &m->slots[hash % MEMO_SLOTS];
    m->asked++;
    if (slot->kind == kind && slot->hash == hash && str_eq(sbuf_view(&slot->bytes), bytes)) {
        m->known++;
        slot->used = true;
        jsonw_raw(w, sbuf_view(&slot->text));
        return true;
    }
    if (slot->used) {
        slot->used = false;
        return false;
    }
    *mark = (struct json_memo_mark){ slot, kind, bytes, hash, w->b->n + w->comma };
    return false;
}

void json_memo_end(struct jsonw *w, const struct json_memo_mark *mark)
{
    struct json_memo_slot *slot = mark->slot;

    if (slot == NULL || !sbuf_ok(w->b))
        return;
    /* What lies within may have taken the place meanwhile: it is overwritten as a whole. */
    sbuf_clear(&slot->bytes);
    sbuf_clear(&slot->text);
    sbuf_str(&slot->bytes, mark->bytes);
    sbuf_str(&slot->text, str_sub(sbuf_view(w->b), mark->at, w->b->n));
    slot->kind = sbuf_ok(&slot->bytes) && sbuf_ok(&slot->text) ? mark->kind : NULL;
    slot->hash = mark->hash;
    slot->used = false;
}
