-- Won deals, open deals and slipped deals by month.
SELECT * FROM forecast WHERE month IS NOT NULL ORDER BY month, pipeline_name, owner_name, currency
