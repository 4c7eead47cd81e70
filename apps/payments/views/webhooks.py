"""Stripe's webhooks."""

from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.core.http import HttpRequest
from apps.payments import actions as payments
from apps.payments.errors import ForgedEventError


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, endpoint: str) -> HttpResponse:
    """Stored and answered; everything else happens later. Anything forged or old is a 400."""
    try:
        payments.store_event(
            endpoint=endpoint,
            payload=request.body,
            signature=request.headers.get("Stripe-Signature", ""),
            now=request.now,
        )
    except ForgedEventError as error:
        return HttpResponse(error.sentence, status=error.status, content_type="text/plain")
    return HttpResponse(status=200)
