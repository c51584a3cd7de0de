-- depends_on: {{ source('campaign_stats', 'orchestration_stats') }}
{{ parts('orchestration_stats', ['project_key', 'orchestration_id'], 'platforms', 'platform', batch_columns()) }}
