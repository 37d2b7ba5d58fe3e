-- Every share has its property and its owner, every other entry its property.
SELECT (SELECT count(*) FROM land.share s
        WHERE NOT EXISTS (SELECT FROM land.property p WHERE p.number = s.property)
           OR NOT EXISTS (SELECT FROM land.owner o WHERE o.id = s.owner))
     + (SELECT count(*)
        FROM (SELECT property FROM land.mortgage UNION ALL SELECT property FROM land.easement
              UNION ALL SELECT serving FROM land.easement UNION ALL SELECT property FROM land.application
              UNION ALL SELECT property FROM land.property_history) entry (property)
        WHERE NOT EXISTS (SELECT FROM land.property p WHERE p.number = entry.property))
