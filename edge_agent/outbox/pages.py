"""Read rows off a SQLite file whose trees can't be trusted: page by page, without SQLite.

The format is in SQLite's "Database File Format": 1.3 the header, 1.5 the freelist, 1.6 B-tree pages, 1.7 overflow
chains, 2.1 records. We know our own file: its page size, the roots of its trees, no reserved bytes, no vacuuming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

_HEADER_BYTES: Final = 100
_FREELIST_AT: Final = 32  # in the file's header: the first trunk page of the freelist
_LEAF, _INTERIOR = 0x0D, 0x05  # of a table's tree; we have no indexes
_LONGEST_VARINT: Final = 9
_LOWEST_BLOB_OR_TEXT: Final = 12
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True, slots=True)
class Row:
    """A row's columns, the row number in the first one's place, and whether it hangs in a tree."""

    values: list[Any]
    in_tree: bool


class Pages:
    """The pages of a file, given as bytes or a memory map, numbered from 1."""

    def __init__(self, data: bytes | mmap, page_bytes: int) -> None:
        self._data = data
        self._size = page_bytes
        self._count = len(data) // page_bytes

    def rows(self, roots: tuple[int, ...], longest: int) -> Iterator[Row]:
        """Give every row that still reads as one.

        First come the rows under the roots, then those of pages that no tree reaches and that are not free: they
        hung under a page that is broken now. Free pages hold what was let go, or was never committed, and are passed
        over. A row of more than `longest` bytes is not ours. Nothing here proves a row: hashes and checksums do.
        """
        reached = self._leaves_under(roots)
        passed_over = set(reached) | self._free_pages()
        orphans = (number for number in range(1, self._count + 1) if number not in passed_over)
        for number in reached:
            yield from (Row(values, in_tree=True) for values in self._rows_of(number, longest))
        for number in orphans:
            yield from (Row(values, in_tree=False) for values in self._rows_of(number, longest))

    def _page(self, number: int) -> bytes:
        """Give a page; one of zeros, which is no page of a tree, where there is none."""
        if not 1 <= number <= self._count:
            return bytes(self._size)
        return self._data[(number - 1) * self._size : number * self._size]

    def _leaves_under(self, roots: tuple[int, ...]) -> list[int]:
        leaves, seen, ahead = [], set[int](), list(roots)
        while ahead:
            number = ahead.pop()
            if number in seen:
                continue
            seen.add(number)
            page = self._page(number)
            if page[0] == _LEAF:
                leaves.append(number)
            elif page[0] == _INTERIOR:
                ahead.append(_u32(page, 8))
                ahead += [_u32(page, at) for at in self._cells(page, 12)]
        return leaves

    def _free_pages(self) -> set[int]:
        free = set[int]()
        trunk = _u32(self._page(1), _FREELIST_AT)
        while 1 < trunk <= self._count and trunk not in free:
            page = self._page(trunk)
            free.add(trunk)
            free.update(_u32(page, 8 + 4 * i) for i in range(min(_u32(page, 4), self._size // 4 - 2)))
            trunk = _u32(page, 0)
        return free

    def _cells(self, page: bytes, header: int) -> list[int]:
        """Where the cells of a tree's page begin, those that can be where they are said to be."""
        count = min(_u16(page, 3), (self._size - header) // 2)
        starts = (_u16(page, header + 2 * i) for i in range(count))
        return [at for at in starts if header <= at <= self._size - 4]

    def _rows_of(self, number: int, longest: int) -> Iterator[list[Any]]:
        page = self._page(number)
        if page[0] != _LEAF:
            return
        for at in self._cells(page, 8):
            length, start = _varint(page, at)
            rowid, start = _varint(page, start)
            if length > longest:
                continue
            payload = self._payload(page, start, length)
            values = _values(payload) if payload is not None else []
            if values:
                yield [rowid, *values[1:]]

    def _payload(self, page: bytes, start: int, length: int) -> bytes | None:
        """Put a row together from its leaf and its overflow pages (1.6: how much of it stays on the leaf)."""
        local = length
        if length > self._size - 35:
            least = (self._size - 12) * 32 // 255 - 23
            local = least + (length - least) % (self._size - 4)
            local = local if local <= self._size - 35 else least
        if start + local + (4 if local < length else 0) > self._size:
            return None
        parts = [page[start : start + local]]
        missing = length - local
        following = _u32(page, start + local) if missing else 0
        while missing:
            if not 1 < following <= self._count:
                return None
            overflow = self._page(following)
            parts.append(overflow[4 : 4 + missing])
            missing -= len(parts[-1])
            following = _u32(overflow, 0)
        return b"".join(parts)


def _values(payload: bytes) -> list[Any]:
    """Decode a row's columns (2.1); none when they don't fit the payload."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end <= len(payload):
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= _LOWEST_BLOB_OR_TEXT else _INTEGER_BYTES.get(kind, 0)
        raw = payload[at : at + size]
        at += size
        if kind >= _LOWEST_BLOB_OR_TEXT:
            values.append(raw if kind % 2 == 0 else raw.decode(errors="replace"))
        elif kind in _INTEGER_BYTES:
            values.append(int.from_bytes(raw, signed=True))
        else:
            values.append({8: 0, 9: 1}.get(kind))
    return values if at == len(payload) else []


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a big-endian base-128 number of at most nine bytes; give it and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + _LONGEST_VARINT], start=1):
        if i == _LONGEST_VARINT:
            return value << 8 | byte, at + i
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            return value, at + i
    return value, len(data)


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
