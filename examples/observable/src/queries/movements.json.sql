-- What changed the open pipeline in each month.
SELECT
  CAST(date_trunc('month', day) AS DATE) AS month, pipeline_name, currency, movement,
  sum(deals) AS deals, sum(deals_changed) AS deals_changed, sum(value) AS value
FROM pipeline_movements
GROUP BY ALL
ORDER BY month, pipeline_name, currency, movement
