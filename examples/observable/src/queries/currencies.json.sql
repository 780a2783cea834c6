-- The currencies of all deals, the most used one first.
SELECT currency, count(*) AS deals
FROM deals
WHERE _deleted_at IS NULL AND currency IS NOT NULL
GROUP BY currency
ORDER BY count(*) FILTER (WHERE status = 'open') DESC, deals DESC, currency
