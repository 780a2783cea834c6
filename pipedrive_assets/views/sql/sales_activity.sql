-- Activities of the sales team: a row per day, user and type of activity.
--
-- An activity is counted as due on its due date, and as done on the day on which it was marked as done,
-- or on its due date if Pipedrive has no such time. Days are UTC. Activities that have no due date and
-- are not done are not counted.
--
-- needs: activities
-- day date: The day, UTC.
-- owner_id bigint: The user who owns the activities.
-- owner_name text personal: The user's current name.
-- type text: Key of the activities' type.
-- type_name text: The type's current name.
-- activities_due bigint: Activities that are due on that day, done or not.
-- activities_not_done bigint: Activities that are due on that day and not done; they are overdue after the day.
-- activities_done bigint: Activities that were done on that day, whenever they were due.
-- deals_worked_on bigint: Number of different deals of the activities done on that day.

WITH counted AS (
  SELECT a.due_date AS day, a.owner_id, a.type, 1 AS due,
    CASE WHEN coalesce(a.done, FALSE) THEN 0 ELSE 1 END AS not_done, 0 AS done,
    CAST(NULL AS BIGINT) AS deal_id
  FROM {activities} a WHERE a._deleted_at IS NULL AND a.due_date IS NOT NULL
  UNION ALL
  SELECT coalesce(CAST(a.marked_as_done_time AT TIME ZONE 'UTC' AS DATE), a.due_date),
    a.owner_id, a.type, 0, 0, 1, a.deal_id
  FROM {activities} a
  WHERE a._deleted_at IS NULL AND a.done
    AND (a.marked_as_done_time IS NOT NULL OR a.due_date IS NOT NULL)
), sums AS (
  SELECT day, owner_id, type, sum(due) AS due, sum(not_done) AS not_done, sum(done) AS done,
    count(DISTINCT deal_id) AS deals
  FROM counted GROUP BY day, owner_id, type
), types AS (
  -- One name per key: a type that was deleted and created again may have the same key.
  SELECT t.key_string, t.name, row_number() OVER (PARTITION BY t.key_string
    ORDER BY CASE WHEN t._deleted_at IS NULL THEN 0 ELSE 1 END, t.id DESC) AS place
  FROM {activity_types} t
)
SELECT c.day, c.owner_id, coalesce(u.name, CAST(c.owner_id AS VARCHAR)) AS owner_name,
  c.type, coalesce(t.name, c.type) AS type_name,
  CAST(c.due AS BIGINT) AS activities_due, CAST(c.not_done AS BIGINT) AS activities_not_done,
  CAST(c.done AS BIGINT) AS activities_done, c.deals AS deals_worked_on
FROM sums c
  LEFT JOIN {users} u ON u.id = c.owner_id
  LEFT JOIN types t ON t.key_string = c.type AND t.place = 1
