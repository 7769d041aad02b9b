/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of messages through check, conversion and validation. The first byte chooses the message. What is kept must be a
 * message of its type again. */
#include <stdint.h>
#include <stdlib.h>

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void operation_bytes(struct str bytes, struct arena *arena)
{
    struct name *web = name_of(STR("web"));
    struct task_context ctx = { .role = web, .framework = framework_id(STR("f")) };
    Mesos__V1__Offer__Operation *m;
    struct operation op;

    if (WIRE_UNPACK(mesos__v1__offer__operation, bytes, arena, &m, NULL) == 0) {
        convert_operation(m, &ctx, bytes.n % 2 == 0, arena, &op);
        ASSERT(wire_check(&mesos__v1__offer__operation__descriptor, blob_str(op.raw), NULL) == 0);
        for (size_t i = 0; i < op.task_count; i++)
            ASSERT(wire_check(&mesos__v1__task_info__descriptor, blob_str(op.tasks[i]->raw), NULL) == 0);
        (void)operation_check(&op, NULL, STR("ops"), AGENT_CAPS_ALL, NULL);
        operation_done(&op);
    }
    name_unref(web);
}

static void resource_bytes(struct str bytes, struct arena *arena)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 22);
    CLEANUP(resources_done_p) struct resources again = RESOURCES_INIT, one = RESOURCES_INIT;
    Mesos__V1__Resource *m;

    if (WIRE_UNPACK(mesos__v1__resource, bytes, arena, &m, NULL) != 0 || convert_resources(&m, 1, &one, NULL) != 0)
        return;
    for (int format = RESOURCE_POST; format <= RESOURCE_ENDPOINT; format++) {
        sbuf_clear(&b);
        wire_put_resources(&b, 1, &one, (enum resource_format)format, false);
        ASSERT(convert_resources_bytes(sbuf_view(&b), 1, &again, NULL) == 0);
        ASSERT(resources_eq(&one, &again));
        resources_done(&again);
    }
}

static void info_bytes(struct str bytes, uint8_t kind, struct arena *arena)
{
    Mesos__V1__FrameworkInfo *f;
    Mesos__V1__AgentInfo *a;
    Mesos__V1__Task *t;
    Mesos__V1__Scheduler__Call *c;
    struct framework_info *fi = NULL;
    struct agent_info *ai = NULL;
    struct task_info *ti = NULL;
    struct offer_constraints *oc = NULL;
    struct task_status *s = NULL;

    if (kind == 2 && WIRE_UNPACK(mesos__v1__framework_info, bytes, arena, &f, NULL) == 0)
        (void)convert_framework_info(f, &fi, NULL);
    if (kind == 3 && WIRE_UNPACK(mesos__v1__agent_info, bytes, arena, &a, NULL) == 0)
        (void)convert_agent_info(a, &ai, NULL);
    if (kind == 4 && WIRE_UNPACK(mesos__v1__task, bytes, arena, &t, NULL) == 0)
        (void)convert_task_of_task(t, &ti, NULL);
    if (kind == 5 && WIRE_UNPACK(mesos__v1__scheduler__call, bytes, arena, &c, NULL) == 0 &&
        validate_scheduler_call(c, NULL) == 0 && c->subscribe != NULL && c->subscribe->offer_constraints != NULL)
        (void)convert_offer_constraints(c->subscribe->offer_constraints, &oc, NULL);
    if (kind == 6 && wire_check(&mesos__v1__task_status__descriptor, bytes, NULL) == 0 &&
        convert_status_bytes(bytes, &s, NULL) == 0) {
        struct task_status *r = task_status_rewrite(s, agent_id(STR("a")), executor_id(STR("")), NULL, NULL);
        ASSERT(wire_check(&mesos__v1__task_status__descriptor, blob_str(r->raw), NULL) == 0);
        task_status_unref(r);
    }
    framework_info_unref(fi);
    agent_info_unref(ai);
    task_info_unref(ti);
    offer_constraints_unref(oc);
    task_status_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT(1 << 24);

    if (size == 0)
        return 0;
    struct str bytes = str_mem(data + 1, size - 1);
    if (data[0] % 7 == 0)
        operation_bytes(bytes, &arena);
    else if (data[0] % 7 == 1)
        resource_bytes(bytes, &arena);
    else
        info_bytes(bytes, data[0] % 7, &arena);
    arena_done(&arena);
    ASSERT(names_count() == 0);
    return 0;
}
