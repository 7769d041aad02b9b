/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/issues.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/sbuf.h"

__attribute__((format(printf, 3, 0))) static void add(struct issues *is, struct str path, const char *fmt,
                                                      va_list ap)
{
    char text[1024];

    if (is->n >= ISSUES_MAX) {
        is->dropped++;
        return;
    }
    (void)vsnprintf(text, sizeof text, fmt, ap); /* cut when longer */
    for (size_t i = 0; i < is->n; i++)
        if (str_eq(is->v[i].path, path) && str_is(is->v[i].text, text))
            return;
    is->v[is->n++] = (struct issue){ path, arena_str(is->arena, str_of(text)) };
}

void issue_add(struct issues *is, struct str path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(is, path, fmt, ap);
    va_end(ap);
}

static void print(const struct place *p, struct sbuf *b)
{
    if (p == NULL)
        return;
    print(p->up, b);
    if (p->field != NULL || p->key.p != NULL)
        sbuf_char(b, '/');
    if (p->field != NULL)
        sbuf_c(b, p->field);
    else
        sbuf_str(b, p->key);
    if (p->index >= 0)
        sbuf_fmt(b, "(%ld)", p->index);
}

const char *double_text(double v, char ret[DOUBLE_TEXT_MAX])
{
    (void)snprintf(ret, DOUBLE_TEXT_MAX, "%.15g", v);
    if (strpbrk(ret, ".en") == NULL) /* neither fraction, exponent, inf nor nan */
        (void)snprintf(ret, DOUBLE_TEXT_MAX, "%.1f", v);
    return ret;
}

struct str place_text(const struct place *p, struct arena *a)
{
    struct sbuf b = SBUF_INIT(8192);
    struct str s;

    print(p, &b);
    s = arena_str(a, b.n != 0 ? sbuf_view(&b) : STR("/"));
    sbuf_done(&b);
    return s;
}

void issue_at(struct issues *is, const struct place *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(is, place_text(p, is->arena), fmt, ap);
    va_end(ap);
}
