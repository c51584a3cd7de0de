-- depends_on: {{ source('campaign_stats', 'orchestration_stats') }}
{{ parts('orchestration_stats', ['project_key', 'orchestration_id'], 'versions', 'version', batch_columns()) }}
