"""Begin one of the paper's networks with the weights of another of nearly the same shape.

From the baseline to the network with an expression, for generator and discriminators, and from the
published shared batch norm to one for each dilation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch

from .ecgan import DILATIONS

TABLE, STEM, SHARED = "label_emb.weight", "upfeature.conv.weight", "atrous_conv.batchnorm."

LABEL_SHARE = 0.1
"""What a network that starts to see labels keeps of its own first weights for them."""


def begin_from_similar(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dictionary, filling in what only the network has.

    Args:
        network: ``Ecgan``, ``EcganBaseline`` or a patch discriminator.
        state: Of the same network, of its counterpart without labels, or with a shared batch norm.

    Raises:
        ModelMismatch: It is of another network.
    """
    own, given = network.state_dict(), dict(state)
    if TABLE in own and TABLE not in given:
        given |= _with_labels(own, given)
    if any(name.startswith(SHARED) for name in given) and f"{SHARED}weight" not in own:
        given = _with_own_norms(given)
    try:
        network.load_state_dict(given)
    except RuntimeError as error:
        raise ModelMismatch(
            f"the weights to start from are not those of a {type(network).__name__}"
        ) from error


def _with_labels(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The picture's columns as they are, the label's last and small: the picture stays what it was."""
    columns = own[STEM].clone() * LABEL_SHARE
    known = given.get(STEM, columns)
    seen = min(known.shape[1], columns.shape[1])
    columns[:, :seen] = known[:, :seen]
    return {TABLE: own[TABLE], STEM: columns}


def _with_own_norms(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in given.items():
        if name.startswith(SHARED):
            for dilation in DILATIONS:
                own = name.replace(SHARED, f"atrous_conv.batchnorm{dilation}.")
                found[own] = torch.clone(tensor)
        else:
            found[name] = tensor
    return found
