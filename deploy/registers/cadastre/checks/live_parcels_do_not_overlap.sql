-- No two live parcels share more than a boundary.
SELECT count(*)
FROM cadastre.parcel a
JOIN cadastre.parcel b ON a.interior && b.interior AND (a.district, a.number) < (b.district, b.number)
WHERE a.state = 'live' AND b.state = 'live'
