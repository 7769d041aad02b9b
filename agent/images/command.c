/* SPDX-License-Identifier: Apache-2.0 */
/* What runs in a container with an image. Source: agent reference, §20, table of commands:
 *
 *     shell value arguments | neither | Cmd only  | Entrypoint | both
 *       0     0      0      | error   | C         | E          | E + C
 *       0     0      1      | error   | C[0] + a  | E + a      | E + a
 *       0     1      0      | v                                (whatever the image says)
 *       0     1      1      | v + a
 *       1     0      *      | error
 *       1     1      *      | /bin/sh -c v
 *
 * In "v + a" an a[0] that repeats v is left out: senders give it as argv[0], as they have to without an image.
 * Type DOCKER is as `docker run [--entrypoint /bin/sh] IMAGE [v] [a]`: E + v + a, and C where neither v nor a is given. */
#include "agent/images/images.h"

struct list {
    const char **v;
    size_t n, max;
    bool full;
};

static void add(struct list *l, const char *text)
{
    if (l->n + 1 < l->max)
        l->v[l->n++] = text;
    else
        l->full = true;
}

static void add_all(struct list *l, const char *const *texts)
{
    for (; texts != NULL && *texts != NULL; texts++)
        add(l, *texts);
}

static int nothing(const struct image *i, struct error *err)
{
    return error_set(err, ERR_INVALID, "No executable specified: neither the command nor image %.100s (Entrypoint, Cmd) names one", i->name);
}

static const char *const *own_arguments(const struct image_command *c)
{
    bool repeats = c->value != NULL && c->arguments != NULL && c->arguments[0] != NULL && strcmp(c->arguments[0], c->value) == 0;
    return repeats ? c->arguments + 1 : c->arguments;
}

int image_command_merge(const struct image *i, const struct image_command *c, const char **ret_argv, size_t max,
                        struct error *err)
{
    struct list l = { .v = ret_argv, .max = max };
    const char *const *entrypoint = (const char *const *)i->entrypoint, *const *cmd = (const char *const *)i->cmd;
    const char *const *arguments = c->arguments;
    bool has_arguments = arguments != NULL && arguments[0] != NULL;

    if (c->shell && c->value == NULL)
        return error_set(err, ERR_INVALID, "Shell specified but no command value provided");
    if (c->shell) {
        add(&l, "/bin/sh");
        add(&l, "-c");
        add(&l, c->value);
    } else if (c->docker) {
        add_all(&l, entrypoint);
        if (c->value != NULL)
            add(&l, c->value);
        add_all(&l, c->value != NULL || has_arguments ? own_arguments(c) : cmd);
    } else if (c->value != NULL) {
        add(&l, c->value);
        add_all(&l, own_arguments(c));
    } else if (entrypoint[0] != NULL) {
        add_all(&l, entrypoint);
        add_all(&l, has_arguments ? arguments : cmd);
    } else if (cmd[0] != NULL) {
        if (has_arguments) {
            add(&l, cmd[0]);
            add_all(&l, arguments);
        } else {
            add_all(&l, cmd);
        }
    } else {
        return nothing(i, err);
    }
    if (l.n == 0)
        return nothing(i, err);
    if (l.full)
        return error_set(err, ERR_LIMIT, "the command has over %zu arguments", max - 1);
    l.v[l.n] = NULL;
    return 0;
}
