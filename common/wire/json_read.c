/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to wire bytes, driven by descriptors. */
#include <cjson/cJSON.h>
#include <math.h>

#include "common/base/base64.h"
#include "common/wire/desc.h"
#include "common/wire/json.h"
#include "common/wire/json_text.h"

struct read {
    struct sbuf *out;
    struct error *err;
    struct desc_path path;
    struct desc_missing missing;
};

static int read_message(struct read *r, const ProtobufCMessageDescriptor *d, const cJSON *v);

static const char *kind(const cJSON *v)
{
    if (cJSON_IsObject(v))
        return "an object";
    if (cJSON_IsArray(v))
        return "an array";
    if (cJSON_IsString(v))
        return "a string";
    if (cJSON_IsNumber(v))
        return "a number";
    return cJSON_IsBool(v) ? "a boolean" : "null";
}

static int wrong(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, const char *want)
{
    char buf[160];

    desc_path_print(&r->path, f->name, buf, sizeof buf);
    if (cJSON_IsString(v) && strlen(v->valuestring) <= 40)
        return error_set(r->err, ERR_INVALID, "%s: \"%s\" is not %s", buf, v->valuestring, want);
    if (cJSON_IsNumber(v))
        return error_set(r->err, ERR_INVALID, "%s: %g is not %s", buf, v->valuedouble, want);
    return error_set(r->err, ERR_INVALID, "%s: %s is not %s", buf, kind(v), want);
}

/* --- numbers --------------------------------------------------------------------------------------------- */

static bool text_double(const char *text, double *ret)
{
    struct str s = str_of(text);

    if (str_is(s, "Infinity") || str_is(s, "-Infinity")) {
        *ret = s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return s.n != 0 && s.p[0] != '+' && s.p[0] != '.' && str_double(&s, ret) && s.n == 0;
}

static int read_double(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, double *ret)
{
    if (cJSON_IsNumber(v)) {
        *ret = v->valuedouble;
        return 0;
    }
    if (cJSON_IsString(v) && text_double(v->valuestring, ret))
        return 0;
    return wrong(r, f, v, "a number");
}

struct int_range {
    bool is_signed;
    uint64_t max; /* of the magnitude above zero */
    uint64_t min; /* of the magnitude below zero */
};

static struct int_range int_range(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return (struct int_range){ true, INT32_MAX, (uint64_t)INT32_MAX + 1 };
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return (struct int_range){ false, UINT32_MAX, 0 };
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return (struct int_range){ false, UINT64_MAX, 0 };
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return (struct int_range){ true, INT64_MAX, (uint64_t)INT64_MAX + 1 };
}

/* A fraction is cut off, as the protocol always did. */
static bool double_int(double d, struct int_range range, uint64_t *ret)
{
    double t = trunc(d);

    if (isnan(t) || (t < 0 && -t > (double)range.min) || (t > 0 && t >= 18446744073709551616.0) ||
        (t > 0 && (uint64_t)t > range.max))
        return false;
    *ret = t < 0 ? 0 - (uint64_t)-t : (uint64_t)t;
    return true;
}

static bool text_int(const char *text, struct int_range range, uint64_t *ret)
{
    struct str s = str_of(text);
    bool negative = str_skip(&s, STR("-"));
    uint64_t u;
    double d;

    if (str_u64(&s, UINT64_MAX, &u) && s.n == 0) {
        if (u > (negative ? range.min : range.max))
            return false;
        *ret = negative ? 0 - u : u;
        return true;
    }
    return text_double(text, &d) && double_int(d, range, ret);
}

static int read_int(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, uint64_t *ret)
{
    struct int_range range = int_range(f->type);

    if (cJSON_IsNumber(v) ? double_int(v->valuedouble, range, ret)
                          : cJSON_IsString(v) && text_int(v->valuestring, range, ret))
        return 0;
    return wrong(r, f, v,
                 range.max == UINT32_MAX  ? "an integer from 0 to 4294967295"
                 : range.max == INT32_MAX ? "an integer of 32 bits"
                 : range.is_signed        ? "an integer of 64 bits"
                                          : "a positive integer of 64 bits");
}

static int read_bool(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, uint64_t *ret)
{
    if (cJSON_IsBool(v))
        *ret = cJSON_IsTrue(v) != 0;
    else if (cJSON_IsString(v) && strcmp(v->valuestring, "true") == 0)
        *ret = 1;
    else if (cJSON_IsString(v) && strcmp(v->valuestring, "false") == 0)
        *ret = 0;
    else
        return wrong(r, f, v, "true or false");
    return 0;
}

/* --- fields ---------------------------------------------------------------------------------------------- */

static int put_number(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v)
{
    enum wire_type type = desc_wire_type(f->type);
    uint64_t u = 0;
    double d;
    int rc;

    if (f->type == PROTOBUF_C_TYPE_DOUBLE || f->type == PROTOBUF_C_TYPE_FLOAT) {
        rc = read_double(r, f, v, &d);
        if (rc == 0 && f->type == PROTOBUF_C_TYPE_DOUBLE)
            wire_put_double(r->out, f->id, d);
        else if (rc == 0)
            wire_put_float(r->out, f->id, (float)d);
        return rc;
    }
    rc = f->type == PROTOBUF_C_TYPE_BOOL ? read_bool(r, f, v, &u) : read_int(r, f, v, &u);
    if (rc != 0)
        return rc;
    if (f->type == PROTOBUF_C_TYPE_SINT32 || f->type == PROTOBUF_C_TYPE_SINT64)
        u = u << 1 ^ (0 - (u >> 63));
    if (type == WIRE_VARINT) {
        wire_put_u64(r->out, f->id, u);
        return 0;
    }
    wire_put_tag(r->out, f->id, type);
    for (int i = 0; i < (type == WIRE_FIXED64 ? 8 : 4); i++)
        sbuf_char(r->out, (char)(u >> (8 * i)));
    return 0;
}

/* An unknown name leaves an optional field unset; a required one then is missing. */
static int put_enum(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v)
{
    const ProtobufCEnumValue *e;

    if (!cJSON_IsString(v))
        return wrong(r, f, v, "the name of a value");
    e = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, v->valuestring);
    if (e != NULL)
        wire_put_i64(r->out, f->id, e->value);
    else if (f->label == PROTOBUF_C_LABEL_REQUIRED)
        return wrong(r, f, v, "a value that is known here");
    return 0;
}

static int put_bytes(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v)
{
    struct sbuf bytes = SBUF_INIT(SIZE_MAX / 2);
    bool ok = cJSON_IsString(v) && base64_decode(&bytes, str_of(v->valuestring));

    if (ok)
        wire_put_bytes(r->out, f->id, sbuf_view(&bytes));
    sbuf_done(&bytes);
    return ok ? 0 : wrong(r, f, v, "base64 text");
}

static int put_message(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, size_t index)
{
    size_t mark;
    int rc;

    if (!cJSON_IsObject(v))
        return wrong(r, f, v, "an object");
    if (r->path.depth >= WIRE_DEPTH_MAX)
        return error_set(r->err, ERR_LIMIT, "messages are nested deeper than %d levels", WIRE_DEPTH_MAX);
    r->path.field[r->path.depth] = f;
    r->path.index[r->path.depth] = index;
    r->path.depth++;
    mark = wire_open(r->out, f->id);
    rc = read_message(r, f->descriptor, v);
    wire_close(r->out, mark);
    r->path.depth--;
    return rc;
}

static int put_value(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v, size_t index)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return put_message(r, f, v, index);
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(r, f, v);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(r, f, v);
    case PROTOBUF_C_TYPE_STRING:
        if (!cJSON_IsString(v))
            return wrong(r, f, v, "a string");
        wire_put_bytes(r->out, f->id, str_of(v->valuestring));
        return 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BOOL:
        break;
    }
    return put_number(r, f, v);
}

/* The members of the object become entries; a key that comes twice is the reader's to settle (the last wins).
 */
static int put_map(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *object)
{
    const ProtobufCMessageDescriptor *d = f->descriptor;
    const cJSON *v;
    size_t index = 0;

    if (!cJSON_IsObject(object))
        return wrong(r, f, object, "an object");
    if (r->path.depth >= WIRE_DEPTH_MAX)
        return error_set(r->err, ERR_LIMIT, "messages are nested deeper than %d levels", WIRE_DEPTH_MAX);
    cJSON_ArrayForEach(v, object)
    {
        cJSON key = { .type = cJSON_String, .valuestring = v->string };
        size_t mark;
        int rc;

        if (cJSON_IsNull(v))
            continue;
        r->path.field[r->path.depth] = f;
        r->path.index[r->path.depth] = index++;
        r->path.depth++;
        mark = wire_open(r->out, f->id);
        rc = put_value(r, &d->fields[0], &key, 0);
        if (rc == 0)
            rc = put_value(r, &d->fields[1], v, 0);
        wire_close(r->out, mark);
        r->path.depth--;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int put_field(struct read *r, const ProtobufCFieldDescriptor *f, const cJSON *v)
{
    size_t index = 0;

    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return cJSON_IsArray(v) ? wrong(r, f, v, "a single value") : put_value(r, f, v, 0);
    if (desc_is_map(f))
        return put_map(r, f, v);
    if (!cJSON_IsArray(v))
        return put_value(r, f, v, 0);
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        int rc = cJSON_IsNull(e)    ? 0
                 : cJSON_IsArray(e) ? wrong(r, f, e, "a single value")
                                    : put_value(r, f, e, index++);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_message(struct read *r, const ProtobufCMessageDescriptor *d, const cJSON *object)
{
    const cJSON *values[DESC_FIELDS_MAX];
    int rc;

    ASSERT(d->n_fields <= DESC_FIELDS_MAX);
    memset(values, 0, d->n_fields * sizeof values[0]);
    for (const cJSON *v = object->child; v != NULL; v = v->next) {
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, v->string);

        if (f != NULL) /* of equal names the last counts */
            values[f - d->fields] = cJSON_IsNull(v) ? NULL : v;
    }
    for (unsigned i = 0; i < d->n_fields; i++) {
        if (values[i] != NULL) {
            rc = put_field(r, &d->fields[i], values[i]);
            if (rc != 0)
                return rc;
        } else if (d->fields[i].label == PROTOBUF_C_LABEL_REQUIRED) {
            desc_missing_add(&r->missing, &r->path, d->fields[i].name);
        }
    }
    return 0;
}

static int tree_to_wire(const ProtobufCMessageDescriptor *type, const cJSON *tree, bool complete,
                        struct sbuf *bytes, struct error *err)
{
    struct sbuf out = SBUF_INIT(SIZE_MAX / 2);
    struct read r = { .out = &out, .err = err };
    int rc;

    if (!cJSON_IsObject(tree))
        return error_set(err, ERR_INVALID, "%s: %s is not an object", type->short_name, kind(tree));
    rc = read_message(&r, type, tree);
    if (rc == 0 && complete && (r.missing.n != 0 || r.missing.more != 0))
        rc = desc_missing_error(&r.missing, type, err);
    if (rc == 0) {
        sbuf_str(bytes, sbuf_view(&out));
        if (!sbuf_ok(&out) || !sbuf_ok(bytes))
            rc = error_set(err, ERR_NOMEM, "%s: out of memory", type->short_name);
    }
    sbuf_done(&out);
    return rc;
}

int json_tree_to_wire(const ProtobufCMessageDescriptor *type, const struct cJSON *tree, struct sbuf *bytes,
                      struct error *err)
{
    return tree_to_wire(type, tree, true, bytes, err);
}

static int text_to_wire(const ProtobufCMessageDescriptor *type, struct str text, bool complete,
                        struct sbuf *bytes, struct error *err)
{
    cJSON *tree;
    int rc = json_parse_text(text, JSON_DEPTH_MAX, true, &tree, err);

    if (rc != 0)
        return rc;
    rc = tree_to_wire(type, tree, complete, bytes, err);
    cJSON_Delete(tree);
    return rc;
}

int json_to_wire(const ProtobufCMessageDescriptor *type, struct str text, struct sbuf *bytes,
                 struct error *err)
{
    return text_to_wire(type, text, true, bytes, err);
}

int json_part_to_wire(const ProtobufCMessageDescriptor *type, struct str text, struct sbuf *bytes,
                      struct error *err)
{
    return text_to_wire(type, text, false, bytes, err);
}

int json_to_message(const ProtobufCMessageDescriptor *type, struct str text, struct arena *arena,
                    ProtobufCMessage **ret_message, struct error *err)
{
    struct sbuf bytes = SBUF_INIT(SIZE_MAX / 2);
    int rc = json_to_wire(type, text, &bytes, err);

    if (rc == 0)
        rc = wire_unpack(type, sbuf_view(&bytes), arena, ret_message, err);
    sbuf_done(&bytes);
    return rc;
}
