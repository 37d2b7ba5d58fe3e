-- A serial is that of one blank or of one document, however often it was exchanged.
SELECT count(*)
FROM (SELECT FROM (SELECT serial FROM identity.document UNION ALL SELECT serial FROM identity.blank) used
      GROUP BY serial HAVING count(*) > 1) twice
