"""Addresses of releases."""

from django.urls import path

from apps.exports.views import releases as views

app_name = "exports"
urlpatterns = [
    path("project/<uuid:project_id>/", views.of_project, name="project"),
    path("project/<uuid:project_id>/make/", views.make, name="make"),
    path("<uuid:release_id>/", views.detail, name="detail"),
    path("<uuid:release_id>/<str:name>", views.download, name="download"),
]
