"""An issuer of bearer tokens (OpenID Connect) with keys that rotate and faults that can be switched on, and the proxy
that may stand before it."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

AUDIENCE = "turn"
MINT_SCOPE, ADMIN_SCOPE = "turn:credentials", "turn:admin"


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def encode(part: dict | bytes) -> str:
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """RSA for RS256 and PS256, P-256 for ES256."""

    def __init__(self, kid: str, algorithm: str):
        self.kid, self.algorithm = kid, algorithm
        self.private = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    @property
    def jwk(self) -> dict:
        numbers = self.private.public_key().public_numbers()
        if self.algorithm == "ES256":
            key = {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        else:
            key = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        return {**key, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def sign(self, text: bytes) -> bytes:
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.algorithm == "PS256":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            return self.private.sign(text, pss, hashes.SHA256())
        return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def token(self, claims: dict | bytes, **header) -> str:
        """A JWS in compact form; keywords replace members of the header, and None takes one out."""
        whole = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **header}
        text = encode({name: value for name, value in whole.items() if value is not None}) + "." + encode(claims)
        return text + "." + base64url(self.sign(text.encode()))


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0


class Certificate(Protocol):
    """PEM files."""

    certificate: Path
    private_key: Path


class TokenIssuer:
    """Serves its discovery document and its keys until it is closed. `replies` replaces what a path is answered with."""

    def __init__(self, certificate: Certificate, *, host: str = "127.0.0.1", name: str | None = None):
        self.keys = {"k1": SigningKey("k1", "RS256")}
        self.replies: dict[str, Reply] = {}
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        # With a name it is known at port 443, where a proxy leads.
        self.url = f"https://{name}" if name else f"https://{host}:{self.port}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.private_key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> TokenIssuer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def setting(self, *algorithms: str, **members) -> dict:
        """As an entry of `credentials.issuers`."""
        return {"issuer": self.url, "audience": AUDIENCE, "algorithms": list(algorithms or ("RS256",)), **members}

    def claims(self, **claims) -> dict:
        now = int(time.time())
        whole = {"iss": self.url, "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 600, "scope": MINT_SCOPE}
        return {name: value for name, value in {**whole, **claims}.items() if value is not None}

    def token(self, kid: str = "k1", **claims) -> str:
        return self.keys[kid].token(self.claims(**claims))

    @property
    def fetches(self) -> int:
        return self.requests.count("/keys")

    def _reply_to(self, path: str) -> Reply:
        if path in self.replies:
            return self.replies[path]
        if path == "/.well-known/openid-configuration":
            return Reply(body=json.dumps({"issuer": self.url, "jwks_uri": self.url + "/keys"}).encode())
        if path == "/keys":
            return Reply(body=json.dumps({"keys": [key.jwk for key in self.keys.values()]}).encode())
        return Reply(404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                reply = issuer._reply_to(self.path)
                time.sleep(reply.delay)
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_) -> None:
                pass

        return Handler
