-- Every transaction of the ledger has postings, and its debits equal its credits, to the last of ten decimals.
SELECT count(*)
FROM (
    SELECT t.id
    FROM treasury.ledger_transaction t LEFT JOIN treasury.posting p ON p.transaction_id = t.id
    GROUP BY t.id
    HAVING count(p.line) < 2 OR sum(p.debit) <> sum(p.credit)
) unbalanced
