"""Every result says that it is synthetic, in the place where each format keeps such words."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.media.images import read_image, write_image
from ecgan.engine.media.provenance import (
    SOURCE_TYPE,
    comment_text,
    make_mark,
    make_xmp,
    parse_mark,
    sidecar_path,
)

from .marks import read_mark

LIMIT = 1_000_000
MARK = make_mark("happy:0.7,surprise:0.3")
EXISTING = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Camera 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:ie="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    ie:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    dc:format="image/jpeg">
   <dc:creator><rdf:Seq><rdf:li>Zoë &amp; Søn</rdf:li></rdf:Seq></dc:creator>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def picture(path: Path, **options: object) -> Path:
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".avif"])
def test_the_mark_is_read_back_in_every_format(tmp_path: Path, suffix: str) -> None:
    still = read_image(picture(tmp_path / f"in{suffix}"), LIMIT)
    assert read_mark(tmp_path / f"in{suffix}") is None
    write_image(tmp_path / f"o{suffix}", still, [], MARK)
    found = read_mark(tmp_path / f"o{suffix}")
    assert found == MARK
    assert found is not None
    assert found.source_type.endswith("/digitalsourcetype/compositeWithTrainedAlgorithmicMedia")
    assert (found.software, found.expression) == ("ecgan", "happy:0.7,surprise:0.3")
    assert found.version[0].isdigit()


def test_it_lies_where_other_software_looks(tmp_path: Path) -> None:
    needle = SOURCE_TYPE.encode()
    for suffix, place in (
        (".jpg", b"\xff\xe1"),
        (".png", b"iTXtXML:com.adobe.xmp\0"),
        (".webp", b"XMP "),
        (".tiff", b""),
    ):
        target = tmp_path / f"o{suffix}"
        write_image(target, read_image(picture(tmp_path / f"in{suffix}"), LIMIT), [], MARK)
        content = target.read_bytes()
        assert place in content
        assert content.count(needle) == 1
    with Image.open(tmp_path / "o.tiff") as image:
        assert needle in image.tag_v2[700]


def test_bmp_has_a_file_beside_it_and_says_so(tmp_path: Path) -> None:
    target = tmp_path / "a.unmasked.bmp"
    notes = write_image(target, read_image(picture(tmp_path / "a.bmp"), LIMIT), [], MARK)
    assert sidecar_path(target) == tmp_path / "a.unmasked.xmp"
    assert notes == [f"BMP files hold no mark: it lies beside, in '{tmp_path}/a.unmasked.xmp'"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".avif"])
def test_nothing_is_added_when_not_wanted(tmp_path: Path, suffix: str) -> None:
    still = read_image(picture(tmp_path / f"in{suffix}"), LIMIT)
    write_image(tmp_path / f"o{suffix}", still, [], None)
    assert read_mark(tmp_path / f"o{suffix}") is None
    assert b"ecgan" not in (tmp_path / f"o{suffix}").read_bytes()
    assert not sidecar_path(tmp_path / f"o{suffix}").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_an_existing_packet_is_kept_around_the_mark(tmp_path: Path, suffix: str) -> None:
    source = picture(tmp_path / "in.jpg", xmp=EXISTING)
    write_image(tmp_path / f"o{suffix}", read_image(source, LIMIT), [], MARK)
    assert read_mark(tmp_path / f"o{suffix}") == MARK
    with Image.open(tmp_path / f"o{suffix}") as image:
        packet = image.info["xmp"]
    text = packet.decode()
    assert "Zoë &amp; Søn" in text
    assert 'x:xmptk="Camera 1.0"' in text
    assert "digitalCapture" not in text


def test_unmasking_twice_leaves_one_mark(tmp_path: Path) -> None:
    once = make_xmp(make_mark("sad"), EXISTING)
    twice = make_xmp(MARK, once)
    assert parse_mark(twice) == MARK
    assert twice.count(b":DigitalSourceType>") == 2  # one pair of tags
    assert "Zoë" in twice.decode()


@pytest.mark.parametrize(
    "existing",
    [
        b"",
        b"no xml",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        EXISTING[:300],
        EXISTING.replace(b"&amp;", b"&"),
        "<rdf:RDF/>".encode("utf-16"),
        b"\xff\xfe\xfa",
    ],
)
def test_a_broken_packet_is_replaced(existing: bytes) -> None:
    packet = make_xmp(MARK, existing)
    assert parse_mark(packet) == MARK
    text = packet.decode().split("?>", 1)[1].rsplit("<?xpacket", 1)[0]
    ElementTree.fromstring(text.strip())


def test_a_packet_too_long_for_jpeg_gives_way_to_the_mark(tmp_path: Path) -> None:
    long = EXISTING.replace(b"Camera 1.0", b"C" * 66_000)
    source = picture(tmp_path / "in.webp", xmp=long)
    notes = write_image(tmp_path / "o.jpg", read_image(source, LIMIT), [], MARK)
    assert len(notes) == 1
    assert "does not fit a JPEG file" in notes[0]
    assert read_mark(tmp_path / "o.jpg") == MARK


def test_other_words_for_the_source_are_no_mark_of_ours() -> None:
    found = parse_mark(EXISTING)
    assert found is not None
    assert found.source_type.endswith("digitalCapture")
    assert found.software == ""


def test_expressions_with_markup_characters_survive() -> None:
    odd = make_mark('<a> & "b"')
    assert parse_mark(make_xmp(odd)) == odd
    assert parse_mark(make_xmp(odd, EXISTING)) == odd


def test_the_comment_for_videos_names_tool_expression_and_type() -> None:
    text = comment_text(make_mark("sad"))
    assert text.startswith("ecgan ")
    assert "expression=sad" in text
    assert text.endswith(SOURCE_TYPE)
