/* SPDX-License-Identifier: Apache-2.0 */
/* Executors over a domain socket (--http_executor_domain_sockets): what they say to the agent goes through a file of this machine,
 * so a container needs no network to be the agent's. Executors learn of it by MESOS_DOMAIN_SOCKET.
 *
 * There are two sockets: the one of --domain_socket_location, for executors that see the host's files, and where images are built in one
 * in a folder of its own, which is mounted into the roots of containers. The folder is mounted, not the file: an agent that
 * restarts makes a new file, and who runs already finds it there.
 *
 * Whoever may open the file can speak (mode 0666, as in the original), so less is to be had here than by TCP: the executor API,
 * and of the operator API the calls about containers below an executor's. With --authenticate_http_executors tokens say whose.
 * Source: reference, §1 and §5; why so: docs/decisions/domain-sockets.md. */
#ifndef STOA_AGENT_DOMAIN_SOCKET_H
#define STOA_AGENT_DOMAIN_SOCKET_H

#include "agent/isolation/containerizer.h"
#include "common/io/http.h"
#include "proto/mesos_v1_agent.pb-c.h"

struct shell;

enum { DOMAIN_SOCKET_PATH_SIZE = 108 }; /* sun_path */

/* No effect without the flag. */
int domain_socket_listen(struct shell *s, struct error *err);
bool domain_socket_is_on(const struct shell *s);

/* Where an executor finds it, in the root of an image or in the host's; NULL: it does not. */
const char *domain_socket_for(const struct shell *s, bool has_image);
/* The volume that brings it into the root of an image. False: none is needed. */
bool domain_socket_volume(const struct shell *s, struct container_volume *ret);

bool domain_socket_is_from(const struct http_req *r);
bool domain_socket_takes(Mesos__V1__Agent__Call__Type type);

#endif
