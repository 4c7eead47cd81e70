"""The rounds: ours, Label Studio and the bare view, one after the other, with 1 and 8 clients."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import quantiles

from bench import turns
from bench.flow import bare, ours, peer
from bench.flow.clients import Round

ITEMS = 2_400
CLIENTS = (1, 8)
ROUNDS = 3
SECONDS = 15.0
"""A round ends after this long, or when its 2,400 items are done."""


@dataclass(kw_only=True)
class Flow:
    """rounds: by (side, clients), one a round of the run. `absent` says why there is no peer."""

    rounds: dict[tuple[str, int], list[Round]] = field(default_factory=dict)
    answers: str = ""
    version: str = ""
    absent: str | None = None
    double_locks: int = 0
    answered_twice: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    def rates(self, side: str, clients: int) -> list[float]:
        return [one.rate for one in self.rounds[side, clients]]

    def ratio(self, side: str, under: str, clients: int) -> dict[str, float]:
        """Of rates, round by round."""
        pairs = zip(self.rates(side, clients), self.rates(under, clients), strict=True)
        return turns.spread(one / other for one, other in pairs)

    def p95(self, side: str, clients: int, name: str) -> float:
        """Milliseconds of `took` or `answered`, over all rounds."""
        values = [value for one in self.rounds[side, clients] for value in getattr(one, name)]
        return quantiles(values, n=20)[-1] * 1000 if len(values) > 1 else float("nan")


def run() -> Flow:
    """Everything; what was started is stopped and removed."""
    found, wanted = Flow(), ROUNDS * len(CLIENTS)
    with ExitStack() as stack:
        site = stack.enter_context(ours.opened(projects=wanted, items=ITEMS, people=max(CLIENTS)))
        found.settings = ours.settings()
        sides = {"ours": site.round}
        other = None
        try:
            other = stack.enter_context(peer.opened(items=ITEMS, people=max(CLIENTS)))
        except peer.Absent as absent:
            found.absent = str(absent)
        else:
            sides["peer"], found.version = other.round, other.version
        sides["bare"] = stack.enter_context(bare.opened(site.house, items=ITEMS)).round
        for number in range(ROUNDS):
            for clients in CLIENTS:
                for side, measure in sides.items():
                    done = measure(clients, SECONDS)
                    found.rounds.setdefault((side, clients), []).append(done)
                    print(
                        f"-> flow: round {number + 1} of {ROUNDS}, {clients} clients, {side}:"
                        f" {done.rate:.1f} a second",
                        flush=True,
                    )
        found.answers = site.prove()
        if other is not None:
            found.double_locks = other.double_locks()
            found.answered_twice = other.answered_twice()
    return found
