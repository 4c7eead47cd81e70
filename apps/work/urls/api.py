"""Addresses of the API, under /api/v1/."""

from django.urls import path

from apps.work.api import views as api

app_name = "api"
urlpatterns = [
    path("offers", api.Offers.as_view(), name="offers"),
    path("enrolments", api.Enrolments.as_view(), name="enrolments"),
    path("claims", api.Claims.as_view(), name="claims"),
    path("assignments/<uuid:assignment_id>", api.AssignmentView.as_view(), name="assignment"),
    path("assignments/<uuid:assignment_id>/draft", api.Draft.as_view(), name="draft"),
    path("assignments/<uuid:assignment_id>/beats", api.Beats.as_view(), name="beats"),
    path(
        "assignments/<uuid:assignment_id>/submission",
        api.SubmissionView.as_view(),
        name="submission",
    ),
    path("assignments/<uuid:assignment_id>/undo", api.Undo.as_view(), name="undo"),
    path("assignments/<uuid:assignment_id>/give-back", api.GiveBack.as_view(), name="give-back"),
    path("results", api.Results.as_view(), name="results"),
    path("earnings", api.Earnings.as_view(), name="earnings"),
]
