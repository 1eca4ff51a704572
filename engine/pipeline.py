"""detect -> align -> segment -> generate -> composite: the public way from an array to an array."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from .align import ZOOM_MIN, crop_matrix, warp_face, zoom_out
from .backends import BACKENDS, Backend, file_and_options, makers
from .backends.ort import OrtBackend
from .composite import apply_patches, make_patch, paint_mask, union_alpha
from .contract import BATCH_MAX
from .detect import DETECTORS, Detector
from .edge import grow_to_edge
from .errors import InputError, OptionError
from .expressions import ALL, AUTO, expression_weights, means
from .face_area import is_cut_off, own_covering, share_mask
from .generate import Generator
from .models import GENERATOR, SEGMENTER, ModelEntry, load_manifest, model_folder, verified_path
from .segment import Segmenter
from .selection import select
from .smoothing import LightSmoother
from .types import CROP_SIZE, F32, U8, Face, FaceCrop, FaceResult, FaceStatus, Patch, Result

ZOOM_STEP, ZOOM_STEPS = 0.86, 2
"""By how much, and how often, a face is made smaller whose mask does not fit into the crop."""


class Unmasker:
    """Takes the masks off the faces of a picture.

        from ecgan.engine.pipeline import Unmasker

        with Unmasker() as unmasker:
            picture = unmasker.unmask(frame, "happy").image

    Networks are opened on first use and their hashes verified. Every method may be called from
    several threads at once.

    Args:
        models: Folder with ``manifest.json`` and the model files; None for those that ship.
        backend: Registry name of the runtime for segmenter and generator.
        device: "auto", "cpu" or "cuda:N"; a device that cannot be had is an error. With another
            backend than onnxruntime, the detector takes a card only where onnxruntime works on one.
        detector: Registry name of the face detector.
        threads: Threads for each network; None for one per core.
        precision: "fp32", or another for which the models have files.
        detector_options: Further arguments of the detector, such as ``score`` or ``path``.
        batch: Most faces that a network is given at once, 1 to 16; None for 16. A video then goes
            through the networks by so many pictures at once; None for one at a time.

    Raises:
        OptionError: An unknown backend or detector; a precision without a file on first use.
        ModelMissing: The folder holds no manifest, or it names no segmenter or generator.
        ModelMismatch: The manifest cannot be read.
    """

    def __init__(
        self,
        *,
        models: Path | None = None,
        backend: str = "onnxruntime",
        device: str = "auto",
        detector: str = "retinaface",
        threads: int | None = None,
        precision: str = "fp32",
        detector_options: Mapping[str, Any] | None = None,
        batch: int | None = None,
    ) -> None:
        if batch is not None and not 1 <= batch <= BATCH_MAX:
            raise OptionError(f"batch '{batch}' is not in the range 1 to {BATCH_MAX}")
        self._folder = models or model_folder()
        manifest = load_manifest(self._folder)
        self._entries = {kind: manifest.of_kind(kind) for kind in (SEGMENTER, GENERATOR)}
        self._backend_class = BACKENDS[backend]
        self._detector_class = DETECTORS[detector]
        self._detector_options = dict(detector_options or {})
        self._device, self._threads, self._precision = device, threads, precision
        self._batch = batch
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._segmenter: Segmenter | None = None
        self._generator: Generator | None = None

    @property
    def detector(self) -> Detector:
        """The face detector, opened on first use."""
        with self._lock:
            if self._detector is None:
                self._detector = self._detector_class(
                    device=self._detector_device(),
                    threads=self._threads,
                    **self._detector_options,
                )
            return self._detector

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter, opened on first use."""
        with self._lock:
            if self._segmenter is None:
                entry = self._entries[SEGMENTER]
                self._segmenter = Segmenter(
                    self._open(entry), entry.threshold, self._batch or BATCH_MAX
                )
            return self._segmenter

    @property
    def generator(self) -> Generator:
        """The generator, opened on first use."""
        with self._lock:
            if self._generator is None:
                entry = self._entries[GENERATOR]
                self._generator = Generator(
                    self._open(entry),
                    auto=entry.auto,
                    expressions=bool(entry.classes),
                    batch=self._batch or BATCH_MAX,
                )
            return self._generator

    @property
    def pictures_at_once(self) -> int:
        """Pictures of a video that go through the networks together."""
        return self._batch or 1

    def detect(self, frame: U8) -> list[Face]:
        """Find the faces of a picture.

        Args:
            frame: (H, W, 3) uint8 RGB.

        Returns:
            All faces, left to right: face i is number i + 1.
        """
        _check_frame(frame)
        faces = self.detector.detect(frame, small=True)
        return sorted(faces, key=lambda face: float(face.bbox[0] + face.bbox[2]))

    def crop(
        self, frame: U8, faces: list[Face], zooms: Sequence[float] | None = None
    ) -> list[FaceCrop]:
        """Align faces and look for a worn covering on each.

        A covering that the crop's lower edge cuts off is looked at again in a smaller face.

        Args:
            frame: (H, W, 3) uint8 RGB.
            faces: Faces of that frame.
            zooms: Zoom of each face to begin with, as an earlier frame's crop had it; None for 1.

        Returns:
            One crop per face, in the same order; its mask holds only what this face wears.
        """
        return self.crop_all([frame] * len(faces), faces, zooms or [1.0] * len(faces))

    def crop_all(
        self, frames: Sequence[U8], faces: Sequence[Face], zooms: Sequence[float]
    ) -> list[FaceCrop]:
        """What ``crop`` does, for faces of several pictures.

        Args:
            frames: The picture of each face, (H, W, 3) uint8 RGB.
            faces: The faces.
            zooms: Zoom of each face to begin with.

        Returns:
            One crop per face, in the same order.
        """
        crops = self._segmented(_aligned(frames, faces, zooms))
        for _ in range(ZOOM_STEPS):
            cut = [i for i, c in enumerate(crops) if c.zoom > ZOOM_MIN and self._is_cut_off(c)]
            if not cut:
                break
            smaller = [max(crops[i].zoom * ZOOM_STEP, ZOOM_MIN) for i in cut]
            again = self._segmented(
                _aligned([frames[i] for i in cut], [faces[i] for i in cut], smaller)
            )
            for i, crop in zip(cut, again, strict=True):
                crops[i] = crop
        return crops

    def _is_cut_off(self, crop: FaceCrop) -> bool:
        return self.segmenter.claims(crop.mask) and is_cut_off(crop.mask)

    def _segmented(self, crops: list[FaceCrop]) -> list[FaceCrop]:
        pictures = [crop.crop for crop in crops]
        masks = [own_covering(mask) for mask in self.segmenter.masks(pictures)]
        # Only what is claimed grows: specks on a bare face must not become a mask by it.
        masks = [
            grow_to_edge(crop.crop, mask) if self.segmenter.claims(mask) else mask
            for crop, mask in zip(crops, masks, strict=True)
        ]
        return [replace(crop, mask=mask) for crop, mask in zip(crops, masks, strict=True)]

    def paint(
        self,
        frame: U8,
        crops: list[FaceCrop],
        weights: F32,
        lights: Sequence[LightSmoother] | None = None,
    ) -> list[Patch]:
        """Paint what the masks hide.

        Args:
            frame: (H, W, 3) uint8 RGB.
            crops: Faces of that frame, with the masks to repaint.
            weights: (K, 7) float32, one row per crop, as ``expression_weights`` gives them.
            lights: In a video, each face's memory of the frames before.

        Returns:
            One patch per crop in depth order, the largest face last: lay them in this order.

        Raises:
            OptionError: All weights of a row are zero and the model cannot do that.
        """
        if not crops:
            return []
        return self.patches(frame, crops, self.generate(crops, weights), lights)

    def patches(
        self,
        frame: U8,
        crops: Sequence[FaceCrop],
        painted: U8,
        lights: Sequence[LightSmoother] | None = None,
    ) -> list[Patch]:
        """The step of ``paint`` after the generator: compositing.

        Args:
            frame: (H, W, 3) uint8 RGB.
            crops: Faces of that frame.
            painted: (K, 256, 256, 3) uint8 RGB, as ``generate`` gives it for these.
            lights: In a video, each face's memory of the frames before.

        Returns:
            One patch per crop in depth order, the largest face last.
        """
        depth = sorted(range(len(crops)), key=lambda i: crops[i].side_px)
        return [
            make_patch(frame, crops[i], painted[i], None if lights is None else lights[i])
            for i in depth
        ]

    def generate(self, crops: list[FaceCrop], weights: F32) -> U8:
        """The step of ``paint`` before compositing: what the generator paints into the crops.

        Args:
            crops: At least one face, with the mask to repaint.
            weights: (K, 7) float32.

        Returns:
            (K, 256, 256, 3) uint8 RGB, painted a little beyond each mask.
        """
        return self.start_generate(crops, weights)()

    def start_generate(self, crops: list[FaceCrop], weights: F32) -> Callable[[], U8]:
        """Begin what ``generate`` does; a GPU computes while the caller goes on.

        Returns:
            What waits for the result.
        """
        pictures = [crop.crop for crop in crops]
        masks = np.stack([paint_mask(crop.mask, crop.side_px) for crop in crops])
        return self.generator.start(pictures, masks, weights)

    def unmask(
        self,
        frame: U8,
        expression: str = AUTO,
        *,
        intensity: float = 1.0,
        faces: str = "all",
        face_expressions: Mapping[int, str] | None = None,
        min_face: int = 32,
        mask: F32 | None = None,
    ) -> Result:
        """Take the masks off a picture.

        Args:
            frame: (H, W, 3) uint8 RGB.
            expression: Name, alias, blend such as "happy:0.7,surprise:0.3", or "auto".
            intensity: Factor on the expression's weights, 0 to 1.5.
            faces: "all", "largest", or a face's number, counted from 1 left to right.
            face_expressions: Number of a face -> its own expression.
            min_face: Faces whose box is lower than this many pixels are left alone.
            mask: (H, W) float32 in [0, 1] used instead of the segmenter; 1 = repaint.

        Returns:
            The picture, and what was done with each face. Without a face it is the input.

        Raises:
            OptionError: An option has a wrong value, or names a face that is not there.
            InputError: ``frame`` or ``mask`` is not such an array.
        """
        return next(
            self.unmask_each(
                frame,
                [expression],
                intensity=intensity,
                faces=faces,
                face_expressions=face_expressions,
                min_face=min_face,
                mask=mask,
            )
        )

    def unmask_each(
        self,
        frame: U8,
        expressions: Sequence[str],
        *,
        intensity: float = 1.0,
        faces: str = "all",
        face_expressions: Mapping[int, str] | None = None,
        min_face: int = 32,
        mask: F32 | None = None,
    ) -> Iterator[Result]:
        """Take the masks off a picture several times, looking for faces and masks only once.

        Args:
            expressions: One request a result; the other arguments are those of ``unmask``.

        Yields:
            A result for each expression, in their order; what ``unmask`` raises is raised with the
            first.
        """
        own = dict(face_expressions or {})
        requests = [face_weights({0: expression, **own}, intensity) for expression in expressions]
        if mask is not None:
            _check_mask(mask, frame)
        found = self.detect(frame)
        results = select(found, faces, min_face, own)
        wanted = [i for i, result in enumerate(results) if result.status is FaceStatus.CHANGED]
        crops = self._crops(frame, [found[i] for i in wanted], mask)
        covered: list[tuple[int, FaceCrop]] = []
        for i, crop in zip(wanted, crops, strict=True):
            is_covered = self.segmenter.claims(crop.mask) if mask is None else bool(crop.mask.any())
            status = FaceStatus.CHANGED if is_covered else FaceStatus.NO_MASK
            results[i] = FaceResult(i + 1, crop.face, status, crop.mask_share, crop.side_px)
            if is_covered:
                covered.append((i + 1, crop))
        for weights in requests:
            painted = [(crop, weights.get(number, weights[0])) for number, crop in covered]
            yield self._finish(frame, painted, list(results))

    def describe(self) -> dict[str, str]:
        """What really runs: opens the networks, since only then the device is known."""
        return {
            "backend": self.generator.backend.name,
            "device": self.generator.backend.device,
            "detector": self.detector.name,
            "detector_device": self.detector.device,
            "segmenter": self._entries[SEGMENTER].name,
            "generator": self._entries[GENERATOR].name,
            "precision": self._precision,
            "licence": self._entries[GENERATOR].licence,
        }

    def close(self) -> None:
        """Release the networks; they are opened again when needed."""
        with self._lock:
            for part in (self._segmenter, self._generator):
                if part is not None:
                    part.backend.close()
            self._detector = self._segmenter = self._generator = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _detector_device(self) -> str:
        """Detectors have a runtime of their own, onnxruntime: a card asked of another one may be
        out of its reach, and is then no reason to fail."""
        own = self._backend_class.name == OrtBackend.name or self._device == "cpu"
        return self._device if own else "auto"

    def _open(self, entry: ModelEntry) -> Backend:
        precision, options = file_and_options(self._backend_class.name, self._precision)
        if precision not in entry.precisions and (others := makers(precision)):
            raise OptionError(
                f"backend '{self._backend_class.name}' does not compute in '{precision}'",
                hint=f"--backend {others[0]} does",
            )
        backend: Backend = self._backend_class.open(
            verified_path(self._folder, entry, precision),
            device=self._device,
            threads=self._threads,
            **options,
        )
        return backend

    def _crops(self, frame: U8, faces: list[Face], mask: F32 | None) -> list[FaceCrop]:
        if mask is None:
            return self.crop(frame, faces)
        crops = _aligned([frame] * len(faces), faces, [1.0] * len(faces))
        shares = share_mask(mask, [crop.frame_to_crop for crop in crops])
        return [replace(crop, mask=part) for crop, part in zip(crops, shares, strict=True)]

    def _finish(
        self, frame: U8, painted: list[tuple[FaceCrop, F32]], results: list[FaceResult]
    ) -> Result:
        crops = [crop for crop, _ in painted]
        weights = np.array([weights for _, weights in painted], np.float32)
        patches = self.paint(frame, crops, weights)
        height, width = frame.shape[:2]
        union = union_alpha(patches, (height, width))
        return Result(apply_patches(frame, patches), patches, results, union)


_NO_MASK = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)


def _aligned(frames: Sequence[U8], faces: Sequence[Face], zooms: Sequence[float]) -> list[FaceCrop]:
    """One crop per face, with the picture it is in; read-only, so that a GPU may keep it."""
    crops = []
    for frame, face, zoom in zip(frames, faces, zooms, strict=True):
        matrix = zoom_out(crop_matrix(face.landmarks), zoom)
        crop = warp_face(frame, matrix)
        crop.flags.writeable = False
        crops.append(FaceCrop(face, matrix, crop, _NO_MASK, zoom))
    return crops


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


def _check_frame(frame: U8) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise InputError(
            f"the picture is '{frame.dtype} {frame.shape}', expected uint8 (H, W, 3) RGB"
        )


def _check_mask(mask: F32, frame: U8) -> None:
    if mask.dtype != np.float32 or mask.shape != frame.shape[:2]:
        raise InputError(
            f"the mask is '{mask.dtype} {mask.shape}', expected float32 {frame.shape[:2]}"
        )
    if not (mask.min() >= 0 and mask.max() <= 1):
        raise InputError(f"the mask goes from {mask.min()} to {mask.max()}, expected 0 to 1")
