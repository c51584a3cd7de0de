{#- The metrics of Batch that the reports have, by their names at Batch, each with its kind. -#}
{% macro batch_columns() %}
    {%- set columns = [] -%}
    {%- for name in [
        'sent', 'delivered', 'total_open', 'unique_open', 'unique_machine_open', 'total_click', 'unique_click',
        'total_conversion', 'unique_conversion', 'unsubscribe', 'total_bounce', 'spam',
    ] -%}
        {%- do columns.append([name, 'integer']) -%}
    {%- endfor -%}
    {{ return(columns + [['total_revenue', 'number']]) }}
{% endmacro %}


{#-
    One of the arrays inside orchestration_stats, a row for each item: key, `position` from 1, `name` (what the item
    says under that key) and metrics.
-#}
{% macro batch_parts(array, name) %}
with stats as (
    {{ campaign_stats.staged('orchestration_stats', [
        ['project_key', 'text', 'project_key'],
        ['orchestration_id', 'text', 'orchestration_id'],
        ['date', 'day', 'date_day'],
        [array, 'json', 'parts'],
    ]) }}
)

select
    stats.source_relation,
    stats.project_key,
    stats.orchestration_id,
    stats.date_day,
    cast(part.position as {{ dbt.type_int() }}) as position,
    {{ campaign_stats.json_value('part.item', name, 'text') }} as {{ name }},
    {%- for column, kind in campaign_stats.batch_columns() %}
    {{ campaign_stats.json_value('part.item', column, kind) }} as {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from stats
{{ campaign_stats.unnest('stats.parts', 'part') }}
where {{ campaign_stats.json_text('part.item') }} is not null
{% endmacro %}


{#-
    The rows of moengage_campaign_stats, with `has_performance_stats`: whether any documented metric is there. A row
    without counts nowhere.
-#}
{% macro moengage_rows() %}
    {%- set metrics = [] -%}
    {%- for name in [
        'attempted', 'sent', 'failed', 'bounced', 'impression', 'click', 'opened', 'delivered', 'read', 'closed_click',
        'unsubscribe', 'successfully_synced', 'eligible_users', 'complaint', 'hard_bounce', 'soft_bounce',
    ] -%}
        {%- do metrics.append([name, 'integer', adapter.quote(name)]) -%}
    {%- endfor -%}
    {%- for name in [
        'ctr', 'delivery_rate', 'read_rate', 'sent_rate', 'failure_rate', 'open_rate', 'ctor', 'unsub_rate',
        'bounce_rate', 'complaints_rate',
    ] -%}
        {%- do metrics.append([name, 'number', adapter.quote(name)]) -%}
    {%- endfor %}
    select
        raw_rows.*,
        (
            {%- for _, _, column in metrics %}
            raw_rows.{{ column }} is not null{{ " or" if not loop.last }}
            {%- endfor %}
        ) as has_performance_stats
    from (
        {{ campaign_stats.staged('moengage_campaign_stats', [
            ['workspace_id', 'text', 'workspace_id'],
            ['campaign_id', 'text', 'campaign_id'],
            ['date', 'day', 'date_day'],
            ['platform', 'text', 'platform'],
            ['locale', 'text', 'locale'],
            ['variation', 'text', 'variation'],
            ['metric_type', 'text', 'metric_type'],
            ['in_total', 'flag', 'in_total'],
            ['conversion_goal_stats', 'json', 'conversion_goal_stats'],
        ] + metrics) | indent(4) }}
    ) as raw_rows
{% endmacro %}
