with days as (
    select
        {{ campaign_day('batch', 'project_key', 'orchestration_id') }},
        {{ batch_metrics() }}
    from {{ ref('stg_campaign_stats__orchestration_stats') }}

    union all

    select
        {{ campaign_day('batch_legacy', 'app', 'campaign_token') }},
        {{ batch_legacy_metrics() }}
    from {{ ref('stg_campaign_stats__legacy_campaign_stats') }}

    union all

    select
        source_relation,
        vendor,
        account,
        campaign_id,
        date_day,
        {{ metrics().keys() | join(', ') }}
    from {{ ref('int_campaign_stats__moengage_leaves') }}
    where in_total
),

{{ report('days') }}
