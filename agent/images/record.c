/* SPDX-License-Identifier: Apache-2.0 */
/* The record of an image: texts "key=value", each with a 0 behind it, the last one "end=". Written by stoa-image, read by the
 * agent; one that is cut short has no end and is none. */
#include "agent/images/images.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

struct image *image_new(const char *name)
{
    struct image *i = xcalloc(1, sizeof *i);
    i->refs = 1;
    i->name = xstrdup(name);
    i->digest = xstrdup("");
    i->entrypoint = xcalloc(1, sizeof(char *));
    i->cmd = xcalloc(1, sizeof(char *));
    i->env = xcalloc(1, sizeof(char *));
    i->layers = xcalloc(1, sizeof(char *));
    return i;
}

static void free_list(char **list)
{
    for (char **p = list; p != NULL && *p != NULL; p++)
        free(*p);
    free(list);
}

struct image *image_ref(struct image *i)
{
    i->refs++;
    return i;
}

void image_unref(struct image *i)
{
    if (i == NULL || --i->refs != 0)
        return;
    free_list(i->layers);
    free_list(i->entrypoint);
    free_list(i->cmd);
    free_list(i->env);
    free(i->name);
    free(i->digest);
    free(i->working_dir);
    free(i->user);
    free(i);
}

void image_add(char ***list, size_t n, struct str value)
{
    *list = xrealloc(*list, n + 2, sizeof **list);
    (*list)[n] = xstrndup(value);
    (*list)[n + 1] = NULL;
}

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list[n] != NULL)
        n++;
    return n;
}

static void put(struct sbuf *b, const char *key, const char *value)
{
    sbuf_c(b, key);
    sbuf_char(b, '=');
    sbuf_add(b, value, strlen(value) + 1);
}

static void put_list(struct sbuf *b, const char *key, char *const *list)
{
    for (; *list != NULL; list++)
        put(b, key, *list);
}

void image_record_write(const struct image *i, struct sbuf *b)
{
    put(b, "name", i->name);
    put(b, "digest", i->digest);
    put_list(b, "layer", i->layers);
    put_list(b, "entrypoint", i->entrypoint);
    put_list(b, "cmd", i->cmd);
    put_list(b, "env", i->env);
    if (i->working_dir != NULL)
        put(b, "workdir", i->working_dir);
    if (i->user != NULL)
        put(b, "user", i->user);
    put(b, "end", "");
}

static void set(char **field, struct str value)
{
    free(*field);
    *field = xstrndup(value);
}

static bool is_layer_name(struct str s)
{
    return s.n == IMAGE_DIGEST_SIZE - 1 && strspn(s.p, "0123456789abcdef") >= s.n;
}

/* False: it does not belong into a record. */
static bool take(struct image *i, struct str key, struct str value)
{
    if (str_is(key, "name"))
        set(&i->name, value);
    else if (str_is(key, "digest"))
        set(&i->digest, value);
    else if (str_is(key, "workdir"))
        set(&i->working_dir, value);
    else if (str_is(key, "user"))
        set(&i->user, value);
    else if (str_is(key, "entrypoint"))
        image_add(&i->entrypoint, count(i->entrypoint), value);
    else if (str_is(key, "cmd"))
        image_add(&i->cmd, count(i->cmd), value);
    else if (str_is(key, "env"))
        image_add(&i->env, count(i->env), value);
    else if (str_is(key, "layer") && is_layer_name(value) && i->layer_count < IMAGE_LAYERS_MAX)
        image_add(&i->layers, i->layer_count++, value);
    else
        return false;
    return true;
}

int image_record_read(struct str bytes, struct image **ret, struct error *err)
{
    struct str rest = bytes, entry, key;
    struct image *i = image_new("");

    while (rest.n != 0 && str_cut(&rest, 0, &entry)) {
        struct str value = entry;
        if (!str_cut(&value, '=', &key))
            break;
        if (str_is(key, "end") && rest.n == 0 && i->name[0] != 0) {
            *ret = i;
            return 0;
        }
        if (!take(i, key, value))
            break;
    }
    image_unref(i);
    return error_set(err, ERR_PROTOCOL, "a broken record of an image (%zu bytes)", bytes.n);
}
