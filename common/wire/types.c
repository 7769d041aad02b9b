/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/types.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/wire/desc.h"
#include "proto/mesos_acls.pb-c.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_internal_slave.pb-c.h"
#include "proto/mesos_internal_slave_cni.pb-c.h"
#include "proto/mesos_internal_state.pb-c.h"
#include "proto/mesos_v0_scheduler.pb-c.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_agent.pb-c.h"
#include "proto/mesos_v1_executor.pb-c.h"
#include "proto/mesos_v1_master.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

/* The messages that no other message has as a field. From these all are reached. */
#define ROOTS(X)                                              \
    X(mesos__acl)                                             \
    X(mesos__acls)                                            \
    X(mesos__internal__acknowledge_operation_status_message)  \
    X(mesos__internal__apply_operation_message)               \
    X(mesos__internal__archive)                               \
    X(mesos__internal__authenticate_message)                  \
    X(mesos__internal__authentication_completed_message)      \
    X(mesos__internal__authentication_error_message)          \
    X(mesos__internal__authentication_failed_message)         \
    X(mesos__internal__authentication_mechanisms_message)     \
    X(mesos__internal__authentication_start_message)          \
    X(mesos__internal__authentication_step_message)           \
    X(mesos__internal__checkpoint_resources_message)          \
    X(mesos__internal__container_dnsinfo)                     \
    X(mesos__internal__deactivate_framework_message)          \
    X(mesos__internal__drain_slave_message)                   \
    X(mesos__internal__executor_registered_message)           \
    X(mesos__internal__executor_reregistered_message)         \
    X(mesos__internal__executor_to_framework_message)         \
    X(mesos__internal__exited_executor_message)               \
    X(mesos__internal__firewall)                              \
    X(mesos__internal__framework_error_message)               \
    X(mesos__internal__framework_registered_message)          \
    X(mesos__internal__framework_reregistered_message)        \
    X(mesos__internal__framework_to_executor_message)         \
    X(mesos__internal__hook_executed)                         \
    X(mesos__internal__image_gc_config)                       \
    X(mesos__internal__inverse_offers_message)                \
    X(mesos__internal__kill_task_message)                     \
    X(mesos__internal__launch_tasks_message)                  \
    X(mesos__internal__lost_slave_message)                    \
    X(mesos__internal__ping_slave_message)                    \
    X(mesos__internal__pong_slave_message)                    \
    X(mesos__internal__reconcile_operations_message)          \
    X(mesos__internal__reconnect_executor_message)            \
    X(mesos__internal__register_executor_message)             \
    X(mesos__internal__register_framework_message)            \
    X(mesos__internal__register_slave_message)                \
    X(mesos__internal__registry)                              \
    X(mesos__internal__reregister_executor_message)           \
    X(mesos__internal__reregister_framework_message)          \
    X(mesos__internal__reregister_slave_message)              \
    X(mesos__internal__rescind_inverse_offer_message)         \
    X(mesos__internal__rescind_resource_offer_message)        \
    X(mesos__internal__resource_offers_message)               \
    X(mesos__internal__resource_provider_call_message)        \
    X(mesos__internal__resource_provider_event_message)       \
    X(mesos__internal__resource_request_message)              \
    X(mesos__internal__revive_offers_message)                 \
    X(mesos__internal__run_task_group_message)                \
    X(mesos__internal__run_task_message)                      \
    X(mesos__internal__shutdown_executor_message)             \
    X(mesos__internal__shutdown_framework_message)            \
    X(mesos__internal__shutdown_message)                      \
    X(mesos__internal__slave_capabilities)                    \
    X(mesos__internal__slave_registered_message)              \
    X(mesos__internal__slave_reregistered_message)            \
    X(mesos__internal__status_update_acknowledgement_message) \
    X(mesos__internal__status_update_message)                 \
    X(mesos__internal__status_update_record)                  \
    X(mesos__internal__submit_scheduler_request)              \
    X(mesos__internal__submit_scheduler_response)             \
    X(mesos__internal__task_health_status)                    \
    X(mesos__internal__unregister_framework_message)          \
    X(mesos__internal__unregister_slave_message)              \
    X(mesos__internal__update_framework_message)              \
    X(mesos__internal__update_operation_status_record)        \
    X(mesos__internal__update_slave_message)                  \
    X(mesos__internal__slave__csivolumes)                     \
    X(mesos__internal__slave__cgroup_device_access_states)    \
    X(mesos__internal__slave__docker_volumes)                 \
    X(mesos__internal__slave__resource_state)                 \
    X(mesos__internal__slave__volume_gid_infos)               \
    X(mesos__internal__slave__cni__spec__error)               \
    X(mesos__internal__slave__cni__spec__network_config)      \
    X(mesos__internal__slave__cni__spec__network_info)        \
    X(mesos__internal__state__operation)                      \
    X(mesos__scheduler__call)                                 \
    X(mesos__v1__cgroup_info__blkio)                          \
    X(mesos__v1__cgroup_info__blkio__cfq)                     \
    X(mesos__v1__cgroup_info__blkio__throttling)              \
    X(mesos__v1__credentials)                                 \
    X(mesos__v1__device_whitelist)                            \
    X(mesos__v1__rate_limits)                                 \
    X(mesos__v1__resource_usage)                              \
    X(mesos__v1__value)                                       \
    X(mesos__v1__agent__call)                                 \
    X(mesos__v1__agent__response)                             \
    X(mesos__v1__executor__call)                              \
    X(mesos__v1__executor__event)                             \
    X(mesos__v1__master__call)                                \
    X(mesos__v1__master__event)                               \
    X(mesos__v1__master__response)                            \
    X(mesos__v1__scheduler__apiresult)                        \
    X(mesos__v1__scheduler__call)                             \
    X(mesos__v1__scheduler__event)

#define ROOT(name) &name##__descriptor,

static const ProtobufCMessageDescriptor *const roots[] = { ROOTS(ROOT) };

static struct {
    const ProtobufCMessageDescriptor **list; /* ordered by name; lives as long as the process */
    size_t count, cap;
} types;

/* Where the name is, or would be. */
static size_t lower_bound(struct str name)
{
    size_t low = 0, high = types.count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (str_cmp(str_of(types.list[mid]->name), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void add(const ProtobufCMessageDescriptor *d)
{
    size_t i = lower_bound(str_of(d->name));

    if (i < types.count && types.list[i] == d)
        return;
    ARRAY_ROOM(types.list, types.count, types.cap);
    memmove(types.list + i + 1, types.list + i, (types.count - i) * sizeof *types.list);
    types.list[i] = d;
    types.count++;
    for (unsigned k = 0; k < d->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &d->fields[k];

        if (f->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (!desc_is_map(f))
            add(f->descriptor);
        else if (((const ProtobufCMessageDescriptor *)f->descriptor)->fields[1].type ==
                 PROTOBUF_C_TYPE_MESSAGE)
            add(((const ProtobufCMessageDescriptor *)f->descriptor)->fields[1].descriptor);
    }
}

static void fill(void)
{
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        add(roots[i]);
}

static void fill_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fill); /* cannot fail for a valid control */
}

const ProtobufCMessageDescriptor *wire_type(struct str full_name)
{
    size_t i;

    fill_once();
    i = lower_bound(full_name);
    return i < types.count && str_is(full_name, types.list[i]->name) ? types.list[i] : NULL;
}

const ProtobufCMessageDescriptor *const *wire_types(size_t *ret_count)
{
    fill_once();
    *ret_count = types.count;
    return types.list;
}
