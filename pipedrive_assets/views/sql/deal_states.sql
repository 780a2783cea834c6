-- The state of each deal at the end of each day on which it changed: a row per deal and day.
--
-- A state is computed from the deal's history and is valid until the next one. Days are UTC. If a history
-- contradicts the deal's row, a further state has the values of the row, on the day of the deal's last
-- change; not_in_history names the fields that differ. Deleted deals have states up to the day of their
-- deletion, unless PIPEDRIVE_DELETED is purge. Deals whose history has not been read yet, because it waits
-- for the token cap, are left out. A deal that was archived and restored counts as never archived.
--
-- needs: deals, deals_flow
-- deal_id bigint: The deal.
-- sequence bigint: 1 for the deal's first state, 2 for its second, and so on.
-- day date: The first day at whose end the deal had this state, UTC.
-- until_day date: The first day at whose end the deal had the next state, UTC; empty for the current state.
-- status text: open, won, lost, archived or deleted.
-- stage_id bigint: The stage.
-- pipeline_id bigint: The pipeline that the stage belongs to now.
-- owner_id bigint: The user who owned the deal.
-- currency text: ISO code of the currency of the value.
-- value double: The deal's value.
-- probability double: The deal's own probability in percent, or that of its stage today if the pipeline uses probabilities.
-- weighted_value double: The value times the probability; empty without a probability.
-- not_in_history text: Fields whose value comes from the deal's row because the history has another one; empty for states from the history.

WITH living AS (
  SELECT d.id, d.status, d.stage_id, d.owner_id, d.currency, d.probability,
    coalesce(d.value, 0) AS value, d._deleted_at IS NULL AS is_alive,
    CAST(d.add_time AT TIME ZONE 'UTC' AS DATE) AS added_on,
    CAST(d._deleted_at AT TIME ZONE 'UTC' AS DATE) AS deleted_on,
    CAST(coalesce(d.update_time, d.add_time) AT TIME ZONE 'UTC' AS DATE) AS updated_on,
    CASE WHEN d.is_archived THEN CAST(
      coalesce(d.archive_time, d.update_time, d.add_time) AT TIME ZONE 'UTC' AS DATE) END
      AS archived_on,
    CAST(coalesce(d.close_time, d.won_time, d.lost_time, d.update_time, d.add_time)
      AT TIME ZONE 'UTC' AS DATE) AS closed_on
  FROM {deals} d
  WHERE d.id IN (
    SELECT parent_id FROM {_pipedrive_children}
    WHERE entity = 'deals_flow' AND read_at IS NOT NULL
    UNION SELECT deal_id FROM {deals_flow}
  )
), flow AS (
  SELECT f.deal_id, CAST(f.timestamp AT TIME ZONE 'UTC' AS DATE) AS day,
    CASE WHEN f.field_key = 'user_id' THEN 'owner_id' ELSE f.field_key END AS field,
    coalesce(f.old_value, '') AS old_value, coalesce(f.new_value, '') AS new_value,
    row_number() OVER (PARTITION BY f.deal_id,
      CASE WHEN f.field_key = 'user_id' THEN 'owner_id' ELSE f.field_key END
      ORDER BY f.timestamp, length(f.event_id), f.event_id) AS n
  FROM {deals_flow} f
  WHERE f.object = 'dealChange' AND f.field_key IN
    ('status', 'stage_id', 'owner_id', 'user_id', 'currency', 'value', 'probability')
), changes AS (
  SELECT flow.*, row_number() OVER (PARTITION BY deal_id, field, day ORDER BY n DESC) AS place
  FROM flow
  UNION ALL
  -- A closed deal whose history has no change of status was open until it was closed.
  SELECT v.id, v.closed_on, 'status', 'open', v.status, 1, 1
  FROM living v
  WHERE v.status IN ('won', 'lost')
    AND v.id NOT IN (SELECT deal_id FROM flow WHERE field = 'status')
), began AS (
  SELECT deal_id, min(day) AS day,
    max(CASE WHEN n = 1 AND field = 'status' THEN old_value END) AS status,
    max(CASE WHEN n = 1 AND field = 'stage_id' THEN old_value END) AS stage_id,
    max(CASE WHEN n = 1 AND field = 'owner_id' THEN old_value END) AS owner_id,
    max(CASE WHEN n = 1 AND field = 'currency' THEN old_value END) AS currency,
    max(CASE WHEN n = 1 AND field = 'value' THEN old_value END) AS value,
    max(CASE WHEN n = 1 AND field = 'probability' THEN old_value END) AS probability
  FROM changes GROUP BY deal_id
), first_days AS (
  SELECT v.id AS deal_id, least(v.added_on, b.day) AS day
  FROM living v LEFT JOIN began b ON b.deal_id = v.id
), days AS (
  SELECT deal_id, day FROM first_days
  UNION SELECT deal_id, day FROM changes
  UNION SELECT id, archived_on FROM living WHERE archived_on IS NOT NULL
  UNION SELECT id, deleted_on FROM living WHERE deleted_on IS NOT NULL
), changed AS (
  SELECT deal_id, day,
    max(CASE WHEN field = 'status' THEN new_value END) AS status,
    max(CASE WHEN field = 'stage_id' THEN new_value END) AS stage_id,
    max(CASE WHEN field = 'owner_id' THEN new_value END) AS owner_id,
    max(CASE WHEN field = 'currency' THEN new_value END) AS currency,
    max(CASE WHEN field = 'value' THEN new_value END) AS value,
    max(CASE WHEN field = 'probability' THEN new_value END) AS probability
  FROM changes WHERE place = 1 GROUP BY deal_id, day
), marked AS (
  -- Each day's new values; on the first day also the values that no later change shows.
  SELECT x.deal_id, x.day,
    CASE WHEN x.day > w.day THEN c.status ELSE coalesce(c.status, b.status, 'open') END AS status,
    CASE WHEN x.day > w.day THEN c.stage_id
      ELSE coalesce(c.stage_id, b.stage_id, CAST(v.stage_id AS VARCHAR), '') END AS stage_id,
    CASE WHEN x.day > w.day THEN c.owner_id
      ELSE coalesce(c.owner_id, b.owner_id, CAST(v.owner_id AS VARCHAR), '') END AS owner_id,
    CASE WHEN x.day > w.day THEN c.currency
      ELSE coalesce(c.currency, b.currency, v.currency, '') END AS currency,
    CASE WHEN x.day > w.day THEN c.value
      ELSE coalesce(c.value, b.value, CAST(v.value AS VARCHAR)) END AS value,
    CASE WHEN x.day > w.day THEN c.probability
      ELSE coalesce(c.probability, b.probability, CAST(v.probability AS VARCHAR), '') END
      AS probability
  FROM days x
    JOIN living v ON v.id = x.deal_id
    JOIN first_days w ON w.deal_id = x.deal_id
    LEFT JOIN began b ON b.deal_id = x.deal_id
    LEFT JOIN changed c ON c.deal_id = x.deal_id AND c.day = x.day
), numbered AS (
  SELECT marked.*, lpad(CAST(row_number() OVER (PARTITION BY deal_id ORDER BY day) AS VARCHAR),
    9, '0') AS n, row_number() OVER (PARTITION BY deal_id ORDER BY day DESC) AS from_last
  FROM marked
), latest AS (
  -- The highest number with a new value, followed by the value, is the value as of the day.
  SELECT deal_id, day, from_last,
    max(n || status) OVER so_far AS status, max(n || stage_id) OVER so_far AS stage_id,
    max(n || owner_id) OVER so_far AS owner_id, max(n || currency) OVER so_far AS currency,
    max(n || value) OVER so_far AS value, max(n || probability) OVER so_far AS probability
  FROM numbered WINDOW so_far AS (PARTITION BY deal_id ORDER BY day)
), filled AS (
  SELECT deal_id, day, from_last, substr(status, 10) AS status,
    TRY_CAST(substr(stage_id, 10) AS BIGINT) AS stage_id,
    TRY_CAST(substr(owner_id, 10) AS BIGINT) AS owner_id,
    nullif(substr(currency, 10), '') AS currency,
    coalesce(TRY_CAST(substr(value, 10) AS DOUBLE), 0) AS value,
    TRY_CAST(substr(probability, 10) AS DOUBLE) AS probability
  FROM latest
), compared AS (
  SELECT f.*, CASE WHEN f.from_last = 1 AND v.is_alive THEN nullif(concat_ws(', ',
    CASE WHEN f.status <> v.status THEN 'status' END,
    CASE WHEN f.stage_id IS DISTINCT FROM v.stage_id THEN 'stage_id' END,
    CASE WHEN f.owner_id IS DISTINCT FROM v.owner_id THEN 'owner_id' END,
    CASE WHEN f.currency IS DISTINCT FROM v.currency THEN 'currency' END,
    CASE WHEN f.value <> v.value THEN 'value' END,
    CASE WHEN f.probability IS DISTINCT FROM CAST(v.probability AS DOUBLE)
      THEN 'probability' END), '') END AS differing
  FROM filled f JOIN living v ON v.id = f.deal_id
), states AS (
  SELECT deal_id, day, 0 AS step, status, stage_id, owner_id, currency, value, probability,
    NULL AS not_in_history
  FROM compared
  UNION ALL
  SELECT c.deal_id, greatest(c.day, v.updated_on), 1, v.status, v.stage_id, v.owner_id,
    v.currency, v.value, v.probability, c.differing
  FROM compared c JOIN living v ON v.id = c.deal_id WHERE c.differing IS NOT NULL
), weighed AS (
  SELECT t.deal_id, t.day, t.step, t.stage_id, s.pipeline_id, t.owner_id, t.currency, t.value,
    CASE WHEN v.deleted_on <= t.day THEN 'deleted' WHEN v.archived_on <= t.day THEN 'archived'
      ELSE t.status END AS status,
    CAST(coalesce(t.probability, CASE WHEN p.is_deal_probability_enabled
      THEN s.deal_probability END) AS DOUBLE) AS probability,
    CAST(t.not_in_history AS VARCHAR) AS not_in_history
  FROM states t
    JOIN living v ON v.id = t.deal_id
    LEFT JOIN {stages} s ON s.id = t.stage_id
    LEFT JOIN {pipelines} p ON p.id = s.pipeline_id
)
SELECT deal_id, row_number() OVER (PARTITION BY deal_id ORDER BY day, step) AS sequence, day,
  lead(day) OVER (PARTITION BY deal_id ORDER BY day, step) AS until_day,
  status, stage_id, pipeline_id, owner_id, currency, value, probability,
  value * probability / 100 AS weighted_value, not_in_history
FROM weighed
