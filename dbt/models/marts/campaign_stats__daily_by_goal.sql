with goals as (
    select
        {{ campaign_day('moengage', 'workspace_id', 'campaign_id') }},
        goal_name,
        {{ moengage_metrics(goal_metrics()) }}
    from {{ ref('stg_campaign_stats__moengage_goals') }}
),

{{ report('goals', ['goal_name'], goal_metrics()) }}
