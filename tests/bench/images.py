# SPDX-License-Identifier: Apache-2.0
"""B19: an image of ten layers from a registry on loopback: pulled cold, as a new version that changed in its last layer, provisioned
warm, a hundred containers at once. The limit probe (p_image) unpacks the same archives with tar, one after the other.

    images.py FILES ROUNDS     the measuring itself, in a process of its own: a line of JSON"""
import json, os, random, shutil, statistics, subprocess, sys, tempfile, time

B = None  # the suite's own helpers: the module tests/bench/run, set by scenarios()
FILES = {"smoke": 300, "std": 3280, "full": 3280}  # of each layer; 3280 in nine layers are 29.5k files, 570 MB


def layers_of(registry, files):
    words = [random.randbytes(6).hex().encode() for _ in range(4000)]
    layers = [registry.base_layer()]
    for n in range(9):
        entries = [registry.entry(f"l{n}")]
        for f in range(files):
            if f % 100 == 0:
                entries.append(registry.entry(f"l{n}/d{f // 100}"))
            block = b" ".join(random.choices(words, k=140))
            data = (block * 12)[:18500] if f % 3 else random.randbytes(6000) + (block * 8)[:12000]
            entries.append(registry.entry(f"l{n}/d{f // 100}/f{f}", data))
        layers.append(registry.layer(*entries))
    return layers


def probe(layers):
    """Seconds to unpack the archives with tar."""
    d = tempfile.mkdtemp(prefix="stoa-bench-")
    try:
        start = time.monotonic()
        for data in layers:
            subprocess.run(["tar", "-xzf", "-", "-C", d], input=data, check=True)
        return time.monotonic() - start
    finally:
        shutil.rmtree(d)


def measure(files, round_count):
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[0] = os.path.join(here, "..", "support")  # its cluster.py, not the one of this folder
    import hostile, registry
    random.seed(19)
    layers = layers_of(registry, files)
    r = registry.Registry()
    store = f"{hostile.scratch()}/store"
    image = lambda name: {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}}
    hostile.start("cgroups/cpu,cgroups/mem,filesystem/linux,docker/runtime", "--image_providers=docker", f"--docker_store_dir={store}")
    fw = hostile.c.fw

    def run(id, name, count=1):
        """Seconds until so many containers of the image run."""
        start = time.monotonic()
        fw.launch(*[hostile.task(f"{id}-{i}", "sleep 1000", cpus=0.01, mem=16, container=image(name)) for i in range(count)], cpus=4)
        running = lambda: sum(s["state"] == "TASK_RUNNING" and s["task_id"]["value"].startswith(id + "-") for s in fw.statuses)
        fw.until("all run", lambda e: running() == count, 300)
        seconds = time.monotonic() - start
        for i in range(count):
            fw.kill(f"{id}-{i}")
        fw.until("all are gone", lambda e: sum(s["state"] == "TASK_KILLED" and s["task_id"]["value"].startswith(id + "-") for s in fw.statuses) == count, 60)
        return seconds

    rounds, values = [], []
    for n in range(round_count):
        fresh = layers[:1] + [registry.layer(registry.entry(f"round{n}"), registry.entry("r", bytes([n])))] if n else layers[:1]
        cold = r.push(f"bench/cold{n}", fresh + layers[1:], Env=["PATH=/bin"])
        new = r.push(f"bench/cold{n}", fresh + layers[1:] + [registry.layer(registry.entry("new", b"new"))], tag="new", Env=["PATH=/bin"])
        before = probe(layers)
        seconds = run(f"cold{n}", cold)
        rounds.append((1 / seconds, 1 / before, 1 / probe(layers)))
        values.append((run(f"new{n}", new), run(f"warm{n}", new), run(f"hundred{n}", new, 100)))
        hostile.wait_for("the containers are gone", lambda: not os.listdir(f"{hostile.scratch()}/{hostile.c.port}/a/provisioner/containers"), 60)
        hostile.post(hostile.c.agent_port, "/api/v1", {"type": "PRUNE_IMAGES", "prune_images": {}})
        hostile.wait_for("the store is empty", lambda: not os.listdir(store + "/layers") and not os.listdir(store + "/staging"), 120)
    middle = lambda k: round(statistics.median(v[k] for v in values) * 1000, 1)
    size = {"layers": len(layers), "compressed_mb": round(sum(map(len, layers)) / 1e6)}
    hostile.finish()
    hostile.Process.end_all()
    print(json.dumps({"layers": len(layers), "compressed_mb": round(sum(map(len, layers)) / 1e6), "rounds": rounds,
                      "values": {"new_layer_ms": middle(0), "warm_ms": middle(1), "hundred_ms": middle(2)}}))


def b19():
    if not B.ROOT or not all(shutil.which(p) for p in ("skopeo", "docker-registry", "busybox")):
        B.skips.append("B19: needs root, skopeo, docker-registry and busybox")
        return
    p = subprocess.run([sys.executable, os.path.abspath(__file__), str(FILES[B.SIZE]), str(B.ROUNDS)], capture_output=True, text=True)
    if p.returncode != 0:
        raise RuntimeError(p.stderr[-500:])
    got = json.loads(p.stdout.strip().split("\n")[-1])
    B.report("B19", {"what": "cold pull to running", "layers": got["layers"], "compressed_mb": got["compressed_mb"]}, got["rounds"], "images/s")
    B.plain("B19", {"what": "new last layer, warm, 100 at once"}, got["values"])


def scenarios(suite):
    global B
    B = suite
    return {"B19": b19}


if __name__ == "__main__":
    measure(int(sys.argv[1]), int(sys.argv[2]))
