"""A node with everything that has metrics: relay, credential service, an issuer of tokens, a registry, a prober; and
people who call each other over it."""

from __future__ import annotations

import contextlib
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import prober_exposition
from certificates import test_authority
from credential_api import Answer, own_front
from credential_api import settings as credential_settings
from redis_server import RedisServer
from server_fixture import ALICE, LISTENER, PEER, Server, merged
from token_issuer import TokenIssuer
from transports import listener_of, open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

PAYLOAD = bytes(100)
PACKETS = 20
CHANNEL = 0x4000


class Prober:
    """Shows what `senso-turn doctor --watch` does."""

    def __init__(self):
        runs = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = prober_exposition.text(next(runs)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer((LISTENER, 0), Handler)
        self.target = f"{LISTENER}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Site:
    def __init__(self, directory: Path, **settings):
        with contextlib.ExitStack() as opened:
            self.redis = RedisServer(directory / "redis").start()
            opened.callback(self.redis.stop)
            self.issuer = opened.enter_context(TokenIssuer(test_authority().issue("issuer-of-site", LISTENER)))
            self.prober = Prober()
            opened.callback(self.prober.close)
            service = credential_settings(
                issuers=[self.issuer.setting()], ca_file=str(test_authority().certificate)
            )
            fleet = {"fleet": {"registry": self.redis.url}, "state": {"directory": str(directory / "state")}}
            self.server = Server(directory / "server", merged(merged(service, fleet), settings)).start()
            opened.callback(self.server.stop)
            # Whether there is a relay to give credentials for, it knows by way of the registry.
            assert eventually(lambda: self.try_mint().status == 201), self.server.log()
            self._opened = opened.pop_all()

    @property
    def target(self) -> str:
        return self.server.metrics_url.removeprefix("http://")

    def close(self) -> None:
        self._opened.close()

    def connect(self, transport: str = "udp") -> TurnClient:
        return TurnClient(open_transport(transport, self.server.endpoint(listener_of(transport))), ALICE)

    def call(self, transport: str = "udp") -> None:
        """An allocation with packets both ways, from its first request to its end."""
        client, peer = self.connect(transport), Peer(PEER)
        try:
            client.allocate()
            client.channel_bind(CHANNEL, peer.endpoint)
            for _ in range(PACKETS):
                client.send_channel(CHANNEL, PAYLOAD)
                peer.receive()
                peer.send(PAYLOAD, client.relayed)
                client.receive_channel_data()
            client.refresh(0)
        finally:
            client.close()
            peer.close()

    def try_mint(self) -> Answer:
        return own_front(self.server).mint(self.issuer.token())


class Callers:
    """One call after the other, beside one that goes on, until they are told to end. What went wrong is raised then."""

    def __init__(self, site: Site):
        self._site = site
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._talk)

    @property
    def have_failed(self) -> bool:
        return self._failure is not None

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        self._thread.join()
        if self._failure is not None:
            raise AssertionError("the callers have failed") from self._failure

    def _talk(self) -> None:
        try:
            lasting = self._site.connect()
            lasting.allocate()
            while not self._ending.wait(0.05):
                self._site.call("udp")
                self._site.call("tls")
                assert self._site.try_mint().status == 201
            lasting.refresh(0)
            lasting.close()
        except BaseException as failure:  # noqa: BLE001: for whoever waits
            self._failure = failure
