"""Evaluate networks on faces whose truth is known."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ecgan.engine.backends.checks import usable_cores
from ecgan.engine.errors import ModelMissing
from ecgan.engine.pipeline import Unmasker

from ..data.shards import BrokenPicture
from .accuracy import judge_accuracy
from .cases import Cases
from .contenders import Contender, open_contenders
from .data import EvaluationData, open_data
from .expressions import confusion_at, strength_of
from .features import CLASSIFIER, DISTANCE_WORDS, open_distance, open_features, open_identity
from .figures import mean_figures
from .floors import mean_face
from .frechet import ENOUGH, frechet_distance
from .judge import Judge, open_judge
from .measure import INTENSITIES, TRUTH, Measured, Tools, measure, paint
from .pictures import Shown, shown
from .report import JudgeReport, ModelReport, Report, Row
from .store import Store

MEAN_FACES = 600
"""Faces at most that the mean face is made of."""
CHUNK = 16
"""Cases that are kept together."""
WORK_NAME = "work"
FORMAT = 1
"""Of what is kept: figures that were defined otherwise are not mixed in."""

Watch = Callable[[int, int], None]
"""Gets faces done and their total; may raise to stop."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What is asked for.

    Attributes:
        split: "train", "val", "test" or "all"; None for "val", or "all" where there are no splits.
        limit: Faces at most; None for all.
        masks: Masks a face.
        expressions: Whether each expression is asked for.
        intensity: Whether each is also asked for more weakly and more strongly.
        frechet: What Frechet distances are taken on, as ``open_features`` reads it.
        distance: NAME=PATH of a feature distance; None for ours.
        teachers: Folder of the recognition network and of our feature distance's.
        classifier: Model folder of the evaluation classifier; None for the models that ship.
        device: As ``Unmasker``.
        threads: Threads to compute with; None for one per core.
    """

    split: str | None = None
    limit: int | None = None
    masks: int = 1
    expressions: bool = True
    intensity: bool = False
    frechet: tuple[str, ...] = ()
    distance: str | None = None
    teachers: Path | None = None
    classifier: Path | None = None
    device: str = "auto"
    threads: int | None = None


class Evaluation:
    """Everything opened and ready: ``report`` measures, ``shown`` shows; use as a context manager.

    Attributes:
        done: What ``report`` measured, in the order of the cases.

    Args:
        data: Name of a data set, as ``parse_spec`` reads it.
        models: Model folders, ONNX files or checkpoints; none for the models that ship.
        options: What is asked for.
        folder: Keeps what was measured; None to keep nothing.
        overwrite: Throw away what another evaluation left there.
        watch: Hears how far it is.

    Raises:
        OptionError: An option has a wrong value.
        DatasetError: The data is missing or broken, or the split is empty.
        ModelMissing: A model, or a network that was asked for, is not there.
        ModelMismatch: A model file is something else.
        OutputError: The folder holds another evaluation.
    """

    def __init__(
        self,
        data: str,
        models: Sequence[Path] = (),
        options: EvaluateOptions | None = None,
        *,
        folder: Path | None = None,
        overwrite: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self.options = options or EvaluateOptions()
        self.data_name = data
        self._watch = watch
        self.notes: list[str] = []
        self.done: list[Measured] = []
        self._stack = ExitStack()
        try:
            self._open(data, models, folder, overwrite)
        except BaseException:
            self._stack.close()
            raise

    def _open(
        self, data: str, models: Sequence[Path], folder: Path | None, overwrite: bool
    ) -> None:
        options = self.options
        work = None if folder is None else folder / WORK_NAME
        scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ecgan-")))
        # What can be refused at once comes before what takes time.
        judge = self._judge()
        distance = open_distance(options.distance, options.teachers)
        identity = open_identity(options.teachers)
        features = {text: open_features(text, judge, options.teachers) for text in options.frechet}
        # One thread a network and one case a core: that fills the cores better than the networks do.
        self.contenders = [
            self._stack.enter_context(contender)
            for contender in open_contenders(models, scratch, device=options.device, threads=1)
        ]
        self.data = self._data(data, scratch if work is None else work)
        self.tools = Tools(
            contenders=self.contenders,
            average=mean_face(self.data.train, MEAN_FACES) if len(self.data.train) else None,
            judge=judge,
            distance=distance,
            identity=identity,
            features=features,
            intensities=self._intensities(judge),
        )
        self._note_what_is_missing()
        self.cases = Cases(
            self.data.faces, self.contenders[0].detect, limit=options.limit, masks=options.masks
        )
        self._store = (
            None if work is None else Store(work / "cases", self._plan(), overwrite=overwrite)
        )

    def report(self) -> Report:
        """Measure every case that was not measured before.

        Raises:
            OutputError: The disk is full, or the folder cannot be written.
        """
        self.done = measured = list(self._measured())
        found = [one for one in measured if one.found]
        rows, sources = _means(found)
        return Report(
            data=self.data_name,
            split=self.data.split,
            cases=len(measured),
            missed=[one.file for one in measured if not one.found and not one.broken],
            rows=rows,
            sources=sources,
            models=[self._model(contender, found) for contender in self.contenders],
            judge=self._judge_report(),
            frechet=self._frechet(found),
            frechet_count=len(found),
            distance=""
            if self.tools.distance is None
            else DISTANCE_WORDS[self.tools.distance.name],
            notes=[*self.notes, *self.data.notes, *self._remarks(measured, len(found))],
        )

    def measured(self, number: int) -> Measured:
        """The figures of one case."""
        record = self.cases.record(number)
        try:
            return measure(self.cases[number], self.tools)
        except BrokenPicture:
            return Measured(record.file, record.source, record.label, broken=True)

    def shown(self, numbers: Sequence[int]) -> list[Shown]:
        """What became of cases that ``report`` has measured, made again."""

        def one(number: int) -> Shown:
            case = self.cases[number]
            return shown(case, paint(case, self.tools), self.done[number].figures)

        with _one_thread_each(), ThreadPoolExecutor(self._workers()) as pool:
            return list(pool.map(one, numbers))

    def __enter__(self) -> Evaluation:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _measured(self) -> Iterator[Measured]:
        total = len(self.cases)
        with _one_thread_each(), ThreadPoolExecutor(self._workers()) as pool:
            for number, start in enumerate(range(0, total, CHUNK)):
                part = range(start, min(start + CHUNK, total))
                kept = None if self._store is None else self._store.load(number)
                chunk = []
                for one in kept or pool.map(self.measured, part):
                    chunk.append(one)
                    if self._watch is not None:
                        self._watch(start + len(chunk), total)
                if self._store is not None and kept is None:
                    self._store.save(number, chunk)
                yield from chunk

    def _workers(self) -> int:
        return self.options.threads or usable_cores()

    def _judge(self) -> Judge | None:
        options = self.options
        try:
            return open_judge(options.classifier, threads=1)
        except ModelMissing as missing:
            if options.classifier is not None or options.intensity or CLASSIFIER in options.frechet:
                raise
            if options.expressions:
                self.notes.append(f"expressions were not asked for: {missing}")
            return None

    def _data(self, text: str, work: Path) -> EvaluationData:
        def open_unmasker() -> Unmasker:
            return Unmasker(threads=self.options.threads)

        return open_data(text, self.options.split, work / "faces", open_unmasker, self._watch)

    def _intensities(self, judge: Judge | None) -> tuple[float, ...]:
        if judge is None or not self.options.expressions:
            return ()
        return INTENSITIES if self.options.intensity else (1.0,)

    def _note_what_is_missing(self) -> None:
        if self.tools.average is None:
            self.notes.append("no mean face: the data has no training faces to make it of")
        if self.tools.distance is None:
            self.notes.append(
                "no feature distance: no --distance NAME=PATH, and none in --teachers"
            )
        if self.tools.identity is None:
            self.notes.append("no identity: no recognition network in --teachers")
        for contender in self.contenders:
            if not contender.generator.auto:
                self.notes.append(
                    f"{contender.label} cannot do 'auto': it was asked for the true face's expression, "
                    "by its label, else by the classifier, else neutral"
                )
            if self.tools.intensities and not contender.generator.expressions:
                self.notes.append(f"{contender.label} knows no expressions: it was asked for none")

    def _plan(self) -> dict[str, Any]:
        """What decides about the figures of the cases."""
        files = "\n".join(self.cases.record(i).file for i in range(len(self.cases)))
        options, judge = self.options, self.tools.judge
        return {
            "format": FORMAT,
            "files": hashlib.sha256(files.encode()).hexdigest(),
            "masks": options.masks,
            "models": [[c.label, *c.hashes] for c in self.contenders],
            "classifier": None if judge is None else judge.sha256,
            "intensities": list(self.tools.intensities),
            "frechet": list(options.frechet),
            "distance": options.distance or (self.tools.distance and self.tools.distance.name),
            "identity": self.tools.identity is not None,
            "mean_face": self.tools.average is not None,
        }

    def _remarks(self, measured: Sequence[Measured], found: int) -> list[str]:
        """What is to be known of these pictures."""
        remarks = []
        broken = [one.file for one in measured if one.broken]
        if broken:
            remarks.append(f"pictures that cannot be read, {len(broken)}: {', '.join(broken)}")
        if self.tools.features and found < ENOUGH:
            remarks.append(
                f"a Frechet distance of {found} pictures says little; it takes {ENOUGH:,} "
                "(--masks draws several on each face)"
            )
        return remarks

    def _frechet(self, found: Sequence[Measured]) -> dict[str, dict[str, float]]:
        if len(found) < 2:
            return {}
        distances: dict[str, dict[str, float]] = {}
        for network in self.tools.features:
            wanted = np.stack([one.features[network][TRUTH] for one in found])
            distances[network.partition("=")[0]] = {
                row: frechet_distance(
                    np.stack([one.features[network][row] for one in found]), wanted
                )
                for row in found[0].figures
            }
        return distances

    def _model(self, contender: Contender, found: Sequence[Measured]) -> ModelReport:
        label = contender.label
        overlaps = [one.iou[label] for one in found]
        generator, segmenter = contender.hashes
        read = [one.read[label] for one in found if label in one.read]
        levels = self.tools.intensities
        return ModelReport(
            label=label,
            about=contender.describe()
            | {"generator_sha256": generator, "segmenter_sha256": segmenter},
            unclaimed=[one.file for one in found if label in one.unclaimed],
            iou=float(np.mean(overlaps)) if overlaps else 0.0,
            own_expression=not contender.generator.auto,
            confusion=confusion_at(read, levels.index(1.0)) if read else None,
            strength=strength_of(read, levels) if read and len(levels) > 1 else None,
        )

    def _judge_report(self) -> JudgeReport | None:
        judge = self.tools.judge
        return None if judge is None else judge_accuracy(judge, self.data.labelled)


def _means(found: Sequence[Measured]) -> tuple[dict[str, Row], dict[str, dict[str, Row]]]:
    names = list(found[0].figures) if found else []
    sources = sorted({one.source for one in found})
    rows = {name: mean_figures(one.figures[name] for one in found) for name in names}
    by_source = {
        name: {
            source: {"count": float(len(own))} | mean_figures(one.figures[name] for one in own)
            for source in sources
            if (own := [one for one in found if one.source == source])
        }
        for name in names
    }
    return rows, by_source


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep OpenCV and torch from starting threads of their own below each worker."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def evaluate(
    data: str,
    models: Sequence[Path] = (),
    options: EvaluateOptions | None = None,
    *,
    watch: Watch | None = None,
) -> Report:
    """Measure without keeping anything; arguments and errors as ``Evaluation``."""
    with Evaluation(data, models, options, watch=watch) as evaluation:
        return evaluation.report()
