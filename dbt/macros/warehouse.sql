{#-
    Everything that differs between warehouses. For another warehouse, write one file like those in `warehouses/`;
    docs/dbt.md says what each macro has to give.
-#}

{#- The type of a kind: text, integer, number, day, moment (without time zone, in UTC), flag, json. -#}
{% macro type_of(kind) %}
    {{- return(adapter.dispatch('type_of', 'campaign_stats')(kind)) -}}
{% endmacro %}

{% macro default__type_of(kind) %}
    {%- set types = {
        'text': dbt.type_string(),
        'integer': dbt.type_bigint(),
        'number': 'decimal(38, 9)',
        'day': 'date',
        'moment': dbt.type_timestamp(),
        'flag': dbt.type_boolean(),
        'json': 'json',
    } -%}
    {{- return(types[kind]) -}}
{% endmacro %}


{#- Converts an expression of any type that a destination writes to a kind. JSON null and SQL null are both null. -#}
{% macro typed(expression, from_type, kind) %}
    {{- return(adapter.dispatch('typed', 'campaign_stats')(expression, from_type, kind)) -}}
{% endmacro %}

{% macro default__typed(expression, from_type, kind) %}
    {{- return(campaign_stats.not_for_this_warehouse('typed')) -}}
{% endmacro %}


{#-
    A query with a row for each item of the JSON array in a column: some of the relation's columns, `position` (the
    place in the array, from 1), and the item's value under each key, as text. Without keys the whole item is the text
    `item`. Null items are left out; without an array there are no rows.
-#}
{% macro array_items(relation, columns, array, keys=[]) %}
    {{- return(adapter.dispatch('array_items', 'campaign_stats')(relation, columns, array, keys)) -}}
{% endmacro %}

{% macro default__array_items(relation, columns, array, keys=[]) %}
    {{- return(campaign_stats.not_for_this_warehouse('array_items')) -}}
{% endmacro %}


{#- The sum of a number over the objects of a JSON array, in one row; null where no object has it. -#}
{% macro sum_of_items(array, key, kind) %}
    {{- return(adapter.dispatch('sum_of_items', 'campaign_stats')(array, key, kind)) -}}
{% endmacro %}

{% macro default__sum_of_items(array, key, kind) %}
    {{- return(campaign_stats.not_for_this_warehouse('sum_of_items')) -}}
{% endmacro %}


{#- The moment at which the statement runs, without time zone, in UTC. -#}
{% macro now_in_utc() %}
    {{- return(adapter.dispatch('now_in_utc', 'campaign_stats')()) -}}
{% endmacro %}

{% macro default__now_in_utc() %}
    {{- return(campaign_stats.not_for_this_warehouse('now_in_utc')) -}}
{% endmacro %}


{% macro not_for_this_warehouse(name) %}
    {%- do exceptions.raise_compiler_error(
        "The package campaign_stats knows DuckDB and PostgreSQL. For " ~ target.type ~ ", write the macro "
        ~ target.type ~ "__" ~ name ~ ": docs/dbt.md of the package says how."
    ) -%}
{% endmacro %}
