"""Find the files a user means: single files, folders, globs; and name what each becomes.

What a file is gets decided by its first bytes, then by its extension, so a PNG named .jpg works and
a text file named .jpg still gets an error that says what is wrong with it.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EcganError, InputError, OptionError, OutputError, system_reason
from ..media.output import mask_path

IMAGE = "image"
VIDEO = "video"
UNKNOWN = "unknown"

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".avif",
    ".heic", ".heif", ".gif",
})
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts",
    ".wmv", ".flv", ".3gp", ".ogv",
})
# fmt: on
UNWRITABLE_SUFFIXES = VIDEO_SUFFIXES | {".gif"}
"""Extensions that a picture cannot be written under."""
STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
H264_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv"})
OWN_MARKS = (".unmasked", ".mask", ".preview")
"""Ends of the stems that this program gives its outputs."""


@dataclass(frozen=True)
class Source:
    """One file to work on.

    Attributes:
        path: The file as the user named it, or as it was found.
        kind: "image", "video", or "unknown" where ``problem`` says why.
        relative: Its place below the folder it was found in; the bare name of a named file.
        named: The user named this very file.
        problem: Why it cannot be used; None for a file that looks fine.
    """

    path: Path
    kind: str
    relative: Path
    named: bool
    problem: EcganError | None = None


@dataclass(frozen=True)
class Task:
    """A source and the file it becomes."""

    source: Source
    target: Path


# --- kinds -------------------------------------------------------------------------------------


def kind_of(path: Path) -> str | None:
    """What a file is: "image", "video", or None for anything else.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(400)
    return _kind_of_bytes(head) or _kind_of_suffix(path.suffix)


def _kind_of_bytes(head: bytes) -> str | None:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")):
        return IMAGE
    if head[:4] == b"RIFF":
        return {b"WEBP": IMAGE, b"AVI ": VIDEO}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return IMAGE if head[8:12] in STILL_BRANDS else VIDEO
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return IMAGE
    if head.startswith((b"\x1a\x45\xdf\xa3", b"FLV\x01", b"\0\0\x01\xba", b"\x30\x26\xb2\x75")):
        return VIDEO
    is_transport_stream = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return VIDEO if is_transport_stream else None


def _kind_of_suffix(suffix: str) -> str | None:
    if suffix.lower() in IMAGE_SUFFIXES:
        return IMAGE
    return VIDEO if suffix.lower() in VIDEO_SUFFIXES else None


# --- finding -----------------------------------------------------------------------------------


def collect(inputs: Sequence[str], output: Path | None = None) -> list[Source]:
    """Find the files behind the user's arguments.

    Folders are walked with their subfolders. Hidden files, files that are neither picture nor video,
    this program's own outputs (``*.unmasked.*``, ``*.mask.*``, ``*.preview.*``) and everything
    inside the output folder are passed over; a file that was named is not.

    Args:
        inputs: Files, folders, and glob patterns.
        output: Where the results go; never read as an input.

    Returns:
        Each file once, in the order of the arguments, sorted by name inside a folder. An argument
        that leads to nothing becomes a source with a ``problem``, so that it does not stop the rest.
    """
    outputs = output.resolve() if output is not None else None
    found: dict[Path, Source] = {}
    for text in inputs:
        for source in _expand(text, outputs):
            found.setdefault(source.path.resolve(), source)
    return _without_redone(list(found.values()))


def _expand(text: str, outputs: Path | None) -> Iterator[Source]:
    path = Path(text)
    try:
        if path.is_dir():
            found = list(_walk(path, outputs))
            missing = f"folder '{text}' holds no picture and no video"
        elif path.exists():
            found = [_named(path)]
            missing = ""
        elif glob.has_magic(text):
            found = list(_matches(text, outputs))
            missing = f"'{text}' matches no picture and no video"
        else:
            found = []
            missing = f"no file '{text}'"
    except OSError as error:
        found, missing = [], f"cannot read '{text}': {system_reason(error)}"
    if found:
        yield from found
    else:
        yield _broken(path, InputError(missing))


def _named(path: Path) -> Source:
    """A file the user named: taken whatever it is, with a problem if it cannot be used."""
    kind = kind_of(path) if path.is_file() else None  # a pipe would be waited for without end
    if kind is None:
        return _broken(path, InputError(f"'{path}' is neither a picture nor a video"))
    return Source(path, kind, Path(path.name), named=True)


def _broken(path: Path, problem: EcganError) -> Source:
    return Source(path, UNKNOWN, Path(path.name), named=True, problem=problem)


def _walk(folder: Path, outputs: Path | None) -> Iterator[Source]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != outputs
        )
        for name in sorted(names):
            yield from _found(here / name, folder)


def _matches(pattern: str, outputs: Path | None) -> Iterator[Source]:
    """Files a glob matches, placed relative to the part of it that has no wildcard."""
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    for text in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  absolute patterns too
        path = Path(text)
        if outputs is not None and path.resolve().is_relative_to(outputs):
            continue
        if not path.is_dir():
            yield from _found(path, base)


def _found(path: Path, base: Path) -> Iterator[Source]:
    """A file that was come across: passed over unless it is a picture or video to work on."""
    if path.name.startswith(".") or is_own_output(path):
        return
    try:
        if not path.is_file() and path.exists():
            return  # a pipe or a socket
        kind = kind_of(path)
    except OSError as error:
        yield _broken(path, InputError(f"cannot read '{path}': {system_reason(error)}"))
        return
    if kind is not None:
        yield Source(path, kind, path.relative_to(base), named=False)


def is_own_output(path: Path) -> bool:
    """Whether a file's name is one that this program gives."""
    return Path(path.stem).suffix in OWN_MARKS


def _without_redone(sources: list[Source]) -> list[Source]:
    """Drop named outputs whose own source is named too.

    A shell turns ``*.jpg`` into a.jpg and a.unmasked.jpg; the second is the first one's result.
    """
    stems = {source.path.resolve().with_suffix("") for source in sources}
    return [
        source
        for source in sources
        if not is_own_output(source.path)
        or source.path.resolve().with_suffix("").with_suffix("") not in stems
    ]


# --- naming ------------------------------------------------------------------------------------


def plan_outputs(
    sources: Sequence[Source],
    output: Path | None = None,
    *,
    preview: bool = False,
    save_mask: bool = False,
) -> list[Task]:
    """Name the file that each source becomes.

    Without ``output`` that is NAME.unmasked.EXT beside the source; in an output folder, subfolders
    and names are kept. A preview is a PNG, NAME.preview.png.

    Args:
        sources: What ``collect`` found.
        output: A file, for one named source; else a folder, made when needed.
        preview: Plan numbered stills in place of unmasked files.
        save_mask: Masks are written too, and need names of their own.

    Raises:
        OptionError: ``output`` is a file but there are several sources, its kind does not fit, or
            two sources would become the same file or have the same mask.
        OutputError: A source would be replaced by a result.
    """
    folder = output is not None and _means_folder(sources, output)
    if output is not None and not folder:
        _check_output_file(sources, output, preview)
    tasks = []
    for source in sources:
        if output is None:
            target = source.path.with_name(_marked_name(source, preview))
        elif folder:
            name = _marked_name(source, preview) if preview else _kept_name(source)
            target = output / source.relative.parent / name
        else:
            target = output
        tasks.append(Task(source, target))
    _check_targets(tasks, save_mask)
    return tasks


def _means_folder(sources: Sequence[Source], output: Path) -> bool:
    if output.is_dir():
        return True
    alone = len(sources) == 1 and sources[0].named
    if not alone and (output.is_file() or _kind_of_suffix(output.suffix) is not None):
        raise OptionError(
            f"'{output}' is one file, but there are {len(sources)} results",
            hint="give a folder with -o; it is made when needed",
        )
    return not alone or not output.suffix


def _check_output_file(sources: Sequence[Source], output: Path, preview: bool) -> None:
    source = sources[0]
    expected = IMAGE if preview else source.kind
    kind = _kind_of_suffix(output.suffix)
    if output.suffix.lower() == ".gif":
        raise OptionError(
            f"'{output}' would be GIF, which is not written; expected .jpg, .png, .webp, .bmp, .tif "
            "or .avif"
        )
    if kind is None and not output.is_file():
        raise OptionError(
            f"'{output}' is not the name of a picture or video",
            hint="give the output a known extension, or make it a folder first",
        )
    if kind != expected and source.kind != UNKNOWN:
        word = "a picture" if source.kind == IMAGE else "a video"
        raise OptionError(f"'{source.path}' is {word}, so it cannot become '{output}'")


def _marked_name(source: Source, preview: bool) -> str:
    name = Path(_kept_name(source))
    return f"{name.stem}.preview.png" if preview else f"{name.stem}.unmasked{name.suffix}"


def _kept_name(source: Source) -> str:
    """The source's name, with an extension that can hold the result."""
    name = Path(source.path.name)
    if source.kind == VIDEO and name.suffix.lower() not in H264_SUFFIXES:
        return name.with_suffix(".mkv").name
    if source.kind == IMAGE and name.suffix.lower() in UNWRITABLE_SUFFIXES:
        return name.with_suffix(".png").name
    return name.name


def _check_targets(tasks: Sequence[Task], save_mask: bool) -> None:
    sources = {task.source.path.resolve() for task in tasks}
    claimed: dict[Path, Path] = {}
    for task in tasks:
        for output in (task.target, *_mask_targets(task, save_mask)):
            target = output.resolve()
            if target in sources or _is_same_file(output, task.source.path):
                raise OutputError(
                    f"output '{output}' is an input, and inputs are never replaced",
                    hint="choose another -o, or leave it out to get NAME.unmasked.EXT beside the "
                    "input",
                )
            if claimed.setdefault(target, task.source.path) != task.source.path:
                raise OptionError(
                    f"'{claimed[target]}' and '{task.source.path}' would both write '{output}'",
                    hint="unmask them in two runs with different -o folders",
                )


def _mask_targets(task: Task, save_mask: bool) -> list[Path]:
    if not save_mask or task.source.kind == UNKNOWN:
        return []
    return [mask_path(task.target, ".mp4" if task.source.kind == VIDEO else ".png")]


def _is_same_file(target: Path, source: Path) -> bool:
    """Also through links and on file systems that ignore case."""
    return target.exists() and source.exists() and target.samefile(source)
