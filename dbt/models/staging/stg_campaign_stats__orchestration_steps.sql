-- depends_on: {{ source('campaign_stats', 'orchestrations') }}
with orchestrations as (
    {{ staged('orchestrations', [
        ['project_key', 'text', 'project_key'],
        ['id', 'text', 'orchestration_id'],
        ['message_steps', 'json', 'message_steps'],
    ]) }}
)

select
    orchestrations.source_relation,
    orchestrations.project_key,
    orchestrations.orchestration_id,
    {{ json_value('step.item', 'step_id', 'text') }} as step_id,
    max({{ json_value('step.item', 'step_name', 'text') }}) as step_name
from orchestrations
{{ unnest('orchestrations.message_steps', 'step') }}
where {{ json_text('step.item', 'step_id') }} is not null
group by 1, 2, 3, 4
