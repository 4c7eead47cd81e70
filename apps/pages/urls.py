"""Addresses of pages that read from several apps."""

from django.urls import include, path

from apps.pages import views

app_name = "pages"
urlpatterns = [
    path("", include("apps.pages.buyer_urls")),
    path("rules/", views.rules, name="rules"),
    path("staff/books/", views.books, name="books"),
    path("staff/", include("apps.pages.staff_urls")),
]
