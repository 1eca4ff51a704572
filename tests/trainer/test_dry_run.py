"""What a dry run says of size and speed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ecgan.trainer import runs
from ecgan.trainer.dry_run import count_gflop
from ecgan.trainer.networks.ecgan import Ecgan


def test_the_published_network_s_size_is_counted_as_published() -> None:
    """56.63 million weights and 32.1 GFLOP at 256 px, and the network is left as it was."""
    with torch.device("meta"):
        network = Ecgan()
    network.contract1.eval()
    modes = [module.training for module in network.modules()]
    inputs = (torch.empty(1, 6, 256, 256, device="meta"), torch.empty(1, 7, device="meta"))
    assert count_gflop(network, inputs) == pytest.approx(32.1, abs=0.05)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 56.63
    assert [module.training for module in network.modules()] == modes


@pytest.mark.slow
def test_real_steps_are_timed_and_nothing_is_kept(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ecgan.trainer.dry_run.ENOUGH_S", 0.1)
    plan = runs.make_plan("ecgan", "tiny", None, {"data": str(faces_folder), "device": "cpu"})
    [found] = runs.dry_run(plan, None)
    assert found.name == "ecgan tiny"
    assert found.parameters < found.all_parameters
    assert 0 < found.gflop < 1
    assert (found.side, found.batch, found.samples, found.device) == (64, 4, 64, "cpu")
    assert found.real_per_s > 0
    assert found.fixed_per_s > 0
    assert 0.1 < found.draw_ms < 1000
    assert found.memory_mib > 100
    assert not list(tmp_path.iterdir())
