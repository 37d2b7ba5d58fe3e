-- The periods of a person's residences do not overlap, and each begins at birth or later.
SELECT (SELECT count(*)
        FROM (SELECT during, lag(during) OVER (PARTITION BY person_code ORDER BY during) AS before FROM population.residence) r
        WHERE during && before)
     + (SELECT count(*) FROM population.residence r JOIN population.person p ON p.personal_code = r.person_code
        WHERE lower(r.during) < p.birth_date)
