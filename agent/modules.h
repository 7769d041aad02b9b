/* SPDX-License-Identifier: Apache-2.0 */
/* --modules: the parameters of modules of the original that are built in here. No library is loaded: a module has effect where a
 * flag names it (--container_logger, --resource_estimator, --qos_controller). One that is not built in is refused by name.
 * Source: reference of executors and agent, §17 and §24. */
#ifndef STOA_AGENT_MODULES_H
#define STOA_AGENT_MODULES_H

#include "common/base/error.h"

#define MODULE_LOGGER    "org_apache_mesos_LogrotateContainerLogger"
#define MODULE_ESTIMATOR "org_apache_mesos_FixedResourceEstimator"
#define MODULE_QOS       "org_apache_mesos_LoadQoSController"

/* What takes one parameter of a module. */
typedef int module_parameter_fn(void *to, const char *key, const char *value, struct error *err);

/* Gives each parameter of the module to take, in their order; flag: --modules, NULL: there are none. Every call checks the whole
 * of the flag. */
int modules_parameters(const char *flag, const char *module, module_parameter_fn *take, void *to, struct error *err);

#endif
