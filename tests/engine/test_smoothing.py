import numpy as np
import pytest

from ecgan.engine.smoothing import HELD_FRAMES, LandmarkFilter, LightSmoother, MaskSmoother

FACE = np.array([[40, 50], [100, 50], [70, 80], [45, 110], [95, 110]], float)
HEIGHT = 150.0
SETTLED_S = 1.0


def run(speed_px, noise_px, *, flow, times, look_every=1):
    """Errors of the raw and of the filtered landmarks, (T, 5, 2), after a second to settle."""
    rng = np.random.default_rng(0)
    steady, raw, smooth = None, [], []
    for i, time in enumerate(times):
        shift = np.array([0.8, 0.6]) * speed_px * 30 * time
        seen = (FACE + shift + rng.normal(0, noise_px, (5, 2))).astype(np.float32)
        if steady is None:
            steady = LandmarkFilter(seen)
        else:
            seconds = time - times[i - 1]
            moved = np.array([0.8, 0.6]) * speed_px * 30 * seconds
            motion = np.column_stack([np.eye(2), moved]).astype(np.float32)
            steady.carry(motion if flow else None, seconds, HEIGHT)
            if i % look_every == 0:
                steady.correct(seen, HEIGHT)
        if time > SETTLED_S:
            raw.append(seen - FACE - shift)
            smooth.append(steady.landmarks - FACE - shift)
    return np.array(raw), np.array(smooth)


EVEN = np.arange(300) / 30
UNEVEN = np.cumsum(np.random.default_rng(1).choice([1 / 60, 1 / 30, 1 / 10], 300))


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["30 fps", "variable"])
@pytest.mark.parametrize("flow", [False, True])
def test_a_still_face_trembles_three_times_less(flow, times):
    raw, smooth = run(0, 1.0, flow=flow, times=times)
    still = raw.std(axis=0).mean() / smooth.std(axis=0).mean()
    # Uneven frames come at 21 a second on average: fewer looks to average over.
    assert still > (3 if times is EVEN else 2)
    steps = np.diff(raw, axis=0).std() / np.diff(smooth, axis=0).std()
    assert steps > 3


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("speed", [0.3, 2, 8])
def test_a_moving_face_is_not_lagged(flow, speed):
    _, smooth = run(speed, 0.5, flow=flow, times=EVEN)
    lag = np.linalg.norm(smooth.mean(axis=(0, 1)))
    assert lag < (0.3 if flow else 1.5)


def test_looks_may_be_rare_when_the_motion_is_known():
    raw, smooth = run(2, 1.0, flow=True, times=EVEN, look_every=3)
    assert raw.std(axis=0).mean() / smooth.std(axis=0).mean() > 3
    assert np.abs(smooth.mean(axis=(0, 1))).max() < 0.3


def test_drifting_flow_is_pulled_back():
    steady = LandmarkFilter(FACE.astype(np.float32))
    drift = np.array([[1, 0, 0.3], [0, 1, 0]], np.float32)
    for _ in range(150):
        steady.carry(drift, 1 / 30, HEIGHT)
        steady.correct(FACE.astype(np.float32), HEIGHT)
    # Unchecked it would be 45 px off.
    assert np.abs(steady.landmarks - FACE).max() < 3


def test_a_jump_is_followed_at_once():
    steady = LandmarkFilter(FACE.astype(np.float32))
    for _ in range(30):
        steady.carry(np.eye(2, 3, dtype=np.float32), 1 / 30, HEIGHT)
        steady.correct(FACE.astype(np.float32), HEIGHT)
    steady.correct((FACE + 60).astype(np.float32), HEIGHT)
    np.testing.assert_allclose(steady.landmarks, FACE + 60, atol=1e-3)


# --- masks -----------------------------------------------------------------------------------

STILL = np.eye(2, 3, dtype=np.float32)


def disc(radius: float, x: float = 128) -> np.ndarray:
    rows, columns = np.mgrid[:256, :256]
    distance = np.hypot(rows - 150, columns - x)
    return np.clip(radius - distance, 0, 1).astype(np.float32)


def test_the_first_mask_passes_unchanged():
    np.testing.assert_array_equal(MaskSmoother().smooth(1, disc(60), STILL), disc(60))


def test_a_trembling_rim_is_steadied():
    smoother, rng = MaskSmoother(), np.random.default_rng(0)
    raw = [disc(60 + rng.normal(0, 1)) for _ in range(60)]
    smooth = [smoother.smooth(1, mask, STILL) for mask in raw]
    trembling = np.abs(np.diff(raw[10:], axis=0)).mean()
    assert np.abs(np.diff(smooth[10:], axis=0)).mean() < 0.6 * trembling
    assert all(mask.min() >= 0 and mask.max() <= 1 for mask in smooth)


def test_a_hand_in_front_is_left_out_within_two_frames():
    smoother = MaskSmoother()
    whole = disc(70)
    smoother.smooth(1, whole, STILL)
    covered = whole.copy()
    covered[120:190, 100:150] = 0
    smoother.smooth(1, covered, STILL)
    after = smoother.smooth(1, covered, STILL)
    assert after[130:180, 110:140].max() < 0.05
    assert after[150, 90] == 1


def test_a_missed_mask_is_held_for_some_frames_only():
    smoother = MaskSmoother()
    smoother.smooth(1, disc(60), STILL)
    nothing = np.zeros((256, 256), np.float32)
    for _ in range(HELD_FRAMES):
        np.testing.assert_array_equal(smoother.smooth(1, nothing, STILL), disc(60))
    assert smoother.smooth(1, nothing, STILL).max() == 0


def test_holding_starts_afresh_after_the_mask_was_seen():
    smoother = MaskSmoother()
    nothing = np.zeros((256, 256), np.float32)
    for _ in range(3):
        smoother.smooth(1, disc(60), STILL)
        for _ in range(HELD_FRAMES):
            assert smoother.smooth(1, nothing, STILL).max() == 1


def test_faces_and_cuts_are_kept_apart():
    smoother = MaskSmoother()
    smoother.smooth(1, disc(60), STILL)
    smoother.smooth(2, disc(30), STILL)
    nothing = np.zeros((256, 256), np.float32)
    np.testing.assert_array_equal(smoother.smooth(2, nothing, STILL), disc(30))
    smoother.reset([1])
    assert smoother.smooth(1, nothing, STILL).max() == 0
    assert smoother.smooth(2, nothing, STILL).max() == 1
    smoother.reset()
    assert smoother.smooth(2, nothing, STILL).max() == 0


def test_a_crop_that_jumps_forgets_the_past():
    smoother = MaskSmoother()
    smoother.smooth(1, disc(60), STILL)
    far = np.array([[1, 0, 200], [0, 1, 0]], np.float32)
    assert smoother.smooth(1, np.zeros((256, 256), np.float32), far).max() == 0


REGION = np.zeros((256, 256), np.float32)
REGION[140:230, 60:200] = 1
INSIDE = REGION > 0


def lit(levels, texture=None):
    """Pictures of one skin under these lights, and what a fresh smoother makes of them."""
    smoother = LightSmoother()
    pictures, results = [], []
    for level in levels:
        picture = np.full((256, 256, 3), level, np.float32)
        if texture is not None:
            picture += texture()
        pictures.append(picture)
        results.append(picture + smoother.correction(picture, REGION))
    return pictures, results


def wander(pictures):
    means = np.array([picture[INSIDE].mean() for picture in pictures])
    return np.abs(np.diff(means)).mean()


def test_light_that_trembles_is_steadied():
    levels = 150 + np.random.default_rng(0).normal(0, 2, 80)
    pictures, results = lit(levels)
    assert np.array_equal(pictures[0], results[0])
    assert wander(results) < 0.4 * wander(pictures)
    assert np.mean([r[INSIDE].mean() for r in results]) == pytest.approx(levels.mean(), abs=0.5)


def test_light_that_is_switched_is_followed_at_once():
    _, results = lit([150] * 5 + [110] * 5)
    assert results[5][INSIDE] == pytest.approx(110, abs=0.1)


def test_light_that_goes_steadily_lags_by_few_frames():
    levels = 100 + np.arange(60.0)
    pictures, results = lit(levels)
    lag = (pictures[-1] - results[-1])[INSIDE].mean()
    assert 0 < lag < 4.5  # levels, at one level a frame


def test_texture_stays_as_each_frame_has_it():
    rng = np.random.default_rng(0)
    pictures, results = lit([150] * 6, lambda: rng.normal(0, 8, (256, 256, 3)).astype(np.float32))
    change = (results[-1] - pictures[-1])[INSIDE]
    assert np.abs(change).max() < 2  # a few of the noise's own averages over a cell
    assert results[-1][INSIDE].std() == pytest.approx(8, rel=0.05)


def test_what_lies_around_the_paint_is_no_light():
    smoother = LightSmoother()
    picture = np.full((256, 256, 3), 150, np.float32)
    smoother.correction(picture, REGION)
    picture[~INSIDE] = 20
    assert np.abs(smoother.correction(picture, REGION)[INSIDE]).max() < 0.5
