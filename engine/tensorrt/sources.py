"""Which model files to build: by name from a manifest, or by path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from ..media.output import check_output
from ..models.manifest import MANIFEST_NAME, ModelEntry, load_manifest
from ..models.store import GENERATOR, SEGMENTER, model_folder, verified_path
from .network import FP32

SUFFIX = ".engine"


@dataclass(frozen=True)
class Source:
    """One model file to build.

    Attributes:
        path: The file, verified where a manifest names it.
        precision: What it has to compute in; None where nobody said.
    """

    path: Path
    precision: str | None

    @property
    def engine_name(self) -> str:
        """File name of its engine."""
        return self.path.with_suffix(SUFFIX).name


def find_sources(models: list[str], precision: str | None) -> list[Source]:
    """Model files by name or path.

    Args:
        models: Names of networks that ship, paths of .onnx files, or folders with a manifest as
            ``ecgan export`` writes them; empty for the networks that ship.
        precision: "fp32" or "fp16"; None for the fp32 file of a manifest, and for whatever a file
            that is given by its path computes in.

    Raises:
        OptionError: A name that does not ship, or a model without a file of that precision.
        ModelMissing: A file is not there.
        ModelMismatch: A file's bytes are not those its manifest names.
    """
    found = []
    for model in models or [str(model_folder())]:
        path = Path(model)
        if path.suffix == ".onnx":
            found.append(Source(path, precision))
        elif (path / MANIFEST_NAME).is_file():
            found += [_of_entry(path, entry, precision) for entry in _buildable(path)]
        else:
            found.append(_by_name(model, precision))
    return list(dict.fromkeys(found))


def plan_engines(
    sources: list[Source], output: Path | None, *, kept: Path, overwrite: bool
) -> dict[Path, Source]:
    """Where each engine goes, checked before anything is built.

    Args:
        sources: The models.
        output: A path that ends in ".engine" for one model, else a folder; None for where ``ecgan
            unmask`` looks: beside the model, and ``kept`` for networks that ship.
        kept: Folder of the user's engines.
        overwrite: Whether engines that exist may be replaced.

    Returns:
        Path of the engine -> its model.

    Raises:
        OptionError: Two engines would get the same path.
        OutputError: An engine cannot be written, or exists.
    """
    planned: dict[Path, Source] = {}
    for source in sources:
        named = output is not None and output.suffix == SUFFIX and not output.is_dir()
        folder = output or (kept if source.path.parent == model_folder() else source.path.parent)
        path = output if output and named else folder / source.engine_name
        if path in planned:
            raise OptionError(
                f"'{planned[path].path}' and '{source.path}' would both become '{path}'",
                hint="build them one after the other, each with its own -o",
            )
        check_output(source.path, path, overwrite=overwrite)
        planned[path] = source
    return planned


def _by_name(name: str, precision: str | None) -> Source:
    entries = {entry.name: entry for entry in _buildable(model_folder())}
    if name not in entries:
        raise OptionError(
            f"unknown model '{name}'; choose from {', '.join(entries)}, "
            "or give an .onnx file or a folder of ecgan export"
        )
    return _of_entry(model_folder(), entries[name], precision)


def _buildable(folder: Path) -> list[ModelEntry]:
    """What `--backend tensorrt` runs."""
    kinds = (SEGMENTER, GENERATOR)
    return [entry for entry in load_manifest(folder).models if entry.kind in kinds]


def _of_entry(folder: Path, entry: ModelEntry, precision: str | None) -> Source:
    wanted = precision or FP32
    return Source(verified_path(folder, entry, wanted), wanted)
