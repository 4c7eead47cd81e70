"""Addresses of pages that read from several apps."""

from django.urls import include, path

from apps.pages.views import cheating, site, time_machine

app_name = "pages"
urlpatterns = [
    path("", include("apps.pages.urls.buyer")),
    path("appearance/", site.appearance, name="appearance"),
    path("styleguide/", site.styleguide, name="styleguide"),
    path("", include("apps.pages.urls.public")),
    path("demo/cheat/", cheating.show, name="cheat"),
    path("demo/clock/", time_machine.show, name="time-machine"),
    path("staff/books/", site.books, name="books"),
    path("staff/", include("apps.pages.urls.staff")),
]
