"""Addresses of organizations, under /o/. Fixed words come before slugs and are never slugs."""

from django.urls import path

from apps.organizations import views

app_name = "organizations"
urlpatterns = [
    path("", views.show_all, name="list"),
    path("new/", views.create, name="new"),
    path("roles/", views.roles, name="roles"),
    path("invitations/<uuid:invitation_id>/", views.invitation, name="invitation"),
    path("<slug:slug>/", views.show, name="show"),
    path("<slug:slug>/change/", views.change, name="change"),
    path("<slug:slug>/people/", views.people, name="people"),
    path("<slug:slug>/people/<uuid:membership_id>/role/", views.set_role, name="set-role"),
    path("<slug:slug>/people/<uuid:membership_id>/remove/", views.remove, name="remove-member"),
    path(
        "<slug:slug>/invitations/<uuid:invitation_id>/withdraw/",
        views.withdraw,
        name="withdraw-invitation",
    ),
]
