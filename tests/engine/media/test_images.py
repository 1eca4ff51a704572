"""Photos in and out: samples, orientation, and what may change (only the paint)."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from ecgan.engine.errors import MediaError, OutputError
from ecgan.engine.media import png
from ecgan.engine.media.images import check_format, read_image, write_image
from ecgan.engine.media.metadata import Metadata
from ecgan.engine.media.provenance import make_mark
from ecgan.engine.media.tiff import encode_tiff
from ecgan.engine.types import U8, Patch

from .marks import read_mark

LIMIT = 10_000_000
MARK = make_mark("happy")
PAINT = (200.0, 150.0, 120.0)

STORED_FROM_UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera's picture lies in the file for each EXIF orientation (EXIF 2.3, 4.6.4)."""


def smooth(width: int = 64, height: int = 40) -> U8:
    """A picture without symmetry that lossy formats keep well."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = (40 + 180 * x / width, 200 - 150 * y / height, 60 + 120 * x * y / (width * height))
    return np.rint(np.dstack(planes)).astype(np.uint8)


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def patch(x: int = 20, y: int = 10) -> Patch:
    """Skin-coloured paint, full in the middle, soft to nothing before the borders of its box."""
    rows, columns = np.mgrid[:16, :24].astype(np.float32)
    distance = np.hypot((rows - 7.5) / 8, (columns - 11.5) / 12)
    alpha = np.clip((0.9 - distance) / 0.4, 0, 1).astype(np.float32)
    return Patch(x, y, np.full((16, 24, 3), PAINT, np.float32), alpha)


def untouched(shape: tuple[int, ...], one: Patch) -> np.ndarray:
    """Where no paint may show."""
    keep = np.ones(shape[:2], bool)
    height, width = one.alpha.shape
    keep[one.y : one.y + height, one.x : one.x + width] = one.alpha == 0
    return keep


def middle(samples: np.ndarray, one: Patch) -> np.ndarray:
    """A sample where the paint is full."""
    return samples[one.y + 8, one.x + 12]


def with_orientation(image: Image.Image, orientation: int) -> Image.Image:
    turn = STORED_FROM_UPRIGHT[orientation]
    return image if turn is None else image.transpose(turn)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


# --- orientation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.tiff", {"compression": "tiff_lzw"}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.jpg", {"quality": 98, "subsampling": 0}, 4),
        ("a.avif", {"quality": 95, "subsampling": "4:4:4"}, 8),
    ],
)
def test_every_orientation_is_read_and_written_upright(
    tmp_path: Path, orientation: int, name: str, options: dict[str, object], tolerance: int
) -> None:
    upright = smooth()
    stored = with_orientation(Image.fromarray(upright), orientation)
    stored.save(tmp_path / name, exif=exif(orientation), **options)

    still = read_image(tmp_path / name, LIMIT)
    assert still.rgb.shape == upright.shape
    assert np.abs(still.rgb.astype(int) - upright).max() <= tolerance

    target = tmp_path / f"out{Path(name).suffix}"
    write_image(target, still, [], MARK)
    with Image.open(target) as image:
        assert image.size == (64, 40)
        assert image.getexif().get(0x0112, 1) == 1
        written = np.asarray(image.convert("RGB"))
    assert np.abs(written.astype(int) - upright).max() <= 2 * tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_every_orientation_of_16_bit_pictures_is_exact(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    upright = noise(40, 64, 3, dtype=np.uint16)
    # the table above applied to numbers of pixels, since Pillow has no 16-bit RGB
    places = Image.fromarray(np.arange(40 * 64, dtype=np.int32).reshape(40, 64), "I")
    order = np.asarray(with_orientation(places, orientation))
    stored = np.ascontiguousarray(upright.reshape(-1, 3)[order])
    if suffix == ".png":
        block = exif(orientation).tobytes()[6:]
        content = png.insert_chunks(png.encode_16bit(stored), [(b"eXIf", block)])
    else:
        tag = struct.pack("<HHL", 0x0112, 3, 1)
        content = encode_tiff(stored, "RGB", Metadata(), None)
        content = content.replace(tag + b"\x01\0", tag + bytes([orientation, 0]))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert np.array_equal(read_image(path, LIMIT).samples, upright)


def test_orientation_in_xmp_alone_is_obeyed_and_set_to_upright(tmp_path: Path) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    upright = smooth()
    with_orientation(Image.fromarray(upright), 6).save(
        tmp_path / "a.jpg", xmp=packet, quality=98, subsampling=0
    )
    still = read_image(tmp_path / "a.jpg", LIMIT)
    assert np.abs(still.rgb.astype(int) - upright).max() <= 4
    write_image(tmp_path / "b.jpg", still, [], MARK)
    again = read_image(tmp_path / "b.jpg", LIMIT)
    assert again.rgb.shape == upright.shape


# --- only the paint changes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "channels", "suffix"),
    [
        ("L", 1, ".png"),
        ("LA", 2, ".png"),
        ("RGB", 3, ".png"),
        ("RGBA", 4, ".png"),
        ("L", 1, ".tiff"),
        ("LA", 2, ".tiff"),
        ("RGB", 3, ".tiff"),
        ("RGBA", 4, ".tiff"),
        ("CMYK", 4, ".tiff"),
        ("L", 1, ".bmp"),
        ("RGB", 3, ".bmp"),
        ("RGB", 3, ".webp"),
        ("RGBA", 4, ".webp"),
    ],
)
def test_samples_outside_the_paint_stay_bit_for_bit(
    tmp_path: Path, mode: str, channels: int, suffix: str
) -> None:
    samples = noise(40, 64, channels)
    samples = samples[..., 0] if channels == 1 else samples
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.frombuffer(mode, (64, 40), samples, "raw", mode, 0, 1).save(source, **options)

    still = read_image(source, LIMIT)
    assert still.mode == mode
    write_image(target, still, [patch()], MARK)

    with Image.open(target) as image:
        assert image.mode == mode
        written = np.asarray(image)
    keep = untouched(samples.shape, patch())
    assert np.array_equal(written[keep], samples[keep])
    assert not np.array_equal(written, samples)
    if mode in ("LA", "RGBA"):
        assert np.array_equal(written[..., -1], samples[..., -1])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_samples_stay_16_bit(tmp_path: Path, channels: int, suffix: str) -> None:
    samples = noise(40, 64, channels, dtype=np.uint16)
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    assert cv2.imwrite(str(source), samples)
    stored = samples[..., 0] if channels == 1 else samples

    still = read_image(source, LIMIT)
    assert still.is_deep
    assert still.notes == ()
    write_image(target, still, [patch()], MARK)

    written = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    keep = untouched(samples.shape, patch())
    assert np.array_equal(written[keep], stored[keep])
    grey = float(np.dot(PAINT, (0.299, 0.587, 0.114)))
    expected = [grey] if channels == 1 else [PAINT[2], PAINT[1], PAINT[0]]
    painted = np.atleast_1d(middle(written, patch()))[: len(expected)]
    assert np.abs(painted - np.array(expected) * 257).max() <= 1


def test_16_bit_grey_with_transparency_stays_in_png(tmp_path: Path) -> None:
    samples = noise(40, 64, 2, dtype=np.uint16)
    (tmp_path / "in.png").write_bytes(png.encode_16bit(samples))
    still = read_image(tmp_path / "in.png", LIMIT)
    assert still.mode == "LA"
    assert np.array_equal(still.samples, samples)
    write_image(tmp_path / "out.png", still, [patch()], None)
    again = read_image(tmp_path / "out.png", LIMIT).samples
    keep = untouched(samples.shape, patch())
    assert np.array_equal(again[keep], samples[keep])
    assert np.array_equal(again[..., 1], samples[..., 1])


def test_16_bit_grey_of_small_range_is_visible_and_painted_in_its_range(tmp_path: Path) -> None:
    rows = np.linspace(291, 694, 40).astype(np.uint16)
    samples = np.repeat(rows[:, None], 64, axis=1)
    assert cv2.imwrite(str(tmp_path / "in.png"), samples)
    still = read_image(tmp_path / "in.png", LIMIT)
    assert still.rgb.min() <= 2
    assert still.rgb.max() >= 253
    assert "painted in that range" in still.notes[0]
    write_image(tmp_path / "out.png", still, [patch()], MARK)
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    grey = float(np.dot(PAINT, (0.299, 0.587, 0.114)))
    low, high = still.span
    assert abs(int(middle(written, patch())) - (low + grey / 255 * (high - low))) <= 1


def test_jpeg_hands_unchanged_samples_to_an_encoder_that_keeps_them_close(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "in.jpg", quality=95)
    still = read_image(tmp_path / "in.jpg", LIMIT)
    write_image(tmp_path / "out.jpg", still, [patch()], MARK)
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.layer[0][1:3] == (1, 1)  # luma sampled like chroma: 4:4:4
        written = np.asarray(image).astype(int)
    far = np.ones((40, 64), bool)
    far[8:32, 16:48] = False  # blocks of 8 that the paint reaches
    assert np.abs(written - still.rgb)[far].max() <= 4
    assert np.abs(middle(written, patch()) - PAINT).max() <= 8


def test_the_picture_read_is_not_changed_by_writing(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "in.png")
    still = read_image(tmp_path / "in.png", LIMIT)
    before = still.samples.copy()
    write_image(tmp_path / "out.png", still, [patch()], MARK)
    assert np.array_equal(still.samples, before)


# --- modes ---------------------------------------------------------------------------------------


def test_cmyk_jpeg_stays_cmyk_and_paint_has_its_colour(tmp_path: Path) -> None:
    inks = np.dstack([smooth(), np.full((40, 64), 60, np.uint8)])
    image = Image.frombuffer("CMYK", (64, 40), inks, "raw", "CMYK", 0, 1)
    image.save(tmp_path / "in.jpg", quality=98, subsampling=0)
    still = read_image(tmp_path / "in.jpg", LIMIT)
    assert still.mode == "CMYK"
    write_image(tmp_path / "out.jpg", still, [patch()], MARK)
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.mode == "CMYK"
        shown = np.asarray(written.convert("RGB")).astype(int)
        samples = np.asarray(written).astype(int)
    assert np.abs(middle(shown, patch()) - PAINT).max() <= 8
    far = np.ones((40, 64), bool)
    far[8:32, 16:48] = False
    assert np.abs(samples - inks)[far].max() <= 6
    # black is kept as far as the paint's brightness allows: 255 - 200
    assert abs(middle(samples, patch())[3] - 55) <= 4


def test_cmyk_with_profile_is_shown_and_painted_through_it(tmp_path: Path) -> None:
    profile = cmyk_profile()
    inks = np.dstack([smooth(), np.full((40, 64), 40, np.uint8)])
    image = Image.frombuffer("CMYK", (64, 40), inks, "raw", "CMYK", 0, 1)
    image.save(tmp_path / "in.tiff", icc_profile=profile)
    still = read_image(tmp_path / "in.tiff", LIMIT)
    naive = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(still.rgb - naive).mean() > 10

    write_image(tmp_path / "out.tiff", still, [patch()], MARK)
    again = read_image(tmp_path / "out.tiff", LIMIT)
    assert again.metadata.icc == profile
    keep = untouched((40, 64), patch())
    assert np.array_equal(again.samples[keep], inks[keep])
    # the test profile's coarse grid alone is worth 6 of 255
    assert np.abs(middle(again.rgb, patch()) - PAINT).max() <= 10


def test_cmyk_becomes_srgb_where_the_format_asks_for_it(tmp_path: Path) -> None:
    image = Image.frombuffer("CMYK", (64, 40), noise(40, 64, 4), "raw", "CMYK", 0, 1)
    image.save(tmp_path / "in.tiff", icc_profile=cmyk_profile())
    still = read_image(tmp_path / "in.tiff", LIMIT)
    notes = write_image(tmp_path / "out.png", still, [], MARK)
    assert notes == ["PNG files hold no CMYK: written as RGB"]
    with Image.open(tmp_path / "out.png") as written:
        assert np.array_equal(np.asarray(written), still.rgb)
        assert written.info["icc_profile"][16:20] == b"RGB "


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_becomes_rgb_or_rgba_and_says_so(tmp_path: Path, transparent: bool) -> None:
    image = Image.fromarray(smooth()).quantize(16)
    options = {"transparency": bytes([0, 128] + [255] * 14)} if transparent else {}
    image.save(tmp_path / "in.png", **options)
    still = read_image(tmp_path / "in.png", LIMIT)
    mode = "RGBA" if transparent else "RGB"
    assert still.mode == mode
    assert still.notes == (f"palette picture becomes {mode}",)
    with Image.open(tmp_path / "in.png") as stored:
        assert np.array_equal(still.samples, np.asarray(stored.convert(mode)))


def test_one_bit_becomes_grey_and_says_so(tmp_path: Path) -> None:
    bits = noise(40, 64) > 127
    Image.fromarray(bits).save(tmp_path / "in.png")
    still = read_image(tmp_path / "in.png", LIMIT)
    assert still.mode == "L"
    assert np.array_equal(still.samples, bits * np.uint8(255))
    assert still.notes == ("1-bit picture becomes 8-bit grey",)


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("RGB", (90, 80, 70))])
def test_a_colour_that_means_transparent_becomes_alpha(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...]
) -> None:
    image = Image.new(mode, (8, 8), colour)
    image.putpixel((1, 1), 5 if mode == "L" else (5, 5, 5))
    image.save(tmp_path / "in.png", transparency=colour)
    still = read_image(tmp_path / "in.png", LIMIT)
    assert still.mode == mode + "A"
    assert still.samples[0, 0, -1] == 0
    assert still.samples[1, 1, -1] == 255


def test_transparency_is_laid_on_white_for_jpeg_and_said(tmp_path: Path) -> None:
    samples = np.zeros((8, 8, 4), np.uint8)
    samples[:4, :, 3] = 255
    Image.fromarray(samples).save(tmp_path / "in.png")
    notes = write_image(tmp_path / "o.jpg", read_image(tmp_path / "in.png", LIMIT), [], None)
    assert notes == ["JPEG files hold no RGBA: written as RGB, transparency laid on white"]
    written = read_image(tmp_path / "o.jpg", LIMIT).rgb
    assert written[0].max() <= 8
    assert written[7].min() >= 247


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(".jpg", "L"), (".png", "L"), (".webp", "RGB"), (".bmp", "L"), (".tiff", "L"), (".avif", "L")],
)
def test_grey_goes_to_every_format(tmp_path: Path, suffix: str, mode: str) -> None:
    Image.fromarray(smooth()[..., 0]).save(tmp_path / "in.png")
    still = read_image(tmp_path / "in.png", LIMIT)
    notes = write_image(tmp_path / f"o{suffix}", still, [], None)
    assert (notes == []) == (mode == "L")
    with Image.open(tmp_path / f"o{suffix}") as written:
        shown = np.asarray(written.convert("L")).astype(int)
    assert np.abs(shown - still.samples).max() <= 6


def test_16_bit_becomes_8_for_jpeg_and_says_so(tmp_path: Path) -> None:
    deep = smooth().astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "in.png"), deep[..., ::-1])
    still = read_image(tmp_path / "in.png", LIMIT)
    assert np.array_equal(still.rgb, smooth())
    notes = write_image(tmp_path / "o.jpg", still, [], None)
    assert notes == ["16 bits a sample become 8, the most that JPEG files hold here"]
    assert np.abs(read_image(tmp_path / "o.jpg", LIMIT).rgb.astype(int) - smooth()).max() <= 6


def test_bmp_keeps_transparency(tmp_path: Path) -> None:
    samples = noise(5, 7, 4)
    Image.fromarray(samples).save(tmp_path / "in.png")
    write_image(tmp_path / "o.bmp", read_image(tmp_path / "in.png", LIMIT), [], None)
    with Image.open(tmp_path / "o.bmp") as written:
        assert np.array_equal(np.asarray(written), samples)
    by_opencv = cv2.imread(str(tmp_path / "o.bmp"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(by_opencv[..., [2, 1, 0, 3]], samples)


def test_only_the_first_of_several_pictures_is_used_and_said(tmp_path: Path) -> None:
    first, second = Image.fromarray(smooth()), Image.new("RGB", (64, 40), "red")
    for name in ("a.png", "a.webp", "a.tiff"):
        options = {"lossless": True} if name == "a.webp" else {}
        first.save(tmp_path / name, save_all=True, append_images=[second], **options)
        still = read_image(tmp_path / name, LIMIT)
        assert np.array_equal(still.rgb, smooth()), name
        assert still.notes == ("only the first of its 2 pictures is used",), name


def test_multi_picture_jpeg_of_a_phone_is_a_jpeg(tmp_path: Path) -> None:
    first, second = Image.fromarray(smooth()), Image.new("RGB", (64, 40), "red")
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    still = read_image(tmp_path / "a.jpg", LIMIT)
    assert still.format == "JPEG"
    assert write_image(tmp_path / "o.jpg", still, [patch()], MARK) == []
    with Image.open(tmp_path / "o.jpg") as written:
        assert written.format == "JPEG"


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2)])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".avif"])
def test_tiny_pictures_pass(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    Image.new("RGB", size, (90, 80, 70)).save(tmp_path / f"in{suffix}")
    still = read_image(tmp_path / f"in{suffix}", LIMIT)
    write_image(tmp_path / f"o{suffix}", still, [], MARK)
    assert read_image(tmp_path / f"o{suffix}", LIMIT).rgb.shape == (size[1], size[0], 3)


# --- formats and names ---------------------------------------------------------------------------


def test_lossless_webp_stays_lossless_and_lossy_does_not_grow(tmp_path: Path) -> None:
    Image.fromarray(noise(40, 64, 3)).save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(smooth()).save(tmp_path / "b.webp", quality=80)
    assert read_image(tmp_path / "a.webp", LIMIT).metadata.lossless
    assert not read_image(tmp_path / "b.webp", LIMIT).metadata.lossless


@pytest.mark.parametrize("name", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("deep", [False, True])
def test_tiff_keeps_its_compression(tmp_path: Path, name: str, deep: bool) -> None:
    samples = noise(40, 64, 3, dtype=np.uint16 if deep else np.uint8)
    content = encode_tiff(samples, "RGB", Metadata(compression=name, predictor=1), None)
    (tmp_path / "in.tiff").write_bytes(content)
    write_image(tmp_path / "o.tiff", read_image(tmp_path / "in.tiff", LIMIT), [], MARK)
    with Image.open(tmp_path / "o.tiff") as image:
        assert image.info["compression"] == name
    assert np.array_equal(read_image(tmp_path / "o.tiff", LIMIT).samples, samples)


def test_tiff_with_jpeg_inside_is_stored_without_loss(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "in.tiff", compression="jpeg")
    still = read_image(tmp_path / "in.tiff", LIMIT)
    write_image(tmp_path / "o.tiff", still, [], MARK)
    assert np.array_equal(read_image(tmp_path / "o.tiff", LIMIT).samples, still.samples)


def test_big_endian_tiff_is_read(tmp_path: Path) -> None:
    grey = noise(40, 64, dtype=np.uint16)
    Image.frombytes("I;16B", (64, 40), grey.astype(">u2").tobytes()).save(tmp_path / "a.tiff")
    assert (tmp_path / "a.tiff").read_bytes()[:2] == b"MM"
    assert np.array_equal(read_image(tmp_path / "a.tiff", LIMIT).samples, grey)


def test_png_named_jpg_is_read_and_written_as_its_name_says(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "photo.jpg", "PNG")
    still = read_image(tmp_path / "photo.jpg", LIMIT)
    assert still.format == "PNG"
    assert np.array_equal(still.rgb, smooth())
    notes = write_image(tmp_path / "photo.unmasked.jpg", still, [], MARK)
    assert notes == ["it is PNG by content; written as JPEG, as named"]
    with Image.open(tmp_path / "photo.unmasked.jpg") as image:
        assert image.format == "JPEG"


def test_unknown_extension_keeps_the_format_and_says_so(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "photo", "PNG")
    still = read_image(tmp_path / "photo", LIMIT)
    notes = write_image(tmp_path / "photo.unmasked", still, [], MARK)
    assert notes == ["'photo.unmasked' names no picture format: written as PNG"]


@pytest.mark.parametrize("name", ["two words.jpg", "Größe.png", "写真 顔.webp", "é'\"&.tiff"])
def test_any_name_works(tmp_path: Path, name: str) -> None:
    Image.fromarray(smooth()).save(tmp_path / name)
    still = read_image(tmp_path / name, LIMIT)
    target = tmp_path / f"out {name}"
    write_image(target, still, [patch()], MARK)
    assert read_mark(target) == MARK


def test_a_picture_too_large_for_the_format_is_one_error(tmp_path: Path) -> None:
    Image.new("L", (16_384, 1)).save(tmp_path / "a.png")
    still = read_image(tmp_path / "a.png", LIMIT)
    with pytest.raises(OutputError, match="16384 x 1 pixels cannot be written as WEBP") as caught:
        write_image(tmp_path / "o.webp", still, [], MARK)
    assert "-o" in str(caught.value.hint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


# --- bad input -----------------------------------------------------------------------------------


def bad_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def picture_bytes(kind: str, samples: np.ndarray | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(200, 300, 3) if samples is None else samples).save(buffer, kind)
    return buffer.getvalue()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no file '.*none\.jpg'"):
        read_image(tmp_path / "none.jpg", LIMIT)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder; expected a picture file"):
        read_image(tmp_path, LIMIT)


def test_no_bytes(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"is empty \(0 bytes\)"):
        read_image(bad_file(tmp_path / "a.jpg", b""), LIMIT)


@pytest.mark.parametrize("content", [b"hello, this is text\n", b"\0", b"\xff" * 300])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(MediaError, match="is not a picture; expected JPEG, PNG, WebP"):
        read_image(bad_file(tmp_path / "a.jpg", content), LIMIT)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bad_file(tmp_path / "a.jpg", b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match="cannot be read: permission denied"):
        read_image(path, LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_cut_off(tmp_path: Path, kind: str, share: float) -> None:
    content = picture_bytes(kind)
    path = bad_file(tmp_path / "a.jpg", content[: int(len(content) * share)])
    with pytest.raises(MediaError, match=r"cut off or broken") as caught:
        read_image(path, LIMIT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_cut_off_16_bit(tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cv2.imwrite(str(tmp_path / f"in{suffix}"), noise(200, 300, 3, dtype=np.uint16))
    content = (tmp_path / f"in{suffix}").read_bytes()
    path = bad_file(tmp_path / f"a{suffix}", content[: len(content) // 2])
    capfd.readouterr()
    with pytest.raises(MediaError, match="cut off or broken"):
        read_image(path, LIMIT)
    assert capfd.readouterr().err == ""


def test_damaged_files_never_raise_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = tmp_path / "a.jpg"
    small = smooth(24, 16)
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"):
        content = picture_bytes(kind, small)
        for _ in range(25):
            damaged = bytearray(content)
            for place in rng.integers(0, len(damaged), 4):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(MediaError):
                read_image(path, 1_000_000)


def test_more_pixels_than_allowed_names_the_option_that_helps(tmp_path: Path) -> None:
    Image.new("L", (100, 90)).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="100 x 90 = 9000 pixels; at most 8999") as caught:
        read_image(tmp_path / "a.png", 8999)
    assert caught.value.hint == "--max-pixels 9000"
    assert read_image(tmp_path / "a.png", 9000).rgb.shape == (90, 100, 3)


def test_200_megapixels_are_refused_before_decoding(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    path = bad_file(tmp_path / "a.png", png.SIGNATURE + chunk + bytes(4) + b"IDAT" + bytes(8))
    with pytest.raises(MediaError, match="20000 x 10000 = 200000000 pixels") as caught:
        read_image(path, 100_000_000)
    assert caught.value.hint == "--max-pixels 200000000"


def test_pillows_own_limit_is_neither_needed_nor_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("L", (100, 90)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", LIMIT).rgb.shape == (90, 100, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_heic_without_plugin_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(MediaError, match="is HEIC, which needs a plugin") as caught:
        read_image(bad_file(tmp_path / "a.jpg", head), LIMIT)
    assert caught.value.hint == "pip install pillow-heif"
    with pytest.raises(OutputError, match="is HEIC, which needs a plugin"):
        check_format(tmp_path / "o.heic")


@pytest.mark.parametrize(
    ("content", "kind"), [(b"GIF89a" + bytes(50), "GIF"), (b"%PDF-1.7\n", "PDF")]
)
def test_other_kinds_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(MediaError, match=f"is {kind}; expected JPEG") as caught:
        read_image(bad_file(tmp_path / "a.gif", content), LIMIT)
    assert caught.value.hint == "convert it to PNG first"


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_samples_that_cannot_be_painted_are_one_error(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.tiff")
    with pytest.raises(MediaError, match=f"samples of kind '{mode}'"):
        read_image(tmp_path / "a.tiff", LIMIT)


# --- a CMYK profile made by hand -----------------------------------------------------------------


def cmyk_profile() -> bytes:
    """A small printer profile: dark inks over sRGB, tables both ways."""
    ink = np.linspace(0, 1, 9)
    c, m, y, k = np.meshgrid(ink, ink, ink, ink, indexing="ij")
    rgb = (1 - 0.8 * np.stack([c, m, y], -1)) * (1 - k)[..., None]
    to_lab = _table(4, 3, 9, _lab_bytes(rgb))
    level = np.linspace(0, 255, 17)
    lab = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1)
    inks = np.clip((1 - _rgb_of_lab(lab)) / 0.8, 0, 1)
    from_lab = _table(3, 4, 17, np.concatenate([inks, 0 * inks[..., :1]], -1) * 255)
    white = b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)
    tags = [(b"A2B0", to_lab), (b"B2A0", from_lab), (b"wtpt", white)]
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", offset + len(body), bytes(4), 0x02100000, b"prtr", b"CMYK", b"Lab "
    )
    head += (
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(0.9642, 1, 0.8249)
    )
    return head.ljust(128, b"\0") + table + body


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _table(inputs: int, outputs: int, grid: int, values: np.ndarray) -> bytes:
    straight = bytes(range(256))
    head = (
        b"mft1" + bytes(4) + bytes([inputs, outputs, grid, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    )
    samples = np.rint(values).astype(np.uint8).tobytes()
    return head + straight * inputs + samples + straight * outputs


_SRGB_TO_XYZ_D50 = np.array(
    [[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7139]]
)
_WHITE = np.array([0.9642, 1.0, 0.8249])


def _lab_bytes(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _SRGB_TO_XYZ_D50.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    return np.clip(np.stack([lab[0] * 2.55, lab[1] + 128, lab[2] + 128], -1), 0, 255)


def _rgb_of_lab(lab: np.ndarray) -> np.ndarray:
    fy = (lab[..., 0] / 2.55 + 16) / 116
    f = np.stack([fy + (lab[..., 1] - 128) / 500, fy, fy - (lab[..., 2] - 128) / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_SRGB_TO_XYZ_D50).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_the_profile_made_by_hand_is_one() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile()))
    assert profile.profile.xcolor_space.strip() == "CMYK"
