{%- set version = "coalesce(nullif(version, ''), cast(position as " ~ dbt.type_string() ~ "))" %}
with parts as (
    select
        {{ campaign_day('batch', 'project_key', 'orchestration_id') }},
        {{ version }} as variant,
        {{ batch_metrics() }}
    from {{ ref('stg_campaign_stats__orchestration_stats_versions') }}

    union all

    select
        {{ campaign_day('batch_legacy', 'app', 'campaign_token') }},
        {{ version }} as variant,
        {{ batch_legacy_metrics() }}
    from {{ ref('stg_campaign_stats__legacy_campaign_stats_versions') }}

    union all

    select
        source_relation,
        vendor,
        account,
        campaign_id,
        date_day,
        variation as variant,
        {{ metrics().keys() | join(', ') }}
    from {{ ref('int_campaign_stats__moengage_leaves') }}
    where is_variation_part
),

{{ report('parts', ['variant']) }}
