{#- The lowest rank of one dimension among the leaves that have the same values in other dimensions. -#}
{%- set ranks = {
    'platform_of_locale': ['platform_rank', ['locale']],
    'platform_of_variation': ['platform_rank', ['variation']],
    'locale_of_platform': ['locale_rank', ['platform']],
    'locale_of_variation': ['locale_rank', ['variation', 'platform']],
    'variation_of_both': ['variation_rank', ['platform', 'locale']],
} %}
{%- set leaf_day = ['source_relation', 'workspace_id', 'campaign_id', 'date_day'] %}
with leaves as (
    select
        *,
        -- Of several ranks the lowest counts: 0 is the total of its dimension.
        case when lower(platform) = 'all_platforms' then 0 else 1 end as platform_rank,
        case lower(locale) when 'all_locales' then 0 when 'all_locale' then 1 else 2 end as locale_rank,
        case when lower(variation) = 'all_variations' then 0 else 1 end as variation_rank
    from {{ ref('stg_campaign_stats__moengage_campaign_stats') }}
    where has_performance_stats
),
-- Grouping and joining takes a third of the time of window functions on large tables.
{% for name, (rank, same) in ranks.items() %}
{{ name }} as (
    select {{ (leaf_day + same) | join(', ') }}, min({{ rank }}) as least
    from leaves
    group by {{ (leaf_day + same) | join(', ') }}
),
{% endfor %}
ranked as (
    select
        leaves.*,
        {%- for name in ranks %}
        {{ name }}.least as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from leaves
    {%- for name, (_, same) in ranks.items() %}
    left join {{ name }}
        on
            {%- for column in leaf_day + same %}
            {{ "and " if not loop.first }}{{ name }}.{{ column }} = leaves.{{ column }}
            {%- endfor %}
    {%- endfor %}
)

select
    {{ campaign_day('moengage', 'workspace_id', 'campaign_id') }},
    platform,
    locale,
    variation,
    in_total,
    (
        platform_rank = 1
        and locale_rank = locale_of_platform
        and variation_rank = variation_of_both
    ) as is_platform_part,
    (
        locale_rank = 2
        and platform_rank = platform_of_locale
        and variation_rank = variation_of_both
    ) as is_locale_part,
    (
        variation_rank = 1
        and lower(variation) not in ('campaign_control_group', 'global_control_group')
        and platform_rank = platform_of_variation
        and locale_rank = locale_of_variation
    ) as is_variation_part,
    {{ moengage_metrics() }}
from ranked
