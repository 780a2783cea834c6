-- Open deals and their value at the end of each past day: a row per day, stage, owner and currency.
--
-- Counts deals that were open and not archived, from their histories (deal_states). The last day is the
-- one until which deals are complete. Amounts are in the currency of the deals and are not converted. A
-- weighted value uses the deal's own probability on that day, or that of its stage today. The changes
-- between two days are in pipeline_movements.
--
-- needs: deals, deals_flow
-- day date: The day at whose end the deals were open, UTC.
-- pipeline_id bigint: The pipeline that the stage belongs to now.
-- pipeline_name text: The pipeline's current name.
-- stage_id bigint: The stage.
-- stage_name text: The stage's current name.
-- stage_order bigint: The stage's position in its pipeline.
-- owner_id bigint: The user who owned the deals.
-- owner_name text personal: The user's current name.
-- currency text: ISO code of the currency of every amount in the row.
-- deals bigint: Open deals.
-- value double: Total value of the deals.
-- weighted_value double: Total weighted value of the deals; empty if no deal has one.

WITH RECURSIVE states AS MATERIALIZED (
  SELECT day, until_day, status, stage_id, pipeline_id, owner_id, currency, value, weighted_value
  FROM {deal_states}
), ends AS (
  -- Histories are read later than deals, so the last change may be after the day of the deals.
  SELECT min(day) AS first_day, (SELECT CAST(max(complete_until) AT TIME ZONE 'UTC' AS DATE)
    FROM {_pipedrive_coverage} WHERE entity = 'deals') AS last_day
  FROM states
), days(day) AS (
  SELECT first_day FROM ends WHERE first_day <= last_day
  UNION ALL
  SELECT CAST(days.day + INTERVAL 1 DAY AS DATE) FROM days, ends WHERE days.day < ends.last_day
), deltas AS (
  SELECT day, stage_id, pipeline_id, owner_id, currency, 1 AS deals, value, weighted_value
  FROM states WHERE status = 'open'
  UNION ALL
  SELECT until_day, stage_id, pipeline_id, owner_id, currency, -1, -value, -weighted_value
  FROM states WHERE status = 'open' AND until_day IS NOT NULL
), places AS (
  SELECT row_number() OVER (ORDER BY pipeline_id, stage_id, owner_id, currency) AS place,
    stage_id, pipeline_id, owner_id, currency, min(day) AS first_day
  FROM deltas GROUP BY stage_id, pipeline_id, owner_id, currency
), daily AS (
  SELECT p.place, x.day, sum(x.deals) AS deals, sum(x.value) AS value,
    sum(x.weighted_value) AS weighted_value,
    sum(CASE WHEN x.weighted_value IS NOT NULL THEN x.deals END) AS deals_weighted
  FROM deltas x JOIN places p ON p.stage_id IS NOT DISTINCT FROM x.stage_id
    AND p.pipeline_id IS NOT DISTINCT FROM x.pipeline_id
    AND p.owner_id IS NOT DISTINCT FROM x.owner_id AND p.currency IS NOT DISTINCT FROM x.currency
  GROUP BY p.place, x.day
), totals AS (
  SELECT p.place, d.day,
    sum(x.deals) OVER (PARTITION BY p.place ORDER BY d.day) AS deals,
    sum(x.value) OVER (PARTITION BY p.place ORDER BY d.day) AS value,
    sum(x.weighted_value) OVER (PARTITION BY p.place ORDER BY d.day) AS weighted_value,
    sum(x.deals_weighted) OVER (PARTITION BY p.place ORDER BY d.day) AS deals_weighted
  FROM places p JOIN days d ON d.day >= p.first_day
    LEFT JOIN daily x ON x.place = p.place AND x.day = d.day
)
SELECT t.day, p.pipeline_id, coalesce(l.name, CAST(p.pipeline_id AS VARCHAR)) AS pipeline_name,
  p.stage_id, coalesce(s.name, CAST(p.stage_id AS VARCHAR)) AS stage_name,
  s.order_nr AS stage_order, p.owner_id,
  coalesce(u.name, CAST(p.owner_id AS VARCHAR)) AS owner_name, p.currency,
  CAST(t.deals AS BIGINT) AS deals,
  -- Sums of many changes differ from zero by less than a thousandth of a cent.
  CASE WHEN abs(t.value) < 0.00001 THEN 0 ELSE t.value END AS value,
  CASE WHEN t.deals_weighted > 0 THEN
    CASE WHEN abs(t.weighted_value) < 0.00001 THEN 0 ELSE t.weighted_value END END
    AS weighted_value
FROM totals t
  JOIN places p ON p.place = t.place
  LEFT JOIN {stages} s ON s.id = p.stage_id
  LEFT JOIN {pipelines} l ON l.id = p.pipeline_id
  LEFT JOIN {users} u ON u.id = p.owner_id
WHERE t.deals > 0
