-- Every document comes of one application, by the same holder, of the same kind, with the same photo, and is in force only after it was handed
-- over; the photo is the holder's.
SELECT (SELECT count(*)
        FROM identity.document d
        LEFT JOIN identity.application a ON a.document = d.id
        WHERE (a.holder, a.kind, a.photo) IS DISTINCT FROM (d.holder, d.kind, d.photo)
           OR (d.state = 'made' AND a.state <> 'made') OR (d.state IN ('valid', 'suspended', 'expired') AND a.state <> 'handed over'))
     + (SELECT count(*)
        FROM identity.application a
        LEFT JOIN identity.photo p ON p.id = a.photo
        LEFT JOIN identity.holder h ON h.code = a.holder
        WHERE p.holder IS DISTINCT FROM a.holder OR h.code IS NULL)
