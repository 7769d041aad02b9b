# SPDX-License-Identifier: Apache-2.0
"""Messages as protobuf bytes and back, by the project's own .proto files and nothing else: encode("mesos.v1.scheduler.Call", {...})
takes what the JSON form of the API takes, decode() gives what the JSON form of an answer shows, declared defaults included."""
import base64, glob, os, re, struct

PROTO = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "proto")
_messages, _enums = {}, {}      # full name: {field name: (number, label, type, default, deprecated)}; full name: {name: number}
_SCALARS = {"double", "float", "int32", "int64", "uint32", "uint64", "bool", "string", "bytes"}


def _load():
    token = re.compile(r"\b(message|enum|oneof)\s+(\w+)\s*\{|(\})|\b(optional|required|repeated)\s+([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[([^\]]*)\])?\s*;"
                       r"|\bmap<\s*(\w+)\s*,\s*([\w.]+)\s*>\s+(\w+)\s*=\s*(\d+)\s*;|^\s*(\w+)\s*=\s*(\d+)\s*(?:\[[^\]]*\])?\s*;"
                       r"|^\s*([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*;", re.M)  # the last: a member of a oneof
    for path in sorted(glob.glob(PROTO + "/*.proto")):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", open(path).read(), flags=re.S)
        package = re.search(r"^package ([\w.]+);", text, re.M).group(1)
        scope = []
        for m in token.finditer(text):
            full = ".".join([package, *(n for kind, n in scope if kind != "oneof")])
            if m.group(1) == "oneof":
                scope.append((m.group(1), m.group(2)))
            elif m.group(1):
                scope.append((m.group(1), m.group(2)))
                (_messages if m.group(1) == "message" else _enums)[full + "." + m.group(2)] = {}
            elif m.group(3):
                scope.pop()
            elif m.group(4):
                default = re.search(r'default\s*=\s*"?([^",\]]*)', m.group(8) or "")
                _messages[full][m.group(6)] = (int(m.group(7)), m.group(4), m.group(5), default and default.group(1), "deprecated" in (m.group(8) or ""))
            elif m.group(9):
                entry = f"{full}.{m.group(11)}_entry"
                _messages[entry] = {"key": (1, "optional", m.group(9), None, False), "value": (2, "optional", m.group(10), None, False)}
                _messages[full][m.group(11)] = (int(m.group(12)), "map", entry, None, False)
            elif m.group(15):
                _messages[full][m.group(16)] = (int(m.group(17)), "optional", m.group(15), None, False)
            elif scope and scope[-1][0] == "enum":
                _enums[full][m.group(13)] = int(m.group(14))


def _resolve(scope, type):
    while True:
        full = f"{scope}.{type}" if scope else type
        if full in _messages or full in _enums:
            return full
        scope = scope.rpartition(".")[0]


def _varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def _one(scope, number, type, value):
    if type in ("double", "float"):
        return _varint(number << 3 | (1 if type == "double" else 5)) + struct.pack("<d" if type == "double" else "<f", float(value))
    if type == "bool" or type.startswith(("int", "uint")):
        return _varint(number << 3) + _varint(int(value))
    if type in ("string", "bytes"):
        data = value.encode() if type == "string" else base64.b64decode(value)
    else:
        full = _resolve(scope, type)
        if full in _enums:
            return _varint(number << 3) + _varint(value if isinstance(value, int) else _enums[full][value])
        data = encode(full, value)
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def field(number, value):
    """One field by its number: a whole number or bytes."""
    return _varint(number << 3) + _varint(value) if isinstance(value, int) else _varint(number << 3 | 2) + _varint(len(value)) + value


def encode(name, values):
    out = bytearray()
    for key, value in values.items():
        number, label, type, _, _ = _messages[name][key]
        if label == "map":
            value = [{"key": k, "value": v} for k, v in value.items()]
        for v in value if isinstance(value, list) else [value]:
            out += _one(name, number, type, v)
    return bytes(out)


def _read(scope, type, wire, raw):
    if type == "double":
        return struct.unpack("<d", raw)[0]
    if type == "float":
        return struct.unpack("<f", raw)[0]
    if type == "string":
        return raw.decode()
    if type == "bytes":
        return base64.b64encode(raw).decode()
    if type == "bool":
        return bool(raw)
    if type in _SCALARS:
        return raw - (1 << 64) if type.startswith("int") and raw >> 63 else raw
    full = _resolve(scope, type)
    if full in _enums:
        return next((n for n, v in _enums[full].items() if v == raw), raw)
    return decode(full, raw)


def _fields(data):
    i = 0
    def varint():
        nonlocal i
        n = shift = 0
        while True:
            b = data[i]
            i += 1
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                return n
    while i < len(data):
        tag = varint()
        wire = tag & 7
        size = varint() if wire in (0, 2) else {1: 8, 5: 4}[wire]
        if wire == 0:
            yield tag >> 3, wire, size
        else:
            yield tag >> 3, wire, data[i:i + size]
            i += size


def decode(name, data):
    out, by_number = {}, {f[0]: (n, *f[1:3]) for n, f in _messages[name].items()}
    for number, wire, raw in _fields(data):
        if number not in by_number:
            out.setdefault("unknown", []).append(number)
            continue
        key, label, type = by_number[number]
        value = _read(name, type, wire, raw)
        if label == "repeated":
            out.setdefault(key, []).append(value)
        elif label == "map":
            out.setdefault(key, {})[value["key"]] = value["value"]
        else:
            out[key] = value
    for key, (_, label, type, default, deprecated) in _messages[name].items():
        if default is not None and not deprecated and key not in out:
            out[key] = default == "true" if type == "bool" else float(default) if type == "double" else int(default) if type in _SCALARS and type != "string" else default
    return out


_load()
