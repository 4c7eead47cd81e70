"""Addresses of projects."""

from django.urls import path

from apps.projects.views import annotators, items, overview, running, wizard

app_name = "projects"
urlpatterns = [
    path("", overview.index, name="list"),
    path("new/", overview.create, name="create"),
    path("<uuid:project_id>/", overview.detail, name="detail"),
    path("<uuid:project_id>/draft/<slug:step>/", wizard.draft, name="draft"),
    path("<uuid:project_id>/review/", wizard.review, name="review"),
    path("<uuid:project_id>/preview/", overview.preview, name="preview"),
    path("<uuid:project_id>/publish/", wizard.publish, name="publish"),
    path("<uuid:project_id>/items/", items.index, name="items"),
    path("<uuid:project_id>/items/upload/", items.upload, name="upload"),
    path("<uuid:project_id>/items/annotators/", annotators.index, name="annotators"),
    path("<uuid:project_id>/pictures/", items.pictures, name="pictures"),
    path("<uuid:project_id>/imports/<uuid:import_id>/", items.load, name="import"),
    path("<uuid:project_id>/imports/<uuid:import_id>/keep/", items.keep, name="import-keep"),
    path(
        "<uuid:project_id>/imports/<uuid:import_id>/discard/", items.discard, name="import-discard"
    ),
    path(
        "<uuid:project_id>/imports/<uuid:import_id>/withdraw/",
        annotators.withdraw,
        name="import-withdraw",
    ),
    path(
        "<uuid:project_id>/imports/<uuid:import_id>/refused.csv",
        items.refused,
        name="import-refused",
    ),
    path("<uuid:project_id>/criteria/", overview.criteria, name="criteria"),
    path("<uuid:project_id>/criteria/next/", overview.version, name="version"),
    path("<uuid:project_id>/criteria/<int:number>/", overview.criteria, name="criteria-version"),
    path("<uuid:project_id>/do/<slug:name>/", running.confirm, name="confirm"),
]
