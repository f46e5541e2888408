"""The kiosk's settings: one TOML file for both of its processes.

Secrets are never in it: keys are named by their files, whose modes keep each process to its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from edge_agent.errors import SettingsError
from edge_agent.pins import Pins
from edge_agent.settings import Settings, read, setting
from edge_agent.wire import fields, topics

_MANIFEST: Final = Path(__file__).parent.parent / "models" / "manifest.toml"
_MIB: Final = 1024 * 1024

Id = Annotated[str, setting("1 to 32 of a-z, 0-9 and '-'", pattern=r"^[a-z0-9-]{1,32}$")]


class Site(Settings, frozen=True, kw_only=True):
    """Where the kiosk stands. It goes into each report as the last known place."""

    id: Annotated[str, setting("A short id of the place", min_length=1, max_length=200)]
    name: Annotated[str, setting("The place's name", min_length=1, max_length=200)]
    latitude: Annotated[float, setting("WGS 84, degrees", ge=-90, le=90)]
    longitude: Annotated[float, setting("WGS 84, degrees", ge=-180, le=180)]
    accuracy_m: Annotated[int, setting("How far the kiosk may be from that point, metres", ge=0, le=100_000)] = 50
    area: Annotated[str, setting("The administrative area", min_length=1, max_length=200)]


class Trust(Settings, frozen=True, kw_only=True):
    """Whom the kiosk trusts."""

    root: Annotated[str, setting("File with the fleet root's public key, in hexadecimal")]
    bundle: Annotated[str, setting("File with the signed recipient bundle")]


class Consent(Settings, frozen=True, kw_only=True):
    """What people are asked."""

    languages: Annotated[list[str], setting("Languages offered, in order", min_length=1)]
    days_kept: Annotated[int, setting("How long a report is kept, days", ge=1, le=3650)] = 180
    ask_partners: Annotated[bool, setting("Whether to ask about sharing with partner registries")] = True
    ask_public_appeal: Annotated[bool, setting("Whether to ask about a public appeal")] = True
    kept_where: Annotated[str, setting("Where reports are kept, in words", min_length=1, max_length=200)] = (
        "encrypted, with the organisation named as controller"
    )


class Outbox(Settings, frozen=True, kw_only=True):
    """How much may wait on this kiosk."""

    max_bytes: Annotated[int, setting("Sealed bytes at most", ge=_MIB)] = 2048 * _MIB
    max_records: Annotated[int, setting("Records at most", ge=1)] = 20_000
    keep_free_bytes: Annotated[int, setting("Bytes to leave free on the file system", ge=0)] = 64 * _MIB


class Streams(Settings, frozen=True, kw_only=True):
    """The camera's two streams, width and height in pixels, of one aspect ratio."""

    large: Annotated[tuple[int, int], setting("The crop is cut from this one")] = (1280, 960)
    small: Annotated[tuple[int, int], setting("Faces are found in this one")] = (320, 240)


class Simulated(Settings, frozen=True, kw_only=True):
    """Stand-ins for camera and button: photographs, and a script of presses."""

    photographs: Annotated[list[str], setting("Image files that the camera shows in turn", min_length=1)]
    script: Annotated[str, setting("File with the presses, one table each")]


class Hardware(Settings, frozen=True, kw_only=True):
    """What the kiosk is made of. There is no default: a kiosk never simulates by accident."""

    kind: Annotated[str, setting("'raspberry-pi' or 'simulated'", pattern="^(raspberry-pi|simulated)$")]
    pins: Pins = Pins()
    streams: Streams = Streams()
    simulated: Simulated | None = None


class Pace(Settings, frozen=True, kw_only=True):
    """How long things take. Nothing has to be done quickly."""

    hold_s: Annotated[float, setting("How long a hold is, seconds", gt=0, le=5)] = 1.2
    silence_s: Annotated[float, setting("Silence before the warning, seconds", gt=0)] = 60.0
    warning_s: Annotated[float, setting("From the warning to the end, seconds", gt=0)] = 30.0
    code_shown_s: Annotated[float, setting("How long the receipt code stays, seconds", gt=0)] = 120.0
    notice_shown_s: Annotated[float, setting("How long a closing sentence stays, seconds", gt=0)] = 8.0


class Voice(Settings, frozen=True, kw_only=True):
    """What says every prompt aloud."""

    folder: Annotated[str, setting("Folder of recordings, one WAV file a sentence: `homeward-kiosk voices` fills it")]
    output: Annotated[str, setting("The ALSA device that plays them", min_length=1)] = "default"
    volume: Annotated[int, setting("How loud, per cent of the recordings' own loudness", ge=1, le=100)] = 80


class PrintedNotice(Settings, frozen=True, kw_only=True):
    """What people read at a kiosk that neither speaks nor shows: a notice on paper beside it, in all its languages."""

    id: Annotated[str, setting("Its name and edition, as it goes into each record", min_length=1, max_length=200)]
    sha256: Annotated[str, setting("SHA-256 of its file, hexadecimal", pattern=r"^[0-9a-f]{64}$")]


class Screen(Settings, frozen=True, kw_only=True):
    """The page on the kiosk's own display. Without this table there is none."""

    url_file: Annotated[str, setting("File for the page's address: in /run, for the browser's group alone to read")]
    port: Annotated[int, setting("Port on loopback; 0 is any free one", ge=0, le=65_535)] = 8017


class Detector(Settings, frozen=True, kw_only=True):
    """What finds faces."""

    manifest: Annotated[str, setting("The manifest of models")] = str(_MANIFEST)
    name: Annotated[str, setting("The manifest's detector to use")] = "united"


class Broker(Settings, frozen=True, kw_only=True):
    """Where the courier delivers. Several addresses are tried in turn."""

    addresses: Annotated[list[str], setting("host:port, the first that answers is used", min_length=1)]
    ca: Annotated[str, setting("File with the CA that signs the broker's certificate, PEM")]
    certificate: Annotated[str, setting("File with this kiosk's TLS certificate, PEM")]
    key: Annotated[str, setting("File with its private key, PEM; readable by the courier alone")]


class Delivery(Settings, frozen=True, kw_only=True):
    """How the courier delivers."""

    window: Annotated[int, setting("Records on their way at once", ge=1, le=100)] = 20
    receipt_timeout_s: Annotated[float, setting("Wait for a receipt before sending again, seconds", gt=0)] = 60.0
    refused_again_s: Annotated[float, setting("Wait before a quarantined record is sent again, seconds", gt=0)] = 3600.0
    status_every_s: Annotated[float, setting("Between two status messages, seconds", gt=0)] = 300.0
    keepalive_s: Annotated[int, setting("MQTT keepalive, seconds: 128 KiB take 53 s at 20 kbit/s", ge=1)] = 60
    session_expiry_s: Annotated[int, setting("How long the broker keeps the session, seconds", ge=60)] = 14 * 86_400


class KioskSettings(Settings, frozen=True, kw_only=True):
    """All of it."""

    fleet: Id
    kiosk: Id
    shared: Annotated[str, setting("The mount where kiosk and courier meet: the outbox, health, orders")]
    signing_key: Annotated[str, setting("File with the signing key, PEM; readable by the kiosk process alone")]
    word: Annotated[str | None, setting("Folder in memory for what a start says anew, to spare the card")] = None
    card: Annotated[str, setting("Folder with the card's claim, until this kiosk is enrolled")] = "courier"
    site: Site
    trust: Trust
    consent: Consent
    hardware: Hardware
    broker: Broker
    outbox: Outbox = Outbox()
    pace: Pace = Pace()
    voice: Voice | None = None
    printed_notice: PrintedNotice | None = None
    detector: Detector = Detector()
    delivery: Delivery = Delivery()
    screen: Screen | None = None

    @property
    def address(self) -> topics.Address:
        """This kiosk's place in the topics."""
        return topics.Address(self.fleet, self.kiosk)

    @property
    def explains_itself(self) -> bool:
        """Whether the kiosk itself says, aloud or in writing, what people agree to."""
        return self.voice is not None or self.screen is not None

    @property
    def outbox_file(self) -> Path:
        """The outbox, on the shared mount."""
        return Path(self.shared) / "outbox.db"

    @property
    def bundle_floor(self) -> Path:
        """The highest bundle version that the kiosk process ever took up, beside its key, where no other may write."""
        return Path(self.signing_key).parent / "bundle-version"

    @property
    def delivered_bundle(self) -> Path:
        """Where orders leave a newer recipient bundle, for both processes."""
        return Path(self.shared) / "bundle.cose"

    @property
    def signing_certificate(self) -> Path:
        """Until when the fleet vouches for the signing key; beside the key."""
        return Path(self.signing_key).with_suffix(".pem")

    @property
    def health_file(self) -> Path:
        """The kiosk's signed word about itself, on its way out."""
        return Path(self.word or self.shared) / "health.cose"


def load(path: Path) -> KioskSettings:
    """Read the kiosk's settings; file names in them are relative to the settings file. Raises SettingsError."""
    plain = read(path, KioskSettings)
    here = path.parent
    if plain.hardware.kind == "simulated" and plain.hardware.simulated is None:
        raise SettingsError(
            f"{path}: hardware.kind is 'simulated' without a table [hardware.simulated]",
            next_step="Name the photographs and the script there, or set kind to 'raspberry-pi'.",
        )
    if plain.outbox.max_bytes < fields.MAX_RECORD_BYTES:
        raise SettingsError(f"{path}: outbox.max_bytes has no room for one record")

    def at(name: str) -> str:
        return str(here / name)

    screen = plain.screen
    if screen is not None:
        screen = msgspec.structs.replace(screen, url_file=at(screen.url_file))
    simulated = plain.hardware.simulated
    if simulated is not None:
        simulated = msgspec.structs.replace(
            simulated, photographs=[at(name) for name in simulated.photographs], script=at(simulated.script)
        )
    voice = plain.voice
    return msgspec.structs.replace(
        plain,
        voice=None if voice is None else msgspec.structs.replace(voice, folder=at(voice.folder)),
        shared=at(plain.shared),
        signing_key=at(plain.signing_key),
        word=None if plain.word is None else at(plain.word),
        card=at(plain.card),
        trust=msgspec.structs.replace(plain.trust, root=at(plain.trust.root), bundle=at(plain.trust.bundle)),
        broker=msgspec.structs.replace(
            plain.broker,
            ca=at(plain.broker.ca),
            certificate=at(plain.broker.certificate),
            key=at(plain.broker.key),
        ),
        hardware=msgspec.structs.replace(plain.hardware, simulated=simulated),
        screen=screen,
    )
