-- A case that is decided, final or withdrawn has no planned hearing and no open deadline but the one for an appeal.
SELECT (SELECT count(*) FROM court.hearing h JOIN court."case" c ON c.number = h.case_number
        WHERE h.state = 'planned' AND c.state IN ('decided', 'final', 'withdrawn'))
     + (SELECT count(*) FROM court.deadline d JOIN court."case" c ON c.number = d.case_number
        WHERE d.met_on IS NULL AND (c.state IN ('final', 'withdrawn') OR (c.state = 'decided' AND d.what <> 'appeal')))
