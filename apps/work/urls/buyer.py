"""Addresses of the buyer's review, inside the namespace `work`."""

from django.urls import path

from apps.work.views import buyer, closing, human, lift, more, replay, seats, uses, verdict

urlpatterns = [
    path("review/", buyer.everything, name="review-all"),
    path("review/projects/<uuid:project_id>/", buyer.queue, name="review"),
    path("review/projects/<uuid:project_id>/accept/", buyer.accept_chosen, name="review-accept"),
    path("review/projects/<uuid:project_id>/close/", closing.close, name="close"),
    path("review/projects/<uuid:project_id>/uses/", uses.record, name="uses"),
    path("review/projects/<uuid:project_id>/lift/", lift.ask, name="lift-ask"),
    path("review/projects/<uuid:project_id>/lift/cancel/", lift.cancel, name="lift-cancel"),
    path("review/projects/<uuid:project_id>/lift/invite/", lift.invite, name="lift-invite"),
    path("review/projects/<uuid:project_id>/lift/again/", lift.again, name="lift-again"),
    path("review/projects/<uuid:project_id>/more/", more.ask, name="more-ask"),
    path("review/projects/<uuid:project_id>/more/cancel/", more.cancel, name="more-cancel"),
    path("review/projects/<uuid:project_id>/human/", human.ask, name="human-ask"),
    path("review/projects/<uuid:project_id>/replay/", replay.replayed, name="replay"),
    path("review/projects/<uuid:project_id>/seats/", seats.add, name="add-seats"),
    path("review/submissions/<uuid:submission_id>/", verdict.submission, name="review-submission"),
]
