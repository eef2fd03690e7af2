"""What somebody without a key tries against a store, at every port and socket at which its processes listen."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import psutil

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
SETTINGS_FRAME = 4


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def listening_ports(process: psutil.Process) -> set[int]:
    """TCP ports, IPv4 and IPv6, at which the process or a descendant listens (/proc/net/tcp and its open files)."""
    return {
        connection.laddr.port
        for member in tree(process)
        for connection in member.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def listening_sockets(process: psutil.Process, folder: Path) -> set[Path]:
    """Unix sockets that the process or a descendant has made; relative names are below ``folder``."""
    found = {Path(c.laddr) for member in tree(process) for c in member.net_connections("unix") if c.laddr}
    return {folder / path for path in found if not str(path).startswith("\0")}


def stranger(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS that trusts anybody, without a certificate of its own unless one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def http_only(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["http/1.1"])
    return context


def ask(place: int | Path, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """The first bytes of the answer; empty if there is none."""
    family = socket.AF_INET if isinstance(place, int) else socket.AF_UNIX
    plain = socket.socket(family, socket.SOCK_STREAM)
    plain.settimeout(3)
    try:
        plain.connect(("127.0.0.1", place) if isinstance(place, int) else str(place))
        talk = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        with talk:
            talk.sendall(request)
            return talk.recv(4096)
    except OSError:  # refused, reset, TLS's own refusals
        return b""
    finally:
        plain.close()


def is_granted(answer: bytes) -> bool:
    """Whether an HTTP request was carried out, or an HTTP/2 connection (of gRPC) was accepted."""
    if answer.startswith(b"HTTP/1."):
        return answer[9:10] in (b"1", b"2", b"3")
    return len(answer) > 3 and answer[3] == SETTINGS_FRAME


def http(method: str, path: str, body: bytes = b"", content_type: str = "application/octet-stream") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def form(name: str, body: bytes) -> tuple[bytes, str]:
    """A file as browsers send it, which is what SeaweedFS's own ports take."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + body + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def requests(bucket: str, key: str) -> Iterator[tuple[str, bytes]]:
    """Reads, writes and deletions for each kind of SeaweedFS's ports; what a port does not know it answers with 404."""
    place = f"/buckets/{bucket}"
    body, kind = form("forged.tif", b"forged")
    yield "filer: list", http("GET", f"{place}/?limit=5")
    yield "filer: read", http("GET", f"{place}/{key}")
    yield "filer: forge by POST", http("POST", f"{place}/forged.tif", body, kind)
    yield "filer: forge by PUT", http("PUT", f"{place}/forged.tif", b"forged")
    yield "filer: overwrite", http("PUT", f"{place}/{key}", b"forged")
    yield "filer: delete", http("DELETE", f"{place}/{key}")
    yield "filer: empty a prefix", http("DELETE", f"{place}/?recursive=true&ignoreRecursiveError=true")
    yield "filer: serve a script", http("POST", "/buckets/archive/evil.html", body, kind)
    yield "filer: resumable upload", http("POST", f"/.tus{place}/forged.tif")
    yield "master: a ticket for a write", http("GET", "/dir/assign")
    yield "master: where volumes are", http("GET", "/dir/status")
    yield "master: upload", http("POST", "/submit", body, kind)
    yield "master: delete a collection", http("GET", f"/col/delete?collection={bucket}")
    yield "master: more volumes", http("GET", "/vol/grow?count=1")
    yield "volume: what it holds", http("GET", "/status")
    for volume in range(1, 12):
        yield f"volume: write {volume}", http("POST", f"/{volume},01637037d6", body, kind)
        yield f"volume: delete {volume}", http("DELETE", f"/{volume},01637037d6")
    yield "administration: page", http("GET", "/")
    yield "administration: people", http("GET", "/object-store/users")
    yield "profiling", http("GET", "/debug/pprof/")
    yield "figures", http("GET", "/metrics")
