/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, given the names of the children of an election path. Pure.
 *
 * Masters: the child with the lowest sequence number among those named [label_]<10 digits> leads, whatever
 * its label; the label says how its content is to be read. Others ("log_replicas") are no candidates.
 * marathon: a latch as Curator makes it, <anything>-latch-<10 digits>.
 * Source: reference of high availability, §2; client expectations, §12; marathon behaviour, §15. */
#ifndef STOA_MODEL_ELECTION_H
#define STOA_MODEL_ELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

enum election_rule { ELECTION_MASTER, ELECTION_LATCH };

enum candidate_label {
    CANDIDATE_JSON,     /* json.info_: MasterInfo as JSON */
    CANDIDATE_PROTOBUF, /* info_: serialized MasterInfo (old masters) */
    CANDIDATE_PID,      /* no label: master@ip:port (very old ones) */
    CANDIDATE_LATCH,    /* host:port */
    CANDIDATE_UNKNOWN   /* any other label: if it leads, no leader can be found */
};

struct candidate {
    enum candidate_label label;
    uint64_t sequence;
};

/* False: the name is no candidate. */
bool candidate_parse(enum election_rule rule, struct str name, struct candidate *ret);
/* Index of the leading name, count when there is no candidate. The lower name wins a tie, which only
 * different parents could make. */
size_t election_leader(enum election_rule rule, const char *const *names, size_t count,
                       struct candidate *ret);

/* --- what it means for a candidate -------------------------------------------------------------------- */
enum leader_who { LEADER_NONE, LEADER_OTHER, LEADER_SELF };

/* What a program that contends does about a new view of who leads. While ZooKeeper is out of reach a leader is unsure: it
 * decides nothing, and goes on when its session survived. Who has lost begins again as a follower, as a new program: nothing
 * that it knew is kept. */
struct leadership {
    bool leads, unsure;
};

enum leadership_news {
    LEADERSHIP_SAME,   /* nothing to do */
    LEADERSHIP_WON,    /* leads from here on */
    LEADERSHIP_SURE,   /* leads, and is sure of it (again) */
    LEADERSHIP_UNSURE, /* decides nothing until it is sure */
    LEADERSHIP_LOST,   /* led, and another one does or nobody: to begin again */
    LEADERSHIP_OTHER,  /* another one leads */
    LEADERSHIP_NOBODY, /* nobody leads, as far as is known */
};
enum leadership_news leadership_step(struct leadership *l, enum leader_who who, bool unsure);

#endif
