-- The live parcels of a district have its area together: since none overlap, no land is nobody's.
SELECT count(*)
FROM cadastre.district d
LEFT JOIN (SELECT district, sum(area_m2) AS area FROM cadastre.parcel WHERE state = 'live' GROUP BY district) p ON p.district = d.code
WHERE p.area IS DISTINCT FROM area(d.extent)::numeric
