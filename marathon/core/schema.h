/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions as values described by tables. An app, its health checks, its volumes and so on are plain
 * structs; one table per struct says for each field its JSON name, type, range, default and place. Decoding,
 * rendering, defaults, comparing and copying all read the same tables, so a field is added in one place.
 *
 * Memory: a value decoded from a request points into the request's arena. schema_bytes + schema_copy make a
 * compact copy in one block, for values that live on. Nothing in a value is freed piece by piece.
 *
 * Sources: marathon-schemas (field tables), marathon-api §1 (null is absent, enumerations read in any case,
 * when empty collections are rendered). */
#ifndef STOA_MARATHON_SCHEMA_H
#define STOA_MARATHON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/base/time.h"

struct opt_i64 {
    bool has;
    int64_t v;
};

struct opt_f64 {
    bool has;
    double v;
};

struct opt_bool {
    bool has;
    bool v;
};

struct opt_time {
    bool has;
    struct wall v;
};

/* Elements lie one behind the other: struct str, int64_t, struct kv or the struct of the sub-schema. */
struct list {
    bool has;
    size_t n;
    void *p;
};

#define LIST_AT(l, type, i) (&((type *)(l).p)[i])
#define LIST_EACH(l, type, var) \
    for (type *var = (l).p, *var##_end = var != NULL ? var + (l).n : NULL; var != var##_end; var++)

struct kv {
    struct str k, v;
};

enum schema_type {
    ST_STR,  /* struct str; p NULL: absent */
    ST_BOOL, /* struct opt_bool */
    ST_I64,  /* struct opt_i64 */
    ST_F64,  /* struct opt_f64 */
    ST_ENUM, /* struct opt_i64 holding the index into names */
    ST_TIME, /* struct opt_time */
    ST_OBJ   /* pointer to the sub-struct; NULL: absent */
};

enum schema_shape {
    SH_ONE,
    SH_LIST, /* struct list of struct str, int64_t or sub-structs */
    SH_MAP   /* struct list of struct kv, or of sub-structs whose first member is the struct str key */
};

/* How the value looks in JSON where that is not the plain form. In memory it is a regular struct all the
 * same. */
enum schema_json {
    SJ_PLAIN,
    SJ_ENV,         /* "text" or {"secret": name} */
    SJ_CONSTRAINT,  /* [field, OPERATOR, value?] */
    SJ_UNREACHABLE, /* "disabled" or an object */
    SJ_LIMIT,       /* "unlimited" or a number */
    SJ_VOLUME,      /* one of host, persistent, external, secret */
    SJ_EXTERNAL,    /* by its provider: dvdi, or csi (schema_external_csi) */
    SJ_COMMAND      /* {"shell"} or {"argv"} */
};

enum schema_pattern { SP_NONE, SP_PATH_ID, SP_NAME, SP_LEGACY_NAME, SP_NETWORK_NAME, SP_EXECUTOR, SP_TIME };

enum schema_flags {
    SF_REQUIRED = 1,
    SF_NONEMPTY = 2, /* a collection that is left out when empty */
    SF_INPUT = 4,    /* read, never rendered */
    SF_UNIQUE = 8,   /* elements must differ */
    SF_NOCMP = 16,   /* not part of the configuration: no restart when it changes */
    SF_DEFAULT = 32, /* dflt counts */
    SF_INT32 = 64,   /* a 32-bit integer in the original */
    SF_HIDDEN = 128, /* rendered by hand, not by the table */
    SF_ALWAYS = 256, /* a collection that is rendered even when empty */
    SF_TOP = 512,    /* an absent collection counts as present and empty (rendered by SF_ALWAYS) */
    SF_FILLED = 1024 /* a collection that may be absent, but not empty */
};

struct schema;

struct schema_field {
    const char *name;
    enum schema_type type;
    enum schema_shape shape;
    size_t offset;
    unsigned flags;
    double min, max;       /* of numbers; of texts the length; min > max: no bound */
    double dflt;           /* number, boolean or enum index */
    const char *dflt_text; /* default of a text */
    enum schema_pattern pattern;
    const char *const *names; /* of enumerations, NULL at the end */
    const struct schema *sub;
};

struct schema {
    const char *name;
    size_t size;
    enum schema_json json;
    bool lax; /* every field is optional: the original reads any wrong JSON type as the empty object */
    size_t count;
    const struct schema_field *fields;
};

/* Sets absent fields that have a default, in sub-objects that are present too; texts point to static memory.
 */
void schema_defaults(const struct schema *s, void *obj);

/* Configuration of a and b is the same (SF_NOCMP and SF_INPUT fields are skipped at every level). */
bool schema_equal(const struct schema *s, const void *a, const void *b);

/* Bytes that schema_copy needs beyond the struct itself. */
size_t schema_bytes(const struct schema *s, const void *obj);
/* Copies src to dst with everything it points to placed from *mem on; *mem advances, aligned to 16. */
void schema_copy(const struct schema *s, void *dst, const void *src, char **mem);

/* Bytes of one list or map element of this field. */
size_t schema_element_size(const struct schema_field *f);

#endif
