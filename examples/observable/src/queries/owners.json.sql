-- Open deals by pipeline, stage and owner: the deals that open_pipeline counts.
SELECT
  pipeline_name, stage_name, s.order_nr AS stage_order, coalesce(owner_name, 'Unknown') AS owner_name, currency,
  count(*) AS deals, sum(value) AS value, sum(weighted_value) AS weighted_value
FROM deals_readable d
LEFT JOIN stages s ON s.id = d.stage_id
WHERE d.status = 'open' AND NOT d.is_archived AND d._deleted_at IS NULL
GROUP BY ALL
ORDER BY pipeline_name, stage_order, owner_name
