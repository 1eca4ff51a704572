"""Networks whose features evaluation compares, by name: for Frechet distances, distances, identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMissing, OptionError
from ecgan.engine.types import F32, U8

from ..losses.feature_networks import FEATURE_NETWORKS
from ..losses.perceptual import load_vgg19
from ..networks.teachers import PERCEPTUAL_FILE, RECOGNITION_FILE, load_face_recognition
from ..pictures import as_picture
from .inception import load_inception
from .judge import Judge

CLASSIFIER, IDENTITY, INCEPTION, VGG19 = "classifier", "identity", "inception", "vgg19"
FRECHET_NETWORKS = (CLASSIFIER, IDENTITY, INCEPTION, VGG19)
OUR_DISTANCE = "mobilenet-v2"
DISTANCE_WORDS = {
    "mobilenet-v2": "MobileNetV2 distance (not LPIPS)",
    "lpips-alex": "LPIPS (AlexNet)",
    "lpips-vgg": "LPIPS (VGG-16)",
}

Features = Callable[[U8], F32]
"""(N, 256, 256, 3) uint8 RGB -> (N, D) float32."""


@dataclass(frozen=True)
class Distance:
    """A distance of pictures on the maps of a network.

    Attributes:
        name: In ``DISTANCE_WORDS``.
        network: Gives maps, and their ``distance``.
    """

    name: str
    network: nn.Module

    def to_truth(self, outputs: U8, truth: U8, region: F32) -> tuple[F32, F32]:
        """Distance of N pictures to their truth, over a region and over the whole picture.

        Args:
            outputs: (N, S, S, 3) uint8 RGB.
            truth: (S, S, 3) uint8 RGB.
            region: (S, S) in [0, 1].

        Returns:
            Two (N,) float32.
        """
        with torch.inference_mode():
            maps = self.network(to_tensor(np.concatenate([truth[None], outputs])))
            wanted, found = [m[:1] for m in maps], [m[1:] for m in maps]
            weight = torch.from_numpy(region)[None, None]
            compare: Callable[..., Tensor] = self.network.distance  # type: ignore[assignment]
            inside = compare(found, wanted, weight=weight)
            return inside.numpy(), compare(found, wanted).numpy()


def to_tensor(pictures: U8) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [-1, 1]."""
    return as_picture(torch.from_numpy(np.ascontiguousarray(pictures)))


def open_distance(text: str | None, teachers: Path | None) -> Distance | None:
    """The distance that is asked for, else ours where its weights are had.

    Args:
        text: NAME=PATH of ``DISTANCE_WORDS``; None for ours.
        teachers: Folder with the weights of ours.

    Raises:
        OptionError: The name is unknown, or the path is missing.
        ModelMissing: The weights are not there.
        ModelMismatch: They are something else.
    """
    if text is None:
        path = None if teachers is None else teachers / PERCEPTUAL_FILE
        if path is None or not path.is_file():
            return None
        return Distance(OUR_DISTANCE, FEATURE_NETWORKS[OUR_DISTANCE](path))
    name, _, weights = text.partition("=")
    if name not in DISTANCE_WORDS or not weights:
        raise OptionError(
            f"distance '{text}' is not NAME=PATH", hint=f"NAME: {', '.join(DISTANCE_WORDS)}"
        )
    return Distance(name, FEATURE_NETWORKS[name](Path(weights)))


def open_identity(teachers: Path | None) -> Features | None:
    """Descriptors of who a face is, where the recognition network is had.

    Raises:
        ModelMismatch: The file is something else.
    """
    path = None if teachers is None else teachers / RECOGNITION_FILE
    if path is None or not path.is_file():
        return None
    return _by_torch(load_face_recognition(path))


def open_features(text: str, judge: Judge | None, teachers: Path | None) -> Features:
    """Features for a Frechet distance.

    Args:
        text: "classifier", "identity", "inception=PATH" or "vgg19=PATH".
        judge: The evaluation classifier; None where there is none.
        teachers: Folder with the recognition network.

    Raises:
        OptionError: The name is unknown, or a path is missing or too many.
        ModelMissing: The network is not there; says why.
        ModelMismatch: Its file holds something else.
    """
    name, given, weights = text.partition("=")
    needs_path = name in (INCEPTION, VGG19)
    if name not in FRECHET_NETWORKS or bool(given and weights) != needs_path:
        raise OptionError(
            f"unknown features '{text}' of a Frechet distance",
            hint="classifier, identity, inception=PATH, or vgg19=PATH",
        )
    if name == INCEPTION:
        return _by_torch(load_inception(Path(weights)))
    if name == VGG19:
        return _by_torch(load_vgg19(Path(weights)))
    if name == IDENTITY:
        found = open_identity(teachers)
        if found is None:
            raise ModelMissing(
                f"no '{RECOGNITION_FILE}' for the Frechet distance on identity",
                hint="name its folder with --teachers",
            )
        return found
    if judge is None:
        raise ModelMissing(
            "the Frechet distance on the evaluation classifier cannot be had: there is no classifier",
            hint="name a folder whose manifest has one: --classifier FOLDER",
        )
    return lambda pictures: judge.read(pictures).features


def _by_torch(network: nn.Module) -> Features:
    def run(pictures: U8) -> F32:
        with torch.inference_mode():
            found = network(to_tensor(pictures))
            # VGG-19 gives maps: the last one's mean over positions
            vectors = found[-1].mean((2, 3)) if isinstance(found, list) else found
            return np.asarray(vectors.numpy(), np.float32)

    return run
