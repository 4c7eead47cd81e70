"""Addresses of notices."""

from django.urls import path

from apps.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.show_all, name="list"),
    path("read/", views.mark_read, name="mark-read"),
    path("<uuid:notice_id>/", views.follow, name="follow"),
]
