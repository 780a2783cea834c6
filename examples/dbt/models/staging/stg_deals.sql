select
    id as deal_id,
    title,
    status,
    value,
    currency,
    owner_id,
    pipeline_id,
    stage_id,
    add_time,
    won_time
from {{ source('pipedrive', 'deals') }}
where _deleted_at is null
