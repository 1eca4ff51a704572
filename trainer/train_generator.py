"""Train the generator with its two discriminators: one stage, read top to bottom.

A step: one forward pass of the generator; the discriminators learn to tell its composite from
the truth; then the generator learns from reconstruction, perception, expression and from them.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.errors import Diverged

from .checkpoint import load_checkpoint, save_checkpoint
from .config import GeneratorConfig
from .data import FaceSet, SampleStream
from .data.samples import source_weights
from .ema import Ema
from .generator_samples import GeneratorSamples
from .losses.augment import Augment
from .losses.feature_matching import feature_matching
from .losses.logistic import gradient_penalty, logistic_discriminator, logistic_generator
from .losses.region import gradient_l1, region_dissimilarity, region_l1
from .networks.blocks import channels_last
from .networks.fast import FastGenerator
from .networks.teachers import load_face_expression, load_face_recognition, load_perceptual
from .networks.window_discriminator import WindowDiscriminator, lower_face
from .preview import save_grid
from .pseudo_labels import read_expressions
from .run_log import RunLog
from .validate import validate_generator

logger = logging.getLogger(__name__)

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


class GeneratorRun:
    """State of a run: networks, optimisers, position; and one step of it."""

    def __init__(self, config: GeneratorConfig, run_dir: Path, faces: FaceSet) -> None:
        self.config, self.run_dir = config, run_dir
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.faces = faces
        self.generator = channels_last(FastGenerator(config.widths, config.head))
        fine = config.size > 64
        self.whole = channels_last(
            WindowDiscriminator((32, 64, 128, 192, 192) if fine else (48, 96, 192, 192))
        )
        self.lower = channels_last(
            WindowDiscriminator((32, 64, 128, 192) if fine else (48, 96, 192))
        )
        self.ema = Ema(self.generator, config.ema)
        self.seen = 0
        self.steps = 0
        self._start_from(config.start)
        head = set(self.generator.head.parameters())
        trunk = [p for p in self.generator.parameters() if p not in head]
        self.opt_g = torch.optim.Adam(
            [
                {"params": trunk, "share": config.trunk_rate},
                {"params": list(self.generator.head.parameters()), "share": 1.0},
            ],
            config.learning_rate,
            betas=(0.5, 0.99),
        )
        if fine:  # few faces a step: their statistics would shake what the coarse stage has learnt
            for module in self.generator.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        both = [*self.whole.parameters(), *self.lower.parameters()]
        self.opt_d = torch.optim.Adam(both, config.discriminator_rate, betas=(0.0, 0.99))
        self.random = torch.Generator().manual_seed(config.seed)
        self.teachers = _load_teachers(config)

    # --- state -------------------------------------------------------------------------------

    def _modules(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "ema": self.ema.network,
            "whole": self.whole,
            "lower": self.lower,
        }

    def _start_from(self, start: str) -> None:
        if not start:
            return
        state = load_checkpoint(Path(start))
        self.generator.load_state_dict(state["ema"])
        self.ema.network.load_state_dict(state["ema"])
        if state["config"]["size"] == self.config.size:
            self.whole.load_state_dict(state["whole"])
            self.lower.load_state_dict(state["lower"])

    def save(self, path: Path) -> None:
        """Write everything a resumed run needs."""
        state: dict[str, Any] = {name: m.state_dict() for name, m in self._modules().items()}
        state |= {
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "random": self.random.get_state(),
            "torch_random": torch.get_rng_state(),
            "seen": self.seen,
            "steps": self.steps,
            "config": dataclasses.asdict(self.config),
        }
        save_checkpoint(path, state)

    def resume(self, path: Path) -> None:
        """Go on exactly where a checkpoint was written."""
        state = load_checkpoint(path)
        for name, module in self._modules().items():
            module.load_state_dict(state[name])
        self.opt_g.load_state_dict(state["opt_g"])
        self.opt_d.load_state_dict(state["opt_d"])
        self.random.set_state(state["random"])
        torch.set_rng_state(state["torch_random"])
        self.seen, self.steps = state["seen"], state["steps"]

    # --- one step ----------------------------------------------------------------------------

    def step(self, batch: Mapping[str, np.ndarray]) -> dict[str, float]:
        """One update of all networks; returns the losses."""
        cfg = self.config
        face, target, hole, valid, weights, own, asked, hull = _to_tensors(batch)
        adversarial = self.seen >= cfg.reconstruction_only
        self._set_rates()
        with torch.autocast("cpu", torch.bfloat16):
            output, coarse = self._paint(face, hole, weights)
        # where the picture is filling, not photo, the paint is not judged
        painted = hole * valid
        fake = face * (1 - painted) + output * painted
        log: dict[str, Tensor] = {}
        if adversarial:
            shown = torch.where((weights.sum(1) > 0)[:, None, None, None], hull, 1.0)
            log |= self._step_discriminators(face, fake.detach(), painted, shown, own, weights)
        known = torch.where(asked[:, None, None, None], _apart_from_expression(face.shape[-1]), 1.0)
        region = painted * known
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
        if adversarial:
            log["g"], log["feature"] = self._adversarial(face, fake, painted, shown, weights, asked)
            loss = loss + cfg.weight_adversarial * log["g"] + cfg.weight_feature * log["feature"]
        for name, weight, value in self._perception(fake, target, painted, adversarial):
            log[name] = value
            loss = loss + weight * value
        self.opt_g.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), cfg.clip)
        if not torch.isfinite(norm):
            raise Diverged(
                f"the generator's gradient is not finite after {self.seen} samples",
                hint="run it again with a lower learning_rate in --config: it goes on from the last checkpoint",
            )
        self.opt_g.step()
        self.steps += 1
        self.seen += face.shape[0]
        self.ema.update(self.generator, self.steps)
        return {name: float(value.detach()) for name, value in log.items()} | {"norm": float(norm)}

    def _paint(self, face: Tensor, hole: Tensor, weights: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.config.size == 64:
            reduced = torch.cat([face * (1 - hole), hole], 1)
            return self.generator.coarse(reduced, weights).float(), None
        output, coarse = self.generator(face, hole, weights)
        return output.float(), coarse.float()

    def _reconstruction(
        self, output: Tensor, coarse: Tensor | None, face: Tensor, region: Tensor
    ) -> dict[str, Tensor]:
        found = {
            "l1": region_l1(output, face, region),
            "gradient": gradient_l1(output, face, region),
        }
        if coarse is not None:
            found["coarse"] = region_l1(coarse, F.avg_pool2d(face, 4), F.avg_pool2d(region, 4))
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

    def _step_discriminators(
        self, face: Tensor, fake: Tensor, hole: Tensor, shown: Tensor, own: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        draw = Augment(face.shape[0], face.shape[-1], self.random)
        total, sure = face.new_zeros(()), face.new_zeros(())
        penalised = self.steps % PENALTY_EVERY == 0
        _require_grad((self.whole, self.lower), True)
        # who judges the whole face does not know what was asked: hair and light must not matter
        conditions = ((own * 0, weights * 0), (own, weights))
        for network, (own_condition, condition), real_view, fake_view in zip(
            (self.whole, self.lower),
            conditions,
            self._views(face, draw, hole, shown),
            self._views(fake, draw, hole, shown),
            strict=True,
        ):
            pair = torch.cat([real_view[0], fake_view[0]])
            with torch.autocast("cpu", torch.bfloat16):
                logits, features = network(
                    pair, real_view[1].repeat(2, 1, 1, 1), torch.cat([own_condition, condition])
                )
                wrong, differs = _mismatched(own_condition)
                misread = network.judge(features[-1].chunk(2)[0], wrong).float()
            real, painted = logits.float().chunk(2)
            total = total + logistic_discriminator(real, painted)
            # a real face under a wrong label counts as painted (Reed et al. 2016): who is told
            # few labels learns to heed them
            total = total + MISMATCH * (F.softplus(misread).mean((1, 2, 3)) * differs).mean()
            sure = sure + 0.25 * ((real > 0).float().mean() + (painted < 0).float().mean())
            if penalised:
                picture = real_view[0].detach().requires_grad_()
                logits, _ = network(picture, real_view[1], own_condition)
                penalty = gradient_penalty(logits, picture)
                total = total + self.config.gradient_penalty * PENALTY_EVERY * penalty
        self.opt_d.zero_grad(set_to_none=True)
        total.backward()
        self.opt_d.step()
        _require_grad((self.whole, self.lower), False)
        return {"d": total.detach(), "told": sure}

    def _adversarial(
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
        for network, condition, real_view, fake_view in zip(
            (self.whole, self.lower),
            (weights * 0, weights),
            self._views(face, draw, hole, shown),
            self._views(fake, draw, hole, shown),
            strict=True,
        ):
            with torch.autocast("cpu", torch.bfloat16):
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
        self,
        fake: Tensor,
        face: Tensor,
        hole: Tensor,
        late: bool,
    ) -> list[tuple[str, float, Tensor]]:
        cfg, found = self.config, []
        if fake.shape[-1] > 128:
            small_fake, small_face = F.avg_pool2d(fake, 2), F.avg_pool2d(face, 2)
        else:
            small_fake, small_face = fake, face
        with torch.autocast("cpu", torch.bfloat16):
            if "perceptual" in self.teachers and late:
                network = self.teachers["perceptual"]
                window, truth = lower_face(fake), lower_face(face)
                share = lower_face(hole)
                if window.shape[-1] < 128:
                    window, truth, share = (
                        F.interpolate(x, scale_factor=2, mode="bilinear")
                        for x in (window, truth, share)
                    )
                with torch.no_grad():
                    target = network(truth)
                gap = network.distance(window, target, weight=share).mean()
                found.append(("perceptual", cfg.weight_perceptual, gap))
            if "identity" in self.teachers and late:
                network = self.teachers["identity"]
                with torch.no_grad():
                    target = network(small_face)
                gap = (network(small_fake) - target).square().sum(1).mean()
                found.append(("identity", cfg.weight_identity, gap))
        return found

    def _set_rates(self) -> None:
        cfg = self.config
        rise = min(1.0, (self.seen + 1) / max(1, cfg.warmup))
        left = (self.seen / cfg.samples - cfg.decay_from) / max(1e-6, 1 - cfg.decay_from)
        fall = 0.1 + 0.9 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, max(0.0, left))))
        for optimiser, rate in (
            (self.opt_g, cfg.learning_rate),
            (self.opt_d, cfg.discriminator_rate),
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * rise * fall * group.get("share", 1.0)


def train_generator(
    config: GeneratorConfig, run_dir: Path, faces: FaceSet, *, resume: bool = True
) -> None:
    """Run a stage to its end.

    Args:
        config: The stage.
        run_dir: Gets `checkpoints/last.pt`, `log.jsonl`, sample grids.
        faces: All splits.
        resume: Go on from `checkpoints/last.pt` where it exists.

    Raises:
        Diverged: A gradient is not finite; the last checkpoint is whole.
    """
    run = GeneratorRun(config, run_dir, faces)
    last = run_dir / "checkpoints" / "last.pt"
    if resume and last.exists():
        run.resume(last)
    conditions: dict[str, np.ndarray] = {}
    if config.teachers:
        reader = load_face_expression(Path(config.teachers) / "face_expression.npz")
        conditions = read_expressions(faces, reader, run_dir / "expressions.npz")
    train = faces.select("train")
    stream = SampleStream(
        GeneratorSamples(train, config, conditions).draw,
        source_weights(train, config.shares),
        batch=config.batch,
        seed=config.seed,
        start=run.seen,
    )
    log = RunLog(run_dir, config.samples)
    saved = validated = time.monotonic()
    try:
        while run.seen < config.samples:
            log.add(run.seen, run.step(next(stream)))
            now = time.monotonic()
            if now - saved > 60 * config.checkpoint_minutes:
                run.save(last)
                saved = now
            if now - validated > 60 * config.validate_minutes:
                _validate(run, log)
                validated = time.monotonic()
    except KeyboardInterrupt:
        run.save(last)
        raise
    finally:
        stream.close()
    run.save(last)
    _validate(run, log)


def _validate(run: GeneratorRun, log: RunLog) -> None:
    figures, rows = validate_generator(run.ema.network, run.faces, run.config.size)
    log.write(run.seen, figures)
    save_grid(run.run_dir / f"fakes_{run.seen:07d}.png", rows)


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


def _to_tensors(batch: Mapping[str, np.ndarray]) -> tuple[Tensor, ...]:
    face, target = (
        torch.from_numpy(batch[key]).permute(0, 3, 1, 2).float() / 127.5 - 1
        for key in ("face", "target")
    )
    return (
        face.contiguous(memory_format=torch.channels_last),
        target.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(batch["hole"])[:, None],
        torch.from_numpy(batch["valid"])[:, None],
        torch.from_numpy(batch["weights"]),
        torch.from_numpy(batch["own"]),
        torch.from_numpy(batch["asked"]),
        torch.from_numpy(batch["hull"])[:, None],
    )


def _load_teachers(config: GeneratorConfig) -> dict[str, Any]:
    if not config.teachers:
        return {}
    folder, found = Path(config.teachers), dict[str, Any]()
    if config.weight_perceptual:
        found["perceptual"] = load_perceptual(folder / "mobilenet_v2.npz")
    if config.weight_identity:
        found["identity"] = load_face_recognition(folder / "face_recognition.npz")
    return found


def _require_grad(networks: tuple[nn.Module, ...], value: bool) -> None:
    for network in networks:
        network.requires_grad_(value)
