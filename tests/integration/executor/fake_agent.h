/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side of the executor API, as far as executors need it: takes SUBSCRIBE, updates and messages, sends events,
 * goes away and comes back on the same port, and serves the container calls on a real containerizer. */
#ifndef STOA_TESTS_FAKE_AGENT_H
#define STOA_TESTS_FAKE_AGENT_H

#include "common/io/http.h"
#include "executor/sdk/wire.h"
#include "tests/integration/isolation/fixture.h"

enum { AGENT_UPDATES = 128 };

struct agent_update {
    char task_id[64];
    int state, reason, healthy; /* reason and healthy: -1 not there */
    char message[400];
    char check[64];             /* bytes of check_status in hex */
    char executor_id[64];
    bool has_container;
    struct uuid uuid;
    bool again;                 /* came in a SUBSCRIBE */
};

struct fake_agent {
    struct fixture f;           /* containers and loop */
    struct http_server *server;
    uint16_t port;
    struct http_req *stream;    /* of the executor */
    struct agent_update updates[AGENT_UPDATES];
    size_t count;
    size_t subscribes, unacknowledged_tasks;
    size_t probes;              /* requests that no executor makes: of health checks */
    char messages[512];
    bool acknowledge;           /* every update at once */
    bool refuse;                /* 503 to everything */
    bool killing_state;         /* of the framework */
    bool refuse_launch;         /* of containers, with 400 */
    unsigned busy_launches;     /* so many are answered with 503 */
    unsigned launches_once;     /* that are not to run twice */
    struct agent_wait {
        char id[128];
        struct http_req *r;
    } waits[16];
    char launched[16][128];     /* nested container ids */
    size_t launched_count;
};

bool fake_agent_start(struct fake_agent *a, const char *isolation);
void fake_agent_stop(struct fake_agent *a);
void fake_agent_die(struct fake_agent *a);     /* closes everything */
void fake_agent_return(struct fake_agent *a);  /* listens again on the port */
/* Starts the executor as container "x1" in the fixture. */
bool fake_agent_executor(struct fake_agent *a, const char *program, bool checkpoint);
void fake_agent_event(struct fake_agent *a, struct sbuf *event); /* empties it */
void fake_agent_launch(struct fake_agent *a, struct str task_info);
void fake_agent_launch_group(struct fake_agent *a, const struct sbuf *tasks, size_t count);
void fake_agent_kill(struct fake_agent *a, const char *task_id, int64_t grace_ns);
void fake_agent_shutdown(struct fake_agent *a);
void fake_agent_ack(struct fake_agent *a, const struct agent_update *u);
/* A TaskInfo with a shell command; add fields before use. */
void task_put(struct sbuf *b, const char *id, const char *command);
bool fake_agent_wait_subscribed(struct fake_agent *a, size_t times);
/* The first update of this state at or after index from, at most FIXTURE_WAIT_S. */
struct agent_update *fake_agent_wait(struct fake_agent *a, const char *task_id, int state, size_t from);

#endif
