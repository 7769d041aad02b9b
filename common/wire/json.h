/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages as JSON and back, for every message that has a descriptor, in the dialect of the v1 API
 * (which is not the proto3 JSON mapping).
 *
 * Writing: field names as declared, enums by name, bytes as base64, 64-bit numbers unquoted, maps as objects,
 * doubles with a fraction; unset fields are left out, except those with an explicit default that are not
 * deprecated, and the lists of the operator APIs' state answers, which are there even when empty. Reading:
 * unknown names and nulls are ignored; numbers and booleans may be given as strings ("Infinity" too for
 * doubles); one value may stand for an array; an unknown enum name leaves an optional field unset; all
 * missing required fields are named in the error by their paths. Source: scheduler HTTP API facts, JSON
 * mapping.
 *
 * Both directions work on wire bytes: writing needs no unpacked tree, reading makes the bytes in field order.
 */
#ifndef STOA_WIRE_JSON_H
#define STOA_WIRE_JSON_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/wire/jsonw.h"

struct cJSON;

/* Caps of what json_parse takes; crossing one is ERR_LIMIT. */
#define JSON_DEPTH_MAX 64       /* arrays and objects in each other */
#define JSON_DEPTH_DEEP 1000    /* the same for json_parse_deep: as much as cJSON takes */
#define JSON_VALUES_MAX 2000000 /* values, of 64 bytes each in memory */

/* Parses one JSON text, strictly: nothing behind it, valid UTF-8, no NUL in strings. The caller frees the
 * tree with cJSON_Delete. Numbers are doubles: integers beyond 2^53 lose digits. */
int json_parse(struct str text, struct cJSON **ret_tree, struct error *err);
/* As json_parse with JSON_DEPTH_DEEP: for documents that nest by their nature, as groups in groups do. */
int json_parse_deep(struct str text, struct cJSON **ret_tree, struct error *err);
/* Puts json_parse's complaint about this text into the words that clients know: "syntax error at line 1 near: ...". */
int json_syntax_near(struct str text, struct error *err);
void json_free(struct cJSON *tree); /* NULL is fine */

static inline void json_free_p(struct cJSON **tree)
{
    json_free(*tree);
}

/* Appends the message of this type that the text says, in wire format with fields in number order. On error
 * nothing is appended. 64-bit integers are exact. */
int json_to_wire(const ProtobufCMessageDescriptor *type, struct str text, struct sbuf *bytes,
                 struct error *err);
/* As json_to_wire from a parsed value (integers beyond 2^53 only when they are strings). */
int json_tree_to_wire(const ProtobufCMessageDescriptor *type, const struct cJSON *tree, struct sbuf *bytes,
                      struct error *err);
/* As json_to_wire for a part of a message: required fields may be missing. For joining with another part:
 * bytes of two parts one after the other are the message where the second counts and lists are joined. */
int json_part_to_wire(const ProtobufCMessageDescriptor *type, struct str text, struct sbuf *bytes,
                      struct error *err);
/* As json_to_wire, unpacked into the arena. */
int json_to_message(const ProtobufCMessageDescriptor *type, struct str text, struct arena *arena,
                    ProtobufCMessage **ret_message, struct error *err);

struct json_opts {
    bool hide_v0_fields; /* leave out AgentInfo.checkpoint: docs/decisions/agent-info-checkpoint.md */
};

/* Writes the message as one JSON value. The bytes must be a message of this type that wire_check accepts (or
 * that we packed ourselves); what is malformed all the same is left out. Returns false then, and when the
 * buffer failed. */
bool json_write_wire(struct jsonw *w, const ProtobufCMessageDescriptor *type, struct str bytes,
                     const struct json_opts *opts);
/* As json_write_wire from an unpacked message. opts may be NULL in both. */
bool json_write_message(struct jsonw *w, const ProtobufCMessage *message, const struct json_opts *opts);

/* One text, appended. */
bool json_from_wire(struct sbuf *b, const ProtobufCMessageDescriptor *type, struct str bytes);

#endif
