"""Certificates for tests, made with the openssl command: an authority of one's own, and what it signs."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

KEY_OPTIONS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "rsa": ["-newkey", "rsa:2048"],
}

# The name of the server in most tests, and another for those about the choice between two.
SERVER_NAME = "turn.example.test"
OTHER_NAME = "other.example.test"


@dataclass(frozen=True)
class CertificatePair:
    """PEM files: the chain with the leaf first, and its key."""

    certificate: Path
    private_key: Path

    @property
    def setting(self) -> dict[str, str]:
        """As an entry of `tls.certificates`."""
        return {"certificate": str(self.certificate), "private_key": str(self.private_key)}


def alternative_names(names: tuple[str, ...]) -> str:
    return ",".join(f"{'IP' if name[0].isdigit() or ':' in name else 'DNS'}:{name}" for name in names)


class Authority:
    """Signs certificates; `certificate` is what clients trust."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate = directory / "authority.crt"
        self._key = directory / "authority.key"
        self._request(self.certificate, self._key, "ec", "/CN=authority of the tests", 30, [])

    def issue(self, file_stem: str, *names: str, key: str = "ec", days: int = 10) -> CertificatePair:
        """A new key and a certificate for these names and addresses."""
        pair = CertificatePair(self.directory / f"{file_stem}.crt", self.directory / f"{file_stem}.key")
        extensions = ["-CA", str(self.certificate), "-CAkey", str(self._key)]
        extensions += ["-addext", f"subjectAltName={alternative_names(names)}", "-addext", "basicConstraints=CA:FALSE"]
        self._request(pair.certificate, pair.private_key, key, f"/CN={names[0]}", days, extensions)
        return pair

    @staticmethod
    def _request(certificate: Path, key: Path, kind: str, subject: str, days: int, extra: list[str]) -> None:
        command = ["openssl", "req", "-x509", "-noenc", *KEY_OPTIONS[kind], "-keyout", str(key), "-subj", subject]
        subprocess.run(
            [*command, "-out", str(certificate), "-days", str(days), *extra], check=True, capture_output=True
        )


@functools.cache
def test_authority() -> Authority:
    """The authority of this run."""
    directory = Path(tempfile.mkdtemp(prefix="certificates-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Authority(directory)


test_authority.__test__ = False  # no test, whatever its name begins with


@functools.cache
def server_certificate() -> CertificatePair:
    """What a server has that a test says nothing about: elliptic, since its handshakes are cheap."""
    return test_authority().issue("server", SERVER_NAME, "127.0.0.1", "fd00:1::1")
