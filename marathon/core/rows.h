/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms for the rows of the tables in app.c and pod_schema.c. For those two alone. */
#ifndef STOA_MARATHON_ROWS_H
#define STOA_MARATHON_ROWS_H

#include "marathon/core/schema.h"

#define OFF(T, m) offsetof(struct T, m)
#define NOBOUND .min = 1, .max = 0
#define TXT(T, n, m, fl)                                                       \
    {                                                                          \
        .name = n, .type = ST_STR, .offset = OFF(T, m), .flags = (fl), NOBOUND \
    }
#define TXTLEN(T, n, m, fl, lo, hi)                                                         \
    {                                                                                       \
        .name = n, .type = ST_STR, .offset = OFF(T, m), .flags = (fl), .min = lo, .max = hi \
    }
#define TXTPAT(T, n, m, fl, pat)                                                                            \
    {                                                                                                       \
        .name = n, .type = ST_STR, .offset = OFF(T, m), .flags = (fl), .min = 1, .max = 1e9, .pattern = pat \
    }
#define BOOL(T, n, m, fl)                                              \
    {                                                                  \
        .name = n, .type = ST_BOOL, .offset = OFF(T, m), .flags = (fl) \
    }
#define BOOLDEF(T, n, m, d)                                                             \
    {                                                                                   \
        .name = n, .type = ST_BOOL, .offset = OFF(T, m), .flags = SF_DEFAULT, .dflt = d \
    }
#define I32(T, n, m, fl, lo, hi)                                                                       \
    {                                                                                                  \
        .name = n, .type = ST_I64, .offset = OFF(T, m), .flags = SF_INT32 | (fl), .min = lo, .max = hi \
    }
#define I32DEF(T, n, m, d, lo, hi)                                                                 \
    {                                                                                              \
        .name = n, .type = ST_I64, .offset = OFF(T, m), .flags = SF_INT32 | SF_DEFAULT, .dflt = d, \
        .min = lo, .max = hi                                                                       \
    }
#define I64(T, n, m, fl, lo, hi)                                                            \
    {                                                                                       \
        .name = n, .type = ST_I64, .offset = OFF(T, m), .flags = (fl), .min = lo, .max = hi \
    }
#define I64DEF(T, n, m, d, lo, hi)                                                                           \
    {                                                                                                        \
        .name = n, .type = ST_I64, .offset = OFF(T, m), .flags = SF_DEFAULT, .dflt = d, .min = lo, .max = hi \
    }
#define F64(T, n, m, fl, lo, hi)                                                            \
    {                                                                                       \
        .name = n, .type = ST_F64, .offset = OFF(T, m), .flags = (fl), .min = lo, .max = hi \
    }
#define F64DEF(T, n, m, d, lo, hi)                                                                           \
    {                                                                                                        \
        .name = n, .type = ST_F64, .offset = OFF(T, m), .flags = SF_DEFAULT, .dflt = d, .min = lo, .max = hi \
    }
#define ENUM(T, n, m, fl, nm)                                                       \
    {                                                                               \
        .name = n, .type = ST_ENUM, .offset = OFF(T, m), .flags = (fl), .names = nm \
    }
#define ENUMDEF(T, n, m, d, nm)                                                                      \
    {                                                                                                \
        .name = n, .type = ST_ENUM, .offset = OFF(T, m), .flags = SF_DEFAULT, .dflt = d, .names = nm \
    }
#define TIME(T, n, m, fl)                                                       \
    {                                                                           \
        .name = n, .type = ST_TIME, .offset = OFF(T, m), .flags = (fl), NOBOUND \
    }
#define OBJ(T, n, m, fl, s)                                                     \
    {                                                                           \
        .name = n, .type = ST_OBJ, .offset = OFF(T, m), .flags = (fl), .sub = s \
    }
#define LISTOF(T, n, m, fl, s)                                                                    \
    {                                                                                             \
        .name = n, .type = ST_OBJ, .shape = SH_LIST, .offset = OFF(T, m), .flags = (fl), .sub = s \
    }
#define TEXTS(T, n, m, fl)                                                                       \
    {                                                                                            \
        .name = n, .type = ST_STR, .shape = SH_LIST, .offset = OFF(T, m), .flags = (fl), NOBOUND \
    }
#define TEXTSPAT(T, n, m, fl, pat, lo, hi)                                                          \
    {                                                                                               \
        .name = n, .type = ST_STR, .shape = SH_LIST, .offset = OFF(T, m), .flags = (fl), .min = lo, \
        .max = hi, .pattern = pat                                                                   \
    }
#define MAPTXT(T, n, m, fl)                                                                     \
    {                                                                                           \
        .name = n, .type = ST_STR, .shape = SH_MAP, .offset = OFF(T, m), .flags = (fl), NOBOUND \
    }
#define MAPOF(T, n, m, fl, s)                                                                    \
    {                                                                                            \
        .name = n, .type = ST_OBJ, .shape = SH_MAP, .offset = OFF(T, m), .flags = (fl), .sub = s \
    }

#define SCHEMA_J(var, T, fields_, lax_, json_)                                 \
    const struct schema var = { .name = #T,                                    \
                                .size = sizeof(struct T),                      \
                                .json = json_,                                 \
                                .lax = lax_,                                   \
                                .count = sizeof(fields_) / sizeof(fields_)[0], \
                                .fields = fields_ }
#define SCHEMA(var, T, fields_, lax_) SCHEMA_J(var, T, fields_, lax_, SJ_PLAIN)

#define I32_MAX 2147483647.0
#define I64_MAX 9007199254740991.0 /* what a double holds exactly */

#endif
