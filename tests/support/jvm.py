# SPDX-License-Identifier: Apache-2.0
"""Java programs on the native library: their jars from Maven Central, and a scheduler that is driven line by line."""
from cluster import *

LIBMESOS = os.path.join(BUILD, "libmesos.so")
SOURCES = os.path.join(ROOT_DIR, "tests", "interop", "jvm")


def jars(name, *artifacts):
    """The class path with these artifacts ("group:artifact:version[:classifier]") and what they need. Skips where that cannot
    be had."""
    for c in ("mvn", "javac", "java"):
        if not shutil.which(c):
            raise Skip(f"{c} is not installed")
    if not os.path.exists(LIBMESOS):
        raise Skip("libmesos.so is not built: no JDK was found by make")
    top = os.path.join(BUILD, "interop", name)
    os.makedirs(top, exist_ok=True)
    done = os.path.join(top, "done")
    if not os.path.exists(done):
        parts = [a.split(":") for a in artifacts]
        with open(os.path.join(top, "pom.xml"), "w") as f:
            f.write('<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
                    "<groupId>stoa.test</groupId><artifactId>t</artifactId><version>1</version><dependencies>" +
                    "".join(f"<dependency><groupId>{p[0]}</groupId><artifactId>{p[1]}</artifactId><version>{p[2]}</version>" +
                            (f"<classifier>{p[3]}</classifier>" if len(p) > 3 else "") + "</dependency>" for p in parts) +
                    "</dependencies></project>")
        r = subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={top}/jars"], cwd=top,
                           capture_output=True, text=True, timeout=500)
        if r.returncode != 0:
            raise Skip(f"{' '.join(artifacts)} could not be installed: " + (r.stdout + r.stderr).strip().replace("\n", " ")[:200])
        open(done, "w").close()
    return os.path.join(top, "jars", "*")


def compiled(path, *sources, rewrite=()):
    """The class path with these programs of ours, compiled against it. rewrite: replacements in the sources."""
    out = tempfile.mkdtemp(prefix="classes.", dir=scratch())
    for s in sources:
        text = open(os.path.join(SOURCES, s)).read()
        for a, b in rewrite:
            text = text.replace(a, b)
        with open(os.path.join(out, s), "w") as f:
            f.write(text)
    r = subprocess.run(["javac", "-nowarn", "-proc:none", "-cp", path, "-d", out, *[os.path.join(out, s) for s in sources]], capture_output=True,
                       text=True, timeout=200)
    equal(r.returncode, 0, f"javac: {r.stderr[-1500:]}")
    for d, _, _ in os.walk(out):
        os.chmod(d, 0o755)
    return path + os.pathsep + out


class Jvm:
    """A program that takes lines and prints lines of words. -Xcheck:jni is on: a warning of it fails the test in done()."""

    def __init__(self, path, main, *args, env=None, options=()):
        self.log_path = os.path.join(scratch(), f"{main}.{len(Process.alive)}.{random.randrange(10**9)}.err")
        self.out_path = self.log_path[:-3] + "out"
        with open(self.log_path, "w") as log, open(self.out_path, "w") as out:
            self.p = subprocess.Popen(["java", "-Xcheck:jni", "-Xmx200m", "-XX:TieredStopAtLevel=1", *options, "-cp", path, main, *args], stdin=subprocess.PIPE,
                                      stdout=out, stderr=log, text=True, cwd=scratch(), start_new_session=True,
                                      env={**os.environ, "MESOS_NATIVE_JAVA_LIBRARY": LIBMESOS, **(env or {})})
        self.name, self.lines = main, []
        Process.alive.append(self)

    def read(self):
        with open(self.out_path, errors="replace") as f:
            self.lines = [l.split("\t") for l in f.read().split("\n")[:-1]]
        return self.lines

    def of(self, what):
        return [l[1:] for l in self.read() if l[0] == what]

    def wait(self, what, fn=lambda w: True, seconds=30):
        """Words of the first line that starts with `what` and suits."""
        return wait_for(f"{what} ({self.lines[-6:]})", lambda: next(([what] + w for w in self.of(what) if fn(w)), None), seconds)[1:]

    def say(self, *words):
        self.p.stdin.write("\t".join(words) + "\n")
        self.p.stdin.flush()

    def call(self, *words):
        """What the call gave."""
        before = len(self.of(words[0]))
        self.say(*words)
        return wait_for(f"answer to {words} ({self.lines[-4:]})", lambda: self.of(words[0])[before:])[0]

    def states(self, task):
        return [w[1] for w in self.of("update") if w[0] == task and w[2] != "REASON_RECONCILIATION" and w[1] != "TASK_STARTING"]

    def tail(self, lines=15):
        return "\n".join((open(self.log_path, errors="replace").read() + "\n".join(map(str, self.lines))).split("\n")[-lines:])

    def done(self, seconds=20):
        """Waits for its end; its exit status. Nothing of the virtual machine's checks may be in its output."""
        self.p.wait(seconds)
        if self in Process.alive:
            Process.alive.remove(self)
        self.read()
        bad = [l for l in [" ".join(w) for w in self.lines] + open(self.log_path, errors="replace").read().split("\n")
               if "WARNING" in l or "FATAL" in l or "Signal Handlers" in l or "SIGSEGV" in l]
        equal(bad, [], f"complaints of the virtual machine; {self.tail(40)}")
        return self.p.returncode

    def stop(self):
        if self in Process.alive:
            Process.alive.remove(self)
        self.p.kill()
        self.p.wait()
