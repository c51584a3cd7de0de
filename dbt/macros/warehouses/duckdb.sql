{% macro duckdb__typed(expression, from_type, kind) %}
    {%- set from_type = from_type | lower -%}
    {%- if kind == 'json' -%}
        {%- if from_type == 'json' -%}
            {{- return(expression) -}}
        {%- elif from_type in ('varchar', 'text') -%}
            {{- return("cast(nullif(" ~ expression ~ ", '') as json)") -}}
        {%- endif -%}
        {{- return('to_json(' ~ expression ~ ')') -}}
    {%- endif -%}
    {%- if from_type == 'json' -%}
        {%- set expression, from_type = '(' ~ expression ~ " ->> '$')", 'text' -%}
    {%- endif -%}
    {%- if kind == 'number' and from_type in ('varchar', 'text') -%}
        {#- A cast of text to a decimal takes ten times as long as a cast to a double first. -#}
        {%- set expression = 'cast(' ~ expression ~ ' as double)' -%}
    {%- endif -%}
    {%- if kind in ('day', 'moment') and from_type in ('varchar', 'text') -%}
        {#- DuckDB ignores an offset when it casts text to a timestamp. -#}
        {%- set expression -%}
        case
            when regexp_matches({{ expression }}, ':\d\d.*(Z|[+-]\d\d(:?\d\d)?)$')
                then make_timestamp(epoch_us(cast({{ expression }} as timestamptz)))
            else cast({{ expression }} as timestamp)
        end
        {%- endset -%}
    {%- elif kind in ('day', 'moment') and from_type.startswith('timestamp with') -%}
        {%- set expression = 'make_timestamp(epoch_us(' ~ expression ~ '))' -%}
    {%- endif -%}
    {{- return('cast(' ~ expression ~ ' as ' ~ campaign_stats.type_of(kind) ~ ')') -}}
{% endmacro %}


{#- A join with unnest takes ten times as long as unnest in a select. So does reading many paths from JSON text. -#}
{% macro duckdb__array_items(relation, columns, array, keys=[]) %}
    {%- set item = '{"' ~ keys | join('":"VARCHAR","') ~ '":"VARCHAR"}' if keys else '"VARCHAR"' -%}
    select
        {{ columns | join(',\n        ') }},
        position,
        {%- for key in keys %}
        item."{{ key }}"{{ "," if not loop.last }}
        {%- else %}
        item
        {%- endfor %}
    from (
        select
            {{ columns | join(',\n            ') }},
            unnest(all_items) as item,
            generate_subscripts(all_items, 1) as position
        from (
            select
                {{ columns | join(',\n                ') }},
                from_json({{ array }}, '[{{ item }}]') as all_items
            from {{ relation }}
        ) as arrays
    ) as unnested
    where item is not null
{%- endmacro %}


{% macro duckdb__sum_of_items(array, key, kind) %}
    {%- set numbers = 'json_extract_string(' ~ array ~ ", '$[*].\"" ~ key ~ "\"')" -%}
    {%- if kind == 'number' -%}
        {%- set numbers = 'cast(' ~ numbers ~ ' as double[])' -%}
    {%- endif -%}
    cast(list_sum(cast({{ numbers }} as {{ campaign_stats.type_of(kind) }}[])) as {{ campaign_stats.type_of(kind) }})
{%- endmacro %}


{% macro duckdb__now_in_utc() %}
    {{- return('make_timestamp(epoch_us(now()))') -}}
{% endmacro %}
