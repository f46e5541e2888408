import json
import re

import numpy as np
import pytest
from PIL import Image

from models.evaluate import main
from tests.unit.vision.scenes import Person, frame_of

WIDTH, HEIGHT = 640, 480


def write(folder, *scenes, edit=None):
    """Annotated images of people (in pixels of the large frame); a person is (person, iscrowd, flags)."""
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "face"}]}
    for number, people in enumerate(scenes):
        frame = frame_of(*(person for person, _, _ in people))
        Image.fromarray(frame.large).resize((WIDTH, HEIGHT)).save(folder / f"{number}.png")
        coco["images"].append({"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT})
        for person, crowd, flags in people:
            box = person.box.scaled(0.5, 0.5)
            coco["annotations"].append(
                {"image_id": number, "bbox": [box.x, box.y, box.w, box.h], "iscrowd": crowd, "flags": flags}
            )
    if edit:
        edit(coco)
    (folder / "a.json").write_text(json.dumps(coco))
    return ["--annotations", str(folder / "a.json"), "--images", str(folder)]


NEAR, FAR = Person(640, 480, 220), Person(300, 400, 140, mirrored=True)
SCENES = [(NEAR, 0, ["child"])], [(NEAR, 0, []), (FAR, 1, [])], []


def test_the_figures_come_as_json_and_the_table_besides(tmp_path, capsys):
    assert main([*write(tmp_path, *SCENES), "--json", "-"]) == 0
    out, table = capsys.readouterr()
    result = json.loads(out)
    assert (result["detector"], result["images"], result["faces"]) == ("united", 3, 2)
    assert (result["recall"], result["precision"], result["largest_face_recall"]) == (1, 1, 1)
    assert result["ap"] > 0.9
    assert result["false_per_empty_image"] == 0
    assert result["by_flag"] == {"child": [1, 1]}
    assert result["by_width"]["0.12-0.29"] == [1, 2]
    assert min(result["model_ms"], result["total_ms"]) > 0
    assert "recall by flag" in table
    assert "child" in table


@pytest.mark.parametrize("detector", ["short_range", "full_range", "united"])
def test_any_detector_of_the_manifest_can_be_judged_into_a_file(tmp_path, capsys, detector):
    where = tmp_path / "out.json"
    assert main([*write(tmp_path, *SCENES), "--detector", detector, "--json", str(where)]) == 0
    assert json.loads(where.read_text())["detector"] == detector
    assert capsys.readouterr().out.startswith(f"{detector}: 2 faces on 3 images")


def test_a_threshold_of_ones_own_changes_what_is_found(tmp_path, capsys):
    assert main([*write(tmp_path, *SCENES), "--threshold", "0.9999", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["recall"] == 0


def fails(arguments, capsys):
    assert main(arguments) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    return said


def test_a_missing_image_is_named(tmp_path, capsys):
    arguments = write(tmp_path, *SCENES)
    (tmp_path / "1.png").unlink()
    assert "1.png is not there" in fails(arguments, capsys)


def test_annotations_for_another_size_are_refused(tmp_path, capsys):
    arguments = write(tmp_path, *SCENES)
    Image.fromarray(np.zeros((100, 200, 3), np.uint8)).save(tmp_path / "2.png")
    assert "200 x 100 pixels, its annotations mean 640 x 480" in fails(arguments, capsys)


def test_an_unknown_detector_is_named_with_the_known_ones(tmp_path, capsys):
    assert "full_range, short_range, united" in fails([*write(tmp_path, *SCENES), "--detector", "other"], capsys)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda coco: coco.pop("images"), "images"),
        (lambda coco: coco["images"].clear(), "is on image 0|no image"),
        (lambda coco: coco["annotations"][0].update(bbox=[1, 2, 3]), "annotations.*bbox"),
        (lambda coco: coco["annotations"][0].update(bbox=[1, 2, 0, 4]), "annotations.*bbox"),
        (lambda coco: coco["annotations"][0].update(iscrowd=2), "iscrowd"),
        (lambda coco: coco["annotations"][0].update(image_id=77), "image 77"),
    ],
)
def test_annotations_that_are_not_coco_say_where(tmp_path, capsys, edit, words):
    said = fails(write(tmp_path, *SCENES, edit=edit), capsys)
    assert "is not a COCO file of boxes" in said
    assert re.search(words, said)


def test_annotations_that_are_not_json_or_not_there_are_refused(tmp_path, capsys):
    arguments = write(tmp_path, *SCENES)
    (tmp_path / "a.json").write_text("{")
    assert "is not JSON" in fails(arguments, capsys)
    (tmp_path / "a.json").unlink()
    assert "can't be read: No such file" in fails(arguments, capsys)


@pytest.mark.parametrize("threshold", ["0", "1", "7", "x"])
def test_a_threshold_that_is_no_score_is_refused(tmp_path, capsys, threshold):
    with pytest.raises(SystemExit):
        main([*write(tmp_path, *SCENES), "--threshold", threshold])
    assert "threshold" in capsys.readouterr().err
