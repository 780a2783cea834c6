-- How long each deal was in each stage: a row per stay.
--
-- A stay begins when the deal is created, moved or reopened, and ends when it is moved, won, lost or
-- archived. The time during which a deal is closed or archived counts for no stage, also if it is moved,
-- closed or reopened while it is archived. A deal that returns to a stage has a row for each stay. A deal
-- that was archived and restored counts as never archived. Deals whose history has not been read yet,
-- because it waits for the token cap, are left out. For a deal that moved after its history was read, the
-- last stage is the one in the deal's row.
--
-- needs: deals, deals_flow
-- deal_id bigint: The deal.
-- sequence bigint: 1 for the deal's first stay, 2 for its second, and so on.
-- stage_id bigint: The stage.
-- stage_name text: The stage's current name.
-- pipeline_id bigint: The pipeline that the stage belongs to.
-- pipeline_name text: The pipeline's current name.
-- entered_at timestamp: When the deal entered the stage, UTC.
-- left_at timestamp: When the stay ended, UTC; empty if it has not ended.
-- ended_by text: moved, won, lost or archived; empty if the stay has not ended.
-- is_current bool: The deal is open in this stage now.
-- seconds bigint: Duration of the stay; a stay that has not ended is counted up to the time until which deals are complete.
-- days double: Duration of the stay in days of 24 hours.

WITH flow_changes AS (
  -- Changes of stage and status, numbered per deal, because several may happen in one second.
  SELECT f.deal_id, f.field_key, f.old_value, f.new_value, f.timestamp AS happened_at,
    row_number() OVER (
      PARTITION BY f.deal_id ORDER BY f.timestamp, length(f.event_id), f.event_id) AS n
  FROM {deals_flow} f
  WHERE f.object = 'dealChange' AND f.field_key IN ('stage_id', 'status')
    AND f.new_value IS NOT NULL AND (f.old_value IS NULL OR f.old_value <> f.new_value)
), changes AS (
  SELECT flow_changes.*,
    row_number() OVER (PARTITION BY deal_id, field_key ORDER BY n) AS place,
    lead(n) OVER (PARTITION BY deal_id, field_key ORDER BY n) AS next_n,
    lead(happened_at) OVER (PARTITION BY deal_id, field_key ORDER BY n) AS next_at
  FROM flow_changes
), living AS (
  SELECT d.*, CASE WHEN d.is_archived
    THEN coalesce(d.archive_time, d.update_time, d.add_time) END AS archived_at
  FROM {deals} d
  WHERE d._deleted_at IS NULL
    AND d.id IN (
      SELECT parent_id FROM {_pipedrive_children}
      WHERE entity = 'deals_flow' AND read_at IS NOT NULL
      UNION SELECT deal_id FROM {deals_flow}
    )
), held AS (
  -- Both fields of each deal: their current values, which are the first ones if nothing changed.
  SELECT id AS deal_id, add_time, 'stage_id' AS field_key, CAST(stage_id AS VARCHAR) AS present,
    CAST(stage_id AS VARCHAR) AS began_as, 1000000001 AS last_n,
    coalesce(stage_change_time, update_time, add_time) AS last_at
  FROM living
  UNION ALL
  SELECT id, add_time, 'status', status, 'open', 1000000002,
    coalesce(close_time, won_time, lost_time, update_time, add_time)
  FROM living
), spans AS (
  -- The values of a field and their periods: before its first change,
  SELECT h.deal_id, h.field_key, coalesce(c.old_value, h.began_as) AS was, 0 AS from_n,
    coalesce(h.add_time, c.happened_at) AS from_at,
    coalesce(c.n, CASE WHEN h.present <> h.began_as THEN h.last_n END, 2000000000) AS to_n,
    coalesce(c.happened_at, CASE WHEN h.present <> h.began_as THEN h.last_at END) AS to_at
  FROM held h LEFT JOIN changes c
    ON c.deal_id = h.deal_id AND c.field_key = h.field_key AND c.place = 1
  UNION ALL
  -- after each change,
  SELECT c.deal_id, c.field_key, c.new_value, c.n, c.happened_at,
    coalesce(c.next_n, CASE WHEN h.present <> c.new_value THEN h.last_n END, 2000000000),
    coalesce(c.next_at, CASE WHEN h.present <> c.new_value THEN h.last_at END)
  FROM changes c JOIN held h ON h.deal_id = c.deal_id AND h.field_key = c.field_key
  UNION ALL
  -- and since the last change, if only the row of the deal has the value.
  SELECT h.deal_id, h.field_key, h.present, h.last_n, h.last_at, 2000000000, NULL
  FROM held h LEFT JOIN changes c
    ON c.deal_id = h.deal_id AND c.field_key = h.field_key AND c.next_n IS NULL
  WHERE h.present <> coalesce(c.new_value, h.began_as)
), open_spans AS (
  SELECT t.deal_id, t.from_n, t.from_at, t.to_n, t.to_at, following.was AS closed_as
  FROM spans t LEFT JOIN spans following
    ON following.deal_id = t.deal_id AND following.field_key = 'status'
      AND following.from_n = t.to_n
  WHERE t.field_key = 'status' AND t.was = 'open'
), stays AS (
  -- The overlaps of a stage and a period in which the deal was open.
  SELECT s.deal_id, s.was AS stage, GREATEST(s.from_n, t.from_n) AS from_n,
    CASE WHEN s.from_n >= t.from_n THEN s.from_at ELSE t.from_at END AS from_at,
    CASE WHEN s.to_n < t.to_n THEN s.to_at ELSE t.to_at END AS left_at,
    CASE WHEN s.to_n < t.to_n THEN 'moved' ELSE t.closed_as END AS ended_by
  FROM spans s JOIN open_spans t
    ON t.deal_id = s.deal_id AND s.from_n < t.to_n AND t.from_n < s.to_n
  WHERE s.field_key = 'stage_id'
), unarchived AS (
  -- The time in which a deal is archived does not belong to a stay.
  SELECT y.deal_id, y.stage, y.from_n, y.from_at,
    CASE WHEN v.archived_at < y.left_at THEN v.archived_at
      ELSE coalesce(y.left_at, v.archived_at) END AS left_at,
    CASE WHEN v.archived_at < y.left_at OR (y.left_at IS NULL AND v.archived_at IS NOT NULL)
      THEN 'archived' ELSE y.ended_by END AS ended_by
  FROM stays y JOIN living v ON v.id = y.deal_id
  WHERE v.archived_at IS NULL OR y.from_at <= v.archived_at
), measured AS (
  SELECT deal_id, left_at, ended_by,
    row_number() OVER (PARTITION BY deal_id ORDER BY from_n) AS sequence,
    CAST(CASE WHEN translate(stage, '0123456789', '') = '' THEN nullif(stage, '') END AS BIGINT)
      AS stage_id,
    CASE WHEN left_at < from_at THEN left_at ELSE from_at END AS entered_at,
    coalesce(left_at, (SELECT max(complete_until) FROM {_pipedrive_coverage}
      WHERE entity = 'deals')) AS counted_until
  FROM unarchived
), timed AS (
  -- Histories are read later than deals, so a stay may begin after deals are complete.
  SELECT measured.*, CASE WHEN counted_until < entered_at THEN 0
    ELSE EXTRACT(EPOCH FROM counted_until) - EXTRACT(EPOCH FROM entered_at) END AS lasted
  FROM measured
)
SELECT m.deal_id, m.sequence, m.stage_id,
  coalesce(s.name, CAST(m.stage_id AS VARCHAR)) AS stage_name,
  coalesce(s.pipeline_id, d.pipeline_id) AS pipeline_id,
  coalesce(p.name, CAST(coalesce(s.pipeline_id, d.pipeline_id) AS VARCHAR)) AS pipeline_name,
  m.entered_at, m.left_at, m.ended_by, m.left_at IS NULL AS is_current,
  CAST(m.lasted AS BIGINT) AS seconds, CAST(m.lasted / 86400.0 AS DOUBLE PRECISION) AS days
FROM timed m
  JOIN {deals} d ON d.id = m.deal_id
  LEFT JOIN {stages} s ON s.id = m.stage_id
  LEFT JOIN {pipelines} p ON p.id = coalesce(s.pipeline_id, d.pipeline_id)
