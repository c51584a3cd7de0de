{%- set leaf_day = 'source_relation, workspace_id, campaign_id, date_day' %}
with leaves as (
    select
        *,
        -- The lower rank is taken where both are there: 0 is the total of its dimension.
        case when lower(platform) = 'all_platforms' then 0 else 1 end as platform_rank,
        case lower(locale) when 'all_locales' then 0 when 'all_locale' then 1 else 2 end as locale_rank,
        case when lower(variation) = 'all_variations' then 0 else 1 end as variation_rank
    from {{ ref('stg_campaign_stats__moengage_campaign_stats') }}
    where has_performance_stats
),

ranked as (
    select
        *,
        min(platform_rank) over (partition by {{ leaf_day }}, locale) as platform_rank_of_locale,
        min(platform_rank) over (partition by {{ leaf_day }}, variation) as platform_rank_of_variation,
        min(locale_rank) over (partition by {{ leaf_day }}, platform) as locale_rank_of_platform,
        min(locale_rank) over (partition by {{ leaf_day }}, variation, platform) as locale_rank_of_variation,
        min(variation_rank) over (partition by {{ leaf_day }}, platform, locale) as least_variation_rank
    from leaves
)

select
    {{ campaign_day('moengage', 'workspace_id', 'campaign_id') }},
    platform,
    locale,
    variation,
    in_total,
    (
        platform_rank = 1
        and locale_rank = locale_rank_of_platform
        and variation_rank = least_variation_rank
    ) as is_platform_part,
    (
        locale_rank = 2
        and platform_rank = platform_rank_of_locale
        and variation_rank = least_variation_rank
    ) as is_locale_part,
    (
        variation_rank = 1
        and lower(variation) not in ('campaign_control_group', 'global_control_group')
        and platform_rank = platform_rank_of_variation
        and locale_rank = locale_rank_of_variation
    ) as is_variation_part,
    {{ moengage_metrics() }}
from ranked
