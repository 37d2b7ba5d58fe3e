-- A manuscript that was printed is one act of its kind; every act has its manuscript.
SELECT (SELECT count(*)
        FROM gazette.manuscript m LEFT JOIN gazette.act a ON a.id = m.act
        WHERE (m.state = 'printed') <> (a.id IS NOT NULL) OR (m.state = 'printed') <> (m.text IS NULL) OR m.kind <> a.kind)
     + (SELECT count(*) FROM gazette.act a WHERE (SELECT count(*) FROM gazette.manuscript m WHERE m.act = a.id) <> 1)
