/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/guard.h"

#include "common/wire/desc.h"

struct walk {
    struct error *err;
    struct desc_path path;
    struct desc_missing missing;
    bool unknown_enum; /* an optional or repeated enum has a value that we do not know */
};

static int bad(struct walk *w, const ProtobufCFieldDescriptor *f, const char *what)
{
    char buf[160];

    return error_set(w->err, ERR_INVALID, "field %s: %s", desc_path_print(&w->path, f->name, buf, sizeof buf),
                     what);
}

static int walk_message(struct walk *w, const ProtobufCMessageDescriptor *d, struct str bytes);
static int walk_sub(struct walk *w, const ProtobufCFieldDescriptor *f, size_t index, struct str bytes);

/* str_is_utf8, eight bytes at a time as long as the text is plain ASCII: nearly all of it is. */
static bool text_ok(struct str s)
{
    uint64_t w;

    while (s.n >= 8) {
        memcpy(&w, s.p, 8);
        if ((w & UINT64_C(0x8080808080808080)) != 0 ||
            ((w - UINT64_C(0x0101010101010101)) & ~w & UINT64_C(0x8080808080808080)) != 0)
            break;
        s = str_mem(s.p + 8, s.n - 8);
    }
    return str_is_utf8(s);
}

/* Bits of fields that were seen, for the required ones. */
struct seen {
    uint64_t bits[DESC_FIELDS_MAX / 64];
};

static bool walk_enum(struct walk *w, const ProtobufCFieldDescriptor *f, uint64_t value)
{
    bool known = desc_enum_knows(f, (int)(uint32_t)value);

    if (!known)
        w->unknown_enum = true;
    return known;
}

static int walk_packed(struct walk *w, const ProtobufCFieldDescriptor *f, struct str list)
{
    enum wire_type type = desc_wire_type(f->type);
    uint64_t v;

    while (list.n != 0) {
        if (!wire_packed_next(&list, type, &v))
            return bad(w, f, "a packed list is cut short");
        if (f->type == PROTOBUF_C_TYPE_ENUM)
            (void)walk_enum(w, f, v); /* noted; the value is taken out after unpacking */
    }
    return 0;
}

/* A map entry without its value has an empty one, which must be complete like any other. */
static int walk_absent_value(struct walk *w, const ProtobufCMessageDescriptor *entry, struct str bytes)
{
    struct wire_field in;

    if (entry->fields[1].type != PROTOBUF_C_TYPE_MESSAGE || wire_field_find(bytes, 2, &in))
        return 0;
    return walk_sub(w, &entry->fields[1], 0, STR(""));
}

static int walk_sub(struct walk *w, const ProtobufCFieldDescriptor *f, size_t index, struct str bytes)
{
    int rc;

    if (w->path.depth >= WIRE_DEPTH_MAX)
        return error_set(w->err, ERR_LIMIT, "messages are nested deeper than %d levels", WIRE_DEPTH_MAX);
    w->path.field[w->path.depth] = f;
    w->path.index[w->path.depth] = index;
    w->path.depth++;
    rc = walk_message(w, f->descriptor, bytes);
    if (rc == 0 && desc_is_map(f))
        rc = walk_absent_value(w, f->descriptor, bytes);
    w->path.depth--;
    return rc;
}

/* *ret_counts becomes false for an enum value that we do not know: a required field then counts as missing.
 */
static int walk_field(struct walk *w, const ProtobufCFieldDescriptor *f, const struct wire_field *in,
                      size_t index, bool *ret_counts)
{
    *ret_counts = true;
    if (in->type != desc_wire_type(f->type)) {
        if (desc_is_packed(f, in->type))
            return walk_packed(w, f, in->bytes);
        return bad(w, f, "it has the wire type of another kind of field");
    }
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_sub(w, f, index, in->bytes);
    if (f->type == PROTOBUF_C_TYPE_STRING && !text_ok(in->bytes))
        return bad(w, f, "the text is not valid UTF-8 without NUL bytes");
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        *ret_counts = walk_enum(w, f, in->value);
    return 0;
}

static void note_missing(struct walk *w, const ProtobufCMessageDescriptor *d, const struct seen *seen)
{
    for (unsigned i = 0; i < d->n_fields; i++)
        if (d->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && (seen->bits[i / 64] >> (i % 64) & 1) == 0)
            desc_missing_add(&w->missing, &w->path, d->fields[i].name);
}

static int walk_message(struct walk *w, const ProtobufCMessageDescriptor *d, struct str bytes)
{
    struct seen seen = { { 0 } };
    struct wire_field in;
    unsigned hint = 0;
    int last = -1, rc;
    size_t index = 0; /* of the field within a run of the same number: exact unless lists are interleaved */

    ASSERT(d->n_fields <= DESC_FIELDS_MAX);
    while ((rc = wire_field_next(&bytes, &in)) == 1) {
        int i = desc_field(d, in.number, &hint);
        bool counts;

        if (i < 0)
            continue;
        index = i == last ? index + 1 : 0;
        last = i;
        rc = walk_field(w, &d->fields[i], &in, index, &counts);
        if (rc != 0)
            return rc;
        if (counts)
            seen.bits[i / 64] |= UINT64_C(1) << (i % 64);
        else if (d->fields[i].label == PROTOBUF_C_LABEL_REQUIRED)
            seen.bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
    }
    if (rc < 0) {
        char buf[160];

        return error_set(w->err, ERR_INVALID, "%s%s%s: the protobuf bytes are malformed or cut short",
                         d->short_name, w->path.depth != 0 ? " at " : "",
                         desc_path_print(&w->path, NULL, buf, sizeof buf));
    }
    note_missing(w, d, &seen);
    return 0;
}

static int walk(struct walk *w, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    int rc = walk_message(w, type, bytes);

    if (rc == 0 && (w->missing.n != 0 || w->missing.more != 0))
        rc = desc_missing_error(&w->missing, type, w->err);
    return rc;
}

int wire_check(const ProtobufCMessageDescriptor *type, struct str bytes, struct error *err)
{
    struct walk w;

    w.err = err;
    w.path.depth = 0;
    w.missing.n = 0;
    w.missing.more = 0;
    w.unknown_enum = false;
    return walk(&w, type, bytes);
}

/* --- unpacking ----------------------------------------------------------------------------------------- */

static void *arena_take(void *data, size_t size)
{
    return arena_alloc_raw(data, size);
}

static void arena_leave(void *data, void *p)
{
    (void)data;
    (void)p;
}

static void *at(ProtobufCMessage *m, unsigned offset)
{
    return (char *)m + offset;
}

/* Keeps a value that we do not know among the unknown fields, so that it is written again. */
static bool keep_unknown(ProtobufCMessage *m, uint32_t number, int value, struct arena *arena)
{
    ProtobufCMessageUnknownField *list = arena_array(arena, m->n_unknown_fields + 1, sizeof *list);
    uint64_t v = (uint64_t)(int64_t)value;
    uint8_t *data = arena_alloc(arena, 10);
    size_t n = 0;

    if (list == NULL || data == NULL)
        return false;
    for (; v >= 0x80; v >>= 7)
        data[n++] = (uint8_t)(v | 0x80);
    data[n++] = (uint8_t)v;
    if (m->n_unknown_fields != 0)
        memcpy(list, m->unknown_fields, m->n_unknown_fields * sizeof *list);
    list[m->n_unknown_fields] = (ProtobufCMessageUnknownField){
        .tag = number, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = n, .data = data
    };
    m->unknown_fields = list;
    m->n_unknown_fields++;
    return true;
}

static bool unset_unknown_enum(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, struct arena *arena)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t *count = at(m, f->quantifier_offset), kept = 0;
        int *values = *(int **)at(m, f->offset);

        for (size_t i = 0; i < *count; i++) {
            if (desc_enum_knows(f, values[i]))
                values[kept++] = values[i];
            else if (!keep_unknown(m, f->id, values[i], arena))
                return false;
        }
        *count = kept;
        return true;
    }
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(uint32_t *)at(m, f->quantifier_offset) != f->id || desc_enum_knows(f, *(int *)at(m, f->offset)))
            return true;
        *(uint32_t *)at(m, f->quantifier_offset) = 0;
    } else {
        protobuf_c_boolean *has = at(m, f->quantifier_offset);

        if (f->label != PROTOBUF_C_LABEL_OPTIONAL || !*has || desc_enum_knows(f, *(int *)at(m, f->offset)))
            return true;
        *has = 0;
    }
    if (!keep_unknown(m, f->id, *(int *)at(m, f->offset), arena))
        return false;
    *(int *)at(m, f->offset) = f->default_value != NULL
                                   ? *(const int *)f->default_value
                                   : ((const ProtobufCEnumDescriptor *)f->descriptor)->values[0].value;
    return true;
}

static bool unset_unknown_enums(ProtobufCMessage *m, struct arena *arena);

static bool unset_in_sub(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, struct arena *arena)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(size_t *)at(m, f->quantifier_offset);
        ProtobufCMessage **subs = *(ProtobufCMessage ***)at(m, f->offset);

        for (size_t i = 0; i < count; i++)
            if (!unset_unknown_enums(subs[i], arena))
                return false;
        return true;
    }
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && *(uint32_t *)at(m, f->quantifier_offset) != f->id)
        return true;
    ProtobufCMessage *sub = *(ProtobufCMessage **)at(m, f->offset);
    return sub == NULL || unset_unknown_enums(sub, arena);
}

/* Runs only when the walk saw an unknown value, which is rare. Its depth is bounded by the walk. */
static bool unset_unknown_enums(ProtobufCMessage *m, struct arena *arena)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

        if (f->type == PROTOBUF_C_TYPE_ENUM && !unset_unknown_enum(m, f, arena))
            return false;
        if (f->type == PROTOBUF_C_TYPE_MESSAGE && !unset_in_sub(m, f, arena))
            return false;
    }
    return true;
}

int wire_unpack(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena,
                ProtobufCMessage **ret_message, struct error *err)
{
    ProtobufCAllocator allocator = { .alloc = arena_take, .free = arena_leave, .allocator_data = arena };
    ProtobufCMessage *m;
    struct walk w;
    int rc;

    w.err = err;
    w.path.depth = 0;
    w.missing.n = 0;
    w.missing.more = 0;
    w.unknown_enum = false;
    rc = walk(&w, type, bytes);
    if (rc != 0)
        return rc;
    /* With no bytes protobuf-c still wants a pointer. */
    m = protobuf_c_message_unpack(type, &allocator, bytes.n,
                                  bytes.n != 0 ? (const uint8_t *)bytes.p : (const uint8_t *)"");
    if (m == NULL || (w.unknown_enum && !unset_unknown_enums(m, arena)))
        return error_set(err, ERR_NOMEM,
                         "%s of %zu bytes needs more than the %zu bytes of memory allowed for it",
                         type->short_name, bytes.n, arena->budget);
    *ret_message = m;
    return 0;
}

bool wire_pack(struct sbuf *b, const ProtobufCMessage *message)
{
    size_t size;
    char *room;

    if (!protobuf_c_message_check(message))
        return false;
    size = protobuf_c_message_get_packed_size(message);
    room = sbuf_room(b, size);
    if (room == NULL)
        return false;
    sbuf_grew(b, protobuf_c_message_pack(message, (uint8_t *)room));
    return true;
}

bool wire_put_message(struct sbuf *b, uint32_t number, const ProtobufCMessage *message)
{
    wire_put_tag(b, number, WIRE_BYTES);
    wire_put_varint(b, protobuf_c_message_get_packed_size(message));
    return wire_pack(b, message);
}
