-- A paid order's transaction takes its amount from the payer and gives it to the payee.
SELECT count(*)
FROM treasury.payment_order o
WHERE o.state = 'paid'
  AND (NOT EXISTS (SELECT FROM treasury.posting p
                   WHERE p.transaction_id = o.transaction_id AND p.account_id = o.payer AND p.debit = o.amount)
    OR NOT EXISTS (SELECT FROM treasury.posting p
                   WHERE p.transaction_id = o.transaction_id AND p.account_id = o.payee AND p.credit = o.amount))
