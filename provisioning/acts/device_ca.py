"""Replace the device CA, in three acts; before the last two, knock at the brokers to see whether they are ready."""

from __future__ import annotations

import datetime as dt
import socket
from typing import TYPE_CHECKING, Final

from edge_agent import authorities
from edge_agent.errors import BrokerError, LocalError
from edge_agent.mqtt import split_address
from edge_agent.wire.keys import kid
from provisioning import keyring
from provisioning.acts.rotation import keep_keys
from provisioning.broker_files import put_in_force
from provisioning.certificates import Authority, Identity, private_pem
from provisioning.decisions import device_ca
from provisioning.decisions.device_ca import Wait
from provisioning.decisions.rotation import Step, check, next_step
from provisioning.decisions.service import with_crl
from provisioning.fleet import OFFICE, FleetError, Turn
from provisioning.keyring import OfficeKey
from provisioning.languages import marked, phrase
from provisioning.office import authority_of
from provisioning.office_link import OfficeLink, tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

    from provisioning import audit
    from provisioning.fleet import State
    from provisioning.fleet_directory import Act
    from provisioning.office import Office


_LIFETIME: Final = dt.timedelta(minutes=10)
_PATIENCE_S: Final = 10.0
_OF_BROKERS: Final = {
    Step.SWITCH: marked("does not take a certificate of the new CA: do there what the last step said"),
    Step.FINISH: marked(
        "shows no certificate of the new CA: `homeward-fleet broker ... --replace`, and what the last step said"
    ),
}


def waits(office: Office, passphrase: str) -> list[Wait]:
    """Say who is not known to be ready for the next step: kiosks and intakes by their word, brokers by a knock."""
    state = office.state()
    return [*device_ca.waits(state, office.rolls.read(), office.now), *_brokers(office, state, passphrase)]


def step(office: Office, passphrase: str, behind: Sequence[str] = ()) -> State:
    """Take the next step; who is not ready has to be named in `behind`. Raises FleetError, KeyFileError."""
    state = office.state()
    late = device_ca.left(waits(office, passphrase), behind)
    if late:
        everybody = ",".join([*behind, *(wait.name for wait in late)])
        raise FleetError(
            phrase("not known to be ready: {who}", who="; ".join(f"{wait.name} {wait.why}" for wait in late)),
            next_step=phrase(
                "`homeward-fleet list --ask` asks them. Nothing was changed. To leave all of them behind: {command}",
                command=f"`homeward-fleet rotate ca --leave-behind {everybody}`",
            ),
        )
    with office.act() as act:
        check(act.state, Turn.CA, next_step(state, Turn.CA))
        keys = office.office_keys(act.state, passphrase)
        match next_step(act.state, Turn.CA):
            case Step.BEGIN:
                return _begin(office, act, keys, passphrase)
            case Step.SWITCH:
                return _rotated(office, act, device_ca.switched(act.state, office.now), keys, "switch", behind)
            case Step.FINISH:
                return _finish(office, act, keys, passphrase, behind)


def in_force(state: State) -> list[str]:
    """Start a mosquitto of this computer again with CAs and CRLs; say what became of it, if there is one."""
    if not state.broker_files:
        return []
    try:
        put_in_force(state)
    except LocalError as fault:
        return [phrase("The broker of this computer: {why}. {next_step}", why=fault.what, next_step=fault.next_step)]
    return [phrase("The broker of this computer was started again with them.")]


def _begin(office: Office, act: Act, keys: Mapping[str, bytes], passphrase: str) -> State:
    """Make a new CA. The key file comes first: it then holds what both states need, wherever this is stopped."""
    old = keyring.held(keys, act.state.in_force(Turn.CA))
    new = Authority.create(act.state.fleet, office.time)
    state = device_ca.begun(act.state, new.pem.decode(), office.now)
    pair = {
        OfficeKey.AUTHORITY: keyring.secret_of(old.private_key),
        OfficeKey.NEXT_AUTHORITY: keyring.secret_of(new.key),
    }
    both = {**keys, **{str(name): secret for name, secret in pair.items()}}
    keep_keys(office, state, both, passphrase)
    return _rotated(office, act, state, both, "begin")


def _finish(office: Office, act: Act, keys: Mapping[str, bytes], passphrase: str, behind: Sequence[str]) -> State:
    """Keep the new CA's key alone."""
    new = keyring.held(keys, act.state.in_force(Turn.CA))
    state = device_ca.finished(act.state, office.now)
    others = {name: secret for name, secret in keys.items() if name != OfficeKey.NEXT_AUTHORITY}
    alone = {**others, str(OfficeKey.AUTHORITY): keyring.secret_of(new.private_key)}
    keep_keys(office, state, alone, passphrase)
    return _rotated(office, act, state, alone, "finish", behind)


def _rotated(
    office: Office, act: Act, state: State, keys: Mapping[str, bytes], step: str, behind: Sequence[str] = ()
) -> State:
    facts: dict[str, audit.Fact] = {
        "key": str(Turn.CA),
        "step": step,
        "new": kid(state.named(Turn.CA)[-1]).hex(),
        "left behind": list(behind),
    }
    return act.commit(with_crl(state, authority_of(state, keys), office.now), "rotate", facts)


def _brokers(office: Office, state: State, passphrase: str) -> Iterable[Wait]:
    """Knock with a certificate of the new CA; before the last step, take no broker that shows one of the old."""
    ahead = next_step(state, Turn.CA)
    if ahead is Step.BEGIN:
        return
    authority = _new(state, office.office_keys(state, passphrase), alone=ahead is Step.FINISH)
    for address in state.brokers:
        try:
            if ahead is Step.SWITCH:
                with OfficeLink(authority, state.fleet, [address], office.time):
                    continue
            _greet(tls(authority.trusted, authority.client(OFFICE, office.time, _LIFETIME)), address)
        except BrokerError as fault:
            yield Wait(address, f"{phrase(_OF_BROKERS[ahead])} ({fault.what})")


def _greet(context: ssl.SSLContext, address: str) -> None:
    """Begin a connection, as far as the broker's certificate. Raises BrokerError."""
    host, port = split_address(address)
    try:
        with (
            socket.create_connection((host, port), _PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return
    except (OSError, ValueError) as fault:  # ValueError: ssl, when the peer's name does not fit
        raise BrokerError(f"{address}: {fault}", next_step=phrase("Look whether it runs.")) from fault


def _new(state: State, keys: Mapping[str, bytes], *, alone: bool) -> Authority:
    """Give the new CA as one that certifies; `alone`: as one that knows no broker of the old one."""
    certificates = state.authorities if Turn.CA in state.switched else state.authorities[::-1]
    key = keyring.held(keys, authorities.point(certificates[0])).private_key
    trusted = authorities.pem(certificates[:1] if alone else certificates)
    return Authority.load(Identity(trusted, private_pem(key)))
