/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler-sdk/core/decode.h"

#include <math.h>

#include "common/wire/guard.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

#define ID(message) ((message) != NULL ? (message)->value : NULL)

static int out_of_memory(struct error *err, const struct arena *a)
{
    return error_set(err, ERR_NOMEM, "an event needs more than the %zu bytes of memory allowed for it",
                     a->budget);
}

static struct stoa_bytes lent(struct str s)
{
    return (struct stoa_bytes){ s.p, s.n };
}

static struct stoa_bytes binary(protobuf_c_boolean has, ProtobufCBinaryData b)
{
    return has ? (struct stoa_bytes){ b.data != NULL ? (const void *)b.data : "", b.len }
               : (struct stoa_bytes){ NULL, 0 };
}

static int64_t milli(double v)
{
    /* Scalars have three digits; what a peer sends beyond 2^53 thousandths is cut there. */
    return fabs(v) < 9e12 ? llround(v * 1000)
           : v > 0        ? INT64_C(9000000000000000)
                          : -INT64_C(9000000000000000);
}

static const char *enum_name(const ProtobufCEnumDescriptor *d, int value)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, value);

    return v != NULL ? v->name : NULL;
}

/* The i-th field of this number in the bytes the message was unpacked from. Kept as a cursor: fields of a
 * list are asked for in order. */
static struct str next_raw(struct str *rest, uint32_t number)
{
    struct wire_field f;

    while (wire_field_next(rest, &f) == 1)
        if (f.number == number)
            return f.bytes;
    return STR("");
}

/* --- values ---------------------------------------------------------------------------------------------- */

static bool labels(const Mesos__V1__Labels *in, struct arena *a, const struct stoa_label **ret,
                   size_t *ret_count)
{
    struct stoa_label *list;

    if (in == NULL || in->n_labels == 0)
        return true;
    list = arena_array(a, in->n_labels, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < in->n_labels; i++)
        list[i] = (struct stoa_label){ in->labels[i]->key, in->labels[i]->value };
    *ret = list;
    *ret_count = in->n_labels;
    return true;
}

static bool ranges(const Mesos__V1__Value__Ranges *in, struct arena *a, const struct stoa_range **ret,
                   size_t *ret_count)
{
    struct stoa_range *list;

    if (in == NULL || in->n_range == 0)
        return true;
    list = arena_array(a, in->n_range, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < in->n_range; i++)
        list[i] = (struct stoa_range){ in->range[i]->begin, in->range[i]->end };
    *ret = list;
    *ret_count = in->n_range;
    return true;
}

static void set(const Mesos__V1__Value__Set *in, const char *const **ret, size_t *ret_count)
{
    if (in == NULL)
        return;
    *ret = (const char *const *)in->item;
    *ret_count = in->n_item;
}

/* --- resources ------------------------------------------------------------------------------------------- */

static bool reservation(const Mesos__V1__Resource__ReservationInfo *in, struct arena *a,
                        struct stoa_reservation *out)
{
    out->is_static = in->has_type && in->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
    out->role = in->role;
    out->principal = in->principal;
    return labels(in->labels, a, &out->labels, &out->label_count);
}

/* The stack of reservations; in the older form a role and perhaps one reservation. */
static bool reservations(const Mesos__V1__Resource *in, struct arena *a, struct stoa_resource *out)
{
    struct stoa_reservation *list;
    bool old = in->n_reservations == 0 && in->role != NULL && strcmp(in->role, "*") != 0;
    size_t count = old ? 1 : in->n_reservations;

    out->role = "*";
    if (count == 0)
        return true;
    list = arena_array(a, count, sizeof *list);
    if (list == NULL)
        return false;
    if (old && in->reservation != NULL && !reservation(in->reservation, a, &list[0]))
        return false;
    if (old) {
        list[0].is_static = in->reservation == NULL;
        list[0].role = in->role;
    }
    for (size_t i = 0; i < in->n_reservations; i++)
        if (!reservation(in->reservations[i], a, &list[i]))
            return false;
    out->reservations = list;
    out->reservation_count = count;
    out->role = list[count - 1].role != NULL ? list[count - 1].role : "*";
    return true;
}

static void disk_source(const Mesos__V1__Resource__DiskInfo__Source *in, struct stoa_resource *out)
{
    switch (in->type) {
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__PATH:
        out->disk_source = STOA_DISK_PATH;
        out->disk_root = in->path != NULL ? in->path->root : NULL;
        break;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__MOUNT:
        out->disk_source = STOA_DISK_MOUNT;
        out->disk_root = in->mount != NULL ? in->mount->root : NULL;
        break;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__BLOCK:
        out->disk_source = STOA_DISK_BLOCK;
        break;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__RAW:
        out->disk_source = STOA_DISK_RAW;
        break;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__UNKNOWN:
    case _MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE_IS_INT_SIZE:
        break;
    }
    out->disk_id = in->id;
    out->disk_profile = in->profile;
    out->disk_vendor = in->vendor;
}

static void disk(const Mesos__V1__Resource__DiskInfo *in, struct stoa_resource *out)
{
    if (in->persistence != NULL) {
        out->persistence_id = in->persistence->id;
        out->persistence_principal = in->persistence->principal;
    }
    if (in->volume != NULL) {
        out->volume_container_path = in->volume->container_path;
        out->volume_read_only = in->volume->mode == MESOS__V1__VOLUME__MODE__RO;
    }
    if (in->source != NULL)
        disk_source(in->source, out);
}

static bool resource(const Mesos__V1__Resource *in, struct str raw, struct arena *a,
                     struct stoa_resource *out)
{
    out->name = in->name;
    out->type = (enum stoa_value_type)in->type;
    out->milli = in->scalar != NULL ? milli(in->scalar->value) : 0;
    out->allocation_role = in->allocation_info != NULL ? in->allocation_info->role : NULL;
    out->revocable = in->revocable != NULL;
    out->shared = in->shared != NULL;
    out->provider_id = ID(in->provider_id);
    out->raw = lent(raw);
    set(in->set, &out->set, &out->set_count);
    if (in->disk != NULL)
        disk(in->disk, out);
    return ranges(in->ranges, a, &out->ranges, &out->range_count) && reservations(in, a, out);
}

static bool resources(Mesos__V1__Resource **in, size_t count, struct str message, uint32_t number,
                      struct arena *a, const struct stoa_resource **ret, size_t *ret_count)
{
    struct stoa_resource *list;

    if (count == 0)
        return true;
    list = arena_array(a, count, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!resource(in[i], next_raw(&message, number), a, &list[i]))
            return false;
    *ret = list;
    *ret_count = count;
    return true;
}

/* --- offers ---------------------------------------------------------------------------------------------- */

static bool attributes(const Mesos__V1__Offer *in, struct arena *a, struct stoa_offer *out)
{
    struct stoa_attribute *list;

    if (in->n_attributes == 0)
        return true;
    list = arena_array(a, in->n_attributes, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < in->n_attributes; i++) {
        const Mesos__V1__Attribute *x = in->attributes[i];

        list[i].name = x->name;
        list[i].type = (enum stoa_value_type)x->type;
        list[i].milli = x->scalar != NULL ? milli(x->scalar->value) : 0;
        list[i].text = x->text != NULL ? x->text->value : NULL;
        set(x->set, &list[i].set, &list[i].set_count);
        if (!ranges(x->ranges, a, &list[i].ranges, &list[i].range_count))
            return false;
    }
    out->attributes = list;
    out->attribute_count = in->n_attributes;
    return true;
}

static bool executor_ids(const Mesos__V1__Offer *in, struct arena *a, struct stoa_offer *out)
{
    const char **list;

    if (in->n_executor_ids == 0)
        return true;
    list = arena_array(a, in->n_executor_ids, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < in->n_executor_ids; i++)
        list[i] = in->executor_ids[i]->value;
    out->executor_ids = list;
    out->executor_id_count = in->n_executor_ids;
    return true;
}

static void place(const Mesos__V1__Offer *in, struct stoa_offer *out)
{
    if (in->url != NULL && in->url->address != NULL) {
        out->agent_ip = in->url->address->ip;
        out->agent_port = in->url->address->port;
    }
    if (in->domain != NULL && in->domain->fault_domain != NULL) {
        out->region = in->domain->fault_domain->region->name;
        out->zone = in->domain->fault_domain->zone->name;
    }
    if (in->unavailability != NULL) {
        out->has_unavailability = true;
        out->unavailability_start_ns = in->unavailability->start->nanoseconds;
        out->unavailability_duration_ns =
            in->unavailability->duration != NULL ? in->unavailability->duration->nanoseconds : 0;
    }
}

static bool offer(const Mesos__V1__Offer *in, struct str raw, struct arena *a, struct stoa_offer *out)
{
    out->id = in->id->value;
    out->framework_id = in->framework_id->value;
    out->agent_id = in->agent_id->value;
    out->hostname = in->hostname;
    out->raw = lent(raw);
    place(in, out);
    if (!resources(in->resources, in->n_resources, raw, 5, a, &out->resources, &out->resource_count) ||
        !attributes(in, a, out) || !executor_ids(in, a, out))
        return false;
    out->allocation_role = in->allocation_info != NULL ? in->allocation_info->role : NULL;
    if (out->allocation_role == NULL)
        out->allocation_role = out->resource_count != 0 && out->resources[0].allocation_role != NULL
                                   ? out->resources[0].allocation_role
                                   : "*";
    return true;
}

static int offers(const Mesos__V1__Scheduler__Event__Offers *in, struct str raw, struct arena *a,
                  struct sdk_event *ret, struct error *err)
{
    struct stoa_offer *list = arena_array(a, in->n_offers + 1, sizeof *list);

    if (list == NULL)
        return out_of_memory(err, a);
    for (size_t i = 0; i < in->n_offers; i++)
        if (!offer(in->offers[i], next_raw(&raw, 1), a, &list[i]))
            return out_of_memory(err, a);
    ret->offers.list = list;
    ret->offers.count = in->n_offers;
    return 0;
}

static int inverse_offers(const Mesos__V1__Scheduler__Event__InverseOffers *in, struct str raw,
                          struct arena *a, struct sdk_event *ret, struct error *err)
{
    struct stoa_inverse_offer *list = arena_array(a, in->n_inverse_offers + 1, sizeof *list);

    if (list == NULL)
        return out_of_memory(err, a);
    for (size_t i = 0; i < in->n_inverse_offers; i++) {
        const Mesos__V1__InverseOffer *x = in->inverse_offers[i];

        list[i].id = x->id->value;
        list[i].agent_id = ID(x->agent_id);
        list[i].unavailability_start_ns = x->unavailability->start->nanoseconds;
        list[i].unavailability_duration_ns =
            x->unavailability->duration != NULL ? x->unavailability->duration->nanoseconds : 0;
        list[i].raw = lent(next_raw(&raw, 1));
    }
    ret->inverse_offers.list = list;
    ret->inverse_offers.count = in->n_inverse_offers;
    return 0;
}

/* --- statuses -------------------------------------------------------------------------------------------- */

static void check_result(const Mesos__V1__CheckStatusInfo *in, struct stoa_status *out)
{
    if (in->command != NULL) {
        out->check_type = STOA_CHECK_COMMAND;
        out->check_has_result = in->command->has_exit_code != 0;
        out->check_result = in->command->exit_code;
    } else if (in->http != NULL) {
        out->check_type = STOA_CHECK_HTTP;
        out->check_has_result = in->http->has_status_code != 0;
        out->check_result = (int)in->http->status_code;
    } else if (in->tcp != NULL) {
        out->check_type = STOA_CHECK_TCP;
        out->check_has_result = in->tcp->has_succeeded != 0;
        out->check_result = in->tcp->succeeded != 0;
    }
}

static bool container(const Mesos__V1__ContainerStatus *in, struct arena *a, struct stoa_status *out)
{
    struct stoa_ip_address *list;
    size_t count = 0, k = 0;

    out->executor_pid = in->has_executor_pid ? (int64_t)in->executor_pid : 0;
    out->container_id = ID(in->container_id);
    out->parent_container_id = in->container_id != NULL ? ID(in->container_id->parent) : NULL;
    for (size_t i = 0; i < in->n_network_infos; i++)
        count += in->network_infos[i]->n_ip_addresses;
    if (count == 0)
        return true;
    list = arena_array(a, count, sizeof *list);
    if (list == NULL)
        return false;
    for (size_t i = 0; i < in->n_network_infos; i++) {
        const Mesos__V1__NetworkInfo *net = in->network_infos[i];

        for (size_t j = 0; j < net->n_ip_addresses; j++, k++) {
            list[k].ip = net->ip_addresses[j]->ip_address;
            list[k].is_v6 = net->ip_addresses[j]->protocol == MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6;
            list[k].network = net->name;
        }
    }
    out->ip_addresses = list;
    out->ip_address_count = count;
    return true;
}

static void status_plain(const Mesos__V1__TaskStatus *in, struct stoa_status *out)
{
    out->task_id = in->task_id->value;
    out->state = (enum stoa_task_state)in->state;
    out->state_name = stoa_task_state_name(out->state);
    out->is_terminal = stoa_task_state_is_terminal(out->state);
    out->message = in->message;
    out->source = in->has_source ? (enum stoa_source)in->source : STOA_SOURCE_NONE;
    out->reason = in->has_reason ? (int)in->reason : -1;
    out->reason_name =
        in->has_reason ? enum_name(&mesos__v1__task_status__reason__descriptor, (int)in->reason) : NULL;
    out->agent_id = ID(in->agent_id);
    out->executor_id = ID(in->executor_id);
    out->timestamp = in->has_timestamp ? in->timestamp : 0;
    out->uuid = binary(in->has_uuid && in->uuid.len != 0, in->uuid);
    out->data = binary(in->has_data, in->data);
    out->healthy = in->has_healthy ? in->healthy != 0 : -1;
    out->unreachable_time_ns = in->unreachable_time != NULL ? in->unreachable_time->nanoseconds : 0;
    if (in->check_status != NULL)
        check_result(in->check_status, out);
}

static int status(const Mesos__V1__TaskStatus *in, struct str raw, struct arena *a, struct stoa_status *out,
                  struct error *err)
{
    struct str limitation = wire_field_bytes(raw, 16);

    *out = (struct stoa_status){ .raw = lent(raw) };
    status_plain(in, out);
    if ((in->container_status != NULL && !container(in->container_status, a, out)) ||
        !labels(in->labels, a, &out->labels, &out->label_count) ||
        (in->limitation != NULL && !resources(in->limitation->resources, in->limitation->n_resources,
                                              limitation, 1, a, &out->limitation, &out->limitation_count)))
        return out_of_memory(err, a);
    return 0;
}

static bool operation_is_terminal(enum stoa_operation_state s)
{
    switch (s) {
    case STOA_OPERATION_FINISHED:
    case STOA_OPERATION_FAILED:
    case STOA_OPERATION_ERROR:
    case STOA_OPERATION_DROPPED:
    case STOA_OPERATION_GONE_BY_OPERATOR:
        return true;
    case STOA_OPERATION_UNSUPPORTED:
    case STOA_OPERATION_PENDING:
    case STOA_OPERATION_UNREACHABLE:
    case STOA_OPERATION_RECOVERING:
    case STOA_OPERATION_UNKNOWN:
        break;
    }
    return false;
}

static int operation(const Mesos__V1__OperationStatus *in, struct str raw, struct arena *a,
                     struct stoa_operation_status *out, struct error *err)
{
    *out = (struct stoa_operation_status){
        .operation_id = ID(in->operation_id),
        .state = (enum stoa_operation_state)in->state,
        .state_name = enum_name(&mesos__v1__operation_state__descriptor, (int)in->state),
        .message = in->message,
        .agent_id = ID(in->agent_id),
        .provider_id = ID(in->resource_provider_id),
        .uuid = in->uuid != NULL ? binary(1, in->uuid->value) : (struct stoa_bytes){ NULL, 0 },
        .raw = lent(raw),
    };
    out->is_terminal = operation_is_terminal(out->state);
    if (!resources(in->converted_resources, in->n_converted_resources, raw, 4, a, &out->converted,
                   &out->converted_count))
        return out_of_memory(err, a);
    return 0;
}

/* --- events ---------------------------------------------------------------------------------------------- */

static void subscribed(const Mesos__V1__Scheduler__Event__Subscribed *in, struct str raw,
                       struct stoa_subscribed *out)
{
    *out = (struct stoa_subscribed){
        .framework_id = in->framework_id->value,
        .heartbeat_interval_seconds = in->has_heartbeat_interval_seconds ? in->heartbeat_interval_seconds : 0,
        .raw = lent(raw),
    };
    if (in->master_info != NULL) {
        out->master_id = in->master_info->id;
        out->master_hostname = in->master_info->hostname;
        if (in->master_info->domain != NULL && in->master_info->domain->fault_domain != NULL)
            out->master_region = in->master_info->domain->fault_domain->region->name;
        out->master_version = in->master_info->version;
    }
}

static void message(const Mesos__V1__Scheduler__Event__Message *in, struct sdk_event *ret)
{
    ret->message.agent_id = in->agent_id->value;
    ret->message.executor_id = in->executor_id->value;
    ret->message.data = binary(1, in->data);
}

static void failure(const Mesos__V1__Scheduler__Event__Failure *in, struct stoa_failure *out)
{
    *out = (struct stoa_failure){ ID(in->agent_id), ID(in->executor_id), in->has_status ? in->status : -1 };
}

/* Whether the body that the type wants is there. */
static bool has_body(const Mesos__V1__Scheduler__Event *e)
{
    switch (e->type) {
    case MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED:
        return e->subscribed != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS:
        return e->offers != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS:
        return e->inverse_offers != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND:
        return e->rescind != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER:
        return e->rescind_inverse_offer != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE:
        return e->update != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE_OPERATION_STATUS:
        return e->update_operation_status != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__MESSAGE:
        return e->message != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE:
        return e->failure != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR:
        return e->error != NULL;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT:
        return true;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UNKNOWN:
    case _MESOS__V1__SCHEDULER__EVENT__TYPE_IS_INT_SIZE:
        break;
    }
    return false;
}

static int body(const Mesos__V1__Scheduler__Event *e, struct str raw, struct arena *a, struct sdk_event *ret,
                struct error *err)
{
    switch (ret->type) {
    case SDK_EVENT_SUBSCRIBED:
        subscribed(e->subscribed, wire_field_bytes(raw, 2), &ret->subscribed);
        break;
    case SDK_EVENT_OFFERS:
        return offers(e->offers, wire_field_bytes(raw, 3), a, ret, err);
    case SDK_EVENT_INVERSE_OFFERS:
        return inverse_offers(e->inverse_offers, wire_field_bytes(raw, 9), a, ret, err);
    case SDK_EVENT_RESCIND:
        ret->offer_id = e->rescind->offer_id->value;
        break;
    case SDK_EVENT_RESCIND_INVERSE_OFFER:
        ret->offer_id = e->rescind_inverse_offer->inverse_offer_id->value;
        break;
    case SDK_EVENT_UPDATE:
        return status(e->update->status, wire_path(raw, 5, 1, 0), a, &ret->status, err);
    case SDK_EVENT_OPERATION:
        return operation(e->update_operation_status->status, wire_path(raw, 11, 1, 0), a, &ret->operation,
                         err);
    case SDK_EVENT_MESSAGE:
        message(e->message, ret);
        break;
    case SDK_EVENT_FAILURE:
        failure(e->failure, &ret->failure);
        break;
    case SDK_EVENT_ERROR:
        ret->error = e->error->message;
        break;
    case SDK_EVENT_HEARTBEAT:
    case SDK_EVENT_UNKNOWN:
        break;
    }
    return 0;
}

int sdk_decode(struct str bytes, struct arena *arena, struct sdk_event *ret, struct error *err)
{
    Mesos__V1__Scheduler__Event *e = NULL;
    int rc = WIRE_UNPACK(mesos__v1__scheduler__event, bytes, arena, &e, err);

    if (rc != 0)
        return rc;
    *ret = (struct sdk_event){ .type = SDK_EVENT_UNKNOWN };
    if (e->has_type && has_body(e))
        ret->type = (enum sdk_event_type)e->type;
    return body(e, bytes, arena, ret, err);
}
