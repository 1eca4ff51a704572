"""Which files are taken, and what they become."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecgan.engine.errors import InputError, OptionError, OutputError
from ecgan.engine.jobs.inputs import (
    H264_SUFFIXES,
    IMAGE,
    IMAGE_SUFFIXES,
    UNKNOWN,
    VIDEO,
    VIDEO_SUFFIXES,
    Source,
    collect,
    kind_of,
    plan_outputs,
)
from ecgan.engine.media.encode import FORMATS
from ecgan.engine.media.writer import CONTAINERS

JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
MP4 = b"\0\0\0\x18ftypisom" + bytes(40)


def make(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(sources: list[Source], root: Path) -> list[str]:
    return [source.path.relative_to(root).as_posix() for source in sources]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jpg", JPEG, IMAGE),
        ("png_named.jpg", PNG, IMAGE),
        ("video_named.jpg", MP4, VIDEO),
        ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", IMAGE),
        ("a.avi", b"RIFF\x10\0\0\0AVI LIST", VIDEO),
        ("sound.wav", b"RIFF\x10\0\0\0WAVEfmt ", None),
        ("a.avif", b"\0\0\0\x1cftypavif\0\0\0\0", IMAGE),
        ("phone.heic", b"\0\0\0\x1cftypheic\0\0\0\0", IMAGE),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + bytes(20), VIDEO),
        ("a.bin", b"II*\0" + bytes(20), IMAGE),
        ("a.ts", (b"\x47" + bytes(187)) * 3, VIDEO),
        ("a.bmp", b"BM\x9a\0\0\0\0\0\0\0\x36\0", IMAGE),
        ("text.jpg", b"hello", IMAGE),
        ("empty.png", b"", IMAGE),
        ("empty.MP4", b"", VIDEO),
        ("notes.txt", b"hello", None),
        ("BM.txt", b"BMW and others", None),
    ],
)
def test_kind_comes_from_content_then_extension(
    tmp_path: Path, name: str, content: bytes, kind: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) == kind


def test_folder_is_walked_in_order_without_hidden_files_outputs_and_other_kinds(
    tmp_path: Path,
) -> None:
    make(
        tmp_path,
        {
            "b.jpg": JPEG,
            "a.png": PNG,
            "sub/deep/c d ü 漢.mp4": MP4,
            "notes.txt": b"text",
            ".hidden.jpg": JPEG,
            ".git/x.jpg": JPEG,
            "a.unmasked.png": PNG,
            "a.mask.png": PNG,
            "b.preview.png": PNG,
        },
    )
    found = collect([str(tmp_path)])
    assert names(found, tmp_path) == ["a.png", "b.jpg", "sub/deep/c d ü 漢.mp4"]
    assert found[2].relative == Path("sub/deep/c d ü 漢.mp4")


def test_output_folder_inside_the_input_is_never_read(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG, "out/a.jpg": JPEG, "out/sub/b.jpg": JPEG})
    assert names(collect([str(tmp_path)], tmp_path / "out"), tmp_path) == ["a.jpg"]
    pattern = str(tmp_path / "**" / "*.jpg")
    assert names(collect([pattern], tmp_path / "out"), tmp_path) == ["a.jpg"]


def test_glob_keeps_the_folders_below_its_fixed_part(tmp_path: Path) -> None:
    make(tmp_path, {"in/x/a.jpg": JPEG, "in/y/b.jpg": JPEG, "in/y/c.png": PNG})
    found = collect([str(tmp_path / "in" / "**" / "*.jpg")])
    assert [source.relative.as_posix() for source in found] == ["x/a.jpg", "y/b.jpg"]


def test_a_name_with_brackets_is_a_file_not_a_pattern(tmp_path: Path) -> None:
    make(tmp_path, {"photo [1].jpg": JPEG})
    assert names(collect([str(tmp_path / "photo [1].jpg")]), tmp_path) == ["photo [1].jpg"]


def test_a_file_meant_twice_is_taken_once(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG})
    assert len(collect([str(tmp_path), str(tmp_path / "a.jpg"), str(tmp_path / "*.jpg")])) == 1


def test_what_the_shell_expands_does_not_redo_results(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG, "a.unmasked.jpg": JPEG})
    both = [str(tmp_path / "a.jpg"), str(tmp_path / "a.unmasked.jpg")]
    assert names(collect(both), tmp_path) == ["a.jpg"]
    assert names(collect(both[1:]), tmp_path) == ["a.unmasked.jpg"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("missing.jpg", "no file '{}'"),
        ("empty", "folder '{}' holds no picture and no video"),
        ("*.jpg", "'{}' matches no picture and no video"),
        ("notes.txt", "'{}' is neither a picture nor a video"),
    ],
)
def test_an_argument_that_leads_nowhere_is_a_problem_that_stops_no_other(
    tmp_path: Path, argument: str, message: str
) -> None:
    make(tmp_path, {"empty/x.txt": b"", "notes.txt": b"text", "good.png": PNG})
    text = str(tmp_path / argument)
    bad, good = collect([text, str(tmp_path / "good.png")])
    assert isinstance(bad.problem, InputError)
    assert str(bad.problem) == message.format(text)
    assert bad.kind == UNKNOWN
    assert good.problem is None


def test_extensions_are_those_that_readers_and_writers_know() -> None:
    assert set(CONTAINERS) == H264_SUFFIXES < VIDEO_SUFFIXES
    assert set(FORMATS) <= IMAGE_SUFFIXES


# --- names of outputs --------------------------------------------------------------------------


def targets(inputs: list[Path], output: Path | None = None, *, preview: bool = False) -> list[Path]:
    sources = collect([str(path) for path in inputs], output)
    return [task.target for task in plan_outputs(sources, output, preview=preview)]


def test_default_output_is_marked_and_beside_the_input(tmp_path: Path) -> None:
    make(tmp_path, {"a.b.jpg": JPEG, "clip.mp4": MP4, "old.avi": b"RIFF\x10\0\0\0AVI LIST"})
    assert targets([tmp_path]) == [
        tmp_path / "a.b.unmasked.jpg",
        tmp_path / "clip.unmasked.mp4",
        tmp_path / "old.unmasked.mkv",
    ]
    assert targets([tmp_path / "clip.mp4"], preview=True) == [tmp_path / "clip.preview.png"]


def test_output_folder_keeps_subfolders_and_names(tmp_path: Path) -> None:
    make(tmp_path, {"in/a.jpg": JPEG, "in/sub/a.jpg": JPEG})
    out = tmp_path / "out"
    assert targets([tmp_path / "in"], out) == [out / "a.jpg", out / "sub" / "a.jpg"]


def test_one_file_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG})
    (tmp_path / "there.d").mkdir()
    source = [tmp_path / "a.jpg"]
    assert targets(source, tmp_path / "b.png") == [tmp_path / "b.png"]
    assert targets(source, tmp_path / "there.d") == [tmp_path / "there.d" / "a.jpg"]
    assert targets(source, tmp_path / "new") == [tmp_path / "new" / "a.jpg"]


def test_two_inputs_with_one_output_are_refused_by_name(tmp_path: Path) -> None:
    make(tmp_path, {"x/a.jpg": JPEG, "y/a.jpg": JPEG})
    with pytest.raises(OptionError, match=r"a\.jpg' and .*a\.jpg' would both write") as refused:
        targets([tmp_path / "x", tmp_path / "y"], tmp_path / "out")
    assert str(tmp_path / "x" / "a.jpg") in str(refused.value)
    assert str(tmp_path / "y" / "a.jpg") in str(refused.value)


def test_two_inputs_with_one_mask_are_refused_where_masks_are_written(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG, "a.png": PNG, "a.mp4": MP4})
    sources = collect([str(tmp_path)])
    assert len(plan_outputs(sources)) == 3
    with pytest.raises(OptionError, match=r"a\.jpg' and .*a\.png' would both write .*a\.mask\.png"):
        plan_outputs(sources, save_mask=True)
    assert len(plan_outputs(collect([str(tmp_path / "a.[jm]p*")]), save_mask=True)) == 2


def test_a_picture_under_another_kinds_name_gets_a_name_that_fits(tmp_path: Path) -> None:
    make(tmp_path, {"a.mp4": JPEG, "b.gif": PNG, "c": JPEG})
    assert targets([tmp_path]) == [
        tmp_path / "a.unmasked.png",
        tmp_path / "b.unmasked.png",
        tmp_path / "c.unmasked",
    ]


@pytest.mark.parametrize("output", ["a.jpg", ".", "link.jpg", "sub/../a.jpg"])
def test_an_input_is_never_an_output(tmp_path: Path, output: str) -> None:
    make(tmp_path, {"a.jpg": JPEG, "sub/x.txt": b""})
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="inputs are never replaced"):
        targets([tmp_path / "a.jpg"], tmp_path / output)


def test_an_output_that_is_another_input_is_refused(tmp_path: Path) -> None:
    make(tmp_path, {"in/a.jpg": JPEG, "out/a.jpg": JPEG})
    with pytest.raises(OutputError, match="is an input"):
        targets([tmp_path / "in" / "a.jpg", tmp_path / "out" / "a.jpg"], tmp_path / "out")


@pytest.mark.parametrize("output", ["out.mp4", "out.txt", "out.gif"])
def test_a_photo_cannot_become_another_kind(tmp_path: Path, output: str) -> None:
    make(tmp_path, {"a.jpg": JPEG})
    with pytest.raises(OptionError, match="out") as refused:
        targets([tmp_path / "a.jpg"], tmp_path / output)
    assert output != "out.mp4" or "a.jpg' is a picture, so it cannot become" in str(refused.value)


def test_several_inputs_cannot_become_one_file(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG, "b.jpg": JPEG})
    with pytest.raises(OptionError, match="is one file, but there are 2"):
        targets([tmp_path / "a.jpg", tmp_path / "b.jpg"], tmp_path / "out.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": JPEG})
    os.mkfifo(tmp_path / "pipe.jpg")
    assert names(collect([str(tmp_path)]), tmp_path) == ["a.jpg"]
    assert names(collect([str(tmp_path / "*.jpg")]), tmp_path) == ["a.jpg"]
    (named,) = collect([str(tmp_path / "pipe.jpg")])
    assert "is neither a picture nor a video" in str(named.problem)
