-- Open deals and their value: a row per stage, expected close month and currency.
--
-- Counts deals that are open and not archived. Amounts are in the currency of the deals and are not
-- converted; amounts in different currencies are never added. A deal's weighted value is its value
-- times its own probability, or that of its stage if it has none and the pipeline uses probabilities. A
-- deal without either has no weighted value: it counts in deals and value, not in weighted_value.
-- deals_readable has the same weighted value for each deal.
--
-- needs: deals
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: The pipeline's current name.
-- stage_id bigint: The stage.
-- stage_name text: The stage's current name.
-- stage_order bigint: The stage's position in its pipeline.
-- expected_close_month date: First day of the expected close month; empty for deals without an expected close date.
-- currency text: ISO code of the currency of every amount in the row.
-- deals bigint: Open deals.
-- value double: Total value of the deals.
-- weighted_value double: Total weighted value of the deals; empty if no deal has one.
-- deals_weighted bigint: Number of deals with a weighted value.

SELECT d.pipeline_id, coalesce(p.name, CAST(d.pipeline_id AS VARCHAR)) AS pipeline_name,
  d.stage_id, coalesce(s.name, CAST(d.stage_id AS VARCHAR)) AS stage_name,
  s.order_nr AS stage_order,
  CAST(date_trunc('month', d.expected_close_date) AS DATE) AS expected_close_month,
  d.currency, count(*) AS deals, sum(coalesce(d.value, 0)) AS value,
  sum({_weighted_value}) AS weighted_value,
  count({_weighted_value}) AS deals_weighted
FROM {deals} d
  LEFT JOIN {stages} s ON s.id = d.stage_id
  LEFT JOIN {pipelines} p ON p.id = d.pipeline_id
WHERE d._deleted_at IS NULL AND d.status = 'open' AND NOT coalesce(d.is_archived, FALSE)
GROUP BY d.pipeline_id, p.name, d.stage_id, s.name, s.order_nr,
  date_trunc('month', d.expected_close_date), d.currency
