-- Every hearing has a case with a judge, and minutes once it was held, which are a document of that case.
SELECT count(*)
FROM court.hearing h
LEFT JOIN court."case" c ON c.number = h.case_number
LEFT JOIN court.document d ON d.id = h.minutes
WHERE c.judge IS NULL OR (h.state = 'held' AND d.case_number IS DISTINCT FROM h.case_number)
