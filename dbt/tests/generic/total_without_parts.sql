{#-
    No day of a campaign has in_total for both a total and its parts: the day would count twice. That happens when
    MoEngage first sends the parts of a day, and later a total in their place.
-#}
{% test total_without_parts(model) %}
{%- set dimensions = {
    'platform': ['all_platforms'],
    'locale': ['all_locales', 'all_locale'],
    'variation': ['all_variations'],
} %}
{%- set leaf_day = ['source_relation', 'account', 'campaign_id', 'date_day'] %}
{%- set inside = [] %}
{%- for dimension, totals in dimensions.items() %}
select
    {{ leaf_day | join(', ') }},
    '{{ dimension }}' as dimension
from {{ model }}
where in_total
group by {{ (leaf_day + inside) | join(', ') }}
having
    count(distinct {{ dimension }}) > 1
    and max(case when lower({{ dimension }}) in ('{{ totals | join("', '") }}') then 1 else 0 end) = 1
{% if not loop.last %}union all{% endif %}
{%- do inside.append(dimension) %}
{%- endfor %}
{% endtest %}
