"""The load generator senso-turn-load between a site's clients and peers, for as long as somebody wants."""

from __future__ import annotations

import json
import signal
import subprocess

from load_generator import generator
from relay_site import PEER, SERVER, Site
from server_fixture import ALICE
from turn_client import Credentials

FOR_EVER = 10_000_000  # seconds: it is told when to end
END_SECONDS = 180


class SiteLoad:
    """One generator, until `finish` or until its seconds are over. Whoever starts it ends it, by `kill` at the latest."""

    def __init__(self, site: Site, *arguments: str, port: int = 3478, user: Credentials = ALICE, seconds: float = FOR_EVER):
        command = [str(generator()), "--server", f"{SERVER}:{port}", "--user", user.username, "--password", user.password,
                   "--peer", PEER, "--peer-netns", site.peer.path, "--duration", str(seconds), "--json", "-", "--quiet",
                   *arguments]  # fmt: skip
        with site.client.inside():
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.PIPE, text=True)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def report(self) -> dict:
        """Waits for its end."""
        output, errors = self._process.communicate(timeout=END_SECONDS)
        assert output, f"the load generator said nothing but: {errors[-2000:]}"
        return json.loads(output)

    def finish(self) -> dict:
        """Ends it early, with its report; that it was interrupted is no problem then."""
        if self.is_running:
            self._process.send_signal(signal.SIGINT)
        report = self.report()
        report["problems"] = [problem for problem in report["problems"] if problem != "interrupted"]
        return report

    def kill(self) -> None:
        if self.is_running:
            self._process.kill()
        self._process.communicate()
