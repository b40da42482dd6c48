"""The credential service as a part of the server, black-box: its roles, reloads and rotations, and its slow clients.
The API itself is in test_credential_api.py."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import re
import resource
import select
import socket
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from certificates import test_authority
from credential_api import API_KEY, TENANT, Api, own_front, parts_of, rest_credentials, settings
from reloading import change, client_of, close_clients, reload, reload_command
from server_fixture import LISTENER, SHARED_SECRET, Server, ServerFailed, free_port
from turn_client import Credentials
from waiting import eventually

KEY = quote(API_KEY)

SLOW_CLIENTS = 10_000


@pytest.fixture
def start(tmp_path):
    started: list[Server] = []

    def launch(configuration: dict) -> Server:
        started.append(Server(tmp_path / f"server{len(started)}", configuration))
        return started[-1].start()

    yield launch
    close_clients()
    for server in started:
        server.stop()


# -- roles ------------------------------------------------------------------------------------------------------------


def test_API_relay_alone_has_none(start):
    server = start({**settings(), "roles": ["relay"]})
    with pytest.raises(ConnectionRefusedError):
        own_front(server).rest()
    edge = Api(*server.edge, is_tls=True)
    assert edge.rest().status == 404 and edge.ask("POST", "/v1/ice-servers").status == 404


def test_API_service_alone_opens_no_relay_socket(start):
    server = start({**settings(), "roles": ["credentials"]})
    api = own_front(server)
    refused = api.rest()
    refused.assert_problem(503)  # it knows no relay
    assert int(refused.headers["retry-after"]) >= 1
    inodes = {
        match.group(1)
        for link in Path(f"/proc/{server.pid}/fd").iterdir()
        if (match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] in inodes and (table.startswith("udp") or columns[3] == "0A"):
                listening.append((table, int(columns[1].rsplit(":", 1)[1], 16)))
    wanted = {server.settings["credentials"]["listener"]["port"], server.settings["metrics"]["port"]}
    assert {port for _, port in listening} == wanted
    assert server.metric("senso_turn_credentials_issued_total", outcome="unavailable") == 1


def test_API_draining_node_is_given_to_nobody(start):
    server = start({**settings(), "drain": {"deadline": "30s"}})
    api = own_front(server)
    client = client_of(server, credentials=rest_credentials(api.rest()))
    client.allocate()
    server.terminate()
    assert eventually(lambda: api.rest().status == 503)
    assert client.refresh().is_success
    client.refresh(0)
    assert server.wait() == 0
    server.process = None


# -- reload -----------------------------------------------------------------------------------------------------------


def test_API_secrets_rotate_without_a_refused_call(start, peer):
    server = start(settings())
    api = own_front(server)
    old = client_of(server, credentials=rest_credentials(api.rest()))
    old.allocate()
    late = rest_credentials(api.rest())
    both = [{"id": "k2", "secret": "the next secret, also long"}, {"id": "k1", "secret": SHARED_SECRET}]
    reload(server, auth={"shared_secrets": both})
    new = rest_credentials(api.rest())
    assert parts_of(new.username)["kid"] == "k2"
    for credentials in (late, new):
        client = client_of(server, credentials=credentials)
        client.allocate()
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"x")
        assert peer.receive() == b"x"
        client.refresh(0)
    assert old.refresh().is_success
    old.refresh(0)
    reload(server, auth={"shared_secrets": both[:1]})
    assert client_of(server, credentials=late).try_allocate().error == 401
    assert client_of(server, credentials=new).try_allocate().is_success


@pytest.mark.parametrize("has_key", [True, False])
def test_API_subject_key_keeps_users_the_same_across_a_rotation(start, has_key):
    server = start(settings(**({"subject_key": "which stays"} if has_key else {})))
    api = own_front(server)
    before = parts_of(api.rest().json["username"])
    reload(server, auth={"shared_secrets": [{"id": "k2", "secret": "the next secret, also long"}]})
    after = parts_of(api.rest().json["username"])
    assert (before["kid"], after["kid"]) == ("k1", "k2")
    assert (before["subject_hash"] == after["subject_hash"]) is has_key


def test_API_quota_is_the_subjects_and_not_the_names(start):
    server = start({**settings(), "limits": {"allocations_per_user": 1}})
    api = own_front(server)
    client_of(server, credentials=rest_credentials(api.rest())).allocate()
    assert client_of(server, credentials=rest_credentials(api.rest())).try_allocate().error == 486
    bob = rest_credentials(api.ask("GET", f"/?service=turn&username=bob&key={KEY}"))
    assert client_of(server, credentials=bob).try_allocate().is_success


def test_API_secret_of_another_region_is_not_this_relays(start):
    secrets = [
        {"id": "na", "secret": "of the relays over there", "region": "na"},
        {"id": "eu", "secret": "of the relays over here", "region": "eu"},
    ]
    server = start({**settings(), "auth": {"shared_secrets": secrets}})
    credentials = rest_credentials(own_front(server).rest())
    assert parts_of(credentials.username)["kid"] == "eu"
    assert client_of(server, credentials=credentials).try_allocate().is_success
    username = credentials.username.replace(":eu.", ":na.")
    digest = hmac.new(b"of the relays over there", username.encode(), hashlib.sha1).digest()
    foreign = Credentials(username, base64.b64encode(digest).decode())
    assert client_of(server, credentials=foreign).try_allocate().error == 401


def test_API_certificate_is_replaced_under_way(start, tmp_path):
    def issue(days: int) -> dict:
        return test_authority().issue(f"api-{days}", "127.0.0.1", days=days).setting

    def not_after(port: int) -> str:
        context = ssl.create_default_context(cafile=str(test_authority().certificate))
        with socket.create_connection((LISTENER, port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
                return wrapped.getpeercert()["notAfter"]

    configuration = settings(listener={"address": LISTENER, "port": free_port(LISTENER), "tls": True})
    server = start({**configuration, "tls": {"certificates": [issue(5)]}})
    api = own_front(server)
    kept = api.connection()
    kept.request("GET", f"/?service=turn&key={KEY}")
    assert kept.getresponse().read()
    before = not_after(api.port)
    reload(server, tls={"certificates": [issue(6)]})
    assert not_after(api.port) != before
    kept.request("GET", f"/?service=turn&key={KEY}")
    assert kept.getresponse().status == 200
    kept.close()


def test_API_that_was_not_there_needs_a_restart(start):
    server = start({**settings(), "credentials": {}})
    change(server, credentials={"api_keys": [{"key": API_KEY, "tenant": TENANT}]})
    refused = reload_command(server)
    assert refused.returncode == 1 and "credentials.api_keys" in refused.stdout + refused.stderr


# -- what cannot start ------------------------------------------------------------------------------------------------


def test_API_port_in_use_is_fatal(tmp_path):
    with socket.create_server((LISTENER, 0)) as held:
        server = Server(tmp_path, settings(listener={"address": LISTENER, "port": held.getsockname()[1]}))
        with pytest.raises(ServerFailed, match="credentials: cannot listen"):
            server.start()
        server.process = None


# -- slow clients -----------------------------------------------------------------------------------------------------


def is_served(api: Api) -> bool:
    try:
        return api.rest().status == 200
    except OSError:  # its turn has not come
        return False


BEGINNING = b"POST /v1/ice-servers HTTP/1.1\r\nHost: x\r\nContent-Le"


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < SLOW_CLIENTS + 1000:
        pytest.skip(f"needs {SLOW_CLIENTS + 1000} descriptors, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_API_ten_thousand_slow_clients_hold_up_no_packet_and_make_room(start, peer, many_descriptors):
    """More of them than the listener takes at once: each has its turn, and the relay notices nothing."""
    server = start(settings())
    client = client_of(server, credentials=rest_credentials(own_front(server).rest()))
    client.allocate()
    client.create_permission(peer.endpoint)
    numbers = itertools.count()

    def relay_one() -> None:
        payload = b"%d" % next(numbers)
        client.send_indication(peer.endpoint, payload)
        assert peer.receive() == payload

    held: dict[int, socket.socket] = {}
    begun: set[int] = set()
    poll = select.poll()
    try:
        for number in range(SLOW_CLIENTS):
            slow = socket.socket()
            slow.setblocking(False)
            slow.connect_ex((LISTENER, server.settings["credentials"]["listener"]["port"]))
            held[slow.fileno()] = slow
            poll.register(slow, select.POLLOUT)
            if number % 100 == 0:
                relay_one()

        def all_have_begun() -> bool:
            """What is connected says the first half of a request, and then no more."""
            relay_one()
            for descriptor, _ in poll.poll(10):
                with contextlib.suppress(OSError):
                    held[descriptor].send(BEGINNING)
                poll.unregister(descriptor)
                begun.add(descriptor)
            return len(begun) == SLOW_CLIENTS

        assert eventually(all_have_begun, seconds=200), f"{len(begun)} of {SLOW_CLIENTS} were ever connected"
        assert eventually(lambda: is_served(own_front(server)), seconds=120)
        relay_one()
    finally:
        for slow in held.values():
            slow.close()
    client.refresh(0)


def test_API_slow_clients_of_the_edge_hold_up_no_packet_and_no_request(start, peer):
    server = start({**settings(), "limits": {"connections_per_source": 0}})
    client = client_of(server, credentials=rest_credentials(own_front(server).rest()))
    client.allocate()
    client.create_permission(peer.endpoint)
    context = ssl.create_default_context(cafile=str(test_authority().certificate))
    context.check_hostname = False
    with contextlib.ExitStack() as held:
        for number in range(500):
            plain = socket.create_connection(server.edge, 20)
            slow = held.enter_context(context.wrap_socket(plain))
            slow.sendall(BEGINNING)
            payload = b"%d" % number
            client.send_indication(peer.endpoint, payload)
            assert peer.receive() == payload
        assert Api(*server.edge, is_tls=True).rest().status == 200
    client.refresh(0)
