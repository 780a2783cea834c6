-- The records that need care, with their names: at most 200 of each rule and owner.
SELECT
  h.rule, h.record_table, h.record_id, coalesce(h.owner_name, 'No owner') AS owner_name, h.detail, h.pipedrive_url,
  coalesce(d.title, p.name, o.name, a.subject, s.name, h.record_table || ' ' || h.record_id) AS record_name
FROM hygiene h
LEFT JOIN deals d ON h.record_table = 'deals' AND CAST(d.id AS VARCHAR) = h.record_id
LEFT JOIN persons p ON h.record_table = 'persons' AND CAST(p.id AS VARCHAR) = h.record_id
LEFT JOIN organizations o ON h.record_table = 'organizations' AND CAST(o.id AS VARCHAR) = h.record_id
LEFT JOIN activities a ON h.record_table = 'activities' AND CAST(a.id AS VARCHAR) = h.record_id
LEFT JOIN stages s ON h.record_table = 'stages' AND CAST(s.id AS VARCHAR) = h.record_id
QUALIFY row_number() OVER (PARTITION BY h.rule, h.owner_name ORDER BY h.record_id) <= 200
ORDER BY h.rule, h.owner_name, h.record_id
