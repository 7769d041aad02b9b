/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/election.h"

enum { SEQUENCE_DIGITS = 10 };

static bool sequence(struct str *name, uint64_t *ret)
{
    if (name->n < SEQUENCE_DIGITS)
        return false;
    struct str digits = str_sub(*name, name->n - SEQUENCE_DIGITS, SEQUENCE_DIGITS);
    if (!str_u64(&digits, UINT64_MAX, ret) || digits.n != 0)
        return false;
    name->n -= SEQUENCE_DIGITS;
    return true;
}

bool candidate_parse(enum election_rule rule, struct str name, struct candidate *ret)
{
    struct candidate c;

    if (!sequence(&name, &c.sequence))
        return false;
    if (rule == ELECTION_LATCH) {
        c.label = CANDIDATE_LATCH;
        *ret = c;
        return str_ends(name, STR("-latch-"));
    }
    if (name.n != 0 && name.p[name.n - 1] != '_')
        return false;
    if (name.n == 0)
        c.label = CANDIDATE_PID;
    else if (str_is(name, "json.info_"))
        c.label = CANDIDATE_JSON;
    else if (str_is(name, "info_"))
        c.label = CANDIDATE_PROTOBUF;
    else
        c.label = CANDIDATE_UNKNOWN;
    *ret = c;
    return true;
}

size_t election_leader(enum election_rule rule, const char *const *names, size_t count, struct candidate *ret)
{
    size_t best = count;
    struct candidate c, lowest = { CANDIDATE_UNKNOWN, 0 };

    for (size_t i = 0; i < count; i++) {
        struct str name = str_of(names[i]);
        if (!candidate_parse(rule, name, &c))
            continue;
        if (best == count || c.sequence < lowest.sequence ||
            (c.sequence == lowest.sequence && str_cmp(name, str_of(names[best])) < 0)) {
            best = i;
            lowest = c;
        }
    }
    if (best != count)
        *ret = lowest;
    return best;
}

enum leadership_news leadership_step(struct leadership *l, enum leader_who who, bool unsure)
{
    bool led = l->leads;

    if (who == LEADER_SELF && unsure && led) {
        l->unsure = true;
        return LEADERSHIP_UNSURE;
    }
    if (who == LEADER_SELF && unsure)
        return LEADERSHIP_SAME; /* not to begin with a doubt */
    if (who == LEADER_SELF) {
        l->leads = true;
        l->unsure = false;
        return led ? LEADERSHIP_SURE : LEADERSHIP_WON;
    }
    l->leads = l->unsure = false;
    if (led)
        return LEADERSHIP_LOST;
    if (who == LEADER_OTHER)
        return LEADERSHIP_OTHER;
    return unsure ? LEADERSHIP_SAME : LEADERSHIP_NOBODY;
}
