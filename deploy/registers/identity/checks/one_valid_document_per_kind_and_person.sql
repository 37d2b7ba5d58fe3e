-- Nobody has two valid documents of one kind.
SELECT count(*)
FROM (SELECT FROM identity.document WHERE state = 'valid' GROUP BY holder, kind HAVING count(*) > 1) twice
