import shutil
import signal
import tomllib

import pytest

from edge_agent.errors import ModelError
from edge_agent.vision import manifest, runtime
from edge_agent.vision.blazeface import BlazeFace
from edge_agent.vision.finder import load_detector


@pytest.fixture
def copy(tmp_path):
    """A copy of the manifest and its files that a test may damage."""
    facts = manifest.load()
    shutil.copy(manifest.MANIFEST, tmp_path / "manifest.toml")
    shutil.copytree(facts.folder, tmp_path / "files")
    return tmp_path


def edit(folder, old, new):
    path = folder / "manifest.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_copy_of_the_manifest_elsewhere_works_with_its_own_files(copy):
    assert load_detector("united", manifest.load(copy / "manifest.toml")).name == "united"


def test_the_files_may_lie_in_another_folder(copy):
    (copy / "files").rename(copy / "elsewhere")
    facts = manifest.load(copy / "manifest.toml", copy / "elsewhere")
    assert facts.content("short_range")


def test_a_missing_model_is_named_with_the_next_step(copy):
    facts = manifest.load(copy / "manifest.toml")
    facts.path("full_range").unlink()
    with pytest.raises(ModelError, match=r"face_detection_full_range_sparse\.tflite can't be read") as fault:
        load_detector("united", facts)
    assert "make models" in fault.value.next_step


def test_a_model_changed_in_one_byte_is_never_run(copy):
    facts = manifest.load(copy / "manifest.toml")
    content = bytearray(facts.path("short_range").read_bytes())
    content[5000] ^= 1
    facts.path("short_range").write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_detector("united", facts)


def test_a_manifest_that_is_not_there_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="is not there"):
        manifest.load(tmp_path / "manifest.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nms_iou", "nms_iuo", "nms_iuo"),
        ('model = "short_range"', 'model = "short"', "unknown model short"),
        ('file = "full_range"', 'file = "full"', "unknown file full"),
        ("faint = 0.3", "faint = 0.99", "faint is above threshold"),
        ("threshold = 0.5", "threshold = 50", "threshold"),
        ('sha256 = "b', 'sha256 = "', "sha256"),
        ('name = "astronaut.png"', 'name = "../astronaut.png"', "name"),
    ],
)
def test_a_manifest_with_a_fault_says_which(copy, old, new, words):
    edit(copy, old, new)
    with pytest.raises(ModelError, match=words) as fault:
        manifest.load(copy / "manifest.toml")
    assert fault.value.next_step


@pytest.mark.parametrize(("old", "new"), [("input = 128", "input = 192"), ("cells = 16", "cells = 15")])
def test_a_model_that_does_not_fit_its_description_is_refused(copy, old, new):
    edit(copy, old, new)
    with pytest.raises(ModelError, match="does not fit the manifest"):
        BlazeFace.of(manifest.load(copy / "manifest.toml"), "short_range")


def test_bytes_that_are_no_model_are_refused():
    with pytest.raises(ModelError, match="refuses the model nonsense"):
        runtime.interpreter(b"no model at all" * 10, "nonsense")


def test_the_self_test_passes_where_the_models_run():
    runtime.self_test(manifest.load().path("short_range"))


def test_the_self_test_says_what_is_wrong_with_a_bad_model(tmp_path):
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"no model at all" * 10)
    with pytest.raises(ModelError, match=r"bad\.tflite does not run here: .*refuses the model"):
        runtime.self_test(bad)
    with pytest.raises(ModelError, match=r"gone\.tflite does not run here: it can't be read"):
        runtime.self_test(tmp_path / "gone.tflite")


def test_a_processor_that_lacks_an_instruction_is_named_as_the_cause(tmp_path, monkeypatch):
    dying = tmp_path / "python"
    dying.write_text(f"#!/bin/sh\nkill -{signal.SIGILL.value} $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(dying))
    with pytest.raises(ModelError, match="processor lacks an instruction"):
        runtime.self_test(tmp_path / "any.tflite")


@pytest.mark.red_line(4)
def test_the_manifest_holds_detection_models_alone():
    plain = tomllib.loads(manifest.MANIFEST.read_text())
    assert set(plain["models"]) == {"short_range", "full_range"}
    assert {name for name in plain["files"] if plain["files"][name]["name"].endswith(".tflite")} == set(plain["models"])
    words = manifest.MANIFEST.read_text().lower()
    assert not any(word in words for word in ("embed", "recogni", "identi", "landmark_", "age_", "gender", "emotion"))
