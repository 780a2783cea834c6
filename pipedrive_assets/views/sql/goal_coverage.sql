-- Whether open deals are enough to reach a goal: a row per goal and interval, for example per month.
--
-- Contains goals for won deals only. Empty without the optional tables goals and goals_results. If a goal counts
-- deals, amounts are numbers of deals. If it sums values, amounts are values in the goal's currency; deals in
-- other currencies are left out, because nothing is converted. Deals count if the goal's assignee owns them
-- (for a goal of the company: all deals) and if they are in one of the goal's pipelines (if it names none: in
-- any). Goals of teams, and sums without a currency, have target and progress only, because the API does not
-- return which deals count. Days are UTC.
--
-- needs: deals
-- goal_id text: The goal.
-- title text personal: Title of the goal.
-- is_active bool: Whether the goal is active.
-- assignee_type text: person, team or company.
-- owner_id bigint: The user whose goal it is; empty for teams and companies.
-- owner_name text personal: The user's current name.
-- pipeline_ids text: The pipelines whose deals count, separated by commas; empty for all.
-- period_start date: First day of the interval.
-- period_end date: Last day of the interval.
-- tracking_metric text: quantity or sum.
-- currency text: ISO code of the currency of every amount in the row; empty for numbers of deals.
-- target double: Target of the interval.
-- progress double: What Pipedrive counts as reached, when goals_results was last read.
-- won double: Amount of the deals that were won in the interval.
-- open_deals bigint: Open deals that are expected to close in the interval.
-- open_amount double: Their amount.
-- weighted_amount double: Their amount times their probability; deals without one count as 0.
-- gap double: Target minus progress; negative if the goal is exceeded.
-- coverage double: Progress plus weighted amount, as a share of the target: 1 means that the target is expected to be reached.

WITH intervals AS (
  SELECT g.id AS goal_id, g.title, g.is_active, g.assignee__type AS assignee_type,
    CASE WHEN g.assignee__type = 'person' THEN g.assignee__id END AS owner_id,
    nullif(nullif(translate(CAST(g.type__params__pipeline_id AS VARCHAR), '[] "', ''), ''), 'null')
      AS pipeline_ids,
    r.period_start, r.period_end, r.expected_outcome__tracking_metric AS metric,
    CASE WHEN r.expected_outcome__tracking_metric = 'sum' THEN c.code END AS currency,
    CAST(r.expected_outcome__target AS DOUBLE) AS target, r.progress
  FROM {goals_results} r
    JOIN {goals} g ON g.id = r.goal_id
    LEFT JOIN {currencies} c ON c.id = r.expected_outcome__currency_id
  WHERE r._deleted_at IS NULL AND g._deleted_at IS NULL
    AND replace(lower(g.type__name), ' ', '_') = 'deals_won'
), known AS (
  SELECT i.*, (metric = 'quantity' OR currency IS NOT NULL)
    AND assignee_type IN ('person', 'company') AS is_known
  FROM intervals i
), living AS (
  SELECT d.id, d.owner_id, d.pipeline_id, d.currency, coalesce(d.value, 0) AS value,
    d.status = 'won' AS is_won,
    CASE WHEN d.status = 'won'
      THEN CAST(coalesce(d.won_time, d.close_time) AT TIME ZONE 'UTC' AS DATE)
      ELSE d.expected_close_date END AS day,
    coalesce(d.probability, CASE WHEN p.is_deal_probability_enabled
      THEN s.deal_probability END, 0) / 100.0 AS share
  FROM {deals} d
    LEFT JOIN {stages} s ON s.id = d.stage_id
    LEFT JOIN {pipelines} p ON p.id = d.pipeline_id
  WHERE d._deleted_at IS NULL
    AND (d.status = 'won' OR (d.status = 'open' AND NOT coalesce(d.is_archived, FALSE)))
), counted AS (
  SELECT k.*, d.id, d.is_won, d.share,
    CASE WHEN k.metric = 'sum' THEN d.value ELSE 1 END AS amount
  FROM known k
    LEFT JOIN living d ON k.is_known AND d.day >= k.period_start AND d.day <= k.period_end
      AND (k.assignee_type = 'company' OR d.owner_id = k.owner_id)
      AND (k.metric = 'quantity' OR d.currency = k.currency)
      AND (k.pipeline_ids IS NULL OR concat(',', k.pipeline_ids, ',')
        LIKE concat('%,', CAST(d.pipeline_id AS VARCHAR), ',%'))
), sums AS (
  SELECT goal_id, title, is_active, assignee_type, owner_id, pipeline_ids, period_start, period_end,
    metric, currency, target, progress, is_known,
    coalesce(sum(CASE WHEN is_won THEN amount END), 0) AS won,
    count(CASE WHEN NOT is_won THEN id END) AS open_deals,
    coalesce(sum(CASE WHEN NOT is_won THEN amount END), 0) AS open_amount,
    coalesce(sum(CASE WHEN NOT is_won THEN amount * share END), 0) AS weighted_amount
  FROM counted
  GROUP BY goal_id, title, is_active, assignee_type, owner_id, pipeline_ids, period_start, period_end,
    metric, currency, target, progress, is_known
)
SELECT x.goal_id, x.title, x.is_active, x.assignee_type, x.owner_id,
  coalesce(u.name, CAST(x.owner_id AS VARCHAR)) AS owner_name, x.pipeline_ids, x.period_start,
  x.period_end, x.metric AS tracking_metric, x.currency, x.target, x.progress,
  CASE WHEN x.is_known THEN CAST(x.won AS DOUBLE) END AS won,
  CASE WHEN x.is_known THEN x.open_deals END AS open_deals,
  CASE WHEN x.is_known THEN CAST(x.open_amount AS DOUBLE) END AS open_amount,
  CASE WHEN x.is_known THEN CAST(x.weighted_amount AS DOUBLE) END AS weighted_amount,
  x.target - x.progress AS gap,
  CASE WHEN x.is_known THEN (x.progress + x.weighted_amount) / nullif(x.target, 0) END AS coverage
FROM sums x LEFT JOIN {users} u ON u.id = x.owner_id
