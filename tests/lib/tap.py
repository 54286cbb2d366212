"""tap.py: stands between client and server, keeps what goes over the wire, and may tamper with it.

    tap.py READY DIR PORT [WHAT AFTER [FROM]]

Listens on a port of its own, written to READY, and passes each connection on to 127.0.0.1:PORT.
The bytes of the K-th are in DIR/K.client and DIR/K.server, as they were before any tampering.

The first encrypted record FROM server (or client) that comes after AFTER encrypted ones of the
client's is tampered with:

    flip    one bit of its last byte is another
    cut     half of it, then the end of the connection
    again   it comes twice
    clear   a line in clear comes in its place
    alert   an alert in clear comes in its place"""

import os
import select
import socket
import sys

APPLICATION_DATA = 23
TAMPERED = {
    "flip": lambda record: record[:-1] + bytes([record[-1] ^ 1]),
    "cut": lambda record: record[: len(record) // 2],
    "again": lambda record: record + record,
    "clear": lambda record: b"250 2.0.0 ok\r\n",
    "alert": lambda record: b"\x15\x03\x03\x00\x02\x02\x28",
}


class Way:
    """One direction: its bytes, and where its TLS records end."""

    def __init__(self, source, sink, path):
        self.source, self.sink = source, sink
        self.log = open(path, "wb", buffering=0)
        self.pending = b""
        self.tls = False

    def records(self, data):
        """The whole records in what has come, or the bytes as they are before TLS."""
        self.pending += data
        if not self.tls:
            begin = 0 if self.pending[:2] == b"\x16\x03" else self.pending.find(b"\n\x16\x03") + 1
            self.tls = self.pending[begin : begin + 2] == b"\x16\x03"
            end = begin if self.tls else len(self.pending)
            if end:
                yield self.pending[:end]
            self.pending = self.pending[end:]
        while self.tls and len(self.pending) >= 5:
            size = 5 + int.from_bytes(self.pending[3:5], "big")
            if len(self.pending) < size:
                return
            yield self.pending[:size]
            self.pending = self.pending[size:]


def serve(client, port, path, what, after, tampered):
    server = socket.create_connection(("127.0.0.1", port))
    ways = {
        client: Way(client, server, path + ".client"),
        server: Way(server, client, path + ".server"),
    }
    seen, done = 0, not what
    while ways:
        for source in select.select(list(ways), [], [])[0]:
            way = ways[source]
            try:
                data = source.recv(65536)
            except ConnectionError:
                data = b""
            way.log.write(data)
            pieces = list(way.records(data)) if data else [way.pending] * bool(way.pending)
            try:
                for piece in pieces:
                    encrypted = way.tls and piece[0] == APPLICATION_DATA
                    if not done and encrypted and seen >= after and (source is client) == tampered:
                        done = True
                        way.sink.sendall(TAMPERED[what](piece))
                        if what == "cut":
                            return
                        continue
                    seen += encrypted and source is client
                    way.sink.sendall(piece)
                if not data:
                    way.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            if not data:
                del ways[source]


def main():
    ready, folder, port, *rest = sys.argv[1:]
    what, after = (rest[0], int(rest[1])) if rest else (None, 0)
    listener = socket.create_server(("127.0.0.1", 0))
    with open(ready + ".new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(ready + ".new", ready)
    number = 0
    while True:
        client = listener.accept()[0]
        number += 1
        if os.fork() == 0:
            listener.close()
            serve(client, int(port), f"{folder}/{number}", what, after, "client" in rest)
            os._exit(0)
        client.close()


main()
