-- depends_on: {{ source('campaign_stats', 'moengage_campaign_stats') }}
with stats as (
    {{ moengage_rows() }}
)

select
    source_relation,
    workspace_id,
    campaign_id,
    date_day,
    platform,
    locale,
    variation,
    metric_type,
    in_total,
    has_performance_stats,
    sent,
    delivered,
    impression,
    opened,
    {{ adapter.quote('read') }},
    click,
    unsubscribe,
    bounced,
    complaint,
    failed,
    {{ sum_of_items('conversion_goal_stats', 'conversions', 'integer') }} as goal_conversions,
    {{ sum_of_items('conversion_goal_stats', 'revenue', 'number') }} as goal_revenue
from stats
