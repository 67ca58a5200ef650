"""The program that holds a namespace: it lends sockets of it, and with its end the namespace is gone.

`python inside.py NAME FD`: takes the host name NAME, says `ready` on the socket FD, and answers each `family kind` with
a socket. It ends when the other end of FD is closed, so a test that is killed leaves nothing behind.
"""

import signal
import socket
import sys


def main() -> None:
    """Runs until the test closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the test, which closes its end then
    socket.sethostname(sys.argv[1])
    with socket.socket(fileno=int(sys.argv[2])) as line:
        line.send(b"ready")
        while request := line.recv(64):
            family, kind = map(int, request.split())
            try:
                made = socket.socket(family, kind)
            except OSError as error:
                line.send(str(error).encode())
                continue
            with made:
                socket.send_fds(line, [b"lent"], [made.fileno()])


if __name__ == "__main__":
    main()
