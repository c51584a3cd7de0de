{% macro duckdb__typed(expression, from_type, kind) %}
    {%- set from_type = from_type | lower -%}
    {%- if kind == 'json' -%}
        {%- if from_type == 'json' -%}
            {{- return(expression) -}}
        {%- elif from_type in ('varchar', 'text') -%}
            {{- return('cast(' ~ expression ~ ' as json)') -}}
        {%- endif -%}
        {{- return('to_json(' ~ expression ~ ')') -}}
    {%- endif -%}
    {%- if from_type == 'json' -%}
        {%- set expression, from_type = campaign_stats.json_text(expression), 'text' -%}
    {%- endif -%}
    {%- if kind in ('day', 'moment') and from_type in ('varchar', 'text') -%}
        {#- DuckDB leaves an offset out of account when it makes a timestamp of text. -#}
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


{% macro duckdb__json_text(value, key=none) %}
    {{- return('(' ~ value ~ " ->> '$" ~ ('."' ~ key ~ '"' if key else '') ~ "')") -}}
{% endmacro %}


{% macro duckdb__unnest(array, alias) %}
    cross join unnest(case when json_type({{ array }}) = 'ARRAY' then cast({{ array }} as json[]) end)
        with ordinality as {{ alias }} (item, position)
{% endmacro %}


{% macro duckdb__sum_of_items(array, key, kind) %}
    {%- set numbers = 'json_extract_string(' ~ array ~ ", '$[*].\"" ~ key ~ "\"')" -%}
    cast(list_sum(cast({{ numbers }} as {{ campaign_stats.type_of(kind) }}[])) as {{ campaign_stats.type_of(kind) }})
{%- endmacro %}


{% macro duckdb__now_in_utc() %}
    {{- return('make_timestamp(epoch_us(now()))') -}}
{% endmacro %}
