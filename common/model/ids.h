/* SPDX-License-Identifier: Apache-2.0 */
/* Ids. Each kind is a type of its own, so that mixing them up does not compile.
 *
 * An id is a view (pointer and length): copying the struct copies no text, and the text must outlive it. Whoever
 * stores one in a table owns the text, in one of two ways:
 *  - the text lies inside bytes that are kept anyway: struct task_info and struct task_status point into their
 *    raw message, which costs nothing per id (millions of tasks);
 *  - x_id_copy makes a terminated copy that x_id_done frees: for the objects themselves (frameworks, agents).
 * Tables that refer to an agent or framework of a task hold the object or its index, not another copy of the id.
 *
 * A container id is the dotted path of its ancestors: "parent.child" (the wire has nested messages; a part has
 * no dot by validation, so the path is unique). */
#ifndef STOA_MODEL_IDS_H
#define STOA_MODEL_IDS_H

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/str.h"

enum { ID_SIZE_MAX = 255 }; /* bytes: an id is a file name in the sandbox tree (NAME_MAX) */

#define ID_KINDS(X)                                                                              \
    X(framework) X(agent) X(offer) X(task) X(executor) X(container) X(operation) X(provider)

#define X(kind)                                                                                  \
    struct kind##_id {                                                                           \
        struct str s;                                                                            \
    };                                                                                           \
    static inline struct kind##_id kind##_id(struct str s) /* a view */                          \
    {                                                                                            \
        return (struct kind##_id){ s };                                                          \
    }                                                                                            \
    static inline bool kind##_id_eq(struct kind##_id a, struct kind##_id b)                      \
    {                                                                                            \
        return str_eq(a.s, b.s);                                                                 \
    }                                                                                            \
    static inline bool kind##_id_is_set(struct kind##_id a)                                      \
    {                                                                                            \
        return a.s.n != 0;                                                                       \
    }                                                                                            \
    static inline struct kind##_id kind##_id_copy(struct kind##_id a) /* for kind##_id_done */   \
    {                                                                                            \
        return (struct kind##_id){ { xstrndup(a.s), a.s.n } };                                   \
    }                                                                                            \
    static inline void kind##_id_done(struct kind##_id *a) /* only what _copy made */            \
    {                                                                                            \
        free((void *)(uintptr_t)a->s.p);                                                         \
        a->s = (struct str){ NULL, 0 };                                                          \
    }
ID_KINDS(X)
#undef X

/* The rule for every id that becomes a file name: not empty, at most ID_SIZE_MAX bytes, not "." or "..", no control
 * character, no '/', no '\'. The message is the phrase that clients log, for example
 * "'..' is disallowed". Source: reference of the scheduler API, 17.0. */
int id_check(struct str id, struct error *err);

/* The path without its last part; empty when there is no parent. And the last part. */
struct container_id container_id_parent(struct container_id c);
struct str container_id_leaf(struct container_id c);
/* The first part: the executor's container. */
struct container_id container_id_root(struct container_id c);

#endif
