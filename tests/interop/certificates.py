"""An authority of the test's own, and certificates from it, made with the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

HOST, OTHER_HOST = "turn.example.test", "other.example.test"

# Without this, the machine's openssl.cnf decides which extensions a certificate gets.
_CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternatives}
"""


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    private_key: Path


@dataclass(frozen=True)
class Authority:
    own: Certificate
    directory: Path

    @property
    def file(self) -> Path:
        return self.own.certificate

    def issue(self, name: str, addresses: tuple[str, ...] = ()) -> Certificate:
        alternatives = ",".join([f"DNS:{name}", *(f"IP:{address}" for address in addresses)])
        return _make(self.directory, name, "server", alternatives,
                     "-CA", str(self.own.certificate), "-CAkey", str(self.own.private_key))


def make_authority(directory: Path) -> Authority:
    directory.mkdir(parents=True, exist_ok=True)
    return Authority(_make(directory, "interop-authority", "authority", "DNS:unused"), directory)


def _make(directory: Path, name: str, extensions: str, alternatives: str, *arguments: str) -> Certificate:
    configuration = directory / f"{name}.cnf"
    configuration.write_text(_CONFIGURATION.format(name=name, alternatives=alternatives))
    made = Certificate(directory / f"{name}.crt", directory / f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30",
                    "-config", str(configuration), "-extensions", extensions, *arguments,
                    "-keyout", str(made.private_key), "-out", str(made.certificate)],
                   check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return made
