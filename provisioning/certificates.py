"""X.509 for TLS: the fleet's device CA, and the certificates of kiosks, servers and the broker.

A client's common name is its id, which is also its MQTT client id and its level in the topics, so that a broker's ACL
can go by it. Ids are `[a-z0-9-]{1,32}`, enforced here: no broker has to escape one.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.errors import KeyFileError
from edge_agent.wire.topics import check_id
from provisioning.fleet import Certificate
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEVICE_LIFETIME: Final = dt.timedelta(days=90)
SIGNING_LIFETIME: Final = dt.timedelta(days=400)
_DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336: no broker takes it for a client
AUTHORITY_LIFETIME: Final = dt.timedelta(days=3650)
_END_OF_CRL: Final = "-----END X509 CRL-----"
CLOCK_SLACK: Final = dt.timedelta(hours=1)  # a kiosk's clock may be a little behind


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Encode a private key as unencrypted PKCS #8 in PEM. Whoever writes it sees to the file's mode."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """The fleet's device CA: P-256, path length 0. While a CA is replaced, the other one stands `beside` it."""

    def __init__(
        self,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        trusted: bytes = b"",
        beside: Authority | None = None,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._trusted = trusted
        self._beside = beside

    @classmethod
    def create(cls, fleet: str, now: dt.datetime) -> Authority:
        """Make a new CA for a fleet, valid from `now` (UTC)."""
        key = ec.generate_private_key(ec.SECP256R1())
        of_its_own = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]
        name = _name(f"Homeward fleet {check_id(fleet)} {of_its_own}")  # CRLs go by the name: no two CAs share one
        certificate = (
            _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certifies=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, identity: Identity, beside: Authority | None = None) -> Authority:
        """Take up a CA again: the first in the certificates; those after it are trusted too. Raises KeyFileError."""
        try:
            certificate = x509.load_pem_x509_certificate(identity.certificate)
            key = load_pem_private_key(identity.key, password=None)
        except (ValueError, TypeError) as fault:
            raise KeyFileError(phrase("the CA's certificate or key can't be read: {why}", why=fault)) from fault
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise KeyFileError(phrase("the CA's key does not belong to its certificate"))
        return cls(certificate, key, trusted=identity.certificate, beside=beside)

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The CA's private key, for whoever protects it."""
        return self._key

    @property
    def identity(self) -> Identity:
        """The CA's own certificate and key, to be kept safe."""
        return Identity(self.pem, private_pem(self._key))

    @property
    def pem(self) -> bytes:
        """The CA's certificate, to be given away."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def trusted(self) -> bytes:
        """The CA certificates, PEM, by which the fleet's servers are known."""
        return self._trusted or self.pem

    def client(self, client_id: str, now: dt.datetime, lifetime: dt.timedelta = DEVICE_LIFETIME) -> Identity:
        """Make a key and a client certificate for a kiosk or a central server."""
        names = [x509.DNSName(check_id(client_id))]
        return self._issue(client_id, names, ExtendedKeyUsageOID.CLIENT_AUTH, now, lifetime)

    def server(self, hosts: list[str], now: dt.datetime, lifetime: dt.timedelta = DEVICE_LIFETIME) -> Identity:
        """Make a key and a server certificate for a broker that answers at `hosts` (names or addresses)."""
        names = [_general_name(host) for host in hosts]
        return self._issue(hosts[0], names, ExtendedKeyUsageOID.SERVER_AUTH, now, lifetime)

    def certify(
        self,
        client_id: str,
        key: ec.EllipticCurvePublicKey,
        now: dt.datetime,
        lifetime: dt.timedelta = DEVICE_LIFETIME,
    ) -> bytes:
        """Make the client certificate, PEM, of a key that was made elsewhere."""
        names = [x509.DNSName(check_id(client_id))]
        return self._certify(client_id, key, names, ExtendedKeyUsageOID.CLIENT_AUTH, now, lifetime)

    def certify_signing(self, kiosk: str, key: ec.EllipticCurvePublicKey, now: dt.datetime) -> bytes:
        """Make the certificate, PEM, of a kiosk's signing key. It opens no connection."""
        return self._certify(kiosk, key, [x509.DNSName(check_id(kiosk))], _DOCUMENT_SIGNING, now, SIGNING_LIFETIME)

    @property
    def public_key(self) -> bytes:
        """The CA's key, a point of 65 bytes."""
        return point(self._key.public_key())

    def revoke(self, ended: Mapping[str, int], now: dt.datetime) -> bytes:
        """Make the CRL, PEM, of serial numbers (hexadecimal) and when they ended (seconds since 1970).

        With another CA beside it, that one's too: a broker asks for the CRL of each CA that it trusts.

        It is valid as long as the CA: mosquitto shuts everybody out when a CRL expires.
        """
        listed = [
            x509.RevokedCertificateBuilder()
            .serial_number(int(serial, 16))
            .revocation_date(dt.datetime.fromtimestamp(seconds, dt.UTC))
            .build()
            for serial, seconds in ended.items()
        ]
        builder = (  # given its list at once: one by one it copies what it has for each that is added
            x509.CertificateRevocationListBuilder(revoked_certificates=listed)
            .issuer_name(self._certificate.subject)
            .last_update(now - CLOCK_SLACK)
            .next_update(self._certificate.not_valid_after_utc)
        )
        own = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return own if self._beside is None else own + self._beside.revoke(ended, now)

    def _issue(
        self,
        common_name: str,
        names: Sequence[x509.GeneralName],
        use: x509.ObjectIdentifier,
        now: dt.datetime,
        lifetime: dt.timedelta,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        return Identity(self._certify(common_name, key.public_key(), names, use, now, lifetime), private_pem(key))

    def _certify(
        self,
        common_name: str,
        key: ec.EllipticCurvePublicKey,
        names: Sequence[x509.GeneralName],
        use: x509.ObjectIdentifier,
        now: dt.datetime,
        lifetime: dt.timedelta,
    ) -> bytes:
        certificate = (
            _builder(_name(common_name), self._certificate.subject, key, now, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(certifies=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """Take the P-256 key out of a signing request (PKCS #10, PEM), whose owner signed it. Raises KeyFileError.

    Its names are not looked at: the fleet decides what a certificate says.
    """
    try:
        asked = x509.load_pem_x509_csr(request)
        key, owned = asked.public_key(), asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise KeyFileError(
            phrase("it is no signing request in PEM"), next_step=phrase("Bring the request that was made on the kiosk.")
        ) from fault
    if not owned or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(
            phrase("the signing request is not signed by a P-256 key of its own"),
            next_step=phrase("Make it again on the kiosk."),
        )
    return key


def request_pem(der: bytes) -> bytes:
    """Give a signing request as PEM. Raises KeyFileError."""
    try:
        return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
    except ValueError as fault:
        raise KeyFileError(phrase("it is no signing request"), next_step=phrase("The kiosk makes another.")) from fault


def certificate_der(pem: bytes) -> bytes:
    """Give a certificate as DER."""
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    lifetime: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + lifetime)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Give a public key as the registry names it: a point of 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def current_crls(authorities: str, newer: bytes, older: str) -> str:
    """Give one CRL of each of these CAs (PEM), the newer one where there is one: none is without, none is another's."""
    known = _crls(older) | _crls(newer.decode())
    trusted = x509.load_pem_x509_certificates(authorities.encode())
    return "".join(known[one.subject] for one in trusted if one.subject in known)


def _crls(pem: str) -> dict[x509.Name, str]:
    """Part CRLs in PEM, each by its issuer."""
    parts = [part.strip() + f"\n{_END_OF_CRL}\n" for part in pem.split(_END_OF_CRL) if part.strip()]
    return {x509.load_pem_x509_crl(part.encode()).issuer: part for part in parts}


def held(pem: bytes) -> Certificate:
    """Give what the fleet keeps of a certificate."""
    made = x509.load_pem_x509_certificate(pem)
    return Certificate(serial=f"{made.serial_number:x}", not_after=int(made.not_valid_after_utc.timestamp()))
