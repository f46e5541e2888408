import hashlib
import zipfile

import pytest

from edge_agent.errors import ModelError
from edge_agent.vision import manifest
from edge_agent.vision.manifest import File, Manifest
from models import fetch


def file_of(content, name="model.tflite", member="package/model.tflite"):
    sha256 = hashlib.sha256(content).hexdigest()
    return File(
        name=name,
        sha256=sha256,
        package="package",
        member=member,
        licence="Apache-2.0",
        card="card.md",
    )


def wheel_of(folder, **members):
    path = folder / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"package/{name}.tflite", content)
    return path


def test_a_file_that_matches_is_taken_out_of_its_wheel(tmp_path):
    wheel = wheel_of(tmp_path, model=b"weights", other=b"other weights")
    fetch.take(wheel, [file_of(b"weights")], tmp_path / "files")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "files").iterdir()] == [("model.tflite", b"weights")]


def test_a_file_with_another_hash_is_never_kept(tmp_path):
    with pytest.raises(ModelError, match="another SHA-256") as fault:
        fetch.take(wheel_of(tmp_path, model=b"other"), [file_of(b"weights")], tmp_path / "files")
    assert "Don't use it" in fault.value.next_step
    assert not (tmp_path / "files").exists()


def test_a_wheel_without_the_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"package-1\.0.* holds no package/model\.tflite"):
        fetch.take(wheel_of(tmp_path, other=b"x"), [file_of(b"weights")], tmp_path / "files")


def test_a_damaged_wheel_is_named(tmp_path):
    wheel = tmp_path / "package.whl"
    wheel.write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"package\.whl is damaged"):
        fetch.take(wheel, [file_of(b"weights")], tmp_path / "files")


def test_what_is_there_and_matches_is_left_alone(monkeypatch):
    monkeypatch.setattr(fetch, "download", lambda *_: pytest.fail("fetched again"))
    assert fetch.fetch(manifest.load()) == []


def test_a_file_that_was_changed_counts_as_missing(tmp_path):
    real = manifest.load()
    changed = Manifest(real.facts, tmp_path)
    for name in real.facts.files:
        changed.path(name).write_bytes(real.content(name))
    assert fetch.missing(changed) == []
    changed.path("short_range").write_bytes(b"something else")
    assert [file.name for file in fetch.missing(changed)] == [real.facts.files["short_range"].name]


def test_without_an_index_pips_own_words_and_the_next_step_are_given(tmp_path, monkeypatch):
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "none"),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(ModelError, match=r"pip could not fetch the wheel of mediapipe: .*mediapipe") as fault:
        fetch.download("mediapipe", tmp_path / "scratch")
    assert "pip config list" in fault.value.next_step


def test_every_package_of_the_manifest_is_pinned_by_version_and_hash():
    pins = fetch.REQUIREMENTS.read_text().splitlines()
    for file in manifest.load().facts.files.values():
        (pin,) = (line for line in pins if line.startswith(f"{file.package}=="))
        assert "--hash=sha256:" in pin


def test_a_package_without_a_pin_is_refused(tmp_path):
    with pytest.raises(ModelError, match="pins unknown 0 times"):
        fetch.download("unknown", tmp_path)


def test_the_command_says_what_it_did(capsys):
    assert fetch.main() == 0
    assert "0 fetched, 3 there already" in capsys.readouterr().err


def test_the_command_says_what_is_wrong_and_what_to_do(capsys, tmp_path):
    assert fetch.main(tmp_path / "gone.toml") == 1
    said = capsys.readouterr().err
    assert "manifest can't be used" in said
    assert "\n  Restore" in said


def test_every_file_has_a_card_that_names_its_licence():
    for file in manifest.load().facts.files.values():
        card = (manifest.MANIFEST.parent / file.card).read_text()
        assert file.licence.split(" (")[0] in card
        assert file.name in card


@pytest.mark.red_line(4)
def test_every_models_card_says_what_it_must_not_be_used_for():
    facts = manifest.load().facts
    for model in facts.models.values():
        card = (manifest.MANIFEST.parent / facts.files[model.file].card).read_text()
        assert "**Not to be used** to recognise" in card
