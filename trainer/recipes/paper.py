"""The training of the paper (Sola and Gera 2023), for its network and its baseline.

What differs from the published code, and why, is in ``docs/paper.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ConfigError, DatasetError
from ecgan.engine.expressions import EXPRESSIONS

from ..config import LoopConfig
from ..data import FaceSet, load_data
from ..data.samples import source_weights
from ..losses.adversarial import bce_discriminator, bce_generator, composite
from ..losses.feature_networks import PerceptualLoss
from ..losses.reconstruction import reconstruction
from ..networks.ecgan import SMALLEST_SIDE, Ecgan, EcganBaseline
from ..networks.patch_discriminator import MaskDiscriminator, WholeDiscriminator
from ..networks.teachers import EXPRESSION_FILE, PERCEPTUAL_FILE, load_face_expression
from ..networks.warm_start import begin_from_similar
from ..pseudo_labels import read_expressions
from .base import Recipe, Samples, Validation, as_picture
from .paper_data import PaperSamples, judge, seen_by_network


@dataclass(frozen=True)
class PaperConfig(LoopConfig):
    """The paper's training; lengths and rates are those of its published code where it has them."""

    batch: int = 3
    samples: int = 109_200
    """36,400 steps, the number of the last published checkpoint."""
    warmup: int = 0
    decay_to: float = 1.0
    ema: float = 0.0
    precision: str = "fp32"
    learning_rate: float = 3e-4
    discriminator_rate: float = 1e-4
    size: int = 256
    """Side of the pictures, a multiple of 32."""
    width: int = 32
    """Channels at full size, a multiple of 8."""
    dropout: float = 0.5
    shared_norm: bool = False
    """One batch norm for all four dilations, as published: evaluation then differs from training."""
    balance: bool = False
    """Whether every expression comes equally often."""
    read_labels: bool = False
    """Whether to train on faces without a label too, with the expression a teacher reads in them."""
    weight_reconstruction: float = 100.0
    weight_perceptual: float = 100.0
    weight_whole: float = 0.3
    weight_mask: float = 0.7
    discriminator_every: int = 5
    """Steps from one update of the discriminators to the next."""
    mask_from: float = 0.5
    """Share of the run after which the mask discriminator joins."""
    feature_network: str = "mobilenet-v2"
    """What the perceptual term compares: mobilenet-v2, vgg19 (the paper's), lpips-alex, lpips-vgg."""
    feature_weights: str = ""
    """Its weights; empty for mobilenet_v2.npz of `teachers`."""
    teachers: str = "../shared/teachers"
    """Folder with the feature networks; empty to do without the perceptual term."""


class PaperRecipe(Recipe[PaperConfig]):
    """Generator, whole-face and mask discriminator.

    Args:
        config: The plan's values.

    Raises:
        ConfigError: A value that no network can be built with.
        ModelMissing: There are no weights for the perceptual term.
    """

    config_type = PaperConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "tiny": {
            "width": 8,
            "size": 64,
            "samples": 64,
            "batch": 4,
            "learning_rate": 1e-3,
            "discriminator_every": 2,
            "teachers": "",
            "threads": 1,
        },
    }
    generator_type: ClassVar[type[Ecgan]] = Ecgan

    def __init__(self, config: PaperConfig) -> None:
        super().__init__(config)
        _check(config)
        generator = self.generator_type(
            dropout=config.dropout, shared_norm=config.shared_norm, width=config.width
        )
        whole = WholeDiscriminator(classes=generator.classes)
        mask = MaskDiscriminator(classes=generator.classes)
        self.modules = {"generator": generator, "whole": whole, "mask": mask}
        rates = {
            "generator": config.learning_rate,
            "whole": config.discriminator_rate,
            "mask": config.discriminator_rate,
        }
        self.optimizers = {
            # fused: at 56 million weights the plain one takes a quarter of a step on a CPU
            name: torch.optim.Adam(module.parameters(), rates[name], fused=True)
            for name, module in self.modules.items()
        }
        if config.weight_perceptual and (config.feature_weights or config.teachers):
            path = Path(config.feature_weights or Path(config.teachers) / PERCEPTUAL_FILE)
            self.teachers["perceptual"] = PerceptualLoss(config.feature_network, path)
        self._conditions: dict[str, np.ndarray] = {}
        self._judged: FaceSet | None = None

    @property
    def knows_expressions(self) -> bool:
        """Whether the network is asked for an expression."""
        return bool(self.modules["generator"].classes)

    def open_data(self, run_dir: Path | None) -> Samples:
        """The faces of the training split; those without an expression only for the baseline."""
        cfg = self.config
        faces = load_data(cfg.data)
        if self.knows_expressions and cfg.read_labels and run_dir is not None:
            reader = load_face_expression(Path(cfg.teachers) / EXPRESSION_FILE)
            self._conditions = read_expressions(faces, reader, run_dir / "expressions.npz")
        train = self._usable(faces.select("train"))
        self._judged = self._usable(faces.select("val"))
        weights = source_weights(train, cfg.shares, balance=cfg.balance)
        return PaperSamples(train, weights, cfg.size, self._conditions)

    def _usable(self, faces: FaceSet) -> FaceSet:
        if not self.knows_expressions:
            return faces
        known = faces.where(lambda face: face.label >= 0 or face.key in self._conditions)
        if faces and not known:
            raise DatasetError(
                "no face has an expression, and this network learns from nothing else",
                hint="name labelled data, set read_labels = true, or train ecgan-baseline",
            )
        return known

    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        """One forward pass of the generator; then the discriminators when it is their turn; then it."""
        cfg = self.config
        face, masked = as_picture(batch["face"]), as_picture(batch["masked"])
        binary, label = batch["mask"][:, None] * 2 - 1, batch["weights"]
        picture = seen_by_network(masked, binary)
        fake = self.wrapped["generator"](picture, label).float()
        # where the picture is filling, not photo, the paint is not judged
        fake = torch.lerp(face, fake, batch["valid"][:, None])
        pasted = composite(masked, fake, binary)
        log: dict[str, Tensor] = {}
        judges = {"whole": (fake, cfg.weight_whole)}
        if seen >= cfg.mask_from * cfg.samples:
            judges["mask"] = (pasted, cfg.weight_mask)
        if (seen // cfg.batch) % cfg.discriminator_every == 0:
            for name, (painted, weight) in judges.items():
                log[f"d_{name}"] = self._teach(name, face, painted.detach(), picture, label, weight)
        loss = self._reconstruction(fake, face, log)
        with self.frozen(*judges):
            for name, (painted, weight) in judges.items():
                with self.autocast():
                    logits = self.modules[name](painted, picture, label)
                log[f"g_{name}"] = bce_generator(logits.float())
                loss = loss + weight * log[f"g_{name}"]
            log["norm"] = self.update("generator", loss)
        return {name: value.detach() for name, value in log.items()}

    def _reconstruction(self, fake: Tensor, face: Tensor, log: dict[str, Tensor]) -> Tensor:
        cfg = self.config
        log["reconstruction"] = reconstruction(fake, face)
        loss = cfg.weight_reconstruction * log["reconstruction"]
        if "perceptual" in self.teachers:
            with self.autocast():
                log["perceptual"] = self.teachers["perceptual"](fake, face).float()
            loss = loss + cfg.weight_perceptual * log["perceptual"]
        return loss

    def _teach(
        self, name: str, real: Tensor, fake: Tensor, picture: Tensor, label: Tensor, weight: float
    ) -> Tensor:
        """One update of a discriminator on real and painted faces of the same inputs."""
        pair, shown = torch.cat([real, fake]), picture.repeat(2, 1, 1, 1)
        logits = self.wrapped[name](pair, shown, label.repeat(2, 1)).float()
        loss = bce_discriminator(*logits.chunk(2))
        self.update(name, weight * loss)
        return loss

    def validate(self, network: nn.Module) -> Validation:
        """Over the masks of the validation split, each face asked for its own expression."""
        if self._judged is None:
            raise RuntimeError("open_data() comes before validate()")
        return judge(network, self._judged, self.config.size, self._conditions)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """A picture and weights of one face."""
        picture = torch.zeros(1, 6, self.config.size, self.config.size)
        return picture, torch.eye(len(EXPRESSIONS))[:1]

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """Take the weights of a run, or of a checkpoint of the paper's code; the baseline's too."""
        for name, keys in (
            ("generator", ("ema", "gen")),
            ("whole", ("whole", "disc_whole")),
            ("mask", ("mask", "disc_mask")),
        ):
            for key in keys:
                if key in state:
                    begin_from_similar(self.modules[name], state[key])


class BaselineRecipe(PaperRecipe):
    """The same without an expression, on all faces."""

    generator_type = EcganBaseline


def _check(config: PaperConfig) -> None:
    if config.size < SMALLEST_SIDE or config.size % SMALLEST_SIDE:
        raise ConfigError(f"size '{config.size}' is not a multiple of {SMALLEST_SIDE}")
    if config.width < 8 or config.width % 8:
        raise ConfigError(f"width '{config.width}' is not a multiple of 8")
    if config.feature_network != PaperConfig.feature_network and not config.feature_weights:
        raise ConfigError(
            f"feature_network '{config.feature_network}' has no weights",
            hint='name its file: feature_weights = "FILE" (docs/paper.md says how to get it)',
        )
