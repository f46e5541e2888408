"""make demo, as a newcomer meets it: what it says, what it leaves, and what it does with a bad photograph."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge_agent.vision import manifest
from edge_agent.vision.finder import load_detector

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
ASTRONAUT = ROOT / "models" / "files" / "astronaut.png"
LIMIT_S = 150


@dataclass(frozen=True)
class Played:
    """What one demonstration did. `outcome` is its last line; `left` what it left in the folder for temporary files."""

    status: int
    said: str
    outcome: dict[str, Any]
    out: Path
    left: list[str]


def environment(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return {**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1"}


def play(tmp_path: Path, *arguments: str) -> Played:
    out = tmp_path / "out"
    env = environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "provisioning.demo", "--out", str(out), *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    return Played(
        done.returncode,
        done.stdout,
        json.loads(lines[-1]),
        out,
        sorted(path.name for path in Path(env["TMPDIR"]).iterdir()),
    )


def photograph(tmp_path: Path, *people: Image.Image) -> Path:
    """Put people side by side, as many as there are, before a grey wall."""
    wall = Image.new("RGB", (1280, 960), (120, 120, 120))
    for place, person in enumerate(people):
        wall.paste(person.crop((96, 0, 352, 256)).resize((600, 600)), (20 + place * 640, 200))
    path = tmp_path / "people.png"
    wall.save(path)
    return path


def astronaut() -> Image.Image:
    return read(ASTRONAUT)


def read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_a_consented_report_is_sent_receipted_and_opened(tmp_path):
    played = play(tmp_path)
    outcome = played.outcome
    assert played.status == 0, played.said
    assert (outcome["outcome"], outcome["reason"], outcome["receipt"]) == ("sent", None, "verified")
    assert (outcome["faces_found"], outcome["outbox_left"]) == (1, 0)
    assert set(outcome["ms"]) == {"find", "crop", "seal", "store", "publish", "receipt"}
    opened = Path(outcome["image"])
    assert opened.stat().st_size == outcome["crop_bytes"] < outcome["sealed_bytes"]
    assert read(opened).size == (480, 640)
    assert opened.stat().st_mode & 0o077 == 0
    assert played.left == []


@pytest.mark.red_line(6)
def test_of_several_people_the_chosen_one_alone_is_in_the_picture(tmp_path):
    mirrored = ImageOps.mirror(astronaut())
    path = photograph(tmp_path, astronaut(), mirrored)
    played = play(tmp_path, "--photo", str(path), "--choose", "face-2")
    assert played.outcome["outcome"] == "sent", played.said
    assert played.outcome["faces_found"] == 2
    picture = read(Path(played.outcome["image"]))
    finder = load_detector("united", manifest.load())
    assert len(finder.find(np.asarray(picture)).faces) == 1
    report = json.loads((played.out / f"{played.outcome['record_id']}.json").read_text(encoding="utf-8"))
    x, _, width, _ = report["report"]["faces"][0]["box"]
    faces = sorted(finder.find(np.asarray(read(path))).faces, key=lambda face: face.box.x)
    chosen = min(faces, key=lambda face: abs(face.box.x - x))
    assert chosen.box.overlap(type(chosen.box)(x, chosen.box.y, width, chosen.box.h)) > 0.5
    unchosen = next(face for face in faces if face is not chosen)
    assert abs(unchosen.box.x - x) > width


def test_whoever_asks_for_a_face_that_is_not_there_hears_that_and_nothing_is_sent(tmp_path):
    path = photograph(tmp_path, astronaut(), ImageOps.mirror(astronaut()))
    played = play(tmp_path, "--photo", str(path), "--choose", "face-3")
    assert played.status == 1
    assert (played.outcome["outcome"], played.outcome["reason"]) == ("nothing_sent", "no-such-face")
    assert (played.outcome["faces_found"], played.outcome["outbox_left"]) == (2, 0)
    assert not played.out.exists()


@pytest.mark.red_line(2)
def test_a_person_who_says_no_leaves_nothing(tmp_path):
    played = play(tmp_path, "--say-no")
    assert played.status == 0
    assert (played.outcome["outcome"], played.outcome["reason"]) == ("nothing_sent", "no-consent")
    assert played.outcome["outbox_left"] == 0
    assert not played.out.exists()
    assert played.left == []


def test_without_a_face_nothing_is_sent_unless_the_person_chooses_the_oval(tmp_path):
    path = photograph(tmp_path)
    (tmp_path / "first").mkdir()
    played = play(tmp_path / "first", "--photo", str(path))
    assert (played.outcome["outcome"], played.outcome["reason"]) == ("nothing_sent", "no-face")
    assert played.outcome["faces_found"] == 0
    assert "Which face is it?" not in played.said
    (tmp_path / "second").mkdir()
    played = play(tmp_path / "second", "--photo", str(path), "--choose", "oval")
    assert played.outcome["outcome"] == "sent", played.said


def text(path: Path) -> None:
    path.write_text("This is no photograph.\n" * 20, encoding="utf-8")


def cut_off(path: Path) -> None:
    astronaut().save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:9000])


def one_pixel(path: Path) -> None:
    Image.new("RGB", (1, 1)).save(path, "JPEG")


def hundred_megapixels(path: Path) -> None:
    Image.new("L", (10_000, 10_000)).save(path, "JPEG")


BAD = {
    "a text file": (text, "is not a photograph that can be read"),
    "a truncated JPEG": (cut_off, "damaged or cut off"),
    "a single pixel": (one_pixel, "too small: 1 x 1 pixels"),
    "100 megapixels": (hundred_megapixels, "more than 50 megapixels"),
    "nothing": (lambda _path: None, "is not there"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_photograph_is_told_before_anything_is_asked_and_leaves_nothing(tmp_path, name):
    make, complaint = BAD[name]
    path = tmp_path / "bad [bold].jpg"  # a file may be called as its owner likes: this is no markup
    make(path)
    played = play(tmp_path, "--photo", str(path))
    assert played.status == 1
    told = next(line for line in played.said.splitlines() if line.startswith("It can't go on: "))
    assert str(path) in told
    assert complaint in told
    assert "BAD" not in told  # so begins the line of the program that was asked, not a sentence
    assert (played.outcome["outcome"], played.outcome["reason"]) == ("nothing_sent", "camera")
    assert "Which language?" not in played.said
    assert not played.out.exists()
    assert played.left == []


def test_a_choice_that_nobody_could_make_is_told_at_once():
    command = [sys.executable, "-m", "provisioning.demo", "--choose", "everybody"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2
    assert "'everybody' is no choice: say face-1, face-2, ... or oval" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_when_it_is_interrupted_it_cleans_up_and_ends_all_it_started(tmp_path, number):
    env = environment(tmp_path)
    hears = ["env", "--default-signal=INT"]  # whom a shell starts in the background is deaf to Ctrl-C, as we may be
    command: Sequence[str] = [*hears, sys.executable, "-m", "provisioning.demo", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if "Which language?" in line:
                break
        children = descendants(demo.pid)
        assert len(children) >= 4  # broker, intake, courier, kiosk
        demo.send_signal(number)
        rest = demo.stdout.read()
        demo.wait(LIMIT_S)
    assert json.loads(rest.splitlines()[-1])["reason"] == "interrupted"
    assert sorted(path.name for path in Path(env["TMPDIR"]).iterdir()) == []
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children]
