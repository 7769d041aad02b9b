/* SPDX-License-Identifier: Apache-2.0 */
/* Task states, reasons, sources and operation states: numbers and names of the v1 protocol.
 * Source: reference of the scheduler API, section 10; wire tables. */
#ifndef STOA_MODEL_TASK_STATE_H
#define STOA_MODEL_TASK_STATE_H

#include <stdbool.h>

#include "common/base/str.h"

/* symbol, number, terminal, sent only to PARTITION_AWARE frameworks */
#define TASK_STATES(X)                          \
    X(TASK_STARTING, 0, false, false)           \
    X(TASK_RUNNING, 1, false, false)            \
    X(TASK_FINISHED, 2, true, false)            \
    X(TASK_FAILED, 3, true, false)              \
    X(TASK_KILLED, 4, true, false)              \
    X(TASK_LOST, 5, true, false)                \
    X(TASK_STAGING, 6, false, false)            \
    X(TASK_ERROR, 7, true, false)               \
    X(TASK_KILLING, 8, false, false)            \
    X(TASK_DROPPED, 9, true, true)              \
    X(TASK_UNREACHABLE, 10, false, true)        \
    X(TASK_GONE, 11, true, true)                \
    X(TASK_GONE_BY_OPERATOR, 12, true, true)    \
    X(TASK_UNKNOWN, 13, false, true)

enum task_state {
#define X(sym, num, terminal, aware) sym = num,
    TASK_STATES(X)
#undef X
    TASK_STATE_COUNT
};

enum task_source { SOURCE_MASTER = 0, SOURCE_AGENT = 1, SOURCE_EXECUTOR = 2, TASK_SOURCE_COUNT };

#define TASK_REASONS(X)                         \
    X(COMMAND_EXECUTOR_FAILED, 0)               \
    X(EXECUTOR_TERMINATED, 1)                   \
    X(EXECUTOR_UNREGISTERED, 2)                 \
    X(FRAMEWORK_REMOVED, 3)                     \
    X(GC_ERROR, 4)                              \
    X(INVALID_FRAMEWORKID, 5)                   \
    X(INVALID_OFFERS, 6)                        \
    X(MASTER_DISCONNECTED, 7)                   \
    X(CONTAINER_LIMITATION_MEMORY, 8)           \
    X(RECONCILIATION, 9)                        \
    X(AGENT_DISCONNECTED, 10)                   \
    X(AGENT_REMOVED, 11)                        \
    X(AGENT_RESTARTED, 12)                      \
    X(AGENT_UNKNOWN, 13)                        \
    X(TASK_INVALID, 14)                         \
    X(TASK_UNAUTHORIZED, 15)                    \
    X(TASK_UNKNOWN, 16)                         \
    X(CONTAINER_PREEMPTED, 17)                  \
    X(RESOURCES_UNKNOWN, 18)                    \
    X(CONTAINER_LIMITATION, 19)                 \
    X(CONTAINER_LIMITATION_DISK, 20)            \
    X(CONTAINER_LAUNCH_FAILED, 21)              \
    X(CONTAINER_UPDATE_FAILED, 22)              \
    X(EXECUTOR_REGISTRATION_TIMEOUT, 23)        \
    X(EXECUTOR_REREGISTRATION_TIMEOUT, 24)      \
    X(TASK_GROUP_INVALID, 25)                   \
    X(TASK_GROUP_UNAUTHORIZED, 26)              \
    X(IO_SWITCHBOARD_EXITED, 27)                \
    X(TASK_CHECK_STATUS_UPDATED, 28)            \
    X(TASK_HEALTH_CHECK_STATUS_UPDATED, 29)     \
    X(TASK_KILLED_DURING_LAUNCH, 30)            \
    X(AGENT_REMOVED_BY_OPERATOR, 31)            \
    X(AGENT_REREGISTERED, 32)                   \
    X(MAX_COMPLETION_TIME_REACHED, 33)          \
    X(AGENT_DRAINING, 34)

enum task_reason {
    REASON_NONE = -1, /* the field is absent */
#define X(sym, num) REASON_##sym = num,
    TASK_REASONS(X)
#undef X
    TASK_REASON_COUNT
};

#define OPERATION_STATES(X)                     \
    X(UNSUPPORTED, 0, false)                    \
    X(PENDING, 1, false)                        \
    X(FINISHED, 2, true)                        \
    X(FAILED, 3, true)                          \
    X(ERROR, 4, true)                           \
    X(DROPPED, 5, true)                         \
    X(UNREACHABLE, 6, false)                    \
    X(GONE_BY_OPERATOR, 7, true)                \
    X(RECOVERING, 8, false)                     \
    X(UNKNOWN, 9, false)

enum operation_state {
#define X(sym, num, terminal) OPERATION_##sym = num,
    OPERATION_STATES(X)
#undef X
    OPERATION_STATE_COUNT
};

/* Numbers from the wire: false when the number is not a value of the enum. */
bool task_state_is_valid(int number);
bool task_reason_is_valid(int number);
bool task_source_is_valid(int number);
bool operation_state_is_valid(int number);

const char *task_state_name(enum task_state s);   /* "TASK_RUNNING" */
const char *task_reason_name(enum task_reason r); /* "REASON_GC_ERROR"; "" for REASON_NONE */
const char *task_source_name(enum task_source s); /* "SOURCE_AGENT" */
const char *operation_state_name(enum operation_state s); /* "OPERATION_FINISHED" */
bool task_state_parse(struct str name, enum task_state *ret);

bool task_state_is_terminal(enum task_state s);
bool operation_state_is_terminal(enum operation_state s);
/* What a framework without PARTITION_AWARE is told instead: DROPPED, UNREACHABLE, GONE, GONE_BY_OPERATOR and UNKNOWN become LOST. */
enum task_state task_state_for(enum task_state s, bool partition_aware);

#endif
