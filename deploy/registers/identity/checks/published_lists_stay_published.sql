-- A published list has the entries and the digest that it was published with; each kind has one open list, which is its last.
SELECT (SELECT count(*)
        FROM identity.revocation_list l
        LEFT JOIN (
            SELECT kind, list, count(*) AS entries,
                encode(sha256(convert_to(string_agg(document::text, ',' ORDER BY document), 'UTF8')), 'hex') AS digest
            FROM identity.revocation GROUP BY kind, list
        ) r ON r.kind = l.kind AND r.list = l.number
        WHERE l.published_at IS NOT NULL
          AND (l.entries <> coalesce(r.entries, 0) OR l.digest <> coalesce(r.digest, encode(sha256(''), 'hex'))))
     + (SELECT count(*)
        FROM identity.kind k
        LEFT JOIN (SELECT kind, max(number) AS newest, array_agg(number) FILTER (WHERE published_at IS NULL) AS open
                   FROM identity.revocation_list GROUP BY kind) l ON l.kind = k.code
        WHERE l.open IS DISTINCT FROM ARRAY[l.newest])
