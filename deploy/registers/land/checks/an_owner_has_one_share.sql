-- Nobody holds two shares of one property at a time: whoever gets more has a larger one.
SELECT count(*)
FROM (SELECT during, lag(during) OVER (PARTITION BY property, owner ORDER BY during) AS before FROM land.share) s
WHERE during && before
