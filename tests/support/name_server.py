"""A real NSD of the test's own, which serves one zone file as it is, and what asks it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

START_SECONDS = 20.0

needs_nsd = pytest.mark.skipif(shutil.which("nsd", path=f"{os.environ['PATH']}:/usr/sbin") is None,
                               reason="the package nsd is missing")
needs_dnspython = pytest.mark.skipif(importlib.util.find_spec("dns") is None,
                                     reason="the package python3-dnspython is missing")

CONFIGURATION = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  pidfile: ""
  logfile: "{directory}/log"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "{zone}"
  zonefile: "zone"
"""


class NameServer:
    def __init__(self, directory: Path, zone: str, text: str, address: str, port: int):
        self.directory, self.zone, self.address, self.port = directory, zone, address, port
        directory.mkdir(parents=True)
        (directory / "zone").write_text(text)
        fields = {"directory": directory, "zone": zone, "address": address, "port": port}
        (directory / "nsd.conf").write_text(CONFIGURATION.format(**fields))
        self.process: subprocess.Popen | None = None

    def check_zone(self) -> subprocess.CompletedProcess:
        """What NSD's own checker says of the zone file."""
        path = f"{os.environ['PATH']}:/usr/sbin"
        command = [shutil.which("nsd-checkzone", path=path), self.zone, str(self.directory / "zone")]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def start(self) -> NameServer:
        program = shutil.which("nsd", path=f"{os.environ['PATH']}:/usr/sbin")
        command = [program, "-d", "-c", str(self.directory / "nsd.conf")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self.ask(self.zone, "SOA"):
            assert self.process.poll() is None and time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.02)
        return self

    def ask(self, name: str, kind: str) -> list:
        """The records, in whatever order; none if there are none."""
        import dns.exception
        import dns.message
        import dns.flags
        import dns.query
        import dns.rdatatype

        query = dns.message.make_query(name, kind)
        try:
            answer = dns.query.udp(query, self.address, port=self.port, timeout=2)
            if answer.flags & dns.flags.TC:
                answer = dns.query.tcp(query, self.address, port=self.port, timeout=2)
        except (dns.exception.Timeout, OSError):
            return []
        wanted = dns.rdatatype.from_text(kind)
        return [record for rrset in answer.answer if rrset.rdtype == wanted for record in rrset]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
