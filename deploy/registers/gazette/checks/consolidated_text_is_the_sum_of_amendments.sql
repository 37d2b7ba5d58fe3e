-- Each text of an act is the one before with its amendment applied: words replaced throughout, then paragraphs, in their order. The newest text of
-- every act is looked at always, those of the past in another sixteenth of the acts each second.
SELECT count(*)
FROM gazette.act
JOIN gazette.redaction r ON r.act = act.id
    AND (r.version = act.version OR act.id % 16 = extract(epoch FROM statement_timestamp())::bigint % 16)
LEFT JOIN gazette.redaction before ON before.act = r.act AND before.version = r.version - 1
LEFT JOIN gazette.amendment a ON a.act = r.act AND a.version = r.version
CROSS JOIN LATERAL (
    SELECT '<act>' || coalesce(E'\n' || string_agg(line, E'\n' ORDER BY paragraph), '') || E'\n</act>' AS text
    FROM (
        SELECT paragraph, line
        FROM string_to_table(CASE WHEN a.replaced IS NULL THEN before.text
                                  ELSE replace(before.text, a.replaced, a.replacement) END, E'\n') old (line),
            LATERAL (SELECT string_to_array(split_part(line, '"', 2), '.')::integer[] AS paragraph) key
        WHERE line LIKE '<p %' AND NOT EXISTS (
            SELECT FROM gazette.amendment_step s WHERE (s.act, s.version, s.paragraph) = (r.act, r.version, key.paragraph))
        UNION ALL
        SELECT paragraph, '<p n="' || array_to_string(paragraph, '.') || '">' || wording || '</p>'
        FROM gazette.amendment_step s
        WHERE (s.act, s.version) = (r.act, r.version) AND wording IS NOT NULL
    ) kept
) applied
WHERE r.version > 0 AND (a.act IS NULL OR r.text <> applied.text)
