-- The number of findings by owner and rule.
SELECT coalesce(owner_name, 'No owner') AS owner_name, rule, count(*) AS found
FROM hygiene
GROUP BY ALL
ORDER BY owner_name, rule
