"""Each form of data set: what is read, and what is said when something is missing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.errors import DatasetError, InputError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data.base import Reader
from ecgan.trainer.data.mixture import parse_spec
from ecgan.trainer.data.readers import READERS


def jpeg(colour: int = 128, side: int = 24) -> bytes:
    picture = np.full((side, side, 3), colour, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def save(path: Path, colour: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(colour))
    return path


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    """Ten training and four test pictures; labels 1 to 7, twice."""
    root = tmp_path / "RAF-DB"
    lines = []
    for number in range(14):
        name = f"{'train' if number < 10 else 'test'}_{number:05d}"
        save(root / "Image" / "aligned" / f"{name}_aligned.jpg", 10 * number)
        lines.append(f"{name}.jpg {number % 7 + 1}")
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    root = tmp_path / "stock"
    for split, name in (("train", "happy"), ("train", "anger"), ("test", "happy")):
        save(root / split / name / "1.jpg")
    return root


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w:") as archive:
        for name in ("happiness/a.jpg", "other/b.jpg", "notes.txt"):
            info = tarfile.TarInfo(name)
            info.size = len(jpeg())
            archive.addfile(info, io.BytesIO(jpeg()))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    save(tmp_path / "pictures" / "a.jpg", 40)
    save(tmp_path / "pictures" / "b.jpg", 200)
    path = tmp_path / "labels.csv"
    path.write_text("file,label,person\npictures/a.jpg,fear,ann\npictures/b.jpg,,bob\n")
    return path


@pytest.fixture
def examples(
    rafdb: Path, classes: Path, tar: Path, table: Path, faces_folder: Path, tmp_path: Path
) -> dict[str, Path]:
    photos = tmp_path / "photos"
    save(photos / "below" / "x.jpg")
    return {
        "prepared": faces_folder,
        "table": table,
        "rafdb": rafdb,
        "tar": tar,
        "classes": classes,
        "photos": photos,
    }


@pytest.mark.parametrize("name", READERS)
def test_every_reader_takes_its_own_form_and_decodes_it(
    name: str, examples: dict[str, Path]
) -> None:
    path = examples[name]
    reader = parse_spec(str(path)).open()
    assert type(reader) is READERS[name]
    pictures = reader.pictures(path)
    assert pictures
    assert len({picture.name for picture in pictures}) == len(pictures)
    assert [p.name for p in pictures] == [p.name for p in reader.pictures(path)]
    image = pictures[0].load()
    assert image.dtype == np.uint8
    assert image.shape[2] == 3


@pytest.mark.parametrize("name", READERS)
def test_only_forms_with_landmarks_can_be_trained_on(name: str, examples: dict[str, Path]) -> None:
    reader: Reader = READERS[name]()
    if name == "prepared":
        assert reader.has_landmarks
        assert len(reader.faces(examples[name])) == 32
    elif name != "table":
        assert not reader.has_landmarks
        with pytest.raises(DatasetError, match="have no landmarks yet") as caught:
            reader.faces(examples[name])
        assert "ecgan prepare" in str(caught.value.hint)


def test_rafdb_keeps_order_and_test_split(rafdb: Path) -> None:
    pictures = parse_spec(f"rafdb:{rafdb}").open().pictures(rafdb)
    assert [p.name for p in pictures][:2] == ["train_00000", "train_00001"]
    assert [EXPRESSIONS[p.label] for p in pictures[:7]] == list(EXPRESSIONS)
    assert {p.split for p in pictures if p.name.startswith("test")} == {"test"}
    assert {p.split for p in pictures if p.name.startswith("train")} <= {"train", "val"}
    assert abs(int(pictures[3].load()[0, 0, 0]) - 30) <= 2  # the picture of its own name


def test_rafdb_is_found_in_the_folder_that_its_owners_pack(rafdb: Path, tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    rafdb.rename(tmp_path / "outer" / "basic")
    assert len(READERS["rafdb"]().pictures(tmp_path / "outer")) == 14


def labels(root: Path) -> Path:
    return root / "EmoLabel" / "list_patition_label.txt"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("train_00001.jpg 2\n", "", r"'train_00001_aligned\.jpg' has no label in"),
        ("train_00001", "train_00077", r"'train_00077_aligned\.jpg' has a label but is not in"),
        ("train_00001.jpg 2", "train_00001.jpg 8", "line 2: label '8' is not one of 1 to 7"),
        ("train_00001.jpg 2", "train_00001.jpg", "line 2 is 'train_00001.jpg', expected"),
    ],
)
def test_a_wrong_rafdb_label_is_named(rafdb: Path, old: str, new: str, message: str) -> None:
    labels(rafdb).write_text(labels(rafdb).read_text().replace(old, new))
    with pytest.raises(DatasetError, match=message):
        READERS["rafdb"]().pictures(rafdb)


def test_missing_parts_of_rafdb_are_named(rafdb: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"list_patition_label\.txt' does not exist"):
        READERS["rafdb"]().pictures(tmp_path)
    (rafdb / "Image").rename(rafdb / "Pictures")
    with pytest.raises(DatasetError, match="no picture in") as caught:
        READERS["rafdb"]().pictures(rafdb)
    assert "aligned.zip" in str(caught.value.hint)


def test_class_folders_take_aliases_and_splits(classes: Path) -> None:
    found = {
        (p.name, EXPRESSIONS[p.label], p.split) for p in READERS["classes"]().pictures(classes)
    }
    assert found == {
        ("train/happy/1.jpg", "happiness", "train"),
        ("train/anger/1.jpg", "anger", "train"),
        ("test/happy/1.jpg", "happiness", "test"),
    }


def test_an_empty_class_and_a_folder_that_is_none_are_named(classes: Path) -> None:
    (classes / "train" / "fear").mkdir()
    with pytest.raises(DatasetError, match=r"class folder '.*fear' holds no picture"):
        READERS["classes"]().pictures(classes)
    (classes / "train" / "fear").rename(classes / "train" / "contempt")
    with pytest.raises(DatasetError, match="contempt' is not named by an expression"):
        READERS["classes"]().pictures(classes)


def test_tar_members_have_the_label_of_their_folder(tar: Path) -> None:
    found = {p.name: p.label for p in READERS["tar"]().pictures(tar)}
    assert found == {
        "shard/happiness/a.jpg": EXPRESSIONS.index("happiness"),
        "shard/other/b.jpg": -1,
    }


def test_a_table_may_leave_out_what_is_not_known(table: Path) -> None:
    first, second = READERS["table"]().pictures(table)
    assert (EXPRESSIONS[first.label], first.person, first.source) == ("fear", "ann", "labels")
    assert (second.label, second.split) == (-1, "")
    assert int(second.load().mean()) == 200


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pictures/a.jpg", "pictures/z.jpg", r"'pictures/z\.jpg' is not in"),
        (",fear,", ",fearsome,", "line 2: label 'fearsome' is not one of"),
        ("file,", "name,", "has no column 'file'"),
    ],
)
def test_a_wrong_table_is_named(table: Path, old: str, new: str, message: str) -> None:
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DatasetError, match=message):
        READERS["table"]().pictures(table)


def test_a_file_outside_the_tar_is_named(tar: Path, tmp_path: Path) -> None:
    path = tmp_path / "outside.csv"
    path.write_text("file,shard\nhappiness/a.jpg,shard.tar\nhappiness/z.jpg,shard.tar\n")
    with pytest.raises(DatasetError, match=r"'happiness/z\.jpg' is not in '.*shard\.tar'"):
        READERS["table"]().pictures(path)


def test_a_broken_picture_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    [picture] = READERS["photos"]().pictures(tmp_path)
    with pytest.raises(InputError):
        picture.load()


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no picture"):
        READERS["photos"]().pictures(tmp_path)
