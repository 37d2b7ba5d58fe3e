-- A reversal has every line of what it reverses, with the sides exchanged.
SELECT count(*)
FROM treasury.ledger_transaction r
JOIN treasury.posting p ON p.transaction_id = r.reverses
LEFT JOIN treasury.posting m
    ON m.transaction_id = r.id AND m.line = p.line AND m.account_id = p.account_id AND m.debit = p.credit AND m.credit = p.debit
WHERE m.line IS NULL
