-- An open marriage joins two of the living, and nobody is in two.
SELECT (SELECT count(*)
        FROM population.marriage m
        LEFT JOIN population.person a ON a.personal_code = m.spouse_a
        LEFT JOIN population.person b ON b.personal_code = m.spouse_b
        WHERE upper_inf(m.during) AND (a.status IS DISTINCT FROM 'living' OR b.status IS DISTINCT FROM 'living'))
     + (SELECT count(*)
        FROM (SELECT FROM (SELECT spouse_a AS code FROM population.marriage WHERE upper_inf(during)
                           UNION ALL SELECT spouse_b FROM population.marriage WHERE upper_inf(during)) married
              GROUP BY code HAVING count(*) > 1) twice)
