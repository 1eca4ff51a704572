"""What the generator learns from: a face, what of it is to be painted, and which expression is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32

from .config import GeneratorConfig
from .data import FaceSet
from .data.hulls import HullPool
from .data.samples import draw_sample, source_weights
from .data.transplant import MouthDonors
from .data.worn import WornFace
from .holes import WornHoles, draw_hole


class GeneratorSamples:
    """Samples of the generator's training.

    Args:
        faces: The training split.
        config: The stage.
        conditions: ``FaceRecord.key`` -> (7,) float32 expression weights, for pictures without a label.
        worn: Real faces with masks, whose shapes are holes as well.

    Attributes:
        weights: (rows,) how often each row comes.
    """

    def __init__(
        self,
        faces: FaceSet,
        config: GeneratorConfig,
        conditions: Mapping[str, F32],
        worn: Sequence[WornFace] = (),
    ) -> None:
        self._faces, self._config, self._conditions = faces, config, conditions
        self.weights = source_weights(faces, config.shares, turned=config.turned)
        self._hulls, self._donors = HullPool(faces), MouthDonors(faces)
        self._worn = WornHoles(worn) if worn else None

    def draw(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One sample.

        Args:
            row: Of the set.
            rng: Source of all its randomness.

        Returns:
            ``face`` and ``target`` (S, S, 3) uint8: the picture, and what is to be painted;
            ``hole``, ``valid``, ``hull`` (S, S) float32: what is painted, what is photo, the
            face's outline; ``weights`` and ``own`` (7,) float32: the condition, and the picture's
            own expression where the sample is not without one; ``asked`` bool: whether the
            target has somebody else's mouth.
        """
        config = self._config
        sample = draw_sample(self._faces, row, rng, config.size, conditions=self._conditions)
        weights = own = sample.weights
        target, asked = sample.image, False
        if rng.random() < config.label_dropout:
            weights = own = np.zeros_like(weights)
        elif rng.random() < config.asked_share / max(1e-6, 1 - config.label_dropout):
            expression = int(rng.integers(len(EXPRESSIONS)))
            laid = self._donors.lay(sample, expression, rng)
            if laid is not None:
                weights = np.eye(len(EXPRESSIONS), dtype=np.float32)[expression]
                target, asked = laid, True
        return {
            "face": sample.image,
            "target": target,
            "hole": self._hole(sample.landmarks, rng),
            "valid": sample.valid,
            "hull": self._hulls.draw(sample.landmarks, config.size, rng) * sample.valid,
            "weights": weights,
            "own": own,
            "asked": np.array(asked),
        }

    def _hole(self, landmarks: F32, rng: np.random.Generator) -> F32:
        if self._worn is not None and rng.random() < self._config.photo_share:
            return self._worn.draw(landmarks, self._config.size, rng)
        return draw_hole(landmarks, self._config.size, rng)
