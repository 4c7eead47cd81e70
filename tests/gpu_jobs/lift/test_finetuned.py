"""A training for each coalition: tiny networks with random weights, no network."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from gpu_jobs import device
from gpu_jobs.contracts import InputError
from gpu_jobs.lift import finetuned, trained
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.explained import explained
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.recipes import RECIPES, adapted
from gpu_jobs.lift.run import measure

WORDS = ("good", "fine", "bad", "poor", "film", "book", "song", "play", "the", "a", "is")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Tiny products are slower by many threads, and far slower beside other work."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    """Two layers of 32 with random weights, and a tokenizer of whole words."""
    pytest.importorskip("peft")
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("model")
    names = ["<pad>", "<unk>", "<eos>", *WORDS, *(str(i) for i in range(100))]
    words = tokenizers.models.WordLevel({name: i for i, name in enumerate(names)}, "<unk>")
    made = tokenizers.Tokenizer(words)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(names),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=2,
        bos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def _text(rng, word):
    return f"the {rng.choice(['film', 'book', 'song', 'play'])} {rng.integers(100)} is {word}"


def _texts(seed, size):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, size)
    word = [("good", "fine")[rng.integers(2)] if each else ("bad", "poor")[0] for each in label]
    pairs = [(f"{_text(rng, w)} {seed}", str(each)) for w, each in zip(word, label, strict=True)]
    # Equal texts in training and test would be a leak.
    return [text for text, _ in pairs], [each for _, each in pairs]


def _comparisons(seed, size):
    rng = np.random.default_rng(seed)
    second = rng.integers(0, 2, size)
    found = []
    for each in second:
        words = ("bad", "good") if each else ("good", "bad")
        found.append(tuple(f"{_text(rng, word)} {seed}" for word in words))
    return found, ["ab"[each] for each in second]


def _turned(labels):
    names = sorted(set(labels))
    return [names[1 - names.index(each)] for each in labels]


def _problem(recipe, make, *, metric="accuracy", size=24):
    """Groups good, more and turned, of which the last answers the opposite."""
    inputs, label = make(1, 3 * size)
    label = [*label[: 2 * size], *_turned(label[2 * size :])]
    group = ["good"] * size + ["more"] * size + ["turned"] * size
    away, truth = make(2, 40)
    return build(
        Rows(inputs, label, group), Rows(away, truth), recipe=recipe, metric=metric, resamples=50
    )


def test_lora_finds_whose_labels_are_turned(language_model):
    recipe = adapted(RECIPES["lora"], encoder=language_model, epochs=6)
    found = measure(_problem(recipe, _texts), Settings(method="loo", chance=0))
    value = {one.name: one.value for one in found.groups}
    assert found.everybody > 0.8
    assert value["turned"] <= min(value["good"], value["more"])
    assert any("low-rank adapters" in said for said in found.assumptions)


def _answers(seed, size):
    """Texts, and what is to be written after each: one word for what is good, two for the rest."""
    texts, label = _texts(seed, size)
    return texts, ["fine song" if each == "0" else "poor" for each in label]


def _loss_by_hand(folder, texts, answers):
    """Σ −ln p and the count of the answers' tokens, the end of the text among them, one text at a
    time by the model as it is.
    """
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    words = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    each, count = [], []
    for text, answer in zip(texts, answers, strict=True):
        before = [words.vocab[word] for word in text.split()]
        after = [*(words.vocab[word] for word in answer.split()), words.eos_token_id]
        with torch.inference_mode(), device.autocast(device.pick()):
            scores = model(input_ids=torch.tensor([before + after])).logits[0].float().double()
        chance = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
        # The chance of a token stands where the one before it does.
        places = range(len(before) - 1, len(before) + len(after) - 1)
        each.append(-sum(float(chance[at, token].log()) for at, token in zip(places, after)))  # noqa: B905
        count.append(len(after))
    return np.array(each), np.array(count)


def test_the_loss_of_written_answers_is_that_by_hand(language_model):
    recipe = adapted(RECIPES["sft"], encoder=language_model, epochs=8)
    problem = _problem(recipe, _answers, metric="token-loss", size=16)
    values = Utility(problem).ends()
    away, truth = _answers(2, 40)
    each, count = _loss_by_hand(language_model, away, truth)
    assert set(count) == {2, 3}
    # The untouched model is what nobody's rows made; each resample draws whole answers.
    assert values[0, 0] == pytest.approx(-each.sum() / count.sum(), abs=2e-3)
    times = problem.resamples[1:, np.argsort(problem.test_row)]
    assert values[0, 1:] == pytest.approx(-(times @ each) / (times @ count), abs=2e-3)
    assert values[1, 0] > values[0, 0] + 0.3
    found = measure(problem, Settings(method="loo", chance=2))
    value = {one.name: one.value for one in found.groups}
    assert value["turned"] < min(value["good"], value["more"])
    assert found.everybody == pytest.approx(values[1, 0]) and found.metric == "token-loss"
    assert any("by the loss of tokens" in said for said in found.assumptions)


def test_a_long_text_loses_its_beginning_and_never_its_answer(language_model):
    folder = finetuned._folder(language_model)
    tokens, count = finetuned._with_answer(folder, "the film " * 300 + "book is", "good")
    words = finetuned._tokenizer(folder)
    assert len(tokens) == 256 and count == 2
    assert words.convert_ids_to_tokens(tokens[-4:]) == ["book", "is", "good", "<eos>"]
    tokens, count = finetuned._with_answer(folder, "the book", "good " * 300)
    assert len(tokens) == 256 and count == 255 and tokens[-1] == words.eos_token_id
    assert words.convert_ids_to_tokens(finetuned._with_answer(folder, "", "bad")[0]) == [
        "<eos>", "bad", "<eos>",
    ]  # fmt: skip


def test_the_loss_of_tokens_is_for_answers_that_are_written_alone(language_model):
    made = partial(adapted, encoder=language_model)
    with pytest.raises(InputError, match=r"metric token-loss is for recipes that write .* lora"):
        _problem(made(RECIPES["lora"]), _texts, metric="token-loss")
    with pytest.raises(InputError, match="sft writes its answers: its metric is token-loss, not f"):
        _problem(made(RECIPES["sft"]), _answers, metric="f1")


def test_dpo_learns_preferences_against_its_frozen_reference(language_model):
    recipe = adapted(RECIPES["dpo"], encoder=language_model, epochs=6)
    for metric in ("accuracy", "log-loss"):
        found = measure(
            _problem(recipe, _comparisons, metric=metric), Settings(method="loo", chance=0)
        )
        value = {one.name: one.value for one in found.groups}
        assert value["turned"] < min(value["good"], value["more"])
        nobody = 0.5 if metric == "accuracy" else np.log(0.5)
        assert found.nobody == pytest.approx(nobody, abs=1e-6)
        assert found.everybody > nobody


def test_the_same_training_gives_the_same_chances(language_model):
    recipe = adapted(RECIPES["dpo"], encoder=language_model, epochs=1)
    problem = _problem(recipe, _comparisons, size=8)
    rows = np.arange(10)
    one, two = (
        trained.chances_of(problem, each, problem.label[each], folder=None)
        for each in (rows, rows[::-1])
    )
    assert (one == two).all()


def test_pictures_are_trained_for_each_coalition(tmp_path):
    pytest.importorskip("timm")
    rng = np.random.default_rng(0)

    def make(seed, size):
        label = [int(each) for each in rng.integers(0, 2, size)]
        paths = []
        for row, each in enumerate(label):
            noise = rng.integers(0, 90, (24, 24, 3))
            noise[..., each] += 150
            paths.append(str(tmp_path / f"{seed}-{row}.png"))
            Image.fromarray(noise.astype(np.uint8)).save(paths[-1])
        return paths, [str(each) for each in label]

    recipe = adapted(RECIPES["image-finetune"], encoder="resnet10t", random_weights=True, epochs=6)
    found = measure(_problem(recipe, make, size=20), Settings(method="loo", chance=0))
    value = {one.name: one.value for one in found.groups}
    # Without the turned labels it is right about nearly all.
    assert found.everybody - value["turned"] > 0.85
    assert value["turned"] < min(value["good"], value["more"])


def test_the_pictures_that_a_group_labels_wrongly_are_those_it_hurts(tmp_path):
    """Red, green and blue ones; one group says green of all that are blue, and is right else."""
    pytest.importorskip("timm")
    draw = np.random.default_rng(1)
    names = ("red", "green", "blue")

    def make(part, size):
        label, paths = [names[row % 3] for row in range(size)], []
        for row in range(size):
            noise = draw.integers(0, 70, (16, 16, 3))
            noise[..., row % 3] += 180
            paths.append(str(tmp_path / f"{part}-{row}.png"))
            Image.fromarray(noise.astype(np.uint8)).save(paths[-1])
        return paths, label

    inputs, label = make("train", 72)
    group = ["good"] * 24 + ["more"] * 24 + ["turned"] * 24
    label[48:] = ["green" if each == "blue" else each for each in label[48:]]
    away, truth = make("test", 24)
    recipe = adapted(
        RECIPES["image-finetune"], encoder="test_resnet", random_weights=True, epochs=12
    )
    problem = build(
        Rows(inputs, label, group), Rows(away, truth), recipe=recipe, metric="accuracy",
        resamples=20,
    )  # fmt: skip
    settings = Settings(method="with-without", seeds=3, base=48, take=24, chance=0)
    found = explained(problem, settings, 3, utility=Utility(problem, folder=tmp_path / "models"))
    hurt = [one for one in found if (one.group, one.effect) == ("turned", "hurt")]
    assert [truth[one.row] for one in hurt[:6]] == ["blue"] * 6
    assert sum(one.low > 0 for one in hurt if truth[one.row] == "blue") >= 4
    assert not [one for one in hurt if truth[one.row] != "blue" and one.low > 0]


class _Counted:
    """A training that counts, and stops after so many."""

    def __init__(self, most=10**9):
        self.done, self.most = 0, most

    def __call__(self, task):
        if self.done == self.most:
            raise KeyboardInterrupt
        self.done += 1
        share = np.array([sum(map(float, task.inputs)), 1.0 + task.seed % 7])
        return np.repeat((share / share.sum())[:, None], len(task.test), axis=1)


def _counting(fit):
    def none(train, test):
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))

    recipe = Recipe(name="counted", encode=none, says="Counted.", inputs=("text",), fit=fit)
    inputs = [str(i) for i in range(12)]
    train = Rows(inputs, ["a", "b"] * 6, ["x"] * 4 + ["y"] * 4 + ["z"] * 4)
    return build(
        train, Rows(["100", "101"], ["a", "b"]), recipe=recipe, metric="log-loss", resamples=20
    )


def test_a_killed_run_repeats_no_training(tmp_path):
    settings = Settings(method="shapley", chance=0)
    whole = _Counted()
    wanted = measure(_counting(whole), settings, workdir=tmp_path / "whole")
    killed = _Counted(most=3)
    with pytest.raises(KeyboardInterrupt):
        measure(_counting(killed), settings, workdir=tmp_path / "work")
    rest = _Counted()
    found = measure(_counting(rest), settings, workdir=tmp_path / "work")
    assert killed.done + rest.done == whole.done
    assert [(one.name, one.value) for one in found.groups] == [
        (one.name, one.value) for one in wanted.groups
    ]


def test_a_budget_ends_between_trainings():
    ticks = iter(range(10**6))
    found = measure(
        _counting(_Counted()),
        Settings(method="shapley", chance=0),
        budget=0.5,
        clock=lambda: float(next(ticks)),
    )
    assert found.convergence["stopped"] == "budget"
    assert found.convergence["chunks"] < found.convergence["chunks_at_most"]


def test_what_such_recipes_cannot_do(language_model):
    for method in ("knn", "influence"):
        with pytest.raises(InputError, match="needs a recipe with a linear head"):
            measure(_counting(_Counted()), Settings(method=method))
    with pytest.raises(InputError, match="takes rows as given with shapley"):
        measure(_counting(_Counted()), Settings(rows="drawn"))
    with pytest.raises(InputError, match="rows as given, not drawn"):
        trained.rows_of(_counting(_Counted()), np.array([0.5, 1, 0]))
    with pytest.raises(InputError, match="needs a language model"):
        _problem(RECIPES["lora"], _texts)
    with pytest.raises(InputError, match="epochs are at least 1"):
        adapted(RECIPES["tabular"], epochs=3)
    broken = replace(RECIPES["dpo"], fit=lambda task: np.full((2, len(task.test)), np.nan))
    problem = _problem(replace(broken, mark=None), _comparisons, size=4)
    with pytest.raises(InputError, match="diverged"):
        trained.chances_of(problem, np.arange(2), problem.label[:2], folder=None)
