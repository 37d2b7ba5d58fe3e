-- A property of version n has n - 1 versions behind it, the last one entered not after it.
SELECT count(*)
FROM land.property p
LEFT JOIN (
    SELECT property, count(*) AS versions, max(version) AS newest, max(entered_on) AS entered_on
    FROM land.property_history GROUP BY property
) h ON h.property = p.number
WHERE coalesce(h.versions, 0) <> p.version - 1 OR h.newest <> p.version - 1 OR h.entered_on > p.entered_on
