"""HEIC, which phones write by default, through a plugin that is not part of the base install."""

from __future__ import annotations

HINT = "pip install pillow-heif"


def is_available() -> bool:
    """Whether Pillow can read and write HEIC; hooks the plugin in where it is installed."""
    try:
        import pillow_heif  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True
