-- depends_on: {{ source('campaign_stats', 'moengage_campaign_stats') }}
with stats as (
    {{ moengage_rows() }}
),

in_total as (
    select * from stats
    where in_total and has_performance_stats
),

goals as (
    {{ array_items(
        'in_total',
        ['source_relation', 'workspace_id', 'campaign_id', 'date_day', 'metric_type'],
        'conversion_goal_stats',
        ['goal_name', 'conversions', 'revenue'],
    ) }}
)

select
    source_relation,
    workspace_id,
    campaign_id,
    date_day,
    metric_type,
    goal_name,
    {{ typed('conversions', 'text', 'integer') }} as goal_conversions,
    {{ typed('revenue', 'text', 'number') }} as goal_revenue
from goals
