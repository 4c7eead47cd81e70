"""Addresses of the pages that everybody may read."""

from django.urls import path

from apps.pages.views import public

urlpatterns = [
    path("pay/", public.pay, name="pay"),
    path("rules/", public.rules, name="rules"),
    path("fees/", public.fees, name="fees"),
    path("who-runs-this/", public.operator, name="operator"),
    path("is-it-us/", public.genuine, name="genuine"),
    path("privacy/", public.privacy, name="privacy"),
    path("accessibility/", public.accessibility, name="accessibility"),
]
