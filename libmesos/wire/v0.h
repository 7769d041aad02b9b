/* SPDX-License-Identifier: Apache-2.0 */
/* From the messages of the Java drivers to those of the scheduler API. Both kinds have the same numbers and types, so
 * messages go through as bytes; here is what has to be made of several, or filled in. Pure. */
#ifndef STOA_LIBMESOS_WIRE_V0_H
#define STOA_LIBMESOS_WIRE_V0_H

#include <stdbool.h>

#include "common/base/sbuf.h"

/* mesos.v1.scheduler.Call.Type, and the number of the call's body. */
enum lm_call {
    LM_SUBSCRIBE = 1,
    LM_TEARDOWN = 2,
    LM_ACCEPT = 3,
    LM_DECLINE = 4,
    LM_REVIVE = 5,
    LM_KILL = 6,
    LM_ACKNOWLEDGE = 8,
    LM_RECONCILE = 9,
    LM_MESSAGE = 10,
    LM_REQUEST = 11,
    LM_SUPPRESS = 12,
    LM_UPDATE_FRAMEWORK = 17
};
enum { LM_BODY_SUBSCRIBE = 3, LM_BODY_ACCEPT = 4, LM_BODY_DECLINE = 5, LM_BODY_KILL = 6, LM_BODY_ACKNOWLEDGE = 8,
       LM_BODY_RECONCILE = 9, LM_BODY_MESSAGE = 10, LM_BODY_REQUEST = 11, LM_BODY_REVIVE = 15, LM_BODY_SUPPRESS = 16,
       LM_BODY_UPDATE_FRAMEWORK = 19 };

/* Begins a call with a body; lm_close with what it returned ends it. */
size_t lm_open(struct sbuf *b, enum lm_call type, uint32_t body);

enum lm_call lm_call_type(struct str call);

/* The ACKNOWLEDGE for a TaskStatus. False, and nothing added: it asks for none (no uuid, or no agent). */
bool lm_put_acknowledge(struct sbuf *b, struct str status);

/* The TaskStatus as an element of Reconcile.tasks: its task and agent. */
void lm_put_reconcile(struct sbuf *b, uint32_t number, struct str status);

/* A FrameworkInfo of Java's. What it leaves to the driver is filled in: the user when it is empty, the hostname when it is
 * absent. */
void lm_put_framework(struct sbuf *b, struct str info, const char *user, const char *hostname);

/* The address of a MasterInfo's fields that are required, for a master that does not send one. */
void lm_put_master(struct sbuf *b, struct str address);

/* For an ACCEPT that could not be sent, each task of its launches: tell(arg, status) with a TaskStatus of state TASK_LOST,
 * so that the scheduler does not wait for it for ever. */
void lm_each_lost(struct str call, const char *message, double timestamp, void (*tell)(void *arg, struct str status),
                  void *arg);

#endif
