// A story told by Stripe's official client for Node.js, which nobody here wrote.
// Arguments: the address of the stand-in. Prints what it saw as one JSON object.
import Stripe from "stripe";

const address = new URL(process.argv[2]);
const stripe = new Stripe("sk_test_node", {
  host: address.hostname,
  port: address.port,
  protocol: "http",
  maxNetworkRetries: 2,
  telemetry: false,
});
const seen = { version: Stripe.PACKAGE_VERSION };

async function own(path, body = {}) {
  const answer = await fetch(new URL(`/_double/${path}`, address), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    const { type, code, param, statusCode, decline_code } = error;
    return { type, code, param, statusCode, decline_code };
  }
  return null;
}

// Paying, and keeping the card.
const customer = await stripe.customers.create({ name: "Acme", metadata: { org: "7" } });
const session = await stripe.checkout.sessions.create({
  mode: "payment",
  customer: customer.id,
  line_items: [
    {
      price_data: { currency: "usd", unit_amount: 10000, product_data: { name: "Wallet" } },
      quantity: 1,
    },
  ],
  payment_intent_data: { setup_future_usage: "off_session", metadata: { funding: "f1" } },
  success_url: "http://shop.test/done",
});
await own(`checkout/${session.id}/pay`, { available: true });
const paid = await stripe.checkout.sessions.retrieve(session.id, {
  expand: ["payment_intent.latest_charge.balance_transaction"],
});
seen.paid = paid.payment_status;
seen.net = paid.payment_intent.latest_charge.balance_transaction.net;
const again = await stripe.paymentIntents.create({
  amount: 2000,
  currency: "usd",
  customer: customer.id,
  payment_method: paid.payment_intent.payment_method,
  off_session: true,
  confirm: true,
});
seen.again = again.status;
seen.declined = await refusal(
  stripe.paymentIntents.create({
    amount: 2000,
    currency: "usd",
    payment_method: "pm_card_chargeDeclined",
    confirm: true,
  }),
);

// Onboarding and paying out.
const account = await stripe.v2.core.accounts.create({
  dashboard: "express",
  identity: { country: "us" },
  configuration: {
    recipient: { capabilities: { stripe_balance: { stripe_transfers: { requested: true } } } },
  },
  defaults: {
    responsibilities: { fees_collector: "application", losses_collector: "application" },
  },
  include: ["configuration.recipient"],
});
const status = (found) =>
  found.configuration.recipient.capabilities.stripe_balance.stripe_transfers.status;
seen.before = status(account);
const transfer = { amount: 1000, currency: "usd", destination: account.id };
seen.gate = await refusal(stripe.transfers.create(transfer));
await own(`accounts/${account.id}/verify`);
seen.after = status(
  await stripe.v2.core.accounts.retrieve(account.id, { include: ["configuration.recipient"] }),
);
await own("fault", { kind: "timeout_after_commit", path: "/v1/transfers" });
const first = await stripe.transfers.create(transfer, { idempotencyKey: "tr:1" });
const second = await stripe.transfers.create(transfer, { idempotencyKey: "tr:1" });
seen.same = first.id === second.id;
seen.other_body = await refusal(
  stripe.transfers.create({ ...transfer, amount: 1 }, { idempotencyKey: "tr:1" }),
);
const balance = await stripe.balance.retrieve({}, { stripeAccount: account.id });
seen.received = balance.available[0].amount;
await stripe.transfers.createReversal(first.id, { amount: 400 });
await stripe.refunds.create({ payment_intent: again.id, amount: 500 });
seen.unknown = await refusal(stripe.refunds.create({ charge: again.latest_charge, surprise: 1 }));

// Lists, page after page.
let rows = 0;
let sum = 0;
for await (const row of stripe.balanceTransactions.list({ limit: 1 })) {
  rows += 1;
  sum += row.net;
}
seen.rows = rows;
seen.sum = sum;

// An event as it would be delivered, and a forged one.
const [event] = (await stripe.events.list({ type: "transfer.created" })).data;
seen.event = event.data.object.id === first.id;
console.log(JSON.stringify(seen));
