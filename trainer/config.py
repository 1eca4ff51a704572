"""Every knob of the training runs, read from TOML; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ecgan.engine.errors import ConfigError, did_you_mean

C = TypeVar("C", bound="LoopConfig")

DEFAULT_SHARES = {"affhull": 0.35, "utkface": 0.5, "lfw": 0.6, "webmorph": 1.5, "stock4": 1.5}
"""How often a picture of a source comes, relative to 1 for the others."""

EXPRESSIVE = {
    "affhull": 2.0,
    "lfw": 0.3,
    "webmorph": 2.0,
    "stock4": 2.5,
    "habesha": 3.0,
    "moodme": 3.0,
}
"""The same where the rare expressions are to be seen more often."""

SHARP_SHARES = {
    "affhull": 0.5,
    "utkface": 0.15,
    "lfw": 0.15,
    "humanfaces": 0.4,
    "celebawild": 0.4,
    "webmorph": 2.0,
    "stock4": 2.0,
    "habesha": 2.0,
    "moodme": 2.0,
    "jaffe": 0.7,
}
"""The same where detail is learned: soft pictures come less often."""


CHOICES = {"precision": ("bf16", "fp32"), "device": ("auto", "cpu", "cuda")}
"""Keys that take a few words only."""

FROM_ONE = ("batch", "samples", "devices", "nodes", "keep", "discriminator_every", "widths", "head")
"""Keys whose numbers begin at 1; all others begin at 0."""

SHARES = ("decay_from", "decay_to", "ema", "dropout", "label_dropout", "mask_from")
"""Keys that end at 1, besides those that are called a share."""


@dataclass(frozen=True)
class LoopConfig:
    """What every run has, whatever it trains. Lengths are counted in samples over all processes."""

    data: str = "../shared/data"
    """Folder with `faces/`, and `expressions/` where there are labels."""
    start: str = ""
    """Checkpoint whose weights the run starts from; what it does not hold starts fresh."""
    batch: int = 16
    """Samples of a step, over all processes."""
    samples: int = 32_000
    """Length of the run."""
    warmup: int = 1_000
    """Samples over which the learning rate rises."""
    decay_from: float = 0.0
    """Share of the run after which the learning rate falls, as a cosine."""
    decay_to: float = 0.1
    """What it falls to, as a share of itself; 1 for no fall."""
    ema: float = 0.998
    """Share of the averaged weights that stays at each step."""
    seed: int = 0
    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    """Source -> how often a picture comes, relative to 1."""
    precision: str = "bf16"
    """bf16 computes in half the bits where that does no harm; fp32 everywhere in full."""
    device: str = "auto"
    """cpu or cuda; auto takes a GPU where there is one."""
    devices: int = 1
    """GPUs, or processes on the CPU, of each node."""
    nodes: int = 1
    threads: int = 2
    """Threads of the arithmetic on a CPU; 0 leaves it to torch."""
    workers: int = 0
    """Processes that draw samples; 0 for a thread of the run itself."""
    checkpoint_minutes: float = 4.0
    validate_minutes: float = 12.0
    log_seconds: float = 30.0
    """From one line of figures to the next."""
    keep: int = 2
    """Checkpoints that stay, the newest; the best stays besides."""

    def __post_init__(self) -> None:
        """Refuse what no run can have."""
        for key, value in vars(self).items():
            if value not in CHOICES.get(key, (value,)):
                raise ConfigError(
                    f"key '{key}' has value '{value}', expected {' or '.join(CHOICES[key])}"
                )
            _check_numbers(key, value)


def _check_numbers(key: str, value: Any) -> None:
    """No key takes a number below 0; some begin at 1, some end there."""
    least = 1 if key in FROM_ONE else 0
    most = 1 if key in SHARES or key.endswith("_share") else math.inf
    parts = value.values() if isinstance(value, dict) else value
    for part in parts if isinstance(value, dict | tuple) else [value]:
        is_number = isinstance(part, int | float)
        if is_number and not (math.isfinite(part) and least <= part <= most):
            wanted = f"{least} or more" if most > 1 else "0 to 1"
            raise ConfigError(f"key '{key}' has value '{part}', expected {wanted}")


@dataclass(frozen=True)
class SegmenterConfig(LoopConfig):
    """Training of the segmenter."""

    widths: tuple[int, ...] = (12, 24, 40, 64, 96)
    """Channels from 128 to 8 px."""
    samples: int = 36_000
    learning_rate: float = 2e-3
    warmup: int = 2_000
    decay_to: float = 0.01
    bare_share: float = 0.25
    """Share of faces that wear no mask."""
    photos: str = ""
    """Folder of photos of people who wear masks, labelled by the network of `start`."""
    photo_share: float = 0.3
    """Share of samples that come from those photos."""
    validate_minutes: float = 6.0


@dataclass(frozen=True)
class GeneratorConfig(LoopConfig):
    """Training of the generator: one stage. A run goes on from another by `start`."""

    teachers: str = "../shared/teachers"
    """Folder with the feature networks, or empty to do without those losses."""
    photos: str = ""
    """Folder of photos of people who wear masks; what the segmenter that ships finds on them is painted too."""
    photo_share: float = 0.5
    """Share of samples whose hole has the shape of a mask in those photos."""
    widths: tuple[int, ...] = (48, 96, 160, 240)
    """Channels at 64, 32, 16 and 8 px."""
    head: int = 32
    """Channels at 128 px."""
    size: int = 64
    """64 trains the trunk alone, 256 the whole network; 128 the whole with what it paints reduced."""
    batch: int = 32
    reconstruction_only: int = 6_000
    """Samples before the adversarial terms join."""
    learning_rate: float = 4e-4
    trunk_rate: float = 1.0
    """Learning rate of all but the head, as a share."""
    discriminator_rate: float = 4e-4
    decay_from: float = 0.5
    label_dropout: float = 0.25
    """Share of samples whose expression is hidden: they train `auto`."""
    asked_share: float = 0.25
    """Share of samples with the mouth of somebody who shows a random expression."""
    turned: float = 1.0
    """How often a clearly turned head comes, relative to 1."""
    weight_l1: float = 20.0
    weight_gradient: float = 20.0
    weight_ssim: float = 0.0
    weight_perceptual: float = 4.0
    weight_identity: float = 0.0
    weight_adversarial: float = 1.0
    weight_feature: float = 4.0
    gradient_penalty: float = 0.05
    """Of the discriminators, on real pictures."""
    clip: float = 5.0
    """Largest norm of the generator's gradient."""

    def __post_init__(self) -> None:
        """Refuse sizes that the network does not paint."""
        super().__post_init__()
        if self.size not in (64, 128, 256):
            raise ConfigError(f"key 'size' has value '{self.size}', expected 64, 128 or 256")


PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "segmenter": {
        "drawn": {},
        "photos": {
            "samples": 14_000,
            "learning_rate": 6e-4,
            "bare_share": 0.3,
            "photo_share": 0.35,
        },
        "tiny": {
            "widths": (4, 4, 8, 8, 8),
            "samples": 320,
            "batch": 8,
            "warmup": 8,
            "threads": 1,
            "log_seconds": 0.5,
        },
    },
    "ecgan-fast": {
        "recon": {
            "samples": 16_000,
            "reconstruction_only": 16_000,
            "learning_rate": 8e-4,
            "decay_from": 0.9,
        },
        "coarse": {
            "samples": 75_000,
            "reconstruction_only": 0,
            "shares": DEFAULT_SHARES | EXPRESSIVE,
        },
        "labelled": {
            "samples": 30_000,
            "reconstruction_only": 0,
            "learning_rate": 5e-4,
            "decay_from": 0.4,
            "asked_share": 0.4,
            "shares": DEFAULT_SHARES | EXPRESSIVE | {"affhull": 1.0},
        },
        # what is seen of the face counts more than what the discriminators like
        "exact": {
            "samples": 44_000,
            "reconstruction_only": 0,
            "learning_rate": 5e-4,
            "decay_from": 0.3,
            "asked_share": 0.4,
            "turned": 2.5,
            "weight_ssim": 2.0,
            "weight_perceptual": 6.0,
            "weight_adversarial": 0.15,
            "weight_feature": 2.0,
            "shares": DEFAULT_SHARES | EXPRESSIVE | {"affhull": 1.0},
        },
        "fine": {
            "size": 256,
            "batch": 8,
            "samples": 18_400,
            "reconstruction_only": 800,
            "warmup": 400,
            "learning_rate": 6e-4,
            "trunk_rate": 0.3,
            "discriminator_rate": 3e-4,
            "gradient_penalty": 0.3,
            "label_dropout": 0.3,
            "asked_share": 0.35,
            "turned": 2.5,
            "weight_ssim": 3.0,
            "weight_perceptual": 8.0,
            # more makes the head draw stubble and splinters where it is in doubt
            "weight_adversarial": 0.05,
            "weight_feature": 1.5,
            "ema": 0.9985,
            "decay_from": 0.4,
            "shares": SHARP_SHARES,
        },
        "tiny": {
            "widths": (8, 12, 16, 24),
            "head": 8,
            "samples": 320,
            "batch": 4,
            "reconstruction_only": 240,
            "warmup": 8,
            "learning_rate": 2e-3,
            "teachers": "",
            "threads": 1,
            "log_seconds": 0.5,
        },
    },
}
"""Network -> preset -> values that differ from the defaults."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a configuration file says.

    Raises:
        ConfigError: No such file, or broken TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration '{path}' does not exist") from None
    except OSError as error:
        raise ConfigError(f"configuration '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' is not valid TOML: {error}") from error


def make_config(kind: type[C], *layers: Mapping[str, Any]) -> C:
    """A plan from its class's own values and what is laid over them.

    Args:
        kind: A subclass of ``LoopConfig``.
        layers: Keys and values; later ones win.

    Raises:
        ConfigError: An unknown key, or a value of another type.
    """
    values = {key: value for layer in layers for key, value in layer.items()}
    known = {f.name: f for f in dataclasses.fields(kind)}
    defaults = kind()
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"unknown key '{key}'; known are {', '.join(known)}",
                hint=did_you_mean(key, known),
            )
        values[key] = _converted(key, value, getattr(defaults, key))
    return dataclasses.replace(defaults, **values)


def dump_config(config: LoopConfig, *, table: str = "") -> str:
    """A plan as TOML that ``read_toml`` and ``make_config`` read back the same.

    Args:
        config: The plan.
        table: Name of the table that holds it; "" for the top.
    """
    lines, inner = [f"[{table}]"] if table else [], []
    for key, value in dataclasses.asdict(config).items():
        if isinstance(value, dict):
            rows = [f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()]
            inner += ["", f"[{table}.{key}]" if table else f"[{key}]", *rows]
        else:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join([*lines, *inner]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and booleans look alike in both


def _converted(key: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        if len(value) != len(default):
            raise ConfigError(f"key '{key}' has {len(value)} values, expected {len(default)}")
        return tuple(_converted(key, part, default[0]) for part in value)
    if isinstance(default, dict) and isinstance(value, dict):
        return {name: _converted(key, part, 1.0) for name, part in value.items()}
    if type(value) is not type(default):
        raise ConfigError(f"key '{key}' has value '{value}', expected {type(default).__name__}")
    return value
