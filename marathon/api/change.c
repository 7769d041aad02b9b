/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the root on its way from any endpoint, and the answer to a dry run. */
#include "marathon/api/int.h"

bool run_update(struct call *c, struct root_update *u, const struct update_result **ret)
{
    struct marathon_event ev = { .type = EVENT_UPDATE, .update = u };
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, ret, &err) == 0)
        return true;
    answer_update_problem(c, *ret, &err);
    return false;
}

void answer_steps(struct call *c, const struct deployment *d)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    render_steps(&w, &d->plan);
    jsonw_close(&w);
}
