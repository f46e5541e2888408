"""Who an intake is to the broker, read from the files that a connection is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge_agent import authorities
from edge_agent.errors import BrokerError

if TYPE_CHECKING:
    from central.intake.settings import Broker


@dataclass(frozen=True, slots=True)
class Presence:
    """Who this intake is to the broker: its name, the CAs that it trusts, the one that certified it (kids)."""

    name: str
    authorities: list[bytes]
    certified_by: bytes | None


def presence(broker: Broker) -> Presence:
    """Read it from the CA's file and our certificate. Raises BrokerError, LocalError."""
    name = common_name(Path(broker.certificate))
    trusted = authorities.read(Path(broker.ca))
    by = authorities.issuer(x509.load_pem_x509_certificate(Path(broker.certificate).read_bytes()), trusted)
    return Presence(name, [authorities.name(one) for one in trusted], None if by is None else authorities.name(by))


def common_name(certificate: Path) -> str:
    """Read the common name out of a PEM certificate: the name the broker knows us by. Raises BrokerError."""
    try:
        subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
        (name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (OSError, ValueError) as fault:
        raise BrokerError(
            f"{certificate} is no certificate with one common name: {fault}",
            next_step="Copy the intake's certificate again from the fleet's computer.",
        ) from fault
    return str(name.value)
