from django.urls import path

from apps.payments.views import buyer, contributor, staff, webhooks

app_name = "payments"
urlpatterns = [
    path("wallets/<uuid:org_id>/", buyer.wallet, name="wallet"),
    path("wallets/<uuid:org_id>/fund/", buyer.fund, name="fund"),
    path("wallets/<uuid:org_id>/refund/", buyer.refund, name="refund"),
    path("fundings/<uuid:funding_id>/", buyer.funding, name="funding"),
    path("wallets/<uuid:org_id>/top-up/", buyer.top_up, name="top_up"),
    path("wallets/<uuid:org_id>/top-up/off/", buyer.top_up_off, name="top_up_off"),
    path("disputes/<uuid:dispute_id>/", buyer.dispute, name="dispute"),
    path("staff/", staff.money, name="staff_money"),
    path("staff/corrections/", staff.propose, name="propose"),
    path("staff/corrections/<uuid:correction_id>/", staff.correction, name="correction"),
    path("staff/payouts/<uuid:user_id>/release/", staff.release, name="release_payouts"),
    path("payouts/", contributor.payouts, name="payouts"),
    path("payouts/connect/", contributor.connect, name="connect"),
    path("payouts/refresh/", contributor.refresh, name="refresh"),
    path("payouts/not-me/", contributor.not_me, name="not_me"),
    path("payouts/request/", contributor.request_payout, name="request_payout"),
    path("webhooks/platform/", webhooks.webhook, {"endpoint": "platform"}, name="webhook_platform"),
    path("webhooks/connect/", webhooks.webhook, {"endpoint": "connect"}, name="webhook_connect"),
]
