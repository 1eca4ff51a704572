"""Text tags of a video container: which are carried, and the mark of a synthetic composite."""

from __future__ import annotations

from collections.abc import Mapping

# Facts about the old file or its coding, not about the content.
_STALE_CONTAINER = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder"))
_STALE_STREAM = frozenset(
    ("duration", "bps", "number_of_frames", "number_of_bytes", "encoder", "vendor_id")
)
_STATISTICS = "_statistics"


def container_tags(tags: Mapping[str, str], mark: str | None) -> dict[str, str]:
    """Tags for the output: those of the input that are still true, and the mark.

    Args:
        tags: Tags of the input.
        mark: Text that says the video is synthetic, or None to say nothing. It is put into
            ``comment``, behind what stood there, and into ``description`` where that is free.
    """
    kept = {key: text for key, text in tags.items() if key.lower() not in _STALE_CONTAINER}
    if mark is None:
        return kept
    comment = next((text for key, text in kept.items() if key.lower() == "comment"), "")
    others = {key: text for key, text in kept.items() if key.lower() != "comment"}
    others["comment"] = comment if mark in comment else "\n".join(filter(None, [comment, mark]))
    if "description" not in {key.lower() for key in others}:
        others["description"] = mark
    return others


def stream_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of a stream that are still true in the output."""
    return {
        key: text
        for key, text in tags.items()
        if key.lower() not in _STALE_STREAM and not key.lower().startswith(_STATISTICS)
    }
