/* SPDX-License-Identifier: Apache-2.0 */
/* The .proto files against the tables of the protocol: nothing missing, nothing more, nothing different. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/wire/desc.h"
#include "common/wire/field.h"
#include "common/wire/types.h"
#include "tests/support/test.h"

static const char *const scalar_names[] = {
    [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
    [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
    [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
    [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
    [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
    [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
    [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_STRING] = "string",
    [PROTOBUF_C_TYPE_BYTES] = "bytes",
};

static const char *plain_type(const ProtobufCFieldDescriptor *f)
{
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return ((const ProtobufCMessageDescriptor *)f->descriptor)->name;
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return ((const ProtobufCEnumDescriptor *)f->descriptor)->name;
    return scalar_names[f->type];
}

static void type_text(const ProtobufCFieldDescriptor *f, char *buf, size_t size)
{
    const ProtobufCMessageDescriptor *d = f->descriptor;

    if (desc_is_map(f))
        (void)snprintf(buf, size, "map<%s,%s>", plain_type(&d->fields[0]), plain_type(&d->fields[1]));
    else
        (void)snprintf(buf, size, "%s", plain_type(f));
}

static void default_text(const ProtobufCFieldDescriptor *f, char *buf, size_t size)
{
    const void *v = f->default_value;

    buf[0] = 0;
    if (v == NULL)
        return;
    if (f->type == PROTOBUF_C_TYPE_STRING)
        (void)snprintf(buf, size, "\"%s\"", (const char *)v);
    else if (f->type == PROTOBUF_C_TYPE_DOUBLE)
        (void)snprintf(buf, size, "%.1f", *(const double *)v);
    else if (f->type == PROTOBUF_C_TYPE_BOOL)
        (void)snprintf(buf, size, "%s", *(const protobuf_c_boolean *)v ? "true" : "false");
    else if (f->type == PROTOBUF_C_TYPE_ENUM)
        (void)snprintf(buf, size, "%s",
                       protobuf_c_enum_descriptor_get_value(f->descriptor, *(const int *)v)->name);
    else if (f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_UINT32)
        (void)snprintf(buf, size, "%d", *(const int *)v);
    else
        (void)snprintf(buf, size, "unexpected");
}

static const char *label_text(const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_REQUIRED   ? "required"
           : f->label == PROTOBUF_C_LABEL_REPEATED ? "repeated"
                                                   : "optional";
}

/* The next column of a line, empty behind the last. */
static struct str column(struct str *line)
{
    struct str c;

    (void)str_cut(line, '\t', &c);
    return c;
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *d, struct str name)
{
    for (unsigned i = 0; i < d->n_fields; i++)
        if (str_is(name, d->fields[i].name))
            return &d->fields[i];
    return NULL;
}

static void check_field(const ProtobufCMessageDescriptor *d, struct str line)
{
    struct str name = column(&line), number = column(&line), label = column(&line), type = column(&line);
    struct str dflt = column(&line), oneof = column(&line), deprecated = column(&line);
    const ProtobufCFieldDescriptor *f = field_named(d, name);
    char text[200];

    if (f == NULL) {
        test_fail(__FILE__, __LINE__, "%s has no field %.*s", d->name, STR_ARG(name));
        return;
    }
    (void)snprintf(text, sizeof text, "%u", f->id);
    CHECK_STR(str_of(text), number);
    CHECK_STR(str_of(label_text(f)), label);
    type_text(f, text, sizeof text);
    CHECK_STR(str_of(text), type);
    default_text(f, text, sizeof text);
    if (!CHECK_STR(str_of(text), dflt))
        printf("# in %s.%s\n", d->name, f->name);
    CHECK((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 || oneof.n == 0);
    CHECK((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || oneof.n != 0);
    CHECK(((f->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED) != 0) == str_is(deprecated, "deprecated"));
}

static struct str file_text(const char *path, char **ret_owned)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0;

    *ret_owned = NULL;
    if (f == NULL) {
        test_fail(__FILE__, __LINE__, "%s cannot be read; run the tests from the root of the tree", path);
        return STR("");
    }
    *ret_owned = malloc(1 << 20);
    if (*ret_owned != NULL)
        n = fread(*ret_owned, 1, 1 << 20, f);
    (void)fclose(f);
    return str_mem(*ret_owned, n);
}

TEST("every message and field of the tables is there, with its number, label, type and default")
{
    CLEANUP(free_p) char *owned = NULL;
    struct str rest = file_text("tests/golden/wire/messages.tsv", &owned), line, last = STR("");
    size_t fields = 0, messages = 0, known = 0, own = 0;
    const ProtobufCMessageDescriptor *d = NULL;

    while (rest.n != 0) {
        (void)str_cut(&rest, '\n', &line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct str name = column(&line);
        if (!str_eq(name, last)) {
            d = wire_type(name);
            last = name;
            messages++;
            if (d == NULL)
                test_fail(__FILE__, __LINE__, "there is no message %.*s", STR_ARG(name));
            else
                known += d->n_fields;
            own += d != NULL && protobuf_c_message_descriptor_get_field(d, WIRE_OWN_FIELD) != NULL;
        }
        if (d != NULL && !str_is(line, "-")) {
            check_field(d, line);
            fields++;
        }
    }
    CHECK_INT(messages, 526);
    /* AgentInfo.checkpoint is more than v1 has; what masters and agents add for each other has a number of its own. */
    CHECK_INT(known, fields + own + 1);
    CHECK_INT(own, 5);
}

TEST("no message is there that the tables do not have")
{
    CLEANUP(free_p) char *owned = NULL;
    struct str table = file_text("tests/golden/wire/messages.tsv", &owned);
    size_t count;
    const ProtobufCMessageDescriptor *const *types = wire_types(&count);

    CHECK_INT(count, 526);
    for (size_t i = 0; i < count; i++) {
        char name[200];

        (void)snprintf(name, sizeof name, "\n%s\t", types[i]->name);
        if (!str_contains(table, str_of(name)))
            test_fail(__FILE__, __LINE__, "%s is not in the tables", types[i]->name);
    }
}

static const ProtobufCEnumDescriptor *enum_named(struct str name)
{
    size_t count;
    const ProtobufCMessageDescriptor *const *types = wire_types(&count);

    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < types[i]->n_fields; k++)
            if (types[i]->fields[k].type == PROTOBUF_C_TYPE_ENUM &&
                str_is(name, ((const ProtobufCEnumDescriptor *)types[i]->fields[k].descriptor)->name))
                return types[i]->fields[k].descriptor;
    return NULL;
}

TEST("every enum value of the tables is there with its number")
{
    CLEANUP(free_p) char *owned = NULL;
    struct str rest = file_text("tests/golden/wire/enums.tsv", &owned), line, last = STR("");
    const ProtobufCEnumDescriptor *e = NULL;
    size_t values = 0, known = 0;

    while (rest.n != 0) {
        (void)str_cut(&rest, '\n', &line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct str name = column(&line), value = column(&line), number = column(&line);
        char value_name[100], text[24];
        const ProtobufCEnumValue *v;

        if (!str_eq(name, last)) {
            e = enum_named(name);
            last = name;
            known += e != NULL ? e->n_value_names : 0;
            if (e == NULL && !str_is(name, "mesos.v1.Status") &&
                !str_is(name, "mesos.v1.CgroupInfo.Blkio.Operation"))
                test_fail(__FILE__, __LINE__, "no field has the enum %.*s", STR_ARG(name));
        }
        if (e == NULL)
            continue;
        values++;
        (void)snprintf(value_name, sizeof value_name, "%.*s", STR_ARG(value));
        v = protobuf_c_enum_descriptor_get_value_by_name(e, value_name);
        (void)snprintf(text, sizeof text, "%d", v != NULL ? v->value : -1);
        if (!CHECK_STR(str_of(text), number))
            printf("# %.*s.%s\n", STR_ARG(name), value_name);
    }
    CHECK_INT(known, values);
    CHECK(values > 400);
}
