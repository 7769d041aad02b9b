/* SPDX-License-Identifier: Apache-2.0 */
/* A containerizer on a loop of its own, with directories and a cgroup root of its own, for tests that start real
 * containers. One test at a time. Every wait has a bound. */
#ifndef STOA_TESTS_ISOLATION_FIXTURE_H
#define STOA_TESTS_ISOLATION_FIXTURE_H

#include "agent/isolation/containerizer.h"
#include "common/io/loop.h"
#include "tests/support/test.h"

enum { FIXTURE_EVENTS = 64, FIXTURE_WAIT_S = 60 };

struct fixture_event {
    char id[128];
    enum { EVENT_LAUNCHED, EVENT_FAILED, EVENT_EXITED } kind;
    pid_t pid;
    struct error err;
    struct container_termination t;
    char message[4096];
};

struct fixture {
    char dir[256], bin[256], root[64];
    struct loop *loop;
    struct containerizer *c;
    struct fixture_event events[FIXTURE_EVENTS];
    size_t count;
};

/* isolation as in --isolation; launcher NULL: chosen. false: the case was failed or skipped. */
bool fixture_start(struct fixture *f, const char *isolation, const char *launcher);
bool fixture_start_options(struct fixture *f, struct containerizer_options *o);
/* Throws the containerizer away and makes a new one, as a killed agent would. */
bool fixture_restart(struct fixture *f, struct containerizer_options *o);
void fixture_stop(struct fixture *f); /* destroys what is left, removes everything */

struct container_spec fixture_shell(struct fixture *f, const char *id, const char *command);
/* Runs the loop until an event of this kind and id, at most FIXTURE_WAIT_S. NULL: failed. */
struct fixture_event *fixture_wait(struct fixture *f, const char *id, int kind);
bool fixture_launch(struct fixture *f, const struct container_spec *spec); /* waits for launched */
/* The content of a file in the sandbox, trimmed; in a static buffer. */
const char *fixture_file(struct fixture *f, const char *id, const char *file);
bool fixture_wait_file(struct fixture *f, const char *id, const char *file); /* until it has content */
bool process_exists(pid_t pid);
/* A process that was killed still counts for a moment after its group is empty: the kernel takes it out of the group first. */
bool fixture_wait_gone(struct fixture *f, pid_t pid);

/* Runs the loop until cond is true; false: it was not within FIXTURE_WAIT_S. */
#define FIXTURE_UNTIL(f, cond)                                                      \
    ({                                                                              \
        struct mono end_ = mono_add(loop_clock(), FIXTURE_WAIT_S * NS_PER_S);       \
        bool is_;                                                                   \
        while (!(is_ = (cond)) && mono_before(loop_clock(), end_))                  \
            loop_turn((f)->loop, 10 * NS_PER_MS);                                   \
        is_;                                                                        \
    })

#endif
