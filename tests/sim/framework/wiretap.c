/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/framework/wiretap.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/guard.h"
#include "tests/sim/framework.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/ledger.h"
#include "tests/sim/marathon/jobs.h"
#include "tests/sim/marathon/volumes.h"

/* A launch may leave only when it is in the store that this incarnation of the instance was launched, or a crash makes a task
 * that nobody knows, and another with its id. Task ids are "<instance>._app.<n>". */
static void launch_sent(struct proc *p, struct str task)
{
    struct str id = wire_path(task, 2, 1, 0), n = { NULL, 0 };
    char key[300], incarnation[48];

    for (size_t i = 0; i + 6 < id.n; i++)
        if (str_starts(str_sub(id, i, id.n - i), STR("._app."))) {
            n = str_sub(id, i + 6, id.n);
            id.n = i;
        }
    (void)snprintf(key, sizeof key, "instance/%.*s", STR_ARG(id));
    (void)snprintf(incarnation, sizeof incarnation, "\"incarnation\":%.*s", (int)(n.n < 20 ? n.n : 20), n.n != 0 ? n.p : "");
    struct str record = sim_marathon_record(p->sim, key);
    bool said = str_contains(record, str_of(incarnation)) && !str_contains(record, STR("\"state\":\"Scheduled\""));
    if (!said && sim_marathon_leads(p)) /* another may have gone on from where this one was stopped */
        sim_fail(p->sim, "marathon launches %.*s, which its store does not say", STR_ARG(id));
    if (sim_marathon_leads(p))
        jobs_launched(p->sim, wire_path(task, 2, 1, 0));
    if (sim_marathon_leads(p))
        volumes_launched(p->sim, id, task);
}

static void accept_sent(struct proc *p, struct str accept)
{
    struct wire_field op, task;

    while (wire_field_next(&accept, &op) == 1) {
        struct str launch = op.number == 2 ? wire_field_bytes(op.bytes, 2) : (struct str){ NULL, 0 };
        while (wire_field_next(&launch, &task) == 1)
            launch_sent(p, task.bytes);
        if (op.number == 2 && sim_marathon_leads(p)) /* Operation.destroy */
            volumes_destroyed(p->sim, wire_field_bytes(op.bytes, 6));
    }
}

void wiretap_call(struct proc *p, struct str call)
{
    struct str ack = wire_field_bytes(call, 8), uuid = wire_field_bytes(ack, 3);
    struct uuid u;

    if (!proc_is_marathon(p) || p->dying)
        return;
    if (wire_field_u64(call, 2, 0) == 3)
        accept_sent(p, wire_field_bytes(call, 4));
    if (wire_field_u64(call, 2, 0) != 8 || uuid.n != sizeof u.b)
        return;
    memcpy(u.b, uuid.p, sizeof u.b);
    ledger_acknowledged(p->sim, wire_path(call, 1, 1, 0), wire_path(ack, 2, 1, 0), &u);
}

void wiretap_event(struct proc *p, struct str event)
{
    struct str status = wire_path(event, 5, 1, 0), uuid = wire_field_bytes(status, 11);
    struct seen_update u = { .task = wire_path(status, 1, 1, 0),
                             .state = (int)wire_field_u64(status, 2, 0),
                             .source = (int)wire_field_u64(status, 9, (uint64_t)-1),
                             .reason = (int)wire_field_u64(status, 10, (uint64_t)-1) };

    if (!proc_is_marathon(p) || wire_field_u64(event, 1, 0) != 4)
        return;
    u.has_uuid = uuid.n == sizeof u.uuid.b;
    if (u.has_uuid)
        memcpy(u.uuid.b, uuid.p, sizeof u.uuid.b);
    u.framework = str_of(sim_marathon_framework(p));
    u.deposed = !sim_marathon_leads(p);
    ledger_update_seen(p->sim, &u);
}
