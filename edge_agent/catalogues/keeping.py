"""Keeps catalogues: takes up what has changed in English, compiles them, and names what is missing, stale or torn.

A sentence whose English was changed keeps its old translation, marked as fuzzy: it is not used until somebody has
looked at it and taken the mark away.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import re
import sys
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from edge_agent.catalogues import NEEDS_A_READER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NEVER: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # a catalogue is the same whenever it is written
_HELD: Final = re.compile(r"%\(\w+\)[sd]|\{\w+\}|<[^>]+>|`[^`]+`")  # places that are filled in, markup, commands
_MIME: Final = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def taken_up(old: Catalog, source: Catalog, code: str) -> Catalog:
    """Make a language's catalogue anew from the English one and what was translated before.

    A message is known again by its context, which names its place; one without is known by its English words.
    """
    before = {_key(message): message for message in old if message.id}
    header = f"{source.header_comment}\n# Language: {code}"
    new = Catalog(locale=code, header_comment=header, creation_date=_NEVER, revision_date=_NEVER, fuzzy=False)
    for message in source:
        if not message.id:
            continue
        known = before.get(_key(message))
        string = known.string if known else ""
        stale = known is not None and _is_said(known) and (known.id != message.id or known.fuzzy)
        flags = ["fuzzy"] if stale else []
        new.add(message.id, string, context=message.context, flags=flags, auto_comments=message.auto_comments)
    return new


def faults(code: str, catalogue: Catalog) -> Iterator[str]:
    """Name every sentence that is missing, whose English has changed since, or that lost what is filled into it."""
    for message in catalogue:
        if not message.id:
            continue
        english = _forms(message.id)[-1]
        where = f"{code}: {message.context} " if message.context else f"{code}: "
        if not _is_said(message):
            yield f"{where}is not translated: {english}"
        elif message.fuzzy:
            yield f"{where}was translated from other words than now: {english}"
        else:
            for form in _forms(message.string):
                if set(_HELD.findall(form)) != set(_HELD.findall(english)):
                    yield f"{where}holds other places, markup or commands than the English: {english}"


def as_po(catalogue: Catalog) -> bytes:
    """Write the file that people translate."""
    file = io.BytesIO()
    write_po(file, catalogue, width=118, omit_header=True)
    plural = any(message.pluralizable for message in catalogue)
    forms = f'"Plural-Forms: {catalogue.plural_forms}\\n"\n' if plural else ""
    return f"{catalogue.header_comment}\n{_MIME}{forms}\n".encode() + file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Compile what a program reads."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def keep(folder: Path, domain: str, source: Catalog, arguments: Sequence[str] | None, manual: str | None) -> int:
    """Update or check all catalogues below a folder; return the exit status."""
    parser = argparse.ArgumentParser(description=manual, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, say what is missing or stale")
    parser.add_argument("--add", metavar="CODE", help="begin a language: its BCP 47 code, such as sw")
    chosen = parser.parse_args(arguments)
    if chosen.add:
        (folder / chosen.add / "LC_MESSAGES").mkdir(parents=True)
    problems = 0
    for language in sorted(path for path in folder.iterdir() if (path / "LC_MESSAGES").is_dir()):
        po, mo = (language / "LC_MESSAGES" / f"{domain}.{kind}" for kind in ("po", "mo"))
        old = read_po(io.BytesIO(po.read_bytes()), locale=language.name) if po.exists() else Catalog()
        new = taken_up(old, source, language.name)
        said = list(faults(language.name, new))
        for path, content in {po: as_po(new), mo: as_mo(new)}.items():
            if not chosen.check:
                path.write_bytes(content)
            elif not path.exists() or path.read_bytes() != content:
                said.append(f"{language.name}: {path.name} is not what the words give: run `make words`")
        if any(message.string == NEEDS_A_READER for message in new):
            sys.stdout.write(f"note: the words in {language.name!r} ({domain}) need a native reader\n")
        sys.stderr.writelines(f"{line}\n" for line in said)
        problems += len(said)
    return 1 if problems else 0


def _key(message: Message) -> object:
    return message.context or message.id


def _forms(text: object) -> Sequence[str]:
    return [text] if isinstance(text, str) else list(text) if isinstance(text, (tuple, list)) else []


def _is_said(message: Message) -> bool:
    return all(_forms(message.string)) and bool(message.string)
