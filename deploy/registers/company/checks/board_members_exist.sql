-- A company that is not deleted has a board of people who exist, exactly one of them in the chair; whoever signs jointly sits on it.
SELECT (SELECT count(*)
        FROM company.company c
        FULL JOIN (
            SELECT company, array_agg(person) AS board, count(*) FILTER (WHERE is_chair) AS chairs
            FROM company.member WHERE upper_inf(during) GROUP BY company
        ) m ON m.company = c.code
        WHERE coalesce(m.chairs, 0) IS DISTINCT FROM CASE c.state WHEN 'deleted' THEN 0 ELSE 1 END
           OR (c.state = 'deleted' AND m.board IS NOT NULL) OR NOT c.signers <@ coalesce(m.board, '{}'))
     + (SELECT count(*) FROM company.member m WHERE NOT EXISTS (SELECT FROM company.person p WHERE p.id = m.person))
