/* SPDX-License-Identifier: Apache-2.0 */
/* The output of a container as a stream of ProcessIO records: what a session's answer and ATTACH_CONTAINER_OUTPUT are.
 *
 * It is read from the container's files stdout and stderr, which every container writes anyway, so a stream costs the
 * command nothing, outlives nothing, and a slow client is simply behind: what it has not taken yet is in the file. A
 * client that takes nothing at all is dropped by the HTTP server's write_stall timeout and counted there. News comes by
 * inotify; an idle stream wakes nobody but for its heartbeat. */
#ifndef STOA_AGENT_OUTPUT_H
#define STOA_AGENT_OUTPUT_H

#include "agent/api.h"
#include "agent/isolation/containerizer.h"

enum { OUTPUTS_MAX = 2000 };

struct output_spec {
    const char *id;             /* printed ContainerID; copied */
    const char *sandbox;        /* copied */
    bool is_terminal;           /* there is only stdout */
    bool from_start;            /* else: what is written from now on */
    bool json, recordio;        /* form of the records; whether they are announced as RecordIO */
    /* The stream has ended: the container has and all was passed on, or (is_cut) the client left. NULL: nobody cares. */
    void (*ended)(void *arg, bool is_cut);
    void *arg;
};

/* Begins the answer, 200. With OUTPUTS_MAX streams open: answers 503 and returns false; ended is not called then. */
bool output_begin(struct shell *s, struct http_req *r, const struct output_spec *spec);
/* The container has ended: its streams end when all is passed on. */
void output_container_exited(struct shell *s, const char *id);
/* Cuts all of them; ended is not called. */
void output_free_all(struct shell *s);

#endif
