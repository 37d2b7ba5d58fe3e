-- The living have exactly one open residence, everybody else has none: true only between whole transactions.
SELECT count(*)
FROM population.person p
WHERE (SELECT count(*) FROM population.residence r WHERE r.person_code = p.personal_code AND upper_inf(r.during))
   <> CASE p.status WHEN 'living' THEN 1 ELSE 0 END
