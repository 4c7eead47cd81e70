"""Addresses of "contact a person"."""

from django.urls import path

from apps.cases.views import tickets

app_name = "contact"
urlpatterns = [
    path("", tickets.write, name="write"),
    path("link/", tickets.link, name="link"),
    path("link/<str:link>/", tickets.by_link, name="by-link"),
    path("mine/", tickets.mine, name="mine"),
    path("<uuid:ticket_id>/", tickets.ticket, name="ticket"),
    path("staff/", tickets.staff_list, name="staff"),
    path("staff/<uuid:ticket_id>/", tickets.staff_ticket, name="staff-ticket"),
]
