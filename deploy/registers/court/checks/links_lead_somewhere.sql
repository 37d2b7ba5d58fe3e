-- Parties, documents, deadlines and steps belong to a case that exists; every case has a claim and two parties.
SELECT (SELECT count(*)
        FROM (SELECT case_number FROM court.party UNION ALL SELECT case_number FROM court.document
              UNION ALL SELECT case_number FROM court.deadline UNION ALL SELECT case_number FROM court.step) part
        WHERE NOT EXISTS (SELECT FROM court."case" c WHERE c.number = part.case_number))
     + (SELECT count(*) FROM court."case" c
        WHERE (SELECT count(*) FROM court.party WHERE case_number = c.number) < 2
           OR NOT EXISTS (SELECT FROM court.document WHERE case_number = c.number))
