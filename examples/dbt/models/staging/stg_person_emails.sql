-- A list inside a row is a table of its own: one row per address.
select
    p.id as person_id,
    p.name as person_name,
    e.value as email,
    e.primary as is_primary
from {{ source('pipedrive', 'persons') }} as p
inner join {{ source('pipedrive', 'persons__emails') }} as e on e._dlt_parent_id = p._dlt_id
where p._deleted_at is null
