"""Where a live page is served, and what is said of it."""

from __future__ import annotations

import getpass
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

from lifesigns._errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Door:
    """The address of a server, and the secret that opens it."""

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def is_private(self) -> bool:
        """Whether only programs of this machine come as far as the guard."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """What to open in a browser, secret included."""
        anywhere = is_address(self.host) and ipaddress.ip_address(self.host).is_unspecified
        name = socket.gethostname() if anywhere else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/?token={self.token}"

    def announcement(self) -> str:
        """The lines that are printed once."""
        if not self.is_private:
            return (
                f"live page: {self.address}\n"
                f"warning: {self.host} can be reached from other machines. Whoever has this "
                "address can read the run, and the connection is not encrypted."
            )
        tunnel = f"ssh -N -L {self.port}:{self.host}:{self.port} {_user()}@{socket.gethostname()}"
        return f"live page: {self.address}\nfrom another machine, before you open it: {tunnel}"


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Args:
        host: An address or a name of this machine.
        port: 0 for any that is free.

    Raises:
        UsageError: The port is taken or not allowed, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen()
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise UsageError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Leave --port out for "
            "a free one, and --host for this machine alone."
        ) from error
    return listener


def is_address(name: str) -> bool:
    """Whether it is an address in numbers, which no name server can lead elsewhere.

    Args:
        name: Without a port, and without brackets.
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether it means this machine, to itself alone.

    Args:
        name: Without a port, and without brackets.
    """
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a list of users
        return "USER"
