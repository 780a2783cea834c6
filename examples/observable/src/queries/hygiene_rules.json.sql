-- The rules, with the number of records that they find.
SELECT * FROM hygiene_rules ORDER BY found DESC NULLS LAST, rule
