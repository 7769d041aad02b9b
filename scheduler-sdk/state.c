/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of struct stoa_scheduler that the other files build on. */
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

void sdk_log(struct stoa_scheduler *s, int level, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (s->cb.log == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    s->cb.log(s, level, line, s->user);
}

void sdk_drop_stream(struct stoa_scheduler *s)
{
    struct http_call *c = s->stream;

    s->stream = NULL;
    if (c != NULL)
        http_call_cancel(c);
}

void sdk_framework_done(struct sdk_framework *f)
{
    for (size_t i = 0; i < f->role_count; i++)
        free(f->roles[i]);
    free(f->roles);
    sbuf_done(&f->info);
    sbuf_done(&f->constraints);
    *f = (struct sdk_framework){ .info = SBUF_INIT(SDK_CALL_BYTES_MAX),
                                 .constraints = SBUF_INIT(SDK_CALL_BYTES_MAX) };
}

static bool add_role(struct sdk_framework *f, struct str role)
{
    char **roles = realloc(f->roles, (f->role_count + 1) * sizeof *roles);

    if (roles == NULL)
        return false;
    f->roles = roles;
    roles[f->role_count] = str_dup(role);
    if (roles[f->role_count] == NULL)
        return false;
    f->role_count++;
    return true;
}

/* A framework that a program gave whole may be of the kind with one role, in field 6. */
static bool framework_roles(struct sdk_framework *f)
{
    struct str rest = sbuf_view(&f->info), single = wire_field_bytes(rest, 6);
    struct wire_field field;

    while (wire_field_next(&rest, &field) == 1)
        if (field.number == 12 && !add_role(f, field.bytes))
            return false;
    return f->role_count != 0 || add_role(f, single.p != NULL ? single : STR("*"));
}

int sdk_framework_init(struct sdk_framework *f, const struct stoa_options *o, struct error *err)
{
    char buf[1024];
    struct passwd pw, *found = NULL;
    int rc;

    *f = (struct sdk_framework){ .info = SBUF_INIT(SDK_CALL_BYTES_MAX),
                                 .constraints = SBUF_INIT(SDK_CALL_BYTES_MAX) };
    if (o->user == NULL && getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) != 0)
        found = NULL;
    rc = sdk_framework_info(&f->info, o, found != NULL ? found->pw_name : "nobody", err);
    if (rc == 0 && o->offer_constraints_json != NULL)
        rc = json_to_wire(&mesos__v1__scheduler__offer_constraints__descriptor,
                          str_of(o->offer_constraints_json), &f->constraints, err);
    else if (rc == 0 && o->offer_constraints.p != NULL) {
        struct str given = str_mem(o->offer_constraints.p, o->offer_constraints.n);

        rc = wire_check(&mesos__v1__scheduler__offer_constraints__descriptor, given, err);
        sbuf_str(&f->constraints, given);
    }
    if (rc == 0 && !framework_roles(f))
        rc = error_set(err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        sdk_framework_done(f);
    return rc;
}
