"""What Stripe, or our rules about it, refuse."""

from apps.core.errors import Invalid, WagefileError


class StripeUnclearError(WagefileError):
    """No answer, or one that does not say whether the call was carried out: ask again, same key."""

    status = 503


class StripeRefusedError(WagefileError):
    """A definite no: nothing was done, and the same call would be refused again."""

    status = 422

    def __init__(self, sentence: str, *, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class StripeShortError(StripeRefusedError):
    """The platform's available balance does not cover the call yet."""


class ForgedEventError(Invalid):
    """A webhook whose signature, age or body cannot be trusted."""

    status = 400


class UnmatchedEventError(WagefileError):
    """The event is about a row of ours that does not say so yet; it is tried again."""

    status = 409
