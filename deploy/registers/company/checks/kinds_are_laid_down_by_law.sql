-- The kinds of filings are those of the laws, no more and no less; laws are numbered without a gap.
SELECT (SELECT count(*)
        FROM (SELECT enumlabel::text AS kind, enumsortorder FROM pg_enum WHERE enumtypid = 'company.filing_kind'::regtype) e
        FULL JOIN company.law l USING (kind)
        WHERE l.number IS NULL OR e.enumsortorder IS NULL)
     + (SELECT count(*) FROM company.law WHERE number < 1 OR number > (SELECT count(*) FROM company.law))
