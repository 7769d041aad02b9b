/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as what a registry and an archive say: index, manifest, configuration, record, names of entries and images, passwd. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/images/images.h"
#include "common/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_documents(struct str text)
{
    struct error err;
    char digest[IMAGE_DIGEST_SIZE];
    struct image *i = image_new("x"), *again = NULL;
    struct sbuf b = SBUF_INIT(IMAGE_RECORD_MAX);

    if (image_index_parse(text, digest, &err) == 0)
        ASSERT(strspn(digest, "0123456789abcdef") == IMAGE_DIGEST_SIZE - 1);
    (void)image_manifest_parse(text, i, digest, &err);
    (void)image_config_parse(text, i, &err);
    ASSERT(i->layer_count <= IMAGE_LAYERS_MAX);
    image_record_write(i, &b);
    ASSERT(!sbuf_ok(&b) || image_record_read(sbuf_view(&b), &again, &err) == 0);
    image_unref(again);
    again = NULL;
    if (image_record_read(text, &again, &err) == 0)
        image_unref(again);
    image_unref(i);
    sbuf_done(&b);
}

static void as_names(const char *text)
{
    struct error err;
    struct image_reference ref;
    struct image_user user;
    char path[64];

    if (image_reference_parse(text, "https://x.y", &ref, &err) == 0)
        ASSERT(strstr(ref.repository, "..") == NULL || strstr(ref.repository, "/../") == NULL);
    if (layer_entry_of(text, path, sizeof path) != LAYER_ENTRY_BAD)
        ASSERT(path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL);
    (void)image_user_parse(str_of(text), str_of(text), "app", &user, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = str_dup(str_mem(data, size));

    as_documents(str_mem(data, size));
    if (text != NULL)
        as_names(text);
    free(text);
    return 0;
}
