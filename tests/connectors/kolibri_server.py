"""A real Kolibri on loopback, for its live test.

Kolibri runs in a Python of its own (`LEERSTROOM_KOLIBRI_PYTHON`, else a virtual environment made in the folder that is given); it needs no internet and listens on
127.0.0.1 only. People and logs are put in by its own objects; the server then answers, and its own command exports.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

KOLIBRI = "kolibri==0.19.5"
FACILITY = "Leerhuis BV"
USER, PASSWORD = "beheer", "een-lang-wachtwoord"


@dataclass(frozen=True, slots=True)
class Kolibri:
    """A provisioned server: where it answers, and its commands."""

    url: str
    python: str
    environment: dict[str, str]

    def manage(self, *words: str, script: str = "") -> str:
        """Output of one of its commands; `script` is what a shell of its objects runs. Raises RuntimeError where it fails."""
        done = subprocess.run(
            [self.python, "-m", "kolibri", *words], env=self.environment, input=script, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"kolibri {words[0]}: {done.stderr[-2000:]}")
        return done.stdout

    def export(self, sort: str, file: Path) -> None:
        """An export of `session` or `summary` logs, as an operator makes it each night."""
        dates = ("--start_date", "2000-01-01T00:00:00", "--end_date", "2100-01-01T00:00:00")  # 0.19.5 fails without
        self.manage("manage", "exportlogs", "--log-type", sort, "--output-file", str(file), "--overwrite", *dates)


@contextmanager
def kolibri(folder: Path, script: str) -> Generator[Kolibri, None, None]:
    """Provisions a server in an empty folder, lets `script` put people and logs in, starts it and ends it. Raises RuntimeError when it does not start."""
    python, port = _python(folder), _free_port()
    environment = {
        **os.environ, "KOLIBRI_HOME": str(folder / "home"), "KOLIBRI_LISTEN_ADDRESS": "127.0.0.1", "KOLIBRI_HTTP_PORT": str(port), "KOLIBRI_ZIP_CONTENT_PORT": str(_free_port()),
    }  # fmt: skip
    server = Kolibri(f"http://127.0.0.1:{port}", python, environment)
    server.manage(
        "manage", "provisiondevice", "--facility", FACILITY, "--preset", "nonformal", "--superusername", USER, "--superuserpassword", PASSWORD,
        "--language_id", "en", "--verbosity", "0", "--noinput",
    )  # fmt: skip
    server.manage("shell", script=script)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [python, "-m", "kolibri", "start", "--foreground"], env=environment, stdout=output, stderr=output
        )
        try:
            _wait(server, process, folder)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _python(folder: Path) -> str:
    given = os.environ.get("LEERSTROOM_KOLIBRI_PYTHON")
    if given:
        return given
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", KOLIBRI], check=True)
    return python


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(server: Kolibri, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{server.url}/api/public/info/", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise RuntimeError(f"Kolibri did not start: {(folder / 'output').read_text()[-2000:]}")
