import numpy as np
import torch

from ecgan.trainer.losses.reconstruction import reconstruction, ssim_map


def test_equal_pictures_cost_nothing() -> None:
    picture = torch.rand(2, 3, 32, 32) * 2 - 1
    assert abs(float(reconstruction(picture, picture))) < 1e-6
    torch.testing.assert_close(ssim_map(picture, picture), torch.ones_like(picture))


def test_flat_pictures_give_the_luminance_term_and_the_difference() -> None:
    """Flat 0.2 against flat 0.6 in [0, 1], far from the padding: worked out by hand."""
    a, b = torch.full((1, 3, 32, 32), -0.6), torch.full((1, 3, 32, 32), 0.2)
    luminance = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    found = ssim_map(a, b)
    torch.testing.assert_close(
        found[..., 8:-8, 8:-8], torch.full((1, 3, 16, 16), luminance), rtol=0, atol=1e-4
    )
    loss = float(reconstruction(a, b))
    assert abs(loss - (0.5 * 0.8 + 0.5 * (1 - float(found.mean())))) < 1e-6


def test_window_is_the_gaussian_of_sigma_one_and_a_half() -> None:
    """A direct sum over 11x11 pixels, in float64, at one pixel of two noise pictures."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 16, 16))
    offset = np.arange(11) - 5
    line = np.exp(-(offset**2) / 4.5)
    window = np.outer(line, line) / line.sum() ** 2
    part_a, part_b = a[3:14, 2:13], b[3:14, 2:13]
    mean_a, mean_b = (window * part_a).sum(), (window * part_b).sum()
    var_a = (window * part_a**2).sum() - mean_a**2
    var_b = (window * part_b**2).sum() - mean_b**2
    covariance = (window * part_a * part_b).sum() - mean_a * mean_b
    wanted = ((2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    )
    pair = [torch.from_numpy(2 * x - 1)[None, None] for x in (a, b)]
    assert abs(float(ssim_map(*pair)[0, 0, 8, 7]) - wanted) < 1e-12


def test_descent_brings_the_picture_closer() -> None:
    torch.manual_seed(0)
    real = torch.rand(1, 3, 24, 24) * 2 - 1
    fake = torch.zeros_like(real).requires_grad_()
    optimiser = torch.optim.Adam([fake], lr=0.05)
    first = reconstruction(fake, real).item()
    for _ in range(40):
        optimiser.zero_grad()
        reconstruction(fake, real).backward()
        optimiser.step()
    assert reconstruction(fake, real).item() < 0.1 * first
