"""The request as our middleware leaves it, for annotations."""

import datetime as dt

from django.http import HttpRequest as DjangoRequest
from rest_framework.request import Request as RestRequest

from apps.core.tenancy import Actor


class HttpRequest(DjangoRequest):
    """`actor` is who acts, `now` the one time that this request knows."""

    actor: Actor
    now: dt.datetime


class ApiRequest(RestRequest):
    """The same seen through Django REST framework."""

    actor: Actor
    now: dt.datetime
