-- Open deals by pipeline, stage, expected close month and currency.
SELECT * FROM open_pipeline ORDER BY pipeline_name, stage_order, expected_close_month
