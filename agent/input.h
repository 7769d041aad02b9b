/* SPDX-License-Identifier: Apache-2.0 */
/* ATTACH_CONTAINER_INPUT: a request whose body is a stream of calls, written to the container's input as they come. */
#ifndef STOA_AGENT_INPUT_H
#define STOA_AGENT_INPUT_H

#include "agent/api.h"

enum { INPUTS_MAX = 2000 };

/* From on_head: whether the request is a stream of calls in good form. What is not goes the way of every call and gets its
 * error there. */
bool input_wants(const struct shell *s, const struct http_req *r);
void input_take(struct shell *s, struct http_req *r); /* of the caller in s->access.who */
/* The container has ended: who writes to it gets its answer. */
void input_container_exited(struct shell *s, const char *id);
void input_free_all(struct shell *s);

#endif
