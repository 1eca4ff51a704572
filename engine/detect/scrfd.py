"""insightface's detectors (SCRFD) on a model pack that the user already has.

Nothing is downloaded: insightface would fetch a missing pack by itself, so the folder is checked
before the package is asked. The package's code is MIT; its models are not free for all uses.
"""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.checks import cuda_index
from ..backends.ort import unusable
from ..errors import BackendUnavailable, ModelMismatch, ModelMissing, one_line
from ..types import U8, Face
from .boxes import clip

_log = logging.getLogger(__name__)

DEFAULT_PACK = Path("~/.insightface/models/buffalo_l")
INPUT_SIZE = (640, 640)
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class InsightFace:
    """Detector of an insightface pack. Not safe to call from several threads.

    Args:
        path: Folder of the unpacked pack, with its detection model (such as ``det_10g.onnx``)
            directly inside; None for ``~/.insightface/models/buffalo_l``.
        score: Confidence from which a box is a face, in (0, 1).
        device: "auto" (a card where one works, else the CPU), "cpu" or "cuda:N".
        threads: Threads to compute with on the CPU; None for one per core.

    Raises:
        ModelMissing: The folder or its detection model is not there.
        BackendUnavailable: insightface is not installed, or does not import; or the device is not
            there.
        ModelMismatch: insightface refuses the files.
    """

    name = "insightface"
    licence = "insightface model packs: non-commercial research only"

    def __init__(
        self,
        path: Path | None = None,
        *,
        score: float = 0.5,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        folder = (path or DEFAULT_PACK).expanduser()
        index = cuda_index(device)
        _check_pack(folder)
        self._analysis = _open(folder, None if device == "cpu" else index or 0, threads)
        # onnxruntime goes on with the CPU where a card does not work: what it holds is the truth.
        on_card = _CUDA in self._analysis.det_model.session.get_providers()
        if index is not None and not on_card:
            raise unusable(device)
        card = (index or 0) if on_card else -1
        self.device = f"cuda:{card}" if on_card else "cpu"
        with contextlib.redirect_stdout(io.StringIO()):
            self._analysis.prepare(ctx_id=card, det_thresh=score, det_size=INPUT_SIZE)
        _log.warning("detector '%s' from '%s': %s", self.name, folder, self.licence)

    def detect(self, frame: U8, *, quick: bool = False, small: bool = False) -> list[Face]:
        """As ``Detector.detect``; there is one size, so that no look is quicker or finer."""
        if not frame.size:
            return []
        with contextlib.redirect_stdout(io.StringIO()):
            answers = self._analysis.get(np.ascontiguousarray(frame[:, :, ::-1]))
        faces = [_face(answer, frame) for answer in answers]
        return sorted(faces, key=lambda face: face.score, reverse=True)


def _face(answer: Any, frame: U8) -> Face:
    box = np.asarray(answer.bbox, np.float32)[None]
    return Face(
        clip(box, frame.shape[1], frame.shape[0])[0],
        float(answer.det_score),
        np.asarray(answer.kps, np.float32),
    )


def _check_pack(folder: Path) -> None:
    if any(folder.glob("*.onnx")):
        return
    nested = next(folder.glob("*/*.onnx"), None)
    if nested is not None:
        raise ModelMissing(
            f"the insightface pack was unpacked one folder too deep: '{nested.parent}'",
            hint=f"move its files to '{folder}'",
        )
    raise ModelMissing(
        f"no insightface pack in '{folder}': a detection model such as 'det_10g.onnx' must lie "
        "there",
        hint=f"unpack buffalo_l.zip of insightface's releases into '{folder}'; models: "
        "non-commercial research only",
    )


def _open(folder: Path, card: int | None, threads: int | None) -> Any:
    try:
        import onnxruntime
        from insightface.app import FaceAnalysis
    except ImportError as error:
        raise BackendUnavailable(
            f"insightface cannot be imported: {error}", hint="pip install 'ecgan[insightface]'"
        ) from error
    wants_card = card is not None and _CUDA in onnxruntime.get_available_providers()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            analysis = FaceAnalysis(
                name=str(folder),
                allowed_modules=["detection"],
                providers=[*([(_CUDA, {"device_id": card})] if wants_card else []), _CPU],
                sess_options=options,
            )
    except AssertionError as error:
        raise ModelMissing(
            f"the insightface pack '{folder}' holds no detection model; a file such as "
            "'det_10g.onnx' must lie there"
        ) from error
    except Exception as error:  # insightface and onnxruntime raise classes of their own
        raise ModelMismatch(
            f"insightface refuses the pack '{folder}': {one_line(error)}"
        ) from error
    _log.debug("insightface: %s", said.getvalue().strip())
    return analysis
