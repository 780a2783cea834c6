-- The open pipeline at the end of each month, and of the last day.
SELECT CAST(date_trunc('month', day) AS DATE) AS month, pipeline_name, currency, sum(deals) AS deals, sum(value) AS value
FROM pipeline_snapshots
WHERE day = last_day(day) OR day = (SELECT max(day) FROM pipeline_snapshots)
GROUP BY ALL
ORDER BY month, pipeline_name, currency
