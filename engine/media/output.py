"""Where results go: checks before any work is done, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError, system_reason

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_STEM_CHARACTERS = 60  # a name near the file system's limit must leave room for ".part"


def check_output(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written, before any work is done.

    Args:
        source: The input; it is never replaced, whatever ``overwrite`` says.
        target: The output.
        overwrite: Whether an existing output may be replaced.

    Raises:
        OutputError: The output is the input (also through a link or another spelling), is a folder,
            exists already, or lies where nothing can be written.
    """
    if target.is_dir():
        raise OutputError(f"output '{target}' is a folder; expected a file name")
    if target.exists():
        if source.exists() and target.samefile(source):
            raise OutputError(
                f"output '{target}' is the input; an input is never replaced",
                hint="give another name with -o",
            )
        if not overwrite:
            raise OutputError(f"output '{target}' exists", hint="--overwrite replaces it")
    folder = target.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, so '{target}' cannot be written below it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _denied(folder)


def mask_path(target: Path, suffix: str) -> Path:
    """Where the mask of an output goes: NAME.mask and the suffix, beside it."""
    return target.with_name(f"{target.stem.removesuffix('.unmasked')}.mask{suffix}")


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A file that appears under its name only when it is complete and on the disk.

    Makes the missing folders. Whatever interrupts the block, Ctrl-C included, leaves neither a half
    file nor a changed old one.

    Args:
        target: The final name.

    Yields:
        A hidden path in the same folder; write the whole content there.

    Raises:
        OutputError: An ``OSError`` in the block or while renaming: disk full, no permission, ...
    """
    part = target.with_name(f".{target.name[:_STEM_CHARACTERS]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(error, target) from error
    finally:
        with suppress(OSError):  # must not hide the error that brought us here
            part.unlink(missing_ok=True)


def write_atomic(target: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        OutputError: It cannot be written; nothing is left behind.
    """
    with atomic_file(target) as part:
        part.write_bytes(content)


def output_error(error: OSError, target: Path) -> OutputError:
    """The message for an ``OSError`` met while writing ``target``."""
    if error.errno in _FULL:
        return OutputError(
            f"disk full while writing '{target}'; nothing was left behind",
            hint="free some space, or write elsewhere",
        )
    if error.errno in _DENIED:
        return _denied(target.parent)
    return OutputError(f"cannot write '{target}': {system_reason(error)}")


def _denied(folder: Path) -> OutputError:
    return OutputError(
        f"folder '{folder}' is not writable", hint="write elsewhere, or change its rights"
    )
