from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from central.desk import keyfile
from provisioning import keyring

if TYPE_CHECKING:
    from collections.abc import Iterator


SLOW = [Path(__file__).parent / name for name in ("system", "browser", "container")]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow files, in random order like all: one that came last would keep a single process busy."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in SLOW))


class OnceScrypt:
    """Scrypt at its full cost, paid once: the same passphrase, salt and cost give the same key every time."""

    def __init__(self, *, salt: bytes, length: int, n: int, r: int, p: int) -> None:
        self._work = functools.partial(_stretched, salt, length, n, r, p)

    def derive(self, passphrase: bytes) -> bytes:
        return self._work(passphrase)


@functools.cache
def _stretched(salt: bytes, length: int, n: int, r: int, p: int, passphrase: bytes) -> bytes:
    return Scrypt(salt=salt, length=length, n=n, r=r, p=p).derive(passphrase)


@pytest.fixture(scope="session", autouse=True)
def _a_key_file_is_opened_at_its_full_cost_only_once() -> Iterator[None]:
    """Most tests begin with a copy of one fleet; half a second to open each again would be minutes in all."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (keyfile, keyring):
            patch.setattr(module, "Scrypt", OnceScrypt)
        yield
