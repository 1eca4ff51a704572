"""Train the segmenter on faces that wear drawn masks, and on bare ones."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ecgan.engine.errors import Diverged
from ecgan.engine.types import CROP_SIZE, U8

from .checkpoint import load_checkpoint, save_checkpoint
from .config import SegmenterConfig
from .data import FaceSet, SampleStream
from .data.samples import draw_sample, source_weights
from .data.worn import WornFace, collect_worn, draw_worn
from .ema import Ema
from .networks.blocks import channels_last
from .networks.segmenter import Segmenter
from .preview import save_grid
from .run_log import RunLog
from .synth import distract, wear_mask
from .validate import validate_segmenter


def train_segmenter(config: SegmenterConfig, run_dir: Path, faces: FaceSet) -> None:
    """Run to the end, going on from `checkpoints/last.pt` where it exists.

    Args:
        config: The run.
        run_dir: Gets `checkpoints/last.pt`, `log.jsonl`, sample grids.
        faces: All splits.

    Raises:
        Diverged: The loss is not finite; the last checkpoint is whole.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    network = channels_last(Segmenter(config.widths))
    if config.start:
        network.load_state_dict(load_checkpoint(Path(config.start))["ema"])
    worn = collect_worn(Path(config.photos), network.eval()) if config.photos else []
    network.train()
    ema = Ema(network, config.ema)
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=1e-4)
    seen = steps = 0
    last = run_dir / "checkpoints" / "last.pt"
    if last.exists():
        state = load_checkpoint(last)
        network.load_state_dict(state["segmenter"])
        ema.network.load_state_dict(state["ema"])
        optimiser.load_state_dict(state["optimiser"])
        seen, steps = state["seen"], state["steps"]

    def save() -> None:
        save_checkpoint(
            last,
            {
                "segmenter": network.state_dict(),
                "ema": ema.network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "seen": seen,
                "steps": steps,
                "config": dataclasses.asdict(config),
            },
        )

    train = faces.select("train")
    stream = SampleStream(
        lambda row, rng: draw_item(train, worn, row, rng, config),
        source_weights(train, config.shares),
        batch=config.batch,
        seed=config.seed,
        start=seen,
    )
    log, saved = RunLog(run_dir, config.samples), time.monotonic()
    try:
        while seen < config.samples:
            rise = min(1.0, (seen + 1) / config.warmup)
            fall = 0.5 + 0.5 * math.cos(math.pi * seen / config.samples)
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * rise * max(fall, 0.01)
            loss = _loss(network, next(stream))
            if not torch.isfinite(loss):
                raise Diverged(f"the segmenter's loss is not finite after {seen} samples")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            seen, steps = seen + config.batch, steps + 1
            ema.update(network, steps)
            log.add(seen, {"loss": float(loss.detach())})
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                save()
                saved = time.monotonic()
    except KeyboardInterrupt:
        save()
        raise
    finally:
        stream.close()
    save()
    figures, rows = validate_segmenter(ema.network, faces)
    log.write(seen, figures)
    save_grid(run_dir / f"found_{seen:07d}.png", rows)


def _loss(network: Segmenter, batch: Mapping[str, np.ndarray]) -> Tensor:
    """Cross-entropy and one minus Dice, averaged over the faces that wear a mask."""
    picture = torch.from_numpy(batch["image"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    truth = torch.from_numpy(batch["mask"])[:, None]
    with torch.autocast("cpu", torch.bfloat16):
        logit = network(picture.contiguous(memory_format=torch.channels_last))
    logit = logit.float()
    entropy = F.binary_cross_entropy_with_logits(logit, truth)
    found = torch.sigmoid(logit)
    both, either = (found * truth).sum((1, 2, 3)), (found + truth).sum((1, 2, 3))
    worn = (truth.amax((1, 2, 3)) > 0).float()
    dice = 1 - (2 * both + 1) / (either + 1)
    return entropy + 0.5 * (dice * worn).sum() / worn.sum().clamp(min=1)


def draw_item(
    faces: FaceSet,
    worn: list[WornFace],
    row: int,
    rng: np.random.Generator,
    config: SegmenterConfig,
) -> dict[str, np.ndarray]:
    """One training sample: image (256, 256, 3) uint8 and mask (256, 256) float32."""
    if worn and rng.random() < config.photo_share:
        image, mask = draw_worn(worn, rng)
    else:
        sample = draw_sample(faces, row, rng, CROP_SIZE, jitter=1.5)
        if rng.random() < config.bare_share:
            image = distract(sample.image, sample.landmarks, rng)
            mask = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
        else:
            covering = wear_mask(sample.image, sample.landmarks, rng)
            image, mask = covering.image, covering.mask
    return {"image": _seen_from_afar(image, rng), "mask": mask}


def _seen_from_afar(image: U8, rng: np.random.Generator) -> U8:
    """Now and then grey, or as coarse as a face of a few dozen pixels."""
    if rng.random() < 0.08:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.2:
        side = int(rng.integers(32, 96))
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        image = np.asarray(
            cv2.resize(small, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    return image
