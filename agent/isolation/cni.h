/* SPDX-License-Identifier: Apache-2.0 */
/* What the containerizer asks of network/cni besides an isolator's functions: the steps that take their time.
 * done is called once from the loop; err is NULL when it went well. */
#ifndef STOA_AGENT_ISOLATION_CNI_H
#define STOA_AGENT_ISOLATION_CNI_H

#include "agent/isolation/isolator.h"

typedef void cni_done_fn(struct container *c, const struct error *err);

/* Attaches a prepared container to its networks and adds to its launch what the plugins decided. False: it has none of its own. */
bool cni_attach(struct container *c, cni_done_fn *done);
void cni_cancel(struct container *c); /* makes an attach end soon; done comes as ever */
/* Takes the container's networks away. False: there is nothing to take away. After an error it is tried again without the
 * container, which may go. */
bool cni_detach(struct container *c, cni_done_fn *done);
/* ContainerStatus with the network_infos of the container or of the nearest one around it that has networks; empty: the host's. */
struct str cni_status(const struct container *c);
/* After a restart: detaches what belongs to no container. How many there are. */
size_t cni_recover(struct containerizer *owner);
void cni_stop(struct isolation *iso); /* at the end of the agent */

#endif
