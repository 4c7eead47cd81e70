"""The buyer's wallet, the contributor's payouts, the administrator's money, Stripe's webhooks."""
