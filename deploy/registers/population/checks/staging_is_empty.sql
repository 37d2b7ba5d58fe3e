-- A batch is copied in, taken over and truncated in one transaction: nobody else ever sees it.
SELECT count(*) FROM population.import_staging
