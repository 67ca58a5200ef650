"""How doctor looks: at real sockets, files and addresses."""

import email.utils
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.doctor import looks
from shared.doctor.multicast import asked_everywhere, question
from shared.doctor.telling import as_json, as_text, summary
from shared.finding import Finding
from shared.interfaces import in_use, own_addresses

A_MINUTE_S = 60


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives one caller this answer."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with door.accept()[0] as caller:
                caller.recv(65_536)
                caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        thread.join(5)


def http(status: str, body: bytes = b"{}", ahead_s: float = 0) -> bytes:
    date = email.utils.formatdate(time.time() + ahead_s, usegmt=True)
    return f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("ahead_s", [0, A_MINUTE_S, -A_MINUTE_S])
def test_the_clock_of_whoever_answers(ahead_s: float) -> None:
    with answering(http("200 OK", b'{"a":1}', ahead_s)) as url:
        answer = looks.ask(url)
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.ahead_s == pytest.approx(ahead_s, abs=2)


def test_a_refusal_has_a_clock_too() -> None:
    with answering(http("401 Unauthorized")) as url:
        answer = looks.ask(url)
    assert (answer.status, answer.problem) == (401, "")
    assert answer.ahead_s == pytest.approx(0, abs=2)


def test_nobody_or_nonsense_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    assert looks.ask(f"http://127.0.0.1:{port}").problem == "Connection refused"
    with answering(b"nonsense\r\n\r\n") as url:
        assert looks.ask(url).problem
    assert looks.ask("http://my..host/").problem


def test_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        assert looks.is_taken("127.0.0.1", port)
        assert [each.pid for each in looks.listeners(port)] == [os.getpid()]
    assert not looks.is_taken("127.0.0.1", port)
    assert looks.listeners(port) == ()


def test_room_is_told_of_the_nearest_directory_that_is_there(tmp_path: Path) -> None:
    seen = looks.room(tmp_path / "not" / "yet")
    assert seen.path == str(tmp_path)
    assert 0 < seen.disk_free <= seen.disk_total
    assert 0 < seen.memory_available <= seen.memory_total


def test_firewalls(tmp_path: Path) -> None:
    assert looks.firewall(tmp_path) == ""
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("# ENABLED=yes\nENABLED=no\n")
    assert looks.firewall(tmp_path) == ""
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    assert looks.firewall(tmp_path) == "ufw"
    (tmp_path / "etc/ufw/ufw.conf").unlink()
    (tmp_path / "run/firewalld").mkdir(parents=True)
    assert looks.firewall(tmp_path) == "firewalld"


def test_a_question_is_as_rfc_1035_has_it() -> None:
    assert question(["_x._tcp.local."]) == (
        b"\0\0\0\0\0\1\0\0\0\0\0\0" + b"\2_x\4_tcp\5local\0" + b"\0\x0c\0\1"
    )


def test_each_interface_is_asked() -> None:
    here = in_use(own_addresses())
    seen = asked_everywhere(here, 0.3)
    assert {each.interface for each in seen} == {each.interface for each in here}
    assert not {ip for each in seen for ip in each.others} & {each.ip for each in here}


def a_finding(check_id: str, severity: str, command: str = "") -> Finding:
    return Finding(
        check_id=check_id,
        severity=severity,  # type: ignore[arg-type]
        title=f"title of {check_id}",
        description="so it is\x1b[2J",
        fix="do it" if severity != "info" else "",
        command=command,
    )


def test_what_was_found_is_told_the_worst_first() -> None:
    found = [a_finding("a", "info"), a_finding("b", "warning"), a_finding("c", "critical", "mend c")]
    lines = as_text(found).splitlines()
    assert lines[0] == "broken   title of c"
    assert lines[1:4] == ["         so it is\\x1b[2J", "         do it", "         $ mend c"]
    assert [line for line in lines if not line.startswith(" ")] == [
        *("broken   title of c", "warning  title of b", "ok       title of a"),
    ]
    assert summary(found) == "1 broken, 1 warning"
    assert as_json(found)["well"] is False
    assert as_json(found[:2])["well"] is True
    assert [each.check_id for each in as_json(found)["findings"]] == ["c", "b", "a"]
    assert summary(found[:1]) == "all is well"
