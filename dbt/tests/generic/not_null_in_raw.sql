{#-
    A column of a raw table is not null, in every connection that has the table. If the table has no such column yet,
    every row fails.
-#}
{% test not_null_in_raw(model, column_name) %}
{%- for raw in campaign_stats.raw_tables(model.identifier) %}
select {{ dbt.string_literal(dbt.escape_single_quotes(raw.name)) }} as source_relation
from {{ raw.relation }}
{% if column_name in raw.columns %}where {{ adapter.quote(raw.columns[column_name].name) }} is null{% endif %}
union all
{%- endfor %}
select cast(null as {{ dbt.type_string() }}) as source_relation
where 1 = 0
{% endtest %}
