-- Records that need care: a row per rule and record, or per rule, record and empty field.
--
-- The table hygiene_rules describes the rules. Dates are compared with the day up to which the table is
-- complete, UTC, not with the current day.
--
-- needs:
-- rule text: Name of the rule.
-- record_table text: The table that has the record.
-- record_id text: Id of the record.
-- owner_id bigint: The user who owns the record; empty for stages.
-- owner_name text personal: The user's current name.
-- detail text: The date, the other record or the field that the finding is about; may be empty.
-- pipedrive_url text: Address of the record in Pipedrive; empty if the company's domain is unknown. For a stage it is that of its pipeline.

SELECT f.rule, f.record_table, f.record_id, f.owner_id,
  coalesce(u.name, CAST(f.owner_id AS VARCHAR)) AS owner_name, f.detail, f.pipedrive_url
FROM {_hygiene_findings} f
  LEFT JOIN {users} u ON u.id = f.owner_id
