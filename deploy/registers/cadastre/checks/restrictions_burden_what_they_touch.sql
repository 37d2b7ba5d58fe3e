-- A restriction burdens exactly the live parcels of its district that its circle touches.
SELECT count(*)
FROM cadastre.burden b
FULL JOIN (
    SELECT r.id, p.district, p.number
    FROM cadastre.restriction r
    JOIN cadastre.parcel p ON p.district = r.district AND p.state = 'live'
    WHERE (center(r.zone) <-> p.interior) <= radius(r.zone)
) t ON (t.id, t.district, t.number) = (b.restriction, b.district, b.parcel)
WHERE b.restriction IS NULL OR t.id IS NULL
