#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How Marathon's API speaks, a row each: methods, codes, headers, paths, queries, embeds, selectors, content types, bodies of the answers.
One service without a master; what needs running tasks is in test_reference_marathon_behaviour.py."""
import base64, gzip, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from shapes import STAMP, UUID
from cluster import *

port = None
APP = {"cmd": "sleep 1", "instances": 0}


def start(name, *flags):
    p, = free_ports(1)
    Process(name, [STOA, "marathon", "--master=127.0.0.1:1", "--http_address=127.0.0.1", f"--http_port={p}", f"--store_dir={scratch()}/{name}", "--hostname=127.0.0.1", *flags])
    wait_for("it answers", lambda: get(p, "/ping").status in (200, 401))
    return p


def call(method, path, body=None, want=200, **kw):
    r = http_request(method, port, path, body, **kw)
    equal(r.status, want, f"{method} {path}: {r.text[:300]}")
    return r


def raw(text, p=None):
    """What comes back for these bytes, to the end."""
    with socket.create_connection(("127.0.0.1", p or port), 10) as s:
        s.sendall(text.replace("\n", "\r\n").encode())
        s.shutdown(socket.SHUT_WR)
        out = b""
        while (b := s.recv(65536)):
            out += b
    return out


def ids(path):
    return sorted(a["id"] for a in call("GET", path).json["apps"])


@case("a service with some apps, groups and pods")
def _():
    global port
    port = start("marathon", "--mesos_role=web")
    for id, more in (("/a/one", {"labels": {"team": "red", "x.y-z": "1"}, "cmd": "sleep 100"}), ("/a/two", {"labels": {"team": "blue"}, "cmd": "Run ME"}), ("/a/sub/three", {"labels": {"team": "red", "only": ""}}), ("/b", {})):
        call("POST", "/v2/apps", {"id": id, **APP, **more}, 201)
    call("POST", "/v2/pods", {"id": "/a/pod", "containers": [{"name": "c", "exec": {"command": {"shell": "sleep 1"}}, "resources": {}}], "scaling": {"kind": "fixed", "instances": 0}}, 201)


CACHE = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache", "Expires": "0"}
SECURITY = {"X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block"}
for method, path in (("GET", "/v2/apps"), ("GET", "/v2/apps/nope"), ("POST", "/v2/apps"), ("DELETE", "/v2/nothing"), ("GET", "/ping"), ("GET", "/metrics"), ("GET", "/ui/"), ("GET", "/"), ("OPTIONS", "/v2/apps")):
    @case(f"{method} {path}: cache, security and leader headers")
    def _(method=method, path=path):
        h = http_request(method, port, path).headers
        for k, v in {**CACHE, **SECURITY, "X-Marathon-Leader": f"http://127.0.0.1:{port}"}.items():
            equal(h.get(k), v, k)

# Method, path, code: the same object by other spellings of its path.
for path in ("/v2/apps/a/one", "/v2/apps//a/one", "/v2/apps/a/one/", "/v2/apps//a//one", "//v2/apps/a/one"):
    @case(f"GET {path}: empty segments do not count")
    def _(path=path):
        equal(call("GET", path).json["app"]["id"], "/a/one", "id")
for path in ("/v2/apps/", "/v2/apps/?embed=apps.tasks", "/v2/groups/", "/v2/pods/", "/v2/queue/", "/v2/deployments/", "/v2/tasks/", "/v2/info/", "/v2/leader/", "/ping/"):
    @case(f"GET {path} 200: a slash at the end")
    def _(path=path):
        call("GET", path)

METHODS = {"/v2/apps": "GET HEAD POST PUT PATCH OPTIONS", "/v2/apps/a/one": "GET HEAD PUT PATCH DELETE OPTIONS", "/v2/apps/a/one/restart": "POST OPTIONS", "/v2/apps/a/one/tasks": "GET HEAD DELETE OPTIONS", "/v2/apps/a/one/versions": "GET HEAD OPTIONS",
           "/v2/groups/a": "GET POST PUT PATCH DELETE OPTIONS", "/v2/pods": "GET HEAD POST OPTIONS", "/v2/pods/a/pod": "GET PUT DELETE OPTIONS", "/v2/tasks": "GET HEAD OPTIONS", "/v2/tasks/delete": "POST OPTIONS",
           "/v2/queue": "GET HEAD OPTIONS", "/v2/deployments": "GET HEAD OPTIONS", "/v2/info": "GET HEAD OPTIONS", "/v2/leader": "GET DELETE OPTIONS", "/v2/plugins": "GET OPTIONS", "/ping": "GET HEAD OPTIONS", "/metrics": "GET HEAD OPTIONS", "/logging": "GET POST OPTIONS"}
for path, methods in METHODS.items():
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        if method not in methods.split() and not (method == "HEAD" and "GET" in methods):
            @case(f"{method} {path} 405: Method Not Allowed")
            def _(method=method, path=path):
                r = call(method, path, want=405)
                equal((r.json if method != "HEAD" else {"message": "Method Not Allowed"}, r.headers["Content-Type"]), ({"message": "Method Not Allowed"}, "application/json"), "answer")

    @case(f"OPTIONS {path} 200: the methods in Allow")
    def _(path=path, methods=methods):
        allow = [m.strip() for m in call("OPTIONS", path).headers["Allow"].split(",")]
        equal([m for m in methods.split() if m not in allow], [], f"missing in {allow}")


for path in ("/v2/apps", "/v2/apps/a/one", "/v2/info", "/ping"):
    @case(f"HEAD {path} 200: the headers of GET, no body")
    def _(path=path):
        r = call("HEAD", path)
        equal((r.body, r.headers["Content-Type"]), (b"", call("GET", path).headers["Content-Type"]), "answer")


@case("GET /v2/apps 406: Accept of nothing that is served")
def _():
    equal(call("GET", "/v2/apps", want=406, headers={"Accept": "text/xml"}).json, {"message": "Not Acceptable"}, "answer")


for accept in ("application/json", "*/*", "application/*", "text/html, application/json;q=0.9", "application/json; charset=utf-8"):
    @case(f"GET /v2/apps 200: Accept: {accept}")
    def _(accept=accept):
        equal(call("GET", "/v2/apps", headers={"Accept": accept}).headers["Content-Type"], "application/json", "Content-Type")


for content, code in (("application/json", 201), ("application/json; charset=UTF-8", 201), ("text/xml", 415), ("application/x-www-form-urlencoded", 415)):
    @case(f"POST /v2/apps {code}: Content-Type {content}")
    def _(content=content, code=code):
        r = call("POST", "/v2/apps?dryRun=true" if code == 415 else "/v2/apps", json.dumps({"id": f"/ct{len(content)}", **APP}), code, headers={"Content-Type": content})
        check(code == 201 or r.json == {"message": "Unsupported Media Type"}, r.text)


@case("POST /v2/apps 400: the parser's text in details")
def _():
    for body in ("{", "[1,", '{"id": }', "nonsense"):
        r = call("POST", "/v2/apps", body, 400, headers={"Content-Type": "application/json"})
        equal((r.json["message"], type(r.json["details"])), ("Invalid JSON", str), body)


@case("POST /v2/apps 201: Location, Marathon-Deployment-Id, the app with its deployment")
def _():
    r = call("POST", "/v2/apps", {"id": "created", **APP}, 201)
    deployment = r.headers["Marathon-Deployment-Id"]
    equal(r.headers["Location"], f"http://127.0.0.1:{port}/created", "Location")
    equal((r.json["id"], r.json["deployments"], r.json["tasksStaged"], r.json["tasksRunning"], r.json["tasksHealthy"], r.json["tasksUnhealthy"]), ("/created", [{"id": deployment}], 0, 0, 0, 0), "answer")
    equal([k for k in ("tasks", "versionInfo") if k in r.json], [], "keys that are not there")


DEPLOYED = {"version": STAMP, "deploymentId": UUID}
for method, path, body, code in (("PUT", "/v2/apps/created", {"mem": 64}, 200), ("PUT", "/v2/apps/fresh", APP, 201), ("PATCH", "/v2/apps/fresh", {"mem": 65}, 200), ("PUT", "/v2/apps", [{"id": "/fresh", **APP}], 200), ("PATCH", "/v2/apps", [{"id": "/fresh", "mem": 66}], 200),
                                 ("POST", "/v2/apps/fresh/restart", {}, 200), ("DELETE", "/v2/apps/fresh", None, 200), ("POST", "/v2/groups", {"id": "made"}, 201), ("PUT", "/v2/groups/made", {"apps": []}, 200), ("PUT", "/v2/groups/put", {}, 200), ("PUT", "/v2/groups", {"id": "/put2"}, 200),
                                 ("DELETE", "/v2/groups/made", None, 200), ("POST", "/v2/groups/put", {"id": "in"}, 201)):
    @case(f"{method} {path} {code}: a deployment reply, its id in Marathon-Deployment-Id")
    def _(method=method, path=path, body=body, code=code):
        r = call(method, path, body, code)
        equal(sorted(r.json), sorted(DEPLOYED), "keys")
        for k, pattern in DEPLOYED.items():
            check(re.fullmatch(pattern, r.json[k]), f"{k}: {r.json[k]}")
        equal(r.headers["Marathon-Deployment-Id"], r.json["deploymentId"], "header")


@case("POST /v2/groups 201: Location; the id is relative to the group of the URL")
def _():
    equal(call("POST", "/v2/groups/put", {"id": "here"}, 201).headers["Location"], f"http://127.0.0.1:{port}/put/here", "Location")
    call("GET", "/v2/groups/put/here")


@case("PATCH /v2/groups/{id} 200: enforceRole alone, an empty body")
def _():
    equal(call("PATCH", "/v2/groups/put", {"enforceRole": True}).body, b"", "body")
    equal(call("GET", "/v2/groups/put").json["enforceRole"], True, "enforceRole")


@case("DELETE /v2/pods/{id} 202: empty, Location, Marathon-Deployment-Id")
def _():
    call("POST", "/v2/pods", {"id": "/gone", "containers": [{"name": "c", "exec": {"command": {"shell": "sleep 1"}}, "resources": {}}], "scaling": {"kind": "fixed", "instances": 0}}, 201)
    r = call("DELETE", "/v2/pods/gone?force=true", want=202)
    equal((r.body, r.headers["Location"]), (b"", f"http://127.0.0.1:{port}/{r.headers['Marathon-Deployment-Id']}"), "answer")


# Filters and selectors: what of /a/one, /a/two, /a/sub/three, /b is left.
ONE, TWO, THREE, B = "/a/one", "/a/two", "/a/sub/three", "/b"
for query, want in (("cmd=SLEEP%20100", [ONE]), ("cmd=me", [TWO]), ("id=SUB", [THREE]), ("id=/a/", [ONE, TWO, THREE]), ("label=team", [ONE, TWO, THREE]), ("label=team%3D%3Dred", [ONE, THREE]), ("label=team!%3Dred", [TWO]), ("label=team%20in%20(red,blue)", [ONE, TWO, THREE]),
                    ("label=team%20notin%20(red)", [TWO]), ("label=team%3D%3Dred,only", [THREE]), ("label=%20team%20%3D%3D%20red%20", [ONE, THREE]), ("label=x.y-z%3D%3D1", [ONE]), ("label=none", []), ("id=a&label=team%3D%3Dblue&cmd=run", [TWO])):
    @case(f"GET /v2/apps?{query}: filtered")
    def _(query=query, want=want):
        equal([i for i in ids(f"/v2/apps?{query}") if i in (ONE, TWO, THREE, B)], sorted(want), "ids")
for selector in ("%3D%3Dx", "team%3D%3D", "team%20in%20()", "team%20in%20red", "a,,b", "te%20am"):
    @case(f"GET /v2/apps?label={selector} 422: Can not parse label selector")
    def _(selector=selector):
        check(call("GET", f"/v2/apps?label={selector}", want=422).json["message"].startswith("Can not parse label selector"), "message")

COUNTS = {"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "deployments"}
for embed, there in (("apps.tasks", {"tasks"}), ("app.tasks", {"tasks"}), ("tasks", {"tasks"}), ("apps.counts", set()), ("apps.deployments", set()), ("apps.readiness", {"readinessCheckResults"}), ("apps.lastTaskFailure", set()), ("apps.failures", {"tasks"}), ("apps.taskStats", {"taskStats"}), ("nonsense", set())):
    @case(f"GET /v2/apps?embed={embed}: what is added to the counts and deployments, which are always there")
    def _(embed=embed, there=there):
        keys = set(call("GET", f"/v2/apps?id=/b&embed={embed}").json["apps"][0])
        equal(keys & {"tasks", "readinessCheckResults", "taskStats", "lastTaskFailure"}, there, "embedded")
        equal(COUNTS - keys, set(), "always there")


@case("GET /v2/apps/{id}: tasks are always there")
def _():
    equal(call("GET", "/v2/apps/b").json["app"]["tasks"], [], "tasks")


@case("GET /v2/apps/{group}/*: all apps below, under the key *")
def _():
    r = call("GET", "/v2/apps/a/*").json
    equal((list(r), sorted(a["id"] for a in r["*"])), (["*"], sorted([ONE, TWO, THREE])), "answer")
    check(all(a["tasks"] == [] for a in r["*"]), "tasks")


for embed, filled in (("", {"apps", "groups", "pods"}), ("?embed=group.apps", {"apps"}), ("?embed=group.groups", {"groups"}), ("?embed=group.pods", {"pods"}), ("?embed=group.groups&embed=group.apps", {"groups", "apps"})):
    @case(f"GET /v2/groups/a{embed}: only what was asked for is filled")
    def _(embed=embed, filled=filled):
        g = call("GET", "/v2/groups/a" + embed).json
        equal({k for k in ("apps", "groups", "pods") if g.get(k)}, filled, "filled")


@case("GET /v2/groups/{id}/apps: a bare array of all apps at or below; of no group, []")
def _():
    equal(sorted(a["id"] for a in call("GET", "/v2/groups/a/apps").json), sorted([ONE, TWO, THREE]), "apps")
    equal(call("GET", "/v2/groups/nope/apps").json, [], "apps of none")
    check({ONE, B} <= {a["id"] for a in call("GET", "/v2/groups/apps").json}, "of the root")


@case("GET /v2/groups/versions, /{id}/versions, /versions/{ts}: bare arrays of timestamps; the group as it was")
def _():
    for path in ("/v2/groups", "/v2/groups/a"):
        v = call("GET", path + "/versions").json
        check(v and all(re.fullmatch(STAMP, x) for x in v), v)
        equal(call("GET", f"{path}/versions/{v[0]}").json["id"], "/" + path[11:], "id")


@case("GET /v2/pods/{id}::versions and ::versions/{ts}")
def _():
    v = call("GET", "/v2/pods/a/pod::versions").json
    equal(len(v), 1, "versions")
    equal(call("GET", f"/v2/pods/a/pod::versions/{v[0]}").json["id"], "/a/pod", "id")


for query, changed in (("force=true", True), ("force=True", True), ("force=TRUE", True), ("force=1", False), ("force", False), ("force=yes", False)):
    @case(f"PUT /v2/apps/{{id}}?{query}: booleans of queries")
    def _(query=query, changed=changed):
        call("DELETE", "/v2/apps/locked") if http_request("GET", port, "/v2/apps/locked").status == 200 else None
        call("POST", "/v2/apps", {"id": "/locked", **APP, "instances": 1}, 201)
        call("PUT", f"/v2/apps/locked?{query}", {"mem": 64}, 200 if changed else 409)


# Null, unknown keys, ids in the body, partial updates.
@case("POST /v2/apps: null is absent, unknown keys are ignored")
def _():
    a = call("POST", "/v2/apps", {"id": "/nulls", **APP, "mem": None, "labels": None, "user": None, "unknown": {"x": 1}}, 201).json
    equal((a["mem"], a["labels"], "user" in a, "unknown" in a), (128.0, {}, False, False), "app")


@case("PUT /v2/apps/{id}: null does not clear; the id of the body is ignored")
def _():
    call("PUT", "/v2/apps/nulls", {"id": "/other", "user": "nobody"})
    call("PUT", "/v2/apps/nulls", {"user": None, "mem": 64})
    equal(call("GET", "/v2/apps/nulls").json["app"]["user"], "nobody", "user")
    call("GET", "/v2/apps/other", want=404)


@case("PUT /v2/apps/{id}: partial updates keep, but not executorResources and resourceLimits; partialUpdate=false replaces")
def _():
    call("PUT", "/v2/apps/nulls", {"executorResources": {"cpus": 1}, "resourceLimits": {"cpus": "unlimited"}, "labels": {"a": "b"}})
    check("executorResources" in call("GET", "/v2/apps/nulls").json["app"], "there at first")
    call("PUT", "/v2/apps/nulls", {"mem": 70})
    a = call("GET", "/v2/apps/nulls").json["app"]
    equal(("executorResources" in a, "resourceLimits" in a, a["labels"], a["user"]), (False, False, {"a": "b"}, "nobody"), "after a partial update")
    call("PUT", "/v2/apps/nulls?partialUpdate=false", APP)
    a = call("GET", "/v2/apps/nulls").json["app"]
    equal((a["labels"], "user" in a, a["mem"]), ({}, False, 128.0), "after a whole one")


@case("PUT /v2/apps/{id}: maps and lists are replaced wholesale; nothing changed is a deployment without steps")
def _():
    call("PUT", "/v2/apps/nulls", {"env": {"A": "1", "B": "2"}})
    call("PUT", "/v2/apps/nulls", {"env": {"B": "3"}})
    before = call("GET", "/v2/apps/nulls").json["app"]
    equal(before["env"], {"B": "3"}, "env")
    r = call("PUT", "/v2/apps/nulls", {"env": {"B": "3"}})
    check(re.fullmatch(UUID, r.json["deploymentId"]), r.text)
    equal(call("GET", "/v2/apps/nulls").json["app"]["version"], before["version"], "version")


@case("DELETE /v2/apps/{id}: force is true by default; with force=false a lock counts")
def _():
    call("POST", "/v2/apps", {"id": "/held", **APP, "instances": 1}, 201)
    call("DELETE", "/v2/apps/held?force=false", want=409)
    call("DELETE", "/v2/apps/held")


@case("DELETE /v2/apps/{id}: the emptied group stays")
def _():
    call("POST", "/v2/apps", {"id": "/stays/app", **APP}, 201)
    call("DELETE", "/v2/apps/stays/app")
    equal(call("GET", "/v2/groups/stays").json["apps"], [], "apps")


@case("numbers: a fraction for doubles, none for whole ones")
def _():
    text = call("GET", "/v2/apps/b").text
    for part in ('"cpus":1.0', '"mem":128.0', '"disk":0.0', '"backoffFactor":1.15', '"instances":0', '"gpus":0', '"backoffSeconds":1', '"maximumOverCapacity":1.0'):
        check(part in text, f"{part} is not in {text}")


# Other requests.
for accept, code, kind, body in ((None, 200, "text/plain", "pong"), ("*/*", 200, "text/plain", "pong"), ("text/plain", 200, "text/plain", "pong"), ("text/*", 200, "text/plain", "pong"), ("text/html", 200, "text/html", "pong"), ("application/json", 200, "application/json", '"pong"'), ("image/png", 204, None, "")):
    @case(f"GET /ping {code}: Accept: {accept}")
    def _(accept=accept, code=code, kind=kind, body=body):
        r = call("GET", "/ping", want=code, headers={"Accept": accept} if accept else {})
        equal((r.text, (r.headers.get("Content-Type") or "").split(";")[0] or None), (body, kind), "answer")
for path, to in (("/", "/ui/"), ("/ui", "/ui/"), ("/help", "/api-console/index.html")):
    @case(f"GET {path} 302: {to}")
    def _(path=path, to=to):
        check(call("GET", path, want=302).headers["Location"].endswith(to), "Location")
@case("--new_group_enforce_role=top: new top-level groups, by whatever request, name the role of what is in them")
def _():
    other = start("roles", "--new_group_enforce_role=top")
    ask = lambda method, path, body=None: http_request(method, other, path, body)
    equal(ask("PUT", "/v2/groups", {"id": "/top", "groups": [{"id": "sub", "apps": [{"id": "a", **APP}]}]}).status, 200, "PUT")
    equal(ask("GET", "/v2/apps/top/sub/a").json["app"]["role"], "top", "role of an app in the request")
    g = ask("GET", "/v2/groups/top").json
    equal((g["enforceRole"], "enforceRole" in g["groups"][0]), (True, False), "enforceRole")
    r = ask("POST", "/v2/apps", {"id": "/made/by/an/app", **APP})
    equal((r.status, r.json["role"]), (201, "made"), "role")
    equal(ask("GET", "/v2/groups/made").json["enforceRole"], True, "enforceRole of a parent")
    equal(ask("POST", "/v2/apps", {"id": "/root", **APP}).json["role"], "*", "an app of the root")
    r = ask("POST", "/v2/apps", {"id": "/top/b", "role": "*", **APP})
    equal((r.status, r.json["details"][0]), (422, {"path": "/role", "errors": ["got *, expected one of: [top]"]}), "another role")
    equal(ask("PUT", "/v2/groups", {"id": "/free", "enforceRole": False, "apps": [{"id": "a", **APP}]}).status, 200, "PUT")
    equal((ask("GET", "/v2/apps/free/a").json["app"]["role"], ask("GET", "/v2/groups/free").json["enforceRole"]), ("*", False), "a group that says otherwise")


@case("enforceRole of a new group counts for the apps that come with it")
def _():
    call("PUT", "/v2/groups", {"id": "/strict", "enforceRole": True, "apps": [{"id": "a", **APP}]})
    equal(call("GET", "/v2/apps/strict/a").json["app"]["role"], "strict", "role")
    call("DELETE", "/v2/groups/strict?force=true")


for flags, text in (("--deprecated_features=nope", "--deprecated_features: 'nope' is none; leave it out"), ("--revive_offers_repetitions=3", "--revive_offers_repetitions was removed in 1.10: use --min_revive_offers_interval"),
                    ("--event_subscriber=http_callback", "--event_subscriber was removed in 1.5, with callbacks: read GET /v2/events")):
    @case(f"{flags.split('=')[0]} stops the start with status 112")
    def _(flags=flags, text=text):
        r = subprocess.run([STOA, "marathon", flags], capture_output=True, text=True, timeout=60)
        equal((r.returncode, text in r.stderr), (112, True), r.stderr)


for path, kind, part in (("/favicon.ico", "image/x-icon", None), ("/api-console/", "text/html", "/v2/apps/{id}/restart"), ("/api-console/index.html", "text/html", "/v2/pods/::status"), ("/public/", "text/html", "/v2/queue"),
                         ("/public/api/api.raml", "application/raml+yaml", "/v2/leader:\n  get:\n  delete:\n"), ("/public/api/general.raml", "application/raml+yaml", "/ping:\n"), ("/public/api/v2/apps.raml", "application/raml+yaml", "/v2/apps:\n  get:\n  post:\n  put:\n  patch:\n"),
                         ("/public/api/v2/types/app.raml", "application/raml+yaml", "      backoffFactor?:\n        type: number\n        minimum: 1\n"), ("/public/api/v2/types/pod.raml", "application/raml+yaml", "  pod_container:\n"), ("/public/api/v2/types/group.raml", "application/raml+yaml", "      scaleBy?:\n")):
    @case(f"GET {path} 200: {kind}")
    def _(path=path, kind=kind, part=part):
        r = call("GET", path)
        equal(r.headers["Content-Type"].split(";")[0], kind, "type")
        check(part is None or part in r.text, r.text[:2000])
for path in ("/public/nope", "/public/api/v2/nope.raml", "/public/api/v2/types/nope.raml", "/public/api/apps.raml", "/ui/nope", "/api-console/nope", "/v2/schemas", "/v2/schemas/app", "/v2/artifacts", "/v2/eventSubscriptions", "/status", "/v2", "/nope"):
    @case(f"GET {path} 404: URI not found")
    def _(path=path):
        equal(call("GET", path, want=404).json["message"], "URI not found", "message")


@case("GET /config, /logging, POST /logging")
def _():
    equal(call("GET", "/config").json["http_port"], str(port), "http_port")
    equal(call("POST", "/logging", {"level": "DEBUG", "logger": "ROOT"}).json, {"ROOT": "debug"}, "set")
    call("POST", "/logging", {"level": "info", "logger": "ROOT", "durationSeconds": 60})
    equal(call("GET", "/logging").json, {"ROOT": "info"}, "levels")


@case("GET /metrics/prometheus: text")
def _():
    check(call("GET", "/metrics/prometheus").headers["Content-Type"].startswith("text/plain"), "Content-Type")
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"):
        check("marathon_apps_active_gauge" in call("GET", "/metrics", headers={"Accept": accept}).text, f"by Accept: {accept}")
    for accept in ("*/*", "application/json, text/plain, */*"):
        check("gauges" in call("GET", "/metrics", headers={"Accept": accept}).json, f"JSON by Accept: {accept}")


@case("gzip for who accepts it, and not for the stream of events")
def _():
    r = call("GET", "/v2/apps", headers={"Accept-Encoding": "gzip"})
    equal((r.headers["Content-Encoding"], json.loads(gzip.decompress(r.body))), ("gzip", call("GET", "/v2/apps").json), "answer")
    equal(call("GET", "/v2/apps").headers.get("Content-Encoding"), None, "without being asked")


@case("GET /v2/events 200: headers of the stream; 405 for another Accept")
def _():
    call("GET", "/v2/events", want=405, headers={"Accept": "application/json"})
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(b"GET /v2/events?event_type=none&plan-format=light&x=y HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n")
        head = s.recv(4096).decode().lower()
    for part in ("http/1.1 200", "content-type: text/event-stream;charset=utf-8", "connection: close"):
        check(part in head, f"{part} is not in {head}")
    check("content-length" not in head and "content-encoding" not in head, head)


@case("HTTP/1.0: an answer without chunks, and the connection is closed")
def _():
    out = raw("GET /v2/apps HTTP/1.0\n\n")
    head, body = out.split(b"\r\n\r\n", 1)
    check(b"200" in head.split(b"\r\n")[0] and b"chunked" not in head.lower(), head)
    check("apps" in json.loads(body), "body")


@case("GET /v2/apps 401: --http_credentials, with the realm; 200 with name and password")
def _():
    guarded = start("guarded", "--http_credentials=joe:pass:word", "--http_realm=Here")
    r = get(guarded, "/v2/apps")
    equal((r.status, r.headers["WWW-Authenticate"], r.headers["Content-Type"]), (401, 'Basic realm="Here"', "application/json"), "answer")
    check(isinstance(r.json["message"], str), r.text)
    for pair, code in (("joe:pass:word", 200), ("joe:no", 401), ("jim:pass:word", 401)):
        equal(get(guarded, "/v2/apps", headers={"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}).status, code, pair)


@case("CORS: --access_control_allow_origin, on answers and on OPTIONS; without it, nothing")
def _():
    open_ = start("cors", "--access_control_allow_origin=http://a,http://b")
    h = get(open_, "/v2/apps").headers
    equal(h.get_all("Access-Control-Allow-Origin"), ["http://a", "http://b"], "origins")
    h = http_request("OPTIONS", open_, "/v2/apps", headers={"Access-Control-Request-Headers": "X-Foo"}).headers
    equal((h["Access-Control-Allow-Methods"], h["Access-Control-Allow-Headers"], h["Access-Control-Max-Age"]), ("GET, HEAD, OPTIONS", "X-Foo", "86400"), "OPTIONS")
    equal(get(port, "/v2/apps").headers.get("Access-Control-Allow-Origin"), None, "without the flag")


@case("GET /v2/leader, /v2/info, X-Marathon-Leader: one leader")
def _():
    leader = call("GET", "/v2/leader").json["leader"]
    info = call("GET", "/v2/info")
    equal((info.json["leader"], info.headers["X-Marathon-Leader"]), (leader, "http://" + leader), "leader")


main()
