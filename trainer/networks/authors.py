"""Reading the checkpoints that the paper's own training code saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ecgan.engine.errors import ModelMismatch

from .ecgan import Ecgan, EcganBaseline

GENERATOR_KEY = "gen"


def generator_of(document: Any, path: Path) -> Ecgan:
    """Build the generator that a checkpoint of the authors' code holds, in evaluation mode.

    The file names no settings, so the input range is the user's to know: the published data set feeds
    ImageNet-normalised pictures, everything else [-1, 1].

    Args:
        document: What ``load_checkpoint`` read: ``gen`` and, beside it, discriminators and optimisers.
        path: Its name, for messages.

    Returns:
        ``Ecgan``, or ``EcganBaseline`` if the file has no label table.

    Raises:
        ModelMismatch: It is no checkpoint of the authors' code, or holds another network.
    """
    if not isinstance(document, dict):
        raise ModelMismatch(f"'{path}' holds a '{type(document).__name__}', expected a dictionary")
    if GENERATOR_KEY not in document:
        found = ", ".join(f"'{key}'" for key in list(document)[:6]) or "nothing"
        raise ModelMismatch(
            f"'{path}' has no '{GENERATOR_KEY}', found {found}",
            hint="expected a checkpoint of the paper's code, with 'gen', 'disc_whole', 'disc_mask'",
        )
    state = document[GENERATOR_KEY]
    if not isinstance(state, dict):
        raise ModelMismatch(f"'{GENERATOR_KEY}' of '{path}' is not a state dictionary")
    _check(state, path)
    network = _class_of(state)()
    network.load_state_dict(state)
    return network.eval()


def _class_of(state: dict[str, Tensor]) -> type[Ecgan]:
    return Ecgan if "label_emb.weight" in state else EcganBaseline


def _check(state: dict[str, Any], path: Path) -> None:
    network = _class_of(state)
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in network().state_dict().items()}
    missing = [name for name in wanted if name not in state]
    unknown = [name for name in state if name not in wanted]
    if missing or unknown:
        what, names = ("lacks", missing) if missing else ("has the unknown", unknown)
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ModelMismatch(f"generator of '{path}' {what} '{names[0]}'{more}")
    for name, shape in wanted.items():
        found = tuple(getattr(state[name], "shape", ()))
        if found != tuple(shape):
            raise ModelMismatch(
                f"'{name}' of '{path}' has shape '{found}', expected '{tuple(shape)}'"
            )
