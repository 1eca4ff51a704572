"""detect -> align -> segment -> generate -> composite: the public way from an array to an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from .composite import apply_patches, make_patch, paint_mask, union_alpha
from .crops import crops_under, crops_with_coverings
from .errors import InputError
from .expressions import AUTO, face_weights
from .networks import Networks
from .selection import select
from .smoothing import LightSmoother
from .types import F32, U8, Face, FaceCrop, FaceResult, FaceStatus, Patch, Result


class Unmasker(Networks):
    """Takes the masks off the faces of a picture.

        from ecgan.engine.pipeline import Unmasker

        with Unmasker() as unmasker:
            picture = unmasker.unmask(frame, "happy").image

    Arguments are those of ``Networks``. Every method may be called from several threads at once.
    """

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
        return crops_with_coverings(self.segmenter, frames, faces, zooms)

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
        chosen = [found[i] for i in wanted]
        crops = self.crop(frame, chosen) if mask is None else crops_under(mask, frame, chosen)
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

    def _finish(
        self, frame: U8, painted: list[tuple[FaceCrop, F32]], results: list[FaceResult]
    ) -> Result:
        crops = [crop for crop, _ in painted]
        weights = np.array([weights for _, weights in painted], np.float32)
        patches = self.paint(frame, crops, weights)
        height, width = frame.shape[:2]
        union = union_alpha(patches, (height, width))
        return Result(apply_patches(frame, patches), patches, results, union)


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
