"""Addresses of money on paper: statements, single amounts, invoices, spend."""

from django.urls import path

from apps.exports.views import cents, invoices, spend, statements

app_name = "money"
urlpatterns = [
    path("statements/", statements.show_all, name="statements"),
    path("statements/choices/", statements.choose, name="choices"),
    path("statements/<str:month>/", statements.show, name="statement"),
    path("statements/<str:month>/csv/", statements.table, name="statement-csv"),
    path("statements/<str:month>/pdf/", statements.paper, name="statement-pdf"),
    path("years/<int:year>/", statements.year, name="year"),
    path("years/<int:year>/csv/", statements.year_table, name="year-csv"),
    path("people/<uuid:user_id>/<str:month>/", statements.of_person, name="statement-of"),
    path("criteria/<uuid:criteria_id>/", cents.criteria, name="criteria"),
    path("items/<uuid:assignment_id>/", cents.item, name="item"),
    path("lines/<uuid:line_id>/", cents.line, name="line"),
    path("transfers/<uuid:transfer_id>/", cents.transfer, name="transfer"),
    path("payouts/<uuid:payout_id>/", cents.payout, name="payout"),
    path("fundings/<uuid:funding_id>/", cents.funding, name="funding"),
    path("refunds/<uuid:refund_id>/", cents.refund, name="refund"),
    path("organizations/<uuid:org_id>/invoices/", invoices.show_all, name="invoices"),
    path("organizations/<uuid:org_id>/billing/", invoices.billing, name="billing"),
    path("projects/<uuid:project_id>/billing/", invoices.project_billing, name="project-billing"),
    path("organizations/<uuid:org_id>/spend/", spend.show, name="spend"),
    path("organizations/<uuid:org_id>/spend/csv/", spend.table, name="spend-csv"),
    path("invoices/<uuid:invoice_id>/", invoices.show, name="invoice"),
    path("invoices/<uuid:invoice_id>/csv/", invoices.table, name="invoice-csv"),
    path("invoices/<uuid:invoice_id>/pdf/", invoices.paper, name="invoice-pdf"),
]
