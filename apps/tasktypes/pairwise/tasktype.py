"""Pairwise preference: which of two responses to a prompt is better, with a reason if asked.

config   {"question", "needs_reason": bool, "allows_tie": bool, "columns"?}
payload  {"prompt", "a", "b"}; one of a and b may be empty
answer   {"choice": "a"|"b"|"tie", "reason"}
"""

from collections.abc import Mapping

from apps.core.errors import Invalid
from apps.tasktypes import rows
from apps.tasktypes.pairwise.forms import PairwiseConfigForm

LABELS = {"a": "A is better", "b": "B is better", "tie": "Equally good"}
REASON_MIN, REASON_MAX = 20, 4_000
_FIELDS: dict[str, rows.Alternatives] = {
    "prompt": (("prompt",), ("text_instruction", "text_input"), ("instruction", "input")),
    "a": (("a",), ("response_a",)),
    "b": (("b",), ("response_b",)),
}


class Pairwise:
    name = "pairwise"
    title = "Pairwise preference"
    distance = "nominal"
    level = "nominal"
    editor_template = "tasktypes/pairwise/editor.html"
    config_form = PairwiseConfigForm
    # Who says that both are equally good prefers none.
    lift_skips = frozenset({"tie"})

    def check_config(self, config: Mapping) -> dict:
        checked: dict = {"question": rows.text(config, "question", "The question", maximum=500)}
        for key, default in (("needs_reason", False), ("allows_tie", True)):
            value = config.get(key, default)
            if not isinstance(value, bool):
                raise Invalid(f"{key} must be true or false.", field=key)
            checked[key] = value
        columns = rows.mapping(config.get("columns"), _FIELDS)
        return {**checked, "columns": columns} if columns else checked

    def columns(self, config: Mapping) -> dict[str, rows.Alternatives]:
        return rows.with_mapping(config, _FIELDS)

    def check_item(self, config: Mapping, row: Mapping) -> dict:
        # A model that said nothing has also responded; two of them leave nothing to compare.
        payload = {
            name: rows.field(row, name, alternatives, may_be_empty=name != "prompt")
            for name, alternatives in self.columns(config).items()
        }
        if not payload["a"] and not payload["b"]:
            raise Invalid("both responses are empty")
        return payload

    def assets(self, payload: Mapping) -> tuple[str, ...]:  # noqa: ARG002 -- texts only
        return ()

    def check_gold(self, config: Mapping, raw: object) -> dict:
        if isinstance(raw, Mapping):
            raw = rows.only_keys(raw, ["choice", "reason"]).get("choice")
        wanted = rows.written_cell(raw).strip().lower()
        if wanted not in _allowed(config):
            raise Invalid(
                f"the gold answer {wanted[:60]!r} is none of {', '.join(_allowed(config))}"
            )
        return {"choice": wanted, "reason": ""}

    def check_answer(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:  # noqa: ARG002
        answer = rows.only_keys(answer, ["choice", "reason"])
        chosen = answer.get("choice")
        if not isinstance(chosen, str) or not chosen:
            raise Invalid("Say which of the two is better.", field="choice")
        if chosen not in _allowed(config):
            raise Invalid("This is none of the answers that can be chosen.", field="choice")
        reason = rows.text(answer, "reason", "The reason", maximum=REASON_MAX, required=False)
        if config["needs_reason"] and len(reason) < REASON_MIN:
            raise Invalid(f"Give a reason of at least {REASON_MIN} characters.", field="reason")
        return {"choice": chosen, "reason": reason}

    def answer_key(self, answer: Mapping) -> str:
        return answer["choice"]

    def describe(self, config: Mapping, answer: Mapping) -> str:  # noqa: ARG002
        label = LABELS[answer["choice"]]
        return f"{label}: {answer['reason']}" if answer.get("reason") else label

    def export_row(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:  # noqa: ARG002
        return {**payload, "choice": answer["choice"], "reason": answer.get("reason", "")}

    def lift_recipes(self, config: Mapping) -> dict[str, str]:  # noqa: ARG002
        return {
            "pairwise": "Reward: a score for each response, learned from which was preferred "
            "(Bradley-Terry, on sentence vectors)"
        }

    def lift_input(self, config: Mapping, payload: Mapping) -> dict[str, str]:  # noqa: ARG002
        # The response first: an encoder reads so many words, and the prompt is the same in both.
        return {
            "text": f"{payload['a']} ‖ {payload['prompt']}",
            "text_b": f"{payload['b']} ‖ {payload['prompt']}",
        }

    def sample(self, config: Mapping) -> dict:  # noqa: ARG002
        return {
            "prompt": "Explain in one sentence why the sky is blue.",
            "a": "Air scatters short waves of light more than long ones, so blue reaches us "
            "from everywhere.",
            "b": "Because it reflects the sea.",
        }


def _allowed(config: Mapping) -> tuple[str, ...]:
    return ("a", "b", "tie") if config["allows_tie"] else ("a", "b")


TYPE = Pairwise()
