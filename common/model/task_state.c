/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/task_state.h"

#include "common/base/assert.h"

static const struct {
    const char *name;
    bool terminal, aware;
} states[] = {
#define X(sym, num, terminal_, aware_) [sym] = { #sym, terminal_, aware_ },
    TASK_STATES(X)
#undef X
};

static const char *const reasons[] = {
#define X(sym, num) [REASON_##sym] = "REASON_" #sym,
    TASK_REASONS(X)
#undef X
};

static const struct {
    const char *name;
    bool terminal;
} operation_states[] = {
#define X(sym, num, terminal_) [OPERATION_##sym] = { "OPERATION_" #sym, terminal_ },
    OPERATION_STATES(X)
#undef X
};

static const char *const sources[] = { "SOURCE_MASTER", "SOURCE_AGENT", "SOURCE_EXECUTOR" };

_Static_assert(TASK_STATE_COUNT == 14 && sizeof states / sizeof states[0] == 14, "mesos.v1.TaskState has 14 values");
_Static_assert(TASK_REASON_COUNT == 35 && sizeof reasons / sizeof reasons[0] == 35,
               "mesos.v1.TaskStatus.Reason has 35 values");
_Static_assert(OPERATION_STATE_COUNT == 10, "mesos.v1.OperationState has 10 values");
_Static_assert(sizeof sources / sizeof sources[0] == TASK_SOURCE_COUNT, "one name per source");

bool task_state_is_valid(int number)
{
    return number >= 0 && number < TASK_STATE_COUNT;
}

bool task_reason_is_valid(int number)
{
    return number >= 0 && number < TASK_REASON_COUNT;
}

bool task_source_is_valid(int number)
{
    return number >= 0 && number < TASK_SOURCE_COUNT;
}

bool operation_state_is_valid(int number)
{
    return number >= 0 && number < OPERATION_STATE_COUNT;
}

const char *task_state_name(enum task_state s)
{
    ASSERT(task_state_is_valid((int)s));
    return states[s].name;
}

const char *task_reason_name(enum task_reason r)
{
    ASSERT(r == REASON_NONE || task_reason_is_valid((int)r));
    return r == REASON_NONE ? "" : reasons[r];
}

const char *task_source_name(enum task_source s)
{
    ASSERT(task_source_is_valid((int)s));
    return sources[s];
}

const char *operation_state_name(enum operation_state s)
{
    ASSERT(operation_state_is_valid((int)s));
    return operation_states[s].name;
}

bool task_state_parse(struct str name, enum task_state *ret)
{
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        if (str_is(name, states[i].name)) {
            *ret = (enum task_state)i;
            return true;
        }
    }
    return false;
}

bool task_state_is_terminal(enum task_state s)
{
    ASSERT(task_state_is_valid((int)s));
    return states[s].terminal;
}

bool operation_state_is_terminal(enum operation_state s)
{
    ASSERT(operation_state_is_valid((int)s));
    return operation_states[s].terminal;
}

enum task_state task_state_for(enum task_state s, bool partition_aware)
{
    ASSERT(task_state_is_valid((int)s));
    return states[s].aware && !partition_aware ? TASK_LOST : s;
}
