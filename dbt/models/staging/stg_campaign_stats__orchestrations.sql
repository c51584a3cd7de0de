-- depends_on: {{ source('campaign_stats', 'orchestrations') }}
with orchestrations as (
    {{ staged('orchestrations', [
        ['project_key', 'text', 'project_key'],
        ['id', 'text', 'orchestration_id'],
        ['name', 'text', 'name'],
        ['type', 'text', 'type'],
        ['status', 'text', 'status'],
        ['created_date', 'moment', 'created_at'],
        ['start_time', 'moment', 'started_at'],
        ['channels', 'json', 'channels'],
    ]) }}
),

items as (
    {{ array_items('orchestrations', ['source_relation', 'project_key', 'orchestration_id'], 'channels') }}
),

channels as (
    select
        source_relation,
        project_key,
        orchestration_id,
        min(lower(item)) as first_channel,
        max(lower(item)) as last_channel
    from items
    group by source_relation, project_key, orchestration_id
)

select
    orchestrations.source_relation,
    orchestrations.project_key,
    orchestrations.orchestration_id,
    orchestrations.name,
    orchestrations.type,
    orchestrations.status,
    case
        when channels.first_channel = channels.last_channel then channels.first_channel
        when channels.first_channel is not null then 'multichannel'
    end as channel,
    orchestrations.created_at,
    orchestrations.started_at
from orchestrations
left join channels
    on
        channels.source_relation = orchestrations.source_relation
        and channels.project_key = orchestrations.project_key
        and channels.orchestration_id = orchestrations.orchestration_id
