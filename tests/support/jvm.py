# SPDX-License-Identifier: Apache-2.0
"""Java programs on the native library: their jars from Maven Central, and a scheduler that is driven line by line."""
from lines import *

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
        download(" ".join(artifacts), "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={top}/jars", cwd=top)
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


class Jvm(Lines):
    """A Java program that is driven line by line. -Xcheck:jni is on: a warning of it fails the test in done()."""

    def __init__(self, path, main, *args, env=None, options=()):
        super().__init__(main, ["java", "-Xcheck:jni", "-Xmx200m", "-XX:TieredStopAtLevel=1", *options, "-cp", path, main, *args],
                         {**os.environ, "MESOS_NATIVE_JAVA_LIBRARY": LIBMESOS, **(env or {})})

    def done(self, seconds=PATIENCE):
        """Waits for its end; its exit status. Nothing of the virtual machine's checks may be in its output."""
        status = super().done(seconds)
        bad = [l for l in [" ".join(w) for w in self.lines] + open(self.log_path, errors="replace").read().split("\n")
               if "WARNING" in l or "FATAL" in l or "Signal Handlers" in l or "SIGSEGV" in l]
        equal(bad, [], f"complaints of the virtual machine; {self.tail(40)}")
        return status
