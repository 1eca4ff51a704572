"""The paper's two discriminators: small patch networks that also see what was asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .unet_blocks import Contract, PointConv, as_planes, embed_label

CLASSES = 7
LABEL_CHANNELS = 3
FACE_AND_PICTURE_CHANNELS = 9
WIDTH = 8


class PatchDiscriminator(nn.Module):
    """Judges each patch of a face: 98,414 parameters with seven classes.

    Args:
        classes: Number of expressions; 0 for a network that knows none.
        dropout: Share of values dropped between the second and the third block in training.
    """

    def __init__(self, *, classes: int = CLASSES, dropout: float = 0.0) -> None:
        super().__init__()
        self.classes = classes
        if classes:
            self.label_emb = nn.Embedding(classes, LABEL_CHANNELS)
        extra = LABEL_CHANNELS if classes else 0
        self.upfeature = PointConv(FACE_AND_PICTURE_CHANNELS + extra, WIDTH)
        self.contract1 = Contract(WIDTH, norm=False)
        self.contract2 = Contract(2 * WIDTH)
        self.contract3 = Contract(4 * WIDTH)
        self.contract4 = Contract(8 * WIDTH)
        self.final = nn.Conv2d(16 * WIDTH, 1, 1)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, face: Tensor, picture: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge faces.

        Args:
            face: (N, 3, H, W) in [-1, 1]: real, generated, or composite.
            picture: (N, 6, H, W) in [-1, 1]: what the generator was given.
            label: (N,) int64 class numbers, or (N, classes) float weights; a network without
                classes ignores it.

        Returns:
            (N, 1, H // 16, W // 16) logits; high means real.

        Raises:
            ValueError: The label is missing.
        """
        planes = [face, picture]
        if self.classes:
            if label is None:
                raise ValueError(f"the network has {self.classes} classes and needs a label")
            planes.append(as_planes(embed_label(self.label_emb, label), face))
        x = self.contract2(self.contract1(self.upfeature(torch.cat(planes, 1))))
        return self.final(self.contract4(self.contract3(self.dropout(x))))


class WholeDiscriminator(PatchDiscriminator):
    """Sees the whole face: real against generated.

    Args:
        classes: As in ``PatchDiscriminator``.
    """

    def __init__(self, *, classes: int = CLASSES) -> None:
        super().__init__(classes=classes)


class MaskDiscriminator(PatchDiscriminator):
    """Sees composites: real against a generated region in its real surroundings.

    Args:
        classes: As in ``PatchDiscriminator``.
    """

    def __init__(self, *, classes: int = CLASSES) -> None:
        super().__init__(classes=classes, dropout=0.5)
