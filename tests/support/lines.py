# SPDX-License-Identifier: Apache-2.0
"""Programs that are driven line by line: they take lines of words, separated by tabs, and print such lines."""
from cluster import *


class Lines:
    """name: for its log. Standard output is read as lines of words, standard error is kept for tail()."""

    def __init__(self, name, args, env):
        self.log_path = os.path.join(scratch(), f"{name}.{len(Process.alive)}.{random.randrange(10**9)}.err")
        self.out_path = self.log_path[:-3] + "out"
        with open(self.log_path, "w") as log, open(self.out_path, "w") as out:
            self.p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=out, stderr=log, text=True, cwd=scratch(), start_new_session=True, env=env)
        self.name, self.lines = name, []
        Process.alive.append(self)

    def read(self):
        with open(self.out_path, errors="replace") as f:
            self.lines = [l.split("\t") for l in f.read().split("\n")[:-1]]
        return self.lines

    def of(self, what):
        return [l[1:] for l in self.read() if l[0] == what]

    def wait(self, what, fn=lambda w: True, seconds=PATIENCE):
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

    def done(self, seconds=PATIENCE):
        """Waits for its end; its exit status."""
        self.p.wait(seconds)
        if self in Process.alive:
            Process.alive.remove(self)
        self.read()
        return self.p.returncode

    def stop(self):
        if self in Process.alive:
            Process.alive.remove(self)
        self.p.kill()
        self.p.wait()
