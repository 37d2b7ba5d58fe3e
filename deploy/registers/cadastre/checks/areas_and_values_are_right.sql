-- The area of a parcel is that of its polygon, which fills its box; a live one is worth its area at the district's price.
SELECT count(*)
FROM cadastre.parcel p
LEFT JOIN cadastre.district d ON d.code = p.district
WHERE p.area_m2 <> area(path(p.boundary))::numeric OR p.area_m2 <> area(box(p.boundary))::numeric
   OR (p.state = 'live' AND p.value_eur IS DISTINCT FROM round(p.area_m2 * d.price_m2, 4))
