-- What a survey made of parcels has their area, to the square centimetre; each side with the area that it had at that moment.
SELECT (SELECT count(*)
        FROM (SELECT s.id
              FROM cadastre.survey s LEFT JOIN cadastre.survey_parcel m ON m.survey = s.id
              GROUP BY s.id
              HAVING sum(area_m2) FILTER (WHERE role = 'before') IS DISTINCT FROM sum(area_m2) FILTER (WHERE role = 'after')
                  OR count(area_m2) = 0) unequal)
     + (SELECT count(*)
        FROM cadastre.survey_parcel m
        LEFT JOIN cadastre.parcel p USING (district, number)
        LEFT JOIN cadastre.parcel_history h ON (h.district, h.number, h.version) = (m.district, m.number, 1)
        WHERE m.area_m2 IS DISTINCT FROM CASE m.role WHEN 'before' THEN p.area_m2 ELSE coalesce(h.area_m2, p.area_m2) END)
