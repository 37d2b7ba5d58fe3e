-- The last digit of every personal code follows from the ten before it: two rounds of weights, modulo 11.
WITH digits AS (
    SELECT personal_code,
        substr(personal_code, 1, 1)::int AS a, substr(personal_code, 2, 1)::int AS b, substr(personal_code, 3, 1)::int AS c,
        substr(personal_code, 4, 1)::int AS d, substr(personal_code, 5, 1)::int AS e, substr(personal_code, 6, 1)::int AS f,
        substr(personal_code, 7, 1)::int AS g, substr(personal_code, 8, 1)::int AS h, substr(personal_code, 9, 1)::int AS i,
        substr(personal_code, 10, 1)::int AS j, substr(personal_code, 11, 1)::int AS check_digit
    FROM population.person
), rounds AS (
    SELECT check_digit,
        (a * 1 + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 1) % 11 AS first,
        (a * 3 + b * 4 + c * 5 + d * 6 + e * 7 + f * 8 + g * 9 + h * 1 + i * 2 + j * 3) % 11 AS second
    FROM digits
)
SELECT count(*)
FROM rounds
WHERE check_digit <> CASE WHEN first < 10 THEN first WHEN second < 10 THEN second ELSE 0 END
