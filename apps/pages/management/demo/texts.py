"""The words of the demo's three projects: tasks, rubrics, promises. Amounts are cents of USD."""

from typing import Any

from apps.projects.queries import DECISION_QUESTIONS

BUYER = "Brightline Labs"
OWNERS = "Nobody: this buyer is invented for the demo."
DIGITS = "Handwritten digits"
PREFERENCE = "Which answer helps more?"
DRAFT = "Street signs in photographs"
SIMULATED = "The crowd of this demo is simulated, with stated error rates; no person is paid."

# The simulated reviewer's and contributors' words in the cases that the demo leaves open.
REJECTION = (
    "The stroke at the top is short and the lower part bends to the left; in my reading this is "
    "another digit than the one given, and the instructions ask for the digit that was meant."
)
EVIDENCE = "The picture, enlarged, beside the anchors of the line that is cited."
APPEAL = "The two others who saw this picture read the same digit; please compare all three."
DISPUTE = "This picture was so faint that I measured every stroke; the clock shows the time."
REWORK = "The lower loop is open, so this is no closed shape. Please look at the picture again."
DEACTIVATION = (
    "Most answers of the last week were given within a few seconds, and far more of them than of "
    "anybody else are wrong where the answer is known."
)
DEACTIVATION_EVIDENCE = (
    "Signal 1: the time of nearly every answer lies far below the item's own distribution. "
    "Signal 2: the share of right answers on gold items is far below everybody else's."
)


def _decision(**answers: str) -> dict[str, str]:
    missing = set(DECISION_QUESTIONS) - set(answers)
    if missing:
        message = f"The decision file lacks {sorted(missing)}."
        raise ValueError(message)
    return answers


def digits() -> dict[str, dict[str, Any]]:
    """The sections of the draft of project A; a choice over pictures."""
    return {
        "work": {
            "title": DIGITS,
            "task_type": "choice",
            "config": {
                "question": "Which digit is in the picture?",
                "content": "image",
                # From 1 to 9 and 0, as on a keyboard: the key 1 then chooses the digit 1.
                "choices": [{"key": digit, "label": digit} for digit in "1234567890"],
            },
            "instructions": (
                "Each picture holds one digit that somebody wrote by hand, in only 64 pixels that "
                "are enlarged here. Choose the digit that the writer most likely meant. If two are "
                "possible, follow the longest stroke. Report a picture as broken only when it "
                "shows no stroke at all."
            ),
            "estimate_seconds": 15,
            "layer": "labelling",
            "band": {"complexity": 1, "consequence": 1},
            "visibility": "public",
        },
        "pay": {"base": 15, "qualification": 15, "premiums": []},
        "rubric": {
            "lines": [
                {
                    "key": "digit",
                    "title": "The digit that was meant",
                    "weight": 3,
                    "anchors": {
                        "1": "A digit that no stroke of the picture supports.",
                        "3": "A digit that can be defended; another one is more likely.",
                        "5": "The digit that a careful reader would give.",
                    },
                },
                {
                    "key": "attention",
                    "title": "The whole picture was looked at",
                    "weight": 1,
                    "anchors": {
                        "1": "A clear stroke was overlooked.",
                        "3": "A faint stroke was overlooked.",
                        "5": "Every stroke is explained by the answer.",
                    },
                },
            ]
        },
        "tiers": {
            "tiers": [
                {
                    "key": "readers",
                    "title": "Readers of handwriting",
                    "regions": [],
                    "languages": [],
                    "credentials": [],
                    "qualification": {"items": 4, "pass_percent": 75, "seats": 20},
                }
            ]
        },
        "items": {"overlap": 3, "overlap_max": 5, "gold_percent": 15},
        "lift": {"is_on": True, "minimum_rows": 15},
        "consent": {
            "purpose": "Measuring programs that read handwriting",
            "licence": "CC BY 4.0 for the answers",
            "term": "Five years",
            "secondary_use": "none",
            "price_per_use": 0,
            "withdrawal": "Until the first release, in your account",
        },
        "disclosure": {
            "trains": "A small classifier of handwritten digits",
            "owners": f"{OWNERS} {SIMULATED}",
            "content_warnings": "none",
        },
        "decision": _decision(
            judgement="Which digit a person meant when the strokes leave room for doubt.",
            use="Test labels for programs that read handwriting.",
            consequence="A wrong label makes a program look better or worse than it is.",
            worker_brings="Having read other people's handwriting for years.",
            worker_status="Independent contributors, paid per item.",
            wage_benchmark="Data entry clerks; the pay at the estimate is about twice the floor.",
            protections="Nothing in the pictures can distress; the floor and appeals hold.",
            data_rights="The answers are published under the licence of the consent terms.",
            internal_path="People whose gold answers hold up are asked first as reviewers.",
            budget_owner="The owner of Brightline Labs.",
        ),
    }


def preference() -> dict[str, dict[str, Any]]:
    """The sections of the draft of project B; a preference with a reason."""
    return {
        "work": {
            "title": PREFERENCE,
            "task_type": "pairwise",
            "config": {
                "question": "Which of the two answers would help the person who asked more?",
                "needs_reason": True,
                "allows_tie": True,
            },
            "instructions": (
                "Read the question and both answers to the end. Choose the one that would help the "
                "person who asked more: right first, then clear, then kind. Length alone is no "
                "merit. Say in one or two sentences what decided it; choose a tie only when you "
                "would not mind which of them was given."
            ),
            "estimate_seconds": 75,
            "layer": "evaluation",
            "band": {"complexity": 2, "consequence": 2},
            "visibility": "public",
        },
        "pay": {"base": 60, "qualification": 60, "premiums": []},
        "rubric": {
            "lines": [
                {
                    "key": "judgement",
                    "title": "The choice can be defended",
                    "weight": 2,
                    "anchors": {
                        "1": "The chosen answer is wrong or harmful, the other is not.",
                        "3": "Both could be chosen; the choice follows a minor point.",
                        "5": "The choice follows what matters most to the person who asked.",
                    },
                },
                {
                    "key": "reason",
                    "title": "The reason says what decided",
                    "weight": 2,
                    "anchors": {
                        "1": "It could stand under any pair.",
                        "3": "It names a point without saying why it matters here.",
                        "5": "It names the point in this pair, and why it matters.",
                    },
                },
            ]
        },
        "tiers": {
            "tiers": [
                {
                    "key": "everybody",
                    "title": "Everybody who reads English",
                    "regions": [],
                    "languages": ["en"],
                    "credentials": [],
                    "qualification": None,
                }
            ]
        },
        "items": {"overlap": 3, "gold_percent": 0},
        "consent": {
            "purpose": "Teaching a model which answers people prefer",
            "licence": "Use inside Brightline Labs",
            "term": "Two years",
            "secondary_use": "none",
            "price_per_use": 0,
            "withdrawal": "Until the first release, in your account",
        },
        "disclosure": {
            "trains": "A reward model for short everyday answers",
            "owners": f"{OWNERS} {SIMULATED}",
            "content_warnings": "none",
        },
        "decision": _decision(
            judgement="Which of two answers helps a person more, and why.",
            use="A reward model for short everyday answers.",
            consequence="A careless preference teaches a model to sound good and be wrong.",
            worker_brings="Everyday experience, and the patience to read both to the end.",
            worker_status="Independent contributors, paid per item.",
            wage_benchmark="Copy editors by the hour, in the cheapest region it is open to.",
            protections="Ordinary subjects only; the floor and appeals hold.",
            data_rights="Used inside Brightline Labs for two years, never sold on.",
            internal_path="Careful reasons qualify for writing the next prompts, at a higher rate.",
            budget_owner="The owner of Brightline Labs.",
        ),
    }


def half_a_draft() -> dict[str, dict[str, Any]]:
    """What the buyer has written of project C so far."""
    return {
        "work": {
            "title": DRAFT,
            "task_type": "choice",
            "config": {
                "question": "What does the sign in the middle say?",
                "content": "image",
                "choices": [
                    {"key": "stop", "label": "Stop"},
                    {"key": "yield", "label": "Give way"},
                    {"key": "speed", "label": "A speed limit"},
                    {"key": "other", "label": "Something else"},
                ],
            },
            "instructions": "Look at the sign in the middle of the photograph, not at others.",
            "estimate_seconds": 20,
            "layer": "labelling",
            "band": {"complexity": 1, "consequence": 3},
            "visibility": "public",
        },
        "pay": {"base": 20, "qualification": 20, "premiums": []},
        "rubric": {
            "lines": [
                {
                    "key": "sign",
                    "title": "The sign that is meant",
                    "weight": 1,
                    "anchors": {"1": "Another sign.", "3": "", "5": "The sign in the middle."},
                }
            ]
        },
    }
