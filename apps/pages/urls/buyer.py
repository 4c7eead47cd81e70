"""Addresses of the buyer's pages that read from several apps."""

from django.urls import path

from apps.pages.views import buyer, gold, lift, more, quality

urlpatterns = [
    path("projects/<uuid:project_id>/live/", buyer.project_live, name="project_live"),
    path("projects/<uuid:project_id>/known-answers/", gold.show, name="project-gold"),
    path("projects/<uuid:project_id>/quality/", quality.project_quality, name="project-quality"),
    path("projects/<uuid:project_id>/lift/", lift.project_lift, name="project-lift"),
    path("projects/<uuid:project_id>/more-data/", more.project_more, name="project-more"),
]
