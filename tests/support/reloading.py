"""A server whose configuration a test changes while it runs."""

from __future__ import annotations

import socket
import subprocess

from server_fixture import ALICE, Server, merged, run_command
from transports import listener_of, open_transport
from turn_client import Credentials, TurnClient

_clients: list[TurnClient] = []


def client_of(server: Server, transport: str = "udp", credentials: Credentials = ALICE, **options) -> TurnClient:
    """A new client; close_clients ends it."""
    opened = open_transport(transport, server.endpoint(listener_of(transport)), **options)
    _clients.append(TurnClient(opened, credentials))
    return _clients[-1]


def close_clients() -> None:
    while _clients:
        _clients.pop().close()


def ask_admin(path: str, line: str) -> str:
    """One command to the admin socket, without the time that a program takes to start."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(line.encode() + b"\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer.decode()


def admin_socket(server: Server) -> str:
    return server.settings["admin"]["socket"]


def reload_command(server: Server) -> subprocess.CompletedProcess:
    return run_command("reload", "--socket", admin_socket(server))


def change(server: Server, **settings) -> None:
    """Only the file; None removes a key."""
    server.settings = merged(server.settings, settings)
    server.write_configuration()


def reload(server: Server, **settings) -> str:
    """Changes the file and has it reloaded, which must succeed. What the server says of it."""
    change(server, **settings)
    answer = ask_admin(admin_socket(server), "reload")
    assert not answer.startswith("error"), answer
    return answer


def reload_count(server: Server, outcome: str) -> float:
    return server.metric("senso_turn_config_reloads_total", outcome=outcome)
