"""Addresses of work: first the contributor's side."""

from django.urls import include, path

from apps.work.views import assignment, contributor, earnings, lift, scores

app_name = "work"
urlpatterns = [
    path("", include("apps.work.urls.buyer")),
    path("", contributor.board, name="board"),
    path("offers/<uuid:project_id>/", contributor.offer, name="offer"),
    path("offers/<uuid:project_id>/enrol/", contributor.enrol, name="enrol"),
    path("projects/<uuid:project_id>/", contributor.desk, name="desk"),
    path("projects/<uuid:project_id>/claim/", contributor.claim, name="claim"),
    path(
        "projects/<uuid:project_id>/qualification/",
        contributor.qualification,
        name="qualification",
    ),
    path("assignments/<uuid:assignment_id>/", assignment.show, name="assignment"),
    path("assignments/<uuid:assignment_id>/beat/", assignment.beat, name="beat"),
    path("assignments/<uuid:assignment_id>/draft/", assignment.draft, name="draft"),
    path("assignments/<uuid:assignment_id>/submit/", assignment.submit, name="submit"),
    path("assignments/<uuid:assignment_id>/undo/", assignment.undo, name="undo"),
    path("assignments/<uuid:assignment_id>/give-back/", assignment.give_back, name="give-back"),
    path("mine/", earnings.history, name="history"),
    path("scores/", scores.index, name="scores"),
    path("scores/<uuid:project_id>/", scores.project, name="score"),
    path("scores/<uuid:project_id>/lift/", lift.own, name="lift"),
    path("earnings/", earnings.show, name="earnings"),
]
