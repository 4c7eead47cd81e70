"""Addresses of the administrator's pages."""

from django.urls import path

from apps.pages.views import gold, staff

urlpatterns = [
    path("", staff.show, name="staff"),
    path("projects/<uuid:project_id>/rejections/", staff.rejections, name="staff-rejections"),
    path("projects/<uuid:project_id>/known-answers/", gold.staff_show, name="staff-gold"),
    path("people/", staff.people, name="staff-people"),
    path("people/<uuid:user_id>/", staff.person, name="staff-person"),
    path("alphas/", staff.alphas, name="staff-alphas"),
    path("lift/", staff.lift_pools, name="staff-lift"),
    path("checks/", staff.checked_books, name="staff-checks"),
]
