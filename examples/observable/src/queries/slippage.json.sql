-- Open deals with an expected close date, and how it moved.
SELECT
  s.deal_id, d.title, d.pipedrive_url, d.stage_name, s.pipeline_name, s.owner_name, s.currency, s.value,
  s.original_close_date, s.expected_close_date, s.times_moved_later, s.days_slipped
FROM close_date_slippage s
JOIN deals_readable d ON d.id = s.deal_id
WHERE s.status = 'open' AND NOT d.is_archived AND s.expected_close_date IS NOT NULL
ORDER BY s.days_slipped DESC NULLS LAST, s.deal_id
