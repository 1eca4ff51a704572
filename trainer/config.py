"""Every knob of the two training runs, read from TOML; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ecgan.engine.errors import ConfigError

C = TypeVar("C")

DEFAULT_SHARES = {"affhull": 0.35, "utkface": 0.5, "lfw": 0.6, "webmorph": 1.5, "stock4": 1.5}
"""How often a picture of a source comes, relative to 1 for the others."""

SHARP_SHARES = {
    "affhull": 0.0,
    "utkface": 0.15,
    "lfw": 0.15,
    "humanfaces": 0.4,
    "celebawild": 0.4,
    "webmorph": 1.5,
    "stock4": 1.5,
}
"""The same where detail is learned: soft pictures come less often, and hulls on black not at all, since
nearly all of their labels are theirs alone and a black jaw would become a sign of an expression."""


@dataclass(frozen=True)
class SegmenterConfig:
    """Training of the segmenter."""

    data: str = "../shared/data"
    """Folder with `faces/faces.csv` and `faces/faces_coarse.csv`."""
    widths: tuple[int, ...] = (12, 24, 40, 64, 96)
    """Channels from 128 to 8 px."""
    batch: int = 16
    samples: int = 36_000
    """Length of the run."""
    learning_rate: float = 2e-3
    warmup: int = 2_000
    """Samples over which the learning rate rises."""
    bare_share: float = 0.25
    """Share of faces that wear no mask."""
    start: str = ""
    """Checkpoint whose weights the run starts from."""
    photos: str = ""
    """Folder of photos of people who wear masks, labelled by the network of `start`."""
    photo_share: float = 0.3
    """Share of samples that come from those photos."""
    ema: float = 0.998
    seed: int = 0
    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    """Source -> how often a picture comes."""
    threads: int = 2
    checkpoint_minutes: float = 4.0


@dataclass(frozen=True)
class GeneratorConfig:
    """Training of the generator: one stage. A run goes on from another by `start`."""

    data: str = "../shared/data"
    """Folder with `faces/`, `expressions/`."""
    teachers: str = "../shared/teachers"
    """Folder with the feature networks, or empty to do without those losses."""
    start: str = ""
    """Checkpoint whose weights the run starts from; what it does not hold starts fresh."""
    widths: tuple[int, ...] = (40, 88, 176, 256)
    """Channels at 64, 32, 16 and 8 px."""
    head: tuple[int, ...] = (20, 12)
    """Channels at 128 and 256 px."""
    size: int = 64
    """64 trains the trunk alone, 256 the whole network."""
    batch: int = 32
    samples: int = 32_000
    reconstruction_only: int = 6_000
    """Samples before the adversarial terms join."""
    learning_rate: float = 4e-4
    discriminator_rate: float = 4e-4
    warmup: int = 1_000
    decay_from: float = 0.5
    """Share of the run after which the learning rate falls to a tenth, as a cosine."""
    label_dropout: float = 0.4
    """Share of samples whose expression is hidden: they train `auto`."""
    asked_share: float = 0.2
    """Share of samples asked for another expression than their own."""
    weight_l1: float = 20.0
    weight_gradient: float = 20.0
    weight_perceptual: float = 4.0
    weight_identity: float = 0.0
    weight_expression: float = 0.25
    weight_adversarial: float = 1.0
    weight_feature: float = 6.0
    ema: float = 0.998
    clip: float = 5.0
    """Largest norm of the generator's gradient."""
    seed: int = 0
    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    threads: int = 2
    checkpoint_minutes: float = 4.0
    validate_minutes: float = 12.0


PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "segmenter": {
        "drawn": {},
        "photos": {
            "samples": 14_000,
            "learning_rate": 6e-4,
            "bare_share": 0.3,
            "photo_share": 0.35,
        },
    },
    "generator": {
        "coarse": {},
        "fine": {
            "size": 256,
            "batch": 8,
            "samples": 27_000,
            "reconstruction_only": 0,
            "learning_rate": 2e-4,
            "discriminator_rate": 8e-4,
            "decay_from": 0.4,
            "asked_share": 0.25,
            "weight_expression": 0.0,
            "weight_adversarial": 2.0,
            "shares": SHARP_SHARES,
        },
        "tiny": {
            "widths": (8, 12, 16, 24),
            "head": (4, 4),
            "samples": 64,
            "batch": 4,
            "reconstruction_only": 32,
            "teachers": "",
            "threads": 1,
        },
    },
}
"""Network -> stage -> values that differ from the defaults; the first stage is the default one."""


def load_config(
    kind: type[C],
    path: Path | None = None,
    *,
    preset: dict[str, Any] | None = None,
    overrides: dict[str, Any] | None = None,
) -> C:
    """Read a configuration.

    Args:
        kind: One of the dataclasses of this module.
        path: TOML file with its fields as keys; None for none.
        preset: Values that the file's win over.
        overrides: Values that win over the file's.

    Raises:
        ConfigError: No such file, broken TOML, an unknown key, or a value of another type.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"configuration '{path}' does not exist") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"'{path}' is not valid TOML: {error}") from error
    values = (preset or {}) | values | (overrides or {})
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    defaults = kind()
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(
                f"unknown key '{key}'; known are {', '.join(known)}",
                hint=f"did you mean '{near[0]}'?" if near else None,
            )
        values[key] = _converted(key, value, getattr(defaults, key))
    return dataclasses.replace(defaults, **values)  # type: ignore[type-var]


def _converted(key: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if type(value) is not type(default):
        raise ConfigError(f"key '{key}' has value '{value}', expected {type(default).__name__}")
    return value
