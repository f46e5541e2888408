"""Sealed records on disk, from the moment a person has finished until the intake's signed receipt.

The kiosk appends and the courier reads, marks and lets go: two processes, two users of one group, one file that grows
by frames that prove themselves. Nothing here can delete a record that has no receipt, but for the one whose person
takes it back. `docs/decisions/0003-outbox.md` says why it is built this way.

    outbox.db                the frames: records, and what became of them
    outbox.lock              keeps others out meanwhile; holds the mark of how far the file is sure
    outbox.new               a file that is being written; worth nothing until it is renamed
    outbox.damaged-<n>       a damaged file, set aside; never deleted by us
"""

from edge_agent.outbox.records import Backlog, Entry, Fate, Limits, Link, Room, Salvage, Settlement, Span, State
from edge_agent.outbox.spool import Outbox

__all__ = [
    "Backlog",
    "Entry",
    "Fate",
    "Limits",
    "Link",
    "Outbox",
    "Room",
    "Salvage",
    "Settlement",
    "Span",
    "State",
]
