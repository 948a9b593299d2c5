"""A headless Chromium for tests of the report, driven over its debugging pipe with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
TIMEOUT_S = 60.0


def find_browser() -> str | None:
    """Path of an installed Chromium; None if there is none."""
    return next((found for name in CANDIDATES if (found := shutil.which(name))), None)


class Page:
    """One page: open it, run scripts in it, look at it.  `problems` collects console errors, exceptions and network requests."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._buffer = b""
        self._number = 0
        self._session = ""
        self._seen: list[str] = []
        self.problems: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def open(self, path: Path, *, width: int = 1366, height: int = 900, mobile: bool = False, fragment: str = "") -> float:
        """Load a file, at a fragment of it, and wait until it is drawn; returns the seconds that took."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if mobile else 1, mobile=mobile)
        if fragment:  # of a page that is open already it would load nothing
            self._seen.clear()
            self.call("Page.navigate", url="about:blank")
            while "Page.loadEventFired" not in self._seen:
                self._receive()
        self.problems.clear()
        self._seen.clear()
        started = time.perf_counter()
        self.call("Page.navigate", url=path.resolve().as_uri() + fragment)
        while "Page.loadEventFired" not in self._seen:
            self._receive()
        self.run("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        return time.perf_counter() - started

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression; waits for promises."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def type_into(self, selector: str, text: str) -> None:
        """Replace the contents of an input by typing."""
        self.run(f"(() => {{ const box = document.querySelector({selector!r}); box.focus(); box.select(); }})()")
        self.call("Input.insertText", text=text)

    def drag(self, start: tuple[float, float], stop: tuple[float, float], *, shift: bool = False) -> None:
        """Drag the mouse with the left button."""
        modifiers = 8 if shift else 0
        for kind, (x, y), buttons in (
            ("mouseMoved", start, 0), ("mousePressed", start, 1), ("mouseMoved", stop, 1), ("mouseReleased", stop, 0),
        ):  # fmt: skip
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left" if kind != "mouseMoved" or buttons else "none",
                buttons=buttons, clickCount=1, modifiers=modifiers,
            )  # fmt: skip

    def screenshot(self, *, whole: bool = False) -> bytes:
        """PNG of what is in view, or of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._from, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser does not answer")
            self._buffer += chunk
        raw, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method", ""), message.get("params", {})
        self._seen.append(method)
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(str(details.get("exception", {}).get("description", details["text"])))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.problems.append(str([entry.get("value") for entry in parameters["args"]]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(("file:", "data:")):
            self.problems.append("asks the network for " + parameters["request"]["url"])


@contextmanager
def open_browser(executable: str) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it."""
    to_child, to_parent = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # Chromium reads commands from descriptor 3 and answers on descriptor 4.
        command = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        child = subprocess.Popen(
            ["bash", "-c", command, "bash", executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_child[0], to_parent[1]),
            env={**os.environ, "IN": str(to_child[0]), "OUT": str(to_parent[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_child[0])
        os.close(to_parent[1])
        try:
            yield Page(to_child[1], to_parent[0])
        finally:
            os.close(to_child[1])
            os.close(to_parent[0])
            child.terminate()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
