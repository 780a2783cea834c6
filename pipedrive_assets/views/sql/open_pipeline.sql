-- What is still to be won: a row per stage, month of expected closing and currency.
--
-- Counts deals that are open and not archived. Amounts are in the deals' own currency; nothing is
-- converted, and amounts of different currencies are never added. A deal's weighted value is its value
-- times its own probability, or its stage's where it has none and the pipeline uses probabilities. A
-- deal with neither has no weighted value: it counts in deals and value, not in weighted_value.
-- deals_readable has the same weighted value for each deal.
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
-- weighted_value double: The sum of their weighted values; empty where no deal has one.
-- deals_weighted bigint: How many of the deals have a weighted value.

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
