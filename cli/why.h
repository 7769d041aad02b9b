/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa why` in two parts: why.c asks marathon about an app, or the master about a task; why_cluster.c adds to an app that waits what
 * only the master knows. */
#ifndef STOA_CLI_WHY_H
#define STOA_CLI_WHY_H

#include <cjson/cJSON.h>

/* Prints who else uses or has reserved an agent that has too little, what the quota of the role leaves, and why the master offers
 * nothing. why is marathon's answer. Only an extra: a master that does not answer is passed over in silence. */
void why_cluster_print(const char *master, const cJSON *why);

/* Tasks of the app on agents that the master knows from its registry only: marathon is not told of them before the master is sure. */
void why_returning_print(const char *master, const char *marathon, const char *id);

#endif
