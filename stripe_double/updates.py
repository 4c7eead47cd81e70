"""Updates that change labels only: metadata, and a description where there is one."""

from collections.abc import Callable
from typing import Any

from stripe_double.core import Request, Sim
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, public


def metadata(record: Record, request: Request) -> dict[str, Any]:
    """The change of metadata that a request asks for: keys are merged, an empty value removes its
    key, an empty string in place of the hash removes all.
    """
    asked = request.params.get("metadata")
    if asked is None:
        return {}
    if asked == "":
        return {"metadata": {}}
    merged = {**record["metadata"], **asked}
    return {"metadata": {key: value for key, value in merged.items() if value}}


def labels(
    kind: str, event: str | None = None, *, also: tuple[str, ...] = ()
) -> Callable[..., dict[str, Any]]:
    """A handler that updates the metadata of a kind, and the plain fields in `also`."""

    def update(sim: Sim, request: Request, *names: str) -> dict[str, Any]:
        record = sim.find(kind, names[-1], request.account)
        changes = {name: request.params[name] or None for name in also if name in request.params}
        rest = set(request.params) - {*also, "metadata", "expand"}
        for name in sorted(rest):
            raise ApiError(f"The stand-in does not simulate updating {name}.", param=name)
        changes |= metadata(record, request)
        before = {name: record[name] for name in changes}
        record = sim.store.update(kind, record["id"], **changes)
        if event and changes:
            emit(sim, event, record, account=request.account, previous=before)
        return public(record)

    return update
