{#- The connections whose rows are united: [{name, schema, database}]. -#}
{% macro connections() %}
    {%- set given = var('campaign_stats_sources', []) or [] -%}
    {%- if given is string or given is mapping -%}
        {%- do exceptions.raise_compiler_error(
            "campaign_stats_sources must be a list of connections, each {name, schema, database?}."
        ) -%}
    {%- endif -%}
    {%- if not given -%}
        {%- set schema = var('campaign_stats_schema', 'campaign_stats') -%}
        {%- set given = [{'name': schema, 'schema': schema}] -%}
    {%- endif -%}
    {%- set found, names = [], [] -%}
    {%- for connection in given -%}
        {%- if not connection.get('name') or not connection.get('schema') -%}
            {%- do exceptions.raise_compiler_error(
                "Each connection in campaign_stats_sources needs a name and a schema; found: " ~ connection
            ) -%}
        {%- endif -%}
        {%- if connection.name in names -%}
            {%- do exceptions.raise_compiler_error(
                "Two connections in campaign_stats_sources have the name " ~ connection.name
                ~ ". The name tells their rows apart, so give each one of its own."
            ) -%}
        {%- endif -%}
        {%- do names.append(connection.name) -%}
        {%- do found.append({
            'name': connection.name | string,
            'schema': connection.schema | string,
            'database': connection.get('database') or target.database,
        }) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- A raw table in each connection that has it: [{name, relation, columns}], columns by lower-case name. -#}
{% macro raw_tables(table) %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for connection in campaign_stats.connections() -%}
            {%- set relation = adapter.get_relation(
                database=connection.database, schema=connection.schema, identifier=table
            ) -%}
            {%- if relation is not none -%}
                {%- set columns = {} -%}
                {%- for column in adapter.get_columns_in_relation(relation) -%}
                    {%- do columns.update({column.name | lower: column}) -%}
                {%- endfor -%}
                {%- do found.append({'name': connection.name, 'relation': relation, 'columns': columns}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{#-
    A raw table of all connections, with columns of the types that the package works with. A table that does not exist
    gives no rows, a column that does not exist gives nulls.

    columns: a list of [column of the raw table, kind, name of the result], kind as in type_of.
-#}
{% macro staged(table, columns) %}
    {%- set tables = campaign_stats.raw_tables(table) -%}
    {%- for raw in tables %}
    select
        cast({{ dbt.string_literal(dbt.escape_single_quotes(raw.name)) }} as {{ dbt.type_string() }}) as source_relation,
        {%- for column, kind, name in columns %}
        {% if column in raw.columns -%}
        {{ campaign_stats.typed(adapter.quote(raw.columns[column].name), raw.columns[column].dtype, kind) }}
        {%- else -%}
        cast(null as {{ campaign_stats.type_of(kind) }})
        {%- endif %} as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ raw.relation }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
    {%- if not tables %}
    select
        cast(null as {{ dbt.type_string() }}) as source_relation,
        {%- for _, kind, name in columns %}
        cast(null as {{ campaign_stats.type_of(kind) }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    where 1 = 0
    {%- endif %}
{% endmacro %}


{#-
    When a raw table was last loaded, for `dbt source freshness`; of several connections, the one loaded longest ago.
    A table that does not exist or is empty is never old.
-#}
{% macro last_load(table) %}
    select coalesce(min(last_load), {{ campaign_stats.now_in_utc() }}) as last_load
    from (
        {%- for raw in campaign_stats.raw_tables(table) if '_airbyte_extracted_at' in raw.columns %}
        {%- set column = raw.columns['_airbyte_extracted_at'] %}
        select max({{ campaign_stats.typed(adapter.quote(column.name), column.dtype, 'moment') }}) as last_load
        from {{ raw.relation }}
        union all
        {%- endfor %}
        select cast(null as {{ campaign_stats.type_of('moment') }}) as last_load
    ) as loads
{% endmacro %}
