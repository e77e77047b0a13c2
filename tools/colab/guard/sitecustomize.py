"""Cuts the network of a Python that has this folder on its path: only this machine is reached."""

from __future__ import annotations

import socket
from typing import Any

HERE = ("127.0.0.1", "::1", "localhost")


class NetworkCutError(OSError):
    """Something asked for another machine."""


def _require_here(address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else None  # a path is a socket of this machine
    if host is not None and host not in HERE:
        raise NetworkCutError(f"the network is cut; something asked for {host}")


class _Socket(socket.socket):
    def connect(self, address: Any) -> None:
        _require_here(address)
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        _require_here(address)
        return super().connect_ex(address)

    def sendto(self, data: Any, *rest: Any) -> int:
        _require_here(rest[-1])
        return super().sendto(data, *rest)


def _getaddrinfo(host: Any, *rest: Any, _ask: Any = socket.getaddrinfo, **options: Any) -> Any:
    if host is not None:
        _require_here((host.decode() if isinstance(host, bytes) else host, 0))
    return _ask(host, *rest, **options)


socket.socket = _Socket  # type: ignore[misc]
socket.getaddrinfo = _getaddrinfo
