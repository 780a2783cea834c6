-- A left join for each reference: the other row may be hidden from the user of the API token.
select
    s.pipeline_name,
    s.stage_order,
    s.stage_name,
    u.name as owner_name,
    d.currency,
    count(*) as deals,
    sum(d.value) as value
from {{ ref('stg_deals') }} as d
left join {{ ref('stg_stages') }} as s on s.stage_id = d.stage_id
left join {{ source('pipedrive', 'users') }} as u on u.id = d.owner_id
where d.status = 'open'
group by all
