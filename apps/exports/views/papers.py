"""How a paper leaves: as a CSV that is written while it is read, or as a PDF."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.http import HttpResponse, StreamingHttpResponse

from apps.audit import actions as audit
from apps.audit.views import Seen
from apps.core.http import HttpRequest
from apps.core.tenancy import Actor, acting


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def stream_csv(
    rows: Callable[[], Iterable[Sequence[object]]], *, name: str, actor: Actor
) -> StreamingHttpResponse:
    """The rows, read in a transaction of the stream's own: it outlives the request's."""

    def written() -> Iterator[str]:
        writer = csv.writer(_Echo())
        with acting(actor):
            for row in rows():
                yield writer.writerow(row)

    response = StreamingHttpResponse(written(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def send_pdf(content: bytes, *, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    return response


def log_staff(request: HttpRequest, kind: str, row_id: object, org_id: object = None) -> None:
    """What an administrator looked at leaves evidence; everybody else looks at their own."""
    if not request.actor.is_staff:
        return
    seen = Seen()
    seen.add(kind, row_id, org_id)  # type: ignore[arg-type]
    match = request.resolver_match
    arguments = {key: str(value) for key, value in match.kwargs.items()} if match else {}
    events = seen.events(match.view_name if match else "", arguments)
    audit.record_all(events, by=request.actor, now=request.now)
