"""Addresses of cases."""

from django.urls import path

from apps.cases.views import buyer, case, contributor, gold, staff

app_name = "cases"
urlpatterns = [
    path("", case.show_list, name="list"),
    path("mine/", contributor.mine, name="mine"),
    path("organization/<uuid:org_id>/", buyer.organization, name="organization"),
    path("staff/", staff.show_list, name="staff"),
    path("staff/people/<uuid:user_id>/deactivate/", staff.propose, name="propose"),
    path("staff/assignments/<uuid:assignment_id>/bad-faith/", staff.bad_faith, name="bad-faith"),
    path("appeal/<uuid:assignment_id>/", contributor.appeal, name="appeal"),
    path("gold/<uuid:assignment_id>/", contributor.contest_gold, name="contest-gold"),
    path("gold/<uuid:project_id>/<int:gold>/demote/", gold.demote, name="demote-gold"),
    path(
        "staff/gold/<uuid:project_id>/<int:gold>/demote/",
        gold.staff_demote,
        name="staff-demote-gold",
    ),
    path("lift/<uuid:project_id>/", contributor.contest_lift, name="contest-lift"),
    path("dispute/<uuid:line_id>/", case.dispute, name="dispute"),
    path("<uuid:case_id>/", case.detail, name="detail"),
    path("<uuid:case_id>/answer/", case.answer, name="answer"),
    path("<uuid:case_id>/decide/", staff.decide, name="decide"),
    path("<uuid:case_id>/pay/", staff.pay, name="pay"),
]
