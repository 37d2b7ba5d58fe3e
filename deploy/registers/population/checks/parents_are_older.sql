-- A parent was born at least twelve years before the child.
SELECT count(*)
FROM population.parentage link
JOIN population.person child ON child.personal_code = link.child_code
JOIN population.person parent ON parent.personal_code = link.parent_code
WHERE parent.birth_date + interval '12 years' > child.birth_date
