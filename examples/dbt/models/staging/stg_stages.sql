-- Deleted stages are kept: closed deals refer to them.
select
    s.id as stage_id,
    s.name as stage_name,
    s.order_nr as stage_order,
    p.name as pipeline_name
from {{ source('pipedrive', 'stages') }} as s
left join {{ source('pipedrive', 'pipelines') }} as p on p.id = s.pipeline_id
