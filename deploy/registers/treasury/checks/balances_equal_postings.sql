-- The balance of each account is what its postings add up to.
SELECT count(*)
FROM treasury.account a
LEFT JOIN (SELECT account_id, sum(credit - debit) AS moved FROM treasury.posting GROUP BY account_id) p ON p.account_id = a.id
WHERE a.balance <> coalesce(p.moved, 0)
