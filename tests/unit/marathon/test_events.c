/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text: how large they are. */
#include "marathon/api/events.h"
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;
static size_t largest[2];
static bool told;

static void measure(struct world *w)
{
    for (size_t i = 0; i < w->actions.n; i++) {
        struct sbuf b = SBUF_INIT(1 << 26);
        if (w->actions.v[i].type != DO_EVENT)
            continue;
        for (int full = 0; full < 2; full++) {
            sbuf_clear(&b);
            event_frame(&b, &w->actions.v[i].event, full != 0);
            largest[full] = b.n > largest[full] ? b.n : largest[full];
            told = told || (full == 0 && str_contains(sbuf_view(&b), STR("\"omittedActions\":")));
        }
        sbuf_done(&b);
    }
}

TEST("no event is above 64 kB but those with full plans")
{
    struct sbuf b = SBUF_INIT(1 << 20);

    apiworld_init(&aw, 1);
    aw.w.check = measure;
    sbuf_c(&b, "{\"apps\":[");
    for (int i = 0; i < 1500; i++)
        sbuf_fmt(&b, "%s{\"id\":\"a-rather-long-name-of-an-app-%d\",\"instances\":1,\"cmd\":\"sleep 1000\"}", i == 0 ? "" : ",", i);
    sbuf_c(&b, "]}");
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g", b.p), 200);
    world_run(&aw.w, 500);
    CHECK(largest[0] > 32 * 1024 && largest[0] <= EVENT_BYTES_MAX);
    CHECK(largest[1] > 500 * 1024);
    CHECK(told);
    sbuf_done(&b);
    apiworld_done(&aw);
}
