"""Keeps the catalogues: takes up what has changed in English, compiles them, and names what is missing.

    python -m edge_agent.session.languages               update and compile every catalogue
    python -m edge_agent.session.languages --add sw      begin another language
    python -m edge_agent.session.languages --check       change nothing; end with 1 when something is missing or stale

A sentence whose English was changed keeps its old translation, marked as fuzzy: it is not used until somebody has
looked at it and taken the mark away.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from edge_agent.session.words import ENGLISH, NEEDS_A_READER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HERE: Final = Path(__file__).parent
_HEADER: Final = "What a Homeward kiosk says. Each message's context says where; its id is the English sentence."
_NEVER: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # a catalogue is the same whenever it is written
_HINTS: Final = {
    "language.name": "This language's own name for itself.",
    "language.direction": "ltr or rtl.",
    "language.reader": f"'{NEEDS_A_READER}' until a native reader has gone through it, aloud: then who, and when.",
    "choice.stop": "Somebody leaves: nothing of them is kept.",
    "help.hold": "{choice} is one of the choices above.",
}


def taken_up(old: Catalog, code: str) -> Catalog:
    """Make a language's catalogue anew from English and what was translated before."""
    before = {message.context: message for message in old if message.id}
    header = f"# {_HEADER}\n# Language: {code}"
    new = Catalog(header_comment=header, creation_date=_NEVER, revision_date=_NEVER, fuzzy=False)
    for key, english in ENGLISH.items():
        known = before.get(key)
        string = known.string if known else ""
        stale = known is not None and bool(string) and (known.id != english or known.fuzzy)
        hint = [_HINTS[key]] if key in _HINTS else []
        new.add(english, string, context=key, flags=["fuzzy"] if stale else [], auto_comments=hint)
    return new


def faults(code: str, catalogue: Catalog) -> Iterator[str]:
    """Name every sentence that is missing, and every one whose English has changed since."""
    for message in catalogue:
        if message.id and not message.string:
            yield f"{code}: {message.context} is not translated: {message.id}"
        elif message.id and message.fuzzy:
            yield f"{code}: {message.context} was translated from other words than now: {message.id}"


def as_po(catalogue: Catalog) -> bytes:
    """Write the file that people translate."""
    file = io.BytesIO()
    write_po(file, catalogue, width=118, omit_header=True)
    return f"{catalogue.header_comment}\n{_MIME}\n".encode() + file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Compile what a kiosk reads."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


_MIME: Final = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Update or check all catalogues; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edge_agent.session.languages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, say what is missing or stale")
    parser.add_argument("--add", metavar="CODE", help="begin a language: its BCP 47 code, such as sw")
    chosen = parser.parse_args(arguments)
    if chosen.add:
        (_HERE / chosen.add / "LC_MESSAGES").mkdir(parents=True)
    problems = 0
    for folder in sorted(path for path in _HERE.iterdir() if (path / "LC_MESSAGES").is_dir()):
        po, mo = (folder / "LC_MESSAGES" / f"homeward.{kind}" for kind in ("po", "mo"))
        old = read_po(io.BytesIO(po.read_bytes())) if po.exists() else Catalog()
        new = taken_up(old, folder.name)
        written = {po: as_po(new), mo: as_mo(new)}
        said = list(faults(folder.name, new))
        for path, content in written.items():
            if not chosen.check:
                path.write_bytes(content)
            elif not path.exists() or path.read_bytes() != content:
                said.append(f"{folder.name}: {path.name} is not what the words give: run `make words`")
        reader = next((str(message.string) for message in new if message.context == "language.reader"), "")
        if reader == NEEDS_A_READER:
            sys.stdout.write(f"note: the words in {folder.name!r} need a native reader\n")
        sys.stderr.writelines(f"{line}\n" for line in said)
        problems += len(said)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
