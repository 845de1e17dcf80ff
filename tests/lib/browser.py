"""browser.py - runs Chromium without a window, for tests of pages."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from common import Skipped, Wrong


def find():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        raise Skipped("Chromium is not installed (apt install chromium)")
    return program


class Browser:
    """Chromium without a window: `with Browser() as b: b.open(url); b.value("document.title")`.
    The class controls Chromium by the DevTools protocol over two pipes."""

    def __enter__(self):
        program = find()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs, self.to = os.pipe()
        self.back, ours = os.pipe()
        self.child = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{theirs} 4>&{ours}', "sh", program, "--headless",
             "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--window-size=1240,900",
             f"--user-data-dir={self.folder.name}", "about:blank"], pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(ours)
        self.number, self.waiting, self.session = 0, b"", {}
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(p["targetId"] for p in pages if p["type"] == "page")
        self.session = {"sessionId": self.call("Target.attachToTarget", targetId=page,
                                               flatten=True)["sessionId"]}
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        os.close(self.to)
        os.close(self.back)
        self.folder.cleanup()

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params, **self.session}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.waiting:
                part = os.read(self.back, 1 << 16)
                if not part:
                    raise Wrong(f"Chromium ended: {self.child.poll()}")
                self.waiting += part
            text, _, self.waiting = self.waiting.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self.number:
                return answer["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise Wrong(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait(self, script, seconds=20):
        """Waits until the JavaScript expression `script` is true. Raises Wrong after `seconds`."""
        end = time.time() + seconds
        while not self.value(script):
            if time.time() > end:
                raise Wrong(f"not true in {seconds} s: {script}: {self.text()[:500]}")
            time.sleep(.05)

    def text(self):
        return self.value("document.documentElement.outerHTML")
