{% macro postgres__type_of(kind) %}
    {{- return('jsonb' if kind == 'json' else campaign_stats.default__type_of(kind)) -}}
{% endmacro %}


{% macro postgres__typed(expression, from_type, kind) %}
    {%- set from_type = from_type | lower -%}
    {%- if kind == 'json' -%}
        {%- if from_type in ('json', 'jsonb') -%}
            {{- return('cast(' ~ expression ~ ' as jsonb)') -}}
        {%- elif from_type == 'text' or from_type.startswith('character') -%}
            {{- return("cast(nullif(" ~ expression ~ ", '') as jsonb)") -}}
        {%- endif -%}
        {{- return('to_jsonb(' ~ expression ~ ')') -}}
    {%- endif -%}
    {%- if from_type in ('json', 'jsonb') -%}
        {%- set expression, from_type = '(' ~ expression ~ " #>> '{}')", 'text' -%}
    {%- endif -%}
    {%- set is_text = from_type == 'text' or from_type.startswith('character') -%}
    {%- if kind == 'integer' and (is_text or from_type == 'double precision') -%}
        {%- set expression = 'cast(' ~ expression ~ ' as numeric)' -%}
    {%- elif kind in ('day', 'moment') and is_text -%}
        {#- PostgreSQL ignores an offset when it casts text to a timestamp. -#}
        {%- set expression -%}
        case
            when {{ expression }} ~ ':\d\d.*(Z|[+-]\d\d(:?\d\d)?)$'
                then cast({{ expression }} as timestamptz) at time zone 'UTC'
            else cast({{ expression }} as timestamp)
        end
        {%- endset -%}
    {%- elif kind in ('day', 'moment') and from_type == 'timestamp with time zone' -%}
        {%- set expression = expression ~ " at time zone 'UTC'" -%}
    {%- endif -%}
    {{- return('cast(' ~ expression ~ ' as ' ~ campaign_stats.type_of(kind) ~ ')') -}}
{% endmacro %}


{% macro postgres__array_items(relation, columns, array, keys=[]) %}
    select
        {{ columns | join(',\n        ') }},
        element.position,
        {%- for key in keys %}
        element.item ->> '{{ key }}' as {{ key }}{{ "," if not loop.last }}
        {%- else %}
        element.item #>> '{}' as item
        {%- endfor %}
    from {{ relation }}
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof({{ array }}) = 'array' then {{ array }} end
    ) with ordinality as element (item, position)
    where jsonb_typeof(element.item) <> 'null'
{%- endmacro %}


{% macro postgres__sum_of_items(array, key, kind) %}
    {%- set number = campaign_stats.typed("(element.item ->> '" ~ key ~ "')", 'text', kind) -%}
    cast((
        select sum({{ number }})
        from jsonb_array_elements(case when jsonb_typeof({{ array }}) = 'array' then {{ array }} end) as element (item)
    ) as {{ campaign_stats.type_of(kind) }})
{%- endmacro %}


{% macro postgres__now_in_utc() %}
    {{- return("cast(now() at time zone 'UTC' as timestamp)") -}}
{% endmacro %}
