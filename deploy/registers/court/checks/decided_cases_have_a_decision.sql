-- A case was decided as often as it has decisions, each of them a document of the case.
SELECT (SELECT count(*)
        FROM court."case" c
        WHERE (SELECT count(*) FROM court.decision WHERE case_number = c.number)
           <> (SELECT count(*) FROM court.step WHERE case_number = c.number AND state = 'decided'))
     + (SELECT count(*) FROM court.decision n LEFT JOIN court.document d ON d.id = n.document
        WHERE d.case_number IS DISTINCT FROM n.case_number)
