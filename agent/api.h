/* SPDX-License-Identifier: Apache-2.0 */
/* What api.c (pipeline and queries), api_containers.c and session.c share. */
#ifndef STOA_AGENT_API_H
#define STOA_AGENT_API_H

#include "agent/shell.h"
#include "proto/mesos_v1_agent.pb-c.h"

enum { API_ANSWER_BYTES_MAX = 1 << 30, API_ARENA_BYTES = 256 << 20 };

struct api_call {
    struct shell *shell;
    struct http_req *req;
    bool json_out;
    bool recordio_out;            /* answer by records, json_out telling which */
    struct arena arena;
    Mesos__V1__Agent__Call *msg;
};

/* --- api_reply.c --- */
/* 200 with a mesos.v1.agent.Response in the negotiated form; bytes is the Response. */
void api_reply(struct http_req *r, bool json, struct str response);
void api_reply_forbidden(struct http_req *r); /* 403 */
void api_reply_empty(struct http_req *r, unsigned status);
/* Whether a call may be looked at: recovery is over, and it is a POST. Else it is answered. */
bool api_may_begin(struct http_req *r, bool is_recovering);
/* "parent.child" from the nested message; from the arena. Empty: a part that is no id, or too deep. */
struct str api_container_id(const Mesos__V1__ContainerID *id, struct arena *arena);
/* The user of the executor whose container this is below; NULL: there is none. */
const char *api_inherited_user(struct shell *s, struct str id, struct arena *arena);

/* Whether the caller may launch this; else answered. as_user: by the user it will run as; under: by the executor's above it. */
bool api_may_launch(struct api_call *c, struct str id, const Mesos__V1__CommandInfo *command, enum acl_action as_user,
                    enum acl_action under);

/* --- api_containers.c --- */
void api_get_containers(struct api_call *c);
void api_launch(struct api_call *c, const Mesos__V1__ContainerID *id, const Mesos__V1__CommandInfo *command,
                const Mesos__V1__ContainerInfo *container, const Mesos__V1__Agent__Call__LaunchContainer *more);
void api_wait(struct api_call *c, const Mesos__V1__ContainerID *id, bool nested);
void api_kill(struct api_call *c, const Mesos__V1__ContainerID *id, bool has_signal, int signal);
void api_remove(struct api_call *c, const Mesos__V1__ContainerID *id);
void api_attach_output(struct api_call *c);

/* --- session.c: LAUNCH_NESTED_CONTAINER_SESSION --- */
void session_start(struct api_call *c);
/* True: the container is a session's, which is told. */
bool session_launched(struct shell *s, const char *id, const struct error *err);
void session_exited(struct shell *s, const char *id);
void session_free_all(struct shell *s);

#endif
