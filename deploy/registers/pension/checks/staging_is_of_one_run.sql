-- What is staged is for the one month that is about to be paid, and nothing twice; once it is paid, nothing is staged.
SELECT (SELECT count(*) FROM pension.run_staging s
        WHERE NOT EXISTS (SELECT FROM pension.month m WHERE m.month = s.month AND m.state = 'staged'))
     + (SELECT count(*) - count(DISTINCT (person, kind)) FROM pension.run_staging)
