"""The embassy's own certificate authority, and the two certificates it signs: its broker's and home's.

The broker trusts this authority alone, so whoever holds no certificate of it does not get past the TLS handshake.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.machine import LOOPBACK, write_private

VALID_DAYS = 3650
_CLOCK_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its key, both as PEM text."""

    certificate: str
    key: str


def ensure_certificates(embassy_tls: Path, home_tls: Path, *, now: dt.datetime) -> None:
    """Write what is missing: the authority and the broker's keystore at the embassy, the client certificate at home."""
    if not (embassy_tls / "ca.key").exists():
        authority = _authority(now)
        write_private(embassy_tls / "ca.pem", authority.certificate)
        write_private(embassy_tls / "ca.key", authority.key)
    authority = Issued(certificate=(embassy_tls / "ca.pem").read_text(), key=(embassy_tls / "ca.key").read_text())
    if not (embassy_tls / "broker.pem").exists():
        broker = _issue(authority, "broker", ExtendedKeyUsageOID.SERVER_AUTH, now)
        write_private(embassy_tls / "broker.pem", broker.key + broker.certificate + authority.certificate)
    if not (home_tls / "home.pem").exists():
        client = _issue(authority, "home", ExtendedKeyUsageOID.CLIENT_AUTH, now)
        write_private(home_tls / "home.key", client.key)
        write_private(home_tls / "home.pem", client.certificate)
        write_private(home_tls / "ca.pem", authority.certificate)


def _authority(now: dt.datetime) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("embassy link authority")
    certificate = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def _issue(authority: Issued, common_name: str, purpose: x509.ObjectIdentifier, now: dt.datetime) -> Issued:
    signer = serialization.load_pem_private_key(authority.key.encode(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    parent = x509.load_pem_x509_certificate(authority.certificate.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    certificate = (
        _builder(_name(common_name), parent.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _issued(certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
