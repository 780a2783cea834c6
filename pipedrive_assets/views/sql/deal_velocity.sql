-- How fast deals become money: a row per pipeline, currency and month of closing.
--
-- Counts the deals that are won or lost now, in the month (UTC) in which they were closed last,
-- archived ones too; a deal without a time of closing is left out. A deal won before it was
-- created, as imports may have it, took 0 days. Amounts are in the deals' own currency; nothing is
-- converted.
--
-- needs: deals
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: Its name now.
-- currency text: ISO code of the currency of every amount in the row.
-- closed_month date: First day of the month in which the deals were closed, UTC.
-- deals_won bigint: Deals won.
-- deals_lost bigint: Deals lost.
-- win_rate double: deals_won of both, 0 to 1.
-- won_value double: What the won deals are worth together.
-- average_won_value double: What a won deal is worth on average; empty where none was won.
-- average_days_to_win double: Days from a won deal's creation until it was won, on average; empty where none was won.
-- median_days_to_win double: The same for the deal in the middle.
-- velocity_per_day double: Sales velocity, an amount a day: deals closed x win rate x average value / average days to win.

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
