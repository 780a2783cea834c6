-- What changed the open pipeline on each day: a row per day, stage, owner, currency, movement and direction.
--
-- Movements add up: pipeline_snapshots at the end of a day, plus all movements after it up to a later day, is
-- pipeline_snapshots at the end of the later day. This holds for the number of deals, their value and their
-- weighted value, in total and per stage, owner and currency. A deal that moves has two rows: it leaves one
-- place (negative) and enters another (positive). A change that is undone on the same day is not shown.
--
-- needs: deals, deals_flow
-- day date: The day, UTC.
-- pipeline_id bigint: The pipeline that the stage belongs to now.
-- pipeline_name text: The pipeline's current name.
-- stage_id bigint: The stage that the deals entered or left, or in which they changed.
-- stage_name text: The stage's current name.
-- stage_order bigint: The stage's position in its pipeline.
-- owner_id bigint: The user who owned the deals.
-- owner_name text personal: The user's current name.
-- currency text: ISO code of the currency of every amount in the row.
-- movement text: opened, reopened, won, lost, archived, deleted, moved_on, moved_back, moved_pipeline, owner_changed, currency_changed, value_up, value_down, probability_changed or not_in_history (the deal's row contradicts its history; see deal_states).
-- deals bigint: Deals that entered, or as a negative number deals that left; 0 if only amounts changed.
-- deals_changed bigint: Number of deals in the row.
-- value double: By how much the total value changed.
-- weighted_value double: By how much the total weighted value changed; deals without one count as 0.

WITH sequences AS (
  SELECT s.*, lag(status) OVER w AS old_status, lag(stage_id) OVER w AS old_stage_id,
    lag(pipeline_id) OVER w AS old_pipeline_id, lag(owner_id) OVER w AS old_owner_id,
    lag(currency) OVER w AS old_currency, lag(value) OVER w AS old_value,
    coalesce(lag(weighted_value) OVER w, 0) AS old_weighted
  FROM {deal_states} s WINDOW w AS (PARTITION BY deal_id ORDER BY sequence)
), pairs AS (
  -- Each state beside the one before it.
  SELECT day, status, stage_id, pipeline_id, owner_id, currency, value, probability,
    coalesce(weighted_value, 0) AS weighted, old_stage_id, old_pipeline_id, old_owner_id,
    old_currency, old_value, old_weighted, status = 'open' AS is_open,
    old_status IS NULL AS is_first, coalesce(old_status = 'open', FALSE) AS was_open,
    not_in_history IS NOT NULL AS is_doubted,
    stage_id IS DISTINCT FROM old_stage_id OR owner_id IS DISTINCT FROM old_owner_id
      OR pipeline_id IS DISTINCT FROM old_pipeline_id
      OR currency IS DISTINCT FROM old_currency AS is_moved,
    currency IS NOT DISTINCT FROM old_currency AS is_comparable
  FROM sequences
), named AS MATERIALIZED (
  SELECT x.*, CASE
      WHEN is_doubted THEN 'not_in_history'
      WHEN x.pipeline_id IS DISTINCT FROM old_pipeline_id THEN 'moved_pipeline'
      WHEN x.stage_id IS DISTINCT FROM old_stage_id THEN
        CASE WHEN s.order_nr < o.order_nr THEN 'moved_back' ELSE 'moved_on' END
      WHEN x.owner_id IS DISTINCT FROM old_owner_id THEN 'owner_changed'
      ELSE 'currency_changed' END AS move,
    -- The old value, weighted in the new place.
    coalesce(old_value * probability / 100, 0) AS carried
  FROM pairs x
    LEFT JOIN {stages} s ON s.id = x.stage_id LEFT JOIN {stages} o ON o.id = x.old_stage_id
), movements AS (
  SELECT day, stage_id, pipeline_id, owner_id, currency,
    CASE WHEN is_doubted THEN 'not_in_history' WHEN is_first THEN 'opened' ELSE 'reopened' END
      AS movement, 1 AS deals, value, weighted
  FROM named WHERE is_open AND NOT was_open
  UNION ALL
  SELECT day, old_stage_id, old_pipeline_id, old_owner_id, old_currency, move, -1, -old_value,
    -old_weighted
  FROM named WHERE was_open AND (is_moved OR is_doubted)
  UNION ALL
  SELECT day, stage_id, pipeline_id, owner_id, currency, move, 1,
    CASE WHEN is_comparable AND NOT is_doubted THEN old_value ELSE value END,
    CASE WHEN is_comparable AND NOT is_doubted THEN carried ELSE weighted END
  FROM named WHERE was_open AND ((is_moved AND NOT is_doubted) OR (is_doubted AND is_open))
  UNION ALL
  SELECT day, stage_id, pipeline_id, owner_id, currency,
    CASE WHEN value > old_value THEN 'value_up' WHEN value < old_value THEN 'value_down'
      ELSE 'probability_changed' END, 0, value - old_value,
    weighted - CASE WHEN is_moved THEN carried ELSE old_weighted END
  FROM named WHERE was_open AND NOT is_doubted AND is_comparable
    AND (value <> old_value OR (NOT is_moved AND weighted <> old_weighted))
  UNION ALL
  SELECT day, stage_id, pipeline_id, owner_id, currency, status, -1, -value, -weighted
  FROM named WHERE was_open AND NOT is_open AND NOT is_doubted
)
SELECT m.day, m.pipeline_id, coalesce(l.name, CAST(m.pipeline_id AS VARCHAR)) AS pipeline_name,
  m.stage_id, coalesce(s.name, CAST(m.stage_id AS VARCHAR)) AS stage_name,
  s.order_nr AS stage_order, m.owner_id,
  coalesce(u.name, CAST(m.owner_id AS VARCHAR)) AS owner_name, m.currency, m.movement,
  CAST(sum(m.deals) AS BIGINT) AS deals, count(*) AS deals_changed, sum(m.value) AS value,
  sum(m.weighted) AS weighted_value
FROM movements m
  LEFT JOIN {stages} s ON s.id = m.stage_id
  LEFT JOIN {pipelines} l ON l.id = m.pipeline_id
  LEFT JOIN {users} u ON u.id = m.owner_id
GROUP BY m.day, m.pipeline_id, l.name, m.stage_id, s.name, s.order_nr, m.owner_id, u.name,
  m.currency, m.movement, m.deals
