/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic checks of volumes, and of changes to apps that have persistent ones. The texts and their paths are Marathon's, as in
 * validate.c: what is wrong with a volume of a kind stands at the kind, not at its members. */
#include "marathon/core/normalise.h"

void app_validate_persistent(const struct persistent_info *p, const struct place *at, struct issues *is)
{
    struct place ps = PLACE_FIELD(at, "size");
    size_t i = 0;

    if (p->size.v == 0)
        issue_at(is, &ps, "got 0, expected more than 0");
    if (p->max_size.has && p->type.v != VOLUME_MOUNT)
        issue_at(is, at, "Only mount volumes can have maxSize");
    if (p->max_size.has && p->max_size.v <= p->size.v)
        issue_at(is, at, "Max size must be larger than size");
    if (p->constraints.n != 0 && p->type.v == VOLUME_ROOT)
        issue_at(is, at, "Constraints on root volumes are not supported");
    LIST_EACH(p->constraints, struct constraint, c)
    {
        struct place pi = PLACE_INDEX(at, "constraints", i++);
        constraint_validate(c, &pi, is);
        if (c->op.v != OP_LIKE && c->op.v != OP_UNLIKE)
            issue_at(is, &pi, "a volume's constraint has the operator LIKE or UNLIKE");
        if (!str_is(c->field, "path"))
            issue_at(is, &pi, "a volume's constraint is about the field path");
    }
}

static void check_dvdi_options(const struct external_info *e, bool docker, const struct place *at, struct issues *is)
{
    bool driver = false, other = false;

    LIST_EACH(e->options, struct kv, o)
    {
        if (str_is(o->k, "dvdi/driver"))
            driver = o->v.n != 0;
        else
            other = true;
        if (str_index(o->k, '/') == o->k.n)
            issue_at(is, at, "option '%.*s' must be prefixed by its provider, as dvdi/%.*s", STR_ARG(str_sub(o->k, 0, 60)),
                     STR_ARG(str_sub(o->k, 0, 60)));
    }
    if (!driver)
        issue_at(is, at, "must say dvdi/driver");
    if (docker && other)
        issue_at(is, at, "must only contain dvdi/driver");
}

static void check_dvdi(const struct app *a, const struct volume *v, const struct place *p, struct issues *is)
{
    const struct external_info *e = v->external;
    bool docker = a->container->type.v == ENGINE_DOCKER;
    struct place pe = PLACE_FIELD(p, "external"), pn = PLACE_FIELD(&pe, "name"), po = PLACE_FIELD(&pe, "options"),
                 ps = PLACE_FIELD(&pe, "size"), pm = PLACE_FIELD(p, "mode");

    if (e->name.n == 0)
        issue_at(is, &pn, "not defined");
    check_dvdi_options(e, docker, &po, is);
    if (e->size.has && docker)
        issue_at(is, &ps, "must be undefined for Docker containers");
    if (!docker && v->mode.v != MODE_RW)
        issue_at(is, &pm, "got RO, expected RW");
}

static void check_csi(const struct app *a, const struct volume *v, const struct place *p, struct issues *is)
{
    int64_t mode = v->external->csi->capability->access_mode.v; /* required, with its type: decoding saw to it */
    struct place pe = PLACE_FIELD(p, "external"), pn = PLACE_FIELD(&pe, "name");

    if (v->external->name.n == 0)
        issue_at(is, &pn, "must not be empty");
    if (a->container->type.v == ENGINE_DOCKER)
        issue_at(is, p, "a volume of provider csi needs the MESOS engine");
    if (v->mode.v == MODE_RW && (mode == CSI_SINGLE_READER || mode == CSI_MULTI_READER))
        issue_at(is, p, "CSI volume must be mounted readonly with a read-only access mode");
}

void app_validate_external(const struct app *a, const struct volume *v, const struct place *at, struct issues *is)
{
    struct place pe = PLACE_FIELD(at, "external"), pp = PLACE_FIELD(&pe, "provider");
    struct str provider = v->external->provider;

    if (str_is(provider, "csi"))
        check_csi(a, v, at, is);
    else if (str_is(provider, "dvdi"))
        check_dvdi(a, v, at, is);
    else if (provider.n == 0)
        issue_at(is, &pp, "not defined");
    else
        issue_at(is, &pp, "is unknown provider '%.*s'; there are dvdi and csi", STR_ARG(str_sub(provider, 0, 100)));
}

static bool same_name(const struct volume *x, const struct volume *y)
{
    if (x->persistent != NULL && y->persistent != NULL)
        return str_eq(x->container_path, y->container_path);
    return x->external != NULL && y->external != NULL && x->external->name.n != 0 &&
           str_eq(x->external->name, y->external->name);
}

/* How many instances may share what the volumes are. */
static void check_scale(const struct app *a, const struct place *root, struct issues *is)
{
    struct place pi = PLACE_FIELD(root, "instances");
    bool dvdi = false, alone = false, writer = false;

    LIST_EACH(a->container->volumes, struct volume, v)
    {
        const struct external_info *e = v->external;
        if (e == NULL)
            continue;
        dvdi = dvdi || (str_is(e->provider, "dvdi") && !e->shared.v);
        alone = alone || (e->csi != NULL && (e->csi->capability->access_mode.v == CSI_SINGLE_WRITER ||
                                             e->csi->capability->access_mode.v == CSI_SINGLE_READER));
        writer = writer || (e->csi != NULL && e->csi->capability->access_mode.v == CSI_MULTI_SINGLE_WRITER && v->mode.v == MODE_RW);
    }
    if (a->instances.v <= 1)
        return;
    if (dvdi)
        issue_at(is, root, "Number of instances is limited to 1 when declaring DVDI volumes in app [%.*s]", STR_ARG(str_sub(a->id, 0, 150)));
    if (alone)
        issue_at(is, &pi, "got %lld, expected 1 or less while non-shareable CSI volumes are defined", (long long)a->instances.v);
    else if (writer)
        issue_at(is, &pi, "got %lld, expected 1 or less while a multi-node single-writer volume is defined mounted as read/write",
                 (long long)a->instances.v);
}

void app_validate_volumes_together(const struct app *a, const struct place *root, struct issues *is)
{
    struct place pc = PLACE_FIELD(root, "container"), all = PLACE_FIELD(&pc, "volumes");

    LIST_EACH(a->container->volumes, struct volume, v)
    LIST_EACH(a->container->volumes, struct volume, o)
    if (o < v && same_name(v, o))
        issue_at(is, &all, "Volume names must be unique");
    check_scale(a, root, is);
}

static bool same_number(double x, double y)
{
    return !(x < y || x > y);
}

static bool same_volumes(const struct app *from, const struct app *to)
{
    size_t n = app_volume_count(from);

    if (n != app_volume_count(to))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(app_volume(from, i)->container_path, app_volume(to, i)->container_path) ||
            !schema_equal(&schema_persistent, app_volume(from, i)->persistent, app_volume(to, i)->persistent))
            return false;
    return true;
}

static int64_t host_port(const struct app *a, size_t i)
{
    if (!app_is_host_mode(a)) {
        const struct port_mapping *m = LIST_AT(a->container->port_mappings, struct port_mapping, i);
        return m->host_port.has ? m->host_port.v : -1;
    }
    return a->require_ports.v ? app_service_port(a, i) : 0;
}

static bool same_host_ports(const struct app *from, const struct app *to)
{
    size_t n = app_port_count(from);

    if (n != app_port_count(to))
        return false;
    for (size_t i = 0; i < n; i++)
        if (host_port(from, i) != host_port(to, i))
            return false;
    return true;
}

static void check_resident_pod(const struct app *from, const struct app *to, const struct place *at,
                               struct issues *is)
{
    if (!same_volumes(from, to))
        issue_at(is, at, "persistent volumes cannot be updated");
    if (!same_number(from->cpus.v, to->cpus.v))
        issue_at(is, at, "cpus cannot be updated if a pod has persistent volumes");
    if (!same_number(from->mem.v, to->mem.v))
        issue_at(is, at, "mem cannot be updated if a pod has persistent volumes");
    if (!same_number(from->disk.v, to->disk.v))
        issue_at(is, at, "disk cannot be updated if a pod has persistent volumes");
    if (from->gpus.v != to->gpus.v)
        issue_at(is, at, "gpus cannot be updated if a pod has persistent volumes");
    if (!same_host_ports(from, to))
        issue_at(is, at, "host ports cannot be updated if a pod has persistent volumes");
}

void app_validate_resident_update(const struct app *from, const struct app *to, const struct place *at,
                                  struct issues *is)
{
    if (!app_is_resident(from))
        return;
    if (to->pod != NULL) {
        check_resident_pod(from, to, at, is);
        return;
    }
    if (!same_volumes(from, to))
        issue_at(is, at, "Persistent volumes can not be changed!");
    if (!same_number(from->cpus.v, to->cpus.v) || !same_number(from->mem.v, to->mem.v) ||
        !same_number(from->disk.v, to->disk.v) || from->gpus.v != to->gpus.v)
        issue_at(is, at,
                 "Services with persistent volumes configured may not change resource requirements. If you need "
                 "to make this change, please create a new service.");
    if (!same_host_ports(from, to))
        issue_at(is, at,
                 "Services with persistent volumes configured may not change host port requirements. If you need "
                 "to make this change, please create a new service.");
}
