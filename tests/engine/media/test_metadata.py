"""EXIF, ICC, XMP, captions and resolution survive, format by format, and fit the upright picture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ecgan.engine.media import exif
from ecgan.engine.media.images import read_image, write_image
from ecgan.engine.media.provenance import make_mark, parse_mark

LIMIT = 1_000_000
MARK = make_mark("auto")
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = (".jpg", ".png", ".webp", ".tiff", ".avif")
MAKER_NOTE = b"PRIVATE\0" + bytes(range(40))


def exif_block(orientation: int = 1, endian: str = "<") -> bytes:
    """An EXIF block laid out by hand: maker, orientation, EXIF and GPS parts, and a thumbnail."""

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(endian + "HHL", tag, kind, count) + value.ljust(4, b"\0")

    def long(value: int) -> bytes:
        return struct.pack(endian + "L", value)

    def short(value: int) -> bytes:
        return struct.pack(endian + "H", value)

    maker = "Müller\0".encode("latin-1")
    ifd0_at, exif_at = 8, 8 + 2 + 12 * 4 + 4
    gps_at = exif_at + 2 + 12 * 4 + 4
    ifd1_at = gps_at + 2 + 12 * 1 + 4
    data_at = ifd1_at + 2 + 12 * 2 + 4
    date = b"2024:05:06 07:08:09\0"
    thumbnail = b"\xff\xd8old\xff\xd9"
    data = maker + b"\0" + date + MAKER_NOTE + thumbnail
    date_at, note_at = data_at + 8, data_at + 8 + 20
    ifd0 = short(4) + entry(0x010F, 2, 7, long(data_at)) + entry(0x0112, 3, 1, short(orientation))
    ifd0 += entry(0x8769, 4, 1, long(exif_at)) + entry(0x8825, 4, 1, long(gps_at)) + long(ifd1_at)
    sub = short(4) + entry(0x9003, 2, 20, long(date_at))
    sub += entry(0x927C, 7, len(MAKER_NOTE), long(note_at))
    sub += entry(0xA002, 4, 1, long(64)) + entry(0xA003, 4, 1, long(40)) + long(0)
    gps = short(1) + entry(0x0001, 2, 2, b"N\0") + long(0)
    ifd1 = short(2) + entry(0x0201, 4, 1, long(note_at + len(MAKER_NOTE)))
    ifd1 += entry(0x0202, 4, 1, long(len(thumbnail))) + long(0)
    head = (b"II*\0" if endian == "<" else b"MM\0*") + long(ifd0_at)
    return head + ifd0 + sub + gps + ifd1 + data


def photo(path: Path) -> Path:
    """A file with everything in it."""
    picture = Image.fromarray(np.full((40, 64, 3), 120, np.uint8))
    if path.suffix == ".tiff":
        tags = ImageFileDirectory_v2()
        tags[0x010F] = "Müller".encode("latin-1")
        tags[0x8769] = {0x9003: "2024:05:06 07:08:09", 0x927C: MAKER_NOTE}
        tags[0x8825] = {1: "N"}
        picture.save(path, tiffinfo=tags, icc_profile=ICC, dpi=(300, 300))
        return path
    block = b"Exif\0\0" + exif_block()
    if path.suffix == ".avif":
        block = b"Exif\0\0" + exif.without_orientation(exif_block())
    picture.save(path, exif=block, icc_profile=ICC, dpi=(300, 300))
    return path


def independent(path: Path) -> dict[int, bytes]:
    """What OpenCV finds: kind of metadata -> bytes."""
    if not hasattr(cv2, "imdecodeWithMetadata"):
        pytest.skip("this OpenCV reads no metadata")
    content = np.fromfile(path, np.uint8)
    _, kinds, blocks = cv2.imdecodeWithMetadata(content, flags=cv2.IMREAD_COLOR)
    return {int(kind): bytes(block) for kind, block in zip(kinds, blocks, strict=True)}


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_exif_and_profile_go_from_every_format_to_every_other(
    tmp_path: Path, source: str, target: str
) -> None:
    still = read_image(photo(tmp_path / f"in{source}"), LIMIT)
    write_image(tmp_path / f"o{target}", still, [], MARK)
    assert MAKER_NOTE in (tmp_path / f"o{target}").read_bytes()
    with Image.open(tmp_path / f"o{target}") as image:
        image.load()
        assert image.info["icc_profile"] == ICC
        found = image.getexif()
        assert found[0x010F] == "Müller"
        assert found.get(0x0112, 1) == 1
        assert found.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert found.get_ifd(0x8825)[1] == "N"
        if target in (".jpg", ".png", ".tiff") and source in (".jpg", ".png", ".tiff"):
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_another_library_finds_profile_exif_and_mark(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"o{suffix}", read_image(photo(tmp_path / "in.jpg"), LIMIT), [], MARK)
    found = independent(tmp_path / f"o{suffix}")
    assert b"M\xfcller" in found[cv2.IMAGE_METADATA_EXIF]
    if suffix != ".avif":  # OpenCV does not look for it there
        packet = found[cv2.IMAGE_METADATA_XMP].removeprefix(b"http://ns.adobe.com/xap/1.0/\0")
        assert parse_mark(packet) == MARK
    if cv2.IMAGE_METADATA_ICCP in found:
        assert found[cv2.IMAGE_METADATA_ICCP] == ICC


@pytest.mark.parametrize("endian", ["<", ">"])
def test_turning_changes_only_what_the_turn_makes_wrong(endian: str) -> None:
    block = exif_block(6, endian)
    assert exif.orientation_of(block) == 6
    upright = exif.upright_exif(block)
    assert len(upright) == len(block)
    differences = [i for i, (a, b) in enumerate(zip(block, upright, strict=True)) if a != b]
    # orientation, the link to the thumbnail, and the two sides that changed places
    assert len(differences) == 1 + 1 + 2
    before, after = exif.read_directory(block), exif.read_directory(upright)
    sides = {0xA002, 0xA003}
    assert after[0x0112].data == b"\1\0"
    sub_before, sub_after = before[0x8769].sub, after[0x8769].sub
    assert sub_before is not None
    assert sub_after is not None
    assert sub_after[0xA002].data == sub_before[0xA003].data == struct.pack("<L", 40)
    assert all(sub_before[tag] == sub_after[tag] for tag in sub_before if tag not in sides)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_directory_written_is_the_directory_read(endian: str) -> None:
    directory = exif.read_directory(exif_block(1, endian))
    assert exif.read_directory(exif.exif_bytes(directory)) == directory
    assert directory == exif.read_directory(exif_block(1, ">" if endian == "<" else "<"))


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_orientation_can_be_taken_out_without_moving_anything(endian: str) -> None:
    block = exif_block(6, endian)
    bare = exif.without_orientation(block)
    expected = exif.read_directory(block)
    del expected[0x0112]
    assert exif.read_directory(bare) == expected
    assert bare.index(MAKER_NOTE) == block.index(MAKER_NOTE)
    assert exif.without_orientation(bare) == bare


def test_the_old_thumbnail_is_gone(tmp_path: Path) -> None:
    still = read_image(photo(tmp_path / "in.jpg"), LIMIT)
    write_image(tmp_path / "o.jpg", still, [], MARK)
    with Image.open(tmp_path / "o.jpg") as image:
        assert image.getexif().get_ifd(1) == {}


@pytest.mark.parametrize(
    "block", [b"II*\0", b"garbage!", b"II*\0\xff\xff\xff\x7f", b"MM\0*" + b"\xff" * 60]
)
def test_broken_exif_is_left_out_and_said(tmp_path: Path, block: bytes) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + block)
    still = read_image(tmp_path / "in.jpg", LIMIT)
    assert still.notes == ("the EXIF block is broken and left out",)
    write_image(tmp_path / "o.jpg", still, [], MARK)
    with Image.open(tmp_path / "o.jpg") as image:
        assert "exif" not in image.info


def test_entries_that_point_to_one_large_place_do_not_fill_the_memory() -> None:
    size, count = 1 << 20, 200
    entries = b"".join(struct.pack("<HHLL", 1000 + i, 7, size, 8) for i in range(count))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + bytes(size)
    with pytest.raises(ValueError, match="too much data"):
        exif.read_directory(block)


def test_exif_too_long_for_jpeg_is_left_out_and_said(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "in.tiff", tiffinfo={270: "x" * 70_000})
    notes = write_image(tmp_path / "o.jpg", read_image(tmp_path / "in.tiff", LIMIT), [], MARK)
    assert len(notes) == 1
    assert "does not fit a JPEG file" in notes[0]


def test_captions_and_comments_of_a_jpeg_are_kept(tmp_path: Path) -> None:
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0a\x1c\x02\x05\0\x05title\0"
    segment = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    Image.new("RGB", (8, 8)).save(tmp_path / "in.jpg", comment="Grüße".encode(), extra=segment)
    write_image(tmp_path / "o.jpg", read_image(tmp_path / "in.jpg", LIMIT), [], MARK)
    with Image.open(tmp_path / "o.jpg") as image:
        assert image.info["comment"] == "Grüße".encode()
        assert ("APP13", iptc) in image.applist


def test_text_and_colour_chunks_of_a_png_are_kept(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Title", "old picture")
    info.add_itxt("Author", "Jürgen 写真")
    info.add(b"gAMA", struct.pack(">I", 45455))
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png", pnginfo=info)
    write_image(tmp_path / "o.png", read_image(tmp_path / "in.png", LIMIT), [], MARK)
    with Image.open(tmp_path / "o.png") as image:
        image.load()
        assert image.text["Title"] == "old picture"
        assert image.text["Author"] == "Jürgen 写真"
        assert image.info["gamma"] == pytest.approx(0.45455)


def test_private_tags_of_a_tiff_keep_type_and_bytes(tmp_path: Path) -> None:
    info = {270: "Zoë".encode(), 33432: "me", 65000: (1, 2, 3)}
    Image.new("RGB", (8, 8)).save(tmp_path / "in.tiff", tiffinfo=info, compression="tiff_lzw")
    before = exif.read_directory((tmp_path / "in.tiff").read_bytes())
    write_image(tmp_path / "o.tiff", read_image(tmp_path / "in.tiff", LIMIT), [], MARK)
    after = exif.read_directory((tmp_path / "o.tiff").read_bytes())
    for tag in info:
        assert after[tag] == before[tag], tag


def test_16_bit_pictures_keep_them_too(tmp_path: Path) -> None:
    from ecgan.engine.media import png
    from ecgan.engine.media.tiff import encode_tiff

    plain = read_image(photo(tmp_path / "in.png"), LIMIT)
    deep = np.full((40, 64, 3), 30_000, np.uint16)
    chunks = [png.profile_chunk(ICC), (b"eXIf", exif_block())]
    (tmp_path / "a.png").write_bytes(png.insert_chunks(png.encode_16bit(deep), chunks))
    (tmp_path / "a.tiff").write_bytes(encode_tiff(deep, "RGB", plain.metadata, None))
    for suffix in (".png", ".tiff"):
        still = read_image(tmp_path / f"a{suffix}", LIMIT)
        assert still.is_deep
        write_image(tmp_path / f"o{suffix}", still, [], MARK)
        with Image.open(tmp_path / f"o{suffix}") as image:
            image.load()
            assert image.info["icc_profile"] == ICC
            assert image.getexif()[0x010F] == "Müller"
            assert parse_mark(image.info["xmp"]) == MARK


def test_bmp_says_what_it_cannot_hold(tmp_path: Path) -> None:
    notes = write_image(tmp_path / "o.bmp", read_image(photo(tmp_path / "in.jpg"), LIMIT), [], None)
    assert notes == [
        "BMP files hold no EXIF: left out",
        "BMP files hold no colour profile: left out",
    ]


def test_a_profile_that_no_longer_fits_is_left_out_and_said(tmp_path: Path) -> None:
    grey_icc = bytearray(ICC)
    grey_icc[16:20] = b"GRAY"
    Image.new("L", (8, 8)).save(tmp_path / "in.png", icc_profile=bytes(grey_icc))
    notes = write_image(tmp_path / "o.webp", read_image(tmp_path / "in.png", LIMIT), [], None)
    assert notes[1] == "the colour profile does not fit RGB and is left out"
    with Image.open(io.BytesIO((tmp_path / "o.webp").read_bytes())) as image:
        assert "icc_profile" not in image.info
