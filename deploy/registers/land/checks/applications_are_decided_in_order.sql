-- Nothing is decided while an older application for the same property waits.
SELECT count(*)
FROM land.application a
JOIN (SELECT property, min(id) AS oldest FROM land.application WHERE state = 'pending' GROUP BY property) w USING (property)
WHERE a.state <> 'pending' AND a.id > w.oldest
