/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the leading master from the text that users give: zk://... (followed for ever), host:port or
 * master@host:port (fixed), file://path (the file has one of the others). For agents, frameworks, marathon
 * and the command line. Source: reference of high availability, §4. */
#ifndef STOA_IO_DETECTOR_H
#define STOA_IO_DETECTOR_H

#include "common/io/leader.h"
#include "common/wire/master_info.h"

struct detector;

/* m NULL: nobody leads. unsure: ZooKeeper is out of reach, this is what was known last. */
typedef void detector_fn(void *arg, const struct master_addr *m, bool unsure);

struct detector_options {
    struct str master;
    int64_t session_timeout_ns; /* of ZooKeeper; 0: 10 s */
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
};
/* Names are resolved here (blocking: at start). fn is called later, on the loop, for what is known first and
 * for every change. */
int detector_new(struct detector **ret, struct loop *loop, const struct detector_options *o, detector_fn *fn,
                 void *arg, struct error *err);
void detector_free(struct detector *d);
/* Whether the text is one that needs ZooKeeper, after following file://. Does not check it. */
bool detector_needs_zk(struct str master);

#endif
