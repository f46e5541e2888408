"""Stop whatever runs at its n-th touch of the disk: by Ctrl-C, by a full or a read-only disk, by a power cut."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_armed = threading.local()


class Cut:
    """Counts down to the touch at which `strike` is called."""

    def __init__(self, number, strike):
        self.left, self.strike, self.struck = number, strike, False

    def touch(self):
        self.left -= 1
        if self.left == 0:
            self.struck = True
            self.strike()


def _hook(event, arguments):
    cut = getattr(_armed, "cut", None)
    if cut is None:
        return
    if event in {"os.rename", "os.remove", "os.link", "os.mkdir"} or _opens_to_write(event, arguments):
        cut.touch()


def _opens_to_write(event, arguments):
    return event == "open" and not isinstance(arguments[0], int) and arguments[2] & _WRITES


sys.addaudithook(_hook)


@contextlib.contextmanager
def armed(number, strike):
    """Arm one cut while the block runs, in this thread alone."""
    _armed.cut = Cut(number, strike)
    try:
        yield _armed.cut
    finally:
        _armed.cut = None


def raising(fault):
    def strike():
        raise fault

    return strike


def every_cut(act, strike, before=lambda: None):
    """Run `act` with a cut at its first touch, at its second, and so on until it ends before the cut.

    `before` goes before each run, uncut. Yield after each the number and what came of it: an exception, or None when it
    did as if nothing were.
    """
    for number in itertools.count(1):
        met = None
        before()
        with armed(number, strike) as cut:
            try:
                act()
            except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 - whatever it is, the test judges it
                met = fault
        if not cut.struck:
            assert met is None, met
            return
        yield number, met


def killed_at(number, act):
    """Run `act` in a process of its own that dies at its n-th touch; say whether it died."""
    child = os.fork()
    if child == 0:
        with armed(number, lambda: os._exit(9)):
            act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
