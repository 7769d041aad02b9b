/* SPDX-License-Identifier: Apache-2.0 */
/* Source: marathon-behaviour §2 and §5 (networks, port mappings); names of the fields: mesos.v1.ContainerInfo. */
#include "marathon/container.h"

#include <stdio.h>

/* A Secret by value under this key. */
static void put_secret(struct jsonw *w, const char *key, struct str name, const struct list *secrets)
{
    struct str data = { NULL, 0 };
    LIST_EACH(*secrets, struct kv, s)
    if (str_eq(s->k, name))
        data = s->v;
    jsonw_key_open(w, key);
    jsonw_key_c(w, "type", "VALUE");
    jsonw_key_open(w, "value");
    jsonw_key(w, "data");
    jsonw_base64(w, data);
    jsonw_close(w);
    jsonw_close(w);
}

static void put_credential(struct jsonw *w, const struct docker_credential *c)
{
    jsonw_key_open(w, "credential");
    jsonw_key_s(w, "principal", c->principal);
    if (c->secret.p != NULL)
        jsonw_key_s(w, "secret", c->secret);
    jsonw_close(w);
}

void container_put_image(struct jsonw *w, struct str image, bool force_pull, const struct image_login *login)
{
    jsonw_key_open(w, "mesos");
    jsonw_key_open(w, "image");
    jsonw_key_c(w, "type", "DOCKER");
    jsonw_key_bool(w, "cached", !force_pull);
    jsonw_key_open(w, "docker");
    jsonw_key_s(w, "name", image);
    if (login->config != NULL)
        put_secret(w, "config", login->config->secret, login->secrets);
    if (login->credential != NULL)
        put_credential(w, login->credential);
    jsonw_close(w);
    jsonw_close(w);
    jsonw_close(w);
}

void container_put_linux(struct jsonw *w, const struct linux_info *l)
{
    if (l == NULL || (l->seccomp == NULL && l->ipc == NULL))
        return;
    jsonw_key_open(w, "linux_info");
    if (l->seccomp != NULL) {
        jsonw_key_open(w, "seccomp");
        if (l->seccomp->profile.p != NULL)
            jsonw_key_s(w, "profile_name", l->seccomp->profile);
        else
            jsonw_key_bool(w, "unconfined", l->seccomp->unconfined.v);
        jsonw_close(w);
    }
    if (l->ipc != NULL) {
        jsonw_key_c(w, "ipc_mode", l->ipc->mode.v == 0 ? "PRIVATE" : "SHARE_PARENT");
        if (l->ipc->shm_size.has)
            jsonw_key_i64(w, "shm_size", l->ipc->shm_size.v);
    }
    jsonw_close(w);
}

void container_put_terminal(struct jsonw *w, bool tty)
{
    if (!tty)
        return;
    jsonw_key_open(w, "tty_info");
    jsonw_close(w);
}

static bool leads_into(const struct container_port *p, struct str network)
{
    if (p->network_names == NULL || p->network_names->n == 0)
        return true;
    LIST_EACH(*p->network_names, struct str, name)
    if (str_eq(*name, network))
        return true;
    return false;
}

static void put_mapping(struct jsonw *w, const struct container_port *p)
{
    for (int k = 0; k < 2; k++) {
        if ((k == 0 && p->protocol == PROTO_TCP) || (k == 1 && p->protocol == PROTO_UDP))
            continue;
        jsonw_open(w);
        jsonw_key_u64(w, "host_port", p->host);
        jsonw_key_u64(w, "container_port", p->container);
        jsonw_key_c(w, "protocol", k == 0 ? "udp" : "tcp");
        jsonw_close(w);
    }
}

static void put_network(struct jsonw *w, const struct network *n, struct str name, const struct container_port *ports,
                        size_t port_count)
{
    jsonw_open(w);
    jsonw_key_array(w, "ip_addresses");
    jsonw_open(w);
    jsonw_key_c(w, "protocol", "IPv4");
    jsonw_close(w);
    jsonw_array_close(w);
    jsonw_key_s(w, "name", name);
    jsonw_key_open(w, "labels");
    jsonw_key_array(w, "labels");
    LIST_EACH(n->labels, struct kv, kv)
    {
        jsonw_open(w);
        jsonw_key_s(w, "key", kv->k);
        jsonw_key_s(w, "value", kv->v);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_close(w);
    jsonw_key_array(w, "port_mappings");
    for (size_t i = 0; i < port_count; i++)
        if (leads_into(&ports[i], name))
            put_mapping(w, &ports[i]);
    jsonw_array_close(w);
    jsonw_close(w);
}

void container_put_networks(struct jsonw *w, const struct list *networks, struct str bridge_name,
                            const struct container_port *ports, size_t port_count)
{
    jsonw_key_array(w, "network_infos");
    LIST_EACH(*networks, struct network, n)
    {
        if (n->mode.v == NET_BRIDGE)
            put_network(w, n, bridge_name, ports, port_count);
        else if (n->mode.v == NET_CONTAINER)
            put_network(w, n, n->name, ports, port_count);
    }
    jsonw_array_close(w);
}

void container_put_secret(struct jsonw *w, struct str name, const struct list *secrets)
{
    jsonw_key_open(w, "source");
    jsonw_key_c(w, "type", "SECRET");
    put_secret(w, "secret", name, secrets);
    jsonw_close(w);
}

/* --- external volumes ----------------------------------------------------------------------------------- */
#define DVDI_PREFIX "dvdi/"

static struct str option(const struct external_info *e, struct str key)
{
    LIST_EACH(e->options, struct kv, o)
    if (str_eq(o->k, key))
        return o->v;
    return STR("");
}

/* What the driver is told: its options without the prefix, and the size. */
static void put_driver_options(struct jsonw *w, const struct external_info *e)
{
    jsonw_key_open(w, "driver_options");
    jsonw_key_array(w, "parameter");
    LIST_EACH(e->options, struct kv, o)
    {
        if (!str_starts(o->k, STR(DVDI_PREFIX)) || str_is(o->k, DVDI_PREFIX "driver"))
            continue;
        jsonw_open(w);
        jsonw_key_s(w, "key", str_sub(o->k, sizeof DVDI_PREFIX - 1, o->k.n));
        jsonw_key_s(w, "value", o->v);
        jsonw_close(w);
    }
    if (e->size.has) {
        char text[32];
        (void)snprintf(text, sizeof text, "%lld", (long long)e->size.v);
        jsonw_open(w);
        jsonw_key_c(w, "key", "size");
        jsonw_key_c(w, "value", text);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_close(w);
}

static void put_text_map(struct jsonw *w, const char *key, const struct list *l)
{
    jsonw_key_open(w, key);
    LIST_EACH(*l, struct kv, kv)
    {
        jsonw_key_str(w, kv->k);
        jsonw_str(w, kv->v);
    }
    jsonw_close(w);
}

/* Secrets of CSI go by name: they are the plug-in's affair, not the task's. */
static void put_secret_names(struct jsonw *w, const char *key, const struct list *l)
{
    jsonw_key_open(w, key);
    LIST_EACH(*l, struct kv, kv)
    {
        jsonw_key_str(w, kv->k);
        jsonw_open(w);
        jsonw_key_c(w, "type", "REFERENCE");
        jsonw_key_open(w, "reference");
        jsonw_key_s(w, "name", kv->v);
        jsonw_close(w);
        jsonw_close(w);
    }
    jsonw_close(w);
}

static void put_csi_capability(struct jsonw *w, const struct csi_capability *c)
{
    static const char *const modes[] = { [CSI_SINGLE_WRITER] = "SINGLE_NODE_WRITER",
                                         [CSI_SINGLE_READER] = "SINGLE_NODE_READER_ONLY",
                                         [CSI_MULTI_READER] = "MULTI_NODE_READER_ONLY",
                                         [CSI_MULTI_SINGLE_WRITER] = "MULTI_NODE_SINGLE_WRITER",
                                         [CSI_MULTI_WRITER] = "MULTI_NODE_MULTI_WRITER" };

    jsonw_key_open(w, "volume_capability");
    jsonw_key_open(w, c->access_type.v == CSI_BLOCK ? "block" : "mount");
    if (c->access_type.v == CSI_MOUNT) {
        if (c->fs_type.p != NULL)
            jsonw_key_s(w, "fs_type", c->fs_type);
        jsonw_key_array(w, "mount_flags");
        LIST_EACH(c->mount_flags, struct str, flag)
        jsonw_str(w, *flag);
        jsonw_array_close(w);
    }
    jsonw_close(w);
    jsonw_key_open(w, "access_mode");
    jsonw_key_c(w, "mode", modes[c->access_mode.v]);
    jsonw_close(w);
    jsonw_close(w);
}

static void put_csi(struct jsonw *w, const struct external_info *e)
{
    jsonw_key_open(w, "source");
    jsonw_key_c(w, "type", "CSI_VOLUME");
    jsonw_key_open(w, "csi_volume");
    jsonw_key_s(w, "plugin_name", e->csi->plugin);
    jsonw_key_open(w, "static_provisioning");
    jsonw_key_s(w, "volume_id", e->name);
    put_csi_capability(w, e->csi->capability);
    put_secret_names(w, "node_stage_secrets", &e->csi->stage_secrets);
    put_secret_names(w, "node_publish_secrets", &e->csi->publish_secrets);
    put_text_map(w, "volume_context", &e->csi->context);
    jsonw_close(w);
    jsonw_close(w);
    jsonw_close(w);
}

void container_put_external(struct jsonw *w, const struct external_info *e, bool docker)
{
    if (e->csi != NULL) {
        put_csi(w, e);
        return;
    }
    if (docker) { /* the driver is named in "docker" */
        jsonw_key_s(w, "host_path", e->name);
        return;
    }
    jsonw_key_open(w, "source");
    jsonw_key_c(w, "type", "DOCKER_VOLUME");
    jsonw_key_open(w, "docker_volume");
    jsonw_key_s(w, "driver", option(e, STR(DVDI_PREFIX "driver")));
    jsonw_key_s(w, "name", e->name);
    put_driver_options(w, e);
    jsonw_close(w);
    jsonw_close(w);
}

static const char *docker_network(const struct list *networks)
{
    LIST_EACH(*networks, struct network, n)
    {
        if (n->mode.v == NET_BRIDGE)
            return "BRIDGE";
        if (n->mode.v == NET_CONTAINER)
            return "USER";
    }
    return "HOST";
}

void container_put_docker(struct jsonw *w, const struct container *c, const struct list *networks, const struct container_port *ports,
                          size_t port_count)
{
    const struct docker *d = c->docker;

    jsonw_key_open(w, "docker");
    jsonw_key_s(w, "image", d->image);
    jsonw_key_c(w, "network", docker_network(networks));
    jsonw_key_array(w, "port_mappings");
    for (size_t i = 0; i < port_count; i++)
        put_mapping(w, &ports[i]);
    jsonw_array_close(w);
    jsonw_key_bool(w, "privileged", d->privileged.v);
    jsonw_key_array(w, "parameters");
    LIST_EACH(d->parameters, struct docker_parameter, p)
    {
        jsonw_open(w);
        jsonw_key_s(w, "key", p->key);
        jsonw_key_s(w, "value", p->value);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_key_bool(w, "force_pull_image", d->force_pull.v);
    LIST_EACH(c->volumes, struct volume, v)
    if (v->external != NULL) {
        jsonw_key_s(w, "volume_driver", option(v->external, STR(DVDI_PREFIX "driver")));
        break;
    }
    jsonw_close(w);
}
