#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the master's API is reached, row by row: methods, paths, content types, Accept, encodings, connections, what a body may be; for
/api/v1/scheduler, /api/v1 and the unversioned endpoints. Source: scheduler API 1, 2 and 4, operator API 1, client expectations 1 and 2."""
import base64, gzip, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rows import *

c = f = None
SCHEDULER, OPERATOR = "/api/v1/scheduler", "/api/v1"
INFO = {"user": "root", "name": "rows"}
SUBSCRIBE = {"type": "SUBSCRIBE", "subscribe": {"framework_info": INFO}}


@case("a master, an agent, a framework")
def _():
    global c, f
    c = Cluster()
    f = Stream(c.port, SUBSCRIBE)
    f.id = f.next()["subscribed"]["framework_id"]["value"]


def mine(type, **body):
    return {"framework_id": {"value": f.id}, "type": type, **body}


def send(path, body, headers=(), method="POST", version="1.1"):
    """One request as these bytes. Header values may be functions, for what is known only when the cluster runs."""
    body = body() if callable(body) else body
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    head = f"{method} {path} HTTP/{version}\r\nHost: x\r\n"
    names = [k.lower() for k, _ in headers]
    for k, v in headers:
        head += f"{k}: {v() if callable(v) else v}\r\n"
    if "content-length" not in names and "transfer-encoding" not in names:
        head += f"Content-Length: {len(body)}\r\n"
    done = (lambda d: d.endswith(b"\r\n\r\n")) if method == "HEAD" else lambda d: whole(d) or b"HEARTBEAT" in d
    return raw(c.port, head.encode() + b"\r\n" + body, until=done)


def header(answer, name):
    m = re.search(rb"(?im)^" + name.encode() + rb": *(.*?)\r$", answer.partition(b"\r\n\r\n")[0] + b"\r\n")
    return m and m.group(1).decode()


def row(subject, status, when, path, body, headers=(), text=None, **more):
    has = more.pop("has", {})

    @case(f"{subject} {status}: {when}")
    def _():
        answer = send(path, body, headers, **more)
        equal(status_of(answer), status, f"status of {answer[:300]!r}; it")
        if text is not None:
            got = answer.partition(b"\r\n\r\n")[2].decode()
            check(got == text if text == "" else text in got, f"the body is {got!r}, without {text!r}")
        for k, v in has.items():
            equal(header(answer, k), v, k)
        if status >= 400 and status != 401 and answer.partition(b"\r\n\r\n")[2]:
            equal(header(answer, "Content-Type"), "text/plain; charset=utf-8", "Content-Type of the error")
        check(header(answer, "Date"), "no Date")


J, P = ("Content-Type", "application/json"), ("Content-Type", "application/x-protobuf")
STREAM = ("Mesos-Stream-Id", lambda: f.stream_id)
pb = lambda message, body: lambda: protowire.encode(message, body() if callable(body) else body)
SUPPRESS = lambda: mine("SUPPRESS")
HEALTH, METRICS = {"type": "GET_HEALTH"}, {"type": "GET_METRICS", "get_metrics": {}}
V1S, V1M = "mesos.v1.scheduler.Call", "mesos.v1.master.Call"

# --- the pipeline of both APIs, in its order ---------------------------------------------------------------------------

for path, good, ok in ((SCHEDULER, SUPPRESS, 202), (OPERATOR, HEALTH, 200)):
    S, extra = f"POST {path}", [STREAM] if path == SCHEDULER else []
    message = V1S if path == SCHEDULER else V1M
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"):
        row(f"{method} {path}", 405, "only POST", path, b"", method=method, has={"Allow": "POST"},
            text=None if method == "HEAD" else f"Expecting one of {{ 'POST' }}, but received '{method}'")
    row(S, 400, "no Content-Type", path, good, extra, "Expecting 'Content-Type' to be present")
    row(S, 415, "a content type with a charset", path, good, [("Content-Type", "application/json; charset=utf-8"), *extra], "Expecting 'Content-Type' of")
    row(S, 415, "a content type in capitals", path, good, [("Content-Type", "Application/JSON"), *extra])
    row(S, 415, "text", path, good, [("Content-Type", "text/plain"), *extra])
    row(S, 415, "recordio", path, good, [("Content-Type", "application/recordio"), *extra])
    row(S, 415, "a form", path, good, [("Content-Type", "application/x-www-form-urlencoded"), *extra])
    row(S, 415, "an empty content type", path, good, [("Content-Type", ""), *extra])
    row(S, 400, "no body", path, b"", [J, *extra], "Failed to parse body into JSON")
    row(S, 400, "JSON that does not end", path, b'{"type":', [J, *extra], "Failed to parse body into JSON")
    row(S, 400, "JSON with more behind it", path, b'{"type":"GET_HEALTH"} x', [J, *extra], "Failed to parse body into JSON")
    row(S, 400, "a list", path, b"[]", [J, *extra])
    row(S, 400, "a number", path, b"1", [J, *extra])
    row(S, 400, "an object without type", path, b"{}", [J, *extra], "Expecting 'type' to be present")
    row(S, 400, "a type that there is not", path, b'{"type":"NONSENSE"}', [J, *extra], "Expecting 'type' to be present")
    row(S, 400, "a type by its number", path, b'{"type":1}', [J, *extra])
    row(S, 400, "a type of null", path, b'{"type":null}', [J, *extra], "Expecting 'type' to be present")
    row(S, 400, "protobuf that is none", path, b"\xff\xff\xff", [P, *extra], "Failed to parse body into Call protobuf")
    row(S, 400, "protobuf that is cut short", path, lambda m=message, g=good: protowire.encode(m, g() if callable(g) else g)[:-1], [P, *extra])
    row(S, 400, "JSON said to be protobuf", path, good, [P, *extra])
    row(S, 400, "protobuf said to be JSON", path, pb(message, good), [J, *extra])
    row(S, ok, "JSON", path, good, [J, *extra])
    row(S, ok, "protobuf", path, pb(message, good), [P, *extra])
    row(S, ok, "header names in any case", path, good, [("CONTENT-type", "application/json"), *[("mesos-STREAM-id", v) for _, v in extra]])
    row(S, ok, "a trailing slash", path + "/", good, [J, *extra])
    row(S, ok, "under /master", "/master" + path, good, [J, *extra])
    row(S, ok, "under a deeper path", path + "/operator", good, [J, *extra])
    row(S, ok, "query parameters that nobody knows", path + "?a=b&jsonp=x", good, [J, *extra])
    row(S, ok, "Connection: close", path, good, [J, *extra, ("Connection", "close")])
    row(S, ok, "HTTP/1.0", path, good, [J, *extra], version="1.0")
    row(S, ok, "User-Agent and credentials of nobody, with authentication off", path, good, [J, *extra, ("Authorization", "Basic Og=="), ("User-Agent", "")])
    row(S, ok, "Content-Type twice: the last one counts", path, good, [("Content-Type", "text/plain"), J, *extra])
    row(S, ok, "JSON with fields that nobody knows", path, lambda g=good: {**(g() if callable(g) else g), "colour": {"red": [1]}}, [J, *extra])
    row(S, ok, "JSON with blanks and newlines", path, lambda g=good: json.dumps(g() if callable(g) else g, indent=3).replace("\n", "\r\n").encode(), [J, *extra])
    row(S, ok, "a gzip body", path, lambda g=good: gzip.compress(json.dumps(g() if callable(g) else g).encode()), [J, *extra, ("Content-Encoding", "gzip")])
    row(S, 400, "a gzip body that is none", path, good, [J, *extra, ("Content-Encoding", "gzip")])
    chunks = lambda g: lambda: b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (lambda d: (d[:7], d[7:]))(json.dumps(g() if callable(g) else g).encode())) + b"0\r\n\r\n"
    row(S, ok, "a chunked body", path, chunks(good), [J, *extra, ("Transfer-Encoding", "chunked")])
    row(S, 400, "JSON a hundred levels deep", path, b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}", [J, *extra])

    @case(f"{S} {ok}: Expect: 100-continue is continued")
    def _(path=path, good=good, extra=extra, ok=ok):
        body = json.dumps(good() if callable(good) else good).encode()
        with socket.create_connection(("127.0.0.1", c.port), 10) as s:
            head = "".join(f"{k}: {v()}\r\n" for k, v in extra)
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            equal(s.recv(4096)[:12], b"HTTP/1.1 100", "first answer")
            s.sendall(body)
            equal(status_of(s.recv(65536)), ok, "status")

    @case(f"{S} {ok}: two calls on one connection, sent at once")
    def _(path=path, good=good, extra=extra, ok=ok):
        body = json.dumps(good() if callable(good) else good).encode()
        head = "".join(f"{k}: {v()}\r\n" for k, v in extra)
        one = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        answer = raw(c.port, one + one, until=lambda d: d.count(b"HTTP/1.1 %d" % ok) == 2)
        equal(answer.count(b"HTTP/1.1 %d" % ok), 2, f"answers in {answer!r}; they")

# --- the scheduler API only --------------------------------------------------------------------------------------------

S = "POST " + SCHEDULER
row(S, 202, "an empty answer has a length and no type", SCHEDULER, SUPPRESS, [J, STREAM], "", has={"Content-Length": "0", "Content-Type": None})
row(S, 202, "TEARDOWN, and any other call, answers 202: SUPPRESS", SCHEDULER, SUPPRESS, [J, STREAM], "")
row(S, 400, "the stream id is missing", SCHEDULER, SUPPRESS, [J], "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
row(S, 400, "the stream id is another's", SCHEDULER, SUPPRESS, [J, ("Mesos-Stream-Id", "00000000-0000-4000-8000-000000000000")],
    "The stream ID '00000000-0000-4000-8000-000000000000' included in this request didn't match the stream ID currently associated with framework ID")
row(S, 400, "the stream id is empty", SCHEDULER, SUPPRESS, [J, ("Mesos-Stream-Id", "")])
row(S, 400, "a framework that nobody knows", SCHEDULER, {"framework_id": {"value": "nobody"}, "type": "SUPPRESS"}, [J, STREAM], "Framework cannot be found")
row(S, 400, "no framework_id", SCHEDULER, {"type": "SUPPRESS"}, [J, STREAM], "Expecting 'framework_id' to be present")
row(S, 400, "an empty framework_id", SCHEDULER, {"type": "SUPPRESS", "framework_id": {"value": ""}}, [J, STREAM])
row(S, 400, "framework_id without value", SCHEDULER, {"type": "SUPPRESS", "framework_id": {}}, [J, STREAM], "framework_id.value")
row(S, 400, "framework_id that is text", SCHEDULER, {"type": "SUPPRESS", "framework_id": "x"}, [J, STREAM])
row(S, 501, "type UNKNOWN", SCHEDULER, lambda: mine("UNKNOWN"), [J, STREAM])
row(S, 501, "type UNKNOWN in protobuf", SCHEDULER, pb(V1S, lambda: mine("UNKNOWN")), [P, STREAM])
row(S, 400, "SUBSCRIBE with a stream id", SCHEDULER, SUBSCRIBE, [J, STREAM], "Subscribe calls should not include the 'Mesos-Stream-Id' header")
row(S, 406, "SUBSCRIBE that takes neither form", SCHEDULER, SUBSCRIBE, [J, ("Accept", "text/html")], "Expecting 'Accept' to allow")
row(S, 406, "SUBSCRIBE that takes recordio only", SCHEDULER, SUBSCRIBE, [J, ("Accept", "application/recordio")])
row(S, 406, "SUBSCRIBE that excludes both", SCHEDULER, SUBSCRIBE, [J, ("Accept", "application/json;q=0, application/x-protobuf;q=0")])
row(S, 406, "RECONCILE_OPERATIONS that takes neither form", SCHEDULER, lambda: mine("RECONCILE_OPERATIONS", reconcile_operations={}), [J, STREAM, ("Accept", "text/html")])
row(S, 202, "RECONCILE_OPERATIONS", SCHEDULER, lambda: mine("RECONCILE_OPERATIONS", reconcile_operations={}), [J, STREAM])
row(S, 202, "other calls do not look at Accept", SCHEDULER, SUPPRESS, [J, STREAM, ("Accept", "text/html")], "")
row(S, 400, "SUBSCRIBE whose two ids differ", SCHEDULER, {**SUBSCRIBE, "framework_id": {"value": "a"}}, [J], "'framework_id' differs from 'subscribe.framework_info.id'")
row(S, 400, "SUBSCRIBE without user", SCHEDULER, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "n"}}}, [J], "subscribe.framework_info.user")
row(S, 400, "SUBSCRIBE without framework_info", SCHEDULER, {"type": "SUBSCRIBE", "subscribe": {}}, [J], "subscribe.framework_info")
row(S, 400, "SUBSCRIBE with an info that is a list", SCHEDULER, {"type": "SUBSCRIBE", "subscribe": {"framework_info": []}}, [J])

BODIES = [("SUBSCRIBE", "subscribe"), ("ACCEPT", "accept"), ("DECLINE", "decline"), ("KILL", "kill"), ("SHUTDOWN", "shutdown"), ("ACKNOWLEDGE", "acknowledge"),
          ("RECONCILE", "reconcile"), ("MESSAGE", "message"), ("REQUEST", "request"), ("ACCEPT_INVERSE_OFFERS", "accept_inverse_offers"),
          ("DECLINE_INVERSE_OFFERS", "decline_inverse_offers"), ("ACKNOWLEDGE_OPERATION_STATUS", "acknowledge_operation_status"),
          ("RECONCILE_OPERATIONS", "reconcile_operations"), ("UPDATE_FRAMEWORK", "update_framework")]
for type, key in BODIES:
    row(type, 400, "without its message", SCHEDULER, lambda t=type: {"type": t} if t == "SUBSCRIBE" else mine(t), [J] if type == "SUBSCRIBE" else [J, STREAM],
        f"Expecting '{key}' to be present")
for type, body, missing in (("KILL", {"kill": {}}, "kill.task_id"), ("KILL", {"kill": {"task_id": {}}}, "kill.task_id.value"),
                            ("SHUTDOWN", {"shutdown": {"agent_id": {"value": "a"}}}, "shutdown.executor_id"),
                            ("SHUTDOWN", {"shutdown": {"executor_id": {"value": "a"}}}, "shutdown.agent_id"),
                            ("ACKNOWLEDGE", {"acknowledge": {"agent_id": {"value": "a"}, "task_id": {"value": "t"}}}, "acknowledge.uuid"),
                            ("RECONCILE", {"reconcile": {"tasks": [{}]}}, "reconcile.tasks[0].task_id"),
                            ("MESSAGE", {"message": {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}}}, "message.data"),
                            ("ACKNOWLEDGE_OPERATION_STATUS", {"acknowledge_operation_status": {"operation_id": {"value": "o"}}}, "acknowledge_operation_status.uuid"),
                            ("UPDATE_FRAMEWORK", {"update_framework": {}}, "update_framework.framework_info"),
                            ("ACCEPT", {"accept": {"offer_ids": [{}]}}, "accept.offer_ids[0].value")):
    row(type, 400, f"without {missing}", SCHEDULER, lambda t=type, b=body: mine(t, **b), [J, STREAM], missing)
ID = {"agent_id": {"value": "a"}, "task_id": {"value": "t"}}
for name, uuid, text in (("of 3 bytes", b"abc", "Not a valid UUID"), ("of version 0", bytes(16), "Not a valid UUID"), ("of version 6", bytes(6) + b"\x60" + bytes(9), "Not a valid UUID"),
                         ("of 17 bytes", bytes(6) + b"\x40" + bytes(10), "Not a valid UUID")):
    row("ACKNOWLEDGE", 400, "a uuid " + name, SCHEDULER, lambda u=uuid: mine("ACKNOWLEDGE", acknowledge={**ID, "uuid": base64.b64encode(u).decode()}), [J, STREAM], text)
    row("ACKNOWLEDGE_OPERATION_STATUS", 400, "a uuid " + name, SCHEDULER, lambda u=uuid: mine("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status={
        "agent_id": {"value": "a"}, "operation_id": {"value": "o"}, "uuid": base64.b64encode(u).decode()}), [J, STREAM], text)
row("ACKNOWLEDGE", 202, "a uuid of version 1 and any variant", SCHEDULER, lambda: mine("ACKNOWLEDGE", acknowledge={
    **ID, "uuid": base64.b64encode(bytes(6) + b"\x10" + bytes(9)).decode()}), [J, STREAM])
row("ACKNOWLEDGE", 400, "a uuid that is no base64", SCHEDULER, lambda: mine("ACKNOWLEDGE", acknowledge={**ID, "uuid": "%%%"}), [J, STREAM])
row("ACKNOWLEDGE_OPERATION_STATUS", 400, "without agent_id", SCHEDULER, lambda: mine("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status={
    "operation_id": {"value": "o"}, "uuid": base64.b64encode(bytes(6) + b"\x40" + bytes(9)).decode()}), [J, STREAM], "agent_id")
for name, body in (("DECLINE without ids", {"type": "DECLINE", "decline": {}}), ("DECLINE of an unknown offer", {"type": "DECLINE", "decline": {"offer_ids": [{"value": "x"}]}}),
                   ("ACCEPT without ids and operations", {"type": "ACCEPT", "accept": {}}), ("ACCEPT of an unknown offer", {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "x"}]}}),
                   ("RECONCILE of nothing", {"type": "RECONCILE", "reconcile": {}}), ("REVIVE without a body", {"type": "REVIVE"}),
                   ("REVIVE of a role that is not its own", {"type": "REVIVE", "revive": {"roles": ["other"]}}), ("REVIVE of a bad role", {"type": "REVIVE", "revive": {"roles": ["/"]}}),
                   ("SUPPRESS of a bad role", {"type": "SUPPRESS", "suppress": {"roles": ["a b"]}}), ("KILL of an unknown task", {"type": "KILL", "kill": {"task_id": {"value": "x"}}}),
                   ("SHUTDOWN on an unknown agent", {"type": "SHUTDOWN", "shutdown": {"executor_id": {"value": "e"}, "agent_id": {"value": "a"}}}),
                   ("MESSAGE to an unknown agent", {"type": "MESSAGE", "message": {"executor_id": {"value": "e"}, "agent_id": {"value": "a"}, "data": "aGk="}}),
                   ("REQUEST", {"type": "REQUEST", "request": {"requests": [{"resources": []}]}}),
                   ("ACCEPT_INVERSE_OFFERS of an unknown one", {"type": "ACCEPT_INVERSE_OFFERS", "accept_inverse_offers": {"inverse_offer_ids": [{"value": "x"}]}}),
                   ("DECLINE_INVERSE_OFFERS of an unknown one", {"type": "DECLINE_INVERSE_OFFERS", "decline_inverse_offers": {"inverse_offer_ids": [{"value": "x"}]}})):
    row(body["type"], 202, name, SCHEDULER, lambda b=body: {**mine(b["type"]), **b}, [J, STREAM], "")
    row(body["type"], 202, name + ", in protobuf", SCHEDULER, pb(V1S, lambda b=body: {**mine(b["type"]), **b}), [P, STREAM], "")

# JSON to protobuf: what is read how.
READ = [("a number as text", {"filters": {"refuse_seconds": "5.5"}}, 202), ("Infinity as text", {"filters": {"refuse_seconds": "Infinity"}}, 202),
        ("a number as text that is none", {"filters": {"refuse_seconds": "five"}}, 400), ("a number that is an object", {"filters": {"refuse_seconds": {}}}, 400),
        ("null is unset", {"filters": None}, 202), ("one where a list is expected", {"offer_ids": {"value": "x"}}, 202), ("a list where one is expected", {"filters": []}, 400),
        ("a number where text is expected", {"offer_ids": [{"value": 1}]}, 400), ("a bool where a number is expected", {"filters": {"refuse_seconds": True}}, 400)]
for name, body, status in READ:
    row("JSON", status, name, SCHEDULER, lambda b=body: mine("DECLINE", decline=b), [J, STREAM])
row("JSON", 400, "an operation type that there is not, where one is required", SCHEDULER, lambda: mine("UPDATE_FRAMEWORK", update_framework={"framework_info": {
    **INFO, "offer_filters": 5}}), [J, STREAM])
row("JSON", 202, "an optional enum that there is not is unset", SCHEDULER, lambda: mine("ACCEPT", accept={"operations": [{"type": "NO_SUCH"}]}), [J, STREAM])


def first_events(headers, version="1.1"):
    return send(SCHEDULER, SUBSCRIBE, [J, *headers], version=version)


for name, headers, type in (("no Accept", [], "json"), ("Accept */*", [("Accept", "*/*")], "json"), ("Accept application/*", [("Accept", "application/*")], "json"),
                            ("Accept both, protobuf first", [("Accept", "application/x-protobuf, application/json;q=0.1")], "json"), ("Accept protobuf", [("Accept", "application/x-protobuf")], "x-protobuf"),
                            ("Accept JSON excluded", [("Accept", "application/json;q=0, */*")], "x-protobuf"), ("Accept gzip: a stream is never compressed", [("Accept-Encoding", "gzip")], "json"),
                            ("Accept twice: the last counts", [("Accept", "application/json"), ("Accept", "application/x-protobuf")], "x-protobuf"),
                            ("Connection: close, and the stream stays", [("Connection", "close")], "json")):
    @case(f"SUBSCRIBE 200: {name}")
    def _(headers=headers, type=type):
        with socket.create_connection(("127.0.0.1", c.port), 10) as s:
            body = json.dumps(SUBSCRIBE).encode()
            s.sendall((f"POST {SCHEDULER} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n" +
                       "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n").encode() + body)
            data = b""
            while not (data.count(b"\r\n") >= 10 and (b"HEARTBEAT" in data or b"2\n\x08\x08" in data)):
                piece = s.recv(65536)
                check(piece, f"the stream ended after {data!r}")
                data += piece
        equal(status_of(data), 200, "status")
        equal(header(data, "Content-Type"), "application/" + type, "Content-Type")
        equal(header(data, "Transfer-Encoding"), "chunked", "Transfer-Encoding")
        equal((header(data, "Content-Length"), header(data, "Content-Encoding")), (None, None), "length and encoding")
        check(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", header(data, "Mesos-Stream-Id") or ""), "no stream id")
        # One record per chunk, its length in front.
        rest = data.partition(b"\r\n\r\n")[2]
        size, _, rest = rest.partition(b"\r\n")
        record, _, body = rest[:int(size, 16)].partition(b"\n")
        equal(len(body), int(record), "bytes of the first record")
        event = json.loads(body) if type == "json" else protowire.decode("mesos.v1.scheduler.Event", body)
        equal(event["type"], "SUBSCRIBED", "first event")


# --- the operator API only ---------------------------------------------------------------------------------------------

S = "POST " + OPERATOR
row(S, 501, "type UNKNOWN", OPERATOR, {"type": "UNKNOWN"}, [J])
row(S, 501, "type UNKNOWN in protobuf", OPERATOR, pb(V1M, {"type": "UNKNOWN"}), [P])
row(S, 200, "no Accept: JSON, with a length", OPERATOR, HEALTH, [J], '{"type":"GET_HEALTH","get_health":{"healthy":true}}', has={"Content-Type": "application/json", "Content-Length": "51"})
row(S, 200, "Accept */*", OPERATOR, HEALTH, [J, ("Accept", "*/*")], has={"Content-Type": "application/json"})
row(S, 200, "Accept both", OPERATOR, HEALTH, [J, ("Accept", "application/x-protobuf, application/json")], has={"Content-Type": "application/json"})
row(S, 200, "JSON in, protobuf out", OPERATOR, HEALTH, [J, ("Accept", "application/x-protobuf")], has={"Content-Type": "application/x-protobuf"})
row(S, 200, "protobuf in, JSON out", OPERATOR, pb(V1M, HEALTH), [P, ("Accept", "application/json")], has={"Content-Type": "application/json"})
row(S, 200, "protobuf in, no Accept: JSON", OPERATOR, pb(V1M, HEALTH), [P], has={"Content-Type": "application/json"})
row(S, 200, "Accept twice: the last counts", OPERATOR, HEALTH, [J, ("Accept", "application/x-protobuf"), ("Accept", "application/json")], has={"Content-Type": "application/json"})
row(S, 406, "Accept neither", OPERATOR, HEALTH, [J, ("Accept", "text/html")], "Expecting 'Accept' to allow")
row(S, 406, "Accept recordio", OPERATOR, HEALTH, [J, ("Accept", "application/recordio")])
row(S, 200, "a read answer of 1024 bytes is compressed", OPERATOR, METRICS, [J, ("Accept-Encoding", "gzip")], has={"Content-Encoding": "gzip"})
row(S, 200, "a smaller one is not", OPERATOR, HEALTH, [J, ("Accept-Encoding", "gzip")], has={"Content-Encoding": None})
row(S, 200, "gzip excluded", OPERATOR, METRICS, [J, ("Accept-Encoding", "gzip;q=0")], has={"Content-Encoding": None})
row(S, 200, "any encoding", OPERATOR, METRICS, [J, ("Accept-Encoding", "*")], has={"Content-Encoding": "gzip"})
row(S, 200, "identity", OPERATOR, METRICS, [J, ("Accept-Encoding", "identity")], has={"Content-Encoding": None})
MESSAGES = """set_logging_level list_files read_file update_weights reserve_resources unreserve_resources create_volumes destroy_volumes grow_volume shrink_volume
update_maintenance_schedule start_maintenance stop_maintenance drain_agent deactivate_agent reactivate_agent update_quota set_quota remove_quota teardown mark_agent_gone get_metrics""".split()
for key in MESSAGES:
    row(key.upper(), 400, "without its message", OPERATOR, {"type": key.upper()}, [J], f"Expecting '{key}' to be present")
for key, body, path in (("set_logging_level", {"level": 1}, "duration"), ("list_files", {}, "path"), ("read_file", {"path": "/x"}, "offset"), ("reserve_resources", {}, "agent_id"),
                        ("unreserve_resources", {}, "agent_id"), ("create_volumes", {}, "agent_id"), ("destroy_volumes", {}, "agent_id"), ("grow_volume", {}, "volume"),
                        ("shrink_volume", {}, "volume"), ("update_maintenance_schedule", {}, "schedule"), ("drain_agent", {}, "agent_id"), ("deactivate_agent", {}, "agent_id"),
                        ("reactivate_agent", {}, "agent_id"), ("set_quota", {}, "quota_request"), ("remove_quota", {}, "role"), ("teardown", {}, "framework_id"), ("mark_agent_gone", {}, "agent_id"),
                        ("update_weights", {"weight_infos": [{"role": "r"}]}, "weight_infos[0].weight"), ("update_quota", {"quota_configs": [{}]}, "quota_configs[0].role")):
    row(key.upper(), 400, f"without {path}", OPERATOR, {"type": key.upper(), key: body}, [J], f"{key}.{path}")

# --- the unversioned endpoints -----------------------------------------------------------------------------------------

READS = "/state /state-summary /slaves /frameworks /tasks /roles /flags /version /weights /quota /maintenance/status /maintenance/schedule".split()
for path in READS:
    row(f"GET {path}", 200, "JSON without a charset", path, b"", method="GET", has={"Content-Type": "application/json"})
    row(f"GET {path}", 200, "under /master", "/master" + path, b"", method="GET") if path != "/version" else None
    row(f"GET {path}", 200, "a trailing slash, and parameters that nobody knows", path + "/?x=1", b"", method="GET")
    row(f"GET {path}", 200, "jsonp", path + "?jsonp=f", b"", method="GET", has={"Content-Type": "text/javascript"}, text="f(")
for path in READS[:6]:
    row(f"POST {path}", 200, "reading does not look at the method", path, b"", [J, ("Mesos-Stream-Id", "x")])
for path in ("/slaves/x", "/tasks/x/y", "/frameworks/x", "/state/x"):
    row(f"GET {path}", 200, "the longest known path counts", path, b"", method="GET")
for path in ("/nothing", "/state.json", "/slaves.json", "/tasks.json", "/roles.json", "/files/browse.json", "/redirect/x", "/master/redirect/x", "/observe", "/call", "/shutdown", "/stats.json",
             "/monitor/statistics.json", "/master/", "/v2/apps"):
    row(f"GET {path}", 404, "no such path", path, b"", method="GET") if path != "/master/" else None
row("GET /health", 200, "an empty body", "/health", b"", method="GET", text="", has={"Content-Length": "0"})
row("GET /master/health", 200, "under /master", "/master/health", b"", method="GET", text="")
row("HEAD /health", 200, "HEAD", "/health", b"", method="HEAD", text="")
for path in ("/redirect", "/master/redirect"):
    row(f"GET {path}", 307, "also by the leader, without a path", path, b"", method="GET", text="")

    @case(f"GET {path} 307: Location is the leader, without a scheme")
    def _(path=path):
        equal(get(c.port, path).headers["Location"], f"//localhost:{c.port}", "Location")

for method, path, allow in (("GET", "/reserve", "POST"), ("PUT", "/unreserve", "POST"), ("GET", "/create-volumes", "POST"), ("GET", "/destroy-volumes", "POST"), ("GET", "/teardown", "POST"),
                            ("POST", "/weights", "GET, PUT"), ("PUT", "/quota", "GET, POST, DELETE"), ("PUT", "/maintenance/schedule", "GET, POST"), ("GET", "/machine/down", "POST"),
                            ("GET", "/machine/up", "POST")):
    row(f"{method} {path}", 405, "the method", path, b"", method=method, text=f"but received '{method}'")

    @case(f"{method} {path} 405: Allow names what is taken")
    def _(method=method, path=path, allow=allow):
        r = http_request(method, c.port, path)
        equal(sorted((r.headers["Allow"] or "").split(", ")), sorted(allow.split(", ")), "Allow")

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
for path, field in (("/reserve", "resources"), ("/unreserve", "resources"), ("/create-volumes", "volumes"), ("/destroy-volumes", "volumes")):
    S = "POST " + path
    row(S, 400, "no body", path, b"", FORM, "Missing 'slaveId' query parameter in the request body")
    row(S, 400, "no " + field, path, b"slaveId=x", FORM, f"Missing '{field}' query parameter in the request body")
    row(S, 400, "an agent that there is not", path, f"slaveId=x&{field}=%5B%5D".encode(), FORM, "No agent found with specified ID")
    row(S, 400, f"{field} that are no JSON", path, lambda field=field: f"slaveId={c.agent_id}&{field}=%5B".encode(), FORM, f"Error parsing '{field}' query parameter in the request body: ")
    row(S, 400, f"{field} that are no list", path, lambda field=field: f"slaveId={c.agent_id}&{field}=%7B%7D".encode(), FORM, f"Error parsing '{field}' query parameter in the request body: ")
    row(S, 400, f"an entry of {field} without a name", path, lambda field=field: f"slaveId={c.agent_id}&{field}=%5B%7B%7D%5D".encode(), FORM)
row("POST /teardown", 400, "no body", "/teardown", b"", FORM, "Missing 'frameworkId' query parameter in the request body")
row("POST /teardown", 400, "a framework that there is not", "/teardown", b"frameworkId=x", FORM, "No framework found with specified ID")
row("PUT /weights", 400, "no JSON", "/weights", b"{", method="PUT")
row("PUT /weights", 400, "no list", "/weights", b'{"a":1}', method="PUT")
row("PUT /weights", 400, "a weight below 0", "/weights", b'[{"role":"web","weight":-1}]', method="PUT")
row("PUT /weights", 400, "a role that is none", "/weights", b'[{"role":"a//b","weight":1}]', method="PUT")
row("PUT /weights", 200, "nothing", "/weights", b"[]", method="PUT", text="")
row("POST /quota", 400, "no JSON", "/quota", b"{")
row("DELETE /quota/x", 400, "a role without quota", "/quota/x", b"", method="DELETE", text="has no quota set")
row("DELETE /quota", 400, "no role", "/quota", b"", method="DELETE")
row("POST /maintenance/schedule", 400, "no JSON", "/maintenance/schedule", b"{")
row("POST /machine/down", 400, "no JSON", "/machine/down", b"{")
row("POST /machine/down", 400, "a machine that is not draining", "/machine/down", b'[{"hostname":"h"}]', text="is not part of a maintenance schedule")
row("POST /machine/up", 400, "a machine that is not down", "/machine/up", b'[{"hostname":"h"}]')
for query, text in (("limit=x", "Failed to parse limit"), ("offset=x", "Failed to parse offset"), ("limit=1.5", "Failed to parse limit")):
    row("GET /tasks", 400, query, "/tasks?" + query, b"", method="GET", text=text)
for query in ("limit=0", "limit=-1", "offset=5", "order=asc", "order=des", "order=other", "task_id=x", "framework_id=x"):
    row("GET /tasks", 200, query, "/tasks?" + query, b"", method="GET", text='{"tasks":[]}')
row("GET /slaves", 200, "slave_id of none", "/slaves?slave_id=x", b"", method="GET", text='"slaves":[]')
row("GET /frameworks", 200, "framework_id of none", "/frameworks?framework_id=x", b"", method="GET", text='"frameworks":[]')
row("GET /metrics/snapshot", 200, "a timeout", "/metrics/snapshot?timeout=5secs", b"", method="GET", has={"Content-Type": "application/json"})
row("GET /metrics/snapshot", 400, "a timeout without a unit", "/metrics/snapshot?timeout=5", b"", method="GET")
row("GET /metrics/snapshot", 400, "a timeout that is none", "/metrics/snapshot?timeout=soon", b"", method="GET", text="Invalid timeout 'soon'")
row("GET /metrics/snapshot", 200, "jsonp", "/metrics/snapshot?jsonp=f", b"", method="GET", text="f({")
row("GET /files/browse", 400, "no path", "/files/browse", b"", method="GET", text="Expecting 'path=value' in query.")
row("GET /files/browse", 404, "a path that there is not", "/files/browse?path=/no", b"", method="GET")
row("GET /files/read", 400, "no path", "/files/read", b"", method="GET", text="Expecting 'path=value' in query.")
row("GET /files/read", 404, "a path that there is not", "/files/read?path=/no", b"", method="GET")
row("GET /files/read", 400, "an offset that is none", "/files/read?path=/master/log&offset=x", b"", method="GET", text="Failed to parse offset")
row("GET /files/download", 400, "no path", "/files/download", b"", method="GET")
row("GET /files/download", 404, "a path that there is not", "/files/download?path=/no", b"", method="GET")
row("GET /files/debug", 200, "an object", "/files/debug", b"", method="GET", text="{")
row("GET /logging/toggle", 200, "the level", "/logging/toggle", b"", method="GET", text="0\n")
row("GET /logging/toggle", 400, "a level without a duration", "/logging/toggle?level=1", b"", method="GET", text="Expecting 'duration=value' in query.")
row("GET /logging/toggle", 400, "a duration without a level", "/logging/toggle?duration=1mins", b"", method="GET", text="Expecting 'level=value' in query.")
row("GET /logging/toggle", 400, "a level that is none", "/logging/toggle?level=x&duration=1mins", b"", method="GET", text="Invalid level 'x'")
row("GET /logging/toggle", 400, "a duration that is none", "/logging/toggle?level=1&duration=1", b"", method="GET", text="Invalid duration '1'")
row("GET /logging/toggle", 400, "a level below the first", "/logging/toggle?level=-1&duration=1mins", b"", method="GET")
row("GET /logging/toggle", 200, "a level for a while", "/logging/toggle?level=1&duration=1secs", b"", method="GET", text="")
for path in ("/system/stats.json", "/registrar(1)/registry", "/registrar%281%29/registry", "/allocator/offer_constraints_debug", "/help", "/__processes__", "/", "/metrics"):
    row(f"GET {path}", 200, "it answers", path, b"", method="GET")

# --- HTTP itself -------------------------------------------------------------------------------------------------------

for name, data, status in (("no request line", b"\r\n\r\nnonsense\r\n\r\n", 400), ("a header without a colon", b"GET /health HTTP/1.1\r\nHost x\r\n\r\n", 400),
                           ("Content-Length that is none", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
                           ("Content-Length twice and different", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
                           ("both lengths", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                           ("a chunk without a size", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
                           ("a body that is too large", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n", 413),
                           ("headers that are too large", b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200000 + b"\r\n\r\n", 431)):
    @case(f"HTTP {status}: {name}")
    def _(data=data, status=status):
        equal(status_of(raw(c.port, data)), status, "status")


@case("HTTP 200: after a body that was cut short the master serves on")
def _():
    with socket.create_connection(("127.0.0.1", c.port), 5) as s:
        s.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    equal(get(c.port, "/health").status, 200, "status")


@case("they end cleanly")
def _():
    f.close()
    c.stop()


main(log_lines=0, needed=1)
