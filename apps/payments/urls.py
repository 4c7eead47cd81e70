from django.urls import path

from apps.payments import views

app_name = "payments"
urlpatterns = [
    path("wallets/<uuid:org_id>/", views.wallet, name="wallet"),
    path("wallets/<uuid:org_id>/fund/", views.fund, name="fund"),
    path("wallets/<uuid:org_id>/refund/", views.refund, name="refund"),
    path("fundings/<uuid:funding_id>/", views.funding, name="funding"),
    path("payouts/", views.payouts, name="payouts"),
    path("payouts/connect/", views.connect, name="connect"),
    path("payouts/refresh/", views.refresh, name="refresh"),
    path("payouts/request/", views.request_payout, name="request_payout"),
    path("webhooks/platform/", views.webhook, {"endpoint": "platform"}, name="webhook_platform"),
    path("webhooks/connect/", views.webhook, {"endpoint": "connect"}, name="webhook_connect"),
]
