-- Whoever was told of an act had asked for words that stand in it as it was printed.
SELECT count(*)
FROM gazette.notice n
LEFT JOIN gazette.subscription s ON s.id = n.subscription
LEFT JOIN gazette.redaction r ON r.act = n.act AND r.version = 0
WHERE (r.words @@ s.query) IS NOT TRUE
