-- The company, and the time up to which its deals are complete. "This month" is the month of that time.
SELECT
  a.company_name,
  a.is_sandbox,
  strftime(c.complete_until, '%Y-%m-%d %H:%M UTC') AS complete_until,
  CAST(coalesce(c.complete_until, now()) AS DATE) AS today
FROM _pipedrive_account a
LEFT JOIN _pipedrive_coverage c ON c.entity = 'deals'
