/* SPDX-License-Identifier: Apache-2.0 */
/* Order among roles, and among the frameworks of a role, by weighted dominant share.
 *
 * A tree of nodes. Siblings are kept in an array in their order: ascending share, then fewer allocations so
 * far, then path. Shares are fractions of integers and are compared by cross multiplication, so equal means
 * equal:
 *
 *     share(n) = max over names r, not excluded and with C(r) > 0, of used(n, r) / C(r), divided by weight(n)
 *
 * Order is restored lazily: sorter_touch only notes that a node changed, sorter_sort brings the children of a
 * node in order, sorter_place moves one changed node while the rest is in order (in a run). A grant therefore
 * costs a search and a short memmove of pointers, not a sort: the array is a window with room on both sides,
 * so what goes from the front to the end, the common move, shifts next to nothing.
 *
 * The same tree serves the random sorter: there the order is drawn anew for each agent from the relative
 * weights.
 *
 * Sources: reference of the allocator, sections 12 and 13; Ghodsi et al., NSDI '11; Efraimidis and Spirakis,
 * IPL 2006. */
#ifndef STOA_MASTER_SORTER_H
#define STOA_MASTER_SORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/model/name.h"
#include "master/core/alloc/qvec.h"

struct sorter_totals { /* one per allocator */
    struct qvec total; /* C */
    bool *excluded;    /* by name index; may be shorter than total */
    uint32_t excluded_n;
    uint64_t version; /* counted up with every change of the two above */
};

enum { SORTER_WEIGHT_ONE = 1000000 }; /* weights are kept in millionths */

struct sorter_node {
    struct sorter_node *parent;    /* NULL: a root, or not attached */
    struct sorter_node **kids;     /* in order; borrowed nodes, in a window of kid_room */
    uint32_t kid_count, kid_cap;   /* kid_cap: of kid_room */
    struct sorter_node **kid_room; /* owned */
    bool unsorted;                 /* the kids need sorting */
    bool stale;                    /* the share below is out of date */
    uint64_t version;              /* of the totals that the kids' shares were computed with */
    int64_t num, den;              /* the dominant share without the weight; den > 0 */
    uint64_t weight;               /* millionths */
    uint64_t count;                /* allocations made so far */
    uint64_t granted;  /* those not in count yet: the order stays as it is until the node is placed */
    struct qvec used;  /* offered or allocated, scalars */
    struct name *path; /* borrowed: breaks ties */
};

void sorter_node_init(struct sorter_node *n, struct name *path);
void sorter_node_done(struct sorter_node *n); /* must be detached, without kids */
uint64_t sorter_weight_of(double weight);     /* millionths, at least 1 */

void sorter_attach(struct sorter_node *parent, struct sorter_node *n);
void sorter_detach(struct sorter_node *n); /* fine when not attached */

/* n->used or n->weight changed. */
static inline void sorter_touch(struct sorter_node *n)
{
    n->stale = true;
    if (n->parent != NULL)
        n->parent->unsorted = true;
}

/* Brings the kids of n in order (one level). */
void sorter_sort(struct sorter_node *n, const struct sorter_totals *t);
/* The same for n and all levels below. */
void sorter_sort_all(struct sorter_node *n, const struct sorter_totals *t);
/* Moves n among its siblings after n->used or n->count grew; the siblings must be in order otherwise. */
void sorter_place(struct sorter_node *n, const struct sorter_totals *t);
/* The same for several nodes, of which some may be siblings. */
void sorter_place_all(struct sorter_node *const *nodes, uint32_t count, const struct sorter_totals *t);

/* < 0 when a comes first. Both shares must be up to date. */
int sorter_cmp(const struct sorter_node *a, const struct sorter_node *b);
/* As above for nodes of one tree that need not be siblings: the depth-first order. */
int sorter_cmp_deep(const struct sorter_node *a, const struct sorter_node *b);
void sorter_refresh(struct sorter_node *n, const struct sorter_totals *t); /* the share of n */
double sorter_share(const struct sorter_node *n, const struct sorter_totals *t);

/* The random sorter's weight of a leaf relative to all leaves: product over the path of weight / sum of the
 * siblings'. */
double sorter_relative_weight(const struct sorter_node *leaf);
/* A sort key for a random order: ascending keys give a weighted permutation. */
double sorter_random_key(double weight, struct rng *rng);

#endif
