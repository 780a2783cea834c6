-- Sales forecast: a row per month, pipeline, owner and currency, with what is won, what is expected and what slipped.
--
-- Won deals count in the month (UTC) in which they were won. Open deals count in the month of their expected
-- close date; in a past month they are overdue. A deal slipped out of the month of its original expected
-- close date if it is open and expected later (or has no expected close date any more), or was won in a
-- later month. Amounts are in the currency of the deals; amounts in different currencies are never added.
-- Weighted values are those of open_pipeline, original dates those of close_date_slippage. Archived deals
-- count if they are won.
--
-- needs: deals, deals_flow
-- month date: First day of the month; empty for open deals without an expected close date.
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: The pipeline's current name.
-- owner_id bigint: The user who owns the deals.
-- owner_name text personal: The user's current name.
-- currency text: ISO code of the currency of every amount in the row.
-- won_deals bigint: Deals won in the month.
-- won_value double: Their total value.
-- open_deals bigint: Open deals that are expected to close in the month.
-- open_value double: Their total value.
-- open_weighted_value double: Their total weighted value; empty if no deal has one.
-- open_deals_weighted bigint: Number of open deals with a weighted value.
-- slipped_in_deals bigint: Open deals of the month whose original expected close date is in an earlier month.
-- slipped_in_value double: Their total value.
-- slipped_out_deals bigint: Deals whose original expected close date is in the month, and that slipped out of it.
-- slipped_out_value double: Their total value.

WITH living AS (
  SELECT d.id, d.pipeline_id, d.owner_id, d.currency, coalesce(d.value, 0) AS value,
    d.status = 'won' AS is_won, d.status = 'open' AND NOT coalesce(d.is_archived, FALSE) AS is_open,
    {_weighted_value} AS weighted,
    CAST(date_trunc('month', d.expected_close_date) AS DATE) AS expected,
    CAST(date_trunc('month', coalesce(d.won_time, d.close_time) AT TIME ZONE 'UTC') AS DATE)
      AS won_in,
    CAST(date_trunc('month', m.original_close_date) AS DATE) AS original
  FROM {deals} d
    LEFT JOIN {stages} s ON s.id = d.stage_id
    LEFT JOIN {pipelines} p ON p.id = d.pipeline_id
    LEFT JOIN {close_date_slippage} m ON m.deal_id = d.id
  WHERE d._deleted_at IS NULL
), parts AS (
  SELECT 'won' AS part, won_in AS month, pipeline_id, owner_id, currency, value, weighted
  FROM living WHERE is_won
  UNION ALL
  SELECT 'open', expected, pipeline_id, owner_id, currency, value, weighted
  FROM living WHERE is_open
  UNION ALL
  SELECT 'in', expected, pipeline_id, owner_id, currency, value, weighted
  FROM living WHERE is_open AND original < expected
  UNION ALL
  SELECT 'out', original, pipeline_id, owner_id, currency, value, weighted
  FROM living
  WHERE original IS NOT NULL AND ((is_open AND (expected IS NULL OR expected > original))
    OR (is_won AND won_in > original))
)
SELECT x.month, x.pipeline_id, coalesce(p.name, CAST(x.pipeline_id AS VARCHAR)) AS pipeline_name,
  x.owner_id, coalesce(u.name, CAST(x.owner_id AS VARCHAR)) AS owner_name, x.currency,
  count(CASE WHEN x.part = 'won' THEN 1 END) AS won_deals,
  coalesce(sum(CASE WHEN x.part = 'won' THEN x.value END), 0) AS won_value,
  count(CASE WHEN x.part = 'open' THEN 1 END) AS open_deals,
  coalesce(sum(CASE WHEN x.part = 'open' THEN x.value END), 0) AS open_value,
  sum(CASE WHEN x.part = 'open' THEN x.weighted END) AS open_weighted_value,
  count(CASE WHEN x.part = 'open' THEN x.weighted END) AS open_deals_weighted,
  count(CASE WHEN x.part = 'in' THEN 1 END) AS slipped_in_deals,
  coalesce(sum(CASE WHEN x.part = 'in' THEN x.value END), 0) AS slipped_in_value,
  count(CASE WHEN x.part = 'out' THEN 1 END) AS slipped_out_deals,
  coalesce(sum(CASE WHEN x.part = 'out' THEN x.value END), 0) AS slipped_out_value
FROM parts x
  LEFT JOIN {pipelines} p ON p.id = x.pipeline_id
  LEFT JOIN {users} u ON u.id = x.owner_id
GROUP BY x.month, x.pipeline_id, p.name, x.owner_id, u.name, x.currency
