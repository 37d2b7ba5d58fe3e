-- The last step of a case is its state, the steps before it are numbered without a gap, and each could follow the one before.
SELECT (SELECT count(*)
        FROM court."case" c
        LEFT JOIN (SELECT case_number, count(*) AS steps, max(number) AS newest FROM court.step GROUP BY case_number) s
            ON s.case_number = c.number
        LEFT JOIN court.step n ON n.case_number = c.number AND n.number = s.newest
        WHERE s.steps IS DISTINCT FROM s.newest OR n.state IS DISTINCT FROM c.state)
     + (SELECT count(*)
        FROM (SELECT state, lag(state) OVER (PARTITION BY case_number ORDER BY number) AS before FROM court.step) s
        WHERE (coalesce(before::text, ''), state::text) NOT IN (
            ('', 'filed'), ('filed', 'accepted'), ('filed', 'withdrawn'), ('accepted', 'heard'), ('accepted', 'withdrawn'),
            ('heard', 'decided'), ('heard', 'withdrawn'), ('decided', 'appealed'), ('decided', 'final'), ('appealed', 'heard')))
