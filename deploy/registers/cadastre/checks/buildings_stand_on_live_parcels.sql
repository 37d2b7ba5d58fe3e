-- Every building stands on one live parcel, whole.
SELECT count(*)
FROM cadastre.building b
LEFT JOIN cadastre.parcel p ON (p.district, p.number) = (b.district, b.parcel)
WHERE (p.state = 'live' AND p.boundary @> b.outline) IS NOT TRUE
