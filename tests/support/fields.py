# SPDX-License-Identifier: Apache-2.0
"""Rows of fields, one line each, and what follows from a line without being said: what is taken, what is refused and with which
words at which path, what is there when nothing was said, and that null says nothing.

    field kind [=DEFAULT] [>=MIN] [<=MAX] [len>=N] [len<=N] [name|netname|path] [items>=N] [unique] [required] [empty|unseen]

kinds: text int long double bool time map env texts ints list object any, or enum:A|B. `empty`: an empty one is not rendered.
`unseen`: taken, never rendered under this name. `lax` (of an object): any JSON is read as an object without fields."""
import copy, json, re
from cluster import *

KIND_ERROR = {"text": "error.expected.jsstring", "int": "error.expected.jsnumber", "long": "error.expected.jsnumber", "double": "error.expected.jsnumber",
              "bool": "error.expected.jsboolean", "map": "error.expected.jsobject", "env": "error.expected.jsobject", "texts": "error.expected.jsarray",
              "ints": "error.expected.jsarray", "list": "error.expected.jsarray", "enum": "error.expected.jsstring", "object": "error.expected.jsobject"}
NOT_OF_KIND = {"text": 5, "int": "1", "long": "1", "double": "1", "bool": "true", "map": [], "env": [], "texts": "x", "ints": "x", "list": "x", "enum": 5, "object": 5}
BAD_NAMES = {"name": ["A", "-a", "a-", "a_b"], "netname": ["A", "-a", "a-"], "path": ["/A", "/a_b", "/-a", "/a b"]}


class Field:
    def __init__(self, line):
        self.name, self.kind, *words = line.split()
        self.default = self.min = self.max = self.len_min = self.len_max = self.pattern = None
        self.names, self.required, self.empty, self.unseen, self.lax, self.unique, self.items_min = [], False, False, False, False, False, None
        if self.kind.startswith("enum:"):
            self.kind, self.names = "enum", self.kind[5:].split("|")
        for w in words:
            if w[0] == "=":
                self.default = json.loads(w[1:])
            elif w.startswith("len>="):
                self.len_min = int(w[5:])
            elif w.startswith("len<="):
                self.len_max = int(w[5:])
            elif w.startswith("items>="):
                self.items_min = int(w[7:])
            elif w.startswith(">="):
                self.min = json.loads(w[2:])
            elif w.startswith("<="):
                self.max = json.loads(w[2:])
            elif w in BAD_NAMES:
                self.pattern = w
            else:
                assert hasattr(self, w), f"{line}: {w}?"
                setattr(self, w, True)

    def taken(self):
        """[(what is sent, what is rendered)] that the kind and the bounds allow."""
        if self.kind == "bool":
            return [(True, True), (False, False)]
        if self.kind == "enum":
            return [(n, n) for n in self.names] + [(self.names[-1].lower(), self.names[-1])]
        if self.kind in ("int", "long"):
            top = self.max if self.max is not None else 2147483647 if self.kind == "int" else 9007199254740991
            return [(v, v) for v in sorted({self.min or 0, top})]
        if self.kind == "double":
            return [(v, v) for v in (self.min or 0, self.max if self.max is not None else 1000.5)]
        if self.kind == "text":
            return [("a" * (self.len_min or 1), "a" * (self.len_min or 1)), *([("a" * self.len_max, "a" * self.len_max)] if self.len_max else [])]
        if self.kind == "map":
            return [({"k": "v", "": ""}, {"k": "v", "": ""})]
        if self.kind == "texts":
            return [(["a", "b"], ["a", "b"])]
        return []

    def refused(self):
        """[(what is sent, behind the field's path, the error)]"""
        if self.lax:
            return []
        out = [(NOT_OF_KIND[self.kind], "", KIND_ERROR[self.kind])] if self.kind in NOT_OF_KIND else []
        if self.kind == "enum":
            out.append(("NONE_OF_THEM", "", "error.unknown.enum.literal"))
        if self.kind in ("int", "long"):
            out += [(1.5, "", "error.expected.int"), (99999999999999999999, "", "error.expected.int")] + ([(2147483648, "", "error.expected.int")] if self.kind == "int" and self.max is None else [])
        if self.kind in ("int", "long", "double"):
            out += [(self.min - (1 if self.kind != "double" else 0.0001), "", "error.min")] if self.min is not None else []
            out += [(self.max + (1 if self.kind != "double" else 0.0001), "", "error.max")] if self.max is not None else []
        if self.kind == "text":
            out += [("", "", "error.minLength" if self.pattern is None else "error.")] if self.len_min else []
            out += [("a" * (self.len_max + 1), "", "error.maxLength")] if self.len_max else []
            out += [(bad, "", "error.pattern") for bad in BAD_NAMES.get(self.pattern, [])]
        if self.kind == "texts":
            out.append(([5], "(0)", "error.expected.jsstring"))
            out += [(["a", bad], "(1)", "error.pattern") for bad in BAD_NAMES.get(self.pattern, [])]
            out += [(["a" * (self.len_max + 1)], "(0)", "error.maxLength")] if self.len_max else []
            out += [([""], "(0)", "error.minLength")] if self.len_min and self.pattern is None else []
        if self.kind == "ints":
            out += [(["1"], "(0)", "error.expected.jsnumber"), ([1.5], "(0)", "error.expected.int")]
            out += [([self.min - 1], "(0)", "error.min")] if self.min is not None else []
            out += [([self.max + 1], "(0)", "error.max")] if self.max is not None else []
        if self.kind in ("map", "env"):
            out.append(({"k": 5}, "/k", "error.expected."))
        if self.items_min:
            out.append(([], "", "error.minLength"))
        return out


def step(value, part):
    return value[int(part)] if isinstance(value, list) else value[part]


def look(value, path):
    """The value at a/0/b, or None where something on the way is missing."""
    for part in filter(None, path.split("/")):
        try:
            value = step(value, part)
        except (KeyError, IndexError, TypeError):
            return None
    return value


def written(path):
    """a/0/b as details[].path says it: /a(0)/b."""
    return re.sub(r"/(\d+)(?=/|$)", r"(\1)", "/" + path) if path else ""


class Place:
    """Where an object stands: a definition that is right, and the path to the object in it; `seen`: where it is rendered."""

    def __init__(self, body, at="", seen=None):
        self.body, self.at, self.seen = body, at, at if seen is None else seen

    def put(self, field, value, more=None):
        body = copy.deepcopy(self.body)
        target = look(body, self.at)
        target.update(copy.deepcopy(more or {}))
        target[field] = value
        return body

    def without(self, field, more=None):
        body = self.put(field, None, more)
        del look(body, self.at)[field]
        return body

    def path(self, field):
        return written(f"{self.at}/{field}" if self.at else field)


def told(reply):
    """{path: its texts} of a refusal."""
    details = reply.json.get("details", [])
    return {d["path"]: " ".join(d["errors"]) for d in details} if isinstance(details, list) else {}


class Rows:
    """The cases of a table: post(body) makes something and gives the reply, with status 201 when it is taken."""

    def __init__(self, post, fields, places, good, more, extra, needed):
        self.post, self.places, self.good, self.more, self.extra, self.needed = post, places, good, more, extra, needed
        for block in re.split(r"\n(?=[A-Z])", fields.strip()):
            subject, *lines = block.split("\n")
            for line in lines:
                if line.strip():
                    self.add(subject.strip(), Field(line))

    def add(self, subject, f):
        @case(f"{subject} key {f.name}: what it takes, what it refuses, its default")
        def _():
            place, key = self.places[subject], (subject, f.name)
            more = self.more.get(key)
            self.check_taken(place, f, self.good.get(key, f.taken()), more)
            for value, behind, error in [*f.refused(), *self.extra.get(key, [])]:
                self.check_refused(place, f, value, (behind if behind.startswith("=") else place.path(f.name) + behind), error, more)
            self.check_absence(place, f, more, self.needed.get(key))

    def check_taken(self, place, f, values, more):
        for sent, shown in values:
            r = self.post(place.put(f.name, sent, more))
            equal(r.status, 201, f"{f.name} {sent!r}: {r.text[:300]}")
            got = look(r.json, f"{place.seen}/{f.name}")
            equal(got, None if f.unseen or (f.empty and not shown) else shown, f"{f.name} {sent!r}, rendered,")

    def check_refused(self, place, f, value, path, error, more):
        path = path.lstrip("=")
        r = self.post(place.put(f.name, value, more))
        equal(r.status, 422, f"{f.name} {str(value)[:60]!r}: {r.text[:300]}")
        check(error in told(r).get(path, ""), f"{f.name} {str(value)[:60]!r}: {error!r} is not told at {path}: {r.text[:300]}")
        check(r.json["message"] in ("Invalid JSON", "Object is not valid"), r.text[:200])

    def check_absence(self, place, f, more, needed):
        for what, body in (("absent", place.without(f.name, more)), ("null", place.put(f.name, None, more))):
            r = self.post(body)
            if needed:
                equal((r.status, needed[1] in told(r).get(needed[0], "")), (422, True), f"{f.name} {what}: {r.text[:300]}")
            elif f.required:
                equal(r.status, 422, f"{f.name} {what}: {r.text[:200]}")
                check("undefined" in r.text or "error.path.missing" in r.text, f"{f.name} {what}: {r.text[:300]}")
            else:
                equal(r.status, 201, f"{f.name} {what}: {r.text[:300]}")
                equal(look(r.json, f"{place.seen}/{f.name}"), f.default, f"{f.name} {what}, rendered,")
