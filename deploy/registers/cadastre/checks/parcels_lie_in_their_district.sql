-- Every parcel, also one of the past, lies within its district.
SELECT (SELECT count(*) FROM cadastre.parcel p LEFT JOIN cadastre.district d ON d.code = p.district
        WHERE (d.extent @> box(p.boundary)) IS NOT TRUE)
     + (SELECT count(*) FROM cadastre.parcel_history h LEFT JOIN cadastre.district d ON d.code = h.district
        WHERE (d.extent @> box(h.boundary)) IS NOT TRUE)
