-- A closed month says how many payments its run made and how much that was; nothing of a run is changed later.
SELECT count(*)
FROM (SELECT * FROM pension.month
      WHERE state = 'closed' AND to_regclass('pension.payment_' || to_char(month, 'YYYY_MM')) IS NOT NULL) m
FULL JOIN (
    SELECT month, count(*) AS payments, sum(amount) AS total FROM pension.payment WHERE reason = 'run' GROUP BY month
) p ON p.month = m.month
WHERE coalesce(m.payments, 0) <> coalesce(p.payments, 0) OR coalesce(m.total, 0) <> coalesce(p.total, 0)
