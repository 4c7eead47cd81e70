"""Single choice over a text, a pair of texts or an image.

config   {"question", "content": "text"|"pair"|"image", "choices": [{"key", "label"}], "columns"?,
          "level"?: "ordinal" when the choices stand in an order}
payload  {"text"} | {"text", "second"} | {"image": name of a picture of the project}
answer   {"choice": key}
"""

import re
from collections.abc import Mapping

from apps.core.errors import Invalid
from apps.tasktypes import rows
from apps.tasktypes.choice.forms import ChoiceConfigForm

CONTENTS = ("text", "pair", "image")
KEY = re.compile(r"[\w.+-]{1,60}")
CHOICES_MAX = 200
_TEXT: rows.Alternatives = (("text",), ("sentence",))
_FIELDS: dict[str, dict[str, rows.Alternatives]] = {
    "text": {"text": _TEXT},
    "pair": {"text": _TEXT, "second": (("second",), ("text_hypothesis",))},
    "image": {"image": (("image",),)},
}


class Choice:
    name = "choice"
    title = "Single choice"
    distance = "nominal"
    level = "nominal"
    editor_template = "tasktypes/choice/editor.html"
    config_form = ChoiceConfigForm
    lift_skips: frozenset[str] = frozenset()

    def check_config(self, config: Mapping) -> dict:
        content = config.get("content", "text")
        if content not in CONTENTS:
            raise Invalid("The content must be text, pair or image.", field="content")
        checked = {
            "question": rows.text(config, "question", "The question", maximum=500),
            "content": content,
            "choices": _choices(config.get("choices")),
        }
        if config.get("level", "nominal") != "nominal":
            if config["level"] != "ordinal":
                raise Invalid("Answers are nominal, or ordinal in the order given.", field="level")
            checked["level"] = "ordinal"
        columns = rows.mapping(config.get("columns"), _FIELDS[content])
        return {**checked, "columns": columns} if columns else checked

    def columns(self, config: Mapping) -> dict[str, rows.Alternatives]:
        return rows.with_mapping(config, _FIELDS[config["content"]])

    def check_item(self, config: Mapping, row: Mapping) -> dict:
        return {
            name: rows.field(row, name, alternatives)
            for name, alternatives in self.columns(config).items()
        }

    def assets(self, payload: Mapping) -> tuple[str, ...]:
        return (payload["image"],) if "image" in payload else ()

    def check_gold(self, config: Mapping, raw: object) -> dict:
        if isinstance(raw, Mapping):
            raw = rows.only_keys(raw, ["choice"]).get("choice")
        wanted = rows.written_cell(raw).strip()
        for choice in config["choices"]:
            if wanted in {choice["key"], choice["label"]}:
                return {"choice": choice["key"]}
        raise Invalid(f"the gold answer {wanted[:60]!r} is none of the choices")

    def check_answer(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:  # noqa: ARG002
        chosen = rows.only_keys(answer, ["choice"]).get("choice")
        if not isinstance(chosen, str) or not chosen:
            raise Invalid("Choose one of the answers.", field="choice")
        if chosen not in {choice["key"] for choice in config["choices"]}:
            raise Invalid("This is none of the answers that can be chosen.", field="choice")
        return {"choice": chosen}

    def answer_key(self, answer: Mapping) -> str:
        return answer["choice"]

    def describe(self, config: Mapping, answer: Mapping) -> str:
        labels = {choice["key"]: choice["label"] for choice in config["choices"]}
        return labels.get(answer["choice"], answer["choice"])

    def export_row(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:
        return {**payload, "choice": answer["choice"], "label": self.describe(config, answer)}

    def lift_recipes(self, config: Mapping) -> dict[str, str]:
        if config["content"] == "image":
            return {
                "tabular": "Pixels: logistic regression on the picture in grey, 8 by 8",
                "image-linear": "Picture vectors: a vision network that is not trained further, "
                "then logistic regression",
                "image-finetune": "Vision network: all of it is trained for each comparison, on "
                "small pictures",
            }
        return {
            "text-linear": "Words: logistic regression on words and pairs of words",
            "text-minilm": "Sentence vectors: an encoder that is not trained further, then "
            "logistic regression",
        }

    def lift_input(self, config: Mapping, payload: Mapping) -> dict[str, str]:
        if config["content"] == "image":
            return {"image": payload["image"]}
        return {"text": " ‖ ".join(payload[name] for name in _FIELDS[config["content"]])}

    def sample(self, config: Mapping) -> dict:
        if config["content"] == "image":
            return {"image": ""}
        payload = {"text": "The river had risen over night, and the bridge was closed."}
        if config["content"] == "pair":
            payload["second"] = "The bridge was open."
        return payload


def _choices(raw: object) -> list[dict[str, str]]:
    if not isinstance(raw, (list, tuple)) or len(raw) < 2:
        raise Invalid("Give at least two answers to choose from.", field="choices")
    if len(raw) > CHOICES_MAX:
        raise Invalid(f"There can be at most {CHOICES_MAX} answers.", field="choices")
    found, seen = [], set()
    for choice in raw:
        if not isinstance(choice, Mapping):
            raise Invalid("Every answer needs a key and a label.", field="choices")
        label = rows.text(choice, "label", "The label of an answer", maximum=120)
        key = str(choice.get("key") or label)
        if not KEY.fullmatch(key):
            raise Invalid(
                f"The key {key[:60]!r} may hold letters, digits and . + - _ only, at most 60.",
                field="choices",
            )
        if key in seen or label in seen:
            raise Invalid(f"The answer {label!r} is there twice.", field="choices")
        seen |= {key, label}
        found.append({"key": key, "label": label})
    return found


TYPE = Choice()
