/* SPDX-License-Identifier: Apache-2.0 */
/* Wire bytes to JSON. A first pass over the fields of a message notes where each one is, a second writes them
 * in number order, so lists may be interleaved on the wire and nothing is unpacked. */
#include "common/wire/desc.h"
#include "common/wire/json.h"
#include "common/wire/json_memo.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_agent.pb-c.h"
#include "proto/mesos_v1_master.pb-c.h"

enum {
    MAP_KEYS_COMPARED = 64
}; /* in longer maps a key that comes twice is written twice; readers take the last */

/* Where the occurrences of one field are. */
struct span {
    const char *first; /* NULL: absent */
    const char *last;  /* start of the last occurrence */
    const char *end;   /* behind it */
    size_t count;
};

static bool write_message(struct jsonw *w, const ProtobufCMessageDescriptor *d, struct str bytes,
                          const struct json_opts *opts, unsigned depth);

static void key_of(struct jsonw *w, const ProtobufCFieldDescriptor *f)
{
    jsonw_key_plain(w, f->name, strlen(f->name));
}

static int64_t zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void write_float(struct jsonw *w, uint64_t bits)
{
    union {
        uint32_t u;
        float f;
    } x = { .u = (uint32_t)bits };

    jsonw_double(w, (double)x.f);
}

static const char *enum_name(const ProtobufCFieldDescriptor *f, uint64_t v)
{
    const ProtobufCEnumValue *e = protobuf_c_enum_descriptor_get_value(f->descriptor, (int)(uint32_t)v);

    return e != NULL ? e->name : NULL;
}

/* One number, boolean or enum. */
static void write_number(struct jsonw *w, const ProtobufCFieldDescriptor *f, uint64_t v)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        jsonw_i64(w, (int32_t)(uint32_t)v);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        jsonw_i64(w, (int64_t)v);
        break;
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SINT64:
        jsonw_i64(w, zigzag(v));
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        jsonw_u64(w, (uint32_t)v);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        jsonw_u64(w, v);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        jsonw_bool(w, v != 0);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_float(w, v);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        jsonw_double(w, wire_as_double(v));
        break;
    case PROTOBUF_C_TYPE_ENUM:
        jsonw_c(w, enum_name(f, v));
        break;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        ASSERT(false);
    }
}

/* A message within another; those that say more than an id may be known already. */
static bool write_nested(struct jsonw *w, const ProtobufCMessageDescriptor *d, struct str bytes, const struct json_opts *opts,
                         unsigned depth)
{
    struct json_memo_mark mark;

    if (w->memo == NULL || opts != NULL || (d->n_fields == 1 && d->fields[0].label != PROTOBUF_C_LABEL_REPEATED))
        return write_message(w, d, bytes, opts, depth);
    if (json_memo_begin(w, d, bytes, &mark))
        return true;
    bool ok = write_message(w, d, bytes, opts, depth);
    if (ok)
        json_memo_end(w, &mark);
    return ok;
}

static bool write_bytes(struct jsonw *w, const ProtobufCFieldDescriptor *f, struct str bytes,
                        const struct json_opts *opts, unsigned depth)
{
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return write_nested(w, f->descriptor, bytes, opts, depth + 1);
    if (f->type == PROTOBUF_C_TYPE_STRING)
        jsonw_str(w, bytes);
    else
        jsonw_base64(w, bytes);
    return true;
}

/* An element of a list or the value of a single field; what has an unknown enum value is left out. */
static bool write_element(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct wire_field *in,
                          const struct json_opts *opts, unsigned depth)
{
    uint64_t v;

    if (desc_wire_type(f->type) == WIRE_BYTES)
        return write_bytes(w, f, in->bytes, opts, depth);
    if (!desc_is_packed(f, in->type)) {
        if (f->type != PROTOBUF_C_TYPE_ENUM || enum_name(f, in->value) != NULL)
            write_number(w, f, in->value);
        return true;
    }
    for (struct str list = in->bytes; list.n != 0;) {
        if (!wire_packed_next(&list, desc_wire_type(f->type), &v))
            return false;
        if (f->type != PROTOBUF_C_TYPE_ENUM || enum_name(f, v) != NULL)
            write_number(w, f, v);
    }
    return true;
}

/* --- maps ------------------------------------------------------------------------------------------------ */

struct entry {
    struct wire_field key, value;
    bool has_key, has_value;
};

static void read_entry(struct str bytes, struct entry *ret)
{
    ret->has_key = wire_field_find(bytes, 1, &ret->key);
    ret->has_value = wire_field_find(bytes, 2, &ret->value);
}

static void write_key(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct entry *e)
{
    struct sbuf text = SBUF_INIT(64);
    struct jsonw number = JSONW(&text);

    if (f->type == PROTOBUF_C_TYPE_STRING) {
        jsonw_key_str(w, e->has_key ? e->key.bytes : STR(""));
        return;
    }
    write_number(&number, f, e->has_key ? e->key.value : 0);
    jsonw_key_str(w, sbuf_view(&text));
    sbuf_done(&text);
}

static bool write_entry(struct jsonw *w, const ProtobufCMessageDescriptor *d, const struct entry *e,
                        const struct json_opts *opts, unsigned depth)
{
    const ProtobufCFieldDescriptor *value = &d->fields[1];

    write_key(w, &d->fields[0], e);
    if (desc_wire_type(value->type) == WIRE_BYTES)
        return write_bytes(w, value, e->has_value ? e->value.bytes : STR(""), opts, depth + 1);
    write_number(w, value, e->has_value ? e->value.value : 0);
    return true;
}

/* Whether the key of this entry comes again later: then the later one counts. */
static bool comes_again(struct str rest, uint32_t number, struct str key)
{
    struct wire_field in;

    while (wire_field_next(&rest, &in) == 1)
        if (in.number == number && str_eq(wire_field_bytes(in.bytes, 1), key))
            return true;
    return false;
}

static bool write_map(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct span *span,
                      const struct json_opts *opts, unsigned depth)
{
    struct str rest = str_mem(span->first, (size_t)(span->end - span->first));
    struct wire_field in;
    bool ok = true;

    jsonw_open(w);
    while (ok && wire_field_next(&rest, &in) == 1) {
        struct entry e = { .has_key = false };

        if (in.number != f->id)
            continue;
        read_entry(in.bytes, &e);
        if (span->count > 1 && span->count <= MAP_KEYS_COMPARED &&
            comes_again(rest, f->id, e.has_key ? e.key.bytes : STR("")))
            continue;
        ok = write_entry(w, f->descriptor, &e, opts, depth);
    }
    jsonw_close(w);
    return ok;
}

/* --- fields ---------------------------------------------------------------------------------------------- */

static bool write_list(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct span *span,
                       const struct json_opts *opts, unsigned depth)
{
    struct str rest = str_mem(span->first, (size_t)(span->end - span->first));
    struct wire_field in;
    bool ok = true;

    key_of(w, f);
    if (desc_is_map(f))
        return write_map(w, f, span, opts, depth);
    jsonw_array(w);
    while (ok && wire_field_next(&rest, &in) == 1)
        if (in.number == f->id)
            ok = write_element(w, f, &in, opts, depth);
    jsonw_array_close(w);
    return ok;
}

/* A single message that comes in several parts is all of them joined. */
static bool write_joined(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct span *span,
                         const struct json_opts *opts, unsigned depth)
{
    struct str rest = str_mem(span->first, (size_t)(span->end - span->first));
    struct sbuf joined = SBUF_INIT(rest.n);
    struct wire_field in;
    bool ok;

    while (wire_field_next(&rest, &in) == 1)
        if (in.number == f->id)
            sbuf_str(&joined, in.bytes);
    ok = sbuf_ok(&joined) && write_bytes(w, f, sbuf_view(&joined), opts, depth);
    sbuf_done(&joined);
    return ok;
}

static bool write_single(struct jsonw *w, const ProtobufCFieldDescriptor *f, const struct span *span,
                         const struct json_opts *opts, unsigned depth)
{
    struct str rest = str_mem(span->last, (size_t)(span->end - span->last));
    struct wire_field in;

    if (wire_field_next(&rest, &in) != 1)
        return false;
    if (f->type == PROTOBUF_C_TYPE_ENUM && enum_name(f, in.value) == NULL)
        return true; /* as if it were not set */
    key_of(w, f);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE && span->count > 1)
        return write_joined(w, f, span, opts, depth);
    return write_element(w, f, &in, opts, depth);
}

static void write_default(struct jsonw *w, const ProtobufCFieldDescriptor *f)
{
    const void *v = f->default_value;

    key_of(w, f);
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        jsonw_c(w, v);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        jsonw_base64(w,
                     str_mem(((const ProtobufCBinaryData *)v)->data, ((const ProtobufCBinaryData *)v)->len));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        jsonw_bool(w, *(const protobuf_c_boolean *)v != 0);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        jsonw_double(w, *(const double *)v);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        jsonw_double(w, (double)*(const float *)v);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        jsonw_i64(w, *(const int64_t *)v);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        jsonw_u64(w, *(const uint64_t *)v);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        jsonw_i64(w, *(const int32_t *)v);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        jsonw_u64(w, *(const uint32_t *)v);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        jsonw_c(w, enum_name(f, (uint64_t) * (const uint32_t *)v));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        jsonw_null(w); /* messages have no default */
    }
}

static bool is_hidden(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f,
                      const struct json_opts *opts)
{
    return opts != NULL && opts->hide_v0_fields && d == &mesos__v1__agent_info__descriptor &&
           strcmp(f->name, "checkpoint") == 0;
}

/* The lists of the operator APIs' state answers are written even when they are empty, unlike all others:
 * their clients iterate over them without looking. Seen in recorded answers of GET_STATE, GET_TASKS,
 * GET_AGENTS and SUBSCRIBED. */
static bool shows_empty_lists(const ProtobufCMessageDescriptor *d)
{
    return d == &mesos__v1__master__response__get_tasks__descriptor ||
           d == &mesos__v1__master__response__get_executors__descriptor ||
           d == &mesos__v1__master__response__get_frameworks__descriptor ||
           d == &mesos__v1__master__response__get_agents__descriptor ||
           d == &mesos__v1__agent__response__get_tasks__descriptor;
}

static void write_absent(struct jsonw *w, const ProtobufCMessageDescriptor *d,
                         const ProtobufCFieldDescriptor *f)
{
    if ((f->flags & (PROTOBUF_C_FIELD_FLAG_DEPRECATED | PROTOBUF_C_FIELD_FLAG_ONEOF)) != 0)
        return;
    if (f->default_value != NULL && f->label == PROTOBUF_C_LABEL_OPTIONAL) {
        write_default(w, f);
    } else if (f->label == PROTOBUF_C_LABEL_REPEATED && shows_empty_lists(d)) {
        key_of(w, f);
        jsonw_array(w);
        jsonw_array_close(w);
    }
}

static bool find_spans(const ProtobufCMessageDescriptor *d, struct str bytes, struct span *spans)
{
    struct wire_field in;
    unsigned hint = 0;
    int rc;

    while ((rc = wire_field_next(&bytes, &in)) == 1) {
        int i = desc_field(d, in.number, &hint);

        if (i < 0 ||
            (in.type != desc_wire_type(d->fields[i].type) && !desc_is_packed(&d->fields[i], in.type)))
            continue;
        if (spans[i].first == NULL)
            spans[i].first = in.raw.p;
        spans[i].last = in.raw.p;
        spans[i].end = in.raw.p + in.raw.n;
        spans[i].count++;
    }
    return rc == 0;
}

/* Of the members of a oneof the last one on the wire counts. */
static bool is_outdone(const ProtobufCMessageDescriptor *d, const struct span *spans, unsigned i)
{
    const ProtobufCFieldDescriptor *f = &d->fields[i];

    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return false;
    for (unsigned k = 0; k < d->n_fields; k++)
        if (k != i && (d->fields[k].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && spans[k].first != NULL &&
            d->fields[k].quantifier_offset == f->quantifier_offset && spans[k].last > spans[i].last)
            return true;
    return false;
}

static bool write_fields(struct jsonw *w, const ProtobufCMessageDescriptor *d, const struct span *spans,
                         const struct json_opts *opts, unsigned depth)
{
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        bool ok = true;

        if (is_hidden(d, f, opts))
            continue;
        if (spans[i].first == NULL) {
            write_absent(w, d, f);
        } else if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            ok = write_list(w, f, &spans[i], opts, depth);
        } else if (!is_outdone(d, spans, i)) {
            ok = write_single(w, f, &spans[i], opts, depth);
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool write_message(struct jsonw *w, const ProtobufCMessageDescriptor *d, struct str bytes,
                          const struct json_opts *opts, unsigned depth)
{
    struct span spans[DESC_FIELDS_MAX];
    bool ok;

    ASSERT(d->n_fields <= DESC_FIELDS_MAX);
    memset(spans, 0, d->n_fields * sizeof spans[0]);
    jsonw_open(w);
    ok = depth <= WIRE_DEPTH_MAX && find_spans(d, bytes, spans) && write_fields(w, d, spans, opts, depth);
    jsonw_close(w);
    return ok;
}

bool json_write_wire(struct jsonw *w, const ProtobufCMessageDescriptor *type, struct str bytes,
                     const struct json_opts *opts)
{
    return write_message(w, type, bytes, opts, 0) && sbuf_ok(w->b);
}

bool json_write_message(struct jsonw *w, const ProtobufCMessage *message, const struct json_opts *opts)
{
    struct sbuf bytes = SBUF_INIT(SIZE_MAX / 2);
    bool ok = wire_pack(&bytes, message) && json_write_wire(w, message->descriptor, sbuf_view(&bytes), opts);

    sbuf_done(&bytes);
    return ok;
}

bool json_from_wire(struct sbuf *b, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    struct jsonw w = JSONW(b);

    return json_write_wire(&w, type, bytes, NULL);
}
