"""Addresses about people."""

from django.urls import path

from apps.accounts.views import people as views

app_name = "people"
urlpatterns = [
    path("settings/", views.show_settings, name="settings"),
    path("settings/zone/", views.choose_zone, name="zone"),
    path("profile/", views.profile, name="profile"),
    path("description/", views.describe, name="describe"),
    path("description/remove/", views.undescribe, name="undescribe"),
    path("credentials/", views.credentials, name="credentials"),
    path("staff/", views.staff_list, name="staff-list"),
    path("staff/<uuid:user_id>/", views.staff_person, name="staff-person"),
    path(
        "staff/credentials/<uuid:credential_id>/",
        views.decide_credential,
        name="decide-credential",
    ),
]
