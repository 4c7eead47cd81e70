"""Training: learns, goes on after a kill as if there had been none, and refuses other runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_jobs.contracts import InputError
from gpu_jobs.ocr import images, model, training
from gpu_jobs.ocr.recipe import Recipe


@pytest.fixture
def train(learned, checked):
    def go(recipe, **more):
        return training.train(
            learned.ink,
            learned.pictures.codes,
            (checked.ink, checked.pictures.codes),
            letters=10,
            recipe=recipe,
            seed=2,
            **more,
        )

    return go


def _same(a, b):
    return all(
        torch.equal(x, y)
        for x, y in zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    )


def _figures(trained):
    return [(each.epoch, each.loss, each.character, each.sequence) for each in trained.epochs]


def test_a_killed_run_goes_on_to_the_same_bytes(train, recipe, tmp_path):
    whole = train(recipe)

    def pull(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, workdir=tmp_path, report=pull)
    taken_up = train(recipe, workdir=tmp_path, resume=True)
    assert _figures(taken_up) == _figures(whole)
    assert _same(taken_up, whole)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5]


def test_a_finished_run_is_only_read(train, recipe, tmp_path):
    first = train(recipe, workdir=tmp_path)
    asked = []
    again = train(recipe, workdir=tmp_path, resume=True, report=asked.append)
    assert not asked
    assert again.epochs == first.epochs
    assert _same(again, first)


def test_the_loss_falls(train, recipe):
    found = train(replace(recipe, epochs=14, rate=3e-3, ema=0.9, augment=None, dropout=0.0))
    assert found.epochs[-1].loss < 0.9 * found.epochs[0].loss


def test_epochs_may_change_while_the_rate_is_level(train, recipe, tmp_path):
    train(recipe, workdir=tmp_path, stop=lambda epoch: epoch.epoch == 3)
    longer = train(replace(recipe, epochs=6), workdir=tmp_path, resume=True)
    assert _same(longer, train(replace(recipe, epochs=6)))


def test_epochs_may_not_change_in_the_tail(train, recipe, tmp_path):
    train(recipe, workdir=tmp_path, stop=lambda epoch: epoch.epoch == 4)
    with pytest.raises(InputError, match="past the level part"):
        train(replace(recipe, epochs=6), workdir=tmp_path, resume=True)


def test_a_folder_belongs_to_one_run(train, recipe, tmp_path):
    train(replace(recipe, epochs=1), workdir=tmp_path)
    with pytest.raises(InputError, match="another run"):
        train(replace(recipe, rate=1e-4), workdir=tmp_path, resume=True)
    with pytest.raises(InputError, match="--resume"):
        train(replace(recipe, epochs=1), workdir=tmp_path)


def test_shards_add_up_to_the_batch(train, recipe):
    """Without transforms and dropout, cutting a batch changes the rounding only."""
    plain = replace(recipe, epochs=1, augment=None, dropout=0.0, bf16=False)
    one, two = train(replace(plain, shards=1)), train(replace(plain, shards=2))
    assert one.epochs[0].loss == pytest.approx(two.epochs[0].loss, rel=1e-4)


def test_training_makes_no_picture(train, recipe, monkeypatch):
    """Transforms work on the pictures that are there; the generator is never called."""

    def refuse(*_arguments):
        raise AssertionError("a picture was made")

    monkeypatch.setattr(images, "_drawn", refuse)
    assert len(train(replace(recipe, epochs=2)).epochs) == 2


def test_a_backbone_with_batch_norm_hands_its_statistics_to_the_mean(train, recipe):
    found = train(replace(recipe, epochs=1, tail=1, backbone="test_byobnet"))
    kept = [each for name, each in found.model.named_buffers() if name.endswith("running_var")]
    assert kept
    assert not any(torch.equal(each, torch.ones_like(each)) for each in kept)


def test_the_rate_rises_stays_and_falls():
    recipe = Recipe(epochs=10, tail=4, warmup=15)
    pace = [recipe.pace(step, 10) for step in range(100)]
    assert pace[0] < pace[10] < 1
    assert pace[15:60] == [1.0] * 45
    assert np.all(np.diff(pace[60:]) < 0)
    assert 0 < pace[-1] < 0.05
    assert recipe.size(6) == recipe.level_size
    assert recipe.size(7) == recipe.tail_size
    assert recipe.strength(6) == recipe.augment
    assert recipe.strength(10).rotation == pytest.approx(recipe.augment.rotation * recipe.fade)


def test_more_tail_than_epochs_is_all_tail():
    recipe = Recipe(epochs=3, tail=12)
    assert [recipe.size(epoch) for epoch in (1, 2, 3)] == [recipe.tail_size] * 3
    assert all(recipe.pace(step, 10) > 0 for step in range(30))


def test_shifts_average_and_move_by_whole_pixels(train, recipe, checked):
    found = train(replace(recipe, epochs=1))
    size = found.size
    still = training.scores(found.model, checked.ink, size)
    moved = training.scores(found.model, checked.ink, size, shifts=((0, 2),))
    both = training.scores(found.model, checked.ink, size, shifts=((0, 0), (0, 2)))
    assert np.allclose(both, (still + moved) / 2, atol=1e-5)
    assert not np.allclose(still, moved, atol=1e-4)


class TestReader:
    def test_the_map_keeps_the_width(self):
        reader = model.Reader(4, 10, backbone="test_nfnet")
        with torch.inference_mode():
            wide = reader.features(torch.zeros(1, 3, 60, 160))
        assert tuple(wide.shape[2:]) == (2, 10)

    def test_every_head_looks_at_its_own_part_before_it_has_learned(self):
        reader = model.Reader(4, 10, backbone="test_nfnet")
        features = torch.zeros(1, reader.backbone.num_features, 2, 8)
        features[0, 0] = torch.arange(8).float()
        where = reader.pooled(features)[0, :, 0]
        assert torch.allclose(where, torch.tensor([0.5, 2.5, 4.5, 6.5]), atol=0.35)

    def test_an_unknown_backbone(self):
        with pytest.raises(InputError, match="no backbone 'nothing'"):
            model.Reader(4, 10, backbone="nothing")
