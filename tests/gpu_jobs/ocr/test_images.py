"""Pictures by seed: the same again, none in two parts, nobody else's randomness touched."""

import secrets
from hashlib import sha256

import numpy as np
import pytest
from captcha import image as captcha_image

from gpu_jobs.contracts import InputError
from gpu_jobs.ocr import images

TASK = images.Task()


def test_a_picture_is_the_same_however_many_are_made():
    few = images.make(TASK, 3, seed=1, part="train")
    many = images.make(TASK, 6, seed=1, part="train")
    assert np.array_equal(few.pixels, many.pixels[:3])
    assert np.array_equal(few.codes, many.codes[:3])
    assert many.pixels.shape == (6, images.HEIGHT, images.WIDTH, 3)


def test_parts_and_seeds_share_no_picture():
    """Same texts must happen, as there are only 10,000; the same picture must not."""
    seen = {}
    for seed in (0, 1):
        for part in images.PARTS:
            for index, pixels in enumerate(images.make(TASK, 60, seed=seed, part=part).pixels):
                digest = sha256(pixels.tobytes()).hexdigest()
                assert digest not in seen, (seen.get(digest), seed, part, index)
                seen[digest] = (seed, part, index)


def test_seeds_of_training_and_test_are_disjoint_as_far_as_the_goal_goes():
    """The generator's state for 8,000 training, 1,000 validation and 10,000 test pictures."""
    counts = {"train": 8_000, "validation": 1_000, "test": 10_000}
    states = {
        images.seed_of(0, part, index).generate_state(4).tobytes()
        for part, count in counts.items()
        for index in range(count)
    }
    assert len(states) == sum(counts.values())


def test_the_texts_are_spread_over_the_alphabet():
    codes = images.make(images.Task(images.DIGITS_AND_CAPITALS, 5), 100, seed=0, part="test").codes
    assert codes.shape == (100, 5)
    assert len(np.unique(codes)) == 36


def test_the_package_keeps_its_own_randomness():
    images.make(TASK, 1, seed=0, part="train")
    assert captcha_image.secrets is secrets


def test_a_distortion_changes_what_it_names():
    clean = images.Distortion(rotation=0, dots=0, curves=0)
    plain = images.make(TASK, 4, seed=2, part="test")
    quiet = images.make(TASK, 4, seed=2, part="test", distortion=clean)
    assert np.array_equal(plain.codes, quiet.codes)
    dotted = images.make(TASK, 4, seed=2, part="test", distortion=images.Distortion(dots=200))
    faint = images.make(TASK, 4, seed=2, part="test", distortion=images.Distortion(contrast=0.2))
    blurred = images.make(TASK, 4, seed=2, part="test", distortion=images.Distortion(blur=3))

    def ink(each):
        return each.pixels.max(axis=(1, 2), keepdims=True) - each.pixels.astype(float)

    assert ink(plain).mean() < ink(dotted).mean()
    assert not np.array_equal(quiet.pixels, plain.pixels)
    assert ink(faint).max() < ink(plain).max() / 2
    steps = [np.abs(np.diff(each.pixels.astype(int), axis=2)).max() for each in (plain, blurred)]
    assert steps[1] < steps[0]


@pytest.mark.parametrize(
    ("alphabet", "characters", "said"),
    [
        ("0", 4, "at least two"),
        ("0011", 4, "each once"),
        ("01 ", 4, "letters and digits"),
        ("01", 0, "1 to 12"),
    ],
)
def test_a_task_that_cannot_be(alphabet, characters, said):
    with pytest.raises(InputError, match=said):
        images.Task(alphabet, characters)


def test_no_pictures_are_none():
    with pytest.raises(InputError, match="at least one"):
        images.make(TASK, 0, seed=0, part="train")
