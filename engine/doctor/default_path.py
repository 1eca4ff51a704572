"""``ecgan unmask PHOTO`` with nothing but defaults, on a small portrait that ships for this."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..errors import EcganError
from .base import Finding, Status, failed

PORTRAIT = Path(__file__).with_name("portrait.jpg")
"""From the example portrait (by NASA, public domain) with a drawn mask."""


def unmask_a_portrait() -> list[Finding]:
    """Read, detect, segment, paint, write, and read again."""
    subject = "default path"
    try:
        told = _unmask()
    except EcganError as error:
        return [failed(subject, error)]
    return [Finding(subject, Status.OK, told)]


def _unmask() -> str:
    from ..jobs.photo import unmask_photo
    from ..jobs.report import UnmaskOptions
    from ..media.images import read_image
    from ..pipeline import Unmasker

    with tempfile.TemporaryDirectory() as folder:
        source = Path(shutil.copy(PORTRAIT, folder))
        target = source.with_name("unmasked.jpg")
        with Unmasker() as unmasker:
            report = unmask_photo(unmasker, source, target, UnmaskOptions())
            ran = unmasker.describe()
        if report.changed != 1:
            raise EcganError(
                f"of one masked face in a small portrait {report.masked} were seen and "
                f"{report.changed} painted",
                hint="pip install --force-reinstall ecgan",
            )
        still = read_image(target, UnmaskOptions.max_pixels)
    height, width = still.rgb.shape[:2]
    return (
        f"a portrait of {width}x{height} was unmasked: {ran['generator']} by {ran['backend']} on "
        f"{ran['device']}, faces by {ran['detector']} on {ran['detector_device']}"
    )
