/* SPDX-License-Identifier: Apache-2.0 */
/* Which master to talk to: the one address that was given, or whoever leads according to ZooKeeper. While
 * ZooKeeper is out of reach the agent stays with the master it knows: masters that are unsure decide nothing
 * themselves. */
#include "agent/shell.h"

#include "common/base/log.h"
#include "common/io/detector.h"

static void on_log(void *arg, enum zk_log_level level, const char *event, const char *text)
{
    (void)arg;
    log_event(level == ZK_LOG_WARN ? LOG_WARN : LOG_INFO, event, "%s", text);
}

static void on_master(void *arg, const struct master_addr *m, bool unsure)
{
    struct shell *s = arg;
    struct agent_event ev = { .type = AGENT_EV_MASTER };

    if (s->exiting)
        return;
    if (unsure)
        return;
    if (m == NULL) {
        log_warn("no_master", "then=\"waiting for one to be elected\"");
    } else {
        ev.u.master.pid = str_of(m->pid);
        ev.u.master.id = str_of(m->id);
        log_info("master_detected", "pid=%s", m->pid);
    }
    if (m == NULL || m->id[0] == '\0' || strcmp(m->id, s->master_id) != 0) /* the same one again is no news */
        shell_step(s, &ev);
    (void)snprintf(s->master_id, sizeof s->master_id, "%s", m != NULL ? m->id : "");
}

int master_follow(struct shell *s, struct error *err)
{
    struct detector_options o = { .master = str_of(s->flags.master),
                                  .session_timeout_ns = s->flags.zk_session_timeout,
                                  .log = on_log };
    int rc = detector_new(&s->detector, s->loop, &o, on_master, s, err);

    return rc != 0 ? error_wrap(err, "--master") : 0;
}

void master_unfollow(struct shell *s)
{
    detector_free(s->detector);
    s->detector = NULL;
}
