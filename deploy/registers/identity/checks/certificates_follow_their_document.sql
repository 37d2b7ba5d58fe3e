-- A document with a chip has two certificates, any other none; they are active only while it is valid, and end with it for good.
SELECT count(*)
FROM identity.document d
JOIN identity.kind k ON k.code = d.kind
LEFT JOIN (
    SELECT document, count(*) AS all_of_them, count(*) FILTER (WHERE state = 'active') AS active,
        count(*) FILTER (WHERE state = 'ended') AS ended
    FROM identity.certificate GROUP BY document
) c ON c.document = d.id
WHERE coalesce(c.all_of_them, 0) <> CASE WHEN k.has_chip THEN 2 ELSE 0 END
   OR (c.active > 0 AND d.state <> 'valid')
   OR c.ended <> CASE WHEN d.state IN ('expired', 'revoked') THEN 2 ELSE 0 END
