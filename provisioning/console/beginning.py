"""The pages of a fleet's first hour: four steps to a fleet, and its root's paper, which must read back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from edge_agent.errors import LocalError
from edge_agent.wire.fields import Controller
from edge_agent.wire.topics import check_id
from provisioning.acts import beginning
from provisioning.acts.beginning import Beginning, Passphrases, remove_sheets
from provisioning.backup import PROVEN_WORDS, Split
from provisioning.console.call import Done, acting, go, looking
from provisioning.intentions import addresses, first_recipients, one_line
from provisioning.languages import phrase
from provisioning.recipients import named

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from edge_agent.wire.bundle import Recipient
    from provisioning.console.call import Call, Form

_ORGANISATION: Final = ("name", "organisation", "contact", "jurisdiction")
_DAYS: Final = 730


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [
        acting("/begin", _show_organisation, _take_organisation),
        acting("/begin/broker", _show_broker, _take_broker),
        acting("/begin/recipients", _show_recipients, _take_recipients),
        acting("/begin/keys", _show_keys, _begin),
        acting("/paper", _show_paper, _prove),
        looking("/paper/sheet/{number:int}", _sheet),
        acting("/paper/restore", _show_restore, _restore),
    ]


# -- Four steps --------------------------------------------------------------------------------------------------------


def _show_organisation(call: Call) -> Response:
    call.office.directory.check_free()
    return call.page("begin_organisation.html", draft={**call.console.draft, **call.typed})


def _take_organisation(call: Call, form: Form) -> Response:
    check_id(form.text("name"))
    for name in _ORGANISATION[1:]:
        one_line(form.text(name))
    call.console.draft.update({name: form.text(name) for name in _ORGANISATION})
    return go("/begin/broker")


def _show_broker(call: Call) -> Response:
    return call.page("begin_broker.html", draft={**call.console.draft, **call.typed})


def _take_broker(call: Call, form: Form) -> Response:
    call.console.draft["brokers"] = "\n".join(addresses(form.text("brokers").split()))
    return go("/begin/recipients")


def _show_recipients(call: Call) -> Response:
    draft = call.console.draft
    kept = _recipients(draft) if draft.get("caseworkers") else []
    return call.page("begin_recipients.html", kept=[named(each) for each in kept])


def _take_recipients(call: Call, form: Form) -> Response:
    draft = call.console.draft
    given = {name: form.lines(name) for name in ("caseworkers", "escrows")}
    if any(given.values()) or not draft.get("caseworkers"):
        first_recipients(given["caseworkers"], given["escrows"])
        draft.update({name: "\n".join(line.strip() for _, line in lines) for name, lines in given.items()})
    return go("/begin/keys")


def _show_keys(call: Call) -> Response:
    draft = call.console.draft
    if missing := [name for name in (*_ORGANISATION, "brokers", "caseworkers") if not draft.get(name)]:
        return go("/begin" if missing[0] in _ORGANISATION else "/begin/broker")
    return call.page(
        "begin_keys.html", draft=draft, recipients=[named(each) for each in _recipients(draft)], days=_DAYS
    )


def _begin(call: Call, form: Form) -> Response:
    draft, root = call.console.draft, _path(form, "root")
    plan = Beginning(
        fleet=draft["name"],
        controller=Controller(name=draft["organisation"], contact=draft["contact"]),
        jurisdiction=draft["jurisdiction"],
        brokers=draft["brokers"].split(),
        recipients=_recipients(draft),
        split=Split.parse(form.text("split")),
        days=_DAYS,
    )
    everyday = form.new_secret("passphrase-office", phrase("the office"))
    apart = form.new_secret("passphrase-root", phrase("the root"))
    folder = root.with_name(f"{root.name}-sheets")
    words = beginning.begin(call.office, plan, root, folder, Passphrases(everyday, apart))
    call.console.sheets[:] = words
    draft.clear()
    draft.update({"sheets": str(folder), "split": plan.split.name, "root": str(root)})
    return go("/paper")


def _recipients(draft: dict[str, str]) -> list[Recipient]:
    lines = {name: [("the form", line) for line in draft[name].splitlines()] for name in ("caseworkers", "escrows")}
    return first_recipients(lines["caseworkers"], lines["escrows"])


def _path(form: Form, name: str) -> Path:
    """Read where something on this computer is to lie. Raises LocalError."""
    path = Path(form.text(name)).expanduser()
    if not form.text(name) or not path.is_absolute():
        raise LocalError(
            phrase("{path} is no full path on this computer", path=repr(form.text(name))),
            next_step=phrase("Write it from the first / on."),
        )
    return path


# -- The paper ---------------------------------------------------------------------------------------------------------


def _show_paper(call: Call) -> Response:
    if call.office.state().backup_proven:
        return go("/")
    return call.page(
        "paper.html", sheets=len(call.console.sheets), words=PROVEN_WORDS, draft=call.console.draft, state=None
    )


def _prove(call: Call, form: Form) -> Response:
    printed, draft = call.console.sheets, call.console.draft
    if printed:
        beginning.prove_printed(
            call.office, printed, [form.text(f"sheet-{number}") for number in range(1, len(printed) + 1)]
        )
        remove_sheets(Path(draft["sheets"]), Split.parse(draft["split"]))
        printed.clear()
        lines = [
            phrase(
                "The sheets read back. Their files were overwritten and removed: the root is on paper now, "
                "and in its file {file}. Take that stick out and keep it apart.",
                file=draft["root"],
            )
        ]
    else:
        beginning.prove_backup(call.office, _sheets(form))
        lines = [
            phrase("The sheets read back: these words are this fleet's root. Remove the files with the sheets, if any.")
        ]
    draft.clear()
    return call.tell(
        Done(
            phrase("The paper reads back"),
            [*lines, phrase("Next: settings for the intake and the broker, then the first kiosk.")],
            next_pages={phrase("Set up the servers"): "/servers", phrase("Add a kiosk"): "/add"},
        )
    )


def _sheet(call: Call) -> Response:
    number, draft = int(call.path["number"]), call.console.draft
    if not 1 <= number <= len(call.console.sheets):
        raise LocalError(phrase("this sheet is not here any more"), next_step=phrase("It is on paper now."))
    name = f"root-sheet-{number}-of-{len(call.console.sheets)}.pdf"
    return Response((Path(draft["sheets"]) / name).read_bytes(), media_type="application/pdf")


def _show_restore(call: Call) -> Response:
    return call.page("paper_restore.html", state=call.office.state())


def _restore(call: Call, form: Form) -> Response:
    path = _path(form, "root")
    beginning.restore_root(call.office, _sheets(form), path, form.new_secret("passphrase", phrase("the root")))
    return call.tell(
        Done(
            phrase("The root is back"),
            [phrase("It is in {path}. Who may open reports is signed with it: keep it apart, offline.", path=path)],
        )
    )


def _sheets(form: Form) -> list[str]:
    """Give sheets out of one text, parted by empty lines. Raises LocalError when there is none."""
    found = [part for part in form.text("words").replace("\r", "").split("\n\n") if part.strip()]
    if not found:
        raise LocalError(
            phrase("there are no words yet"),
            next_step=phrase("Type all words of each sheet, an empty line in between."),
        )
    return found
