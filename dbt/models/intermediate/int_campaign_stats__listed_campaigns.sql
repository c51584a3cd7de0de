select
    source_relation,
    cast('batch' as {{ dbt.type_string() }}) as vendor,
    project_key as account,
    orchestration_id as campaign_id,
    name as campaign_name,
    channel,
    lower(type) as campaign_type,
    lower(status) as status,
    created_at,
    started_at
from {{ ref('stg_campaign_stats__orchestrations') }}

union all

select
    source_relation,
    cast('batch_legacy' as {{ dbt.type_string() }}) as vendor,
    app as account,
    campaign_token as campaign_id,
    name as campaign_name,
    cast('push' as {{ dbt.type_string() }}) as channel,
    cast(null as {{ dbt.type_string() }}) as campaign_type,
    cast(null as {{ dbt.type_string() }}) as status,
    created_at,
    started_at
from {{ ref('stg_campaign_stats__legacy_campaigns') }}

union all

select
    source_relation,
    cast('moengage' as {{ dbt.type_string() }}) as vendor,
    workspace_id as account,
    campaign_id,
    campaign_name,
    lower(channel) as channel,
    lower(campaign_delivery_type) as campaign_type,
    lower(campaign_status) as status,
    cast(null as {{ dbt.type_timestamp() }}) as created_at,
    started_at
from {{ ref('stg_campaign_stats__moengage_campaigns') }}
