# SPDX-License-Identifier: Apache-2.0
"""The recorded exchanges of tests/golden/http and what it takes to hold an answer of ours against one: reading them, decoding
protobuf by the wire tables of tests/golden/wire, normalising what differs from run to run (ids, times, ports, directories, usage)
and a comparison that names each difference by its place. Numbers keep their kind: 15 and 15.0 are different tokens."""
import glob, gzip, json, os, re, struct

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(os.path.dirname(HERE), "golden")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_files = {}


def path_of(n, ext):
    if not _files:
        for f in glob.glob(os.path.join(GOLDEN, "http", "*")):
            base = os.path.basename(f)
            _files[(base[:3], base.rpartition(".")[2])] = f
    return _files.get((f"{n:03d}", ext))


def name_of(n):
    return os.path.basename(path_of(n, "req"))[4:-4]


class Message:
    """A request or answer as it was on the wire."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.first = lines[0].split(" ", 2)
        self.headers = [(k.strip(), v.strip()) for k, _, v in (l.partition(":") for l in lines[1:])]

    def header(self, name, default=None):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return values[-1] if values else default

    @property
    def status(self):
        return int(self.first[1])

    @property
    def type(self):
        return self.header("Content-Type", "")

    def text(self):
        body = dechunk(self.body) if "chunked" in self.header("Transfer-Encoding", "") else self.body
        return gzip.decompress(body) if self.header("Content-Encoding") == "gzip" else body


def request(n):
    return Message(open(path_of(n, "req"), "rb").read())


def answer(n):
    return Message(open(path_of(n, "resp"), "rb").read())


def stream(n):
    """The records of a recorded stream."""
    return records(dechunk(open(path_of(n, "stream"), "rb").read()))


def dechunk(b):
    out = b""
    while b:
        size, nl, b = b.partition(b"\r\n")
        n = int(size.split(b";")[0] or b"0", 16)
        if not nl or n == 0:
            break
        out, b = out + b[:n], b[n + 2:]
    return out


def records(b):
    out = []
    while b:
        n, nl, rest = b.partition(b"\n")
        if not nl or len(rest) < int(n):
            break
        out.append(rest[:int(n)])
        b = rest[int(n):]
    return out


# protobuf by the tables ------------------------------------------------------------------------------------------------------
_messages, _enums = {}, {}


def _tables():
    for line in open(os.path.join(GOLDEN, "wire", "messages.tsv")):
        f = line.rstrip("\n").split("\t")
        if f[0].startswith("#"):
            continue
        fields = _messages.setdefault(f[0], {})
        if len(f) >= 5:
            fields[int(f[2])] = (f[1], f[3], f[4])
    for line in open(os.path.join(GOLDEN, "wire", "enums.tsv")):
        f = line.rstrip("\n").split("\t")
        if not f[0].startswith("#"):
            _enums.setdefault(f[0], {})[int(f[2])] = f[1]


def _varint(b, i):
    v = s = 0
    while True:
        c = b[i]
        v |= (c & 127) << s
        i, s = i + 1, s + 7
        if c < 128:
            return v, i


def _scalar(kind, v):
    if kind in ("double", "float"):
        return struct.unpack("<d" if kind == "double" else "<f", v)[0]
    if kind in ("fixed64", "sfixed64", "fixed32", "sfixed32"):
        return int.from_bytes(v, "little", signed=kind[0] == "s")
    if kind == "bool":
        return bool(v)
    if kind in ("int32", "int64"):
        return v - (1 << 64) if v >> 63 else v
    if kind in ("sint32", "sint64"):
        return (v >> 1) ^ -(v & 1)
    if kind in ("uint32", "uint64"):
        return v
    return _enums[kind].get(v, v)


def decode(kind, b):
    """A message as the JSON mapping would show it, except that bytes stay bytes and unknown fields are called #N."""
    if not _messages:
        _tables()
    fields, out, i = _messages[kind], {}, 0
    while i < len(b):
        tag, i = _varint(b, i)
        wire = tag & 7
        if wire == 0:
            v, i = _varint(b, i)
        elif wire == 1:
            v, i = b[i:i + 8], i + 8
        elif wire == 5:
            v, i = b[i:i + 4], i + 4
        elif wire == 2:
            n, i = _varint(b, i)
            v, i = b[i:i + n], i + n
        else:
            raise ValueError(f"wire type {wire} in {kind}: {b[:60]!r}")
        name, label, type = fields.get(tag >> 3, (f"#{tag >> 3}", "optional", "?"))
        if type == "?":
            out[name] = v
            continue
        entry = re.match(r"map<(.*), ?(.*)>", type)
        if entry:
            k, e = None, {}
            _messages.setdefault(type, {1: ("key", "optional", entry[1]), 2: ("value", "optional", entry[2])})
            e = decode(type, v)
            out.setdefault(name, {})[e.get("key", "")] = e.get("value")
            continue
        if type == "string":
            value = v.decode("utf-8", "replace")
        elif type == "bytes":
            value = v
        elif type in _messages:
            value = decode(type, v)
        elif wire == 2:
            for x in _packed(type, v):
                out.setdefault(name, []).append(x)
            continue
        else:
            value = _scalar(type, v)
        if label == "repeated":
            out.setdefault(name, []).append(value)
        else:
            out[name] = value
    return out


def _packed(type, v):
    i, size = 0, {"double": 8, "fixed64": 8, "sfixed64": 8, "float": 4, "fixed32": 4, "sfixed32": 4}.get(type)
    while i < len(v):
        if size:
            yield _scalar(type, v[i:i + size])
            i += size
        else:
            x, i = _varint(v, i)
            yield _scalar(type, x)


# normalising and comparing ---------------------------------------------------------------------------------------------------
VOLATILE = re.compile(r"(^|_)(time|timestamp|nanoseconds|secs|mtime|size|bytes|pid|load|data|elected_time|start_time|uid|gid|nlink)$|"
                      r"(_time|timestamp|build_\w+|_secs|_bytes|load_\w+|_min)$|^cpus_total$|^container_id$|uuid$|^estimated_drain_start_time_seconds$")
LOOSE = ("statistics", "resource_statistics")


def words(s):
    """A text with its ids, ports of drivers and directories taken out."""
    s = re.sub(UUID, "UUID", s)
    s = re.sub(r"20\d\d-\d\d-\d\d", "DATE", s)
    s = re.sub(r'("build_time":)[\d.]+,"build_user":"\w+"', r"\1#", s)
    s = re.sub(r"UUID-O\d+", "UUID-O#", s)
    s = re.sub(r"(scheduler|executor)(-UUID|\(\d+\))@[\d.]+:\d+", r"\1@DRIVER", s)
    return s


class Differ:
    def __init__(self, loose=()):
        self.found, self.loose, self.back = [], loose, []

    def say(self, path, what):
        if (line := f"{path or '.'} {what}") not in self.found:
            self.found.append(line)

    def values(self, want, got, path="", key="", loose=False):
        kind = lambda v: "object" if isinstance(v, dict) else "array" if isinstance(v, list) else "bool" if isinstance(v, bool) else \
            "integer" if isinstance(v, int) else "double" if isinstance(v, float) else "null" if v is None else "string"
        if kind(want) != kind(got):
            self.say(path, f"is {kind(got)}, not {kind(want)}")
        elif isinstance(want, dict):
            loose = loose or key in LOOSE
            want, got = ({words(k): v for k, v in x.items()} for x in (want, got))
            for k in want:
                if k not in got:
                    self.say(f"{path}.{k}", "missing")
                else:
                    self.values(want[k], got[k], f"{path}.{k}", k, loose)
            for k in got:
                if k not in want:
                    self.say(f"{path}.{k}", "extra")
        elif isinstance(want, list):
            self.lists(want, got, path, key, loose)
        elif loose or VOLATILE.search(key) or path.endswith("uuid.value") or (key == "port" and want in (5050, 5051)):
            pass
        elif isinstance(want, str):
            for a, b in self.back:
                got = got.replace(a, b)
            if words(want) != words(got):
                self.say(path, f'"{words(got)[:200]}", not "{words(want)[:200]}"')
        elif isinstance(want, float):
            if abs(want - got) > 1e-6:
                self.say(path, f"{got}, not {want}")
        elif want != got:
            self.say(path, f"{got!r}, not {want!r}")

    def lists(self, want, got, path, key, loose):
        def named(l, back=()):
            out, count = {}, {}
            for e in l:
                n = identity(e)
                for x, y in back:
                    n = n.replace(x, y) if n else n
                count[n] = count.get(n, 0) + 1
                out[(n, count[n])] = e
            return out
        a, b = named(want), named(got, self.back)
        for k in a:
            if k not in b:
                self.say(f"{path}[{k[0]}]", "missing")
            else:
                self.values(a[k], b[k], path + "[]", key, loose)
        for k in b:
            if k not in a:
                self.say(f"{path}[{k[0]}]", "extra")


def identity(e):
    """What tells an element of a list from the others, whatever their order."""
    if isinstance(e, str):
        return words(e)
    if not isinstance(e, dict):
        return None
    for k in ("framework_info", "agent_info", "executor_info", "id"):
        if isinstance(e.get(k), dict):
            return identity(e[k]) if k != "id" else words(str(e[k].get("value", e[k])))
    if "statistics" in e or "container_status" in e or "resource_statistics" in e:
        x = e.get("executor_id", e.get("container_id"))
        return str(x.get("value") if isinstance(x, dict) else x) if "executor_id" in e else "nested"
    if "scalar" in e or "ranges" in e or "set" in e:
        return json.dumps([e.get(k) for k in ("name", "role", "reservations", "allocation_info")] + [(e.get("disk") or {}).get("persistence", {}).get("id")],
                          sort_keys=True)
    for k in ("id", "task_id") if "statuses" in e or "directory" in e else ("type", "name") if "uuid" in e else ("task_id", "executor_id", "name", "key", "path", "type", "role", "id"):
        v = e.get(k)
        if isinstance(v, dict):
            v = v.get("value")
        if isinstance(v, str) and v:
            return words(v)
    return None


def compare(want, got, what=None, loose=False):
    """The differences between the recorded answer and ours, both as Message. `what` is the protobuf type of the body; loose: its
    values do not count."""
    d = Differ()
    if want.status != got.status:
        d.say("status", f"{got.status}, not {want.status}" + (f' ("{got.text()[:160].decode("utf-8", "replace")}")' if got.status >= 400 else ""))
    names = lambda m: {k.lower() for k, _ in m.headers} - {"date"}
    for k in sorted(names(want) - names(got)):
        d.say(f"header {k}", "missing")
    for k in sorted(names(got) - names(want)):
        d.say(f"header {k}", f"extra ({got.header(k)})")
    for k in ("Content-Type", "Location", "Allow", "WWW-Authenticate", "Content-Encoding", "Transfer-Encoding", "Content-Disposition", "Message-Content-Type"):
        w, g = want.header(k), got.header(k)
        if w is not None and g is not None and words(w) != words(g):
            d.say(f"header {k.lower()}", f'"{g}", not "{w}"')
    if want.status == got.status and "chunked" not in want.header("Transfer-Encoding", ""):
        bodies(d, want, got, what, loose)
    return d.found


def bodies(d, want, got, what, loose):
    a, b = want.text(), got.text()
    if want.type == "application/x-protobuf" and what:
        try:
            d.back = got.back
            d.values(decode(what, a), decode(what, b), loose=loose)
        except (ValueError, IndexError, struct.error) as e:
            d.say("protobuf", str(e))
        return
    try:
        a, b = json.loads(a), json.loads(b)
    except ValueError:
        a, b = words(a.decode("utf-8", "replace")), words(b.decode("utf-8", "replace"))
        if a != b:
            d.say("text", f'"{b[:240]}", not "{a[:240]}"')
        return
    d.values(a, b, loose=loose)


# encoding, for requests whose ids change length ------------------------------------------------------------------------------
def _put_varint(v):
    out = b""
    v &= (1 << 64) - 1
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def encode(kind, value):
    """The inverse of decode."""
    if not _messages:
        _tables()
    out = b""
    for number, (name, label, type) in sorted(_messages[kind].items()):
        if name not in value:
            continue
        entry = re.match(r"map<(.*), ?(.*)>", type)
        if entry:
            _messages.setdefault(type, {1: ("key", "optional", entry[1]), 2: ("value", "optional", entry[2])})
            items = [{"key": k, "value": v} for k, v in value[name].items()]
        else:
            items = value[name] if label == "repeated" else [value[name]]
        for v in items:
            if type in _messages:
                b, wire = encode(type, v), 2
            elif type in ("string", "bytes"):
                b, wire = v.encode() if isinstance(v, str) else v, 2
            elif type in ("double", "float"):
                b, wire = struct.pack("<d" if type == "double" else "<f", v), 1 if type == "double" else 5
            elif type in ("fixed64", "sfixed64", "fixed32", "sfixed32"):
                b, wire = (v & (1 << 64) - 1).to_bytes(8, "little")[:8 if "64" in type else 4], 1 if "64" in type else 5
            else:
                if type in _enums:
                    v = next((n for n, s in _enums[type].items() if s == v), v)
                b, wire = _put_varint((v << 1) ^ (v >> 63) if type.startswith("sint") else int(v)), 0
            out += _put_varint(number << 3 | wire) + (_put_varint(len(b)) if wire == 2 else b"") + b
    return out


def jsonable(v):
    """A decoded message as the JSON mapping would have it."""
    import base64
    if isinstance(v, dict):
        return {k: jsonable(x) for k, x in v.items()}
    if isinstance(v, list):
        return [jsonable(x) for x in v]
    return base64.b64encode(v).decode() if isinstance(v, bytes) else v


def edited(message, kind, fn):
    """The body of a request after fn was applied to each text and the whole tree (a dict), encoded again as it was."""
    is_json = message.type != "application/x-protobuf"
    try:
        tree = json.loads(message.body) if is_json else decode(kind, message.body)
    except ValueError:
        return message.body

    def walk(v):
        if isinstance(v, dict):
            return {k: walk(x) for k, x in v.items()}
        if isinstance(v, list):
            return [walk(x) for x in v]
        return fn(v) if isinstance(v, str) else v
    tree = walk(tree)
    return json.dumps(tree, separators=(",", ":")).encode() if is_json else encode(kind, tree)
