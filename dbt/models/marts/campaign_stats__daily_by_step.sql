with parts as (
    select
        {{ campaign_day('batch', 'project_key', 'orchestration_id') }},
        step_id,
        {{ batch_metrics() }}
    from {{ ref('stg_campaign_stats__orchestration_stats_steps') }}
),

steps as (
    select * from {{ ref('stg_campaign_stats__orchestration_steps') }}
),

named as (
    select
        parts.*,
        steps.step_name
    from parts
    left join steps
        on
            steps.source_relation = parts.source_relation
            and steps.project_key = parts.account
            and steps.orchestration_id = parts.campaign_id
            and steps.step_id = parts.step_id
),

{{ report('named', ['step_id', 'step_name']) }}
