{{ config(enabled=campaign_stats.keeps_history()) }}

{%- set key = 'source_relation, vendor, account, campaign_id, date_day' %}
with versions as (
    select
        {{ key }},
        dbt_valid_from as changed_at,
        row_number() over (partition by {{ key }} order by dbt_valid_from) as version,
        min(dbt_valid_from) over () as history_began_at,
        {%- for name in metrics() %}
        {{ name }},
        lag({{ name }}) over (partition by {{ key }} order by dbt_valid_from)
            as {{ name }}_before{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('campaign_stats__daily_history') }}
),

-- Rows of the first run are no changes.
changed as (
    select *
    from versions
    where version > 1 or changed_at > history_began_at
)

{%- for name in metrics() %}
select
    {{ key }},
    cast('{{ name }}' as {{ dbt.type_string() }}) as metric,
    cast({{ name }}_before as {{ type_of('number') }}) as value_before,
    cast({{ name }} as {{ type_of('number') }}) as value_after,
    changed_at
from changed
where
    {{ name }} <> {{ name }}_before
    or ({{ name }} is null) <> ({{ name }}_before is null)
{% if not loop.last %}
union all
{% endif %}
{%- endfor %}
