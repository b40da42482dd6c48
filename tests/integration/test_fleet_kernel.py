"""The fleet and the datapath in the kernel: a revoked call has no route left there, and what it carried is billed."""

import os

import pytest

from fleet_fixture import revoke
from redis_server import RedisServer, needs_redis
from reloading import reload
from server_fixture import ALICE
from test_kernel_datapath import CHANNEL, bound, connect, make_peer, relayed, serve, server, site, up, warmed_up  # noqa: F401
from waiting import eventually

pytestmark = [needs_redis, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")]


def assert_billed(redis: RedisServer, to_peers: int, to_clients: int) -> None:
    """One record, of one allocation, with all that it has carried."""
    [(_, fields)] = redis.ask("XRANGE", "senso-turn:usage", "-", "+")
    record = dict(zip(fields[::2], fields[1::2], strict=True))
    assert record[b"tenant"] == b"" and record[b"allocations"] == b"1"
    assert int(record[b"bytes_to_peers"]) == to_peers
    assert int(record[b"bytes_to_clients"]) == to_clients


def test_a_revoked_call_ends_in_the_kernel_and_its_bytes_are_billed(tmp_path, serve, connect, make_peer):  # noqa: F811
    redis = RedisServer(tmp_path / "redis").start()
    try:
        state = {"directory": str(tmp_path / "state")}
        here = serve("tc", node="one.example", fleet={"registry": redis.url}, state=state)
        peer = make_peer()
        client = bound(connect(at=here), peer)
        warmed_up(here, client, peer)
        in_kernel = relayed(here, "client_to_peer")
        assert up(client, peer, b"x" * 1000) == b"x" * 1000
        assert relayed(here, "client_to_peer") == in_kernel + 1
        revoke(redis, "username", ALICE.username)

        def is_over() -> bool:
            client.send_channel(CHANNEL, b"still there?")
            return peer.receive_from(0.2) is None

        assert eventually(is_over)
        assert client.try_refresh().error == 401
        total = here.metric("senso_turn_relayed_bytes_total", direction="client_to_peer")
        back = here.metric("senso_turn_relayed_bytes_total", direction="peer_to_client")
        here.stop()
        assert_billed(redis, total, back)
    finally:
        redis.stop()


def test_what_a_detached_kernel_path_has_carried_is_billed(tmp_path, serve, connect, make_peer):  # noqa: F811
    redis = RedisServer(tmp_path / "redis").start()
    try:
        fleet = {"node": "one.example", "fleet": {"registry": redis.url}, "state": {"directory": str(tmp_path / "state")}}
        here = serve("tc", **fleet)
        peer = make_peer()
        client = bound(connect(at=here), peer)
        warmed_up(here, client, peer)
        for size in (1000, 700):
            assert up(client, peer, b"x" * size) == b"x" * size
        assert relayed(here, "client_to_peer") > 0
        reload(here, relay={"datapath": "userspace"})
        in_kernel = relayed(here, "client_to_peer")
        assert up(client, peer, b"y" * 500) == b"y" * 500
        assert relayed(here, "client_to_peer") == in_kernel
        total = here.metric("senso_turn_relayed_bytes_total", direction="client_to_peer")
        back = here.metric("senso_turn_relayed_bytes_total", direction="peer_to_client")
        here.stop()
        assert_billed(redis, total, back)
    finally:
        redis.stop()
