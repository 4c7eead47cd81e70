"""Addresses of notices."""

from django.urls import path

from apps.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.show_all, name="list"),
    path("count/", views.count, name="count"),
    path("read/", views.mark_read, name="mark-read"),
    path("preferences/", views.preferences, name="preferences"),
    path("off/<str:token>/", views.off, name="off"),
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/<uuid:mail_id>/", views.outbox_mail, name="outbox-mail"),
    path("outbox/<uuid:mail_id>/html/", views.outbox_html, name="outbox-html"),
    path("<uuid:notice_id>/", views.follow, name="follow"),
]
