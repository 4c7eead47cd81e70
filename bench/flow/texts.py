"""The items: the same texts, question and answers for every server."""

import random
from collections.abc import Iterator

SEED = 7
QUESTION = "What does the writer think of it?"
ANSWERS = ("Positive", "Negative", "Neutral")
_SAID = (
    "the room was clean and quiet but breakfast came late again we would stay one more night if "
    "only somebody had answered the phone before our train left for the coast and it rained"
)


def texts(count: int) -> Iterator[str]:
    """Sentences of 12 to 40 words."""
    rng, words_of_all = random.Random(SEED), _SAID.split()
    for number in range(count):
        words = rng.choices(words_of_all, k=rng.randint(12, 40))
        yield f"Review {number}: {' '.join(words)}."
