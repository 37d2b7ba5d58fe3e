-- What is searched is what stands there, in titles and texts. They are long: each second looks at another thirty-second part of the acts.
SELECT (SELECT count(*)
        FROM gazette.act
        WHERE id % 32 = extract(epoch FROM statement_timestamp())::bigint % 32
          AND title_words <> to_tsvector('pg_catalog.simple', title))
     + (SELECT count(*)
        FROM gazette.redaction
        WHERE act % 32 = extract(epoch FROM statement_timestamp())::bigint % 32
          AND words <> to_tsvector(CASE language WHEN 'de' THEN 'pg_catalog.german' WHEN 'en' THEN 'pg_catalog.english'
              WHEN 'ru' THEN 'pg_catalog.russian' ELSE 'pg_catalog.simple' END::regconfig, text))
