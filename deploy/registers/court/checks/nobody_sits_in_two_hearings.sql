-- At a time there is one hearing in a room, and one before a judge.
SELECT (SELECT count(*)
        FROM (SELECT during, lag(during) OVER (PARTITION BY house, room ORDER BY during) AS before
              FROM court.hearing WHERE state <> 'cancelled') h
        WHERE during && before)
     + (SELECT count(*)
        FROM (SELECT during, lag(during) OVER (PARTITION BY judge ORDER BY during) AS before
              FROM court.hearing WHERE state <> 'cancelled') h
        WHERE during && before)
