"""Bursts that the buffers of the relay's sockets do not hold: what is lost there is counted, to the last datagram."""

from __future__ import annotations


from waiting import eventually

CHANNEL = 0x4000
OCTETS = 1000
MORE_THAN_FITS = 6000  # a relay socket asks for a megabyte


def relayed(server) -> float:
    return server.metric("senso_turn_relayed_packets_total", direction="peer_to_client")


def lost(server) -> float:
    return server.metric("senso_turn_socket_receive_drops_total")


def test_what_a_relay_socket_loses_for_want_of_room_is_counted(server, connect, make_peer):
    """Twice, since the next socket has the number of the one that was closed, and counts for itself."""
    for _ in range(2):
        client, peer = connect("udp"), make_peer()
        client.allocate()
        client.channel_bind(CHANNEL, peer.endpoint)
        before = relayed(server) + lost(server)
        lost_before = lost(server)
        with server.held():
            for _ in range(MORE_THAN_FITS):
                peer.send(bytes(OCTETS), client.relayed)
        sent = MORE_THAN_FITS

        def is_complete() -> bool:
            """The system tells of losses with a datagram that it could take behind them."""
            nonlocal sent
            if relayed(server) + lost(server) - before == sent:
                return True
            peer.send(bytes(OCTETS), client.relayed)
            sent += 1
            return False

        assert eventually(is_complete)
        assert lost(server) > lost_before, "the burst was too short"
        assert lost(server) - lost_before < sent
        client.refresh(0)
