/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/secrets.h"

#include "common/base/cleanup.h"
#include "common/io/fs.h"

static int read_one(const char *dir, const struct secret_def *s, struct arena *a, struct kv *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(SECRET_BYTES_MAX);
    struct str path = arena_fmt(a, "%s/%.*s", dir, STR_ARG(s->source));

    if (path.p == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for secrets");
    if (fs_read(path.p, &b, err) != 0)
        return error_wrap(err, "secret '%.*s'", STR_ARG(s->name));
    *ret = (struct kv){ s->name, arena_str(a, sbuf_view(&b)) };
    return ret->v.p != NULL || b.n == 0 ? 0 : error_set(err, ERR_NOMEM, "out of memory for secrets");
}

int secrets_read(const char *dir, const struct app *app, struct arena *a, struct list *ret, struct error *err)
{
    struct kv *v = arena_array(a, app->secrets.n, sizeof *v);

    *ret = (struct list){ true, 0, v };
    if (v == NULL && app->secrets.n != 0)
        return error_set(err, ERR_NOMEM, "out of memory for secrets");
    LIST_EACH(app->secrets, struct secret_def, s)
    {
        int rc = dir != NULL ? read_one(dir, s, a, &v[ret->n], err)
                             : error_set(err, ERR_INVALID, "secret '%.*s': there is no --secrets_dir", STR_ARG(s->name));
        if (rc != 0)
            return rc;
        ret->n++;
    }
    return 0;
}
