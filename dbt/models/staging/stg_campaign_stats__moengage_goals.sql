-- depends_on: {{ source('campaign_stats', 'moengage_campaign_stats') }}
with stats as (
    {{ moengage_rows() }}
)

select
    stats.source_relation,
    stats.workspace_id,
    stats.campaign_id,
    stats.date_day,
    stats.metric_type,
    {{ json_value('goal.item', 'goal_name', 'text') }} as goal_name,
    {{ json_value('goal.item', 'conversions', 'integer') }} as goal_conversions,
    {{ json_value('goal.item', 'revenue', 'number') }} as goal_revenue
from stats
{{ unnest('stats.conversion_goal_stats', 'goal') }}
where
    stats.in_total
    and stats.has_performance_stats
    and {{ json_text('goal.item') }} is not null
