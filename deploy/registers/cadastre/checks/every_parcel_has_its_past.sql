-- Parcels of a district are numbered without holes; retired ones, and they alone, went into a survey; version n has n - 1 behind it.
SELECT (SELECT count(*)
        FROM cadastre.district d
        LEFT JOIN (SELECT district, count(*) AS parcels, max(number) AS last FROM cadastre.parcel GROUP BY district) p
            ON p.district = d.code
        WHERE p.parcels IS DISTINCT FROM d.last_number OR p.last <> d.last_number)
     + (SELECT count(*)
        FROM cadastre.parcel p
        LEFT JOIN cadastre.survey_parcel m ON (m.district, m.number, m.role) = (p.district, p.number, 'before')
        WHERE (p.state = 'retired') <> (m.survey IS NOT NULL))
     + (SELECT count(*)
        FROM cadastre.parcel p
        LEFT JOIN (SELECT district, number, count(*) AS versions, max(version) AS newest
                   FROM cadastre.parcel_history GROUP BY district, number) h USING (district, number)
        WHERE coalesce(h.versions, 0) <> p.version - 1 OR h.newest <> p.version - 1)
