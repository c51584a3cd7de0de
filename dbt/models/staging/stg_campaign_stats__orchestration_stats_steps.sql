-- depends_on: {{ source('campaign_stats', 'orchestration_stats') }}
{{ batch_parts('message_steps', 'step_id') }}
