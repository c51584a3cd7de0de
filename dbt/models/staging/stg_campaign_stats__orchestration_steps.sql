-- depends_on: {{ source('campaign_stats', 'orchestrations') }}
with orchestrations as (
    {{ staged('orchestrations', [
        ['project_key', 'text', 'project_key'],
        ['id', 'text', 'orchestration_id'],
        ['message_steps', 'json', 'message_steps'],
    ]) }}
),

steps as (
    {{ array_items(
        'orchestrations',
        ['source_relation', 'project_key', 'orchestration_id'],
        'message_steps',
        ['step_id', 'step_name'],
    ) }}
)

select
    source_relation,
    project_key,
    orchestration_id,
    step_id,
    max(step_name) as step_name
from steps
where step_id is not null
group by source_relation, project_key, orchestration_id, step_id
