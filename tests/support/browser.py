# SPDX-License-Identifier: Apache-2.0
"""A Chromium without window, driven over its DevTools protocol: open a page, wait for a condition in it, click, type, take a picture.
Nothing but Python's library is needed. Raises Skip where there is no Chromium."""
import base64, json, os, shutil, socket, struct, tempfile, time
from cluster import *

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync
--disable-dev-shm-usage --disable-extensions --remote-debugging-port=0 --window-size=1280,900""".split()


class Browser:
    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise Skip("no Chromium; scripts/install-packages test installs it")
        self.dir = tempfile.mkdtemp(prefix="chromium.", dir=scratch())
        self.process = Process("chromium", [program, *FLAGS, f"--user-data-dir={self.dir}", "about:blank"])
        port_file = os.path.join(self.dir, "DevToolsActivePort")
        self.port = int(wait_for("Chromium listens", lambda: open(port_file).read().split()[0], 60))
        target = wait_for("a tab", lambda: [t for t in get(self.port, "/json/list").json if t["type"] == "page"])[0]
        self.socket = self._websocket(target["webSocketDebuggerUrl"].split("/", 3)[3])
        self.last_id, self.problems, self.dialogs = 0, [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def _websocket(self, path):
        s = socket.create_connection(("127.0.0.1", self.port), 30)
        s.sendall(f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
        self.file = s.makefile("rb")
        equal(self.file.readline().split()[1], b"101", "status of the upgrade")
        while self.file.readline().strip():
            pass
        return s

    def _send(self, text):
        data, mask = text.encode(), os.urandom(4)
        head = b"\x81" + (bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0x80 | 126, len(data)) if len(data) < 65536 else struct.pack(">BQ", 0x80 | 127, len(data)))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _receive(self):
        text, final = b"", False
        while not final:
            first, size = self.file.read(2)
            final, size = bool(first & 0x80), size & 0x7f
            size = struct.unpack(">H", self.file.read(2))[0] if size == 126 else struct.unpack(">Q", self.file.read(8))[0] if size == 127 else size
            text += self.file.read(size)
        return json.loads(text)

    def call(self, method, **params):
        self.last_id += 1
        self._send(json.dumps({"id": self.last_id, "method": method, "params": params}))
        while True:
            m = self._receive()
            if m.get("id") == self.last_id:
                check("error" not in m, f"{method}: {m.get('error')}")
                return m["result"]
            self._note(m)

    def _note(self, m):
        """What the page complains of is kept; a dialog of the browser is agreed to."""
        p = m.get("params", {})
        if m.get("method") == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.problems.append(d.get("exception", {}).get("description", d["text"]))
        elif m.get("method") == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.problems.append(f"{p['entry']['text']} {p['entry'].get('url', '')}")
        elif m.get("method") == "Runtime.consoleAPICalled" and p["type"] == "error":
            self.problems.append(str(p["args"]))
        elif m.get("method") == "Page.javascriptDialogOpening":
            self.dialogs.append(p["message"])
            self.last_id += 1
            self._send(json.dumps({"id": self.last_id, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}))
            self.last_id -= 1

    def open(self, url, width=1280, height=900, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", "the page is loaded")

    def run(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True)
        check("exceptionDetails" not in r, f"{expression}: {r.get('exceptionDetails')}")
        return r["result"].get("value")

    def wait(self, expression, what=None, seconds=PATIENCE):
        return wait_for(what or expression, lambda: self.run(f"(() => {{ try {{ return {expression}; }} catch (e) {{ return null; }} }})()"), seconds)

    def text(self, selector="main"):
        return self.run(f"(document.querySelector({json.dumps(selector)}) || {{innerText: ''}}).innerText")

    def see(self, text, selector="body", seconds=PATIENCE):
        """Waits until the text is to be seen."""
        self.wait(f"[...document.querySelectorAll({json.dumps(selector)})].some(e => e.innerText.includes({json.dumps(text)}))", f"{text!r} is to be seen", seconds)

    def click(self, text, selector="button, a, summary, label, th"):
        """Clicks what bears exactly this text, inside the open dialog when there is one."""
        find = f"[...(([...document.querySelectorAll('dialog[open]')].pop()) || document).querySelectorAll({json.dumps(selector)})].find(e => e.innerText.trim() === {json.dumps(text)} && e.offsetParent !== null)"
        self.wait(f"!!({find})", f"something to click that says {text!r}")
        self.run(f"({find}).click()")

    def fill(self, label, value):
        """Writes into the field of this label."""
        find = f"[...(([...document.querySelectorAll('dialog[open]')].pop()) || document).querySelectorAll('label')].find(l => l.firstChild && l.firstChild.textContent.trim() === {json.dumps(label)})"
        self.wait(f"!!({find})", f"a field {label!r}")
        self.run(f"(() => {{ const f = ({find}).querySelector('input, textarea, select'); f.value = {json.dumps(value)}; f.dispatchEvent(new Event('input', {{bubbles: true}})); f.dispatchEvent(new Event('change', {{bubbles: true}})); }})()")

    def key(self, key, **more):
        for type in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=type, key=key, text=key if len(key) == 1 and type == "keyDown" else "", **more)

    def picture(self, path, whole=False):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def close(self):
        self.socket.close()
        self.process.stop(signal.SIGKILL)
