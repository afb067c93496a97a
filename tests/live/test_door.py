"""Where a page is served, and what is said of it."""

import socket

import pytest

from lifesigns._errors import UsageError
from lifesigns.live.door import Door, listen


def test_every_server_has_a_secret_of_its_own():
    assert Door("127.0.0.1", 1).token != Door("127.0.0.1", 1).token
    assert len(Door("127.0.0.1", 1).token) >= 32
    assert Door("127.0.0.1", 1).token not in repr(Door("127.0.0.1", 1))


def test_the_announcement_has_the_address_and_the_tunnel():
    door = Door("127.0.0.1", 8123, "secret")

    first, second = door.announcement().splitlines()

    assert first == "live page: http://127.0.0.1:8123/?token=secret"
    assert "ssh -N -L 8123:127.0.0.1:8123 " in second


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_an_address_that_others_can_reach_is_warned_of(host):
    text = Door(host, 8123).announcement()

    assert "warning" in text
    assert "not encrypted" in text


def test_an_address_of_six_is_put_in_brackets():
    assert Door("::1", 8123, "secret").address == "http://[::1]:8123/?token=secret"


def test_a_free_port_is_found_and_only_this_machine_listens():
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()

    assert (host, port > 0) == ("127.0.0.1", True)


def test_a_port_that_is_taken_is_said_to_be():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(UsageError, match=f"127.0.0.1:{port} cannot be listened on"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no such name"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(UsageError, match="--host"):
        listen(host, 0)
