"""Before people come: `homeward-kiosk check` tries everything that a run needs, `voices` records what it says.

Each problem is explained, with what to do about it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import reporting
from edge_agent.errors import HomewardError, SettingsError, UninformedError, VoiceError
from edge_agent.files import read_signer
from edge_agent.hardware.parts import open_parts
from edge_agent.orders import StandingOrders
from edge_agent.outbox import Limits, Outbox
from edge_agent.recordings import Recordings
from edge_agent.session import speech
from edge_agent.trust import TrustFile
from edge_agent.vision import finder, manifest, runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent import config
    from edge_agent.config import KioskSettings
    from edge_agent.hardware.parts import Parts
    from edge_agent.session.notice import Notice

_MOST_NAMED: Final = 8  # of the sentences that can't be heard: mostly they lack for one reason


def check(settings: KioskSettings) -> int:
    """Try every part as a run would, the camera's shutter excepted; say what is well and what is not."""
    parts: list[Parts] = []

    def camera() -> None:
        parts[0].open_camera().close()

    attempts: dict[str, Callable[[], object]] = {
        "signing key": lambda: read_signer(Path(settings.signing_key)),
        "recipient bundle": lambda: TrustFile(settings.trust).current(),
        "what people are told": lambda: check_informs(settings),
        "words": lambda: _check_words(settings),
        "models": lambda: _check_models(settings),
        "outbox": lambda: Outbox.open(settings.outbox_file, Limits(**msgspec.structs.asdict(settings.outbox))).close(),
        "button and lights": lambda: parts.append(open_parts(settings)),
        "voice": lambda: _check_voice(settings, parts),
        "camera": camera,
    }
    if (screen := settings.screen) is not None:
        attempts["screen"] = lambda: _check_screen(screen)
    problems = 0
    for name, attempt in attempts.items():
        if name == "camera" and not parts:
            continue
        try:
            attempt()
        except HomewardError as fault:
            problems += 1
            sys.stdout.write(f"BAD   {name}: {fault.explain()}\n")
        else:
            sys.stdout.write(f"ok    {name}\n")
    return 1 if problems else 0


def voices(settings: KioskSettings) -> int:
    """Record what this kiosk says, as far as nobody has; say what a person must do."""
    if settings.voice is None:
        raise SettingsError("This kiosk has no voice.", next_step="Add [voice] with a folder to its settings.")
    problems = 0
    for problem in Recordings(Path(settings.voice.folder)).make(speech.all_sentences(notices(settings))):
        problems += 1
        sys.stdout.write(f"BAD   {problem.explain()}\n")
    sys.stdout.write(f"{'ok   ' if not problems else 'BAD  '} the recordings in {settings.voice.folder}\n")
    return 1 if problems else 0


def check_informs(settings: KioskSettings) -> None:
    """Raise UninformedError when nobody could know here what they agree to."""
    if not settings.explains_itself and settings.printed_notice is None:
        raise UninformedError(
            "This kiosk has neither a screen nor a voice: informed consent isn't possible, so it takes no reports.",
            next_step="Add [screen] or [voice] to the settings, or name what hangs beside it in [printed_notice].",
        )


def open_finder(settings: KioskSettings) -> finder.Finder:
    """Load the face finder that settings name. Raises ModelError."""
    return finder.load_detector(settings.detector.name, manifest.load(Path(settings.detector.manifest)))


def notices(settings: KioskSettings) -> dict[str, Notice]:
    """Give the words of each language, with what was delivered and ordered since the card was written."""
    trust = TrustFile(settings.trust, delivered=settings.delivered_bundle)
    orders = StandingOrders(settings, trust, Path(settings.signing_key))
    return reporting.notices(orders.applied(settings), trust.current(), orders.notice)


def _check_models(settings: KioskSettings) -> None:
    """Load the face finder, its models first each in a process of its own: what kills that is explained here."""
    models = manifest.load(Path(settings.detector.manifest))
    detector = models.facts.detectors.get(settings.detector.name)
    for look in detector.looks if detector is not None else ():
        file = models.facts.models[look.model].file
        models.content(file)
        runtime.self_test(models.path(file))
    open_finder(settings)


def _check_screen(screen: config.Screen) -> None:
    """Raise ScreenError when the browser could not be told where the page is."""
    from edge_agent.screen.address import check_place  # noqa: PLC0415

    check_place(Path(screen.url_file))


def _check_words(settings: KioskSettings) -> None:
    for language, found in notices(settings).items():
        if found.needs_a_native_reader:
            sys.stdout.write(f"note  the words in {language!r} were made by a machine and need a native reader\n")


def _check_voice(settings: KioskSettings, parts: Sequence[Parts]) -> None:
    """Name the recordings that are missing or stale, the first few one by one; then try the output."""
    if settings.voice is None:
        return
    problems = list(Recordings(Path(settings.voice.folder)).problems(speech.all_sentences(notices(settings))))
    for problem in problems[:_MOST_NAMED]:
        sys.stdout.write(f"BAD   voice: {problem.explain()}\n")
    if problems:
        raise VoiceError(
            f"{len(problems)} sentences can't be heard", next_step="Run `homeward-kiosk voices`, then check again."
        )
    for part in parts:
        if part.voice is not None:
            part.voice.check(())
