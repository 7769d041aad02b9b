# SPDX-License-Identifier: Apache-2.0
"""Rows of what an answer holds: `key kind [required] [rare]` per line, checked against all samples of an object. A key that no sample
has is a failure, unless it is rare; a key that no row names is one too."""
import re
from cluster import *

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PATTERNS = {"time": STAMP, "pathid": r"/|(/[a-z0-9.-]+)+", "instanceid": r"(.+)\.(instance-|marathon-)([^.]+)", "persistenceid": r"[^#]+#[^#]+#[^#]+", "uuid": UUID,
            "taskid": rf"[a-z0-9._-]+\.instance-{UUID}\._?[a-z0-9-]+\.\d+", "hostport": r"[^:]+:\d+"}
TYPES = {"int": lambda v: type(v) is int, "number": lambda v: type(v) in (int, float), "text": lambda v: isinstance(v, str), "bool": lambda v: isinstance(v, bool),
         "object": lambda v: isinstance(v, dict), "list": lambda v: isinstance(v, list), "any": lambda v: True,
         "port": lambda v: type(v) is int and 1 <= v <= 65535}


def is_of(kind, value):
    if kind.endswith("?"):
        return value is None or is_of(kind[:-1], value)
    if kind.endswith("[]"):
        return isinstance(value, list) and all(is_of(kind[:-2], v) for v in value)
    if kind.startswith("enum:"):
        return value in kind[5:].split("|")
    if kind in PATTERNS:
        return isinstance(value, str) and re.fullmatch(PATTERNS[kind], value) is not None
    return TYPES[kind](value)


def rows_of_shapes(text, samples):
    """Makes the cases. samples(): {object: [values]}, called when the first case runs."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        subject, *lines = block.split("\n")
        fields = [line.split() for line in lines if line.strip()]
        for name, kind, *flags in fields:
            add_row(subject, name, kind, flags, samples)
        add_whole(subject, {f[0] for f in fields}, samples)


def add_row(subject, name, kind, flags, samples):
    @case(f"{subject} key {name}: {kind}")
    def _():
        values = check(samples().get(subject), f"nothing of the kind {subject} was seen")
        for v in values:
            if name in v:
                check(is_of(kind, v[name]), f"{name} is {v[name]!r}, not {kind}")
            else:
                check("required" not in flags, f"no {name} in {str(v)[:400]}")
        check("rare" in flags or any(name in v for v in values), f"none of {len(values)} has {name}: {str(values[:2])[:400]}")


def add_whole(subject, names, samples):
    @case(f"{subject}: no other keys")
    def _():
        for v in samples().get(subject, []):
            equal(sorted(set(v) - names), [], f"keys that no row names, in {str(v)[:300]}")
