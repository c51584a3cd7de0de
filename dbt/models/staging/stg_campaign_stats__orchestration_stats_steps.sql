-- depends_on: {{ source('campaign_stats', 'orchestration_stats') }}
{{ parts('orchestration_stats', ['project_key', 'orchestration_id'], 'message_steps', 'step_id', batch_columns()) }}
