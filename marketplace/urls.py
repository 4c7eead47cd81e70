"""Addresses of the site. Namespaces are the apps' labels; people's are `people`."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from apps.pages.views import site as pages

urlpatterns = [
    # Asked most often, so looked at first.
    path("api/v1/", include("apps.work.urls.api")),
    path("", pages.home, name="home"),
    path("", include("apps.pages.urls")),
    path("accounts/", include("allauth.urls")),
    path("terms/", include("apps.accounts.urls.terms")),
    path("people/", include("apps.accounts.urls")),
    path("notices/", include("apps.notices.urls")),
    path("o/", include("apps.organizations.urls")),
    path("projects/", include("apps.projects.urls")),
    path("work/", include("apps.work.urls")),
    path("contact/", include("apps.cases.urls.tickets")),
    path("cases/", include("apps.cases.urls")),
    path("payments/", include("apps.payments.urls")),
    path("releases/", include("apps.exports.urls")),
    path("money/", include("apps.exports.urls.money")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", pages.api_docs, name="api-docs"),
]

handler400 = "apps.pages.views.site.bad_request"
