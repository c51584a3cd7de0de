with parts as (
    select
        {{ campaign_day('batch', 'project_key', 'orchestration_id') }},
        lower(platform) as platform,
        {{ batch_metrics() }}
    from {{ ref('stg_campaign_stats__orchestration_stats_platforms') }}

    union all

    select
        source_relation,
        vendor,
        account,
        campaign_id,
        date_day,
        lower(platform) as platform,
        {{ metrics().keys() | join(', ') }}
    from {{ ref('int_campaign_stats__moengage_leaves') }}
    where is_platform_part
),

{{ report('parts', ['platform']) }}
