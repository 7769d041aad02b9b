/* SPDX-License-Identifier: Apache-2.0 */
/* What spec.c, spec_image.c and networks.c share: pieces of a container_spec made from messages, in the arena of the request. */
#ifndef STOA_AGENT_SPEC_H
#define STOA_AGENT_SPEC_H

#include "agent/isolation/containerizer.h"
#include "common/base/arena.h"
#include "proto/mesos_v1.pb-c.h"

/* --- spec_values.c --- */

const char *spec_text(struct arena *arena, struct str s); /* "" when memory is out, which the arena remembers */

struct spec_env {
    struct container_env *v;
    size_t n, cap;
    struct arena *arena;
};
void spec_env_put(struct spec_env *l, const char *name, const char *value); /* no effect when one is NULL, or at cap */

/* Of a secret that carries its value. what is its owner's kind and name in the error. */
int spec_secret(const Mesos__V1__Secret *s, const char *kind, const char *name, struct str *ret, struct error *err);

/* --- a part of a container each --- */

/* The networks that the container joins instead of its parent's or the host's (networks.c). */
int spec_networks(const Mesos__V1__ContainerInfo *c, struct arena *arena, struct container_spec *ret, struct error *err);
int spec_image(const Mesos__V1__Image *m, struct arena *arena, const struct container_image **ret, struct error *err);
/* Type DOCKER. volumes: the spec's, with room for one more per parameter; env the same. */
int spec_docker(const Mesos__V1__ContainerInfo *container, struct spec_env *env, struct container_volume *volumes,
                struct arena *arena, struct container_spec *ret, struct error *err);

#endif
