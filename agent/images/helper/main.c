/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/images/helper/helper.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/images/store.h"

static bool take_pull(struct pull_input *in, struct str name, const char *value)
{
    const struct {
        const char *name, **field;
    } map[] = { { "store", &in->store }, { "name", &in->name },     { "registry", &in->registry }, { "record", &in->record },
                { "skopeo", &in->skopeo }, { "source", &in->source }, { "archive", &in->archive },   { "config", &in->config } };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (str_is(name, map[i].name)) {
            *map[i].field = value;
            return true;
        }
    }
    if (!str_is(name, "plain"))
        return false;
    in->plain = strcmp(value, "1") == 0;
    return true;
}

static int pull(const char *text, size_t n, struct error *err)
{
    struct pull_input in = { .plain = false };
    for (size_t i = 0; i < n;) {
        size_t len = strnlen(text + i, n - i);
        struct str value = str_mem(text + i, len), name;
        if (i + len >= n || !str_cut(&value, '=', &name) || !take_pull(&in, name, value.p))
            return error_set(err, ERR_PROTOCOL, "input of stoa-image: '%.40s'", text + i);
        i += len + 1;
    }
    if (in.store == NULL || in.name == NULL || in.record == NULL || in.skopeo == NULL || in.registry == NULL ||
        (in.source == NULL && in.archive == NULL))
        return error_set(err, ERR_PROTOCOL, "input of stoa-image: something is missing (this program is started by the agent)");
    return image_pull(&in, err);
}

/* Texts with a 0 behind each: the directory to fill, then the layers. */
static int copy(char *text, size_t n, struct error *err)
{
    static char *layers[IMAGE_LAYERS_MAX];
    size_t count = 0;
    const char *to = NULL;
    for (size_t i = 0; i < n; i += strlen(text + i) + 1) {
        if (to == NULL)
            to = text + i;
        else if (count < IMAGE_LAYERS_MAX)
            layers[count++] = text + i;
    }
    if (to == NULL)
        return error_set(err, ERR_PROTOCOL, "input of stoa-image: nothing to copy (this program is started by the agent)");
    return layers_copy(layers, count, to, err);
}

int main(int argc, char **argv)
{
    static char input[STOA_IMAGE_INPUT_MAX + 1];
    struct error err = { .code = ERR_OK };
    size_t n = 0;

    die_with_parent();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for names in archives that are not ASCII */
    (void)umask(0);
    for (ssize_t r; n < STOA_IMAGE_INPUT_MAX && (r = read(0, input + n, STOA_IMAGE_INPUT_MAX - n)) > 0;)
        n += (size_t)r;
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "pull") == 0)
        (void)pull(input, n, &err);
    else if (strcmp(what, "copy") == 0)
        (void)copy(input, n, &err);
    else
        (void)error_set(&err, ERR_INVALID, "stoa-image is started by the agent");
    if (err.code == ERR_OK)
        return 0;
    (void)!write(1, err.msg, strlen(err.msg));
    return 1;
}
