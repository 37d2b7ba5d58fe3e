-- All debits equal all credits, and all balances together are zero.
SELECT count(*)
FROM (SELECT sum(debit) AS debit, sum(credit) AS credit FROM treasury.posting) total,
    (SELECT sum(balance) AS balance FROM treasury.account) held
WHERE total.debit <> total.credit OR held.balance <> 0
