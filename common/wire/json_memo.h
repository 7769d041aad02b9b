/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of messages that come again and again within one long answer: the labels of an app's tasks, what they ask for, where
 * they run. Writing such a text once more is a comparison and a copy. Set struct jsonw's memo and writers use it:
 *
 *     if (json_memo_begin(w, kind, bytes, &mark))
 *         return;                        written, it was known
 *     ... write one value ...
 *     json_memo_end(w, &mark);           now it is known
 *
 * A memo has MEMO_SLOTS texts; one that was of use stays when another wants its place for the first time. It switches itself
 * off when what it is asked for does not come again. No spill may happen between begin and end. */
#ifndef STOA_WIRE_JSON_MEMO_H
#define STOA_WIRE_JSON_MEMO_H

#include "common/wire/jsonw.h"

enum { MEMO_SLOTS = 256, MEMO_BYTES_MIN = 16, MEMO_BYTES_MAX = 2048 };

struct json_memo *json_memo_new(void);
void json_memo_free(struct json_memo *m); /* NULL is fine */

struct json_memo_mark {
    struct json_memo_slot *slot; /* NULL: it shall not be remembered */
    const void *kind;
    struct str bytes;
    uint64_t hash;
    size_t at;
};

/* kind says how the bytes are read (a descriptor, a function): the same bytes of two kinds are two texts. */
bool json_memo_begin(struct jsonw *w, const void *kind, struct str bytes, struct json_memo_mark *mark);
void json_memo_end(struct jsonw *w, const struct json_memo_mark *mark);

#endif
