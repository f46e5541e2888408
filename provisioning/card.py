"""A kiosk's card bundle: what first boot needs, and nothing that would be worth stealing for long.

A claim may enrol one kiosk once, within 14 days. Its secret is derived from the office's claims key, so that the fleet
keeps no copy of it; the kiosk's own keys are made on the kiosk and are never here.
"""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge_agent.files import OWNER_ONLY
from provisioning import handout, wifi
from provisioning.fleet import CLAIM_PREFIX, Hardware
from provisioning.handout import File, text

if TYPE_CHECKING:
    from edge_agent.pins import Pins
    from provisioning.certificates import Identity
    from provisioning.fleet import Claim, Plan, Site, State
    from provisioning.handout import Files
    from provisioning.wifi import Wifi

WORD: Final = "/run/homeward"  # made at each start by the image, in memory
PAGE: Final = "/run/homeward-screen/url"  # where the browser of `firmware/install --screen` waits for it

_SECRET_BYTES: Final = 32
_ZIP_TIME: Final = (2026, 1, 1, 0, 0, 0)  # says nothing of when


def new_claim_id() -> str:
    """Name a claim; ids are random, so that one tells nothing of the next."""
    return CLAIM_PREFIX + secrets.token_hex(8)


def claim_secret(claims_key: bytes, claim_id: str) -> bytes:
    """Derive a claim's 32 bytes: HKDF-SHA256 (RFC 5869) of the claims key, its info naming the claim."""
    info = b"homeward claim, version 1: " + claim_id.encode()
    return HKDF(algorithm=hashes.SHA256(), length=_SECRET_BYTES, salt=None, info=info).derive(claims_key)


def files(
    state: State, plan: Plan, claim: Claim, identity: Identity, secret: bytes, network: Wifi | None = None
) -> Files:
    """Give the card's files; `network` is the Wi-Fi by which the kiosk reaches the broker."""
    brought = {wifi.FILE: text(network.connection(), OWNER_ONLY)} if network is not None else {}
    return brought | {
        "kiosk.toml": text(kiosk_settings(state, plan)),
        "machine.toml": text(f'time_zone = "{plan.time_zone}"\nnetwork = "{plan.network}"\n'),
        "courier/first-boot.toml": text(_first_boot(claim, secret), OWNER_ONLY),
        "courier/claim.pem": File(identity.certificate),
        "courier/claim.key": File(identity.key, OWNER_ONLY),
        **handout.trust(state),
    }


def kiosk_settings(state: State, plan: Plan) -> str:
    """Write kiosk.toml, with the files that enrolment will add named in it: each process's in a folder of its own."""
    page = PAGE if plan.hardware is Hardware.RASPBERRY_PI else "url"
    parts = [
        (
            f'fleet = "{state.fleet}"\nkiosk = "{plan.id}"\nshared = "shared"\nsigning_key = "kiosk/signing.key"\n'
            'card = "courier"'
        ),
        *([f'word = "{WORD}"'] if plan.hardware is Hardware.RASPBERRY_PI else []),
        _site(plan.site),
        '[trust]\nroot = "root.pub"\nbundle = "bundle.cose"',
        f"[consent]\nlanguages = {_toml(plan.languages)}",
        *(['[voice]\nfolder = "voices"'] if plan.voice else []),
        *([f'[screen]\nurl_file = "{page}"'] if plan.screen else []),
        f'[hardware]\nkind = "{plan.hardware}"',
        *(["[hardware.pins]\n" + _lines(plan.pins)] if plan.pins.unusual else []),
        *(
            ['[hardware.simulated]\nphotographs = ["photograph.png"]\nscript = "script.toml"']
            if plan.hardware is Hardware.SIMULATED
            else []
        ),
        (
            f'[broker]\naddresses = {_toml(state.brokers)}\nca = "ca.pem"\n'
            'certificate = "courier/tls.pem"\nkey = "courier/tls.key"'
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _site(site: Site) -> str:
    return (
        f"[site]\nid = {_toml(site.id)}\nname = {_toml(site.name)}\nlatitude = {float(site.latitude)}\n"
        f"longitude = {float(site.longitude)}\naccuracy_m = {site.accuracy_m}\narea = {_toml(site.area)}"
    )


def _lines(pins: Pins) -> str:
    return "\n".join(f"{part} = {line}" for part, line in pins.unusual.items())


def zipped(content: Files) -> bytes:
    """Pack a card's files into a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in content.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = (0o100000 | file.mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    return packed.getvalue()


def _first_boot(claim: Claim, secret: bytes) -> str:
    return f'[claim]\nid = "{claim.id}"\nsecret = "{secret.hex()}"\nexpires_at = {claim.certificate.not_after}\n'


def _toml(value: str | list[str]) -> str:
    """Write a text or a list of texts, printable, as TOML: JSON's form is TOML's, but for escaped surrogates."""
    return json.dumps(value, ensure_ascii=False)
