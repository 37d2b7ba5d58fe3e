-- The living have exactly one open residence, everybody else has none: true only between whole transactions.
SELECT count(*)
FROM population.person p
LEFT JOIN (
    SELECT person_code, count(*) AS places FROM population.residence WHERE upper_inf(during) GROUP BY person_code
) r ON r.person_code = p.personal_code
WHERE coalesce(r.places, 0) <> CASE p.status WHEN 'living' THEN 1 ELSE 0 END
