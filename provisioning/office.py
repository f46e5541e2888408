"""What staff do with a fleet, whichever screen they do it from: each method is one act, whole or not at all.

An act asks for keys only when it needs them, records itself in the audit log, and returns what the screen should say.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from edge_agent.errors import LocalError, MalformedError
from edge_agent.files import OWNER_ONLY, read_private, write_whole
from edge_agent.wire import bundle, enrolment, orders, registry, roll
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import POINT_BYTES, RecipientPublicKey, SoftwareSigner, kid
from edge_agent.wire.roll import What
from edge_agent.wire.topics import Address, Channel, Desk, desk
from provisioning import audit, backup, card, fleet, handout, keyring, printing, rotation
from provisioning.certificates import (
    DEVICE_LIFETIME,
    Authority,
    Identity,
    certificate_der,
    private_pem,
    requested_key,
)
from provisioning.enrolment import Applicant, judge, no
from provisioning.fleet import Certificate, Claim, Enrolled, FleetError, State, Turn
from provisioning.fleet_view import RollFile
from provisioning.handout import File, text
from provisioning.keyring import OfficeKey, Purpose
from provisioning.office_link import Letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

    from edge_agent.wire.consent import Controller
    from edge_agent.wire.orders import Mode
    from provisioning.backup import Split
    from provisioning.fleet import Plan
    from provisioning.fleet_directory import Act, FleetDirectory
    from provisioning.handout import Files
    from provisioning.mosquitto import Broker

SERVER_LIFETIME: Final = dt.timedelta(days=365)
_CLAIM_LIFETIME: Final = dt.timedelta(days=fleet.CLAIM_DAYS)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What staff decide about a new fleet. `days` is the life of a recipient bundle."""

    fleet: str
    controller: Controller
    jurisdiction: str
    brokers: list[str]
    recipients: list[Recipient]
    split: Split
    days: int


@dataclass(frozen=True, slots=True)
class Keys:
    """The office's keys, opened."""

    authority: Authority
    receipts: SoftwareSigner
    orders: SoftwareSigner
    claims: bytes


@dataclass(frozen=True, slots=True)
class Output:
    """Where a server's folder goes, whether over what is there, or not at all this time."""

    folder: Path
    over: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Office:
    """One fleet's directory, who works on it, and what time it is (seconds since 1970)."""

    directory: FleetDirectory
    who: str
    now: int
    clock_is_right: bool = False
    clock: Callable[[], int] | None = None  # what `now` was read from, for an office that goes on for a while

    def later(self) -> Office:
        """Give this office as it is now."""
        return self if self.clock is None else dataclasses.replace(self, now=self.clock())

    @property
    def time(self) -> dt.datetime:
        """The time as certificates want it."""
        return dt.datetime.fromtimestamp(self.now, dt.UTC)

    @property
    def rolls(self) -> RollFile:
        """Where the fleet's view is kept."""
        return RollFile(self.directory.path / "roll.json")

    def state(self) -> State:
        """Give the fleet as it stands."""
        return self.directory.look()

    def keys(self, passphrase: str) -> Keys:
        """Open the office's keys. Raises KeyFileError."""
        state = self.state()
        found = self._office_keys(state, passphrase)
        authority = keyring.signer(found[OfficeKey.AUTHORITY])
        receipts, orders = (keyring.held(found, state.in_force(turn)) for turn in (Turn.RECEIPTS, Turn.ORDERS))
        identity = Identity(state.authority.encode(), private_pem(authority.private_key))
        return Keys(Authority.load(identity), receipts, orders, found[OfficeKey.CLAIMS])

    def _office_keys(self, state: State, passphrase: str) -> dict[str, bytes]:
        return keyring.unprotect(self.directory.office_keys(), state.fleet, Purpose.OFFICE, passphrase)

    # -- Beginning -----------------------------------------------------------------------------------------------------

    def begin(self, plan: Beginning, root_file: Path, sheets: Path, *, office: str, root: str) -> list[str]:
        """Make a fleet: the root into `root_file`, its paper into the folder `sheets`; return the sheets' words.

        `office` and `root` are the two passphrases. When it fails or is stopped, nothing of it stays.
        """
        fleet.check_clock(self.now, None)
        self.directory.check_free()
        handout.check_place(sheets, replace=False)
        if office == root:
            raise LocalError(
                "the root's passphrase is the office's too", next_step="Take another: they guard different things."
            )
        signer, authority = SoftwareSigner.generate(), Authority.create(plan.fleet, self.time)
        receipts, orders = SoftwareSigner.generate(), SoftwareSigner.generate()
        state = self._first_state(plan, signer, authority, receipts, orders)
        office_keys = {
            OfficeKey.AUTHORITY: keyring.secret_of(authority.key),
            OfficeKey.RECEIPTS: keyring.secret_of(receipts.private_key),
            OfficeKey.ORDERS: keyring.secret_of(orders.private_key),
            OfficeKey.CLAIMS: keyring.new_secret(),
        }
        secret = keyring.secret_of(signer.private_key)
        words = backup.sheets(secret, plan.split)
        protected = keyring.protect(office_keys, plan.fleet, Purpose.OFFICE, office)
        protected_root = keyring.protect({Purpose.ROOT: secret}, plan.fleet, Purpose.ROOT, root)
        with contextlib.ExitStack() as undo:
            undo.callback(_remove_if, root_file, protected_root)
            self._write_root(root_file, protected_root)
            undo.callback(remove_sheets, sheets, plan.split)
            handout.write_folder(sheets, _printed(plan.fleet, words, plan.split, signer.public_key))
            self.directory.create(state, protected)
            undo.pop_all()
        return words

    def _first_state(
        self,
        plan: Beginning,
        root: SoftwareSigner,
        authority: Authority,
        receipts: SoftwareSigner,
        orders: SoftwareSigner,
    ) -> State:
        content = fleet.first_bundle(
            plan.fleet,
            plan.controller,
            plan.jurisdiction,
            plan.recipients,
            receipts=receipts.public_key,
            orders=orders.public_key,
            now=self.now,
            days=plan.days,
        )
        nobody = registry.RegistryContent(fleet=plan.fleet, version=1, issued_at=self.now, keys=[])
        facts: dict[str, audit.Fact] = {
            "fleet": plan.fleet,
            "root": kid(root.public_key).hex(),
            "paper": plan.split.name,
            "recipients": [named(recipient) for recipient in plan.recipients],
        }
        return State(
            fleet=plan.fleet,
            root=root.public_key.hex(),
            authority=authority.pem.decode(),
            crl=authority.revoke({}, self.time).decode(),
            brokers=plan.brokers,
            bundle=bundle.sign(content, root),
            registry=registry.sign(nobody, orders),
            last_act=audit.following(None, at=self.now, who=self.who, act="begin", facts=facts),
        )

    def _write_root(self, path: Path, content: bytes) -> None:
        if path.exists():
            raise LocalError(f"{path} is there already", next_step="A root is never written over: name another place.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise handout.unwritable(path, fault) from fault
        write_whole(path, content, replace=True)  # by rename: a USB stick's file system knows no hard links

    def root(self, path: Path, passphrase: str) -> SoftwareSigner:
        """Open the root's file. Raises KeyFileError, FleetError for another fleet's."""
        state = self.state()
        found = keyring.unprotect(read_private(path), state.fleet, Purpose.ROOT, passphrase)
        return self._own_root(state, found[Purpose.ROOT])

    def _own_root(self, state: State, secret: bytes) -> SoftwareSigner:
        signer = keyring.signer(secret)
        if signer.public_key.hex() != state.root:
            raise FleetError(
                "this is another fleet's root", next_step="Take this fleet's sheets, or this fleet's file."
            )
        return signer

    def prove_backup(self, read: Sequence[str]) -> None:
        """Note that the root's sheets read back: enough of them, all words. Raises KeyFileError, FleetError."""
        with self._act(proven=False) as act:
            self._own_root(act.state, backup.combine(read))
            self._proven(act)

    def prove_printed(self, words: Sequence[str], typed: Sequence[str]) -> None:
        """Note that somebody read the last words of each sheet that was just printed. Raises FleetError."""
        for number, (whole, last) in enumerate(zip(words, typed, strict=True), 1):
            if backup.normal(last).split() != whole.split()[-backup.PROVEN_WORDS :]:
                raise FleetError(f"these are not the last words of sheet {number}", next_step="Read them again.")
        with self._act(proven=False) as act:
            self._proven(act)

    def _proven(self, act: Act) -> None:
        act.commit(replace(act.state, backup_proven=True), "backup-proven", {})

    def restore_root(self, read: Sequence[str], path: Path, passphrase: str) -> None:
        """Write the root's file anew from its sheets, under a new passphrase. Raises KeyFileError, FleetError."""
        with self._act(proven=False) as act:
            secret = keyring.secret_of(self._own_root(act.state, backup.combine(read)).private_key)
            self._write_root(path, keyring.protect({Purpose.ROOT: secret}, act.state.fleet, Purpose.ROOT, passphrase))
            act.commit(act.state, "root-restored", {"sheets": len(read)})

    # -- Recipients ----------------------------------------------------------------------------------------------------

    def set_recipients(self, recipients: Sequence[Recipient], root: SoftwareSigner, days: int) -> int:
        """Sign the next bundle with these recipients; return its version."""
        with self._act() as act:
            before = act.state.trusted.content.recipients
            state = fleet.with_recipients(act.state, recipients, root, now=self.now, days=days)
            version = state.trusted.content.version
            facts: dict[str, audit.Fact] = {
                "bundle": version,
                "added": [named(r) for r in recipients if r not in before],
                "removed": [named(r) for r in before if r not in recipients],
            }
            act.commit(state, "recipients", facts)
            return version

    # -- Replacing a key -----------------------------------------------------------------------------------------------

    def begin_rotation(self, turn: Turn, passphrase: str, root: SoftwareSigner) -> State:
        """Make a new key and name it beside the old one, which still signs. Raises FleetError, KeyFileError.

        The key file comes first: it then holds what both states need, wherever this is stopped.
        """
        with self._act() as act:
            found = self._office_keys(act.state, passphrase)
            old, new = keyring.held(found, act.state.in_force(turn)), SoftwareSigner.generate()
            state = rotation.begun(act.state, turn, new.public_key, root, now=self.now)
            self._keep_keys(state, {**found, **_pair(turn, old, new)}, passphrase)
            return self._rotated(act, state, turn, new, "begin")

    def switch_rotation(self, turn: Turn, passphrase: str, out: Path | None = None) -> State:
        """Let the new key sign; the new receipt key goes into the new folder `out`, for the intakes."""
        with self._act() as act:
            found = self._office_keys(act.state, passphrase)
            new = keyring.held(found, act.state.named(turn)[-1])
            state = rotation.switched(act.state, turn, new, now=self.now)
            if turn is Turn.ORDERS:
                return self._rotated(act, state, turn, new, "switch")
            if out is None:
                raise LocalError("the intakes need the new receipt key", next_step="Name a new folder for it: --out.")
            with _placed(out, {"receipt.key": File(private_pem(new.private_key), OWNER_ONLY), **handout.trust(state)}):
                return self._rotated(act, state, turn, new, "switch")

    def finish_rotation(self, turn: Turn, passphrase: str, root: SoftwareSigner) -> State:
        """Name the new key alone, and keep the old one no longer. Raises FleetError, KeyFileError."""
        with self._act() as act:
            found = self._office_keys(act.state, passphrase)
            new = keyring.held(found, act.state.in_force(turn))
            state = rotation.finished(act.state, turn, root, now=self.now)
            (kept, _), (spare, _) = _pair(turn, new, new).items()
            others = {name: secret for name, secret in found.items() if name != spare}
            self._keep_keys(state, {**others, kept: keyring.secret_of(new.private_key)}, passphrase)
            return self._rotated(act, state, turn, new, "finish")

    def _keep_keys(self, state: State, keys: Mapping[str, bytes], passphrase: str) -> None:
        self.directory.put_office_keys(keyring.protect(keys, state.fleet, Purpose.OFFICE, passphrase))

    def _rotated(self, act: Act, state: State, turn: Turn, new: SoftwareSigner, step: str) -> State:
        facts: dict[str, audit.Fact] = {
            "key": str(turn),
            "step": step,
            "new": kid(new.public_key).hex(),
            "bundle": state.trusted.content.version,
            "registry": state.registered.version,
        }
        return act.commit(state, "rotate", facts)

    # -- Kiosks --------------------------------------------------------------------------------------------------------

    def add(self, plan: Plan, keys: Keys, out: Path, label: Path, *, successor_of: str = "") -> Claim:
        """Add a kiosk: its card bundle (a folder, or a zip by its name) and the label to print. Return its claim."""
        with self._act() as act:
            fleet.check_new(act.state, plan)
            claim, files = self._card(act.state, plan, keys)
            with _placed(out, files), _placed(label, self._label(act.state, plan)):
                state = fleet.with_kiosk(act.state, plan, claim, now=self.now, successor_of=successor_of)
                facts: dict[str, audit.Fact] = {"kiosk": plan.id, "claim": claim.id, "site": plan.site.name}
                act.commit(state, "add", facts | ({"successor of": successor_of} if successor_of else {}))
        return claim

    def label(self, kiosk: str) -> bytes:
        """Print a kiosk's label again (PDF)."""
        state = self.state()
        return self._label(state, state.kiosk(kiosk).plan)

    def add_many(self, plans: Sequence[Plan], keys: Keys, out: Path) -> list[Claim]:
        """Add kiosks in one act: their cards as folders in the new folder `out`, each with its label beside it."""
        with self._act() as act:
            state, claims = act.state, list[Claim]()
            files: Files = {}
            for plan in plans:
                claim, cards = self._card(state, plan, keys)
                state = fleet.with_kiosk(state, plan, claim, now=self.now)
                claims.append(claim)
                files |= {f"{plan.id}/{name}": file for name, file in cards.items()}
                files[f"{plan.id}-label.pdf"] = File(self._label(state, plan))
            with _placed(out, files):
                act.commit(
                    state, "add-many", {"kiosks": [plan.id for plan in plans], "claims": [claim.id for claim in claims]}
                )
        return claims

    def new_card(self, kiosk: str, keys: Keys, out: Path) -> Claim:
        """Make another card for a kiosk that never was in service; the earlier card is worth nothing any more."""
        with self._act() as act:
            plan = fleet.check_waiting(act.state, kiosk).plan
            claim, files = self._card(act.state, plan, keys)
            with _placed(out, files):
                state = fleet.with_claim(act.state, kiosk, claim)
                act.commit(self._listing(state, keys), "card", {"kiosk": kiosk, "claim": claim.id})
        return claim

    def consider(self, name: str, raw: bytes, keys: Keys) -> Applicant:
        """Look at a request to enrol that came from the holder of the certificate `name`. Raises RefusedError."""
        return judge(self.state(), name, raw, lambda claim: card.claim_secret(keys.claims, claim), self.now)

    def approve(self, applicants: Sequence[Applicant], keys: Keys) -> list[bytes]:
        """Enrol kiosks whose six words were compared, or renew those in service, all in one act; return the answers.

        Raises RefusedError, FleetError: then none is enrolled.
        """
        with self._act() as act:
            for applicant in applicants:  # the fleet may have changed since somebody looked
                judge(act.state, applicant.name, applicant.raw, lambda c: card.claim_secret(keys.claims, c), self.now)
            made = [self._certify(applicant, keys) for applicant in applicants]
            state = fleet.with_all_enrolled(act.state, [one for one, _, _ in made], keys.orders, now=self.now)
            facts: dict[str, audit.Fact] = {
                "kiosks": [one.kiosk for one, _, _ in made],
                "keys": [kid(one.key).hex() for one, _, _ in made],
                "words": [applicant.words for applicant in applicants if not applicant.renewal],
                "registry": state.registered.version,
            }
            renewal = all(applicant.renewal or applicant.again for applicant in applicants)
            state = act.commit(self._listing(state, keys), "renew" if renewal else "enrol", facts)
            return [
                self._yes(state, applicant, signing, tls, keys)
                for applicant, (_, signing, tls) in zip(applicants, made, strict=True)
            ]

    def refuse(self, applicant: Applicant, keys: Keys) -> bytes:
        """Refuse a request whose words are not the kiosk's; return the answer. The card stays good."""
        with self._act() as act:
            facts: dict[str, audit.Fact] = {"kiosk": applicant.kiosk, "words": applicant.words}
            act.commit(act.state, "refuse", facts)
        return self.turn_away(applicant.name, applicant.raw, "refused-by-staff", keys)

    def turn_away(self, name: str, raw: bytes, reason: str, keys: Keys) -> bytes:
        """Give the answer to a request that can't be granted; `reason` is a code. Changes nothing."""
        fleet.check_signs(self.state(), keys.orders)
        return enrolment.sign_reply(no(self.state(), name, raw, reason, self.now), keys.orders)

    def _certify(self, applicant: Applicant, keys: Keys) -> tuple[Enrolled, bytes, bytes]:
        """Make both certificates of an applicant: what the fleet keeps of it, and the two in DER."""
        signing = keys.authority.certify_signing(applicant.kiosk, applicant.signing, self.time)
        tls = keys.authority.certify(applicant.kiosk, applicant.tls, self.time, DEVICE_LIFETIME)
        enrolled = Enrolled(
            applicant.kiosk,
            _point(applicant.signing),
            _certificate(tls),
            _certificate(signing),
            "" if applicant.renewal else applicant.sha256.hex(),
            applicant.renewal,
        )
        return enrolled, certificate_der(signing), certificate_der(tls)

    def _yes(self, state: State, applicant: Applicant, signing: bytes, tls: bytes, keys: Keys) -> bytes:
        reply = enrolment.Reply(
            fleet=state.fleet,
            kiosk=applicant.kiosk,
            request=applicant.sha256,
            at=self.now,
            bundle=state.bundle,
            signing=signing,
            tls=tls,
        )
        return enrolment.sign_reply(reply, keys.orders)

    def order(
        self,
        kiosks: Sequence[str],
        keys: Keys,
        *,
        mode: Mode | None = None,
        changes: Mapping[str, str | float | None] | None = None,
    ) -> list[Letter]:
        """Order kiosks otherwise; return the signed orders to send. Raises FleetError; then nothing was ordered."""
        with self._act() as act:
            state = fleet.with_orders(act.state, kiosks, now=self.now, mode=mode, changes=changes)
            facts: dict[str, audit.Fact] = {
                "kiosks": list(kiosks),
                "mode": str(mode or "as before"),
                "settings": [f"{name} = {value}" for name, value in (changes or {}).items()],
            }
            return self.orders(act.commit(state, "order", facts), kiosks, keys)

    def orders(self, state: State, kiosks: Sequence[str], keys: Keys) -> list[Letter]:
        """Sign the orders that stand for these kiosks, those that have any, as they are sent. Raises FleetError."""
        fleet.check_signs(state, keys.orders)
        chosen = set(kiosks)
        standing = [fleet.orders_for(state, known) for known in state.kiosks if known.plan.id in chosen]
        return [
            Letter(Address(state.fleet, one.kiosk).topic(Channel.ORDERS), orders.sign(one, keys.orders))
            for one in standing
            if one is not None
        ]

    def trust_letters(self, state: State) -> list[Letter]:
        """Give the bundle and the registry in force as they are sent to the intakes."""
        parts = roll.split(What.BUNDLE, state.trusted.content.version, state.bundle)
        parts += roll.split(What.REGISTRY, state.registered.version, state.registry)
        return [Letter(desk(state.fleet, Desk.TRUST), part) for part in parts]

    def replace(self, kiosk: str, successor: str, keys: Keys, out: Path, label: Path) -> Claim:
        """Add a kiosk in a revoked one's place: the same site, languages and hardware under a new id."""
        known = self.state().kiosk(kiosk)
        if known.revoked_at is None:
            raise FleetError(
                f"kiosk {kiosk} is not revoked", next_step=f"First: `homeward-fleet revoke {kiosk}`, then again."
            )
        return self.add(replace(known.plan, id=successor), keys, out, label, successor_of=kiosk)

    def certify(self, kiosk: str, signing: bytes, tls: bytes, keys: Keys, out: Path) -> None:
        """Take a kiosk into service by hand: its two signing requests (PEM) against its TLS certificate in `out`.

        With the same requests again, its certificate is renewed.
        """
        signing_key, tls_key = requested_key(signing), requested_key(tls)
        if signing_key == tls_key:
            raise FleetError(
                "both requests are of one key", next_step="The kiosk makes two: one to sign with, one for TLS."
            )
        with self._act() as act:
            pem = keys.authority.certify(kiosk, tls_key, self.time)
            point = _point(signing_key)
            enrolled = Enrolled(kiosk, point, _certificate(pem))
            state = fleet.with_enrolled(act.state, enrolled, keys.orders, now=self.now)
            with _placed(out, {"tls.pem": File(pem), **handout.trust(act.state)}):
                facts: dict[str, audit.Fact] = {
                    "kiosk": kiosk,
                    "key": kid(point).hex(),
                    "registry": state.registered.version,
                }
                act.commit(self._listing(state, keys), "enrol", facts)

    def revoke(self, kiosk: str, keys: Keys) -> State:
        """Take a kiosk out of service, for good; return the state, whose `to-copy` is then written."""
        with self._act() as act:
            state = fleet.with_revoked(act.state, kiosk, keys.orders, now=self.now)
            facts: dict[str, audit.Fact] = {"kiosk": kiosk, "registry": state.registered.version}
            return act.commit(self._listing(state, keys), "revoke", facts)

    # -- Servers -------------------------------------------------------------------------------------------------------

    def intake(self, name: str, keys: Keys, out: Output, *, cluster: bool = False) -> list[str]:
        """Write all that an intake needs, the receipt key included; return the files' names.

        In a RabbitMQ `cluster` intakes share a queue; otherwise the one intake has an MQTT session.
        """
        with self._act() as act:
            state = fleet.with_intake(act.state, name)
            identity = keys.authority.client(name, self.time, SERVER_LIFETIME)
            files = handout.for_intake(state, identity, private_pem(keys.receipts.private_key), cluster=cluster)
            return self._hand_out(act, state, files, out, {"intake": name})

    def mosquitto(self, keys: Keys, hosts: list[str], listener: Broker, out: Output) -> list[str]:
        """Write all that one mosquitto needs, whose certificate names `hosts`; return the files' names."""
        with self._act() as act:
            server = keys.authority.server(hosts, self.time, SERVER_LIFETIME)
            files = handout.for_mosquitto(act.state, server, listener)
            here = str(listener.directory) if listener.directory == out.folder.absolute() else ""
            state = replace(act.state, broker_files=here)
            return self._hand_out(act, state, files, out, {"broker": "mosquitto", "hosts": hosts})

    def rabbitmq(
        self, keys: Keys, hosts: list[str], nodes: list[str], installed_at: Path, port: int, out: Output
    ) -> list[str]:
        """Write all that each node of a RabbitMQ cluster needs; return the files' names."""
        with self._act() as act:
            server = keys.authority.server(hosts, self.time, SERVER_LIFETIME)
            files = handout.for_rabbitmq(act.state, server, nodes, installed_at, port)
            return self._hand_out(act, act.state, files, out, {"broker": "rabbitmq", "nodes": nodes})

    def _hand_out(self, act: Act, state: State, files: Files, out: Output, facts: dict[str, audit.Fact]) -> list[str]:
        handout.check_place(out.folder, replace=out.over)
        if not out.dry_run:
            if out.over:
                handout.write_folder(out.folder, files, replace=True)
                act.commit(state, "handed-out", facts)
            else:
                with _placed(out.folder, files):
                    act.commit(state, "handed-out", facts)
        return sorted(files)

    # -- Parts ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _act(self, *, proven: bool = True) -> Iterator[Act]:
        with self.directory.act(self.who, self.now, believed=self.clock_is_right) as act:
            if proven:
                fleet.check_proven(act.state)
            yield act

    def _card(self, state: State, plan: Plan, keys: Keys) -> tuple[Claim, Files]:
        fleet.check_alive(state, self.now)
        claim_id = card.new_claim_id()
        identity = keys.authority.client(claim_id, self.time, _CLAIM_LIFETIME)
        claim = Claim(id=claim_id, certificate=_certificate(identity.certificate))
        secret = card.claim_secret(keys.claims, claim_id)
        return claim, card.files(state, plan, claim, identity, secret)

    def _label(self, state: State, plan: Plan) -> bytes:
        return printing.label(state.fleet, plan.id, state.trusted.content.controller.contact)

    def _listing(self, state: State, keys: Keys) -> State:
        """Renew the CRL."""
        return replace(
            state, crl=keys.authority.revoke(fleet.revoked_certificates(state, self.now), self.time).decode()
        )


def _pair(turn: Turn, old: SoftwareSigner, new: SoftwareSigner) -> dict[str, bytes]:
    """Give two overlapping keys by their names in the office's file."""
    names = (
        (OfficeKey.RECEIPTS, OfficeKey.NEXT_RECEIPTS)
        if turn is Turn.RECEIPTS
        else (OfficeKey.ORDERS, OfficeKey.NEXT_ORDERS)
    )
    return {str(name): keyring.secret_of(one.private_key) for name, one in zip(names, (old, new), strict=True)}


def recipient(line: str, holder: Holder) -> Recipient:
    """Read a recipient out of a `.pub` file's line, as `homeward-desk key` writes it. Raises LocalError."""
    raw, _, name = line.strip().partition(" ")
    opens, _, withdraws = raw.partition(":")
    try:
        key = RecipientPublicKey(bytes.fromhex(opens))
        key.hpke()
        # The escrow's key lies in a safe: nobody telephones there.
        signs = bytes.fromhex(withdraws) if withdraws and holder is not Holder.ESCROW else None
        return _checked(Recipient(name=name.strip(), holder=holder, key=key.raw, withdrawal_key=signs))
    except (ValueError, MalformedError) as fault:
        raise LocalError(
            f"this is no recipient's public key: {fault}", next_step="Give the .pub file that `homeward-desk key` made."
        ) from fault


def _checked(made: Recipient) -> Recipient:
    if not 1 <= len(made.name) <= 200 or not made.name.isprintable():  # noqa: PLR2004 - the bundle's own bounds
        raise ValueError("it has no name that can be printed")
    if made.withdrawal_key is not None and len(made.withdrawal_key) != POINT_BYTES:
        raise ValueError("its second key, for withdrawals, has another length than it must have")
    return made


def named(who: Recipient) -> str:
    """Name a recipient for people: name, holder, fingerprint."""
    return f"{who.name} ({who.holder}, {kid(who.key).hex()})"


def remove_sheets(folder: Path, split: Split) -> None:
    """Overwrite and remove printed sheets. On a card or an SSD what was there may survive underneath."""
    for name in _sheet_names(split):
        path = folder / name
        with contextlib.suppress(OSError):
            path.write_bytes(b"\0" * path.stat().st_size)
            path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sheet_names(split: Split) -> list[str]:
    stems = [f"root-sheet-{number}-of-{split.sheets}" for number in range(1, split.sheets + 1)]
    return [f"{stem}.{kind}" for stem in stems for kind in ("pdf", "txt")]


def _printed(name: str, words: Sequence[str], split: Split, root: bytes) -> Files:
    files: Files = {}
    for number, sheet in enumerate(words, 1):
        stem = f"root-sheet-{number}-of-{split.sheets}"
        page = printing.sheet(name, sheet, number, split, kid(root).hex())
        files[f"{stem}.pdf"] = File(page, OWNER_ONLY)
        files[f"{stem}.txt"] = text("\n".join(backup.grouped(sheet)) + "\n", OWNER_ONLY)
    return files


@contextlib.contextmanager
def _placed(out: Path, content: Files | bytes) -> Iterator[None]:
    """Write beside `out` first, so that a full or read-only disk is known before the act; name it after the act."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir()) and not isinstance(content, bytes)):
        raise LocalError(f"{out} is there already", next_step="Name another place; nothing is written over.")
    with handout.staged(out) as beside:
        if out.suffix == ".zip" and not isinstance(content, bytes):
            content = card.zipped(content)
        if isinstance(content, bytes):
            write_whole(beside / out.name, content, replace=True)
            yield
            handout.settle(beside / out.name, out)
        else:
            handout.write_files(beside, content, replace=True)
            yield
            handout.settle(beside, out)


def _certificate(pem: bytes) -> Certificate:
    made = x509.load_pem_x509_certificate(pem)
    return Certificate(serial=f"{made.serial_number:x}", not_after=int(made.not_valid_after_utc.timestamp()))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _remove_if(path: Path, content: bytes) -> None:
    """Remove a file, if it is the one that we wrote."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            path.unlink()
