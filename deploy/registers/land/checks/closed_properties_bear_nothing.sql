-- A closed property has no open mortgage and no open easement.
SELECT (SELECT count(*) FROM land.mortgage m JOIN land.property p ON p.number = m.property
        WHERE upper_inf(m.during) AND p.state = 'closed')
     + (SELECT count(*) FROM land.easement e JOIN land.property p ON p.number IN (e.property, e.serving)
        WHERE upper_inf(e.during) AND p.state = 'closed')
