"""The two task types: what they take, what they refuse, and that they are found by their folder."""

import pytest
from django.template.loader import get_template
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid, NotThere
from apps.tasktypes import registry

CHOICES = [{"key": "yes", "label": "Yes, it is"}, {"key": "no", "label": "No"}]
TEXT = {"question": "Is it?", "content": "text", "choices": CHOICES}
PAIR = {**TEXT, "content": "pair"}
IMAGE = {**TEXT, "content": "image"}
PREFERENCE = {"question": "Which?", "needs_reason": True, "allows_tie": True}
CONFIGS = [("choice", TEXT), ("choice", PAIR), ("choice", IMAGE), ("pairwise", PREFERENCE)]


def test_types_are_found_by_their_folders():
    assert [task_type.name for task_type in registry.all_types()] == ["choice", "pairwise"]
    with pytest.raises(NotThere):
        registry.get("migrations")


@pytest.mark.parametrize(("name", "config"), CONFIGS)
def test_every_type_keeps_its_contract(name, config):
    task_type = registry.get(name)
    checked = task_type.check_config(config)
    assert task_type.check_config(checked) == checked
    sample = task_type.sample(checked)
    assert set(sample) == set(task_type.columns(checked))
    if "image" not in sample:
        assert task_type.check_item(checked, sample) == sample
    gold = task_type.check_gold(checked, "yes" if name == "choice" else "a")
    assert task_type.answer_key(gold) in {"yes", "a"}
    assert task_type.describe(checked, gold)
    assert set(task_type.export_row(checked, sample, gold)) >= set(sample)
    assert (task_type.level, task_type.distance) == ("nominal", "nominal")


@pytest.mark.parametrize(("name", "config"), CONFIGS)
def test_the_editor_is_a_template_that_loads(name, config):
    assert get_template(registry.get(name).editor_template)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({**TEXT, "question": " "}, "question"),
        ({**TEXT, "question": 3}, "question"),
        ({**TEXT, "content": "video"}, "content"),
        ({**TEXT, "choices": CHOICES[:1]}, "choices"),
        ({**TEXT, "choices": [*CHOICES, CHOICES[0]]}, "choices"),
        ({**TEXT, "choices": [*CHOICES, {"key": "a b", "label": "x"}]}, "choices"),
        ({**TEXT, "choices": [*CHOICES, {"key": "a", "label": "No"}]}, "choices"),
        ({**TEXT, "choices": [*CHOICES, "maybe"]}, "choices"),
        ({**TEXT, "columns": {"nothing": "x"}}, "columns"),
        ({**TEXT, "columns": {"text": [""]}}, "columns"),
    ],
)
def test_choice_configs_that_are_refused(config, field):
    with pytest.raises(Invalid) as refused:
        registry.get("choice").check_config(config)
    assert refused.value.field == field


@pytest.mark.parametrize("key", ["needs_reason", "allows_tie"])
def test_pairwise_switches_are_true_or_false(key):
    with pytest.raises(Invalid):
        registry.get("pairwise").check_config({**PREFERENCE, key: "yes"})


@pytest.mark.parametrize(
    ("config", "row", "payload"),
    [
        (TEXT, {"text": " a "}, {"text": "a"}),
        (TEXT, {"sentence": "a"}, {"text": "a"}),
        (TEXT, {"text": 7}, {"text": "7"}),
        (PAIR, {"text": "a", "text_hypothesis": "b"}, {"text": "a", "second": "b"}),
        (PAIR, {"text": "a", "second": "b", "text_hypothesis": "c"}, {"text": "a", "second": "b"}),
        ({**TEXT, "columns": {"text": ["title", "body"]}}, {"title": "a", "body": "b"},
         {"text": "a\n\nb"}),
    ],
)  # fmt: skip
def test_rows_of_choices(config, row, payload):
    task_type = registry.get("choice")
    assert task_type.check_item(task_type.check_config(config), row) == payload


def test_rows_of_preferences_in_both_shapes():
    task_type = registry.get("pairwise")
    config = task_type.check_config(PREFERENCE)
    own = {"prompt": "p", "a": "1", "b": "2"}
    assert task_type.check_item(config, own) == own
    other = {"text_instruction": "do", "text_input": "this", "response_a": "1", "response_b": "2"}
    assert task_type.check_item(config, other) == {"prompt": "do\n\nthis", "a": "1", "b": "2"}
    assert task_type.check_item(config, {**other, "text_input": ""})["prompt"] == "do"
    assert task_type.check_item(config, {**own, "b": ""}) == {**own, "b": ""}
    with pytest.raises(Invalid, match="both responses are empty"):
        task_type.check_item(config, {**own, "a": "", "b": None})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "text is missing"),
        ({"text": None}, "text is empty"),
        ({"text": " "}, "text is empty"),
        ({"text": "x" * 100_001}, "text is longer than 100,000 characters"),
        ({"text": {"a": 1}}, "a cell holds neither text nor a number"),
    ],
)
def test_rows_that_are_refused(row, reason):
    with pytest.raises(Invalid) as refused:
        registry.get("choice").check_item(TEXT, row)
    assert refused.value.sentence == reason


def test_gold_by_key_label_object_or_number():
    choice = registry.get("choice")
    numbers = {**TEXT, "choices": [{"key": "0", "label": "no"}, {"key": "1", "label": "yes"}]}
    for raw in ("1", "yes", 1, 1.0, {"choice": "1"}):
        assert choice.check_gold(numbers, raw) == {"choice": "1"}
    for raw in ("2", "", [1], {"other": "1"}, 1.5):
        with pytest.raises(Invalid):
            choice.check_gold(numbers, raw)
    pairwise = registry.get("pairwise")
    assert pairwise.check_gold(PREFERENCE, "A") == {"choice": "a", "reason": ""}
    with pytest.raises(Invalid):
        pairwise.check_gold({**PREFERENCE, "allows_tie": False}, "tie")


@pytest.mark.parametrize(
    ("name", "answer", "field"),
    [
        ("choice", {}, "choice"),
        ("choice", {"choice": ""}, "choice"),
        ("choice", {"choice": "maybe"}, "choice"),
        ("choice", {"choice": ["yes"]}, "choice"),
        ("choice", {"choice": "yes", "gold": "yes"}, None),
        ("choice", ["yes"], None),
        ("pairwise", {"choice": "a"}, "reason"),
        ("pairwise", {"choice": "a", "reason": "short"}, "reason"),
        ("pairwise", {"choice": "a", "reason": 3}, "reason"),
        ("pairwise", {"choice": "c", "reason": "long enough to be a reason"}, "choice"),
        ("pairwise", {"reason": "long enough to be a reason"}, "choice"),
    ],
)
def test_answers_that_the_gates_refuse(name, answer, field):
    config = TEXT if name == "choice" else PREFERENCE
    with pytest.raises(Invalid) as refused:
        registry.get(name).check_answer(config, {}, answer)
    assert refused.value.field == field


def test_good_answers_are_cleaned():
    assert registry.get("choice").check_answer(TEXT, {}, {"choice": "no"}) == {"choice": "no"}
    given_ = {"choice": "tie", "reason": "  both say the very same thing  "}
    pairwise = registry.get("pairwise")
    assert pairwise.check_answer(PREFERENCE, {}, given_) == {
        "choice": "tie", "reason": "both say the very same thing",
    }  # fmt: skip
    free = {**PREFERENCE, "needs_reason": False}
    assert pairwise.check_answer(free, {}, {"choice": "a"}) == {"choice": "a", "reason": ""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(answer=JSON | st.fixed_dictionaries({}, optional={"choice": JSON, "reason": JSON}))
def test_whatever_is_sent_is_cleaned_or_refused(answer):
    for name, config in CONFIGS:
        task_type = registry.get(name)
        try:
            cleaned = task_type.check_answer(config, {}, answer)
        except Invalid:
            continue
        assert task_type.check_answer(config, {}, cleaned) == cleaned
        assert isinstance(task_type.answer_key(cleaned), str)


def test_forms_give_the_checked_config_and_take_it_back():
    choice = registry.get("choice").config_form
    form = choice({"question": "Is it?", "content": "text", "choices": "yes = Yes, it is\nNo\n\n"})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["config"] == TEXT
    again = choice(choice.initial_of(TEXT))
    assert again.is_valid()
    assert again.cleaned_data["config"] == TEXT
    assert "choices" in choice({"question": "?", "content": "text", "choices": "one"}).errors

    pairwise = registry.get("pairwise").config_form
    form = pairwise({"question": "Which?", "needs_reason": "on", "allows_tie": "on"})
    assert form.is_valid()
    assert form.cleaned_data["config"] == PREFERENCE
    assert pairwise.initial_of(PREFERENCE) == PREFERENCE
