"""tinyproxy, which asks for a name and a password, as the only way out of a browser's namespace."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import SERVER_V4
from namespaces import Namespace, connect
from outcome import PASS, Outcome, failed

USER, PASSWORD = "employee", "open-sesame"
PORT = 8888
START_SECONDS = 10

_CONFIGURATION = """\
Port {port}
Listen {address}
Timeout 600
LogFile "{log}"
LogLevel Connect
MaxClients 50
BasicAuth {user} {password}
ConnectPort 443
"""


@dataclass(frozen=True)
class Cage:
    """The browser's cable ends at the proxy, which forwards no packet; another cable leads on to the server."""

    browser: Namespace
    proxy: Namespace
    log: Path
    address: str = "10.77.1.1"
    browser_address: str = "10.77.1.2"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def connects(self, host: str, port: int) -> int:
        """How often the log says that a connection to the server was made for a client that gave the password."""
        text = self.log.read_text(errors="replace")
        if f": CONNECT {host}:{port} " not in text:
            return 0
        return text.count(f'Established connection to host "{host}"')


def why_not() -> str | None:
    return None if shutil.which("tinyproxy") else "tinyproxy is missing"


@contextmanager
def caged(server: Namespace, directory: Path) -> Iterator[Cage]:
    proxy, browser = Namespace("proxy"), Namespace("browser")
    try:
        connect(server, "to-proxy", proxy, "to-server")
        server.add_address("to-proxy", "10.77.2.1/24")
        proxy.add_address("to-server", "10.77.2.2/24")
        proxy.add_default_route("10.77.2.1")
        cage = Cage(browser, proxy, directory / "tinyproxy.log")
        connect(proxy, "to-browser", browser, "to-proxy")
        proxy.add_address("to-browser", f"{cage.address}/24")
        browser.add_address("to-proxy", f"{cage.browser_address}/24")
        # The route that firewalled machines have, too; behind it nothing is forwarded.
        browser.add_default_route(cage.address)
        subprocess.run(proxy.command("sysctl", "-q", "-w", "net.ipv4.ip_forward=0"), check=True)
        configuration = directory / "tinyproxy.conf"
        configuration.write_text(_CONFIGURATION.format(port=PORT, address=cage.address, log=cage.log, user=USER,
                                                       password=PASSWORD))
        proxy.start(directory / "tinyproxy.out", "tinyproxy", "-d", "-c", str(configuration))
        deadline = time.monotonic() + START_SECONDS
        while not _reaches(browser, (cage.address, PORT)) and time.monotonic() < deadline:
            time.sleep(0.1)
        yield cage
    finally:
        browser.close()
        proxy.close()


def checks(cage: Cage, host: str, port: int) -> list[tuple[str, Outcome]]:
    """That the cage has no hole, and that the proxy is strict. `host` must be resolved by the proxy's own means."""
    tries = {"without": None, "wrong": f"{USER}:wrong", "right": f"{USER}:{PASSWORD}"}
    answers = {name: _connect_request(cage, host, port, credentials) for name, credentials in tries.items()}
    is_reached = _reaches(cage.browser, (SERVER_V4, port))
    return [
        ("there is no way around it", failed("the server was reached") if is_reached else PASS),
        ("407 without credentials", _judge(answers["without"], 407)),
        ("a wrong password is refused", _judge(answers["wrong"], 401, 407)),
        ("200 with credentials", _judge(answers["right"], 200)),
    ]


def _judge(answer: str, *wanted: int) -> Outcome:
    found = re.match(r"HTTP/1\.[01] (\d+)", answer)
    return PASS if found and int(found[1]) in wanted else failed(f"the answer is {answer[:100]!r}")


def _reaches(namespace: Namespace, endpoint: tuple[str, int]) -> bool:
    with namespace.entered():
        probe = socket.socket()
    with probe:
        probe.settimeout(2)
        return probe.connect_ex(endpoint) == 0


def _connect_request(cage: Cage, host: str, port: int, credentials: str | None) -> str:
    header = f"Proxy-Authorization: Basic {base64.b64encode(credentials.encode()).decode()}\r\n" if credentials else ""
    with cage.browser.entered():
        client = socket.socket()
    with client:
        client.settimeout(10)
        try:
            client.connect((cage.address, PORT))
            client.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{header}\r\n".encode())
            return client.recv(4096).decode(errors="replace")
        except OSError as problem:
            return str(problem)
