"""`ecgan-fast` with its two discriminators: one stage, read top to bottom.

A step: one forward pass of the generator; the discriminators learn to tell its composite from
the truth; then the generator learns from reconstruction, perception and from them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.networks import Networks
from ecgan.engine.types import CROP_SIZE

from ..config import PRESETS, GeneratorConfig
from ..data import FaceSet, load_data
from ..data.worn import WornFace, collect_worn
from ..generator_samples import GeneratorSamples
from ..losses.augment import Augment
from ..losses.feature_matching import feature_matching
from ..losses.logistic import gradient_penalty, logistic_discriminator, logistic_generator
from ..losses.region import gradient_l1, region_dissimilarity, region_l1
from ..networks.blocks import channels_last
from ..networks.fast import FastGenerator
from ..networks.teachers import load_face_expression, load_face_recognition, load_perceptual
from ..networks.window_discriminator import WindowDiscriminator, lower_face
from ..pseudo_labels import read_expressions
from ..validate import validate_generator
from .base import Recipe, Samples, Validation, as_picture

ASKED_RECONSTRUCTION = 0.5
"""Weight of the reconstruction at the mouth where another expression than the photo's own was asked."""

MOUTH, MOUTH_RADII = (127.0, 180.0), (50.0, 44.0)
"""Ellipse of the 256 px crop inside which an expression moves the lower face most."""

SURE = 0.8
"""Weight of an expression from which it counts as known."""

MISMATCH = 0.5
"""Weight of real faces under wrong labels in the discriminator's loss."""

PENALTY_EVERY = 16
"""Steps from one gradient penalty of the discriminators to the next."""

JUDGES = ("whole", "lower")


class GeneratorRecipe(Recipe[GeneratorConfig]):
    """Trunk alone at 64 px, or the whole network at 128 or 256 px, with discriminators of that size.

    Args:
        config: The stage.

    Raises:
        ModelMissing: A teacher's weights are not there.
    """

    config_type = GeneratorConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS["ecgan-fast"]
    chains: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "fast": ("recon", "coarse", "labelled", "exact", "fine")
    }

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        generator = channels_last(FastGenerator(config.widths, config.head))
        fine = config.size > 64
        self.modules = {
            "generator": generator,
            "whole": channels_last(
                WindowDiscriminator((32, 64, 128, 192, 192) if fine else (48, 96, 192, 192))
            ),
            "lower": channels_last(
                WindowDiscriminator((32, 64, 128, 192) if fine else (48, 96, 192))
            ),
        }
        head = set(generator.head.parameters())
        trunk = [p for p in generator.parameters() if p not in head]
        groups: list[dict[str, Any]] = [
            {"params": trunk, "lr": config.learning_rate * config.trunk_rate},
            {"params": list(generator.head.parameters())},
        ]
        self.optimizers = {
            "generator": torch.optim.Adam(groups, config.learning_rate, betas=(0.5, 0.99)),
            "judges": torch.optim.Adam(
                [p for name in JUDGES for p in self.modules[name].parameters()],
                config.discriminator_rate,
                betas=(0.0, 0.99),
            ),
        }
        if fine:  # few faces a step: their statistics would shake what the coarse stage has learnt
            for module in generator.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        else:  # several processes wait for every gradient, and these come with the fine stage
            for part in (generator.head, generator.detail):
                part.requires_grad_(False)
        self.teachers = _load_teachers(config)
        self._faces: FaceSet | None = None

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """The averaged weights; the discriminators' too where they saw pictures of this size."""
        super().begin_from(state)
        if state["config"]["size"] == self.config.size:
            for name in JUDGES:
                self.modules[name].load_state_dict(state[name])

    def open_data(self, run_dir: Path | None) -> Samples:
        """All faces; those without a label get the expression that a teacher reads in them."""
        cfg = self.config
        self._faces = load_data(cfg.data)
        conditions: dict[str, np.ndarray] = {}
        if cfg.teachers and run_dir is not None:
            reader = load_face_expression(Path(cfg.teachers) / "face_expression.npz")
            conditions = read_expressions(self._faces, reader, run_dir / "expressions.npz")
        worn: list[WornFace] = []
        if cfg.photos:
            with Networks() as networks:
                worn = collect_worn(Path(cfg.photos), networks.segmenter.masks)
        return GeneratorSamples(self._faces.select("train"), cfg, conditions, worn)

    def validate(self, network: nn.Module) -> Validation:
        """Figures for `auto`, and a sheet with the seven expressions."""
        if self._faces is None:
            raise RuntimeError("open_data() comes before validate()")
        return validate_generator(network, self._faces, self.config.size)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Picture, hole and weights of one face."""
        picture = torch.zeros(1, 3, CROP_SIZE, CROP_SIZE)
        return picture, picture[:, :1], torch.zeros(1, len(EXPRESSIONS))

    # --- one step ----------------------------------------------------------------------------

    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        """One update of all networks; returns the losses."""
        cfg = self.config
        face, target = as_picture(batch["face"]), as_picture(batch["target"])
        hole, valid, hull = (batch[key][:, None] for key in ("hole", "valid", "hull"))
        weights, own, asked = batch["weights"], batch["own"], batch["asked"]
        adversarial = seen >= cfg.reconstruction_only
        output, coarse = (part.float() for part in self.wrapped["generator"](face, hole, weights))
        # where the picture is filling, not photo, the paint is not judged
        painted = hole * valid
        fake = face * (1 - painted) + output * painted
        log: dict[str, Tensor] = {}
        if adversarial:
            shown = torch.where((weights.sum(1) > 0)[:, None, None, None], hull, 1.0)
            penalised = (seen // cfg.batch) % PENALTY_EVERY == 0
            log |= self._teach_judges(face, fake.detach(), painted, shown, own, weights, penalised)
        apart = _apart_from_expression(face.shape[-1]).to(self.device)
        region = painted * torch.where(asked[:, None, None, None], apart, 1.0)
        log |= self._reconstruction(output, coarse, target, region)
        loss = cfg.weight_l1 * log["l1"] + cfg.weight_gradient * log["gradient"]
        if cfg.weight_ssim:
            reduce = max(1, face.shape[-1] // 128)
            log["ssim"] = region_dissimilarity(
                *(F.avg_pool2d(x, reduce) for x in (fake, target, region))
            )
            loss = loss + cfg.weight_ssim * log["ssim"]
        if "coarse" in log:
            loss = loss + cfg.weight_l1 * log["coarse"]
        with self.frozen(*JUDGES):
            if adversarial:
                log["g"], log["feature"] = self._judged(face, fake, painted, shown, weights, asked)
                loss = loss + cfg.weight_adversarial * log["g"]
                loss = loss + cfg.weight_feature * log["feature"]
                for name, weight, value in self._perception(fake, target, painted):
                    log[name] = value
                    loss = loss + weight * value
            log["norm"] = self.update("generator", loss, clip=cfg.clip)
        return {name: value.detach() for name, value in log.items()}

    def _reconstruction(
        self, output: Tensor, coarse: Tensor, face: Tensor, region: Tensor
    ) -> dict[str, Tensor]:
        found = {
            "l1": region_l1(output, face, region),
            "gradient": gradient_l1(output, face, region),
        }
        reduce = face.shape[-1] // coarse.shape[-1]
        if reduce > 1:
            small, share = (F.avg_pool2d(x, reduce) for x in (face, region))
            found["coarse"] = region_l1(coarse, small, share)
        return found

    def _views(
        self, picture: Tensor, draw: Augment, hole: Tensor, shown: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """What the two discriminators see of a picture: whole face (128 px at most), lower face."""
        picture, hole, shown = draw.picture(picture), draw.shift(hole), draw.shift(shown)
        if picture.shape[-1] > 128:
            whole = F.avg_pool2d(picture, 2), F.avg_pool2d(hole, 2)
        else:
            whole = picture, hole
        return [whole, (lower_face(picture * shown), lower_face(hole * shown))]

    def _teach_judges(
        self,
        face: Tensor,
        fake: Tensor,
        hole: Tensor,
        shown: Tensor,
        own: Tensor,
        weights: Tensor,
        penalised: bool,
    ) -> dict[str, Tensor]:
        draw = Augment(face.shape[0], face.shape[-1], self.random)
        total, sure = face.new_zeros(()), face.new_zeros(())
        # who judges the whole face does not know what was asked: hair and light must not matter
        conditions = ((own * 0, weights * 0), (own, weights))
        for name, (own_condition, condition), real_view, fake_view in zip(
            JUDGES,
            conditions,
            self._views(face, draw, hole, shown),
            self._views(fake, draw, hole, shown),
            strict=True,
        ):
            plain: Any = self.modules[name]
            pair = torch.cat([real_view[0], fake_view[0]])
            logits, features = self.wrapped[name](
                pair, real_view[1].repeat(2, 1, 1, 1), torch.cat([own_condition, condition])
            )
            wrong, differs = _mismatched(own_condition)
            with self.autocast():
                misread = plain.judge(features[-1].chunk(2)[0], wrong).float()
            real, painted = logits.float().chunk(2)
            total = total + logistic_discriminator(real, painted)
            # a real face under a wrong label counts as painted (Reed et al. 2016): who is told
            # few labels learns to heed them
            total = total + MISMATCH * (F.softplus(misread).mean((1, 2, 3)) * differs).mean()
            sure = sure + 0.25 * ((real > 0).float().mean() + (painted < 0).float().mean())
            if penalised:
                picture = real_view[0].detach().requires_grad_()
                logits, _ = plain(picture, real_view[1], own_condition)
                penalty = gradient_penalty(logits, picture)
                total = total + self.config.gradient_penalty * PENALTY_EVERY * penalty
        self.update("judges", total)
        return {"d": total, "told": sure}

    def _judged(
        self,
        face: Tensor,
        fake: Tensor,
        hole: Tensor,
        shown: Tensor,
        weights: Tensor,
        asked: Tensor,
    ) -> tuple[Tensor, Tensor]:
        draw = Augment(face.shape[0], face.shape[-1], self.random)
        own = ~asked
        judged, matched = face.new_zeros(()), face.new_zeros(())
        for name, condition, real_view, fake_view in zip(
            JUDGES,
            (weights * 0, weights),
            self._views(face, draw, hole, shown),
            self._views(fake, draw, hole, shown),
            strict=True,
        ):
            network = self.modules[name]
            with self.autocast():
                logits, features = network(*fake_view, condition)
                with torch.no_grad():
                    _, real_features = network(*real_view, condition)
            judged = judged + logistic_generator(logits.float())
            # a face asked for another expression need not match the photo's features
            matched = matched + feature_matching(
                [f[own] for f in features], [f[own] for f in real_features]
            )
        return judged, matched

    def _perception(
        self, fake: Tensor, face: Tensor, hole: Tensor
    ) -> list[tuple[str, float, Tensor]]:
        cfg, found = self.config, []
        if fake.shape[-1] > 128:
            small_fake, small_face = F.avg_pool2d(fake, 2), F.avg_pool2d(face, 2)
        else:
            small_fake, small_face = fake, face
        with self.autocast():
            if "perceptual" in self.teachers:
                network: Any = self.teachers["perceptual"]
                window, truth, share = (lower_face(x) for x in (fake, face, hole))
                if window.shape[-1] < 128:
                    window, truth, share = (
                        F.interpolate(x, scale_factor=2, mode="bilinear")
                        for x in (window, truth, share)
                    )
                with torch.no_grad():
                    target = network(truth)
                gap = network.distance(window, target, weight=share).mean()
                found.append(("perceptual", cfg.weight_perceptual, gap))
            if "identity" in self.teachers:
                network = self.teachers["identity"]
                with torch.no_grad():
                    target = network(small_face)
                gap = (network(small_fake) - target).square().sum(1).mean()
                found.append(("identity", cfg.weight_identity, gap))
        return found


@functools.lru_cache(maxsize=2)
def _apart_from_expression(side: int) -> Tensor:
    """(1, 1, side, side): how much of the truth holds where another expression was asked for.

    An expression moves mouth and cheeks; jaw line, neck and background stay as they are.
    """
    y, x = torch.meshgrid(*(torch.arange(side) * 256 / side,) * 2, indexing="ij")
    away = ((x - MOUTH[0]) / MOUTH_RADII[0]) ** 2 + ((y - MOUTH[1]) / MOUTH_RADII[1]) ** 2
    share = (away - 0.6).clamp(0, 0.8) / 0.8
    return (ASKED_RECONSTRUCTION + (1 - ASKED_RECONSTRUCTION) * share)[None, None]


def _mismatched(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Conditions of the next face in the batch, and 1 where both are known and differ."""
    other = weights.roll(1, 0)
    known = (weights.amax(1) > SURE) & (other.amax(1) > SURE)
    return other, (known & (weights.argmax(1) != other.argmax(1))).float()


def _load_teachers(config: GeneratorConfig) -> dict[str, nn.Module]:
    if not config.teachers:
        return {}
    folder, found = Path(config.teachers), dict[str, nn.Module]()
    if config.weight_perceptual:
        found["perceptual"] = load_perceptual(folder / "mobilenet_v2.npz")
    if config.weight_identity:
        found["identity"] = load_face_recognition(folder / "face_recognition.npz")
    return found
