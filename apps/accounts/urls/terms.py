"""Addresses of the terms."""

from django.urls import path

from apps.accounts.views import terms

app_name = "terms"
urlpatterns = [
    path("", terms.current, name="current"),
    path("accept/", terms.accept, name="accept"),
    path("versions/", terms.versions, name="versions"),
    path("versions/<int:number>/", terms.version, name="version"),
    path("publish/", terms.publish, name="publish"),
]
