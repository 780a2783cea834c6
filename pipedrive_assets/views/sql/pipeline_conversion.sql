-- Stage conversion: how many of the deals that entered a stage advanced from it, a row per stage and month.
--
-- Each deal counts once per stage, in the month (UTC) in which it first entered the stage. Counts of
-- several months can therefore be added; compute rates from the sums. A deal that entered the stage and is
-- in none of the other counts was archived or moved to another pipeline.
--
-- needs: deals, deals_flow, stages
-- pipeline_id bigint: The pipeline.
-- pipeline_name text: The pipeline's current name.
-- stage_id bigint: The stage.
-- stage_name text: The stage's current name.
-- stage_order bigint: The stage's position in its pipeline.
-- entered_month date: First day of the month in which the deals first entered the stage, UTC.
-- deals_entered bigint: Deals that entered the stage.
-- deals_went_on bigint: Deals of these that reached a later stage of the pipeline, or are won in it.
-- deals_won bigint: Deals of these that are won, in this pipeline.
-- deals_lost bigint: Deals of these that are lost, in this pipeline.
-- deals_open bigint: Deals of these that are open, in any stage of this pipeline, and not archived.
-- conversion_rate double: deals_went_on divided by deals_entered, 0 to 1.
-- win_rate double: deals_won divided by deals_entered, 0 to 1.
-- average_days double: Average number of days that a deal spent in the stage in total.

WITH stays AS (
  SELECT h.deal_id, h.stage_id, h.sequence, h.entered_at, s.pipeline_id, s.order_nr,
    row_number() OVER (PARTITION BY h.deal_id, h.stage_id ORDER BY h.sequence) AS place,
    sum(h.days) OVER (PARTITION BY h.deal_id, h.stage_id) AS days,
    max(s.order_nr) OVER (
      PARTITION BY h.deal_id, s.pipeline_id ORDER BY h.sequence DESC) AS furthest
  FROM {deal_stage_history} h JOIN {stages} s ON s.id = h.stage_id
), entries AS (
  SELECT x.pipeline_id, x.stage_id, x.days,
    CAST(date_trunc('month', x.entered_at AT TIME ZONE 'UTC') AS DATE) AS entered_month,
    CASE WHEN d.status = 'won' AND d.pipeline_id = x.pipeline_id THEN 1 ELSE 0 END AS won,
    CASE WHEN d.status = 'lost' AND d.pipeline_id = x.pipeline_id THEN 1 ELSE 0 END AS lost,
    CASE WHEN d.status = 'open' AND d.pipeline_id = x.pipeline_id
      AND NOT coalesce(d.is_archived, FALSE) THEN 1 ELSE 0 END AS is_open,
    CASE WHEN x.furthest > x.order_nr THEN 1 ELSE 0 END AS advanced
  FROM stays x JOIN {deals} d ON d.id = x.deal_id
  WHERE x.place = 1
), sums AS (
  SELECT pipeline_id, stage_id, entered_month, count(*) AS deals_entered,
    sum(CASE WHEN won = 1 OR advanced = 1 THEN 1 ELSE 0 END) AS deals_went_on,
    sum(won) AS deals_won, sum(lost) AS deals_lost, sum(is_open) AS deals_open,
    avg(days) AS average_days
  FROM entries GROUP BY pipeline_id, stage_id, entered_month
)
SELECT c.pipeline_id, coalesce(p.name, CAST(c.pipeline_id AS VARCHAR)) AS pipeline_name,
  c.stage_id, coalesce(s.name, CAST(c.stage_id AS VARCHAR)) AS stage_name,
  s.order_nr AS stage_order, c.entered_month, c.deals_entered,
  CAST(c.deals_went_on AS BIGINT) AS deals_went_on, CAST(c.deals_won AS BIGINT) AS deals_won,
  CAST(c.deals_lost AS BIGINT) AS deals_lost, CAST(c.deals_open AS BIGINT) AS deals_open,
  CAST(c.deals_went_on AS DOUBLE PRECISION) / c.deals_entered AS conversion_rate,
  CAST(c.deals_won AS DOUBLE PRECISION) / c.deals_entered AS win_rate, c.average_days
FROM sums c
  JOIN {stages} s ON s.id = c.stage_id
  LEFT JOIN {pipelines} p ON p.id = c.pipeline_id
