-- The rules of the table hygiene, with the number and share of records that they find: a row per rule.
--
-- A rule is not checked if a table or column that it needs does not exist, or if the first load of a
-- table is not finished. Its numbers are then empty, and not_checked has the reason.
--
-- needs:
-- rule text: Name of the rule.
-- record_table text: The table that has the records.
-- meaning text: What a finding is.
-- checked bigint: Number of records that the rule applies to.
-- found bigint: Number of records among these with a finding.
-- share double: found divided by checked; empty if checked is 0.
-- not_checked text: Why the rule is not checked; empty if it is.

SELECT c.rule, c.record_table, c.meaning, c.checked,
  CASE WHEN c.checked IS NOT NULL THEN coalesce(f.found, 0) END AS found,
  CASE WHEN c.checked > 0 THEN CAST(coalesce(f.found, 0) AS DOUBLE) / c.checked END AS share,
  c.not_checked
FROM {_hygiene_checked} c
  LEFT JOIN (SELECT h.rule, count(DISTINCT h.record_id) AS found FROM {hygiene} h GROUP BY h.rule) f
    ON f.rule = c.rule
