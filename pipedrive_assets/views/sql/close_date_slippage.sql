-- How the expected close date of each deal moved: a row per deal that has, or had, an expected close date.
--
-- Moves are the changes of the date in the deal's history. A date that was removed and set again moves from the
-- last date to the new one. A deal that was created with a date and never changed has its date as original
-- date. Deals whose history has not been read yet, because it waits for the token cap, are left out.
--
-- needs: deals, deals_flow
-- deal_id bigint: The deal.
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: The pipeline's current name.
-- owner_id bigint: The user who owns the deal.
-- owner_name text personal: The user's current name.
-- status text: open, won or lost.
-- currency text: ISO code of the currency of the value.
-- value double: The deal's value.
-- original_close_date date: The first expected close date that is known.
-- expected_close_date date: The expected close date now; empty if it was removed.
-- times_moved bigint: How often the date was moved.
-- times_moved_later bigint: How often it was moved to a later day.
-- times_removed bigint: How often it was removed.
-- days_moved_later bigint: Sum of the days by which it was moved later; moves to an earlier day are not subtracted.
-- days_slipped bigint: Days from the original to the current date, negative if it is earlier; empty if there is none now.
-- last_moved_at timestamp: When the date was last moved, UTC.
-- closed_on date: Day on which the deal was last won or lost, UTC; empty for open deals.
-- days_closed_late bigint: Days from the original date to the day on which the deal was closed, negative if it was earlier.
-- is_in_history bool: False if the history ends with another date than the deal has.

WITH flow AS (
  SELECT f.deal_id, f.timestamp AS moved_at,
    TRY_CAST(substr(f.old_value, 1, 10) AS DATE) AS old_day,
    TRY_CAST(substr(f.new_value, 1, 10) AS DATE) AS new_day,
    row_number() OVER (PARTITION BY f.deal_id
      ORDER BY f.timestamp, length(f.event_id), f.event_id) AS n,
    row_number() OVER (PARTITION BY f.deal_id
      ORDER BY f.timestamp DESC, length(f.event_id) DESC, f.event_id DESC) AS from_last
  FROM {deals_flow} f
  WHERE f.object = 'dealChange' AND f.field_key = 'expected_close_date'
), days AS (
  SELECT deal_id, 0 AS n, moved_at, old_day AS day FROM flow WHERE n = 1 AND old_day IS NOT NULL
  UNION ALL
  SELECT deal_id, n, moved_at, new_day FROM flow WHERE new_day IS NOT NULL
), steps AS (
  SELECT deal_id, moved_at, day, lag(day) OVER (PARTITION BY deal_id ORDER BY n) AS before,
    row_number() OVER (PARTITION BY deal_id ORDER BY n) AS place
  FROM days
), moves AS (
  SELECT deal_id, max(CASE WHEN place = 1 THEN day END) AS original,
    count(CASE WHEN day <> before THEN 1 END) AS moved,
    count(CASE WHEN day > before THEN 1 END) AS later,
    sum(CASE WHEN day > before THEN day - before ELSE 0 END) AS days_later,
    max(CASE WHEN day <> before THEN moved_at END) AS last_moved_at
  FROM steps GROUP BY deal_id
), ends AS (
  SELECT deal_id, max(CASE WHEN from_last = 1 THEN new_day END) AS latest,
    count(CASE WHEN old_day IS NOT NULL AND new_day IS NULL THEN 1 END) AS removed
  FROM flow GROUP BY deal_id
), living AS (
  SELECT d.id, d.pipeline_id, d.owner_id, d.status, d.currency, coalesce(d.value, 0) AS value,
    d.expected_close_date AS expected, coalesce(m.original, d.expected_close_date) AS original,
    coalesce(m.moved, 0) AS moved, coalesce(m.later, 0) AS later,
    coalesce(m.days_later, 0) AS days_later, coalesce(e.removed, 0) AS removed, m.last_moved_at,
    e.deal_id IS NULL OR e.latest IS NOT DISTINCT FROM d.expected_close_date AS is_in_history,
    CASE WHEN d.status IN ('won', 'lost') THEN CAST(coalesce(d.close_time, d.won_time, d.lost_time)
      AT TIME ZONE 'UTC' AS DATE) END AS closed_on
  FROM {deals} d
    LEFT JOIN moves m ON m.deal_id = d.id
    LEFT JOIN ends e ON e.deal_id = d.id
  WHERE d._deleted_at IS NULL AND d.id IN (
    SELECT parent_id FROM {_pipedrive_children}
    WHERE entity = 'deals_flow' AND read_at IS NOT NULL
    UNION SELECT deal_id FROM {deals_flow}
  )
)
SELECT v.id AS deal_id, v.pipeline_id,
  coalesce(p.name, CAST(v.pipeline_id AS VARCHAR)) AS pipeline_name, v.owner_id,
  coalesce(u.name, CAST(v.owner_id AS VARCHAR)) AS owner_name, v.status, v.currency, v.value,
  v.original AS original_close_date, v.expected AS expected_close_date,
  CAST(v.moved AS BIGINT) AS times_moved, CAST(v.later AS BIGINT) AS times_moved_later,
  CAST(v.removed AS BIGINT) AS times_removed, CAST(v.days_later AS BIGINT) AS days_moved_later,
  CAST(v.expected - v.original AS BIGINT) AS days_slipped, v.last_moved_at, v.closed_on,
  CAST(v.closed_on - v.original AS BIGINT) AS days_closed_late, v.is_in_history
FROM living v
  LEFT JOIN {pipelines} p ON p.id = v.pipeline_id
  LEFT JOIN {users} u ON u.id = v.owner_id
WHERE v.original IS NOT NULL
