"""`ecgan-fast`: our generator, coarse at 64x64 and refined to 256x256.

The trunk is a U-Net on the four-fold reduced picture; the expression scales and shifts every
block (a constant input plane, as in the paper, is weak); the aligned crop lets the trunk know
where it is by coordinates and a learned constant. A light head adds detail.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import CROP_SIZE

from .blocks import Down, GlobalMix, ResBlock, Up, conv, coordinates

TRUNK_SIDE = 64
EMBEDDING = 64


class Trunk(nn.Module):
    """Coarse painter at 64x64.

    (N, 4, 64, 64) masked picture and hole, detail features (N, C0, 64, 64), embedding (N, E) ->
    features (N, C0, 64, 64), picture (N, 3, 64, 64) about [-1, 1].
    """

    grid: Tensor

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        c0, c1, c2, c3 = widths
        self.register_buffer("grid", coordinates(TRUNK_SIDE), persistent=False)
        self.stem = conv(6, c0, bias=True)
        self.down1, self.block1 = Down(c0, c1), ResBlock(c1, EMBEDDING)
        self.down2, self.block2 = Down(c1, c2), ResBlock(c2, EMBEDDING)
        self.down3 = Down(c2, c3)
        self.constant = nn.Parameter(torch.zeros(1, c3, 8, 8))
        self.low1, self.mix1 = ResBlock(c3, EMBEDDING), GlobalMix(8)
        self.low2, self.mix2 = ResBlock(c3, EMBEDDING), GlobalMix(8)
        self.up2, self.out2 = Up(c3, c2), ResBlock(c2, EMBEDDING)
        self.up1, self.out1 = Up(c2, c1), ResBlock(c1, EMBEDDING)
        self.up0, self.out0 = Up(c1, c0), ResBlock(c0, EMBEDDING)
        self.to_rgb = conv(c0, 3, bias=True)

    def forward(
        self, reduced: Tensor, detail: Tensor | None, embedding: Tensor
    ) -> tuple[Tensor, Tensor]:
        grid = self.grid.expand(reduced.shape[0], -1, -1, -1)
        x = self.stem(torch.cat([reduced, grid], 1))
        if detail is not None:
            x = x + detail
        x0 = torch.relu(x)
        x1 = self.block1(self.down1(x0), embedding)
        x2 = self.block2(self.down2(x1), embedding)
        x = self.down3(x2) + self.constant
        x = self.low1(self.mix1(x), embedding)
        x = self.low2(self.mix2(x), embedding)
        x = self.out2(self.up2(x, x2), embedding)
        x = self.out1(self.up1(x, x1), embedding)
        x = self.out0(self.up0(x, x0), embedding)
        return x, self.to_rgb(x)


class Head(nn.Module):
    """Detail on top of the trunk's features: worked out at 128 px, each place then paints 2x2 pixels.

    Features (N, C0, 64, 64), coarse picture (N, 3, 64, 64), masked picture and hole
    (N, 4, 256, 256) -> picture (N, 3, 256, 256).
    """

    def __init__(self, width: int, width_128: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(4, width_128, 2, 2)
        self.up = nn.ConvTranspose2d(width, width_128, 2, 2)
        self.mix = conv(width_128, width_128, bias=True)
        self.to_pixels = conv(width_128, 12, bias=True)
        for parameter in self.to_pixels.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, coarse: Tensor, masked: Tensor) -> Tensor:
        x = torch.relu(self.up(features) + self.skip(masked))
        x = torch.relu(x + self.mix(x))
        enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return F.pixel_shuffle(self.to_pixels(x) + enlarged.repeat_interleave(4, 1), 2)


class FastGenerator(nn.Module):
    """Picture, hole, expression -> painted picture.

    Args:
        widths: Channels at 64, 32, 16 and 8 px; multiples of 16 are what runtimes compute with.
        head: Channels at 128 px.
    """

    def __init__(
        self,
        widths: Sequence[int] = (48, 96, 160, 240),
        head: int = 32,
    ) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(len(EXPRESSIONS), EMBEDDING), nn.ReLU(), nn.Linear(EMBEDDING, EMBEDDING)
        )
        # an unknown expression is all zeros; the first bias makes it a point of its own
        self.trunk = Trunk(widths)
        self.detail = nn.Conv2d(4, widths[0], 4, 4, bias=False)
        nn.init.zeros_(self.detail.weight)
        self.head = Head(widths[0], head)

    def forward(self, picture: Tensor, hole: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Paint the hole.

        At 64 px the trunk paints alone. Pictures of other sides than 256 px are enlarged before and
        the paint is reduced after, so that training may show the whole network less than it paints.

        Args:
            picture: (N, 3, S, S) in [-1, 1], S 64, 128 or 256; what lies under the hole is not
                looked at.
            hole: (N, 1, S, S) in [0, 1]; 1 = paint.
            weights: (N, 7) expression condition; zeros = what fits.

        Returns:
            Painted picture (N, 3, S, S) and the coarse one (N, 3, 64, 64), about [-1, 1].
        """
        masked = torch.cat([picture * (1 - hole), hole], 1)
        embedding = self.embed(weights)
        side = picture.shape[-1]
        if side == TRUNK_SIDE:
            coarse = self.trunk(masked, None, embedding)[1]
            return coarse, coarse
        if side < CROP_SIZE:
            masked = F.interpolate(masked, CROP_SIZE, mode="bilinear", align_corners=False)
        features, coarse = self.trunk(F.avg_pool2d(masked, 4), self.detail(masked), embedding)
        painted = self.head(features, coarse, masked)
        return F.avg_pool2d(painted, CROP_SIZE // side) if side < CROP_SIZE else painted, coarse
