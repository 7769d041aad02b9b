/* SPDX-License-Identifier: Apache-2.0 */
/* What the codecs of this folder share about protobuf descriptors: finding a field, its wire type, and the
 * path that an error names. Not for other folders. */
#ifndef STOA_WIRE_DESC_H
#define STOA_WIRE_DESC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/wire/guard.h"

/* Most fields a message of ours has, for tables on the stack; the largest today has 46. */
#define DESC_FIELDS_MAX 128

/* Index of the field, or -1. Fields mostly come in number order, so the one after the last is tried first:
 * *hint is kept by the caller, 0 at the start of a message. */
static inline int desc_field(const ProtobufCMessageDescriptor *d, uint32_t number, unsigned *hint)
{
    const ProtobufCFieldDescriptor *f;

    for (unsigned i = *hint; i < d->n_fields && i < *hint + 2; i++) {
        if (d->fields[i].id == number) {
            *hint = i; /* a repeated field comes again */
            return (int)i;
        }
    }
    f = protobuf_c_message_descriptor_get_field(d, number);
    if (f == NULL)
        return -1;
    *hint = (unsigned)(f - d->fields);
    return (int)*hint;
}

static inline enum wire_type desc_wire_type(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return WIRE_VARINT;
    }
    ASSERT(false);
    return WIRE_VARINT;
}

/* Whether a field on the wire is a packed list of a field that could also come one by one. */
static inline bool desc_is_packed(const ProtobufCFieldDescriptor *f, enum wire_type type)
{
    return type == WIRE_BYTES && f->label == PROTOBUF_C_LABEL_REPEATED &&
           desc_wire_type(f->type) != WIRE_BYTES;
}

static inline bool desc_enum_knows(const ProtobufCFieldDescriptor *f, int value)
{
    return protobuf_c_enum_descriptor_get_value(f->descriptor, value) != NULL;
}

/* A map field is a list of entries with a key and a value. */
static inline bool desc_is_map(const ProtobufCFieldDescriptor *f)
{
    const ProtobufCMessageDescriptor *d = f->descriptor;
    size_t n;

    if (f->type != PROTOBUF_C_TYPE_MESSAGE || f->label != PROTOBUF_C_LABEL_REPEATED || d->n_fields != 2 ||
        strcmp(d->fields[0].name, "key") != 0 || strcmp(d->fields[1].name, "value") != 0)
        return false;
    n = strlen(d->short_name);
    return n > 5 && strcmp(d->short_name + n - 5, "Entry") == 0;
}

/* Where a walk is: the fields that were entered, with the index for repeated ones. */
struct desc_path {
    const ProtobufCFieldDescriptor *field[WIRE_DEPTH_MAX + 1];
    size_t index[WIRE_DEPTH_MAX + 1];
    unsigned depth;
};

/* "accept.operations[1].launch" and ".leaf" behind it (leaf may be NULL), cut to the buffer's size. */
const char *desc_path_print(const struct desc_path *path, const char *leaf, char *buf, size_t size);

/* Paths of missing required fields, as many as an error message has room for. */
struct desc_missing {
    char text[200];
    size_t n;
    unsigned more; /* those that did not fit */
};

void desc_missing_add(struct desc_missing *m, const struct desc_path *path, const char *leaf);
int desc_missing_error(const struct desc_missing *m, const ProtobufCMessageDescriptor *type,
                       struct error *err);

#endif
