/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user wrote to what is stored: deprecated forms become their present ones, defaults are filled
 * in, ids become absolute. Source: marathon-behaviour §2.
 *
 * Order for a create:  app_migrate, app_fill, app_validate.
 * For a partial update: app_migrate(update), app_merge(update over stored), app_fill, app_validate. */
#ifndef STOA_MARATHON_NORMALISE_H
#define STOA_MARATHON_NORMALISE_H

#include "marathon/core/app.h"
#include "marathon/core/config.h"
#include "marathon/core/issues.h"

/* Rewrites uris, ports, ipAddress, docker.network and docker.portMappings, and refuses mixtures of old and
 * new. */
void app_migrate(struct app *a, const struct marathon_config *c, struct arena *arena, struct issues *is);

/* Which health checks without a port get index 0. */
enum health_ports {
    HEALTH_PORTS_STATED, /* on create: if the app states portDefinitions, or has port mappings (defaults
                            included) */
    HEALTH_PORTS_ALL,    /* on an update that carries healthChecks */
    HEALTH_PORTS_NONE    /* as it is stored */
};
/* Defaults that depend on other fields. base: the group against which a relative id is resolved. */
void app_fill(struct app *a, const struct marathon_config *c, struct str base, enum health_ports hp,
              struct arena *arena);

/* Writes the fields that update has over those of *a (a clone of the stored value, app_clone; the result
 * shares memory with update). executorResources and resourceLimits are dropped when update has none. */
void app_merge(struct app *a, const struct app *update);
/* A deep copy; NULL when the arena is spent. */
struct app *app_clone(const struct app *a, struct arena *arena);

/* What an app with persistent volumes may not change, of which its reservations are made. */
void app_validate_resident_update(const struct app *from, const struct app *to, const struct place *at,
                                  struct issues *is);
/* A persistent volume of an app or of a pod. */
/* A volume with `external`, and what the volumes of a container (not NULL) may be together. */
void app_validate_external(const struct app *a, const struct volume *v, const struct place *at, struct issues *is);
void app_validate_volumes_together(const struct app *a, const struct place *root, struct issues *is);
void app_validate_linux(const struct linux_info *l, const struct place *up, struct issues *is); /* NULL: nothing to say */
void app_validate_persistent(const struct persistent_info *p, const struct place *at, struct issues *is);
/* The feature, the store, and sources that stay below it. */
void app_validate_secrets(const struct list *secrets, const struct marathon_config *config, const struct place *root, struct issues *is);

/* Every problem of a filled app. stored_role: the role in use by the app now, p NULL when it is new. */
struct validate_context {
    const struct marathon_config *config;
    const struct app *stored; /* the definition it replaces; NULL: a new app */
    struct str stored_role;
    bool enforce_role;         /* of the top-level group */
    bool in_group;             /* stated inside a group update */
    const struct place *place; /* of the app in the request; NULL: it is the body */
};
void app_validate(const struct app *a, const struct validate_context *vc, struct issues *is);
/* One constraint, of whatever has it. */
void constraint_validate(const struct constraint *c, const struct place *at, struct issues *is);
/* The parts that pods share: id and roles; one constraint. */
void app_validate_identity(const struct app *a, const struct validate_context *vc, struct issues *is);
void app_validate_constraint(const struct constraint *c, const struct place *at, struct issues *is);
void app_validate_networks(const struct list *networks, bool docker, const struct place *root, struct issues *is);
/* The uris of what is fetched, a list of struct artifact called name. */
void app_validate_fetch(const struct list *fetch, const char *name, const struct place *up, struct issues *is);

#endif
