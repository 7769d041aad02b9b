/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler-sdk/core/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/assert.h"

const char *session_state_name(enum session_state state)
{
    switch (state) {
    case SESSION_IDLE:
        return "idle";
    case SESSION_WAITING:
        return "waiting";
    case SESSION_CONNECTING:
        return "connecting";
    case SESSION_SUBSCRIBED:
        return "subscribed";
    case SESSION_STOPPING:
        return "stopping";
    case SESSION_ENDED:
        return "ended";
    }
    return "unknown";
}

/* --- addresses ------------------------------------------------------------------------------------------- */

/* Writes "host:port"; the port may be missing in the text. */
static bool address_copy(struct str text, char *ret, size_t size)
{
    size_t host_end = text.n;
    bool bracket = text.n != 0 && text.p[0] == '[';
    uint64_t port = SESSION_PORT_DEFAULT;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '?' || c == '#')
            return false;
        if (c == ':' && !(bracket && memchr(text.p + i, ']', text.n - i) != NULL)) {
            host_end = i;
            break;
        }
    }
    if (host_end < text.n) {
        struct str rest = str_sub(text, host_end + 1, text.n);

        if (!str_u64(&rest, 65535, &port) || rest.n != 0 || port == 0)
            return false;
    }
    if (host_end == 0 || host_end + 7 > size)
        return false;
    (void)snprintf(ret, size, "%.*s:%u", (int)host_end, text.p, (unsigned)port);
    return true;
}

bool session_location(struct str location, char *ret, size_t size, struct str *ret_scheme)
{
    struct str scheme = STR(""), host;
    size_t colon = str_index(location, ':');

    if (!str_skip(&location, STR("//")) && str_starts(str_sub(location, colon, location.n), STR("://"))) {
        scheme = str_sub(location, 0, colon);
        location = str_sub(location, colon + 3, location.n);
    }
    *ret_scheme = scheme;
    if (scheme.n != 0 && !str_eq_nocase(scheme, STR("http")))
        return false;
    (void)str_cut(&location, '/', &host);
    return address_copy(host, ret, size);
}

int session_init(struct session *s, const struct session_config *config, struct str masters,
                 struct error *err)
{
    struct str one;
    bool more;

    *s = (struct session){ .config = *config, .state = SESSION_IDLE, .wake_at = MONO_NEVER };
    if (str_starts(masters, STR("zk://")) || str_starts(masters, STR("file://")))
        return 0;
    do {
        more = str_cut(&masters, ',', &one);
        one = str_trim(one);
        (void)str_skip(&one, STR("http://"));
        if (s->master_count == SESSION_MASTERS_MAX)
            return error_set(err, ERR_LIMIT, "more than %d masters", SESSION_MASTERS_MAX);
        if (!address_copy(one, s->masters[s->master_count], SESSION_ADDRESS_MAX))
            return error_set(err, ERR_INVALID, "master \"%.*s\" is not an address of the form host:port",
                             STR_ARG(one));
        s->master_count++;
    } while (more);
    return 0;
}

/* --- actions --------------------------------------------------------------------------------------------- */

static struct session_action *act(struct session_actions *a, enum session_action_type type)
{
    ASSERT(a->count < SESSION_ACTIONS_MAX);
    struct session_action *x = &a->list[a->count++];
    x->type = type;
    x->address = NULL;
    x->attempt = 0;
    x->level = 0;
    x->text[0] = 0;
    return x;
}

__attribute__((format(printf, 4, 5))) static void
act_text(struct session_actions *a, enum session_action_type type, int level, const char *fmt, ...)
{
    struct session_action *x = act(a, type);
    va_list ap;

    x->level = level;
    va_start(ap, fmt);
    (void)vsnprintf(x->text, sizeof x->text, fmt, ap);
    va_end(ap);
}

static void act_copy(struct session_actions *a, enum session_action_type type, struct str text)
{
    act_text(a, type, 0, "%.*s", STR_ARG(text));
}

/* --- transitions ----------------------------------------------------------------------------------------- */

/* The only assignment to the state. */
static void set_state(struct session *s, enum session_state to, struct mono wake_at)
{
    ASSERT(s->state != SESSION_ENDED);
    s->state = to;
    s->wake_at = wake_at;
}

static void connect_to(struct session *s, struct mono now, struct session_actions *a)
{
    struct session_action *x = act(a, SESSION_CONNECT);

    s->attempt++;
    x->address = s->address;
    x->attempt = s->attempt;
    set_state(s, SESSION_CONNECTING, mono_add(now, s->config.connect_timeout_ns));
}

static void connect_next(struct session *s, struct mono now, struct session_actions *a)
{
    ASSERT(s->master_count > 0);
    (void)snprintf(s->address, sizeof s->address, "%s", s->masters[s->master_next]);
    s->redirects = 0;
    connect_to(s, now, a);
}

/* The pause doubles with every failure and is drawn from its upper half, so that the frameworks of a master
 * that comes back do not all knock at the same moment. */
static int64_t pause_ns(const struct session *s, struct rng *rng)
{
    int64_t base = s->config.backoff_min_ns;

    for (unsigned i = 1; i < s->failures && base < s->config.backoff_max_ns; i++)
        base *= 2;
    if (base > s->config.backoff_max_ns)
        base = s->config.backoff_max_ns;
    return base - (int64_t)rng_below(rng, (uint64_t)base / 2 + 1);
}

static void wait_then_retry(struct session *s, struct mono now, struct rng *rng, struct session_actions *a,
                            struct str why)
{
    int64_t pause;

    s->failures++;
    s->master_next = (s->master_next + 1) % s->master_count;
    pause = pause_ns(s, rng);
    act_text(a, SESSION_LOG, 1, "master %s: %.*s; trying %s in %lld ms", s->address, STR_ARG(why),
             s->masters[s->master_next], (long long)(pause / NS_PER_MS));
    set_state(s, SESSION_WAITING, mono_add(now, pause));
}

static void end(struct session *s, bool failed, struct session_actions *a)
{
    s->failed = failed;
    set_state(s, SESSION_ENDED, MONO_NEVER);
    (void)act(a, SESSION_END);
}

static void may_come_late(struct session *s)
{
    if (s->late < SESSION_LATE_MAX)
        s->late++;
}

static void lose(struct session *s, struct mono now, struct rng *rng, struct session_actions *a,
                 struct str why)
{
    act_copy(a, SESSION_TELL_DISCONNECTED, why);
    /* The one that led before is asked first: most often it, or its address, is back. */
    s->master_next = (s->master_next + s->master_count - 1) % s->master_count;
    wait_then_retry(s, now, rng, a, why);
}

static void end_refused(struct session *s, struct session_actions *a, unsigned status, struct str text)
{
    (void)act(a, SESSION_DISCONNECT);
    act_text(a, SESSION_TELL_ERROR, 0, "master %s refused the subscription with HTTP status %u: %.*s",
             s->address, status, STR_ARG(str_trim(text)));
    end(s, true, a);
}

static void follow(struct session *s, const struct session_event *ev, struct rng *rng,
                   struct session_actions *a)
{
    char address[SESSION_ADDRESS_MAX], why[200];
    struct str scheme;

    (void)act(a, SESSION_DISCONNECT);
    if (!session_location(ev->location, address, sizeof address, &scheme)) {
        (void)snprintf(why, sizeof why, "it redirects to \"%.*s\", which is not understood",
                       (int)(ev->location.n < 120 ? ev->location.n : 120),
                       ev->location.p != NULL ? ev->location.p : "");
        wait_then_retry(s, ev->now, rng, a, str_of(why));
    } else if (++s->redirects > SESSION_REDIRECTS_MAX) {
        wait_then_retry(s, ev->now, rng, a, STR("the masters redirect to each other"));
    } else {
        act_text(a, SESSION_LOG, 2, "master %s redirects to %s", s->address, address);
        memcpy(s->address, address, sizeof s->address);
        connect_to(s, ev->now, a);
    }
}

/* Statuses that asking again does not change. */
static bool is_final(unsigned status)
{
    return status == 400 || status == 401 || status == 403 || status == 405 || status == 406 || status == 415;
}

static void answered(struct session *s, const struct session_event *ev, struct rng *rng,
                     struct session_actions *a)
{
    char why[300];

    if (s->state != SESSION_CONNECTING || ev->status == 200)
        return; /* of a 200 the events tell the rest */
    if (ev->status == 307 || ev->status == 302 || ev->status == 308) {
        follow(s, ev, rng, a);
        return;
    }
    if (is_final(ev->status)) {
        end_refused(s, a, ev->status, ev->text);
        return;
    }
    (void)act(a, SESSION_DISCONNECT);
    (void)snprintf(why, sizeof why, "it answers with HTTP status %u", ev->status);
    wait_then_retry(s, ev->now, rng, a, str_of(why));
}

static struct mono silence_limit(const struct session *s, struct mono now)
{
    return s->heartbeat_ns > 0 ? mono_add(now, s->heartbeat_ns * s->config.heartbeats_missed) : MONO_NEVER;
}

static void subscribed(struct session *s, const struct session_event *ev, struct session_actions *a)
{
    if (s->state != SESSION_CONNECTING)
        return;
    s->failures = 0;
    s->heartbeat_ns = ev->heartbeat_ns;
    s->subscribed_at = ev->now;
    set_state(s, SESSION_SUBSCRIBED, silence_limit(s, ev->now));
    (void)act(a, SESSION_TELL_SUBSCRIBED);
    s->was_subscribed = true;
}

static void closed(struct session *s, const struct session_event *ev, struct rng *rng,
                   struct session_actions *a)
{
    if (s->state == SESSION_CONNECTING && ev->unanswered)
        may_come_late(s);
    if (s->state == SESSION_CONNECTING)
        wait_then_retry(s, ev->now, rng, a, ev->text);
    else if (s->state == SESSION_SUBSCRIBED)
        lose(s, ev->now, rng, a, ev->text);
    else if (s->state == SESSION_STOPPING)
        end(s, false, a);
}

static void tick(struct session *s, struct mono now, struct rng *rng, struct session_actions *a)
{
    char why[100];

    if (mono_before(now, s->wake_at))
        return;
    switch (s->state) {
    case SESSION_WAITING:
        connect_next(s, now, a);
        break;
    case SESSION_CONNECTING:
        may_come_late(s);
        (void)act(a, SESSION_DISCONNECT);
        (void)snprintf(why, sizeof why, "not subscribed within %lld ms",
                       (long long)(s->config.connect_timeout_ns / NS_PER_MS));
        wait_then_retry(s, now, rng, a, str_of(why));
        break;
    case SESSION_SUBSCRIBED:
        (void)act(a, SESSION_DISCONNECT);
        (void)snprintf(why, sizeof why, "no heartbeat for %lld s",
                       (long long)(s->heartbeat_ns * s->config.heartbeats_missed / NS_PER_S));
        lose(s, now, rng, a, str_of(why));
        break;
    case SESSION_STOPPING:
        (void)act(a, SESSION_DISCONNECT);
        end(s, false, a);
        break;
    case SESSION_IDLE:
    case SESSION_ENDED:
        break;
    }
}

static void stop(struct session *s, struct mono now, struct session_actions *a)
{
    if (s->state == SESSION_SUBSCRIBED) {
        set_state(s, SESSION_STOPPING, mono_add(now, s->config.drain_timeout_ns));
    } else if (s->state != SESSION_STOPPING) {
        (void)act(a, SESSION_DISCONNECT);
        end(s, false, a);
    }
}

/* The master's word that another connection of this framework took over, which may be one that we gave up. */
static bool is_own_late_call(struct session *s, const struct session_event *ev)
{
    bool soon = mono_before(ev->now, mono_add(s->subscribed_at, SESSION_LATE_S * NS_PER_S));

    if (s->state != SESSION_SUBSCRIBED || s->late == 0 || !soon || !str_is(ev->text, "Framework failed over"))
        return false;
    s->late--;
    return true;
}

static void fatal(struct session *s, const struct session_event *ev, struct rng *rng, struct session_actions *a)
{
    bool stopping = s->state == SESSION_STOPPING; /* then it is the answer to our own TEARDOWN */

    if (s->state != SESSION_CONNECTING && s->state != SESSION_SUBSCRIBED && !stopping)
        return;
    (void)act(a, SESSION_DISCONNECT);
    if (is_own_late_call(s, ev)) {
        lose(s, ev->now, rng, a, STR("an earlier SUBSCRIBE of this framework came late and took over"));
        return;
    }
    if (!stopping)
        act_copy(a, SESSION_TELL_ERROR, ev->text);
    end(s, !stopping, a);
}

/* Another master leads. */
static void found(struct session *s, const struct session_event *ev, struct session_actions *a)
{
    if (!address_copy(ev->text, s->masters[0], SESSION_ADDRESS_MAX))
        return;
    s->master_count = 1;
    s->master_next = 0;
    s->failures = 0;
    switch (s->state) {
    case SESSION_SUBSCRIBED:
        (void)act(a, SESSION_DISCONNECT);
        act_text(a, SESSION_TELL_DISCONNECTED, 0, "another master leads: %s", s->masters[0]);
        connect_next(s, ev->now, a);
        break;
    case SESSION_CONNECTING:
        (void)act(a, SESSION_DISCONNECT);
        connect_next(s, ev->now, a);
        break;
    case SESSION_WAITING:
        connect_next(s, ev->now, a);
        break;
    case SESSION_IDLE:
        if (s->started)
            connect_next(s, ev->now, a);
        break;
    case SESSION_STOPPING:
    case SESSION_ENDED:
        break;
    }
}

static bool is_old(const struct session *s, const struct session_event *ev)
{
    switch (ev->type) {
    case SESSION_EV_ANSWER:
    case SESSION_EV_SUBSCRIBED:
    case SESSION_EV_HEARD:
    case SESSION_EV_CLOSED:
    case SESSION_EV_ERROR:
        return ev->attempt != s->attempt;
    case SESSION_EV_START:
    case SESSION_EV_TICK:
    case SESSION_EV_MASTER:
    case SESSION_EV_STOP:
    case SESSION_EV_DRAINED:
        break;
    }
    return false;
}

void session_step(struct session *s, const struct session_event *ev, struct rng *rng,
                  struct session_actions *ret)
{
    ret->count = 0;
    if (s->state == SESSION_ENDED || is_old(s, ev))
        return;
    switch (ev->type) {
    case SESSION_EV_START:
        s->started = true;
        if (s->state == SESSION_IDLE && s->master_count != 0)
            connect_next(s, ev->now, ret);
        break;
    case SESSION_EV_MASTER:
        found(s, ev, ret);
        break;
    case SESSION_EV_TICK:
        tick(s, ev->now, rng, ret);
        break;
    case SESSION_EV_ANSWER:
        answered(s, ev, rng, ret);
        break;
    case SESSION_EV_SUBSCRIBED:
        subscribed(s, ev, ret);
        break;
    case SESSION_EV_HEARD:
        if (s->state == SESSION_SUBSCRIBED)
            s->wake_at = silence_limit(s, ev->now);
        break;
    case SESSION_EV_CLOSED:
        closed(s, ev, rng, ret);
        break;
    case SESSION_EV_ERROR:
        fatal(s, ev, rng, ret);
        break;
    case SESSION_EV_STOP:
        stop(s, ev->now, ret);
        break;
    case SESSION_EV_DRAINED:
        if (s->state == SESSION_STOPPING) {
            (void)act(ret, SESSION_DISCONNECT);
            end(s, false, ret);
        }
        break;
    }
}
