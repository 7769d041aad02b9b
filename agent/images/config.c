/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry says of an image, as skopeo writes it into a layout: index, manifest, configuration. All of it comes from
 * strangers. Source: image-spec of OCI (manifest.md, config.md); Docker's configuration has the same names. */
#include "agent/images/images.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/json.h"

enum { CONFIG_LIST_MAX = 4096 };

bool image_digest_hex(struct str digest, char ret[IMAGE_DIGEST_SIZE])
{
    if (!str_skip(&digest, STR("sha256:")) || digest.n != IMAGE_DIGEST_SIZE - 1)
        return false;
    for (size_t i = 0; i < digest.n; i++) {
        if (digest.p[i] == 0 || strchr("0123456789abcdef", digest.p[i]) == NULL)
            return false;
    }
    memcpy(ret, digest.p, digest.n);
    ret[digest.n] = 0;
    return true;
}

static const cJSON *member(const cJSON *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

static int digest_of(const cJSON *descriptor, const char *what, char ret[IMAGE_DIGEST_SIZE], struct error *err)
{
    const char *digest = cJSON_GetStringValue(member(descriptor, "digest"));
    if (digest == NULL || !image_digest_hex(str_of(digest), ret))
        return error_set(err, ERR_PROTOCOL, "%s: the digest '%.90s' is not sha256: and 64 hexadecimal digits", what,
                         digest != NULL ? digest : "");
    return 0;
}

int image_index_parse(struct str json, char ret_manifest[IMAGE_DIGEST_SIZE], struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    if (json_parse(json, &tree, err) != 0)
        return error_wrap(err, "index of the image");
    const cJSON *list = member(tree, "manifests");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 1)
        return error_set(err, ERR_PROTOCOL, "index of the image: it has not exactly one manifest");
    return digest_of(cJSON_GetArrayItem(list, 0), "index of the image", ret_manifest, err);
}

int image_manifest_parse(struct str json, struct image *i, char ret_config[IMAGE_DIGEST_SIZE], struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    const cJSON *layer;
    char hex[IMAGE_DIGEST_SIZE];
    if (json_parse(json, &tree, err) != 0)
        return error_wrap(err, "manifest of the image");
    if (digest_of(member(tree, "config"), "manifest of the image: config", ret_config, err) != 0)
        return -(int)err->code;
    const cJSON *layers = member(tree, "layers");
    if (!cJSON_IsArray(layers))
        return error_set(err, ERR_PROTOCOL, "manifest of the image: no layers");
    cJSON_ArrayForEach(layer, layers) {
        if (i->layer_count >= IMAGE_LAYERS_MAX)
            return error_set(err, ERR_LIMIT, "the image has over %d layers", IMAGE_LAYERS_MAX);
        if (digest_of(layer, "manifest of the image: layer", hex, err) != 0)
            return -(int)err->code;
        image_add(&i->layers, i->layer_count++, str_of(hex));
    }
    return 0;
}

static int texts_of(const cJSON *list, const char *name, char ***ret, struct error *err)
{
    const cJSON *v;
    size_t n = 0;
    if (list == NULL || cJSON_IsNull(list))
        return 0;
    if (!cJSON_IsArray(list))
        return error_set(err, ERR_PROTOCOL, "configuration of the image: %s is no list", name);
    cJSON_ArrayForEach(v, list) {
        const char *text = cJSON_GetStringValue(v);
        if (text == NULL || n >= CONFIG_LIST_MAX)
            return error_set(err, ERR_PROTOCOL, "configuration of the image: %s is no list of at most %d texts", name, CONFIG_LIST_MAX);
        image_add(ret, n++, str_of(text));
    }
    return 0;
}

static void text_of(const cJSON *v, char **ret)
{
    const char *text = cJSON_GetStringValue(v);
    if (text != NULL && text[0] != 0)
        *ret = xstrdup(text);
}

int image_config_parse(struct str json, struct image *i, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    if (json_parse(json, &tree, err) != 0)
        return error_wrap(err, "configuration of the image");
    const cJSON *c = member(tree, "config");
    if (texts_of(member(c, "Entrypoint"), "Entrypoint", &i->entrypoint, err) != 0 ||
        texts_of(member(c, "Cmd"), "Cmd", &i->cmd, err) != 0 || texts_of(member(c, "Env"), "Env", &i->env, err) != 0)
        return -(int)err->code;
    text_of(member(c, "WorkingDir"), &i->working_dir);
    text_of(member(c, "User"), &i->user);
    return 0;
}
