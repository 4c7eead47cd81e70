"""Errors in Stripe's two shapes: v1 (`type`, `code`, `param`, `message`) and v2 (`code`)."""

from typing import Any


class ApiError(Exception):
    """An answer other than 200. Raised by handlers; the transaction is rolled back."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind = message, status, kind
        self.code, self.param = code, param

    def body(self, *, v2: bool) -> dict[str, Any]:
        """The JSON body; v2 requires a `code` and has no `param`."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = "https://docs.stripe.com/error-codes/" + self.code.replace("_", "-")
        if v2:
            return {"error": {"code": self.kind, **error}}
        if self.param:
            error["param"] = self.param
        return {"error": error}


class CardError(ApiError):
    """A 402 about a payment. Its work is kept: the failed charge is there. `more` are fields of the
    error, the payment intent among them.
    """

    def __init__(self, message: str, *, code: str, more: dict[str, Any]) -> None:
        super().__init__(message, status=402, kind="card_error", code=code)
        self.more = more

    def body(self, *, v2: bool) -> dict[str, Any]:
        body = super().body(v2=v2)
        more = {name: value for name, value in self.more.items() if value is not None}
        return {"error": {**body["error"], **more}}


def need_url(value: str | None, *, param: str, v2: bool = False) -> None:
    """Refuse an address to come back to that is not http or https."""
    if value is not None and not value.startswith(("http://", "https://")):
        code = "invalid_request" if v2 else "url_invalid"
        raise ApiError("Not a valid URL", code=code, param=param)


def missing(kind: str, ident: str, *, param: str = "id", v2: bool = False) -> ApiError:
    """404 for an object that does not exist in the account asked."""
    if v2:
        return ApiError(f"{kind} {ident} was not found.", status=404, code="not_found")
    return ApiError(f"No such {kind}: '{ident}'", status=404, code="resource_missing", param=param)
