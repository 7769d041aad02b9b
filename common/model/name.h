/* SPDX-License-Identifier: Apache-2.0 */
/* Interned text: resource names, roles, principals, volume ids. Two names with the same text are the same
 * pointer, so equality is ==, and a million tasks share one copy of "cpus" and of their role.
 *
 * A name is counted: name_of and name_ref add a reference, name_unref drops it, the last one frees it. The
 * well-known names below are static and not counted. The table is per thread (programs have one): a name,
 * and every model value that holds names, stays on the thread that made it.
 *
 * Never order or hash by pointer where the outcome is visible: use name_cmp and name->hash. */
#ifndef STOA_MODEL_NAME_H
#define STOA_MODEL_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct name {
    uint64_t hash;     /* str_hash of the text */
    uint32_t refs;     /* UINT32_MAX: static */
    uint32_t n;        /* bytes */
    const char *text;  /* terminated */
};

/* symbol, text, str_hash of the text */
#define NAMES_WELL_KNOWN(X)                          \
    X(CPUS, "cpus", UINT64_C(0x2135b290944c380e))    \
    X(MEM, "mem", UINT64_C(0x081d44191779473e))      \
    X(DISK, "disk", UINT64_C(0xca44a367578f8a84))    \
    X(GPUS, "gpus", UINT64_C(0x0d05f2724dfce812))    \
    X(PORTS, "ports", UINT64_C(0xc3780d35723576ef))  \
    X(STAR, "*", UINT64_C(0xaf63a74c8601927d))       \
    X(EMPTY, "", UINT64_C(0xcbf29ce484222325))

enum name_well_known {
#define X(sym, text_, hash_) NAME_ID_##sym,
    NAMES_WELL_KNOWN(X)
#undef X
    NAME_ID_COUNT
};

extern struct name name_table_well_known[NAME_ID_COUNT];

#define NAME_CPUS  (&name_table_well_known[NAME_ID_CPUS])
#define NAME_MEM   (&name_table_well_known[NAME_ID_MEM])
#define NAME_DISK  (&name_table_well_known[NAME_ID_DISK])
#define NAME_GPUS  (&name_table_well_known[NAME_ID_GPUS])
#define NAME_PORTS (&name_table_well_known[NAME_ID_PORTS])
#define NAME_STAR  (&name_table_well_known[NAME_ID_STAR])
#define NAME_EMPTY (&name_table_well_known[NAME_ID_EMPTY])

/* The name with this text, with one reference for the caller. Never fails. */
struct name *name_of(struct str s);
/* The name with this text if somebody holds it, else NULL; adds no reference. */
struct name *name_find(struct str s);
void name_free(struct name *n); /* called by name_unref alone */

static inline struct name *name_ref(struct name *n) /* NULL stays NULL */
{
    if (n != NULL && n->refs != UINT32_MAX)
        n->refs++;
    return n;
}

static inline void name_unref(struct name *n) /* NULL is fine */
{
    if (n != NULL && n->refs != UINT32_MAX && --n->refs == 0)
        name_free(n);
}

static inline struct str name_str(const struct name *n) /* NULL gives the empty text */
{
    return n != NULL ? (struct str){ n->text, n->n } : (struct str){ NULL, 0 };
}

int name_cmp(const struct name *a, const struct name *b); /* by text; NULL first */

/* Names alive in this thread's table, without the static ones: for tests of leaks and for metrics. */
size_t names_count(void);

#endif
