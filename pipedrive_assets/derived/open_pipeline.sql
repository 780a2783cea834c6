-- What is still to be won: a row per stage, month of expected closing and currency.
--
-- Counts deals that are open and not archived. Amounts are in the deals' own currency; nothing is
-- converted, and amounts of different currencies are never added. A deal weighs by its own
-- probability, else by its stage's where the pipeline uses those, else in full.
--
-- needs: deals
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: Its name now.
-- stage_id bigint: The stage.
-- stage_name text: Its name now.
-- stage_order bigint: The stage's position in its pipeline.
-- expected_close_month date: First day of the month in which the owners expect to close; empty where no date is given.
-- currency text: ISO code of the currency of every amount in the row.
-- deals bigint: Open deals.
-- value double: What they are worth together.
-- weighted_value double: The same, each deal's value times its chance of being won.

SELECT d.pipeline_id, coalesce(p.name, CAST(d.pipeline_id AS VARCHAR)) AS pipeline_name,
  d.stage_id, coalesce(s.name, CAST(d.stage_id AS VARCHAR)) AS stage_name,
  s.order_nr AS stage_order,
  CAST(date_trunc('month', d.expected_close_date) AS DATE) AS expected_close_month,
  d.currency, count(*) AS deals, sum(coalesce(d.value, 0)) AS value,
  sum(coalesce(d.value, 0) * coalesce(
    d.probability,
    CASE WHEN coalesce(p.is_deal_probability_enabled, TRUE) THEN s.deal_probability END,
    100) / 100) AS weighted_value
FROM {deals} d
  LEFT JOIN {stages} s ON s.id = d.stage_id
  LEFT JOIN {pipelines} p ON p.id = d.pipeline_id
WHERE d._deleted_at IS NULL AND d.status = 'open' AND NOT coalesce(d.is_archived, FALSE)
GROUP BY d.pipeline_id, p.name, d.stage_id, s.name, s.order_nr,
  date_trunc('month', d.expected_close_date), d.currency
