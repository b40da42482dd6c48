"""An authorization server and a client for RFC 7635, written from its text alone."""

from __future__ import annotations

import base64
import os
import struct
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stun_message import Attribute, Builder, Method, decode_type
from turn_client import Credentials, TurnClient

NONCE_OCTETS = 12
DELTA_SECONDS = 5


@dataclass(frozen=True)
class SharedKey:
    """What an authorization server shares with a TURN server."""

    kid: str
    key: bytes

    @property
    def algorithm(self) -> str:
        return {16: "A128GCM", 32: "A256GCM"}[len(self.key)]

    @property
    def setting(self) -> dict:
        return {"kid": self.kid, "algorithm": self.algorithm, "key": base64.b64encode(self.key).decode()}


def encrypted_block(mac_key: bytes, timestamp: float, lifetime: int, *, key_length: int | None = None) -> bytes:
    """Section 6.2, as plaintext: the time in 48 bits of seconds and 16 bits of 1/64000."""
    seconds = int(timestamp)
    fixed = seconds << 16 | int((timestamp - seconds) * 64000)
    length = len(mac_key) if key_length is None else key_length
    return struct.pack(">H", length) + mac_key + struct.pack(">QI", fixed, lifetime)


def seal(block: bytes, key: bytes, server_name: str, nonce: bytes | None = None) -> bytes:
    nonce = os.urandom(NONCE_OCTETS) if nonce is None else nonce
    return struct.pack(">H", len(nonce)) + nonce + AESGCM(key).encrypt(nonce, block, server_name.encode())


@dataclass(frozen=True)
class TokenCredentials(Credentials):
    """What a client gets from its authorization server. `is_modern`: it signs with HMAC-SHA256."""

    mac_key: bytes = field(default=b"", repr=False)
    token: bytes = b""


def issue(key: SharedKey, server_name: str, *, lifetime: int = 3600, age: float = 0, mac_key: bytes | None = None,
          is_modern: bool = False) -> TokenCredentials:
    """A token that is `age` seconds old; negative: from the future."""
    mac_key = os.urandom(32 if is_modern else 20) if mac_key is None else mac_key
    token = seal(encrypted_block(mac_key, time.time() - age, lifetime), key.key, server_name)
    return TokenCredentials(key.kid, is_modern=is_modern, mac_key=mac_key, token=token)


class TokenClient(TurnClient):
    """Signs with the mac_key, and sends the token with Allocate and Refresh only (section 9)."""

    credentials: TokenCredentials
    token_methods = (Method.ALLOCATE, Method.REFRESH)

    @property
    def key(self) -> bytes:
        return self.credentials.mac_key

    def add_credentials(
        self, builder: Builder, *, omit: frozenset[int] | set[int] = frozenset(), pad: int = 0
    ) -> Builder:
        if self.nonce is None:
            self.challenge()
        parts = [(Attribute.USERNAME, self.credentials.username), (Attribute.REALM, self.realm)]
        parts.append((Attribute.NONCE, self.nonce))
        for attribute, text in parts:
            if attribute not in omit:
                builder.add(attribute, (text or "").encode(), pad=pad)
        if decode_type(builder.type)[0] in self.token_methods:
            builder.add(Attribute.ACCESS_TOKEN, self.credentials.token, pad=pad)
        return builder
