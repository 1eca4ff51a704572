"""The mark every result carries: it is a composite with synthetic parts, by which tool, how asked.

The mark is an XMP packet with IPTC's properties, which other software shows. An existing packet is
kept byte for byte, and the properties are put into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's word for a picture of which a trained model made a part."""

TOOL = "ecgan"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = '<?xpacket end="w"?>'
_OWN_NAMES = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed", "AIPromptInformation")
_RDF_END = re.compile(r"</(?:[\w.-]+:)?RDF\s*>")
_PACKET_MARKS = re.compile(r"<\?xpacket[^>]*\?>")


@dataclass(frozen=True)
class Mark:
    """What a marked file says about itself.

    Attributes:
        source_type: IPTC digital source type.
        software: Name of the tool.
        version: Its version.
        expression: What was asked for.
    """

    source_type: str
    software: str
    version: str
    expression: str


def make_mark(expression: str) -> Mark:
    """The mark of a result of this program.

    Args:
        expression: The request as the user wrote it.
    """
    return Mark(SOURCE_TYPE, TOOL, version(TOOL), expression)


def comment_text(mark: Mark) -> str:
    """The mark in one line, for containers that hold no XMP."""
    return (
        f"{mark.software} {mark.version}; expression={mark.expression}; "
        f"DigitalSourceType={mark.source_type}"
    )


def make_xmp(mark: Mark, existing: bytes | None = None) -> bytes:
    """An XMP packet with the mark.

    Args:
        mark: What to say.
        existing: The input's packet; everything in it is kept but an older mark. A packet that
            cannot be parsed is replaced.

    Returns:
        UTF-8 bytes of a packet that parses and gives the mark back.
    """
    values = zip(
        _OWN_NAMES,
        (mark.source_type, mark.software, mark.version, f"expression: {mark.expression}"),
        strict=True,
    )
    own = "".join(f"<Iptc4xmpExt:{name}>{escape(v)}</Iptc4xmpExt:{name}>" for name, v in values)
    description = (
        f'<rdf:Description xmlns:rdf="{_RDF}" xmlns:Iptc4xmpExt="{_IPTC}" rdf:about="">'
        f"{own}</rdf:Description>"
    )
    if existing is not None:
        merged = _merged(existing, description)
        if merged is not None and parse_mark(merged) == mark:
            return merged
    return (
        f'{_BEGIN}\n<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f"{description}</rdf:RDF></x:xmpmeta>\n{_END}"
    ).encode()


def _merged(existing: bytes, description: str) -> bytes | None:
    """The packet with the description put in; None where that is not possible."""
    try:
        text = existing.strip(b"\0 \r\n\t").decode("utf-8")
    except UnicodeDecodeError:
        return None
    for name in _OWN_NAMES:
        text = re.sub(rf"\s+[\w.-]+:{name}\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", text)
        text = re.sub(rf"<([\w.-]+:{name})(?:\s[^>]*)?>[^<]*</\1\s*>", "", text)
    ends = [match.start() for match in _RDF_END.finditer(text)]
    if not ends:
        return None
    return (text[: ends[-1]] + description + text[ends[-1] :]).encode()


def parse_mark(packet: bytes) -> Mark | None:
    """Find the mark in an XMP packet, written as attributes or as elements; None without one."""
    try:
        text = _PACKET_MARKS.sub("", packet.strip(b"\0 \r\n\t").decode("utf-8")).strip("\ufeff \n")
        root = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError):
        return None
    found: dict[str, str] = {}
    for place in root.iter(f"{{{_RDF}}}Description"):
        for name in _OWN_NAMES:
            key = f"{{{_IPTC}}}{name}"
            child = place.find(key)
            value = place.get(key) if child is None else (child.text or "")
            if value is not None:
                found[name] = value
    if "DigitalSourceType" not in found:
        return None
    source_type, software, number, request = (found.get(name, "") for name in _OWN_NAMES)
    return Mark(source_type, software, number, request.removeprefix("expression: "))


def sidecar_path(path: Path) -> Path:
    """Where the packet lies for a format that cannot hold one."""
    return path.with_suffix(".xmp")
