-- For every closed month each person was paid, with all corrections, what the person is entitled to; for no other month anything.
-- A partition that is dropped while this waits for it is gone for older snapshots too, the month's state is not: to_regclass.
SELECT count(*)
FROM (
    SELECT e.person, m.month::date AS month, sum(e.monthly) AS amount
    FROM pension.month m JOIN pension.entitlement e ON e.during @> m.month::date
    WHERE m.state = 'closed' AND to_regclass('pension.payment_' || to_char(m.month, 'YYYY_MM')) IS NOT NULL
    GROUP BY e.person, m.month
) entitled
FULL JOIN (
    SELECT person, month, sum(amount) AS amount FROM pension.payment GROUP BY person, month
) paid USING (person, month)
WHERE coalesce(entitled.amount, 0) <> coalesce(paid.amount, 0)
