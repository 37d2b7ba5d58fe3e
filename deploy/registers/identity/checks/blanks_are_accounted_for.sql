-- Every blank of a delivery is in stock, was destroyed or is a document: true only between whole transactions.
SELECT count(*)
FROM identity.delivery d
FULL JOIN (
    SELECT left(serial, 6)::integer AS delivery, count(*) AS blanks
    FROM (SELECT serial FROM identity.document UNION ALL SELECT serial FROM identity.blank) used GROUP BY 1
) s ON s.delivery = d.number
WHERE d.blanks IS DISTINCT FROM s.blanks
