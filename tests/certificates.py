"""A certification authority and signers of its own for tests, with the extensions that C2PA asks of a certificate."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = ec.EllipticCurvePrivateKey


def _key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    parts = (NameOID.ORGANIZATION_NAME, "Test archive"), (NameOID.COMMON_NAME, common_name)
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _usage(*names: str) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in names for name in known})


def _certificate(subject: str, issuer: str, key: Key, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=30))
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass
class Signing:
    """Files for the settings: the signer's chain, its key, and the authority that it leads to."""

    certificate: Path
    key: Path
    authority: Path
    ends: datetime

    def wait_until_expired(self) -> None:
        """Sleep until the certificate's time is over."""
        time.sleep(max(0.0, (self.ends - datetime.now(UTC)).total_seconds()) + 1.1)

    def settings(self, **more: object) -> dict[str, object]:
        """Keyword arguments for ``Settings``."""
        return {"c2pa_certificate": self.certificate, "c2pa_private_key": self.key} | more


@dataclass
class Authority:
    """Issues signing certificates for tests; worth nothing anywhere else."""

    folder: Path
    name: str = "Test authority"
    key: Key = field(default_factory=_key)

    def __post_init__(self) -> None:
        ends = datetime.now(UTC) + timedelta(days=3650)
        self.certificate = (
            _certificate(self.name, self.name, self.key, ends)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def pem(self) -> bytes:
        """The authority's own certificate."""
        return _pem(self.certificate)

    def issue_clock(self, certificate: Path, key: Path) -> None:
        """Write the certificate and key of a time stamp service."""
        own = _key()
        made = (
            _certificate("Test clock", self.name, own, datetime.now(UTC) + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature", "content_commitment"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        certificate.write_bytes(_pem(made))
        key.write_bytes(_private(own))

    def issue(
        self,
        common_name: str = "Test signer",
        *,
        days: float = 365,
        usage: ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ) -> Signing:
        """A certificate that ends in so many days, in files of its own."""
        key = _key()
        made = (
            _certificate(common_name, self.name, key, datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        stem = self.folder / f"{made.serial_number:x}"
        signing = Signing(
            stem.with_suffix(".crt"), stem.with_suffix(".key"), stem.with_suffix(".ca"), made.not_valid_after_utc
        )
        signing.certificate.write_bytes(_pem(made) + _pem(self.certificate))
        signing.key.write_bytes(_private(key))
        signing.authority.write_bytes(_pem(self.certificate))
        return signing
