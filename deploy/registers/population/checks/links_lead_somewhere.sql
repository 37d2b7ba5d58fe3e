-- Every link leads to a person. The register enforces it by foreign keys; a standby applies rows without them.
SELECT count(*)
FROM (
    SELECT person_code FROM population.residence
    UNION ALL SELECT child_code FROM population.parentage
    UNION ALL SELECT parent_code FROM population.parentage
    UNION ALL SELECT spouse_a FROM population.marriage
    UNION ALL SELECT spouse_b FROM population.marriage
    UNION ALL SELECT person_code FROM population.photo
    UNION ALL SELECT person_code FROM population.document
) link (code)
WHERE NOT EXISTS (SELECT FROM population.person WHERE personal_code = link.code)
