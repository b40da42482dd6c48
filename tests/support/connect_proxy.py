"""An HTTP proxy that knows CONNECT, asks for a password, and leads every name to one place."""

from __future__ import annotations

import base64
import socket
import threading

USER, PASSWORD = "proxy-user", "proxy password"


class ConnectProxy:
    """`asked` are the targets of CONNECT in their order; `refused` counts those without the password."""

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1"):
        self.target = target
        self.asked: list[str] = []
        self.refused = 0
        self._socket = socket.create_server((host, 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@{host}:{self.port}"
        self.url_without_password = f"http://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(20)
        with client:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    octets = client.recv(4096)
                    if not octets:
                        return
                    head += octets
                lines = head.decode().split("\r\n")
                expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                if f"proxy-authorization: basic {expected}".lower() not in [line.lower() for line in lines]:
                    self.refused += 1
                    client.sendall(
                        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=tests\r\n"
                        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                    return
                self.asked.append(lines[0].split(" ")[1])
                with socket.create_connection(self.target, timeout=20) as server:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                    back.start()
                    _copy(client, server)
                    back.join()
            except OSError:
                return


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
