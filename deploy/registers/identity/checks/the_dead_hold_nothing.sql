-- Who has died has no document in force or in the making, and applies for none.
SELECT (SELECT count(*) FROM identity.document d JOIN identity.holder h ON h.code = d.holder
        WHERE h.is_deceased AND d.state NOT IN ('expired', 'revoked'))
     + (SELECT count(*) FROM identity.application a JOIN identity.holder h ON h.code = a.holder
        WHERE h.is_deceased AND a.state = 'received')
