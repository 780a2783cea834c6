-- The open pipeline at the end of each day of the last year.
SELECT day, currency, sum(deals) AS deals, sum(value) AS value, coalesce(sum(weighted_value), 0) AS weighted_value
FROM pipeline_snapshots
WHERE day > (SELECT max(day) FROM pipeline_snapshots) - INTERVAL 1 YEAR
GROUP BY ALL
ORDER BY day, currency
