"""The keys by which the parts of SeaweedFS know each other, so that nobody but its S3 service is open to others.

SeaweedFS is a master, a volume server, a filer, an administration server and the S3 service, which speak to each other
by HTTP and gRPC, on ports that any process of the machine can reach. Of itself it trusts whoever asks: an upload to the
filer is not asked for an S3 key. With the files made here every port except that of S3 takes only TLS with a
certificate that this store's own authority has signed (mutual TLS); filer and volume server want a token besides.

``python -m restoration.local.s3_keys FOLDER [--owner UID]`` makes them for a server in a container.
"""

from __future__ import annotations

import argparse
import datetime
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from restoration.local.process import write_private

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "node.crt", "node.key"
SECURITY = "security.toml"
"""SeaweedFS reads it from the folder in which it is started."""

FILES = (AUTHORITY, CERTIFICATE, KEY, SECURITY)

VALID_DAYS = 3650
_RENEWED_BEFORE_DAYS = 365
"""Keys that end sooner than this are made anew at a start."""

# In SeaweedFS's words. Every part that could ever listen is named: one that is left out would listen without TLS.
_GRPC_PARTS = ("volume", "master", "filer", "s3", "msg_broker", "msg_agent", "admin", "worker", "mq", "client")
_HTTPS_PARTS = ("volume", "master", "filer", "admin")
_SIGNED = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


def make_keys(folder: Path, *, owner: int | None = None) -> bool:
    """
    Make the files in that folder unless good ones are there; each may be read by its owner alone (mode 0600).

    The authority's own key is forgotten as soon as it has signed, so that nobody can sign another certificate.

    :param owner: the user whom they shall belong to; whoever runs this unless given.
    :returns: whether they were made.
    """
    if _are_good(folder):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    authority, certificate, key = _certificates()
    for name, text in ((AUTHORITY, authority), (CERTIFICATE, certificate), (KEY, key), (SECURITY, _security())):
        write_private(folder / name, text)
        if owner is not None:
            os.chown(folder / name, owner, owner)
    return True


def _are_good(folder: Path) -> bool:
    if not all((folder / name).is_file() for name in FILES):
        return False
    try:
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except ValueError:
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left > datetime.timedelta(days=_RENEWED_BEFORE_DAYS)


def _certificates() -> tuple[str, str, str]:
    """An authority's certificate, one signed by it for both ends of a connection, and the key of that one, in PEM."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _named("the store's authority", "the store's authority", authority_key)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    key = ec.generate_private_key(ec.SECP256R1())
    node = _named("the store", "the store's authority", key)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    node = node.add_extension(usage, critical=False).add_extension(_names(), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _signed(authority, authority_key), _signed(node, authority_key), private.decode()


def _named(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _names() -> x509.SubjectAlternativeName:
    """What the parts call each other by: the loopback address, or the container's name."""
    from ipaddress import ip_address

    return x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.DNSName("s3"), x509.IPAddress(ip_address("127.0.0.1"))]
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _security() -> str:
    """SeaweedFS's settings of security; the paths are relative to the folder in which it is started."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for part in _SIGNED:
        yield from (f"[{part}]", f'key = "{secrets.token_hex(32)}"')
    yield from ("[access]", "ui = false", "[grpc]", f'ca = "{AUTHORITY}"')
    pair = (f'cert = "{CERTIFICATE}"', f'key = "{KEY}"')
    for part in _GRPC_PARTS:
        yield from (f"[grpc.{part}]", *pair)
    for part in _HTTPS_PARTS:
        yield from (f"[https.{part}]", *pair, f'ca = "{AUTHORITY}"')
    yield from ("[https.client]", "enabled = true", *pair, f'ca = "{AUTHORITY}"')


def main() -> None:
    """Make the keys in the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Make the keys of a SeaweedFS server, unless good ones are there.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--owner", type=int, help="user id whom the files shall belong to")
    asked = parser.parse_args()
    made = make_keys(asked.folder, owner=asked.owner)
    sys.stdout.write(f"{asked.folder}: {'keys were made' if made else 'good keys are there'}\n")


if __name__ == "__main__":
    main()
