-- The first seven digits of a personal code say the century, the sex and the date of birth.
SELECT count(*)
FROM population.person
WHERE substr(personal_code, 2, 6) <> to_char(birth_date, 'YYMMDD')
   OR substr(personal_code, 1, 1)::int
      <> 2 * (extract(year FROM birth_date)::int / 100 - 18) + CASE sex WHEN 'male' THEN 1 ELSE 2 END
