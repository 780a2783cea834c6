-- The goals for won deals whose interval includes the last loaded day. Empty without the optional tables of goals.
SELECT g.*
FROM goal_coverage g, _pipedrive_coverage c
WHERE c.entity = 'deals' AND g.is_active
  AND CAST(c.complete_until AS DATE) BETWEEN g.period_start AND coalesce(g.period_end, g.period_start)
ORDER BY g.assignee_type, g.owner_name, g.title
