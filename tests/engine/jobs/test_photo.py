"""A photo from file to file: with a stand-in for the networks, and once with the real pipeline."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.composite import apply_patches
from ecgan.engine.errors import InputError, MediaError, NoFaceError, OptionError, OutputError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.jobs.photo import preview_photo, unmask_photo
from ecgan.engine.jobs.report import UnmaskOptions
from ecgan.engine.types import F32, U8, Face, FaceResult, FaceStatus, Patch, Result

from ..media.marks import read_mark

if TYPE_CHECKING:
    from ecgan.engine.pipeline import Unmasker


def face(x: float = 60, y: float = 40, side: float = 50) -> Face:
    box = np.array([x, y, x + side, y + side], np.float32)
    return Face(box, 0.9, np.full((5, 2), x + side / 2, np.float32))


def result_face(number: int, status: FaceStatus, side_px: float = 90) -> FaceResult:
    return FaceResult(number, face(), status, 0.2, side_px)


@dataclass
class FakeUnmasker:
    """Paints one grey level per expression into a fixed box, and remembers what it was asked."""

    faces: list[FaceResult] = field(default_factory=lambda: [result_face(1, FaceStatus.CHANGED)])
    asked: dict[str, Any] = field(default_factory=dict)
    frame: U8 | None = None

    def detect(self, frame: U8) -> list[Face]:
        return [one.face for one in self.faces]

    def unmask_each(self, frame: U8, expressions: Sequence[str], **asked: Any) -> Iterator[Result]:
        self.frame, self.asked = frame.copy(), {"expressions": list(expressions), **asked}
        changed = any(one.status is FaceStatus.CHANGED for one in self.faces)
        for index in range(len(expressions)):
            patches = [patch(30.0 * index)] if changed else []
            union = np.zeros(frame.shape[:2], np.float32)
            for one in patches:
                union[one.y : one.y + 20, one.x : one.x + 30] = one.alpha
            yield Result(apply_patches(frame, patches), patches, self.faces, union)


def patch(level: float) -> Patch:
    alpha = np.zeros((20, 30), np.float32)
    alpha[2:18, 2:28] = 0.5
    alpha[4:16, 4:26] = 1
    return Patch(70, 60, np.full((20, 30, 3), level, np.float32), alpha)


def fake(*statuses: FaceStatus, side_px: float = 90) -> Unmasker:
    faces = [result_face(i, status, side_px) for i, status in enumerate(statuses, 1)]
    return cast("Unmasker", FakeUnmasker(faces))


CHANGED = FaceStatus.CHANGED


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "Größe 写.png"
    picture = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(picture).save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pixels(path: Path) -> U8:
    with Image.open(path) as image:
        return np.asarray(image)


# --- what is written and reported ----------------------------------------------------------------


def test_a_changed_face_is_written_marked_and_reported(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    report = unmask_photo(fake(CHANGED), photo, target, UnmaskOptions(expression="happy"))
    before, after = pixels(photo), pixels(target)
    keep = np.ones((120, 160), bool)
    keep[62:78, 72:98] = False
    assert np.array_equal(before[keep], after[keep])
    assert (after[64:76, 74:96] == 0).all()
    mark = read_mark(target)
    assert mark is not None
    assert mark.expression == "happy"
    assert (report.status, report.output, report.mask_output) == ("written", target, None)
    assert (report.faces, report.masked, report.changed, report.enlarged) == (1, 1, 1, 0)
    assert report.reasons == {}
    assert report.notes == []
    assert set(report.stages) == {"read", "unmask", "write"}
    assert report.seconds >= sum(report.stages.values()) > 0


def test_options_reach_the_pipeline(photo: Path, tmp_path: Path) -> None:
    unmasker = FakeUnmasker()
    options = UnmaskOptions(
        expression="sad", intensity=0.5, faces="largest", face_expressions={1: "happy"}, min_face=7
    )
    unmask_photo(cast("Unmasker", unmasker), photo, tmp_path / "o.png", options)
    assert unmasker.asked == {
        "expressions": ["sad"],
        "intensity": 0.5,
        "faces": "largest",
        "face_expressions": {1: "happy"},
        "min_face": 7,
        "mask": None,
    }
    assert np.array_equal(unmasker.frame, pixels(photo))


def test_faces_left_alone_are_counted_with_their_reason(photo: Path, tmp_path: Path) -> None:
    statuses = (CHANGED, FaceStatus.NO_MASK, FaceStatus.NO_MASK, FaceStatus.TOO_SMALL)
    report = unmask_photo(fake(*statuses), photo, tmp_path / "o.png", UnmaskOptions())
    assert (report.faces, report.changed) == (4, 1)
    assert report.reasons == {"no mask": 2, "too small": 1}


def test_without_a_mask_nothing_is_written(photo: Path, tmp_path: Path) -> None:
    options = UnmaskOptions(save_mask=True)
    report = unmask_photo(fake(FaceStatus.NO_MASK), photo, tmp_path / "sub" / "o.png", options)
    assert (report.status, report.output, report.mask_output) == ("left alone", None, None)
    assert report.reasons == {"no mask": 1}
    assert names(tmp_path) == [photo.name]


def test_no_face_is_an_error(photo: Path, tmp_path: Path) -> None:
    for expression in ("auto", "all"):
        with pytest.raises(NoFaceError, match=r"no face found in '.*Größe 写\.png'") as caught:
            unmask_photo(fake(), photo, tmp_path / "o.png", UnmaskOptions(expression=expression))
        assert caught.value.exit_code == 3
    with pytest.raises(NoFaceError):
        preview_photo(fake(), photo, tmp_path / "o.png", UnmaskOptions())
    assert names(tmp_path) == [photo.name]


def test_large_faces_are_counted(photo: Path, tmp_path: Path) -> None:
    report = unmask_photo(fake(CHANGED, side_px=900), photo, tmp_path / "o.png", UnmaskOptions())
    assert report.enlarged == 1


def test_leaving_the_mark_out_is_said(photo: Path, tmp_path: Path) -> None:
    options = UnmaskOptions(provenance=False)
    report = unmask_photo(fake(CHANGED), photo, tmp_path / "o.png", options)
    assert report.notes == ["not marked as synthetic, as asked by --no-provenance"]
    assert read_mark(tmp_path / "o.png") is None


def test_notes_of_reading_and_writing_arrive(tmp_path: Path) -> None:
    Image.new("P", (160, 120)).save(tmp_path / "a.jpg", "PNG")
    report = unmask_photo(
        fake(CHANGED), tmp_path / "a.jpg", tmp_path / "a.unmasked.jpg", UnmaskOptions()
    )
    assert report.notes == [
        "palette picture becomes RGB",
        "it is PNG by content; written as JPEG, as named",
    ]


# --- masks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "mask"), [("b.unmasked.jpg", "b.mask.png"), ("c.jpg", "c.mask.png")]
)
def test_save_mask_writes_the_blend_weights(
    photo: Path, tmp_path: Path, target: str, mask: str
) -> None:
    report = unmask_photo(fake(CHANGED), photo, tmp_path / target, UnmaskOptions(save_mask=True))
    assert report.mask_output == tmp_path / mask
    with Image.open(tmp_path / mask) as image:
        assert image.mode == "L"
        levels = np.asarray(image)
    expected = np.zeros((120, 160), np.uint8)
    expected[60:80, 70:100] = np.rint(patch(0).alpha * 255)
    assert np.array_equal(levels, expected)


def test_a_mask_file_takes_the_place_of_the_segmenter(photo: Path, tmp_path: Path) -> None:
    drawn = np.zeros((120, 160), np.uint8)
    drawn[50:70, 60:90], drawn[0, 0] = 255, 51
    Image.fromarray(drawn).save(tmp_path / "m.png")
    unmasker = FakeUnmasker()
    options = UnmaskOptions(mask=tmp_path / "m.png")
    unmask_photo(cast("Unmasker", unmasker), photo, tmp_path / "o.png", options)
    mask: F32 = unmasker.asked["mask"]
    assert mask.dtype == np.float32
    assert mask[60, 70] == 1
    assert mask[0, 0] == pytest.approx(0.2)
    assert mask.sum() == pytest.approx(600.2)


def test_a_mask_file_is_compared_with_the_upright_photo(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (120, 160)).save(tmp_path / "a.jpg", exif=turned)
    Image.new("L", (160, 120), 255).save(tmp_path / "fits.png")
    Image.new("L", (120, 160), 255).save(tmp_path / "lies.png")
    source, target = tmp_path / "a.jpg", tmp_path / "o.jpg"
    with pytest.raises(InputError, match=r"is 120 x 160 pixels, but .* is 160 x 120 \(upright\)"):
        unmask_photo(fake(CHANGED), source, target, UnmaskOptions(mask=tmp_path / "lies.png"))
    unmask_photo(fake(CHANGED), source, target, UnmaskOptions(mask=tmp_path / "fits.png"))
    assert target.exists()


def test_a_coloured_mask_file_is_refused(photo: Path, tmp_path: Path) -> None:
    Image.new("RGB", (160, 120), (255, 0, 0)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match="has colours; expected 8-bit grey"):
        unmask_photo(
            fake(CHANGED), photo, tmp_path / "o.png", UnmaskOptions(mask=tmp_path / "m.png")
        )
    grey = np.full((120, 160, 3), 255, np.uint8)
    Image.fromarray(grey).save(tmp_path / "g.png")
    unmask_photo(fake(CHANGED), photo, tmp_path / "o.png", UnmaskOptions(mask=tmp_path / "g.png"))


# --- all seven -----------------------------------------------------------------------------------


def test_all_is_one_picture_with_the_seven_in_order(photo: Path, tmp_path: Path) -> None:
    unmasker = FakeUnmasker()
    report = unmask_photo(
        cast("Unmasker", unmasker), photo, tmp_path / "o.png", UnmaskOptions(expression="ALL")
    )
    assert unmasker.asked["expressions"] == list(EXPRESSIONS)
    sheet = pixels(tmp_path / "o.png")
    cell = (sheet.shape[1] - 8 * 8) // 7
    # the face's middle is (85, 65), a cell reaches 0.55 * 90 px around it: columns 35 to 135
    zoom = cell / 100
    levels = []
    for i in range(7):
        x, y = 8 + i * (cell + 8) + round((85 - 35) * zoom), 8 + round((68 - 15) * zoom)
        levels.append(int(sheet[y, x, 0]))
    assert levels == pytest.approx([30 * i for i in range(7)], abs=2)
    assert (report.status, report.frames, report.changed) == ("written", 1, 1)
    mark = read_mark(tmp_path / "o.png")
    assert mark is not None
    assert mark.expression == "ALL"


def test_all_of_a_grey_photo_says_that_it_is_rgb(tmp_path: Path) -> None:
    Image.new("L", (160, 120), 90).save(tmp_path / "a.png")
    report = unmask_photo(
        fake(CHANGED), tmp_path / "a.png", tmp_path / "o.png", UnmaskOptions(expression="all")
    )
    assert report.notes == ["the picture of all seven is 8-bit RGB"]


# --- preview -------------------------------------------------------------------------------------


def test_preview_numbers_every_face(photo: Path, tmp_path: Path) -> None:
    unmasker = fake(CHANGED, FaceStatus.NO_MASK)
    report = preview_photo(unmasker, photo, tmp_path / "p.png", UnmaskOptions())
    assert (report.status, report.faces, report.changed) == ("written", 2, 0)
    assert pixels(tmp_path / "p.png").shape == (480, 640, 3)  # enlarged, so that it can be read
    assert read_mark(tmp_path / "p.png") is None
    with pytest.raises(OutputError, match="exists"):
        preview_photo(unmasker, photo, tmp_path / "p.png", UnmaskOptions())


# --- refusals and failures -----------------------------------------------------------------------


def test_outputs_are_checked_before_any_work(photo: Path, tmp_path: Path) -> None:
    unmasker = FakeUnmasker()
    ready = cast("Unmasker", unmasker)
    (tmp_path / "link.png").symlink_to(photo)
    (tmp_path / "old.png").write_bytes(b"old")
    (tmp_path / "x.mask.png").write_bytes(b"old")
    force, with_mask = UnmaskOptions(overwrite=True), UnmaskOptions(save_mask=True)
    for target, options, message in (
        (photo, force, "is the input"),
        (tmp_path / "link.png", force, "is the input"),
        (tmp_path / "old.png", UnmaskOptions(), "exists"),
        (tmp_path, force, "is a folder"),
        (tmp_path / "x.png", with_mask, r"x\.mask\.png' exists"),
    ):
        with pytest.raises(OutputError, match=message):
            unmask_photo(ready, photo, target, options)
    assert unmasker.asked == {}
    unmask_photo(ready, photo, tmp_path / "old.png", force)
    assert pixels(tmp_path / "old.png").shape == (120, 160, 3)


def test_the_saved_mask_never_replaces_an_input(tmp_path: Path) -> None:
    Image.new("RGB", (160, 120)).save(tmp_path / "a.mask.png")
    force = UnmaskOptions(overwrite=True, save_mask=True)
    with pytest.raises(OutputError, match="is the input"):
        unmask_photo(fake(CHANGED), tmp_path / "a.mask.png", tmp_path / "a.png", force)
    Image.new("L", (160, 120)).save(tmp_path / "b.mask.png")
    Image.new("RGB", (160, 120)).save(tmp_path / "b.jpg")
    asked = UnmaskOptions(overwrite=True, save_mask=True, mask=tmp_path / "b.mask.png")
    with pytest.raises(OutputError, match="is the input"):
        unmask_photo(fake(CHANGED), tmp_path / "b.jpg", tmp_path / "b.unmasked.jpg", asked)


def test_packets_of_other_pictures_are_not_replaced(tmp_path: Path) -> None:
    Image.new("RGB", (160, 120)).save(tmp_path / "a.png")
    (tmp_path / "b.xmp").write_bytes(b"of b.raw")
    with pytest.raises(OutputError, match=r"b\.xmp' exists"):
        unmask_photo(fake(CHANGED), tmp_path / "a.png", tmp_path / "b.bmp", UnmaskOptions())


def test_a_broken_photo_is_an_error_before_the_networks(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    unmasker = FakeUnmasker()
    with pytest.raises(MediaError):
        unmask_photo(
            cast("Unmasker", unmasker), tmp_path / "a.jpg", tmp_path / "o.jpg", UnmaskOptions()
        )
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    with pytest.raises(MediaError, match="at most 10 are read"):
        preview_photo(
            fake(CHANGED), tmp_path / "b.png", tmp_path / "o.png", UnmaskOptions(max_pixels=10)
        )
    assert unmasker.asked == {}


@pytest.mark.parametrize(
    ("suffix", "written_before"), [(".png", 0), (".png", 1), (".bmp", 0), (".bmp", 1), (".bmp", 2)]
)
@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_failure_while_writing_leaves_nothing(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    written_before: int,
    failure: BaseException,
) -> None:
    """Output, mask and, for BMP, the packet beside it: whichever fails, none appears."""
    write, calls = Path.write_bytes, []

    def failing(path: Path, content: bytes) -> int:
        calls.append(path)
        if len(calls) > written_before:
            write(path, content[: len(content) // 2])
            raise failure
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", failing)
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        unmask_photo(fake(CHANGED), photo, tmp_path / f"o{suffix}", UnmaskOptions(save_mask=True))
    assert names(tmp_path) == [photo.name]


# --- size ----------------------------------------------------------------------------------------

_LARGE = """
import resource, sys
from pathlib import Path
import numpy as np
from PIL import Image
sys.path.insert(0, sys.argv[1])
from tests.engine.jobs.test_photo import FakeUnmasker
from ecgan.engine.jobs.photo import unmask_photo
from ecgan.engine.jobs.report import UnmaskOptions
folder = Path(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unmask_photo(FakeUnmasker(), folder / "in.jpg", folder / "o.jpg", UnmaskOptions(save_mask=True))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_24_megapixels_need_a_few_times_their_own_memory(tmp_path: Path) -> None:
    width, height = 6000, 4000
    rows = np.linspace(0, 255, height).astype(np.uint8)[:, None, None]
    picture = np.broadcast_to(rows, (height, width, 3))
    Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / "in.jpg", quality=60)
    done = subprocess.run(
        [sys.executable, "-c", _LARGE, str(Path(__file__).parents[3]), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    photos = int(done.stdout) * unit / (width * height * 3)
    # samples, the painted copy, the blend weights (4/3), Pillow's own copy (4/3), and some room
    assert photos < 5.5


# --- with the networks ---------------------------------------------------------------------------


def test_the_whole_way_with_networks(unmasker: Unmasker, masked_photo: U8, tmp_path: Path) -> None:
    Image.fromarray(masked_photo).save(tmp_path / "a.png")
    options = UnmaskOptions(expression="happy", save_mask=True)
    report = unmask_photo(unmasker, tmp_path / "a.png", tmp_path / "a.unmasked.png", options)
    assert (report.faces, report.changed, report.status) == (1, 1, "written")
    after = pixels(tmp_path / "a.unmasked.png")
    alpha = pixels(tmp_path / "a.mask.png")
    assert (after != masked_photo).any(axis=2).sum() > 500
    direct = unmasker.unmask(masked_photo, "happy")
    assert np.array_equal(after, direct.image)
    assert np.array_equal(alpha, np.rint(direct.mask * 255).astype(np.uint8))
    assert np.array_equal(after[direct.mask == 0], masked_photo[direct.mask == 0])


def test_all_and_preview_with_networks(
    unmasker: Unmasker, masked_photo: U8, tmp_path: Path
) -> None:
    Image.fromarray(masked_photo).save(tmp_path / "a.png")
    unmask_photo(
        unmasker, tmp_path / "a.png", tmp_path / "all.jpg", UnmaskOptions(expression="all")
    )
    sheet = pixels(tmp_path / "all.jpg")
    cell = (sheet.shape[1] - 64) // 7
    cells = [sheet[8:-8, 8 + i * (cell + 8) :][:, :cell].astype(int) for i in range(7)]
    assert all(np.abs(cells[i] - cells[i + 1]).max() > 20 for i in range(6))
    report = preview_photo(unmasker, tmp_path / "a.png", tmp_path / "p.png", UnmaskOptions())
    assert report.faces == 1
    with pytest.raises(OptionError, match="face '5' is not there"):
        unmask_photo(unmasker, tmp_path / "a.png", tmp_path / "b.png", UnmaskOptions(faces="5"))


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_a_tiny_picture_has_no_face(
    unmasker: Unmasker, tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, "pink").save(tmp_path / "a.png")
    with pytest.raises(NoFaceError):
        unmask_photo(unmasker, tmp_path / "a.png", tmp_path / "o.png", UnmaskOptions())
