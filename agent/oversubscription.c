/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oversubscription.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/modules.h"
#include "agent/shell.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/wire/convert.h"

enum { LOOK_MIN_NS = NS_PER_S };

struct oversubscription {
    struct shell *shell;
    struct loop_timer estimate, look;
    bool estimates, looks;
    struct resources fixed;       /* revocable, each entry */
    double load_max[2];           /* of 5 and 15 minutes; infinite: no threshold */
};

static int take_estimator(void *to, const char *key, const char *value, struct error *err)
{
    struct oversubscription *o = to;
    struct resources plain = RESOURCES_INIT;

    if (strcmp(key, "resources") != 0)
        return error_set(err, ERR_INVALID, "--modules: parameter %.60s of " MODULE_ESTIMATOR " is unknown; 'resources' is", key);
    int rc = convert_resources_flag(str_of(value), STR("*"), &plain, err);
    if (rc != 0)
        return error_wrap(err, "--modules: 'resources' of " MODULE_ESTIMATOR);
    for (size_t i = 0; i < plain.n && rc == 0; i++) {
        if (resource_is_reserved(&plain.v[i]))
            rc = error_set(err, ERR_INVALID, "--modules: 'resources' of " MODULE_ESTIMATOR ": %s has a role; what is revocable is for all",
                           plain.v[i].name->text);
        plain.v[i].revocable = true;
    }
    resources_done(&o->fixed);
    o->fixed = plain;
    return rc;
}

static int take_qos(void *to, const char *key, const char *value, struct error *err)
{
    struct oversubscription *o = to;
    char *end;
    double v = strtod(value, &end);

    if (strcmp(key, "load_threshold_5min") != 0 && strcmp(key, "load_threshold_15min") != 0)
        return error_set(err, ERR_INVALID, "--modules: parameter %.60s of " MODULE_QOS
                         " is unknown; load_threshold_5min and load_threshold_15min are", key);
    if (end == value || *end != 0 || !isfinite(v))
        return error_set(err, ERR_INVALID, "--modules: %s of " MODULE_QOS " is '%s', which is no number", key, value);
    o->load_max[strcmp(key, "load_threshold_15min") == 0] = v;
    return 0;
}

static void estimate(void *arg)
{
    struct oversubscription *o = arg;
    struct agent_event ev = { .type = AGENT_EV_ESTIMATE };

    loop_timer_in(&o->estimate, o->shell->flags.oversubscribed_resources_interval);
    ev.u.estimate.oversubscribed = &o->fixed;
    shell_step(o->shell, &ev);
}

static void look(void *arg)
{
    struct oversubscription *o = arg;
    struct agent_event ev = { .type = AGENT_EV_PREEMPT };
    static const int minutes[] = { 5, 15 };
    int64_t pause = o->shell->flags.qos_correction_interval_min;
    char text[128];
    double load[3];

    loop_timer_in(&o->look, pause > LOOK_MIN_NS ? pause : LOOK_MIN_NS);
    if (getloadavg(load, 3) != 3)
        return;
    for (int i = 0; i < 2; i++) {
        if (load[i + 1] <= o->load_max[i])
            continue;
        (void)snprintf(text, sizeof text, "the load of %d minutes is %.2f, over %.2f", minutes[i], load[i + 1], o->load_max[i]);
        ev.u.preempt.message = str_of(text);
        shell_step(o->shell, &ev);
        return;
    }
}

/* --flag=value: whether it names the one module that is built. */
static int is_on(const char *flag, const char *value, const char *only, bool *ret, struct error *err)
{
    *ret = value != NULL && value[0] != 0;
    return *ret && strcmp(value, only) != 0 ? error_set(err, ERR_INVALID, "--%s=%s: only %s is built", flag, value, only) : 0;
}

int oversubscription_new(struct oversubscription **ret, struct shell *s, struct error *err)
{
    struct oversubscription *o = xcalloc(1, sizeof *o);
    const struct agent_flags *f = &s->flags;

    *ret = o;
    o->shell = s;
    o->load_max[0] = o->load_max[1] = INFINITY;
    loop_timer_init(&o->estimate, s->loop, estimate, o);
    loop_timer_init(&o->look, s->loop, look, o);
    int rc = modules_parameters(f->modules, MODULE_ESTIMATOR, take_estimator, o, err);
    if (rc == 0)
        rc = modules_parameters(f->modules, MODULE_QOS, take_qos, o, err);
    if (rc == 0)
        rc = is_on("resource_estimator", f->resource_estimator, MODULE_ESTIMATOR, &o->estimates, err);
    if (rc == 0)
        rc = is_on("qos_controller", f->qos_controller, MODULE_QOS, &o->looks, err);
    if (rc == 0 && o->estimates && o->fixed.n == 0)
        return error_set(err, ERR_INVALID, "--resource_estimator=" MODULE_ESTIMATOR " needs its parameter 'resources' in --modules");
    if (rc == 0 && o->estimates && f->oversubscribed_resources_interval <= 0)
        return error_set(err, ERR_INVALID, "--oversubscribed_resources_interval has to be over zero");
    return rc;
}

void oversubscription_start(struct oversubscription *o)
{
    if (o->estimates)
        estimate(o);
    if (o->looks)
        look(o);
}

void oversubscription_free(struct oversubscription *o)
{
    if (o == NULL)
        return;
    loop_timer_done(&o->estimate);
    loop_timer_done(&o->look);
    resources_done(&o->fixed);
    free(o);
}
