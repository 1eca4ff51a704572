"""The seven expressions: order, names, aliases, and how a request becomes seven weights.

The order is RAF-DB's. A request is a name (``happy``), a blend (``happy:0.7,surprise:0.3``), or
``auto``: all weights zero, "what fits the visible part".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from .errors import OptionError
from .types import F32

EXPRESSIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")

AUTO = "auto"
ALL = "all"

ALIASES = {
    "surprised": "surprise",
    "astonished": "surprise",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "disgusted": "disgust",
    "happy": "happiness",
    "joy": "happiness",
    "smile": "happiness",
    "smiling": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "mad": "anger",
    "calm": "neutral",
    "none": "neutral",
}


def means(request: str, word: str) -> bool:
    """Whether a request is that word, ``auto`` or ``all``; case and spaces are ignored."""
    return request.strip().lower() == word


def expression_name(text: str) -> str:
    """Canonical name of an expression or alias, case and spaces ignored.

    Raises:
        OptionError: Unknown; the message lists the names and the hint the nearest one.
    """
    word = text.strip().lower()
    name = ALIASES.get(word, word)
    if name in EXPRESSIONS:
        return name
    near = difflib.get_close_matches(word, [*EXPRESSIONS, *ALIASES, AUTO, ALL], n=1)
    hint = None
    if near:
        canonical = ALIASES.get(near[0])
        hint = f"did you mean '{near[0]}'" + (f" ({canonical})?" if canonical else "?")
    raise OptionError(
        f"unknown expression '{text.strip()}'; choose from {', '.join(EXPRESSIONS)}, or {AUTO}",
        hint=hint,
    )


def expression_weights(request: str, intensity: float = 1.0) -> F32:
    """Turn a request into the generator's condition.

    Args:
        request: A name, an alias, ``auto``, or a blend ``name:weight,name:weight``.
        intensity: Factor on the weights, 0 to 1.5; has no meaning for ``auto``.

    Returns:
        (7,) float32 in the order of ``EXPRESSIONS``; a single name gives one-hot times
        ``intensity``, a blend is normalised to sum ``intensity``, ``auto`` is all zeros.

    Raises:
        OptionError: Unknown name, broken blend, or intensity outside [0, 1.5].
    """
    if not 0.0 <= intensity <= 1.5:
        raise OptionError(f"intensity '{intensity}' is outside 0 to 1.5")
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    if means(request, AUTO):
        if intensity != 1.0:
            raise OptionError(
                "intensity has no effect on expression 'auto'",
                hint="name an expression, or leave --intensity out",
            )
        return weights
    for part in request.split(","):
        name, colon, amount = part.partition(":")
        try:
            value = float(amount) if colon else 1.0
        except ValueError:
            value = -1.0
        if not (np.isfinite(value) and value >= 0):
            raise OptionError(
                f"'{part.strip()}' is not an expression with a weight",
                hint="write a blend as happy:0.7,surprise:0.3",
            )
        weights[EXPRESSIONS.index(expression_name(name))] += value
    total = weights.sum()
    if total <= 0:
        raise OptionError(f"the weights of '{request}' sum to nothing")
    return (weights * np.float32(intensity / total)).astype(np.float32)


def face_weights(requests: Mapping[int, str], intensity: float) -> dict[int, F32]:
    """Weights per face number; 0 is every other face.

    Intensity says nothing to ``auto``: a mistake where all is ``auto``, but not where one face is.
    """
    if any(means(request, ALL) for request in requests.values()):
        raise OptionError(
            f"expression '{ALL}' is seven pictures, expected one expression",
            hint="call once per name of ecgan.engine.expressions.EXPRESSIONS",
        )
    is_auto = {number: means(text, AUTO) for number, text in requests.items()}
    return {
        number: expression_weights(
            text, 1.0 if is_auto[number] and not all(is_auto.values()) else intensity
        )
        for number, text in requests.items()
    }
