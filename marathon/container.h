/* SPDX-License-Identifier: Apache-2.0 */
/* The mesos.v1.ContainerInfo of a task or executor as JSON: image, volumes, networks, terminal and what there is to say about the
 * kernel. Type and engine are what the app says. What an agent cannot do of it the agent says, by failing the task. */
#ifndef STOA_MARATHON_CONTAINER_H
#define STOA_MARATHON_CONTAINER_H

#include "common/wire/jsonw.h"
#include "marathon/core/marathon.h"

/* A port that leads into the container. */
struct container_port {
    uint32_t host, container;
    enum protocol protocol;
    const struct list *network_names; /* empty or NULL: on every network */
};

/* Keys of an open ContainerInfo object; each writes nothing when there is nothing to say. */
struct image_login {
    const struct pull_config *config; /* names the secret with the registry's credentials; NULL: none */
    const struct list *secrets;
    const struct docker_credential *credential; /* the older form; NULL: none */
};
void container_put_image(struct jsonw *w, struct str image, bool force_pull, const struct image_login *login);
/* The key "docker" for the Docker engine; its network is that of the app's first one, ports those that lead into the container. */
void container_put_docker(struct jsonw *w, const struct container *c, const struct list *networks, const struct container_port *ports,
                          size_t port_count);
void container_put_linux(struct jsonw *w, const struct linux_info *l);
void container_put_terminal(struct jsonw *w, bool tty);
/* One NetworkInfo for each network that is not the host's. */
void container_put_networks(struct jsonw *w, const struct list *networks, struct str bridge_name,
                            const struct container_port *ports, size_t port_count);
/* What a Volume says of an external one: its driver and name; with docker, which names the driver itself, the name alone. */
void container_put_external(struct jsonw *w, const struct external_info *e, bool docker);
/* The key "source" of a Volume that holds this secret; secrets: struct kv of names and contents. */
void container_put_secret(struct jsonw *w, struct str name, const struct list *secrets);

#endif
