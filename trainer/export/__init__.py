"""From a trained network to the ONNX files that the engine runs, checked against torch.

Pre- and post-processing go inside the graph (``ecgan.engine.contract``) and what does nothing after
training is folded away. ``NAME.onnx`` computes in float32, with large weights stored as float16
behind a Cast where that moves nothing; ``NAME.fp16.onnx`` computes in float16 but for its head, its
tail and sums over a picture.
"""

from .contract import RANGES, SYMMETRIC
from .folder import CLAIM_SHARE, export_checkpoint
from .write import Exported, ModelFile, export_onnx

__all__ = [
    "CLAIM_SHARE",
    "RANGES",
    "SYMMETRIC",
    "Exported",
    "ModelFile",
    "export_checkpoint",
    "export_onnx",
]
