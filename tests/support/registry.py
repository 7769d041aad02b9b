# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback and images for it, made of busybox and of whatever a test wants in an archive."""
import gzip, hashlib, io, tarfile
from cluster import *

BUSYBOX = shutil.which("busybox")
APPLETS = "sh ls cat echo sleep id env touch pwd stat ps kill mount test mkdir head hostname wc readlink grep nc httpd rm sync tty".split()


def entry(path, data=None, mode=None, uid=0, gid=0, link=None, hard=None, type=None, pax=None):
    t = tarfile.TarInfo(path)
    t.uid, t.gid, t.mtime = uid, gid, 1600000000
    t.type = type or (tarfile.SYMTYPE if link else tarfile.LNKTYPE if hard else tarfile.DIRTYPE if data is None else tarfile.REGTYPE)
    t.linkname = link or hard or ""
    t.mode = mode if mode is not None else 0o755 if t.type == tarfile.DIRTYPE else 0o644
    t.size = len(data) if data is not None else 0
    if pax:
        t.pax_headers = pax
    return t, data


def layer(*entries):
    """The archive of these entries, compressed as in a registry."""
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for t, data in entries:
            tar.addfile(t, io.BytesIO(data) if data is not None else None)
    return gzip.compress(b.getvalue(), 1, mtime=0)


def base_layer():
    with open(BUSYBOX, "rb") as f:
        data = f.read()
    return layer(entry("bin"), entry("bin/busybox", data, 0o755), *[entry(f"bin/{a}", link="busybox") for a in APPLETS], entry("etc"),
                 entry("etc/passwd", b"root:x:0:0::/root:/bin/sh\napp:x:4711:4712::/:/bin/sh\n"),
                 entry("etc/group", b"root:x:0:\napp:x:4712:\nmore:x:4800:app\n"), entry("tmp", mode=0o1777), entry("root"))


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    def __init__(self, htpasswd=None):
        (self.port,) = free_ports(1)
        self.dir = tempfile.mkdtemp(prefix="registry.", dir=scratch())
        auth = ""
        if htpasswd:
            with open(f"{self.dir}/htpasswd", "w") as f:
                f.write(htpasswd)
            auth = f"auth: {{ htpasswd: {{ realm: r, path: {self.dir}/htpasswd }} }}\n"
        with open(f"{self.dir}/config.yml", "w") as f:
            f.write("version: 0.1\nlog: { level: warn, accesslog: { disabled: false } }\n"
                    f"storage: {{ filesystem: {{ rootdirectory: {self.dir}/data }} }}\n{auth}http: {{ addr: 127.0.0.1:{self.port} }}\n")
        self.headers = {}
        self.process = Process("registry", [shutil.which("docker-registry"), "serve", f"{self.dir}/config.yml"])
        wait_for("the registry", lambda: get(self.port, "/v2/").status in (200, 401))

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def _blob(self, name, data):
        if http_request("HEAD", self.port, f"/v2/{name}/blobs/{digest(data)}", headers=self.headers).status == 200:
            return
        r = post(self.port, f"/v2/{name}/blobs/uploads/", headers=self.headers)
        where = r.headers["Location"].split(self.host, 1)[-1]
        r = http_request("PUT", self.port, f"{where}{'&' if '?' in where else '?'}digest={digest(data)}", data,
                         {**self.headers, "Content-Type": "application/octet-stream"})
        equal(r.status, 201, f"upload: {r.text}")

    def push(self, name, layers, tag="latest", **config):
        """An image of compressed layers, lowest first; config as in Docker: Cmd, Env... Returns its full name."""
        document = json.dumps({"architecture": "amd64", "os": "linux", "config": config,
                               "rootfs": {"type": "layers", "diff_ids": [digest(gzip.decompress(l)) for l in layers]}}).encode()
        for blob in [document, *layers]:
            self._blob(name, blob)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        one = lambda data, media: {"mediaType": f"application/vnd.docker.{media}", "size": len(data), "digest": digest(data)}
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": one(document, "container.image.v1+json"),
                    "layers": [one(l, "image.rootfs.diff.tar.gzip") for l in layers]}
        r = http_request("PUT", self.port, f"/v2/{name}/manifests/{tag}", json.dumps(manifest), {**self.headers, "Content-Type": kind})
        equal(r.status, 201, f"manifest: {r.text}")
        return f"{self.host}/{name}:{tag}"

    def requests(self, part=""):
        """How many requests with this in their line it has served."""
        with open(self.process.log_path, errors="replace") as f:
            return sum(part in line for line in f if '"GET /v2/' in line)
