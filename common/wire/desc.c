/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/desc.h"

#include <stdio.h>

static void append(char *buf, size_t size, size_t *n, const char *text)
{
    size_t len = strlen(text), room = size - 1 - *n;

    if (len > room)
        len = room;
    memcpy(buf + *n, text, len);
    *n += len;
    buf[*n] = 0;
}

const char *desc_path_print(const struct desc_path *path, const char *leaf, char *buf, size_t size)
{
    size_t n = 0;
    char index[24];

    buf[0] = 0;
    for (unsigned i = 0; i < path->depth; i++) {
        if (i != 0)
            append(buf, size, &n, ".");
        append(buf, size, &n, path->field[i]->name);
        if (path->field[i]->label == PROTOBUF_C_LABEL_REPEATED) {
            (void)snprintf(index, sizeof index, "[%zu]", path->index[i]);
            append(buf, size, &n, index);
        }
    }
    if (leaf != NULL) {
        if (n != 0)
            append(buf, size, &n, ".");
        append(buf, size, &n, leaf);
    }
    return buf;
}

void desc_missing_add(struct desc_missing *m, const struct desc_path *path, const char *leaf)
{
    char buf[160];
    size_t len = strlen(desc_path_print(path, leaf, buf, sizeof buf));

    if (m->more != 0 || m->n + len + 3 > sizeof m->text) {
        m->more++;
        return;
    }
    if (m->n != 0) {
        memcpy(m->text + m->n, ", ", 2);
        m->n += 2;
    }
    memcpy(m->text + m->n, buf, len + 1);
    m->n += len;
}

int desc_missing_error(const struct desc_missing *m, const ProtobufCMessageDescriptor *type,
                       struct error *err)
{
    if (m->more != 0)
        return error_set(err, ERR_INVALID, "%s: missing required fields: %s and %u more", type->short_name,
                         m->text, m->more);
    return error_set(err, ERR_INVALID, "%s: missing required fields: %s", type->short_name, m->text);
}
