-- A company that is not deleted has exactly one main activity, a deleted one none; every activity stands in the tree, below its branch.
SELECT (SELECT count(*)
        FROM company.company c
        FULL JOIN (SELECT company, count(*) AS main FROM company.pursuit WHERE is_main GROUP BY company) u ON u.company = c.code
        WHERE coalesce(u.main, 0) IS DISTINCT FROM CASE c.state WHEN 'deleted' THEN 0 ELSE 1 END)
     -- As text: a session whose search_path lacks public has no operators of ltree.
     + (SELECT count(*) FROM company.pursuit u WHERE NOT EXISTS (SELECT FROM company.activity a WHERE a.code::text = u.activity::text))
     + (SELECT count(*) FROM company.activity b WHERE b.parent IS NOT NULL
          AND NOT EXISTS (SELECT FROM company.activity a WHERE a.code::text = b.parent::text))
