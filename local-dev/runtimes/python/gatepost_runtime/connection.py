"""One connection to the Runtime API, kept alive for the life of the process: HTTP/1.1 on a bare socket."""

import json
import re
import socket
import sys

_PREFIX = "/2018-06-01/runtime"
_PIECE = 64 * 1024


class Connection:
    """Speaks to the Runtime API at `authority`, `host:port`."""

    def __init__(self, authority):
        host, port = authority.rsplit(":", 1)
        self._host = authority
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._next = self._request("GET", "/invocation/next", "", None)

    def next(self):
        """Waits for an event: headers, with lower-case names, and body."""
        self._socket.sendall(self._next)
        return self._event()

    def response(self, headers, body):
        """Answers an invocation and waits for the next event."""
        path = "/invocation/%s/response" % headers["lambda-runtime-aws-request-id"]
        return self._answer(self._request("POST", path, _given_back(headers), body))

    def error(self, headers, fault):
        """Answers an invocation with an error and waits for the next event."""
        path = "/invocation/%s/error" % headers["lambda-runtime-aws-request-id"]
        lines = _given_back(headers) + _error_type(fault)
        return self._answer(self._request("POST", path, lines, json.dumps(fault).encode()))

    def init_error(self, fault):
        """Says that the handler could not be loaded."""
        body = json.dumps(fault).encode()
        self._socket.sendall(self._request("POST", "/init/error", _error_type(fault), body))
        self._read()

    def _answer(self, request):
        # One write for the answer and the question for the next event.
        self._socket.sendall(request + self._next)
        status, _, body = self._read()
        if status != 202:
            # A response above 6 MB, for example; its caller was told.
            refused = body.decode("utf-8", "replace")
            print("the Runtime API refused the answer:", status, refused, file=sys.stderr)
        return self._event()

    def _event(self):
        status, headers, body = self._read()
        if status != 200:
            raise OSError("the Runtime API has no event: %d %s" % (status, body.decode()))
        return headers, body

    def _request(self, method, path, lines, body):
        length = "" if body is None else "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        head = "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n" % (method, _PREFIX, path, self._host, lines, length)
        return head.encode("latin-1") + (body or b"")

    def _read(self):
        """Status, headers and body of the next answer."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        end = start + int(headers.get("content-length", 0))
        while len(self._received) < end:
            self._receive()
        body = bytes(self._received[start:end])
        del self._received[:end]
        return int(lines[0][9:12]), headers, body

    def _receive(self):
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise ConnectionError("the Runtime API closed the connection")
        self._received += piece


def _given_back(headers):
    """The invocation ID goes back with the answer if one came."""
    invocation = headers.get("lambda-runtime-invocation-id")
    return "" if invocation is None else "Lambda-Runtime-Invocation-Id: %s\r\n" % invocation


def _error_type(fault):
    printable = re.sub("[^ -~]", "?", fault["errorType"])
    return "Lambda-Runtime-Function-Error-Type: %s\r\n" % printable
