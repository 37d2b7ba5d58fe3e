-- A revoked document stands on exactly one revocation list, that of its kind; no other document stands on any.
SELECT count(*)
FROM identity.document d
FULL JOIN (SELECT document, count(*) AS lists, min(kind) AS kind FROM identity.revocation GROUP BY document) r
    ON r.document = d.id
WHERE (d.state = 'revoked') IS DISTINCT FROM (r.document IS NOT NULL) OR r.lists > 1 OR r.kind <> d.kind
