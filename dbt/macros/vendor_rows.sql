{#- The metrics of Batch that the reports use, under Batch's names, each with its kind. -#}
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
    A row for each item of an array inside a statistics stream: the key of the stream's row, `position` from 1, `name`
    (the item's value under that key) and metrics. `metrics` is a list of [name, kind].
-#}
{% macro parts(stream, key, array, name, metrics) %}
{%- set columns, names = [['date', 'day', 'date_day'], [array, 'json', 'parts']], [name] -%}
{%- for column in key -%}
    {%- do columns.append([column, 'text', column]) -%}
{%- endfor -%}
{%- for metric, _ in metrics -%}
    {%- do names.append(metric) -%}
{%- endfor -%}
with stats as (
    {{ campaign_stats.staged(stream, columns) }}
),

items as (
    {{ campaign_stats.array_items('stats', ['source_relation'] + key + ['date_day'], 'parts', names) }}
)

select
    source_relation,
    {{ key | join(',\n    ') }},
    date_day,
    cast(position as {{ dbt.type_int() }}) as position,
    {{ name }},
    {%- for metric, kind in metrics %}
    {{ campaign_stats.typed(metric, 'text', kind) }} as {{ metric }}{{ "," if not loop.last }}
    {%- endfor %}
from items
{% endmacro %}


{#-
    The rows of moengage_campaign_stats, with `has_performance_stats`: whether any documented metric is there. A row
    without one counts in no report.
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
