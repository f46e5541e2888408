"""Long work that a page watches: it goes on while the page is left, and says how far it has come."""

from __future__ import annotations

import contextvars
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from edge_agent.errors import HomewardError, LocalError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass
class Task(Generic[T]):
    """One piece of work: what it has given so far, whether it is done, and what stopped it."""

    found: list[T] = field(default_factory=list)
    fault: HomewardError | None = None
    done: bool = False

    def run(self, steps: Callable[[], Iterable[T]]) -> None:
        """Do it, step by step."""
        try:
            for step in steps():
                self.found.append(step)
        except HomewardError as fault:
            self.fault = fault
        finally:
            self.done = True


class Work(Generic[T]):
    """All tasks since the server began."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task[T]] = {}

    def begin(self, steps: Callable[[], Iterable[T]]) -> str:
        """Begin a task beside the pages; return its id."""
        task, name = Task[T](), secrets.token_urlsafe(8)
        self._tasks[name] = task
        threading.Thread(
            target=contextvars.copy_context().run, args=(task.run, steps), daemon=True, name=f"work {name}"
        ).start()
        return name

    def task(self, name: str) -> Task[T]:
        """Give a task. Raises LocalError."""
        try:
            return self._tasks[name]
        except KeyError:
            raise LocalError(
                phrase("this work is not known: the console was started anew since"),
                next_step=phrase("Begin it again."),
            ) from None
