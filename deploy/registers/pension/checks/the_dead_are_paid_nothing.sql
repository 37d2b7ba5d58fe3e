-- Pensions end with the month of a death.
SELECT count(*)
FROM pension.insured i JOIN pension.entitlement e ON e.person = i.number
WHERE i.died_on IS NOT NULL AND coalesce(upper(e.during), 'infinity') > date_trunc('month', i.died_on) + interval '1 month'
