-- Sales velocity: a row per pipeline, currency and close month.
--
-- Counts deals whose status is won or lost, including archived ones, in the month (UTC) in which they
-- were last closed. Deals without a close time are left out. Deals won before they were created, for
-- example imported ones, count as 0 days. Amounts are in the currency of the deals and are not
-- converted.
--
-- needs: deals
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: The pipeline's current name.
-- currency text: ISO code of the currency of every amount in the row.
-- closed_month date: First day of the month in which the deals were closed, UTC.
-- deals_won bigint: Deals won.
-- deals_lost bigint: Deals lost.
-- win_rate double: Share of won deals among won and lost deals, 0 to 1.
-- won_value double: Total value of the won deals.
-- average_won_value double: Average value of the won deals; empty if none was won.
-- average_days_to_win double: Average number of days from creating a deal to winning it; empty if none was won.
-- median_days_to_win double: Median number of days from creating a deal to winning it; empty if none was won.
-- velocity_per_day double: Sales velocity, an amount per day: deals closed x win rate x average value / average days to win.

WITH closed AS (
  SELECT d.pipeline_id, d.currency,
    CAST(date_trunc('month', coalesce(d.close_time, d.won_time, d.lost_time)
      AT TIME ZONE 'UTC') AS DATE) AS closed_month,
    CASE WHEN d.status = 'won' THEN 1 ELSE 0 END AS won,
    CASE WHEN d.status = 'won' THEN coalesce(d.value, 0) END AS won_value,
    CASE WHEN d.status = 'lost' THEN NULL
      WHEN coalesce(d.won_time, d.close_time) < d.add_time THEN 0
      ELSE (EXTRACT(EPOCH FROM coalesce(d.won_time, d.close_time)) - EXTRACT(EPOCH FROM d.add_time))
        / 86400.0 END AS days
  FROM {deals} d
  WHERE d._deleted_at IS NULL AND d.status IN ('won', 'lost')
    AND coalesce(d.close_time, d.won_time, d.lost_time) IS NOT NULL
), sums AS (
  SELECT pipeline_id, currency, closed_month, count(*) AS deals, sum(won) AS won,
    coalesce(sum(won_value), 0) AS won_value, avg(won_value) AS average_value,
    avg(days) AS average_days, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days
  FROM closed GROUP BY pipeline_id, currency, closed_month
)
SELECT c.pipeline_id, coalesce(p.name, CAST(c.pipeline_id AS VARCHAR)) AS pipeline_name,
  c.currency, c.closed_month,
  CAST(c.won AS BIGINT) AS deals_won, CAST(c.deals - c.won AS BIGINT) AS deals_lost,
  CAST(c.won AS DOUBLE PRECISION) / c.deals AS win_rate, c.won_value,
  c.average_value AS average_won_value,
  CAST(c.average_days AS DOUBLE PRECISION) AS average_days_to_win,
  CAST(c.median_days AS DOUBLE PRECISION) AS median_days_to_win,
  CAST(c.won_value / nullif(c.average_days, 0) AS DOUBLE PRECISION) AS velocity_per_day
FROM sums c LEFT JOIN {pipelines} p ON p.id = c.pipeline_id
