#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges of the original against a master and agents of ours in the recorded state: one case per group of
tests/conformance/replay.py. A difference that tests/conformance/known.txt does not list fails, and so does an entry of that list that
no longer occurs."""
import os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "conformance")]
from cluster import *
import replay

known = replay.known()
seen, played, skipped = set(), set(), []
NEEDS_AGENT = set(replay.GROUPS) - {"empty", "refused", "authentication", "leaderless", "follower"}


def can_isolate():
    return IS_ROOT and (os.access("/sys/fs/cgroup/memory", os.W_OK) or os.access("/sys/fs/cgroup/cgroup.controllers", os.R_OK))


def group(name):
    def run():
        if name in NEEDS_AGENT and not can_isolate():
            skipped.append(name)
            raise Skip("the recorded agent isolates tasks in cgroups, which takes root")
        try:
            r = replay.run(name)
        except Skip:
            skipped.append(name)
            raise
        played.update(r.played)
        new = []
        for line in r.found:
            hits = [i for i, (p, _, _, _) in enumerate(known) if p.match(line)]
            seen.update(hits)
            if not hits:
                new.append(line)
        for line in new:
            print("# " + line.replace("\n", "\\n")[:400])
        check(not new, f"{len(new)} differences from the recordings that known.txt does not list")
    case(f"{name}: {(replay.GROUPS[name].__doc__ or '').strip().splitlines()[0]}")(run)


for name in replay.GROUPS:
    group(name)


@case("every known difference is still there")
def _():
    if skipped or len(sys.argv) > 1:
        raise Skip("not all groups ran")
    stale = [text for i, (_, text, may, _) in enumerate(known) if not may and i not in seen]
    check(not stale, "gone, so to be struck from known.txt: " + "; ".join(stale))


@case("every recording is played or skipped with a reason")
def _():
    if skipped or len(sys.argv) > 1:
        raise Skip("not all groups ran")
    equal(replay.not_played(played), [], "recordings not played")


if __name__ == "__main__":
    main()
