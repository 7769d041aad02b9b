/* SPDX-License-Identifier: Apache-2.0 */
/* A small pool of threads for what blocks: name resolution, syncing to disk. A job is a value: the thread
 * sees the job alone, never a core's or the loop's state. Threads start with the first job, so that a program
 * which uses none stays single-threaded. */
#ifndef STOA_IO_WORKER_H
#define STOA_IO_WORKER_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/io/loop.h"

struct worker;

/* Embedded at the start of a job struct, which must stay until done was called. */
struct worker_job {
    void (*run)(struct worker_job *j);  /* on a thread */
    void (*done)(struct worker_job *j); /* on the loop; may free the job */
    struct worker_job *next;
};

/* threads: 1 keeps jobs in order. */
int worker_new(struct worker **ret_worker, struct loop *loop, unsigned threads, struct error *err);
/* Waits for the running jobs; queued ones are run too; then done is called for all. NULL is fine. */
void worker_free(struct worker *w);
void worker_submit(struct worker *w, struct worker_job *j);
/* Blocks until all jobs are done and told. */
void worker_drain(struct worker *w);
unsigned worker_pending(const struct worker *w);

#endif
