-- depends_on: {{ source('campaign_stats', 'orchestration_stats') }}
{%- set columns = [
    ['project_key', 'text', 'project_key'],
    ['orchestration_id', 'text', 'orchestration_id'],
    ['date', 'day', 'date_day'],
] %}
{%- for name, kind in batch_columns() %}
    {%- do columns.append([name, kind, name]) %}
{%- endfor %}
{{ staged('orchestration_stats', columns) }}
