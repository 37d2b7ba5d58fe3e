-- A closed day has the postings and the turnover it was closed with; exactly one day is open, and it is the last.
SELECT (SELECT count(*)
        FROM treasury.business_day d
        LEFT JOIN (SELECT t.day, count(*) AS postings, sum(p.debit) AS turnover
                   FROM treasury.ledger_transaction t JOIN treasury.posting p ON p.transaction_id = t.id
                   GROUP BY t.day) found USING (day)
        WHERE d.closed_at IS NOT NULL
          AND (d.postings <> coalesce(found.postings, 0) OR d.turnover <> coalesce(found.turnover, 0)))
     + (SELECT count(*) FROM (SELECT count(*) AS days, min(day) AS day FROM treasury.business_day WHERE closed_at IS NULL) open
        WHERE open.days <> 1 OR open.day <> (SELECT max(day) FROM treasury.business_day))
