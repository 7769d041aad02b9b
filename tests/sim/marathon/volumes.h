/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent volumes of marathon's instances: data is neither lost nor destroyed while its instance is there. Known from what is
 * sent alone. */
#ifndef STOA_SIM_MARATHON_VOLUMES_H
#define STOA_SIM_MARATHON_VOLUMES_H

#include "tests/sim/marathon/node.h"

struct volumes_watch;
struct volumes_watch *volumes_watch_new(void);
void volumes_watch_free(struct volumes_watch *w);

/* The leading marathon sends the launch of this TaskInfo, of this instance, on an agent; and a DESTROY. */
void volumes_launched(struct sim *s, struct str instance, struct str task);
void volumes_destroyed(struct sim *s, struct str destroy);

#endif
